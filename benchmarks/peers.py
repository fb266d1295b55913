"""The block of :mod:`benchmarks.block` written with other programs, as their own users would.

Each function builds the block from the same arrays and returns the HiGHS model that the program
hands over, unsolved. linopy and PyPSA come with the extra ``benchmark``.
"""

from __future__ import annotations

from typing import Any

import highspy
import numpy as np
import pandas as pd
import pyomo.environ as pyo

from benchmarks.block import (
    BATTERY_EFFICIENCY,
    BATTERY_MW,
    BATTERY_MWH,
    GENERATION_MW,
    LOAD_MW,
    Block,
)


def linopy_model(block: Block) -> highspy.Highs:
    """linopy, by its own vectorised calls."""
    import linopy
    import xarray

    hour = pd.RangeIndex(block.count, name="hour")
    model = linopy.Model()

    def data(values: np.ndarray) -> Any:
        return xarray.DataArray(values, coords={"hour": hour}, dims=["hour"])

    def column(name: str, upper: Any) -> Any:
        return model.add_variables(lower=0, upper=upper, coords=[hour], name=name)

    grid = column("import", data(block.grid_mw))
    unserved = column("unserved", np.inf)
    supply, cost, co2 = [], 0, 0
    for name, mw in GENERATION_MW.items():
        made = column(name, data(mw * block.available(name)))
        cost = cost + (made * data(block.running(name))).sum()
        co2 = co2 + (made * block.co2(name)).sum()
        supply.append(made)
    charge, discharge = column("charge", BATTERY_MW), column("discharge", BATTERY_MW)
    soc = column("soc", BATTERY_MWH)
    eta = BATTERY_EFFICIENCY**0.5
    balance = grid + unserved + discharge - charge + sum(supply[1:], supply[0])
    model.add_constraints(balance == data(np.full(block.count, LOAD_MW)), name="balance")
    model.add_constraints(
        soc - soc.roll(hour=1) - eta * charge + (1 / eta) * discharge == 0, name="soc"
    )
    co2 = co2 + (grid * data(block.grid_co2)).sum()
    model.add_constraints(co2 <= block.quota_t, name="co2")
    cost = cost + (grid * data(block.grid_price)).sum()
    model.add_objective(cost + (unserved * block.case.unserved_price).sum())
    return model.to_highspy()


def pypsa_model(block: Block) -> highspy.Highs:
    """PyPSA: a network of one bus, its components, and its own model and hand-over.

    Emissions of a carrier count for each MWh of primary energy; efficiencies are 1 here.
    """
    import pypsa

    snapshots = pd.RangeIndex(block.count, name="snapshot")
    network = pypsa.Network(snapshots=snapshots)
    network.add("Bus", "site")
    network.add("Load", "load", bus="site", p_set=LOAD_MW)

    def generator(
        name: str, mw: float, available: np.ndarray, cost: np.ndarray, co2: float
    ) -> None:
        network.add("Carrier", name, co2_emissions=co2)
        network.add(
            "Generator", name, bus="site", carrier=name, p_nom=mw,
            p_max_pu=pd.Series(available, snapshots), marginal_cost=pd.Series(cost, snapshots),
        )  # fmt: skip

    for name, mw in GENERATION_MW.items():
        generator(name, mw, block.available(name), block.running(name), block.co2(name))
    most = float(block.grid_mw.max())
    intensity = float(block.grid_co2[0])
    if np.ptp(block.grid_co2):
        raise ValueError("a carrier of PyPSA has one emission factor")
    generator("import", most, block.grid_mw / most, block.grid_price, intensity)
    price = np.full(block.count, block.case.unserved_price)
    generator("unserved", 10 * LOAD_MW, np.ones(block.count), price, 0.0)
    eta = BATTERY_EFFICIENCY**0.5
    network.add(
        "StorageUnit", "battery", bus="site", p_nom=BATTERY_MW, max_hours=BATTERY_MWH / BATTERY_MW,
        efficiency_store=eta, efficiency_dispatch=eta, cyclic_state_of_charge=True,
    )  # fmt: skip
    network.add(
        "GlobalConstraint", "quota", type="primary_energy", carrier_attribute="co2_emissions",
        sense="<=", constant=block.quota_t,
    )  # fmt: skip
    return network.optimize.create_model().to_highspy()


def pyomo_rows(block: Block) -> pyo.ConcreteModel:
    """Pyomo, row by row."""
    hours = range(block.count)
    available = {name: mw * block.available(name) for name, mw in GENERATION_MW.items()}
    running = {name: block.running(name) for name in GENERATION_MW}
    co2 = {name: block.co2(name) for name in GENERATION_MW}
    grid_mw, grid_price, grid_co2 = block.grid_mw, block.grid_price, block.grid_co2
    eta = BATTERY_EFFICIENCY**0.5
    model = pyo.ConcreteModel()
    model.hours = pyo.RangeSet(0, block.count - 1)
    model.imported = pyo.Var(model.hours, bounds=lambda m, t: (0, grid_mw[t]))
    model.unserved = pyo.Var(model.hours, bounds=(0, None))
    model.made = pyo.Var(
        list(GENERATION_MW), model.hours, bounds=lambda m, g, t: (0, available[g][t])
    )
    model.charge = pyo.Var(model.hours, bounds=(0, BATTERY_MW))
    model.discharge = pyo.Var(model.hours, bounds=(0, BATTERY_MW))
    model.soc = pyo.Var(model.hours, bounds=(0, BATTERY_MWH))
    model.balance = pyo.Constraint(
        model.hours,
        rule=lambda m, t: m.imported[t] + m.unserved[t] + m.discharge[t] - m.charge[t]
        + sum(m.made[g, t] for g in GENERATION_MW) == LOAD_MW,
    )  # fmt: skip
    model.state_of_charge = pyo.Constraint(
        model.hours,
        rule=lambda m, t: (
            m.soc[t] == m.soc[(t - 1) % block.count] + eta * m.charge[t] - m.discharge[t] / eta
        ),
    )
    model.co2_within_quota = pyo.Constraint(
        expr=sum(co2[g] * model.made[g, t] for g in GENERATION_MW for t in hours)
        + sum(grid_co2[t] * model.imported[t] for t in hours)
        <= block.quota_t
    )
    model.cost = pyo.Objective(
        expr=sum(running[g][t] * model.made[g, t] for g in GENERATION_MW for t in hours)
        + sum(grid_price[t] * model.imported[t] for t in hours)
        + sum(block.case.unserved_price * model.unserved[t] for t in hours)
    )
    return model


def pyomo_model(block: Block) -> highspy.Highs:
    """Pyomo row by row, through the bridge that ``SolverFactory("highs")`` stands for."""
    from pyomo.contrib.solver.solvers.highs import Highs

    bridge = Highs()
    bridge.set_instance(pyomo_rows(block))
    return bridge._solver_model
