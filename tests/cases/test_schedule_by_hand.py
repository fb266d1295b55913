"""Dates, slots, permits and lifetimes, worked by hand.

Unless said otherwise: 20 MW wanted in January and February 2027, halls of 10 MW at 1 M$/MW,
engines of 10 MW at 1,000 $/kW, no lead times, 1 M$ for each MW-month of delay.
"""

from __future__ import annotations

import pytest

from optimizer.errors import NoPlanError
from optimizer.results.plan import Plan
from optimizer.settings import RunOptions
from optimizer.solving.solve import solve_case
from tests.support import Rows, add_grid, base, case

MONTHS_3 = [("p0", "2027-01-01", 1), ("p1", "2027-02-01", 1), ("p2", "2027-03-01", 1)]


def solve(rows: Rows) -> Plan:
    return solve_case(case(rows), RunOptions(gap=1e-7, time_limit_s=60))


def backlog(plan: Plan) -> list[float]:
    return [round(v, 6) for v in plan.tables["backlog"]["backlog_mw"]]


def cost(plan: Plan, category: str) -> float:
    costs = plan.tables["costs"]
    return float(costs.loc[costs["category"] == category, "usd"].sum())


def discount(month: int) -> float:
    return 1.07 ** (-(month + 0.5) / 12)


def with_slots(rows: Rows, supply: list[tuple[str, float]], *, stockable: bool = True) -> Rows:
    rows["components"] = [{"component": "transformer", "stockable": stockable}]
    rows["supply"] = [{"component": "transformer", "date": d, "amount": a} for d, a in supply]
    rows["component_use"] = [
        {"component": "transformer", "user_kind": "campus_block", "user": "*", "per_mw": 1}
    ]
    return rows


def test_slots_delay_what_they_do_not_serve() -> None:
    # 10 MVA in January serve one hall; 10 more in February the second: 10 MW wait one month.
    plan = solve(with_slots(base(), [("2027-01-01", 10), ("2027-02-01", 10)]))
    assert backlog(plan) == [10, 0]
    assert cost(plan, "delay") == pytest.approx(10e6 * discount(0))


def test_slots_are_stocked_unless_they_cannot_be() -> None:
    # 10 + 30 delivered, nothing wanted in January. Stockable: both halls in February or before.
    rows = with_slots(base(), [("2027-01-01", 10), ("2027-02-01", 10)])
    rows["demand"][0]["it_mw"] = 0
    assert backlog(solve(rows)) == [0, 0]
    added = solve(rows).tables["campus"]["added_blocks"]
    assert list(added[added > 0]) == [2]  # both in February: the January slot was stocked
    rows = with_slots(rows, [("2027-01-01", 10), ("2027-02-01", 10)], stockable=False)
    campus = solve(rows).tables["campus"]
    # One hall must take the January slot in January although it is not needed then.
    assert list(campus["added_blocks"]) == [1, 1]


def permit_rows(*variants: tuple[str, int, float]) -> list[dict[str, object]]:
    return [
        {"jurisdiction": "TX", "permit_kind": "air", "variant": v, "months": m, "cost_usd": c}
        for v, m, c in variants
    ]


def test_permit_takes_its_months() -> None:
    rows = base()
    rows["technologies"][0]["permit_kind"] = "air"
    rows["permits"] = permit_rows(("standard", 1, 0))
    plan = solve(rows)
    assert backlog(plan) == [20, 0]
    schedule = plan.tables["schedule"]
    permit = schedule[schedule["step"] == "permit"].iloc[0]
    assert (str(permit["start"].date()), str(permit["end"].date())) == ("2027-01-01", "2027-02-01")


@pytest.mark.parametrize(("price", "bought"), [(15e6, True), (25e6, False)])
def test_expediting_is_bought_when_it_costs_less_than_the_delay(price: float, bought: bool) -> None:
    # One month earlier for 20 MW is worth 20 M$ less one month of capital and fuel (< 1 M$).
    rows = base()
    rows["technologies"][0]["permit_kind"] = "air"
    rows["permits"] = permit_rows(("standard", 1, 0), ("fast", 0, price))
    plan = solve(rows)
    assert backlog(plan) == ([0, 0] if bought else [20, 0])
    assert ("fast" in set(plan.tables["permits"]["variant"])) is bought
    if bought:
        assert cost(plan, "permits") == pytest.approx(price * discount(0))


def test_order_at_risk_runs_beside_the_permit_and_costs_the_expected_loss() -> None:
    # Permit 1 month, procurement 1 month: March in sequence, February beside each other.
    # Spent before the permit ends: everything (order share 0.2 + 0.8 x 1 of 1 month).
    # Loss: 0.1 x (1 - 0.5) x 20 M$ at the order in January.
    rows = base(MONTHS_3)
    rows["technologies"][0].update(
        permit_kind="air", procurement_months=1, order_at_risk=True, refusal_probability=0.1,
        recovered_share=0.5,
    )  # fmt: skip
    rows["permits"] = permit_rows(("standard", 1, 0))
    plan = solve(rows)
    assert backlog(plan) == [20, 0, 0]
    assert cost(plan, "risk") == pytest.approx(0.1 * 0.5 * 20e6 * discount(0))
    assert list(plan.tables["capacity"]["at_risk"]) == [True, False]
    rows["technologies"][0].update(order_at_risk=False, refusal_probability=None)
    assert backlog(solve(rows)) == [20, 20, 0]


def test_annuity_is_paid_within_the_horizon_only() -> None:
    # 20 MW x 1,000 $/kW = 20 M$, CRF(7 %, 20 a) = 0.0943929: two months of it, discounted.
    plan = solve(base())
    yearly = 20e6 * 0.07 / (1 - 1.07**-20)
    assert cost(plan, "generation_capital") == pytest.approx(
        yearly / 12 * (discount(0) + discount(1))
    )


def test_asset_serves_only_periods_that_its_life_covers() -> None:
    # A life of one month: engines are built anew in February.
    rows = base()
    rows["technologies"][0].update(life_years=1 / 12, capex_usd_per_kw=100)
    capacity = solve(rows).tables["capacity"]
    assert list(capacity["added_mw"]) == [20, 20]
    assert list(capacity["standing_mw"]) == [20, 20]


def test_construction_needs_an_open_site() -> None:
    # The site can be open from February on; halls take one month: first load in March.
    rows = base(MONTHS_3)
    rows["sites"][0]["opening_months"] = 1
    rows["campus_blocks"][0]["construction_months"] = 1
    plan = solve(rows)
    assert backlog(plan) == [20, 20, 0]
    assert plan.tables["sites"].loc[0, "open_period"] == "p1"


def test_deadline_that_cannot_be_met_is_named() -> None:
    rows = base()
    rows["campus_blocks"][0]["construction_months"] = 1
    rows["demand"][0]["max_backlog_mw"] = 5
    with pytest.raises(NoPlanError, match=r"demand!2 .*must have 15 MW in p0; at most 0 MW"):
        solve(rows)


def test_waiting_is_a_plan_when_delay_is_cheap() -> None:
    rows = base()
    rows["workloads"][0]["delay_price_usd_per_mw_month"] = 1
    rows["sites"][0]["opening_cost_usd"] = 1e6
    plan = solve(rows)
    assert backlog(plan) == [20, 20]
    assert not plan.tables["sites"]["opened"].any()
    assert plan.report.objective == pytest.approx(20 * (discount(0) + discount(1)))


def test_grid_arrives_after_its_queue() -> None:
    # 20 MW of grid after one month of queue; without engines load waits in January.
    rows = base()
    rows["site_technologies"][0]["max_mw"] = 0
    from tests.support import add_grid

    add_grid(rows, 20, queue_months=1)
    plan = solve(rows)
    assert backlog(plan) == [20, 0]
    assert list(plan.tables["interconnection"]["firm_mw"].round(6)) == [20]


@pytest.mark.parametrize(("lead_times", "waits"), [("low", [0, 0, 0]), ("likely", [20, 0, 0]),
                                                   ("high", [20, 20, 0])])  # fmt: skip
@pytest.mark.parametrize("table", ["campus_blocks", "interconnections"])
def test_halls_and_offers_follow_the_setting_lead_times(
    table: str, lead_times: str, waits: list[float]
) -> None:
    # Halls, or the queue of the only power: 0, 1 or 2 months. A blank high is the likely one.
    rows = base(MONTHS_3)
    add_grid(rows, 20)
    rows["settings"].append({"key": "lead_times", "value": lead_times})
    rows["site_technologies"][0]["max_mw"] = 0
    step = "construction_months" if table == "campus_blocks" else "queue_months"
    rows[table][0] |= {step: 1, f"{step}_low": 0, f"{step}_high": 2}
    assert backlog(solve(rows)) == waits
    rows[table][0] |= {f"{step}_low": None, f"{step}_high": None}
    assert backlog(solve(rows)) == [20, 0, 0]
