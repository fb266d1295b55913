"""Power contracts and carbon-free matching, ready for the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from optimizer.preparing import schedule
from optimizer.preparing.calendar import HOURS_PER_YEAR, Period, months_between
from optimizer.reading.inputs import Inputs

KILO = 1e-3
EACH_SITE, PORTFOLIO = "each site", "portfolio"
CFE = {"cfe_annual": False, "cfe_hourly": True}
"""Kinds of carbon-free targets, and whether they hold by the hour."""
HEDGES = ("hedged_share_min", "hedged_share_max", "counterparty_share_max")

Shared = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Contract:
    """A contract as offered at a site; arrays over hours of a year or over periods.

    Parameters
    ----------
    volume : energy offered in each hour for each MW [MWh/MW]
    as_produced : its volume follows the weather, so that a forecast of it may be off
    energy : the same in one pass of each period [MWh/MW]
    price : what a MWh costs in each period [k$/MWh]
    adder : what the utility takes for each MWh delivered [k$/MWh]
    settlement : what a financial contract costs in one pass for each MW, below 0 it earns [k$/MW]
    take_share : share of the energy of a pass that is paid for in any case
    security : carrying cost of the credit security [k$/MW-year]
    co2 : in the market-based account [t/MWh]
    capped : its volume stays within the site's load
    possible : it can start in q
    serves : what started in q stands in p
    """

    site: str
    contract: str
    kind: str
    market: str
    counterparty: str
    as_produced: bool
    volume: np.ndarray
    energy: np.ndarray
    price: np.ndarray
    adder: float
    settlement: np.ndarray
    take_share: float
    security: float
    carbon_free: bool
    co2: float
    additional: bool
    capped: bool
    min_mw: float
    max_mw: float
    possible: np.ndarray
    serves: np.ndarray

    @property
    def delivers(self) -> bool:
        """Whether its energy comes through the grid connection."""
        return self.kind != "financial"


@dataclass(frozen=True, eq=False)
class Rule:
    """A carbon-free target with its options; what differs between years is by calendar-year group.

    Parameters
    ----------
    rule : name of the first policy that states it
    hourly : matched in each hour, else over the year
    sites : those it holds for
    joint : over all of them together, else for each
    targets : share of served energy; a group without one has no target
    excess : most exported energy as a share of load
    policies : name of the policy of each group
    """

    rule: str
    hourly: bool
    applies_to: str
    sites: frozenset[str]
    joint: bool
    grid_counts: bool
    exports_count: bool
    additional_only: bool
    deliverable_only: bool
    targets: dict[str, float]
    excess: dict[str, float]
    policies: dict[str, str]

    def counts(self, contract: Contract, market: str) -> bool:
        """Whether the energy of a contract is clean in the sense of this target."""
        return (
            contract.carbon_free
            and (contract.additional or not self.additional_only)
            and (contract.market == market or not self.deliverable_only)
        )


@dataclass(frozen=True, eq=False)
class Hedge:
    """A limit on the contracted share of load in one calendar-year group."""

    policy: str
    kind: str
    group: str
    sites: frozenset[str]
    joint: bool
    share: float


def clean_share(
    tables: Mapping[str, pd.DataFrame], profiles: Mapping[str, np.ndarray], tariff: str
) -> np.ndarray:
    """Carbon-free share of energy imported under a tariff, by hour."""
    if not tariff:
        return np.zeros(HOURS_PER_YEAR)
    row = tables["tariffs"].set_index("tariff").loc[tariff]
    if row["carbon_free_profile"]:
        return profiles[row["carbon_free_profile"]]
    return np.full(HOURS_PER_YEAR, row["carbon_free_share"])


def marginal_co2(
    tables: Mapping[str, pd.DataFrame], profiles: Mapping[str, np.ndarray], tariff: str
) -> np.ndarray | None:
    """CO2 of one more MWh under a tariff, by hour [t/MWh]; None if it is not given."""
    if not tariff:
        return None
    name = tables["tariffs"].set_index("tariff").loc[tariff, "marginal_co2_profile"]
    return profiles[name] if name else None


def escalation(row: Mapping[str, object], inflation: float | None) -> float:
    """Real growth of a contract's price a year."""
    yearly = float(row["escalation_per_year"])  # type: ignore[arg-type]
    if row["escalation"] == "nominal":
        assert inflation is not None
        return (1 + yearly) / (1 + inflation) - 1
    return yearly


def make_contracts(
    inputs: Inputs,
    site: pd.Series,
    offers: pd.DataFrame,
    periods: tuple[Period, ...],
    start: pd.Timestamp,
    energy_price: tuple[np.ndarray, float],
    shared: Shared,
    *,
    has_service: bool,
) -> tuple[Contract, ...]:
    """The contracts that may be signed for a site.

    Parameters
    ----------
    offers : rows of ``site_contracts`` that hold for the site
    energy_price : of the site [k$/MWh], by hour, and its real growth a year
    shared : gives back the same array for equal ones
    has_service : whether a grid connection may deliver energy
    """
    if offers.empty:
        return ()
    terms = inputs.tables["contracts"].set_index("contract", drop=False)
    made = []
    for _, offered in offers.iterrows():
        row = terms.loc[offered["contract"]]
        if offered["max_mw"] <= 0 or (row["kind"] != "financial" and not has_service):
            continue
        contract = _contract(inputs, site, row, offered, periods, start, energy_price, shared)
        if contract.possible.any():
            made.append(contract)
    return tuple(made)


def _contract(
    inputs: Inputs, site: pd.Series, row: pd.Series, offered: pd.Series,
    periods: tuple[Period, ...], start: pd.Timestamp, energy_price: tuple[np.ndarray, float],
    shared: Shared,
) -> Contract:  # fmt: skip
    money_year = int(inputs.setting("money_year"))
    reference, growth = energy_price
    if row["hub_price_profile"]:
        reference = inputs.profiles[row["hub_price_profile"]] * KILO
        growth = float(row["hub_price_growth_per_year"])
    if not np.isnan(row["basis_usd_per_mwh"]):
        reference = reference + row["basis_usd_per_mwh"] * KILO
    volume = inputs.profiles[row["profile"]] if row["profile"] else np.ones(HOURS_PER_YEAR)
    if row["no_payment_if_negative"]:
        volume = np.where(reference < 0, 0.0, volume)
    dearer = (1 + escalation(row, inputs.setting("inflation_per_year"))) ** np.array(
        [p.year - money_year for p in periods]
    )
    price = row["price_usd_per_mwh"] * KILO * dearer
    settlement = np.zeros(len(periods))
    if row["kind"] == "financial":
        floor, cap = (
            np.nan_to_num(row[f"settlement_{end}_usd_per_mwh"] * KILO, nan=blank)
            for end, blank in (("floor", -np.inf), ("cap", np.inf))
        )
        for p, period in enumerate(periods):
            paid = reference[period.hours] * (1 + growth) ** (period.year - money_year)
            settled = np.clip(paid, floor * dearer[p], cap * dearer[p])
            settlement[p] = float((price[p] - settled) @ volume[period.hours])
    earliest = 0 if pd.isna(row["earliest_start"]) else months_between(start, row["earliest_start"])
    serves = schedule.serves(periods, schedule.life_months(row["term_years"]))
    return Contract(
        site=site["site"],
        contract=row["contract"],
        kind=row["kind"],
        market=row["market"],
        counterparty=row["counterparty"],
        as_produced=row["shape"] == "as_produced",
        volume=shared(volume),
        energy=np.array([float(volume[p.hours].sum()) for p in periods]),
        price=price,
        adder=float(row["adder_usd_per_mwh"]) * KILO if row["kind"] == "sleeved" else 0.0,
        settlement=settlement,
        take_share=float(row["minimum_take_share"]),
        security=float(row["credit_security_usd_per_kw"] * row["security_rate_per_year"]),
        carbon_free=bool(row["carbon_free"]),
        co2=0.0 if row["carbon_free"] else float(row["co2_t_per_mwh"]),
        additional=bool(row["additional"]),
        capped=not row["allow_long"],
        min_mw=float(offered["min_mw"]),
        max_mw=float(offered["max_mw"]),
        possible=np.array([p.month >= earliest for p in periods]) & serves.any(axis=1),
        serves=serves,
    )


def covered(sites: pd.DataFrame, applies_to: str) -> tuple[frozenset[str], bool]:
    """Sites that a policy holds for, and whether for all of them together."""
    if applies_to in (EACH_SITE, PORTFOLIO):
        return frozenset(sites["site"]), applies_to == PORTFOLIO
    return frozenset(sites.loc[sites["market"] == applies_to, "site"]), True


def in_years(
    table: pd.DataFrame, kinds: Sequence[str], years: Mapping[str, int]
) -> list[tuple[str, dict[str, object]]]:
    """(calendar-year group, policy) of these kinds; one for its year goes before one for all."""
    found = []
    table = table[table["kind"].isin(kinds)]
    for _, rows in table.groupby(["kind", "applies_to"], sort=False):
        for group, year in years.items():
            own = rows[rows["year"] == year]
            for row in (own if len(own) else rows[rows["year"].isna()]).to_dict("records"):
                found.append((group, {str(k): v for k, v in row.items()}))
    return found


OPTIONS = ("grid_counts", "exports_count", "additional_only", "deliverable_only")


def make_rules(tables: Mapping[str, pd.DataFrame], years: Mapping[str, int]) -> tuple[Rule, ...]:
    """Carbon-free targets; policies that differ by year only make one rule.

    Parameters
    ----------
    years : calendar year of each calendar-year group
    """
    made: dict[tuple[object, ...], Rule] = {}
    for group, row in in_years(tables["policies"], tuple(CFE), years):
        options = {name: bool(row[name]) for name in OPTIONS}
        key = (row["kind"], row["applies_to"], *options.values())
        if key not in made:
            applies_to = str(row["applies_to"])
            sites, joint = covered(tables["sites"], applies_to)
            made[key] = Rule(str(row["policy"]), CFE[str(row["kind"])], applies_to, sites, joint,
                             **options, targets={}, excess={}, policies={})  # fmt: skip
        rule = made[key]
        rule.policies[group] = str(row["policy"])
        target, excess = float(row["value"]), float(row["max_excess_share"])  # type: ignore[arg-type]
        if target > 0:
            rule.targets[group] = target
        if not np.isnan(excess):
            rule.excess[group] = excess
    return tuple(made.values())


def make_hedges(tables: Mapping[str, pd.DataFrame], years: Mapping[str, int]) -> tuple[Hedge, ...]:
    """Limits on the contracted share of load, by calendar-year group."""
    return tuple(
        Hedge(str(row["policy"]), str(row["kind"]), group,
              *covered(tables["sites"], str(row["applies_to"])), float(row["value"]))  # type: ignore[arg-type]
        for group, row in in_years(tables["policies"], HEDGES, years)
    )  # fmt: skip
