"""The problem as a PyPSA network, written from the numbers alone and solved as one program."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd

from tests.differential.problem import RATE, Answer, Grid, Problem, Source, Store

HOURS = pd.RangeIndex(8760, name="snapshot")
SOLVER = {"solver": "ipm", "run_crossover": "off", "ipm_optimality_tolerance": 1e-9,
          "output_flag": False, "threads": 1}  # fmt: skip


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
        self.net = pypsa.Network(snapshots=HOURS)
        self.net.add("Bus", "site")
        self.net.add("Load", "load", bus="site", p_set=pd.Series(problem.load_mw, HOURS))
        for source in problem.sources:
            self._source(source)
        for store in problem.stores:
            self._store(store)
        if problem.grid is not None:
            self._grid(problem.grid)

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
        taxed = self.problem.co2_usd_per_t if self.problem.co2_scope == "total" else 0.0
        price = pd.Series(grid.price_usd_per_mwh + taxed * grid.t_per_mwh, HOURS)
        there = 1 - (np.zeros(8760) if grid.cut is None else grid.cut)
        for name, most, share in (("firm", grid.firm_mw, np.ones(8760)),
                                  ("flexible", grid.flexible_mw, there)):  # fmt: skip
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

    def _rows(self, net: Any, _: Any) -> None:
        """Links of a store have one power; emissions and water of the year are limited."""
        problem, model = self.problem, net.model
        for store in problem.stores if "Link-p_nom" in model.variables else ():
            there, back = (
                model["Link-p_nom"].sel(name=f"{store.name} {way}", drop=True)
                for way in ("in", "out")
            )
            row = there - store.round_trip**0.5 * back == 0
            model.add_constraints(row, name=f"one power of {store.name}")
        made = model["Generator-p"].sum("snapshot")
        if problem.co2_cap_t is not None:
            rates = {s.name: s.mmbtu_per_mwh * s.t_per_mmbtu for s in problem.sources}
            if problem.grid is not None and problem.co2_scope == "total":
                rates |= {"firm": problem.grid.t_per_mwh, "flexible": problem.grid.t_per_mwh}
            emitted = sum(made.sel(name=n, drop=True) * rate for n, rate in rates.items() if rate)
            model.add_constraints(emitted <= problem.co2_cap_t, name="co2 of the year")
        if problem.water_m3 is not None:
            used = sum(
                made.sel(name=s.name, drop=True) * s.m3_per_mwh
                for s in problem.sources
                if s.m3_per_mwh
            )
            left = problem.water_m3 - problem.cooling_m3
            model.add_constraints(used <= left, name="water of the year")

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
        paid = sum(
            (table["capital_cost"] * table[f"{size}_nom_opt"]).sum()
            for table, size in ((net.generators, "p"), (net.links, "p"), (net.stores, "e"))
        )
        return Answer(float(net.objective), float(paid), power, dict(net.stores["e_nom_opt"]))
