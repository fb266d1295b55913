"""Cases prepared from tables: which rows hold for a site, and time that grows with the sites."""

from __future__ import annotations

import pandas as pd
import pytest

from benchmarks.cases import Size, inputs
from optimizer.preparing.case import prepare
from tests.support import base, case


def test_a_row_of_a_site_goes_before_one_for_all_sites() -> None:
    rows = base(sites=2)
    row = rows["site_technologies"][0]
    rows["site_technologies"] = [{**row, "site": "site1", "max_mw": 30}, {**row, "site": "*"}]
    rows["campus_blocks"].append({**rows["campus_blocks"][0], "site": "site1", "it_mw": 20})
    made = case(rows).sites
    assert [a.max_mw for a in made["site0"].assets] == [row["max_mw"]]
    assert [a.max_mw for a in made["site1"].assets] == [30]
    assert [h.it_mw for s in made.values() for h in s.halls] == [10, 20]


def test_tables_are_filtered_once_for_all_sites(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    filtered = pd.DataFrame._getitem_bool_array

    def count(table: pd.DataFrame, key: object) -> pd.DataFrame:
        asked.append(len(table))
        return filtered(table, key)

    found = []
    for sites in (4, 16):
        given = inputs(Size(sites, quarters=4, areas=2))
        asked.clear()
        monkeypatch.setattr(pd.DataFrame, "_getitem_bool_array", count)
        prepare(given)
        monkeypatch.undo()
        found.append(len(asked))
    assert found[1] == found[0]
