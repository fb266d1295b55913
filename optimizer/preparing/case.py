"""The immutable case: tables turned into what the model needs, in its units.

Money is in thousand US$ (k$) of the money year, discounted where the name says ``cost``.
Arrays over periods have the length of ``Case.periods``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from optimizer.preparing import schedule, service
from optimizer.preparing.agreements import Agreement, make_agreement
from optimizer.preparing.calendar import (
    HOURS_PER_YEAR,
    Period,
    discount_factors,
    make_periods,
    months_between,
)
from optimizer.preparing.clock import Clock, make_clock
from optimizer.preparing.contracts import (
    Contract,
    Hedge,
    Rule,
    clean_share,
    make_contracts,
    make_hedges,
    make_rules,
    marginal_co2,
)
from optimizer.preparing.finance import (
    capital_recovery_factor,
    construction_interest,
    discounted_annuity,
    spending,
)
from optimizer.preparing.tariffs import Tariff, make_tariff
from optimizer.reading.inputs import Inputs
from optimizer.reading.peak_money import unserved_usd_per_mwh
from optimizer.reading.windows import standard_offset

KILO = 1e-3
SHORT_TON_KG = 907.18474
EARTH_RADIUS_KM = 6371.0088
MIN_CAPACITY_FACTOR = 1e-3
HOURS_PER_MONTH = 730.0


@dataclass(frozen=True, eq=False)
class Money:
    """What one MW (or MWh, or block) coming online in q costs; arrays over q [k$].

    ``capital`` is the discounted annuity within the horizon; ``risk`` the expected loss of
    an order at risk; ``cash[q]`` the undiscounted payments by month from the plan's start.
    """

    overnight: np.ndarray
    capital: np.ndarray
    risk: np.ndarray
    cash: tuple[dict[int, float], ...]

    def payments(self, q: int) -> dict[int, float]:
        """Undiscounted payments by month for one MW online in q [k$]."""
        return {month: share * self.overnight[q] for month, share in self.cash[q].items()}


@dataclass(frozen=True, eq=False)
class Asset:
    """A technology that may be built at a site."""

    site: str
    technology: str
    kind: str
    unit_mw: float
    max_mw: float
    max_mwh: float
    duration_h: float
    variants: tuple[schedule.Variant, ...]
    permit_kind: str
    life: int
    serves: np.ndarray
    money_mw: tuple[Money, ...]
    money_mwh: tuple[Money, ...]
    fom: float
    vom: float
    heat_rate: float
    fuel: str
    gas_limited: bool
    co2_t_per_mwh: float
    nox_short_tons_per_mw_year: float
    water_m3_per_mwh: float
    land_km2_per_mw: float
    efficiency: float
    loss_per_hour: float
    availability: np.ndarray

    @property
    def is_storage(self) -> bool:
        """Whether it stores energy."""
        return self.kind == "storage"

    @property
    def chooses_energy(self) -> bool:
        """Whether its stored energy is a decision of its own."""
        return self.is_storage and np.isnan(self.duration_h)


@dataclass(frozen=True, eq=False)
class Hall:
    """A campus block type that may be built at a site; money for each block."""

    site: str
    block: str
    it_mw: float
    max_blocks: int
    variants: tuple[schedule.Variant, ...]
    permit_kind: str
    life: int
    serves: np.ndarray
    money: tuple[Money, ...]
    fom: float
    land_km2: float


@dataclass(frozen=True, eq=False)
class Offer:
    """An offer of grid service at a site; arrays over periods.

    Parameters
    ----------
    variants : of connecting, or of what goes beyond an existing connection
    cut, shed : share of flexible and firm power that is cut in each hour of the year
    existing_mw, transferable : of a connection that exists, and where its transfer is made
    until : first period that it serves no more; the number of periods if there is none
    """

    site: str
    offer: str
    variants: tuple[schedule.Variant, ...]
    permit_kind: str
    firm_mw: np.ndarray
    flexible_mw: np.ndarray
    export_mw: float
    fixed_money: Money
    mw_money: Money
    charge: float
    cut: np.ndarray
    queue_months: int
    upgrade_months: int
    kind: str
    shed: np.ndarray
    existing_mw: float
    transferable: np.ndarray
    transfer_money: Money
    until: int
    shared_upgrade: str
    grid_group: str
    agreements: tuple[Agreement, ...]

    @property
    def sheds_firm(self) -> bool:
        """Whether firm power too is cut in an emergency."""
        return bool(self.shed.any())

    def highest(self, p: int) -> float:
        """Firm MW that the offer can serve in p at all, transferred ones included."""
        return float(max(self.firm_mw[p], self.existing_mw * self.transferable[p]))


@dataclass(frozen=True, eq=False)
class Site:
    """A candidate site with all that may be built there."""

    site: str
    name_row: int
    land_km2: float
    land_cost: np.ndarray
    opening_cost: np.ndarray
    opening_usd: float
    can_open: np.ndarray
    max_it_mw: float
    water_limit_m3: float
    cooling_water_m3_per_mwh: float
    gas_limit_mmbtu_per_hour: float
    pue: np.ndarray
    permit_cost: dict[tuple[str, str], float]
    permit_nox: dict[tuple[str, str], float]
    permit_mw: dict[tuple[str, str], float]
    assets: tuple[Asset, ...]
    halls: tuple[Hall, ...]
    offers: tuple[Offer, ...]
    tariffs: tuple[Tariff, ...]
    fuel_price: dict[str, np.ndarray]
    fuel_growth: dict[str, float]
    market: str = ""
    contracts: tuple[Contract, ...] = ()
    clean: dict[str, np.ndarray] = field(default_factory=dict)
    """Carbon-free share of imported energy by hour, under each tariff."""
    marginal_co2: np.ndarray | None = None
    """CO2 of one more MWh imported [t/MWh], under the first tariff; None if it is not given."""

    @property
    def deliveries(self) -> tuple[Contract, ...]:
        """Contracts whose energy comes through the grid connection."""
        return tuple(c for c in self.contracts if c.delivers)

    islanded: bool = True
    parallel: bool = True

    @property
    def tariff(self) -> Tariff:
        """The first tariff offered."""
        return self.tariffs[0]

    @property
    def price(self) -> np.ndarray:
        """Price of imported energy under the first tariff, in money of the money year [k$/MWh]."""
        return self.tariff.price

    @property
    def price_growth(self) -> float:
        """Real growth of the first tariff's prices a year."""
        return self.tariff.growth

    @property
    def export_share(self) -> float:
        """Share of the first tariff's price that exports earn."""
        return self.tariff.export_share

    @property
    def grid_co2(self) -> np.ndarray:
        """CO2 of imported energy under the first tariff [t/MWh]."""
        return self.tariff.co2

    @property
    def carbon_free_share(self) -> float:
        """Carbon-free share of imported energy under the first tariff."""
        return self.tariff.carbon_free_share

    @property
    def users(self) -> list[tuple[str, str, tuple[schedule.Variant, ...]]]:
        """What may take slots of components: (kind of user, name, variants)."""
        return [
            *(("campus_block", h.block, h.variants) for h in self.halls),
            *(("technology", a.technology, a.variants) for a in self.assets),
            *(("interconnection", o.offer, o.variants) for o in self.offers),
        ]

    @property
    def agreements(self) -> tuple[Agreement, ...]:
        """Service agreements of all offers."""
        return tuple(a for offer in self.offers for a in offer.agreements)

    @property
    def sells_energy(self) -> bool:
        """Whether any offer allows export at a price."""
        earns = any(t.pays_for_export for t in self.tariffs)
        return earns and any(o.export_mw > 0 for o in self.offers)

    @property
    def pays_for_use(self) -> bool:
        """Whether the grid pays for energy that is taken in some hour."""
        return bool(self.offers) and any(t.least_price < 0 for t in self.tariffs)


@dataclass(frozen=True, eq=False)
class Workload:
    """A class of work; the price of delay in k$ for each MW-month."""

    workload: str
    load: np.ndarray
    delay_price: float


@dataclass(frozen=True, eq=False)
class Component:
    """Equipment deliveries shared by all sites; ``supply`` by month from the plan's start."""

    component: str
    stockable: bool
    supply: dict[int, float]
    use: dict[tuple[str, str], tuple[float, float]]

    def needs(self, user_kind: str, user: str) -> tuple[float, float]:
        """Slots for each MW and for each unit of a user."""
        return self.use.get((user_kind, user), self.use.get((user_kind, "*"), (0.0, 0.0)))


@dataclass(frozen=True, eq=False)
class Limit:
    """A CO2 cap for one calendar-year group [t]."""

    name: str
    group: str
    scope: str
    value: float


@dataclass(frozen=True, eq=False)
class Case:
    """A case ready for the model. Build one with :func:`prepare`."""

    inputs: Inputs
    name: str
    periods: tuple[Period, ...]
    horizon: int
    factor: np.ndarray
    rate: float
    start: pd.Timestamp
    sites: dict[str, Site]
    workloads: dict[str, Workload]
    demand: dict[tuple[str, str, int], float]
    max_backlog: dict[tuple[str, str, int], float]
    reach: dict[tuple[str, str, str], float]
    components: tuple[Component, ...]
    co2_caps: tuple[Limit, ...]
    co2_price: np.ndarray
    co2_price_scope: str
    budgets: dict[int, float]
    unserved_price: float
    allowed_unserved_share: float
    groups: dict[str, tuple[int, ...]] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    hedges: tuple[Hedge, ...] = ()
    shared_upgrades: dict[str, service.SharedUpgrade] = field(default_factory=dict)
    grid_groups: dict[str, float] = field(default_factory=dict)
    security_caps: dict[int, float] = field(default_factory=dict)
    utilities: dict[str, str] = field(default_factory=dict)
    whole: Case | None = None
    """The case of which this one has some sites: rows over several sites are there for all of it."""

    def of_sites(self, sites: Iterable[str]) -> Case:
        """The case with these sites only, and rows over several sites as with all of them."""
        some = {s: self.sites[s] for s in sites}
        return replace(self, sites=some, whole=self.whole or self)

    def year_of(self, month: int) -> int:
        """Calendar year of a month of the plan."""
        return int(self.start.year) + (int(self.start.month) - 1 + month) // 12

    @property
    def _all_sites(self) -> Iterable[Site]:
        return (self.whole or self).sites.values()

    @cached_property
    def counterparties(self) -> tuple[str, ...]:
        """Who sells power by contract at any site, in order of their names."""
        return tuple(sorted({c.counterparty for site in self._all_sites for c in site.contracts}))

    @cached_property
    def signing_months(self) -> frozenset[int]:
        """Months in which an agreement of any site may be signed, and security may rise."""
        return frozenset(
            int(month) for site in self._all_sites for a in site.agreements for month in a.signed
        )

    @cached_property
    def reassigning(self) -> tuple[str, ...]:
        """Utilities within which MW that are given up can be signed again."""
        found = (a.reassigns_within for site in self._all_sites for a in site.agreements)
        return tuple(dict.fromkeys(utility for utility in found if utility))

    @property
    def co2_scope(self) -> str:
        """Scope of the caps, ``""`` if there is none (one scope for a case)."""
        return self.co2_caps[0].scope if self.co2_caps else ""

    @cached_property
    def delivery_months(self) -> dict[str, list[int]]:
        """Months from the plan's start in which any site may take slots of each component."""
        months: dict[str, set[int]] = {c.component: set() for c in self.components}
        for site in self._all_sites:
            for kind, name, variants in site.users:
                for component in self.components:
                    if any(component.needs(kind, name)):
                        for variant in variants:
                            months[component.component].update(variant.delivery.tolist())
        return {component: sorted(known) for component, known in months.items()}

    @cached_property
    def hall_sizes(self) -> set[float]:
        """IT MW of all kinds of campus blocks."""
        return {hall.it_mw for site in self.sites.values() for hall in site.halls}

    def group_hours(self, group: str) -> float:
        """Hours of a calendar-year group [h]."""
        return float(sum(len(self.periods[p].hours) for p in self.groups[group]))


def great_circle_km(lon_1: float, lat_1: float, lon_2: float, lat_2: float) -> float:
    """Great-circle distance [km] on a sphere, by the haversine formula; degrees in."""
    a, b, c, d = np.radians([lat_1, lat_2, lon_1, lon_2])
    h = np.sin((b - a) / 2) ** 2 + np.cos(a) * np.cos(b) * np.sin((d - c) / 2) ** 2
    return float(2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(h)))


class _Preparation:
    """Holds what several steps share while a case is prepared."""

    def __init__(self, inputs: Inputs) -> None:
        self.inputs = inputs
        self.tables = inputs.tables
        self.rate = float(inputs.setting("real_discount_rate"))
        self.start = pd.Timestamp(inputs.setting("plan_start"))
        self.money_year = int(inputs.setting("money_year"))
        self.which = str(inputs.setting("lead_times"))
        self.periods = make_periods(self.tables["periods"], self.start, self.rate)
        self.horizon = sum(p.months for p in self.periods)
        self.factor = discount_factors(self.rate, self.horizon)
        self.technologies = self.tables["technologies"].set_index("technology", drop=False)
        self._series: dict[bytes, np.ndarray] = {}
        # Tables are grouped, and what does not differ by site is made, once for all sites.
        self._places: dict[tuple[str, ...], dict[Any, np.ndarray]] = {}
        self._variants: dict[tuple[Any, ...], tuple[schedule.Variant, ...]] = {}
        self._annuities: dict[tuple[float, float], np.ndarray] = {}
        self._cash: dict[tuple[float, int], tuple[dict[int, float], ...]] = {}
        self._index: dict[str, np.ndarray] = {}
        self._fuels: dict[tuple[str, str], pd.Series] = {}
        self._clocks: dict[float, Clock] = {}
        self._tariffs: dict[tuple[str, int, int], Tariff] = {}
        self.shared_upgrades: dict[str, service.SharedUpgrade] = self._shared_upgrades()

    def places(self, table: str, *keys: str) -> dict[Any, np.ndarray]:
        """Positions of a table's rows by these columns, in the table's order."""
        name = (table, *keys)
        if name not in self._places:
            by = keys[0] if len(keys) == 1 else list(keys)
            self._places[name] = dict(self.tables[table].groupby(by, sort=False).indices)
        return self._places[name]

    def rows(self, table: str, **wanted: str) -> pd.DataFrame:
        """Rows of a table in which these columns have these values."""
        key = tuple(wanted.values())
        at = self.places(table, *wanted).get(key[0] if len(key) == 1 else key)
        rows = self.tables[table]
        return rows.iloc[:0] if at is None else rows.iloc[at]

    def shared(self, series: np.ndarray) -> np.ndarray:
        """The series, or the same one kept before: many sites have the same weather and prices."""
        return self._series.setdefault(series.tobytes(), series)

    def clock(self, utc_offset_hours: float) -> Clock:
        """The clock of a site; without an offset that of the profiles."""
        ahead = 0.0
        if not np.isnan(utc_offset_hours):
            ahead = utc_offset_hours - standard_offset(str(self.inputs.setting("time_zone")))
        if ahead not in self._clocks:
            year = int(self.inputs.setting("reference_year"))
            self._clocks[ahead] = make_clock(year, ahead)
        return self._clocks[ahead]

    def tariffs(self, site: pd.Series) -> tuple[Tariff, ...]:
        """The site's tariff, then the further ones that are offered there."""
        more = self.rows("site_tariffs", site=site["site"])
        dates = {site["tariff"]: pd.NaT} | dict(zip(more["tariff"], more["from_date"], strict=True))
        clock, found = self.clock(site["utc_offset_hours"]), []
        for name, date in dates.items():
            month = 0 if pd.isna(date) else max(0, months_between(self.start, date))
            key = (name, id(clock), month)
            if key not in self._tariffs:
                self._tariffs[key] = make_tariff(
                    self.tables, self.inputs.profiles, self.shared, name, clock, month
                )
            found.append(self._tariffs[key])
        return tuple(found)

    def months(self, row: pd.Series, step: str) -> int:
        """Months of a step by the setting ``lead_times``."""
        if self.which != "likely":
            chosen = row[f"{step}_{self.which}"]
            if not np.isnan(chosen):
                return int(chosen)
        return int(row[step])

    def step(self, row: pd.Series, step: str) -> int:
        """Months of a step of grid service."""
        return self.months(row, f"{step}_months")

    def annuity(self, kilo_usd: float, life_years: float) -> Money:
        """Money of what is paid when it comes online and repaid over a life."""
        count = len(self.periods)
        yearly = self._annuity(self.rate, life_years)
        return Money(
            np.full(count, kilo_usd), kilo_usd * yearly, np.zeros(count),
            tuple({p.month: 1.0} for p in self.periods),
        )  # fmt: skip

    def _shared_upgrades(self) -> dict[str, service.SharedUpgrade]:
        offers, made = self.tables["interconnections"], {}
        for _, row in self.tables["shared_upgrades"].iterrows():
            name, years = row["shared_upgrade"], float(row["life_years"])
            mine = offers[offers["shared_upgrade"] == name]
            users = tuple(zip(mine["site"], mine["offer"], strict=True))
            money = self.annuity(float(row["cost_usd"]) * KILO, years)
            shares = len(users) if np.isnan(row["shares"]) else int(row["shares"])
            made[name] = service.SharedUpgrade(
                name, float(row["cost_usd"]), money.capital, row["rule"] == "first_pays", shares,
                users,
            )  # fmt: skip
        return made

    def profile(self, name: str) -> np.ndarray:
        """An hourly series by name."""
        return self.inputs.profiles[name]

    def hourly(self, constant: float, name: str) -> np.ndarray:
        """Constant plus profile, if any."""
        return constant + (self.profile(name) if name else np.zeros(HOURS_PER_YEAR))

    def permit_rows(self, jurisdiction: str, kind: str) -> pd.DataFrame:
        """Variants of a permit kind at a jurisdiction."""
        return self.rows("permits", jurisdiction=jurisdiction, permit_kind=kind)

    def variants(
        self,
        jurisdiction: str,
        kind: str,
        steps: tuple[int, int, int],
        life: int,
        *,
        may_risk: bool = False,
    ) -> tuple[schedule.Variant, ...]:
        """One variant for each permit variant that can come online at all."""
        asked = (jurisdiction, kind, steps, life, may_risk)
        if asked not in self._variants:
            self._variants[asked] = self._made(jurisdiction, kind, steps, life, may_risk=may_risk)
        return self._variants[asked]

    def _made(
        self, jurisdiction: str, kind: str, steps: tuple[int, int, int], life: int, *,
        may_risk: bool,
    ) -> tuple[schedule.Variant, ...]:  # fmt: skip
        if kind:
            rows = self.permit_rows(jurisdiction, kind)
            permits = [(r["variant"], self.months(r, "months")) for _, r in rows.iterrows()]
        else:
            permits = [("", 0)]
        made = [
            schedule.make_variant(
                name, schedule.LeadTime(months, *steps), self.periods, life, may_risk=may_risk
            )
            for name, months in permits
        ]
        return tuple(v for v in made if v.possible.any())

    def money(
        self,
        overnight: np.ndarray,
        variant: schedule.Variant,
        order_share: float,
        life_years: float,
        rate: float,
        factor: float = 1.0,
        refusal_loss: float = 0.0,
    ) -> Money:
        """Discounted capital, expected loss at risk and payments for each period q."""
        months = variant.lead.spending_months
        interest = construction_interest(rate, order_share, months)
        capital = overnight * interest * factor * self._annuity(rate, life_years)
        risk = np.zeros(len(self.periods))
        at_stake = order_share
        if months:
            at_stake += (1 - order_share) * variant.lead.procurement / months
        for q, period in enumerate(self.periods):
            order = period.month - months
            if variant.possible[q] and variant.at_risk[q]:
                risk[q] = refusal_loss * at_stake * overnight[q] * self.factor[order]
        if (order_share, months) not in self._cash:
            self._cash[order_share, months] = tuple(
                spending(order_share, months, p.month) for p in self.periods
            )
        return Money(overnight, capital, risk, self._cash[order_share, months])

    def _annuity(self, rate: float, life_years: float) -> np.ndarray:
        """Discounted annuities of a dollar by the period of coming online; shape (P,)."""
        key = (float(rate), float(life_years))
        if key not in self._annuities:
            life = schedule.life_months(life_years)
            self._annuities[key] = np.array(
                [discounted_annuity(self.factor, p.month, life, rate, life_years)
                 for p in self.periods]
            )  # fmt: skip
        return self._annuities[key]

    def fuel(self, fuel: str, hub: str) -> pd.Series:
        """The fuel's row of a hub, else of ``*``."""
        if (fuel, hub) not in self._fuels:
            self._fuels[fuel, hub] = _fuel_row(self.tables["fuels"], fuel, hub)
        return self._fuels[fuel, hub]

    def index(self, technology: str) -> np.ndarray:
        """Capital over its base by the year of coming online; shape (P,)."""
        if technology not in self._index:
            self._index[technology] = self._indexed(technology)
        return self._index[technology]

    def _indexed(self, technology: str) -> np.ndarray:
        rows = self.rows("technology_costs", technology=technology).sort_values("year")
        years = np.array([p.year for p in self.periods], dtype=float)
        if rows.empty:
            return np.ones(len(years))
        known, index = rows["year"].to_numpy(), rows["capex_index"].to_numpy()
        return np.asarray(np.interp(years, known, index))


def _chosen_rows(prep: _Preparation, table: str, site: str, key: str) -> pd.DataFrame:
    """Rows of a site; a row that names the site goes before ``*``."""
    places, keys = prep.places(table, "site"), prep.tables[table][key].to_numpy()
    chosen = {keys[at]: at for who in ("*", site) for at in places.get(who, ())}
    return prep.tables[table].iloc[sorted(chosen.values())]


def _fuel_row(table: pd.DataFrame, fuel: str, hub: str) -> pd.Series:
    """The fuel's row of a hub, else of ``*``."""
    rows = table[(table["fuel"] == fuel) & table["hub"].isin([hub, "*"])]
    own = rows[rows["hub"] == hub]
    return (own if len(own) else rows).iloc[0]


def _asset(prep: _Preparation, site: pd.Series, row: pd.Series) -> Asset | None:
    tech = prep.technologies.loc[row["technology"]]
    life = schedule.life_months(tech["life_years"])
    steps = (
        prep.months(tech, "procurement_months"),
        prep.months(tech, "construction_months") + int(row["months_added"]),
        prep.months(tech, "commissioning_months"),
    )
    variants = prep.variants(
        site["jurisdiction"], tech["permit_kind"], steps, life, may_risk=bool(tech["order_at_risk"])
    )
    if not variants or row["max_mw"] <= 0:
        return None
    rate = prep.rate if np.isnan(tech["real_cost_of_capital"]) else tech["real_cost_of_capital"]
    level = tech["market_multiplier"] * prep.index(row["technology"])
    loss = 0.0
    if tech["order_at_risk"]:
        loss = float(tech["refusal_probability"]) * (1 - tech["recovered_share"])

    def money(per_kw: np.ndarray) -> tuple[Money, ...]:
        return tuple(
            prep.money(
                per_kw, v, tech["order_share"], tech["life_years"], rate,
                1 + tech["resale_loss"], loss,
            )
            for v in variants
        )  # fmt: skip

    storage = tech["class"] == "storage"
    duration = float(tech["duration_h"])
    per_mw = tech["capex_usd_per_kw"] * level + row["capex_adder_usd_per_kw"]
    per_mwh = tech["capex_usd_per_kwh"] * level
    if storage and not np.isnan(duration):
        per_mw = per_mw + duration * per_mwh
    fuel = prep.fuel(tech["fuel"], site["gas_hub"]) if tech["fuel"] else None
    co2 = float(tech["co2_t_per_mwh"])
    if np.isnan(co2):
        co2 = tech["heat_rate_mmbtu_per_mwh"] * (fuel["co2_t_per_mmbtu"] if fuel is not None else 0)
    if row["profile"]:
        available = prep.profile(row["profile"])
        if tech["class"] == "variable":
            available = np.where(available < MIN_CAPACITY_FACTOR, 0.0, available)
    else:
        share = (1 - tech["forced_outage_rate"]) * (1 - tech["planned_outage_rate"])
        available = np.full(HOURS_PER_YEAR, share if not storage else 1.0)
    return Asset(
        site=site["site"],
        technology=row["technology"],
        kind=tech["class"],
        unit_mw=0.0 if np.isnan(tech["unit_mw"]) else float(tech["unit_mw"]),
        max_mw=float(row["max_mw"]),
        max_mwh=12 * float(row["max_mw"]) if np.isnan(row["max_mwh"]) else float(row["max_mwh"]),
        duration_h=duration,
        variants=variants,
        permit_kind=tech["permit_kind"],
        life=life,
        serves=schedule.serves(prep.periods, life),
        money_mw=money(per_mw),
        money_mwh=money(per_mwh),
        fom=float(tech["fom_usd_per_kw_year"]),
        vom=float(tech["vom_usd_per_mwh"]) * KILO,
        heat_rate=float(tech["heat_rate_mmbtu_per_mwh"]),
        fuel=tech["fuel"],
        gas_limited=fuel is not None and bool(fuel["counts_against_gas_limit"]),
        co2_t_per_mwh=float(co2),
        nox_short_tons_per_mw_year=float(tech["nox_kg_per_mwh"]) * HOURS_PER_YEAR / SHORT_TON_KG,
        water_m3_per_mwh=float(tech["water_m3_per_mwh"]),
        land_km2_per_mw=float(tech["land_km2_per_mw"]),
        efficiency=float(tech["round_trip_efficiency"]),
        loss_per_hour=float(tech["standing_loss_per_hour"]),
        availability=prep.shared(available),
    )


def _hall(prep: _Preparation, site: pd.Series, row: pd.Series) -> Hall | None:
    life = schedule.life_months(row["life_years"])
    steps = [
        prep.months(row, f"{s}_months") for s in ("procurement", "construction", "commissioning")
    ]
    variants = prep.variants(
        site["jurisdiction"], row["permit_kind"], (steps[0], steps[1], steps[2]), life
    )
    most = int(np.floor(site["max_it_mw"] / row["it_mw"] + 1e-9))
    if not np.isnan(row["max_blocks"]):
        most = min(most, int(row["max_blocks"]))
    if not variants or most == 0:
        return None
    cost = np.full(len(prep.periods), row["capex_usd_per_mw"] * row["it_mw"] * KILO)
    return Hall(
        site=site["site"],
        block=row["block"],
        it_mw=float(row["it_mw"]),
        max_blocks=most,
        variants=variants,
        permit_kind=row["permit_kind"],
        life=life,
        serves=schedule.serves(prep.periods, life),
        money=tuple(
            prep.money(cost, v, row["order_share"], row["life_years"], prep.rate) for v in variants
        ),
        fom=float(row["fom_usd_per_mw_year"]) * row["it_mw"] * KILO,
        land_km2=float(row["land_km2_per_mw"] * row["it_mw"]),
    )


def _offer(
    prep: _Preparation, site: pd.Series, row: pd.Series, dearest: np.ndarray
) -> Offer | None:
    steps = prep.rows("interconnection_steps", site=row["site"], offer=row["offer"])
    steps = steps.sort_values("from_date")
    starts = np.array([p.start for p in prep.periods], dtype="datetime64[ns]")
    dates = steps["from_date"].to_numpy(dtype="datetime64[ns]")
    last = np.searchsorted(dates, starts, side="right") - 1
    level = {
        name: np.where(last >= 0, steps[name].to_numpy()[np.maximum(last, 0)], 0.0)
        for name in ("firm_mw", "flexible_mw")
    }
    procurement, construction = (
        prep.months(row, f"{s}_months") for s in ("procurement", "construction")
    )
    queue = service.result_month(row, prep.start, prep.step)
    upgrade = service.upgrade_months(row, prep.tables["shared_upgrades"], prep.step)
    month = np.array([p.month for p in prep.periods])
    until = len(prep.periods)
    if pd.notna(row["exit_date"]):
        end = months_between(prep.start, row["exit_date"])
        until = int(sum(p.month + p.months <= end for p in prep.periods))
    stays = np.arange(len(prep.periods)) < until
    served = (month >= queue + upgrade) & stays
    transferable = (month >= row["transfer_months"]) & stays & (row["existing_mw"] > 0)
    variants = tuple(
        schedule.Variant(
            v.name, v.lead, v.possible & served & (last >= 0), v.at_risk, v.open_by, v.delivery
        )
        for v in prep.variants(
            site["jurisdiction"], row["permit_kind"], (procurement, construction, 0), prep.horizon
        )
    )
    variants = tuple(v for v in variants if v.possible.any() or transferable.any())
    if not variants:
        return None
    cut, shed = service.cuts(row, dearest, prep.inputs.profiles)

    def money(kilo_usd: float) -> Money:
        return prep.annuity(kilo_usd, row["life_years"])

    fixed = money(float(row["upgrade_cost_usd"]) * KILO)
    shared = prep.shared_upgrades.get(row["shared_upgrade"])
    if shared is not None and not shared.first_pays:
        part = 1 / shared.shares
        fixed = Money(
            fixed.overnight + part * shared.usd * KILO, fixed.capital + part * shared.capital,
            fixed.risk, fixed.cash,
        )  # fmt: skip
    highest = np.maximum(level["firm_mw"], row["existing_mw"] * transferable) + level["flexible_mw"]
    agreements = prep.rows("service_agreements", site=row["site"], offer=row["offer"])
    signed = tuple(
        make_agreement(
            a, prep.periods, prep.rate, prep.factor, highest_mw=float(highest.max()),
            study_month=service.study_month(row, prep.start), offer_life_years=float(row["life_years"]),
            until=until,
            utility=site["utility"],
        )
        for _, a in agreements.iterrows()
    )  # fmt: skip

    return Offer(
        site=row["site"],
        offer=row["offer"],
        variants=variants,
        permit_kind=row["permit_kind"],
        firm_mw=level["firm_mw"],
        flexible_mw=level["flexible_mw"],
        export_mw=float(row["export_mw"]),
        fixed_money=fixed,
        mw_money=money(float(row["cost_usd_per_kw"])),
        charge=float(row["capacity_charge_usd_per_kw_year"]),
        cut=prep.shared(cut),
        queue_months=queue,
        upgrade_months=upgrade,
        kind=row["kind"],
        shed=prep.shared(shed),
        existing_mw=float(row["existing_mw"]),
        transferable=transferable,
        transfer_money=money(float(row["transfer_cost_usd"]) * KILO),
        until=until,
        shared_upgrade=row["shared_upgrade"],
        grid_group=row["grid_group"],
        agreements=signed,
    )


def _site(prep: _Preparation, number: int, row: pd.Series) -> Site:
    name = row["site"]
    tariffs = prep.tariffs(row)
    tariff = tariffs[0]
    permits = prep.rows("permits", jurisdiction=row["jurisdiction"])
    keys = list(zip(permits["permit_kind"], permits["variant"], strict=True))
    built = _chosen_rows(prep, "site_technologies", name, "technology")
    halls = _chosen_rows(prep, "campus_blocks", name, "block")
    offers = prep.rows("interconnections", site=name)
    lawful = _regime(prep, row["market"], row["jurisdiction"])
    assets = [_asset(prep, row, r) for _, r in built.iterrows()]
    service = tuple(
        o for _, r in offers.iterrows() if (o := _offer(prep, row, r, tariff.dearest)) is not None
    )
    fuels = {a.fuel for a in assets if a is not None and a.fuel}
    fuel_rows = {f: prep.fuel(f, row["gas_hub"]) for f in sorted(fuels)}
    return Site(
        site=name,
        name_row=number,
        land_km2=float(row["land_km2"]),
        land_cost=np.array(
            [row["land_price_usd_per_km2"] * KILO * prep.rate / 12 * p.discounted_months
             for p in prep.periods]
        ),
        opening_cost=np.array(
            [row["opening_cost_usd"] * KILO * prep.factor[p.month] for p in prep.periods]
        ),
        opening_usd=float(row["opening_cost_usd"]),
        can_open=np.array([p.month >= row["opening_months"] for p in prep.periods]),
        max_it_mw=float(row["max_it_mw"]),
        water_limit_m3=float(row["water_limit_m3_per_year"]),
        cooling_water_m3_per_mwh=float(row["cooling_water_m3_per_mwh"]),
        gas_limit_mmbtu_per_hour=float(row["gas_limit_mmbtu_per_hour"]),
        pue=prep.profile(row["pue_profile"]) if row["pue_profile"]
        else prep.shared(np.full(HOURS_PER_YEAR, row["pue"])),
        permit_cost=dict(zip(keys, permits["cost_usd"] * KILO * prep.factor[0], strict=True)),
        permit_nox=dict(zip(keys, permits["max_nox_short_tons_per_year"], strict=True)),
        permit_mw=dict(zip(keys, permits["max_mw"], strict=True)),
        assets=tuple(a for a in assets if a is not None),
        halls=tuple(h for _, r in halls.iterrows() if (h := _hall(prep, row, r)) is not None),
        offers=service,
        tariffs=tariffs,
        fuel_price={
            f: prep.shared(prep.hourly(r["price_usd_per_mmbtu"], r["price_profile"]) * KILO)
            for f, r in fuel_rows.items()
        },
        fuel_growth={f: float(r["price_growth_per_year"]) for f, r in fuel_rows.items()},
        market=row["market"],
        contracts=make_contracts(
            prep.inputs, row, _chosen_rows(prep, "site_contracts", name, "contract"),
            prep.periods, prep.start, (tariff.price, tariff.growth), prep.shared,
            has_service=bool(service),
        ),
        clean={t.tariff: prep.shared(clean_share(prep.tables, prep.inputs.profiles, t.tariff))
               for t in tariffs},
        marginal_co2=marginal_co2(prep.tables, prep.inputs.profiles, tariff.tariff),
        islanded=lawful is None or bool(lawful["islanded_self_supply"]),
        parallel=lawful is None or bool(lawful["parallel_self_supply"]),
    )  # fmt: skip


def _workloads(prep: _Preparation) -> dict[str, Workload]:
    compute = prep.tables["compute"].set_index("accelerator")
    made = {}
    for _, row in prep.tables["workloads"].iterrows():
        price = row["delay_price_usd_per_mw_month"]
        if np.isnan(price):
            unit = compute.loc[row["accelerator"]]
            yearly = capital_recovery_factor(unit["real_rate"], unit["life_months"] / 12)
            price = unit["margin_usd_per_mw_month"] + unit["capex_usd_per_mw"] * yearly / 12
        load = np.full(HOURS_PER_YEAR, row["load_factor"])
        if row["load_profile"]:
            load = load * prep.profile(row["load_profile"])
        made[row["workload"]] = Workload(row["workload"], load, float(price) * KILO)
    return made


def _reach(prep: _Preparation) -> dict[tuple[str, str, str], float]:
    """Cost [k$/MW-month] of each workload x region x site that latency allows."""
    given = {
        (r["workload"], r["region"], r["site"]): r for _, r in prep.tables["placement"].iterrows()
    }
    per_km = float(prep.inputs.setting("fibre_ms_per_km"))
    wanted = prep.tables["demand"][["workload", "region"]].drop_duplicates()
    limits = prep.tables["workloads"].set_index("workload")["max_latency_ms"]
    regions = prep.tables["regions"].set_index("region")
    reach = {}
    for _, (workload, region) in wanted.iterrows():
        for _, site in prep.tables["sites"].iterrows():
            row = given.get((workload, region, site["site"]))
            latency = float("nan") if row is None else float(row["latency_ms"])
            if np.isnan(latency):
                place = regions.loc[region]
                km = great_circle_km(
                    place["longitude"], place["latitude"], site["longitude"], site["latitude"]
                )
                latency = km * per_km + site["fibre_latency_ms"]
            if np.isnan(limits[workload]) or latency <= limits[workload]:
                cost = 0.0 if row is None else float(row["cost_usd_per_mw_month"]) * KILO
                reach[workload, region, site["site"]] = cost
    return reach


def _components(prep: _Preparation) -> tuple[Component, ...]:
    supply, use = prep.tables["supply"], prep.tables["component_use"]
    made = []
    for _, row in prep.tables["components"].iterrows():
        name = row["component"]
        dated: dict[int, float] = {}
        for _, r in supply[supply["component"] == name].iterrows():
            month = months_between(prep.start, r["date"])
            dated[month] = dated.get(month, 0.0) + float(r["amount"])
        users = {
            (r["user_kind"], r["user"]): (float(r["per_mw"]), float(r["per_unit"]))
            for _, r in use[use["component"] == name].iterrows()
        }
        made.append(Component(name, bool(row["stockable"]), dated, users))
    return tuple(made)


def prepare(inputs: Inputs) -> Case:
    """Turn checked inputs into a case.

    Parameters
    ----------
    inputs : tables and profiles without problems (see ``optimizer.reading``)
    """
    prep = _Preparation(inputs)
    periods, policies = prep.periods, prep.tables["policies"]
    groups: dict[str, list[int]] = {}
    for p in periods:
        groups.setdefault(p.group, []).append(p.index)
    workloads = _workloads(prep)
    demand, backlog = {}, {}
    names = {p.name: p.index for p in periods}
    for _, row in prep.tables["demand"].iterrows():
        key = (row["workload"], row["region"], names[row["period"]])
        demand[key] = float(row["it_mw"])
        most = row["max_backlog_mw"]
        backlog[key] = demand[key] if np.isnan(most) else min(float(most), demand[key])

    def by_year(kind: str) -> pd.DataFrame:
        return policies[policies["kind"] == kind]

    caps = []
    co2_price, price_scope = np.zeros(len(periods)), "total"
    for group, members in groups.items():
        year = periods[members[0]].year
        hours = sum(len(periods[p].hours) for p in members)
        for _, row in _in_year(by_year("co2_cap"), year).iterrows():
            caps.append(
                Limit(row["policy"], group, row["scope"], row["value"] * hours / HOURS_PER_YEAR)
            )
        for _, row in _in_year(by_year("co2_price"), year).iterrows():
            co2_price[members] = row["value"] * KILO
            price_scope = row["scope"]
    years = range(prep.start.year, prep.start.year + (prep.horizon + 11) // 12 + 1)
    budgets = {
        year: float(row["value"]) * KILO
        for year in years
        for _, row in _in_year(by_year("budget"), year).iterrows()
    }
    allowed = by_year("allowed_unserved_share")["value"]
    given = inputs.setting("unserved_price_usd_per_mwh")
    delay = max((w.delay_price for w in workloads.values()), default=0.0)
    least = max(
        10.0, 3 * delay / HOURS_PER_MONTH, KILO * unserved_usd_per_mwh(prep.tables, prep.money_year)
    )
    sites = prep.tables["sites"]
    group_years = {group: periods[members[0]].year for group, members in groups.items()}
    return Case(
        inputs=inputs,
        name=str(inputs.setting("case_name")),
        periods=periods,
        horizon=prep.horizon,
        factor=prep.factor,
        rate=prep.rate,
        start=prep.start,
        sites={row["site"]: _site(prep, int(str(n)), row) for n, row in sites.iterrows()},
        workloads=workloads,
        demand=demand,
        max_backlog=backlog,
        reach=_reach(prep),
        components=_components(prep),
        co2_caps=tuple(caps),
        co2_price=co2_price,
        co2_price_scope=price_scope,
        budgets=budgets,
        unserved_price=least if given is None else float(given) * KILO,
        allowed_unserved_share=float(allowed.max()) if len(allowed) else 0.0,
        groups={g: tuple(m) for g, m in groups.items()},
        rules=make_rules(prep.tables, group_years),
        hedges=make_hedges(prep.tables, group_years),
        shared_upgrades=prep.shared_upgrades,
        grid_groups={
            r["grid_group"]: float(r["shared_mw"]) for _, r in prep.tables["grid_groups"].iterrows()
        },
        utilities=dict(zip(sites["site"], sites["utility"], strict=True)),
        security_caps={
            year: float(row["value"]) * KILO
            for year in years
            for _, row in _in_year(by_year("security_cap"), year).iterrows()
        },
    )


def _regime(prep: _Preparation, market: str, jurisdiction: str) -> pd.Series | None:
    """What is lawful at a place; a row that names the jurisdiction goes before its market's."""
    for place in (jurisdiction, ""):
        mine = prep.rows("regimes", market=market, jurisdiction=place)
        if len(mine):
            return mine.iloc[0]
    return None


def _in_year(rows: pd.DataFrame, year: int) -> pd.DataFrame:
    """Rows for a calendar year; one that names the year goes before one for every year."""
    own = rows[rows["year"] == year]
    return own if len(own) else rows[rows["year"].isna()]
