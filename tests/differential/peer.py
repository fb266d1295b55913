"""The problem as a PyPSA network, written from the numbers alone and solved as one program."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from tests.differential.problem import (
    EVERY_MONTH,
    RATE,
    WEEKDAYS_OF,
    Answer,
    CoincidentPeak,
    DemandCharge,
    Grid,
    Matching,
    Ppa,
    Problem,
    Source,
    Store,
)

HOURS = pd.RangeIndex(8760, name="snapshot")
CALENDAR = pd.date_range(f"{WEEKDAYS_OF}-01-01", periods=8760, freq="h")
SOLVER = {"solver": "ipm", "run_crossover": "off", "ipm_optimality_tolerance": 1e-9,
          "output_flag": False, "threads": 1}  # fmt: skip

SERVICES = ("firm", "flexible")


def there(grid: Grid) -> np.ndarray:
    """Share of flexible service that is there in each hour."""
    return np.ones(8760) if grid.cut is None else 1 - grid.cut


def annuity(life_years: float) -> float:
    """Yearly payment for each dollar of a loan over a life [1/year]."""
    return RATE * (1 + RATE) ** life_years / ((1 + RATE) ** life_years - 1)


class Network:
    """A bus with all that stands there, and the rows that PyPSA has no component for."""

    def __init__(self, problem: Problem) -> None:
        import pypsa

        logging.getLogger("pypsa").setLevel(logging.ERROR)
        logging.getLogger("linopy").setLevel(logging.ERROR)
        self.problem = problem
        self.charges: list[Any] = []
        self.net = pypsa.Network(snapshots=HOURS)
        self.net.add("Bus", "site")
        self.net.add("Load", "load", bus="site", p_set=pd.Series(problem.load_mw, HOURS))
        for source in problem.sources:
            self._source(source)
        for store in problem.stores:
            self._store(store)
        if problem.grid is not None:
            self._grid(problem.grid)
        for ppa in problem.ppas:
            self._ppa(ppa)

    def _source(self, source: Source) -> None:
        hourly = 1 - source.outage_share if source.available is None else source.available
        t_per_mwh = source.mmbtu_per_mwh * source.t_per_mmbtu
        running = source.vom_usd_per_mwh + source.mmbtu_per_mwh * source.usd_per_mmbtu
        self.net.add(
            "Generator", source.name, bus="site", p_nom_extendable=True, p_nom_max=source.max_mw,
            capital_cost=1e3 * (source.usd_per_kw * annuity(source.life_years)
                                + source.fom_usd_per_kw_year),
            marginal_cost=running + self.problem.co2_usd_per_t * t_per_mwh,
            p_max_pu=pd.Series(hourly + np.zeros(8760), HOURS),
        )  # fmt: skip

    def _store(self, store: Store) -> None:
        """A store behind a charging and a discharging link of the same power at the site."""
        one_way, loan = store.round_trip**0.5, annuity(store.life_years)
        inside = f"{store.name} inside"
        self.net.add("Bus", inside)
        self.net.add(
            "Store", store.name, bus=inside, e_nom_extendable=True, e_cyclic=True,
            standing_loss=store.loss_per_hour, capital_cost=1e3 * store.usd_per_kwh * loan,
        )  # fmt: skip
        self.net.add(
            "Link", f"{store.name} in", bus0="site", bus1=inside, efficiency=one_way,
            p_nom_extendable=True, capital_cost=1e3 * store.usd_per_kw * loan,
        )  # fmt: skip
        self.net.add(
            "Link", f"{store.name} out", bus0=inside, bus1="site", efficiency=one_way,
            p_nom_extendable=True, marginal_cost=store.vom_usd_per_mwh * one_way,
        )  # fmt: skip

    def _grid(self, grid: Grid) -> None:
        price = pd.Series(grid.price_usd_per_mwh + self._carbon_usd_per_mwh(), HOURS)
        for name, most, share in (("firm", grid.firm_mw, np.ones(8760)),
                                  ("flexible", grid.flexible_mw, there(grid))):  # fmt: skip
            self.net.add(
                "Generator", name, bus="site", p_nom_extendable=True, p_nom_max=most,
                capital_cost=1e3 * grid.charge_usd_per_kw_year, marginal_cost=price,
                p_max_pu=pd.Series(share, HOURS),
            )  # fmt: skip
        earned = grid.export_price_share * np.maximum(grid.price_usd_per_mwh, 0)
        self.net.add(
            "Generator", "export", bus="site", sign=-1, p_nom=grid.export_mw,
            marginal_cost=pd.Series(-earned, HOURS),
        )  # fmt: skip

    def _ppa(self, ppa: Ppa) -> None:
        """A plant that is paid for what it could make, as if it were all capital."""
        self.net.add(
            "Generator", ppa.name, bus="site", p_nom_extendable=True, p_nom_max=ppa.max_mw,
            capital_cost=ppa.usd_per_mwh * ppa.available.sum(),
            marginal_cost=self._carbon_usd_per_mwh(), p_max_pu=pd.Series(ppa.available, HOURS),
        )  # fmt: skip

    def _carbon_usd_per_mwh(self) -> float:
        """Price of the grid's emissions, on all that comes through the meter."""
        problem, grid = self.problem, self.problem.grid
        if grid is None or problem.co2_scope != "total":
            return 0.0
        return problem.co2_usd_per_t * grid.t_per_mwh

    def _rows(self, net: Any, _: Any) -> None:
        """What PyPSA has no component for."""
        problem, model = self.problem, net.model
        if "Link-p_nom" in model.variables:
            for store in problem.stores:
                there, back = (
                    model["Link-p_nom"].sel(name=f"{store.name} {way}", drop=True)
                    for way in ("in", "out")
                )
                row = there - store.round_trip**0.5 * back == 0
                model.add_constraints(row, name=f"one power of {store.name}")
        made = model["Generator-p"].sum("snapshot")
        if problem.co2_cap_t is not None:
            emitted = sum(
                made.sel(name=s.name, drop=True) * (s.mmbtu_per_mwh * s.t_per_mmbtu)
                for s in problem.sources
                if s.mmbtu_per_mwh
            )
            if problem.grid is not None and problem.co2_scope == "total":
                emitted += self._metered().sum("snapshot") * problem.grid.t_per_mwh
            model.add_constraints(emitted <= problem.co2_cap_t, name="co2 of the year")
        if problem.water_m3 is not None:
            used = sum(
                made.sel(name=s.name, drop=True) * s.m3_per_mwh
                for s in problem.sources
                if s.m3_per_mwh
            )
            left = problem.water_m3 - problem.cooling_m3
            model.add_constraints(used <= left, name="water of the year")
        if problem.ppas and problem.grid is not None:
            self._share_service(problem.grid)
        if problem.matching is not None:
            self._match(problem.matching)
        if problem.grid is not None:
            for charge in problem.grid.demand_charges:
                self._demand_charge(charge, problem.grid.clock_ahead_h)
            for peak in problem.grid.coincident_peaks:
                self._coincident_peak(peak)

    def _share_service(self, grid: Grid) -> None:
        """Imports and deliveries share the service; contracted volume stays within the load."""
        model, load, ppas = self.net.model, self.problem.load_mw, self.problem.ppas
        size = model["Generator-p_nom"]
        hourly = xr.DataArray(there(grid), {"snapshot": HOURS})
        service = size.sel(name="firm", drop=True) + size.sel(name="flexible", drop=True) * hourly
        model.add_constraints(self._metered() - service <= 0, name="service is shared")
        volume = sum(size.sel(name=ppa.name, drop=True) * ppa.available.sum() for ppa in ppas)
        model.add_constraints(volume <= load.sum(), name="PPAs within the load")

    def _metered(self) -> Any:
        """MW through the meter in each hour: imports and what PPAs deliver."""
        names = [*SERVICES, *(ppa.name for ppa in self.problem.ppas)]
        return self.net.model["Generator-p"].sel(name=names).sum("name")

    def _match(self, matching: Matching) -> None:
        """Clean supply is a share of load: by the hour what the load uses of it, else all of it.

        By the hour what a store takes is not used until it gives it back, less its losses, and
        what is sold is not used.
        """
        problem, model = self.problem, self.net.model
        made = model["Generator-p"]
        names = [s.name for s in problem.sources if not s.mmbtu_per_mwh * s.t_per_mmbtu]
        clean = made.sel(name=names + [ppa.name for ppa in problem.ppas]).sum()
        if problem.grid is not None and problem.grid.clean_share is not None:
            share = xr.DataArray(problem.grid.clean_share, {"snapshot": HOURS})
            clean += (made.sel(name=list(SERVICES)) * share).sum()
        if matching.hourly:
            for store in problem.stores:
                through = model["Link-p"].sum("snapshot")
                clean += through.sel(name=f"{store.name} out", drop=True) * store.round_trip**0.5
                clean -= through.sel(name=f"{store.name} in", drop=True)
            if problem.grid is not None:
                clean -= made.sel(name="export", drop=True).sum()
        model.add_constraints(clean >= matching.share * problem.load_mw.sum(), name="matching")

    def _demand_charge(self, charge: DemandCharge, clock_ahead_h: int) -> None:
        """Billed MW of each month, above each hour in the window and above the ratchet."""
        model = self.net.model
        clock = CALENDAR[(np.arange(8760) + clock_ahead_h) % 8760]
        window = (clock.hour >= charge.hours[0]) & (clock.hour < charge.hours[1])
        if charge.weekdays_only:
            window &= clock.day_of_week < 5
        # A ratchet looks at months in which the charge itself is not due.
        months = pd.Index(EVERY_MONTH, name="month")
        metered = model.add_variables(lower=0, coords=[months], name=f"metered of {charge.name}")
        billed = model.add_variables(lower=0, coords=[months], name=f"billed of {charge.name}")
        for month in EVERY_MONTH:
            hours = np.flatnonzero(window & (clock.month == month))
            row = self._metered().isel(snapshot=hours) - metered.sel(month=month, drop=True) <= 0
            model.add_constraints(row, name=f"metered of {charge.name} in {month}")
        model.add_constraints(billed - metered >= 0, name=f"billed of {charge.name}")
        for month in EVERY_MONTH if charge.ratchet_share else ():
            for back in range(1, charge.ratchet_months + 1):
                before = (month - 1 - back) % 12 + 1
                if before in charge.ratchet_season:
                    row = (billed.sel(month=month, drop=True)
                           - charge.ratchet_share * metered.sel(month=before, drop=True)) >= 0  # fmt: skip
                    model.add_constraints(row, name=f"{charge.name} in {month} after {before}")
        due = billed.sel(month=list(charge.months)).sum()
        self._pay(1e3 * charge.usd_per_kw_month * due)

    def _coincident_peak(self, peak: CoincidentPeak) -> None:
        """The highest MW in the system's top hours of each month, their mean paid for the year."""
        model = self.net.model
        system = pd.Series(peak.system, HOURS)
        months = pd.Index(peak.months, name="month")
        highest = model.add_variables(lower=0, coords=[months], name=f"highest at {peak.name}")
        for month in peak.months:
            hours = system[CALENDAR.month == month].nlargest(peak.top_hours).index
            row = self._metered().sel(snapshot=hours) - highest.sel(month=month, drop=True) <= 0
            model.add_constraints(row, name=f"highest at {peak.name} in {month}")
        self._pay(1e3 * peak.usd_per_kw_year / len(months) * highest.sum())

    def _pay(self, usd: Any) -> None:
        """A charge of the bill in the objective."""
        self.charges.append(usd)
        model = self.net.model
        model.objective = model.objective.expression + usd

    def dispatch_usd(self) -> float:
        """The least running cost of a year at the problem's sizes."""
        net, problem = self.net, self.problem
        sizes = problem.mw | {
            f"{s.name} {way}": problem.mw[s.name] / s.round_trip ** (0.5 * (way == "out"))
            for s in problem.stores
            for way in ("in", "out")
        }
        for table in (net.generators, net.links):
            free = table.index[table["p_nom_extendable"]]
            table.loc[free, "p_nom"] = [sizes.get(name, 0.0) for name in free]
            table["p_nom_extendable"] = False
        if problem.stores:
            net.stores["e_nom"] = [problem.mwh[name] for name in net.stores.index]
            net.stores["e_nom_extendable"] = False
        return self.solve().total_usd

    def solve(self) -> Answer:
        """The least cost of a year."""
        net = self.net
        status, condition = net.optimize(
            solver_name="highs", io_api="direct", extra_functionality=self._rows,
            include_objective_constant=False, **SOLVER,
        )  # fmt: skip
        assert (status, condition) == ("ok", "optimal")
        power = dict(net.generators["p_nom_opt"])
        power |= {s.name: net.links.at[f"{s.name} in", "p_nom_opt"] for s in self.problem.stores}
        paid = {
            name: cost
            for table, size in ((net.generators, "p"), (net.links, "p"), (net.stores, "e"))
            for name, cost in (table["capital_cost"] * table[f"{size}_nom_opt"]).items()
        }
        ppa_usd = sum(paid.pop(ppa.name) for ppa in self.problem.ppas)
        return Answer(
            total_usd=float(net.objective),
            capital_usd=float(sum(paid.values())),
            ppa_usd=float(ppa_usd),
            peaks_usd=float(sum(usd.solution for usd in self.charges)),
            mw=power,
            mwh=dict(net.stores["e_nom_opt"]),
        )
