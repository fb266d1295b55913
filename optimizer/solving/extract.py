"""From a point of the planning model and its dispatch to the tables of a plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyomo.environ as pyo

from optimizer.model.blocks import links
from optimizer.model.blocks.assembly import Shape
from optimizer.model.blocks.grid import carbon_price, growth
from optimizer.model.build import Planning
from optimizer.model.parts import tariffs
from optimizer.model.parts.common import added, standing
from optimizer.model.parts.water import cooling_m3_per_mw
from optimizer.preparing.case import Asset, Case, Hall, Offer, Site
from optimizer.preparing.schedule import Variant
from optimizer.preparing.tariffs import Tariff
from optimizer.results.plan import Plan
from optimizer.settings import SolveReport
from optimizer.solving import bills, extract_agreements, extract_contracts
from optimizer.solving.memory import give_back
from optimizer.solving.oracles import BlockOracle
from optimizer.solving.planning_arrays import PlanningArrays
from optimizer.solving.truth import Truth

NOISE = 1e-7
TABLES = (
    "sites", "campus", "capacity", "interconnection", "permits", "placement", "backlog",
    "schedule", "operation", "bills", "costs", "cashflow", "limits", *extract_agreements.COLUMNS,
)  # fmt: skip
COLUMNS: dict[str, tuple[str, ...]] = {
    "sites": ("site", "longitude", "latitude", "market", "jurisdiction", "opened", "open_period",
              "open_date"),
    "campus": ("site", "block", "variant", "period", "added_blocks", "standing_blocks",
               "standing_it_mw"),
    "capacity": ("site", "technology", "variant", "period", "added_units", "added_mw", "added_mwh",
                 "standing_mw", "standing_mwh", "at_risk"),
    "interconnection": ("site", "offer", "variant", "period", "connected", "firm_mw",
                        "flexible_mw", "export_mw"),
    "permits": ("site", "permit_kind", "variant", "cost_usd"),
    "placement": ("workload", "region", "site", "period", "it_mw"),
    "backlog": ("workload", "region", "period", "demand_mw", "placed_mw", "backlog_mw"),
    "schedule": ("site", "kind", "item", "variant", "period", "amount", "unit", "step", "start",
                 "end"),
    "operation": ("site", "period", "technology", "metric", "value", "passes"),
    "bills": ("site", "period", "month", "tariff", "charge", "quantity", "unit", "rate", "usd",
              "passes"),
    "costs": ("category", "site", "item", "period", "usd"),
    "cashflow": ("date", "site", "category", "item", "usd"),
    "limits": ("limit", "scope", "period_or_year", "used", "limit_value", "unit", "binding"),
    **extract_agreements.COLUMNS,
}  # fmt: skip


def cleaned(planning: Planning, arrays: PlanningArrays, x: np.ndarray) -> np.ndarray:
    """x without solver noise: whole integers, no negatives, no shrinking, links recomputed."""
    y = x.copy()
    y[arrays.integer] = np.round(y[arrays.integer])
    y = np.clip(y, arrays.lower, arrays.upper)
    load(arrays, y)
    case = planning.case
    for name, site in case.sites.items():
        block = planning.model.site[name]
        signed = (block.ppa_mw,) if site.contracts else ()
        ends = {offer.offer: offer.until for offer in site.offers}
        for variable in (block.built_mw, block.built_mwh, *_grid_levels(block, site), *signed):
            keys = dict.fromkeys(k[:-1] for k in variable)
            for key in keys:
                last = 0.0
                until = len(case.periods)
                if variable in _grid_levels(block, site):
                    until = ends[key[0]]
                for p in range(until):
                    here = max(last, float(pyo.value(variable[(*key, p)])))
                    here = last if here - last < NOISE else here
                    variable[(*key, p)].set_value(here, skip_validation=True)
                    last = here
        for asset in site.assets:
            for p in range(len(case.periods)):
                total = sum(
                    (asset.unit_mw or 1.0) * _value(standing(_count(block, asset), (
                        asset.technology, v.name), asset.serves, p)) for v in asset.variants
                )  # fmt: skip
                block.standing_mw[asset.technology, p].set_value(total, skip_validation=True)
        for key in block.place:
            if block.place[key].value is not None and block.place[key].value < NOISE:
                block.place[key].set_value(0.0, skip_validation=True)
    for (w, r, p), missing in planning.model.backlog.items():
        placed = sum(
            _value(site.place[w, r, p])
            for site in planning.model.site.values()
            if (w, r, p) in site.place
        )
        missing.set_value(max(0.0, case.demand[w, r, p] - placed), skip_validation=True)
    extract_contracts.make_consistent(planning.model, case, arrays.upper_sides)
    extract_agreements.clean(planning)
    if tariffs.applies(case):
        for block in planning.model.site.values():
            tariffs.reach(block)
    for k, v in enumerate(arrays.variables):
        y[k] = v.value
    for name, site in case.sites.items():
        block = planning.model.site[name]
        for k, link in enumerate(links.names(case, site)):
            for p in range(len(case.periods)):
                y[arrays.link[name][k, p]] = _value(block.links[p][link])
    load(arrays, y)
    return np.asarray(y)


def _grid_levels(block: pyo.Block, site: Site) -> tuple[Any, ...]:
    return (block.firm_mw, block.flexible_mw) if site.offers else ()


def _count(block: pyo.Block, asset: Asset) -> Any:
    return block.units if asset.unit_mw else block.built_mw


def load(arrays: PlanningArrays, x: np.ndarray) -> None:
    """Give the Pyomo variables their values."""
    for variable, value in zip(arrays.variables, x, strict=True):
        variable.set_value(float(value), skip_validation=True)


def _value(expression: Any) -> float:
    return float(pyo.value(expression))


class _Hours:
    """The hourly series of all blocks, filled in block by block.

    Each series is there once, over all ``rows``; pages of it that stay 0 take no memory.
    """

    def __init__(self, rows: int) -> None:
        self.rows, self.filled = rows, 0
        self.blocks: list[tuple[str, str, int]] = []
        self.series: dict[str, np.ndarray] = {}

    def add(self, block: dict[str, Any]) -> None:
        """The series of one block by name, with its site and period."""
        count = len(block["hour"])
        part = slice(self.filled, self.filled + count)
        self.filled += count
        self.blocks.append((block["site"], block["period"], count))
        for name, values in block.items():
            if name in ("site", "period"):
                continue
            if name not in self.series:
                self.series[name] = np.zeros(self.rows, dtype=np.asarray(values).dtype)
            if values.any():
                self.series[name][part] = values

    def frames(self) -> list[dict[str, Any]]:
        """The series of each block by name, with its site and period; views, not copies."""
        found, first = [], 0
        for site, period, count in self.blocks:
            part = slice(first, first + count)
            series = {name: values[part] for name, values in self.series.items()}
            found.append({"site": site, "period": period, **series})
            first += count
        return found

    def table(self) -> pd.DataFrame:
        """One row an hour of a block; site and period by number, their names once."""
        if not self.blocks:
            return pd.DataFrame(columns=["site", "period", "hour", "it_mw", "load_mw", "import_mw",
                                         "export_mw", "unserved_mw"])  # fmt: skip
        sites, periods, lengths = zip(*self.blocks, strict=True)
        columns: dict[str, Any] = {}
        for name, blocks in (("site", sites), ("period", periods)):
            known = list(dict.fromkeys(blocks))
            number = {value: k for k, value in enumerate(known)}
            codes = np.repeat(np.array([number[b] for b in blocks], dtype=np.int16), lengths)
            columns[name] = pd.Categorical.from_codes(codes, known)
        # Not copied into one block: that would be all of it twice.
        return pd.DataFrame({**columns, **self.series}, copy=False)


class Extraction:
    """Collects rows of the result tables."""

    def __init__(
        self, planning: Planning, arrays: PlanningArrays, oracle: BlockOracle,
        x: np.ndarray, truth: Truth,
    ) -> None:  # fmt: skip
        self.planning, self.arrays, self.oracle = planning, arrays, oracle
        self.case: Case = planning.case
        self.x, self.truth = x, truth
        self.rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in TABLES}
        self.hours = _Hours(sum(len(oracle.shape(site, p).hours) for site, p in truth.operating))
        self.bills: dict[tuple[str, int], dict[str, extract_agreements.Bill]] = {}
        load(arrays, x)

    # -- decisions ------------------------------------------------------------------------

    def date(self, month: int) -> pd.Timestamp:
        """First of a month counted from the plan's start."""
        return self.case.start + pd.DateOffset(months=int(month))

    def decisions(self) -> None:
        """Sites, campus, capacity, interconnection, permits and their dates."""
        for name, site in self.case.sites.items():
            block = self.planning.model.site[name]
            self._site(name, site, block)
            for hall in site.halls:
                self._hall(block, site, hall)
            for asset in site.assets:
                self._asset(block, site, asset)
            if site.offers:
                self._grid(block, site)
                extract_agreements.grid_cash(self, block, site)
            for (kind, variant), permit in (block.find_component("permit") or {}).items():
                if permit.value is not None and permit.value > 0.5:
                    cost = site.permit_cost[kind, variant] / self.case.factor[0] * 1e3
                    self.rows["permits"].append((name, kind, variant, cost))
                    self._cash(0, name, "permits", f"{kind}/{variant}", cost)

    def _site(self, name: str, site: Site, block: pyo.Block) -> None:
        row = self.case.inputs.tables["sites"].loc[site.name_row]
        opened = [p for p in range(len(self.case.periods)) if _value(block.open[p]) > 0.5]
        first = self.case.periods[opened[0]] if opened else None
        self.rows["sites"].append(
            (
                name, row["longitude"], row["latitude"], row["market"], row["jurisdiction"],
                bool(opened), first.name if first else "", first.start if first else pd.NaT,
            )
        )  # fmt: skip
        if first:
            self.rows["schedule"].append(
                (name, "opening", name, "", first.name, 1.0, "site", "open", first.start,
                 first.start)
            )  # fmt: skip
            if site.opening_usd:
                self._cash(first.month, name, "opening", "opening", site.opening_usd)

    def leave_closed(self, sites: Sequence[str]) -> None:
        """Sites that are not opened, all in the order of the input."""
        table = self.case.inputs.tables["sites"].set_index("site")
        for name in sites:
            row = table.loc[name]
            self.rows["sites"].append(
                (name, row["longitude"], row["latitude"], row["market"], row["jurisdiction"],
                 False, "", pd.NaT)
            )  # fmt: skip
        order = {name: k for k, name in enumerate(table.index)}
        self.rows["sites"].sort(key=lambda r: order[r[0]])

    def _steps(
        self, site: str, kind: str, item: str, variant: Variant, q: int, amount: float, unit: str
    ) -> None:
        period = self.case.periods[q]
        lead = variant.lead
        construction = period.month - lead.commissioning - lead.construction
        permit_end = construction if variant.at_risk[q] else construction - lead.procurement
        steps = (
            ("permit", permit_end - lead.permit, permit_end),
            ("procurement", construction - lead.procurement, construction),
            ("construction", construction, construction + lead.construction),
            ("commissioning", construction + lead.construction, period.month),
            ("online", period.month, period.month),
        )
        for step, start, end in steps:
            if end > start or step == "online":
                self.rows["schedule"].append(
                    (site, kind, item, variant.name, period.name, amount, unit, step,
                     self.date(start), self.date(end))
                )  # fmt: skip

    def _cash(self, month: int, site: str, category: str, item: str, usd: float) -> None:
        if usd:
            self.rows["cashflow"].append((self.date(month), site, category, item, usd))

    def _hall(self, block: pyo.Block, site: Site, hall: Hall) -> None:
        for v, variant in enumerate(hall.variants):
            key = (hall.block, variant.name)
            for p, period in enumerate(self.case.periods):
                new = round(_value(added(block.halls, key, p)))
                stand = round(_value(standing(block.halls, key, hall.serves, p)))
                if new or stand:
                    self.rows["campus"].append(
                        (site.site, hall.block, variant.name, period.name, new, stand,
                         stand * hall.it_mw)
                    )  # fmt: skip
                if new:
                    self._steps(site.site, "campus_block", hall.block, variant, p, new, "blocks")
                    for month, paid in hall.money[v].payments(p).items():
                        self._cash(month, site.site, "campus_capital", hall.block, paid * new * 1e3)

    def _asset(self, block: pyo.Block, site: Site, asset: Asset) -> None:
        size = asset.unit_mw or 1.0
        for v, variant in enumerate(asset.variants):
            key = (asset.technology, variant.name)
            for p, period in enumerate(self.case.periods):
                count = _value(added(_count(block, asset), key, p))
                new = size * count
                stand = size * _value(standing(_count(block, asset), key, asset.serves, p))
                new_mwh = stand_mwh = 0.0
                if asset.chooses_energy:
                    new_mwh = _value(added(block.built_mwh, key, p))
                    stand_mwh = _value(standing(block.built_mwh, key, asset.serves, p))
                elif asset.is_storage:
                    new_mwh, stand_mwh = asset.duration_h * new, asset.duration_h * stand
                if new == 0 and stand == 0 and new_mwh == 0 and stand_mwh == 0:
                    continue
                self.rows["capacity"].append(
                    (
                        site.site, asset.technology, variant.name, period.name,
                        count if asset.unit_mw else 0.0, new, new_mwh, stand, stand_mwh,
                        bool(variant.at_risk[p] and (new > 0 or new_mwh > 0)),
                    )
                )  # fmt: skip
                if new > 0 or new_mwh > 0:
                    self._steps(site.site, "technology", asset.technology, variant, p, new, "MW")
                    paid = _payments(asset, v, p, new, new_mwh)
                    for month, usd in paid.items():
                        self._cash(month, site.site, "generation_capital", asset.technology, usd)

    def _grid(self, block: pyo.Block, site: Site) -> None:
        for offer in site.offers:
            for variant in offer.variants:
                key = (offer.offer, variant.name)
                for p, period in enumerate(self.case.periods):
                    here = round(_value(block.connected[(*key, p)]))
                    if not here:
                        continue
                    firm, flexible = (
                        _value(level[(*key, p)]) for level in (block.firm_mw, block.flexible_mw)
                    )
                    new = round(_value(added(block.connected, key, p)))
                    usd = 1e3 * _grid_payment(block, offer, key, p)
                    self.rows["interconnection"].append(
                        (site.site, offer.offer, variant.name, period.name, 1, firm, flexible,
                         offer.export_mw)
                    )  # fmt: skip
                    self._cash(period.month, site.site, "interconnection", offer.offer, usd)
                    if new:
                        name = (site.site, "interconnection", offer.offer)
                        self._steps(*name, variant, p, firm + flexible, "MW")
                        for step, start, end in (
                            ("queue", 0, offer.queue_months),
                            ("upgrade", offer.queue_months,
                             offer.queue_months + offer.upgrade_months),
                        ):  # fmt: skip
                            if end > start:
                                self.rows["schedule"].append(
                                    (*name, variant.name, period.name, firm + flexible, "MW",
                                     step, self.date(start), self.date(end))
                                )  # fmt: skip

    def compute(self) -> None:
        """Placement and backlog."""
        case, model = self.case, self.planning.model
        for (w, r, p), wanted in case.demand.items():
            placed = 0.0
            for name in case.sites:
                place = model.site[name].place
                mw = _value(place[w, r, p]) if (w, r, p) in place else 0.0
                placed += mw
                if mw > 0:
                    self.rows["placement"].append((w, r, name, case.periods[p].name, mw))
            self.rows["backlog"].append(
                (w, r, case.periods[p].name, wanted, placed, max(0.0, wanted - placed))
            )

    # -- money ----------------------------------------------------------------------------

    def costs(self) -> None:
        """Every ledger entry that is paid; operation is entered by :meth:`operation`."""
        for entry in self.planning.ledger.entries:
            if entry.category == "operation":
                continue
            usd = _value(entry.expression) * 1e3
            if abs(usd) > 1e-6:
                self.rows["costs"].append(
                    (entry.category, entry.site, entry.item, entry.period, usd)
                )

    def operation(self) -> None:
        """Dispatch, its energy, emissions and money, for each site and period with load.

        What has been entered is taken out of the truth: two dispatches of all hours are many GB.
        """
        done = ""
        for site_name, p in sorted(self.truth.operating):
            if site_name != done:
                give_back()  # the allocator would keep what the sites before have left
                done = site_name
            operated = self.truth.operating.pop((site_name, p))
            assert operated.dispatch is not None
            shape = self.oracle.shape(site_name, p)
            at = np.maximum(self.x[self.arrays.link[site_name][:, p]], 0.0)
            upper = shape.upper @ at
            upper[shape.unbounded] = np.inf
            values = np.clip(operated.dispatch, 0.0, upper)
            self._operate(self.case.sites[site_name], p, shape, at, values)
        frames = {(f["site"], f["period"]): f for f in self.hours.frames()}
        for name, site in self.case.sites.items():
            self._bills(name, site, frames)

    def tariff(self, name: str, p: int) -> Tariff | None:
        """The tariff under which a site is connected in a period."""
        site, block = self.case.sites[name], self.planning.model.site[name]
        keys = [(o.offer, v.name, p) for o in site.offers for v in o.variants]
        if not any(round(_value(block.connected[key])) for key in keys):
            return None
        several = len(site.tariffs) > 1
        chosen = [t for t in site.tariffs if several and _value(block.taken[t.tariff, p]) > 0.5]
        return chosen[0] if chosen else site.tariff

    def used_tariff(self, name: str, p: int) -> Tariff:
        """The tariff of a period; the site's own while it is not connected."""
        return self.tariff(name, p) or self.case.sites[name].tariff

    def _bills(
        self, name: str, site: Site, hours: Mapping[tuple[str, str], dict[str, Any]]
    ) -> None:
        """Bills of a site, and their money by category."""
        case, block = self.case, self.planning.model.site[name]
        taken = {p.index: t for p in case.periods if (t := self.tariff(name, p.index))}
        basis = links.contract_basis(case, site) if taken else []
        contract = {p: sum(_value(block.links[p][link]) for link in basis) for p in taken}
        frames = {p.index: hours[name, p.name] for p in case.periods if (name, p.name) in hours}
        for period, tariff, lines in bills.site_bills(case, site, taken, frames, contract):
            paid: dict[str, float] = {}
            for line in lines:
                self.rows["bills"].append(
                    (name, period.name, line.month, tariff.tariff, line.charge, line.quantity,
                     line.unit, line.rate, line.usd, period.passes)
                )  # fmt: skip
                category = bills.CATEGORY[line.kind]
                paid[category] = paid.get(category, 0.0) + line.usd
            fixed = paid.pop("fixed_charge", 0.0)  # entered by the plan, as is the tax on it
            if "tax" in paid:
                paid["tax"] -= tariff.tax * fixed
            for category, usd in paid.items():
                self._money(category, site, period.index, "grid", usd / 1e3)

    def _operate(
        self, site: Site, p: int, shape: Shape, at: np.ndarray, values: np.ndarray
    ) -> None:
        case, period = self.case, self.case.periods[p]
        it = np.zeros(len(shape.hours))
        water = 0.0
        for k, (name, workload) in enumerate(case.workloads.items()):
            it += at[k] * workload.load[shape.hours]
            water += at[k] * cooling_m3_per_mw(case, site, name, p)
        series = {name: values[part] for name, part in shape.groups.items()}
        zero = np.zeros(len(it))
        frame: dict[str, Any] = {
            "site": site.site,
            "period": period.name,
            "hour": shape.hours,
            "it_mw": it,
            "load_mw": it * site.pue[shape.hours],
            "import_mw": sum((v for n, v in series.items() if n.split(":")[0] == "import"), zero),
            "export_mw": sum((v for n, v in series.items() if n.split(":")[0] == "export"), zero),
            "unserved_mw": series["unserved"],
        }

        def metric(technology: str, name: str, value: float) -> None:
            self.rows["operation"].append(
                (site.site, period.name, technology, name, float(value), period.passes)
            )

        metric("load", "it_mwh", it.sum())
        metric("load", "facility_mwh", frame["load_mw"].sum())
        metric("load", "water_m3", water)
        metric("unserved", "unserved_mwh", frame["unserved_mw"].sum())
        self._money(
            "unserved", site, p, "unserved", case.unserved_price * frame["unserved_mw"].sum()
        )
        grid_carbon = carbon_price(case, period, onsite=False)
        tariff = self.used_tariff(site.site, p)
        if site.offers:
            co2 = float(frame["import_mw"] @ tariff.co2[shape.hours])
            co2 += float(extract_contracts.delivered(site, series) @ site.grid_co2[shape.hours])
            clean = site.clean[tariff.tariff][shape.hours]
            metric("grid", "import_mwh", frame["import_mw"].sum())
            metric("grid", "clean_mwh", float(frame["import_mw"] @ clean))
            metric("grid", "export_mwh", frame["export_mw"].sum())
            metric("grid", "co2_t", co2)
            self._money("carbon", site, p, "grid", co2 * grid_carbon)
        extract_contracts.pass_of_contracts(
            self.planning.model.site[site.site], site, period, series, frame,
            tariff.co2, metric,
            lambda item, kilo_usd: self._money("contract_energy", site, p, item, kilo_usd),
        )  # fmt: skip
        for asset in site.assets:
            k = shape.links.index(links.power(asset))
            if at[k] <= 0 and not asset.is_storage:
                continue
            self._operate_asset(site, p, shape, asset, at[k], series, frame, metric)
        if site.agreements:
            through = [
                v for k, v in frame.items() if k == "import_mw" or k.startswith("delivery_mw:")
            ]
            quantities = dict(zip(shape.links, at.tolist(), strict=True))
            self.bills[site.site, p] = extract_agreements.bill(
                self, site, p, quantities, np.sum(through, axis=0)
            )
        self.hours.add(frame)

    def _operate_asset(
        self, site: Site, p: int, shape: Shape, asset: Asset, mw: float,
        series: dict[str, np.ndarray], frame: dict[str, Any], metric: Any,
    ) -> None:  # fmt: skip
        case, period, name = self.case, self.case.periods[p], asset.technology
        if asset.is_storage:
            for what in ("charge", "discharge"):
                frame[f"{what}_mw:{name}"] = series[f"{what}:{name}"]
                metric(name, f"{what}_mwh", series[f"{what}:{name}"].sum())
            frame[f"soc_mwh:{name}"] = series[f"soc:{name}"]
            self._money("vom", site, p, name, asset.vom * series[f"discharge:{name}"].sum())
            return
        made = series[f"generation:{name}"]
        energy = float(made.sum())
        frame[f"generation_mw:{name}"] = made
        metric(name, "generation_mwh", energy)
        metric(name, "co2_t", energy * asset.co2_t_per_mwh)
        metric(name, "water_m3", energy * asset.water_m3_per_mwh)
        if asset.kind == "variable":
            available = mw * asset.availability[shape.hours]
            frame[f"available_mw:{name}"] = available
            metric(name, "curtailed_mwh", available.sum() - energy)
        if asset.fuel:
            price = site.fuel_price[asset.fuel][shape.hours]
            grown = price * growth(case, site.fuel_growth[asset.fuel], period)
            self._money("fuel", site, p, name, asset.heat_rate * float(made @ grown))
        self._money("vom", site, p, name, asset.vom * energy)
        carbon = carbon_price(case, period, onsite=True)
        self._money("carbon", site, p, name, energy * asset.co2_t_per_mwh * carbon)

    def _money(self, category: str, site: Site, p: int, item: str, kilo_usd: float) -> None:
        period = self.case.periods[p]
        if kilo_usd:
            usd = kilo_usd * period.pass_weight * 1e3
            self.rows["costs"].append((category, site.site, item, period.name, usd))

    def dispatch(self) -> pd.DataFrame:
        """All hours of all blocks; series that a site does not have are 0."""
        return self.hours.table()

    # -- limits ---------------------------------------------------------------------------

    def limits(self) -> None:
        """What is used of each limit."""
        for row in self._limits():
            used, limit = row[3], row[4]
            binding = used >= limit - 1e-6 * max(1.0, abs(limit))
            self.rows["limits"].append((*row, bool(binding)))

    def _limits(self) -> Iterator[tuple[str, str, str, float, float, str]]:
        case, model = self.case, self.planning.model
        for name, site in case.sites.items():
            block = model.site[name]
            if _value(block.open[len(case.periods) - 1]) < 0.5:
                continue
            for p, period in enumerate(case.periods):
                for key, limit, unit, words in (
                    (("land", p), site.land_km2, "km2", "land"),
                    (("gas", p), site.gas_limit_mmbtu_per_hour, "MMBtu/h", "gas supply"),
                ):
                    if key in block.joint and not np.isnan(limit):
                        used = sum(_value(t) for t in block.joint[key])
                        yield words, name, period.name, used, limit, unit
                yield (
                    "campus", name, period.name, _value(block.it_capacity[p]), site.max_it_mw, "MW"
                )  # fmt: skip
            if not np.isnan(site.water_limit_m3):
                yield from self._water(name, site)
        operation = pd.DataFrame(self.rows["operation"], columns=list(COLUMNS["operation"]))
        for cap in case.co2_caps:
            members = {case.periods[p].name for p in case.groups[cap.group]}
            rows = operation[(operation["metric"] == "co2_t") & operation["period"].isin(members)]
            if cap.scope == "onsite":
                rows = rows[rows["technology"] != "grid"]
            yield cap.name, cap.scope, cap.group, float(rows["value"].sum()), cap.value, "t"
        paid = pd.DataFrame(self.rows["cashflow"], columns=list(COLUMNS["cashflow"]))
        for year, budget in case.budgets.items():
            used = paid.loc[pd.to_datetime(paid["date"]).dt.year == year, "usd"].sum()
            yield "budget", "all sites", str(year), float(used), budget * 1e3, "USD"
        yield from extract_agreements.limits(self)
        yield from self._slots()

    def _water(self, name: str, site: Site) -> Iterator[tuple[str, str, str, float, float, str]]:
        for group, members in self.case.groups.items():
            periods = {self.case.periods[p].name for p in members}
            used = sum(
                r[4] for r in self.rows["operation"]
                if r[0] == name and r[1] in periods and r[3] == "water_m3"
            )  # fmt: skip
            limit = site.water_limit_m3 * self.case.group_hours(group) / 8760
            yield "water", name, group, float(used), limit, "m3"

    def _slots(self) -> Iterator[tuple[str, str, str, float, float, str]]:
        for component in self.case.components:
            due: dict[int, float] = {}
            for site in self.planning.model.site.values():
                for key, terms in site.joint.items():
                    if key[0] == "slot" and key[1] == component.component:
                        due[key[2]] = due.get(key[2], 0.0) + sum(_value(t) for t in terms)
            for period in self.case.periods:
                end = period.month + period.months
                start = 0 if component.stockable else period.month
                used = sum(v for m, v in due.items() if start <= m < end)
                limit = sum(v for m, v in component.supply.items() if m < end and (
                    component.stockable or m >= start))  # fmt: skip
                yield "component slots", component.component, period.name, used, limit, "slots"


def _grid_payment(block: pyo.Block, offer: Offer, key: tuple[str, str], p: int) -> float:
    """What connecting, or more MW, costs in p, undiscounted [k$]."""
    new = round(_value(added(block.connected, key, p)))
    fixed, per_mw = offer.fixed_money.overnight[p], offer.mw_money.overnight[p]
    if offer.existing_mw > 0:
        wider = round(_value(added(block.extended, key, p)))
        more = _value(added(block.beyond_mw, key, p))
        return float(offer.transfer_money.overnight[p] * new + fixed * wider + per_mw * more)
    more = _value(added(block.firm_mw, key, p)) + _value(added(block.flexible_mw, key, p))
    return float(fixed * new + per_mw * more)


def _payments(asset: Asset, v: int, p: int, mw: float, mwh: float) -> dict[int, float]:
    """Undiscounted payments by month [US$]."""
    paid = {m: k * mw * 1e3 for m, k in asset.money_mw[v].payments(p).items()}
    if asset.chooses_energy:
        for month, kilo in asset.money_mwh[v].payments(p).items():
            paid[month] = paid.get(month, 0.0) + kilo * mwh * 1e3
    return paid


def to_plan(
    planning: Planning,
    arrays: PlanningArrays,
    oracle: BlockOracle,
    x: np.ndarray,
    truth: Truth,
    report: SolveReport,
    unused: Sequence[str] = (),
) -> Plan:
    """The plan's tables and dispatch; ``report.objective`` becomes the sum of the costs.

    ``unused`` are sites that the planning model leaves out because nothing is built there.
    """
    extraction = Extraction(planning, arrays, oracle, x, truth)
    extraction.decisions()
    extraction.leave_closed(unused)
    extraction.compute()
    extraction.costs()
    extraction.operation()
    extract_agreements.agreement_rows(extraction, extraction.bills)
    extraction.limits()
    tables = {
        name: pd.DataFrame(extraction.rows[name], columns=list(COLUMNS[name])) for name in TABLES
    }
    bought = extract_contracts.ContractTables(
        planning.model, planning.case, extraction.hours.frames(),
        lambda site, p: extraction.used_tariff(site, p).tariff,
    )  # fmt: skip
    for name, rows in bought.tables().items():
        tables[name] = pd.DataFrame(rows, columns=list(extract_contracts.COLUMNS[name]))
    report.objective = float(tables["costs"]["usd"].sum())
    report.bound = min(report.bound, report.objective)
    return Plan(planning.case.inputs, tables, extraction.dispatch(), report)
