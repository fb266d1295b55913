"""Grid service for the cases of :mod:`benchmarks.cases`, a table at a time.

Random numbers are drawn apart from those of the plain case, and for each feature apart from the
others, so that a feature changes nothing else. Orders of magnitude are those of
``inputs/texas_southwest``: coincident peaks of 70 $/kW-year, security of 75 to 150 $/kW, wind at
33 $/MWh; who shares what, and how tight limits are, is made up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

SERVICE = ("tariffs", "agreements", "contracts", "matching")
"""Demand charges and a choice of tariffs; large-load agreements, shared upgrades and MW; power
contracts with hedged shares; carbon-free targets."""

Tables = dict[str, pd.DataFrame]
Series = dict[str, np.ndarray]


def add(features: tuple[str, ...], seed: int, made: Tables, series: Series, real: Series) -> None:
    """Change the tables and profiles of a plain case in place.

    Parameters
    ----------
    features : those of ``SERVICE`` that the case has; others are passed over
    made : input tables by name; sites are in order, each with its area's tariff ``tariff_<area>``
    series : profiles by name; shape (8760,) each
    real : profiles of ``inputs/texas_southwest``
    """
    for number, feature in enumerate(SERVICE):
        if feature in features:
            _ADD[feature](made, series, real, np.random.default_rng((seed, 1 + number)))


def _more(made: Tables, table: str, rows: list[dict[str, Any]]) -> None:
    new = pd.DataFrame(rows)
    made[table] = pd.concat([made[table], new], ignore_index=True) if table in made else new


def _last_years(made: Tables) -> list[int]:
    """Calendar years of the later half of the periods."""
    starts = pd.to_datetime(made["periods"]["start"])
    return sorted(set(starts.dt.year[len(starts) // 2 :]))


def _tariffs(made: Tables, series: Series, real: Series, random: np.random.Generator) -> None:
    """Coincident peaks everywhere; a ratchet in every second area, where a time-of-use rate with
    tiers is offered to every second site."""
    series["system_load"] = real["load_ercot"]
    tariffs = made["tariffs"]
    rates, charges = [], []
    for k, tariff in enumerate(tariffs["tariff"]):
        peak = {"charge": "transmission", "kind": "coincident_peak", "months": "6-9",
                "system_profile": "system_load", "candidate_hours": 3,
                "price_usd_per_kw_year": round(random.uniform(40, 70), 1)}  # fmt: skip
        demand = {"charge": "distribution", "kind": "demand", "ratchet_share": 0.8,
                  "ratchet_months": 11, "minimum_share": 0.3,
                  "price_usd_per_kw_month": round(random.uniform(1.5, 3.0), 2)}  # fmt: skip
        fixed = {"charge": "customer", "kind": "fixed", "price_usd_per_month": 5000}
        charges += [{"tariff": tariff, **row} for row in (peak, fixed)]
        if k % 2:
            continue
        charges.append({"tariff": tariff, **demand})
        rates.append({**tariffs.iloc[k].to_dict(), "tariff": f"{tariff}_tou",
                      "energy_price_usd_per_mwh": 3, "price_profile": None})  # fmt: skip
        energy = {"tariff": f"{tariff}_tou", "charge": "energy", "kind": "energy"}
        middle = round(random.uniform(30, 36), 1)
        charges += [
            {**energy, "window": "summer on-peak", "months": "6-9", "weekdays": "weekday",
             "hours": "14-20", "price_usd_per_mwh": middle + 45},
            {**energy, "window": "summer off-peak", "months": "6-9", "weekdays": "weekday",
             "hours": "20-14", "price_usd_per_mwh": middle},
            {**energy, "window": "summer weekend", "months": "6-9", "weekdays": "weekend",
             "price_usd_per_mwh": middle},
            {**energy, "window": "winter", "months": "10-5", "tier": 1, "tier_to_mwh": 60_000,
             "price_usd_per_mwh": middle - 3},
            {**energy, "window": "winter", "months": "10-5", "tier": 2,
             "price_usd_per_mwh": middle},
            {**demand, "tariff": f"{tariff}_tou"},
            {**peak, "tariff": f"{tariff}_tou"},
        ]  # fmt: skip
    _more(made, "tariffs", rates)
    _more(made, "tariff_charges", charges)
    offered = {rate["tariff"] for rate in rates}
    sites = made["sites"]
    _more(made, "site_tariffs", [
        {"site": s, "tariff": f"{t}_tou"}
        for s, t in zip(sites["site"].iloc[::2], sites["tariff"].iloc[::2], strict=True)
        if f"{t}_tou" in offered
    ])  # fmt: skip


def _agreements(made: Tables, series: Series, real: Series, random: np.random.Generator) -> None:
    """An agreement with ramp, minimum and security at every site, a second at every second.

    Upgrades are shared by three sites, MW by two of four; a cap limits all security.
    """
    sites, offers = made["sites"], made["interconnections"]
    names, order = list(sites["site"]), random.permutation(len(sites))
    sites["utility"] = [f"utility {k % 3}" for k in range(len(names))]
    terms, ramps = [], random.uniform(0.4, 0.7, len(names))
    for k, site in enumerate(names):
        here = {"site": site, "offer": "grid"}
        terms.append({
            **here, "agreement": "large load", "min_contract_mw": 10,
            "ramp_year_1": round(ramps[k], 2),
            "demand_price_usd_per_kw_month": round(random.uniform(4, 9), 2),
            "minimum_demand_share": 0.85, "term_years": 12, "study_fee_usd": 1e5,
            "signing_months_before": int(random.integers(3, 10)), "deposit_usd_per_kw": 30, "deposit_refund_years": 5,
            "security_usd_per_kw": round(random.uniform(75, 150)),
            "security_rate_per_year": 0.06, "reducible_share": 0.2, "reducible_after_years": 1,
            "reduction_fee_usd_per_kw": 60, "reassignable": "yes",
        })  # fmt: skip
        if k % 2 == 0:
            terms.append({
                **here, "agreement": "prepaid", "demand_price_usd_per_kw_month": 3,
                "energy_price_usd_per_mwh": 15, "minimum_energy_share": 0.5,
                "contribution_usd_per_kw": round(random.uniform(150, 250)),
                "security_usd_per_kw": 50, "security_rate_per_year": 0.06,
            })  # fmt: skip
    _more(made, "service_agreements", terms)
    taken = made["interconnection_steps"].groupby("site")[["firm_mw", "flexible_mw"]].max()
    upgrade, group, shared, groups = {}, {}, [], []
    for at in range(0, len(names) - 2, 4):
        mine = [names[k] for k in order[at : at + 4]]
        name = f"line {at // 4}"
        upgrade |= dict.fromkeys(mine[:3], name)
        rule = "first_pays" if at % 8 == 0 else "split"
        shared.append({"shared_upgrade": name, "rule": rule,
                       "cost_usd": round(random.uniform(40e6, 120e6), -6)})  # fmt: skip
        group |= dict.fromkeys(mine[-2:], f"pocket {at // 4}")
        most = float(taken.loc[mine[-2:]].to_numpy().sum())
        groups.append({"grid_group": f"pocket {at // 4}", "shared_mw": round(0.6 * most)})
    offers["shared_upgrade"] = [upgrade.get(site) for site in offers["site"]]
    offers["grid_group"] = [group.get(site) for site in offers["site"]]
    _more(made, "shared_upgrades", shared)
    _more(made, "grid_groups", groups)
    wanted = float(made["demand"]["it_mw"].max())
    _more(made, "policies", [{"policy": "security", "kind": "security_cap",
                              "value": round(60e3 * wanted)}])  # fmt: skip


def _contracts(made: Tables, series: Series, real: Series, random: np.random.Generator) -> None:
    """Wind, sun and a swap of three sellers, with shares of load that all sites have together."""
    price = round(random.uniform(30, 35), 1)
    common = {"market": "ERCOT", "carbon_free": "yes"}
    _more(made, "contracts", [
        {**common, "contract": "wind", "kind": "financial", "counterparty": "wind seller",
         "profile": "wind_0", "price_usd_per_mwh": price, "hub_price_profile": "price_0",
         "hub_price_growth_per_year": 0.01, "no_payment_if_negative": "yes",
         "credit_security_usd_per_kw": 60, "term_years": 15},
        {**common, "contract": "sun", "kind": "physical", "counterparty": "solar seller",
         "profile": "sun_0", "price_usd_per_mwh": price - 3, "minimum_take_share": 0.8,
         "term_years": 15},
        {**common, "contract": "sleeve", "kind": "sleeved", "counterparty": "wind seller",
         "profile": "wind_1", "price_usd_per_mwh": price, "adder_usd_per_mwh": 4,
         "term_years": 12},
        {**common, "contract": "swap", "kind": "financial", "counterparty": "bank",
         "shape": "baseload", "carbon_free": "no", "co2_t_per_mwh": 0.4,
         "price_usd_per_mwh": price + 6, "hub_price_profile": "price_0",
         "settlement_floor_usd_per_mwh": 15, "settlement_cap_usd_per_mwh": 120,
         "term_years": 5},
    ])  # fmt: skip
    rows, sites = [], made["sites"]
    for k, (site, most) in enumerate(zip(sites["site"], sites["max_it_mw"], strict=True)):
        for number, contract in enumerate(("wind", "sun", "sleeve", "swap")):
            # Not every seller at every site: a share of one seller is over different sites.
            if (k + number) % 4:
                least = 20 if contract == "sun" and k % 2 else 0
                rows.append({"site": site, "contract": contract, "min_mw": least,
                             "max_mw": round(most * random.uniform(0.3, 1.0))})  # fmt: skip
    _more(made, "site_contracts", rows)
    _more(made, "policies", [
        {"policy": f"{kind} {year}", "kind": kind, "value": value, "year": year,
         "applies_to": "portfolio"}
        for year in _last_years(made)
        for kind, value in (("hedged_share_min", 0.3), ("hedged_share_max", 0.8),
                            ("counterparty_share_max", 0.25))
    ])  # fmt: skip


def _matching(made: Tables, series: Series, real: Series, random: np.random.Generator) -> None:
    """Targets of the later years: over the year for all sites together, by the hour for those of
    a second market together, and over the year at each site; sites may export."""
    tariffs, sites = made["tariffs"], made["sites"]
    first = tariffs["tariff"].str.extract(r"_(\d+)", expand=False).astype(int)
    areas = int(first.max()) + 1
    tariffs["market"] = np.where(first < max(1, areas // 2), "ERCOT", "SPP")
    market = dict(zip(tariffs["tariff"], tariffs["market"], strict=True))
    sites["market"] = [market[t] for t in sites["tariff"]]
    if "contracts" in made:
        _deliver_in_both(made, dict(zip(sites["site"], sites["market"], strict=True)))
    tariffs["export_price_share"] = 0.5
    offers = made["interconnections"]
    offers["export_mw"] = np.round(random.uniform(5, 30, len(offers)))
    years = _last_years(made)
    target = {"additional_only": "yes", "max_excess_share": 0.05}
    rows: list[dict[str, Any]] = []
    for year in years:
        last = year == years[-1]
        rows += [
            {"policy": f"all {year}", "kind": "cfe_annual", "value": 0.7 if last else 0.6,
             "applies_to": "portfolio", **target},
            {"policy": f"SPP {year}", "kind": "cfe_hourly", "value": 0.55 if last else 0.5,
             "applies_to": "SPP", "max_excess_share": 0.1},
            {"policy": f"each {year}", "kind": "cfe_annual", "value": 0.45,
             "deliverable_only": "yes"},
        ]  # fmt: skip
        for row in rows[-3:]:
            row["year"] = year
    _more(made, "policies", rows)


def _deliver_in_both(made: Tables, market: dict[str, str]) -> None:
    """What delivers is offered in each market apart."""
    contracts, offered = made["contracts"], made["site_contracts"]
    delivers = contracts[contracts["kind"] != "financial"]
    there = delivers.assign(contract=delivers["contract"] + " SPP", market="SPP")
    made["contracts"] = pd.concat([contracts, there], ignore_index=True)
    moved = offered["contract"].isin(delivers["contract"]) & (offered["site"].map(market) == "SPP")
    offered.loc[moved, "contract"] += " SPP"


_ADD: dict[str, Callable[[Tables, Series, Series, np.random.Generator], None]] = {
    "tariffs": _tariffs, "agreements": _agreements, "contracts": _contracts, "matching": _matching,
}  # fmt: skip
