"""Decision calendar, money at risk and readiness of a plan worked by hand.

One site, 20 MW of engines and halls online on 1 January 2028 (month 12). Engines: permit
0-4, order 4, delivery and construction 9, online 12. They cost 20 M$: 4 M$ at order and 2 M$
in each of the eight months before online. The permit costs 1 M$, halls 20 M$ when online, a MW
that waits 1 M$ a month, and every period has twelve months.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from optimizer.preparing.case import prepare
from optimizer.reading.inputs import Inputs
from optimizer.results import decisions as calendar
from optimizer.results.network import network
from optimizer.results.outlay import outlays
from optimizer.results.readiness import readiness_tables
from optimizer.results.write import load_result
from tests.results.hand_plan import hand_rows, hand_tables
from tests.support import add_grid, inputs

ENGINE = {
    "permit_kind": "air", "recovered_share": 0.5, "procurement_months_high": 6,
    "construction_months_high": 5,
}  # fmt: skip


def plan(**commitments: Any) -> tuple[Inputs, dict[str, pd.DataFrame]]:
    """The plan of the docstring; keywords are rows of commitments by name."""
    rows = hand_rows(1, **ENGINE)
    rows["permits"] = [{"jurisdiction": "TX", "permit_kind": "air", "months": 4, "months_high": 7,
                        "cost_usd": 1e6}]  # fmt: skip
    rows["commitments"] = [
        {"commitment": name, "site": "site0", "date": "2026-06-01", **values}
        for name, values in commitments.items()
    ]
    case = inputs(rows)
    tables = hand_tables(case, "standard", 4)
    tables["sites"] = tables["sites"].assign(open_period="a")
    steps = tables["schedule"].assign(amount=20.0, unit="MW")
    steps.loc[steps["kind"] == "campus_block", ["amount", "unit"]] = 2.0, "blocks"
    tables["schedule"] = steps
    tables["permits"] = pd.DataFrame(
        [{"site": "site0", "permit_kind": "air", "variant": "standard", "cost_usd": 1e6}]
    )
    return case, tables


def month(date: pd.Timestamp) -> int:
    """Months from the plan's start."""
    return 12 * (date.year - 2027) + date.month - 1


def test_sign_by_and_what_a_slip_loses() -> None:
    table = readiness_tables(*plan())["decisions"].set_index(["decision", "item"])
    dates = {
        key: tuple(month(row[name]) for name in ("planned_date", "sign_by", "safe_by"))
        for key, row in table.iterrows()
    }
    assert dates == {
        # High months: permit +3, procurement +1, construction +2.
        ("apply for permit", "air"): (0, 0, -6),
        ("order", "engine"): (4, 4, 1),
        # The site opens with the plan, but construction needs it in month 9 only.
        ("open site", "site0"): (0, 9, 7),
        ("start construction", "engine"): (9, 9, 7),
        ("order", "hall"): (12, 12, 12),
    }
    # Whatever slips by one period (12 months) holds up all 20 MW in all of 2028.
    assert (table["slip_months"] == 12).all()
    assert table["lost_mw_months"].tolist() == pytest.approx([240.0] * 5)
    assert table["lost_usd"].tolist() == pytest.approx([240e6] * 5)
    assert (table["full_power_late_months"] == 12).all()
    assert {month(d) for d in table["online_date"]} == {12}
    money = table[["value_usd", "due_usd"]].to_dict("index")
    assert money["order", "engine"] == pytest.approx({"value_usd": 20e6, "due_usd": 6e6})
    assert money["start construction", "engine"] == {"value_usd": 0.0, "due_usd": 0.0}
    # 90 days from 1 January 2027 end on 1 April: the permit only.
    assert [key for key, soon in table["due_soon"].items() if soon] == [("apply for permit", "air")]


def test_money_by_month() -> None:
    table = readiness_tables(*plan())["exposure"].set_index("date")
    millions = (table.drop(columns="site") / 1e6).round(9)
    columns = ["committed_usd", "paid_usd", "recoverable_usd", "at_risk_usd", "cancel_usd",
               "in_service_usd"]  # fmt: skip
    for when, expected in {
        "2027-01-01": [1, 1, 0, 1, 1, 0],  # the permit's fee, lost if it is refused
        "2027-05-01": [21, 7, 3, 0, 4, 0],  # granted; order 4 + 2, of which half comes back
        "2027-09-01": [21, 15, 7, 0, 8, 0],
        "2027-10-01": [21, 17, 0, 0, 17, 0],  # construction begins: nothing comes back
        "2027-12-01": [21, 21, 0, 0, 21, 0],
        "2028-01-01": [0, 0, 0, 0, 0, 41],  # halls are paid when they are online
    }.items():
        assert millions.loc[when, columns].tolist() == pytest.approx(expected), when


def test_an_order_before_the_permit_is_at_risk() -> None:
    """Ordered in month 1 beside a permit of 4 months, from month 0 on: 5 months of delivery."""
    case, tables = plan()
    steps = tables["schedule"]
    moved = {("procurement", "start"): "2027-05-01", ("permit", "start"): "2027-06-01",
             ("permit", "end"): "2027-10-01"}  # fmt: skip
    for (step, column), date in moved.items():
        steps.loc[steps["step"] == step, column] = pd.Timestamp(date)
    made = readiness_tables(case, tables)
    table = made["exposure"].set_index("date")
    # Month 8, all payments of the order and the fee: 14 + 1, of which 7 would come back.
    assert table.loc["2027-09-01", "at_risk_usd"] == pytest.approx(8e6)
    assert table.loc["2027-10-01", "at_risk_usd"] == 0.0
    dates = made["decisions"].set_index("decision")["sign_by"]
    assert month(dates["apply for permit"]) == 5


def test_grid_requests_may_wait_for_what_the_connection_needs() -> None:
    """Result after 3 months, 6 of upgrades: energized in month 12, both may wait 3 months."""
    case, tables = plan()
    rows = hand_rows(1, **ENGINE)
    rows["permits"] = [{"jurisdiction": "TX", "permit_kind": "air", "months": 4}]
    add_grid(rows, 20, queue_months=3, upgrade_months=6, upgrade_cost_usd=5e6)
    case = inputs(rows)
    step = {"site": "site0", "kind": "interconnection", "item": "grid", "variant": "",
            "period": "b", "amount": 20.0, "unit": "MW"}  # fmt: skip
    dates = {"queue": (0, 3), "upgrade": (3, 9), "online": (12, 12)}
    start = pd.Timestamp("2027-01-01")
    tables["schedule"] = pd.concat([tables["schedule"], pd.DataFrame([
        {**step, "step": name, "start": start + pd.DateOffset(months=a),
         "end": start + pd.DateOffset(months=b)} for name, (a, b) in dates.items()])])  # fmt: skip
    tables["interconnection"] = pd.DataFrame([
        {"site": "site0", "offer": "grid", "variant": "", "period": p, "firm_mw": 20.0,
         "flexible_mw": 0.0} for p in ("b", "c")])  # fmt: skip
    made = readiness_tables(case, tables)
    table = made["decisions"].set_index("decision")
    grid = table[table["kind"] == "interconnection"]
    assert {name: (month(r["planned_date"]), month(r["sign_by"])) for name, r in grid.iterrows()} \
        == {"file grid request": (0, 3), "sign grid agreement": (3, 6)}  # fmt: skip
    assert grid.loc["sign grid agreement", "value_usd"] == pytest.approx(5e6)
    # Engines of 20 MW stand too, so that a late connection holds nothing up.
    assert (grid["lost_mw_months"] == 0).all()
    need = made["readiness"].set_index(["kind", "item"])
    assert need.loc[("interconnection", "grid"), "needed"] == 20
    assert month(need.loc[("interconnection", "grid"), "needed_by"]) == 3


def test_commitments_are_held_against_the_plan() -> None:
    made = readiness_tables(*plan(
        engines={"kind": "order", "item": "engine", "quantity": 15, "paid_usd": 3e6,
                 "recovered_share": 0.5, "cancel_usd": 2e5},
        air={"kind": "permit", "item": "air", "status": "filed"},
        ground={"kind": "option", "item": "land", "expires": "2027-06-01"},
        supply={"kind": "contract", "item": "gas", "quantity": 200},
        spare={"kind": "order", "item": "hall", "quantity": 2, "paid_usd": 4e6},
    ))  # fmt: skip
    table = made["readiness"].set_index(["kind", "item"])
    status = {key: (row["needed"], row["held"], row["filed"], row["missing"], row["status"])
              for key, row in table.iterrows()}  # fmt: skip
    assert status == {
        ("option", "land"): (1, 1, 0, 0, "expires too early"),
        ("permit", "air"): (1, 0, 1, 1, "filed"),
        ("order", "hall"): (2, 2, 0, 0, "held"),
        ("order", "engine"): (20, 15, 0, 5, "part"),
        # 20 MW at 10 MMBtu/MWh.
        ("contract", "gas"): (200, 200, 0, 0, "held"),
        ("contract", "training"): (20, 0, 0, 20, "missing"),
    }
    assert table.loc[("order", "engine"), "cancel_usd"] == pytest.approx(1.7e6)
    taken = made["decisions"].set_index(["decision", "item"])["status"].to_dict()
    assert taken == {
        ("apply for permit", "air"): "done", ("order", "engine"): "part",
        ("order", "hall"): "done", ("open site", "site0"): "open",
        ("start construction", "engine"): "open",
    }  # fmt: skip
    assert not made["decisions"]["due_soon"].any()
    # A fee is owed until the engines serve; what was paid before is in the plan's payments.
    bare, with_fee = (readiness_tables(*p)["exposure"].set_index("date")["cancel_usd"]
                      for p in (plan(), plan(engines={"kind": "order", "item": "engine",
                                                      "quantity": 15, "cancel_usd": 2e5})))  # fmt: skip
    assert (with_fee - bare).tolist() == pytest.approx([2e5] * 12 + [0.0])


def test_what_the_plan_does_not_use_costs_its_cancelling() -> None:
    other = {"kind": "permit", "item": "air", "variant": "standard", "paid_usd": 4e6,
             "recovered_share": 0.25, "cancel_usd": 1e6}  # fmt: skip
    case, tables = plan(other=other)
    tables["permits"]["variant"] = "expedited"
    for name in ("schedule", "capacity"):
        tables[name] = tables[name].replace("standard", "")
    case.tables["technologies"]["permit_kind"] = ""
    tables["permits"] = tables["permits"].head(0)
    made = readiness_tables(case, tables)
    row = made["readiness"].set_index("commitments").loc["other"]
    assert (row["status"], row["needed"], row["held"]) == ("not used by the plan", 0, 1)
    assert row["cancel_usd"] == pytest.approx(0.75 * 4e6 + 1e6)
    first = made["exposure"].set_index("date").loc["2027-01-01"]
    assert first["paid_usd"] == pytest.approx(4e6)
    assert first["recoverable_usd"] == pytest.approx(1e6)
    assert first["cancel_usd"] == pytest.approx(4e6)


@pytest.fixture(scope="module")
def solved(rough_result: Path) -> Any:
    """A result of the example case, read back."""
    return load_result(rough_result)


def test_all_payments_are_in_the_making_or_in_service(solved: Any) -> None:
    paid = solved.tables["cashflow"].groupby(["site", "date"])["usd"].sum()
    for site, rows in solved.tables["exposure"].groupby("site"):
        table = rows.set_index("date")
        due = paid[site].reindex(table.index, fill_value=0.0).cumsum()
        told = table["paid_usd"] + table["in_service_usd"]
        assert told.tolist() == pytest.approx(due.tolist(), abs=1e-3)
        assert (table["recoverable_usd"] + table["cancel_usd"]).tolist() == pytest.approx(
            table["paid_usd"].tolist(), abs=1e-3
        )
        assert (table["at_risk_usd"] <= table["cancel_usd"] + 1e-3).all()


def test_one_month_past_the_last_date_is_late(solved: Any) -> None:
    """On the last date nothing moves, a month later something does: for every decision."""
    case, tables = prepare(solved.inputs), solved.tables
    builds = network(solved.inputs, tables)
    found = calendar.decisions(case, tables, builds, outlays(case, tables, builds))
    assert len(found) == len(tables["decisions"]) > 10
    granted = {b.permit: min(c.steps["permit"].end for c in builds if c.permit == b.permit)
               for b in builds}  # fmt: skip
    for decision in found:
        late = [[calendar.after_slip(decision, slip, b, granted) - b.online for b in builds]
                for slip in (0, 1)]  # fmt: skip
        assert set(late[0]) == {0}, decision
        assert max(late[1]) == 1, decision


def test_the_tables_are_read_back_as_dates_and_texts(solved: Any) -> None:
    table = solved.tables["decisions"]
    assert table["sign_by"].dtype.kind == "M"
    assert (table["planned_date"] <= table["sign_by"]).all()
    assert (table["safe_by"] <= table["sign_by"]).all()
    assert solved.tables["readiness"]["needed_by"].dtype.kind == "M"
    assert set(solved.tables["readiness"]["status"]) == {"missing"}
