"""The candidate sites of a plan as points, for maps and GIS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from optimizer.reading.inputs import Inputs


def sites_frame(tables: dict[str, pd.DataFrame], last_period: str) -> gpd.GeoDataFrame:
    """All candidate sites with their opening and what stands there in the last period [MW]."""
    sites = tables["sites"].reset_index(drop=True)
    names = sites["site"].astype(str)
    columns: dict[str, Any] = {
        "site": names,
        "market": sites["market"].astype(str),
        "jurisdiction": sites["jurisdiction"].astype(str),
        "opened": sites["opened"].astype(bool),
        "open_date": [
            None if pd.isna(day) else day.strftime("%Y-%m-%d")
            for day in pd.to_datetime(sites["open_date"], errors="coerce")
        ],
    }
    campus, capacity = tables["campus"], tables["capacity"]
    halls = campus[campus["period"] == last_period].groupby("site")["standing_it_mw"].sum()
    columns["it_mw"] = names.map(halls).fillna(0.0).astype(float)
    standing = capacity[capacity["period"] == last_period]
    # Named by what was ever built, so that a technology retired by then shows as 0.
    for technology in dict.fromkeys(capacity["technology"]):
        mine = standing[standing["technology"] == technology]
        power = mine.groupby("site")["standing_mw"].sum()
        columns[f"{technology}_mw"] = names.map(power).fillna(0.0).astype(float)
    points = gpd.points_from_xy(sites["longitude"], sites["latitude"])
    return gpd.GeoDataFrame(columns, geometry=points, crs="EPSG:4326")


def write_sites_geojson(path: Path, tables: dict[str, pd.DataFrame], inputs: Inputs) -> None:
    """Write every candidate site as a GeoJSON point, with the case's name on each."""
    frame = sites_frame(tables, str(inputs.tables["periods"]["period"].iloc[-1]))
    frame.insert(0, "case", inputs.name)
    # to_json writes an empty collection too, which file drivers refuse.
    path.write_text(frame.to_json(drop_id=True), encoding="utf-8")
