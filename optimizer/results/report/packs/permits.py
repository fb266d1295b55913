"""For permitting: unit list, potential to emit, water, applications with their dates."""

from __future__ import annotations

import math

from optimizer.preparing.calendar import HOURS_PER_YEAR
from optimizer.preparing.case import Asset, Site
from optimizer.results.report.folder import rows
from optimizer.results.report.marks import notes
from optimizer.results.report.packs.page import Block, Grid, Page, Stock
from optimizer.results.report.words import amount, millions, money, month, plain

USED = ("technologies", "permits", "fuels", "sites", "campus_blocks")
M3_PER_ACRE_FOOT = 1233.48


def page(stock: Stock) -> Page:
    """The pack."""
    blocks = [_site(stock, name) for name in stock.sites]
    method = Block("How the figures are made", says=[
        "Potential to emit: all units that stand at once, at full load in all 8,760 hours, in short "
        "tons (NOx) and metric tons (CO2) a year. Emergency generators, start-ups and pollutants "
        "other than these are not in the case: add them before filing. Expected: the plan's own "
        "dispatch, largest year. Water: cooling of the halls and what units use, largest year.",
    ], notes=notes(stock.marks, USED))  # fmt: skip
    empty = [Block("No site", says=["The plan opens no site."])] if not blocks else []
    return Page("Units, emissions and water", "For permitting: what is built where, and what it may "
                "emit and use", [*blocks, *empty, method], whole=True)  # fmt: skip


def _site(stock: Stock, name: str) -> Block:
    site = stock.case.sites[name]
    assets = {a.technology: a for a in site.assets}
    row = stock.inputs.tables["sites"].loc[site.name_row]
    tables = [_applications(stock, name), _units(stock, name, assets),
              _emissions(stock, name, site, assets)]  # fmt: skip
    return Block(f"{name}: {row['jurisdiction']}", _water(stock, name, site),
                 tables=[t for t in tables if t.rows])  # fmt: skip


def _applications(stock: Stock, name: str) -> Grid:
    """What to apply for, by when, and how long it takes."""
    place = str(stock.inputs.tables["sites"].loc[stock.case.sites[name].name_row, "jurisdiction"])
    permits = stock.inputs.tables["permits"].set_index(["jurisdiction", "permit_kind", "variant"])
    table = stock.table("decisions")
    dated = {(str(r.item), str(r.variant)): r for r in rows(
        table[(table["site"] == name) & (table["kind"] == "permit")])}  # fmt: skip
    taken = stock.table("permits")
    lines = []
    for r in rows(taken[taken["site"] == name]):
        given = permits.loc[(place, r.permit_kind, r.variant)]
        low, high = (given["months"] if math.isnan(given[c]) else given[c]
                     for c in ("months_low", "months_high"))  # fmt: skip
        when = dated.get((str(r.permit_kind), str(r.variant)))
        lines.append([
            f"{plain(str(r.permit_kind))}, {r.variant}",
            "–" if when is None else month(when.sign_by),
            f"{low:.0f} / {given['months']:.0f} / {high:.0f}",
            "–" if when is None else month(when.online_date), money(r.cost_usd),
        ])  # fmt: skip
    head = ["Application", "File by", "Months: low / likely / high", "First unit online", "Fee"]
    return Grid("Applications", head, lines, 1)


def _units(stock: Stock, name: str, assets: dict[str, Asset]) -> Grid:
    """What is built when, in units where the technology has them."""
    table = stock.table("capacity")
    fuels = stock.inputs.tables["technologies"].set_index("technology")["fuel"]
    starts = {p.name: p.start for p in stock.case.periods}
    lines = []
    for r in rows(table[(table["site"] == name) & (table["added_mw"] > 0.05)]):
        asset = assets[r.technology]
        units = f"{r.added_units:.0f} × {asset.unit_mw:g} MW" if r.added_units else "any size"
        stored = f" / {r.added_mwh:,.0f} MWh" if r.added_mwh else ""
        heat = f"{asset.heat_rate:.2f}" if asset.heat_rate else "–"
        lines.append([plain(r.technology), month(starts[r.period]), units,
                      f"{r.added_mw:,.1f} MW{stored}", str(fuels[r.technology] or "–"), heat])  # fmt: skip
    head = ["Unit", "Online", "Units", "Added", "Fuel", "MMBtu/MWh, HHV"]
    return Grid("Unit list", head, _folded(lines), 1)


def _folded(lines: list[list[str]]) -> list[list[str]]:
    """Many small additions of any size as one line a technology."""
    found: list[list[str]] = []
    several: dict[str, list[list[str]]] = {}
    for line in lines:
        several.setdefault(line[0], []).append(line)
    for name, mine in several.items():
        if len(mine) > 2 and all(line[2] == "any size" for line in mine):
            mw = sum(float(line[3].split(" MW")[0].replace(",", "")) for line in mine)
            span = f"{mine[0][1]} to {mine[-1][1]}"
            found.append([name, span, f"{len(mine)} builds", f"{mw:,.1f} MW in all", *mine[0][4:]])
        else:
            found += mine
    return found


def potential(
    stock: Stock, name: str, assets: dict[str, Asset]
) -> dict[tuple[str, str], tuple[float, float, float]]:
    """NOx [short tons/year], CO2 [t/year] and MW at full load by permit kind and variant, largest
    period."""
    table = stock.table("capacity")
    table = table[table["site"] == name]
    found: dict[tuple[str, str], tuple[float, float, float]] = {}
    for period in stock.case.periods:
        sums: dict[tuple[str, str], list[float]] = {}
        for r in rows(table[table["period"] == period.name]):
            asset = assets[r.technology]
            if asset.permit_kind:
                entry = sums.setdefault((asset.permit_kind, r.variant), [0.0, 0.0, 0.0])
                entry[0] += asset.nox_short_tons_per_mw_year * r.standing_mw
                co2 = 0.0 if asset.is_storage else asset.co2_t_per_mwh
                entry[1] += co2 * HOURS_PER_YEAR * r.standing_mw
                entry[2] += r.standing_mw
        for key, (nox, co2, mw) in sums.items():
            old = found.get(key, (0.0, 0.0, 0.0))
            found[key] = (max(old[0], nox), max(old[1], co2), max(old[2], mw))
    return found


def _emissions(stock: Stock, name: str, site: Site, assets: dict[str, Asset]) -> Grid:
    """Potential to emit against the threshold of each permit."""
    lines = []
    for (kind, variant), (nox, co2, mw) in potential(stock, name, assets).items():
        if nox <= 0 and co2 <= 0:
            continue
        limit = site.permit_nox.get((kind, variant), math.nan)
        lines.append([
            f"{plain(kind)}, {variant}", amount(round(mw, 1), "MW"), f"{nox:,.1f}",
            "none" if math.isnan(limit) else f"{limit:,.0f}",
            "–" if math.isnan(limit) or limit <= 0 else f"{100 * nox / limit:.0f} %",
            millions(round(co2), "t", "Mt"),
        ])  # fmt: skip
    head = ["Permit", "Units under it", "NOx, short tons/year", "Threshold", "Of it", "CO2 a year"]
    return Grid("Potential to emit", head, lines, 5)


def yearly(stock: Stock, name: str, metric: str, onsite: bool = False) -> float:
    """Largest year of a metric of operation at a site; a pass of a year or more is one year."""
    table = stock.table("operation")
    mine = table[(table["site"] == name) & (table["metric"] == metric)]
    if onsite:
        mine = mine[mine["technology"] != "grid"]
    groups = {p.name: p.group for p in stock.case.periods}
    sums = mine["value"].groupby(mine["period"].map(groups)).sum()
    return float(sums.max()) if len(sums) else 0.0


def _water(stock: Stock, name: str, site: Site) -> list[tuple[str, str]]:
    water = yearly(stock, name, "water_m3")
    limit = site.water_limit_m3
    figures = [
        ("Water, largest year", millions(round(water), "m³", "million m³")),
        ("In acre-feet", amount(round(water / M3_PER_ACRE_FOOT), "acre-feet")),
        ("Water limit", "none stated" if math.isnan(limit) else millions(limit, "m³", "million m³")),
        ("CO2 expected, on site", millions(round(yearly(stock, name, "co2_t", onsite=True)), "t", "Mt")
         + " a year"),
    ]  # fmt: skip
    land = stock.result.tables["limits"]
    mine = land[(land["limit"] == "land") & (land["scope"] == name)]
    if len(mine):
        figures.append(("Land", amount(float(mine["used"].max()), "km²")))
    halls = stock.table("campus")
    it_mw = halls[halls["site"] == name].groupby("period")["standing_it_mw"].sum()
    figures.append(
        ("IT load of the halls", amount(float(it_mw.max()) if len(it_mw) else 0.0, "MW"))
    )
    return figures
