"""Lines of the objective for power contracts: energy, settlement and security."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from optimizer.results.formulas import Formula, formula
from optimizer.results.lines import Line
from optimizer.results.network import Row, by_key

if TYPE_CHECKING:
    from optimizer.preparing.calendar import Period
    from optimizer.results.live import LiveMoney


def contract_lines(money: LiveMoney) -> Iterator[Line]:
    """Every contract that stands, in each period."""
    table = money.tables.get("contracts")
    if table is None or table.empty:
        return
    terms = by_key(money.input["contracts"], "contract")
    for r in table.itertuples():
        name, period = str(r.contract), money.periods[str(r.period)]
        row = terms[name,]
        where = (str(r.site), name, period.name)
        volume, delivered = (float(v) / period.passes for v in (r.volume_mwh, r.delivered_mwh))
        price = money.given("contracts", name, row, "price_usd_per_mwh", "Contract price")
        growth = _escalation(money, name, row, period)
        if row["kind"] == "financial":
            settled = float(r.settled_usd) / period.passes
            yield from _settled(money, where, period, volume, settled, price, growth)
        else:
            billed = max(delivered, float(row["minimum_take_share"]) * volume)
            times = money.passes(period)
            yield Line("contract_energy", *where, billed, "MWh", price, growth, *times)
        if row["kind"] == "sleeved":
            adder = money.given("contracts", name, row, "adder_usd_per_mwh", "Utility's adder")
            yield Line("contract_energy", *where, delivered, "MWh", adder, formula(1),
                             *money.passes(period))  # fmt: skip
        held = money.given(
            "contracts", name, row, "credit_security_usd_per_kw", "Security of a contract"
        )
        rate = money.given("contracts", name, row, "security_rate_per_year", "Cost of security")
        yield Line("contract_security", *where, 1000 * float(r.standing_mw), "kW", held,
                         rate / 12, *money.months(period))  # fmt: skip


def _escalation(money: LiveMoney, name: str, row: Row, period: Period) -> Formula:
    """Real price of the period's year over that of the money year."""
    yearly = 1 + money.given("contracts", name, row, "escalation_per_year", "Escalation")
    if row["escalation"] == "nominal":
        rate = float(money.inputs.setting("inflation_per_year"))
        yearly = yearly / (
            1 + money.assume("general", "", "inflation_per_year", rate, "1/year", "Inflation")
        )
    return yearly ** (period.year - money.money_year)


def _settled(
    money: LiveMoney, where: tuple[str, str, str], period: Period, volume: float, settled: float,
    price: Formula, growth: Formula,
) -> Iterator[Line]:  # fmt: skip
    """The strike is paid, and the price at the hub, within the collar, is received."""
    times = money.passes(period)
    yield Line("contract_settlement", *where, volume, "MWh", price, growth, *times)
    received = volume * price.value * growth.value - settled
    multiplier = money.assume("contracts", where[1], "settled_price_multiplier", 1.0, "1",
                              "On the price at which it settles")  # fmt: skip
    yield Line("contract_settlement", *where, -received, "USD by the hour", multiplier,
                     formula(1), *times)  # fmt: skip
