"""The candidate sites of a plan as points, for maps and GIS."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd

from optimizer.reading.inputs import Inputs


def last_standing_mw(capacity: pd.DataFrame) -> pd.DataFrame:
    """Power standing at the end of the plan [MW]: one row a site, one column a technology.

    The result is sparse, so a technology's last row at a site is what stands there at the end.
    """
    if capacity.empty:
        return pd.DataFrame()
    last = capacity.drop_duplicates(["site", "technology", "variant"], keep="last")
    return last.pivot_table(
        index="site", columns="technology", values="standing_mw", aggfunc="sum", fill_value=0.0
    )


def sites_frame(tables: dict[str, pd.DataFrame]) -> gpd.GeoDataFrame:
    """All candidate sites with their opening and what stands there at the end [MW]."""
    sites = tables["sites"].reset_index(drop=True)
    columns: dict[str, list[object]] = {
        "site": sites["site"].astype(str).tolist(),
        "market": sites["market"].astype(str).tolist(),
        "jurisdiction": sites["jurisdiction"].astype(str).tolist(),
        "opened": sites["opened"].astype(bool).tolist(),
        "open_date": [
            None if pd.isna(day) else day.strftime("%Y-%m-%d")
            for day in pd.to_datetime(sites["open_date"], errors="coerce")
        ],
    }
    campus = tables.get("campus", pd.DataFrame())
    it = {}
    if not campus.empty:
        last = campus.drop_duplicates(["site", "block", "variant"], keep="last")
        it = last.groupby("site")["standing_it_mw"].sum().to_dict()
    columns["it_mw"] = [float(it.get(site, 0.0)) for site in columns["site"]]
    built = last_standing_mw(tables.get("capacity", pd.DataFrame()))
    for technology in built.columns:
        power = built[technology].to_dict()
        columns[f"{technology}_mw"] = [float(power.get(site, 0.0)) for site in columns["site"]]
    points = gpd.points_from_xy(sites["longitude"], sites["latitude"])
    return gpd.GeoDataFrame(columns, geometry=points, crs="EPSG:4326")


def write_sites_geojson(path: Path, tables: dict[str, pd.DataFrame], inputs: Inputs) -> None:
    """Write every candidate site as a GeoJSON point, with the case's name on each."""
    frame = sites_frame(tables)
    frame.insert(0, "case", inputs.name)
    # to_json writes an empty collection too, which file drivers refuse.
    path.write_text(frame.to_json(drop_id=True), encoding="utf-8")
