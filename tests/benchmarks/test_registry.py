"""The registry's entries, a tiny one from end to end, and that the peers find the same optimum."""

from __future__ import annotations

import importlib.util
import json
import math
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from benchmarks import cases
from benchmarks.__main__ import main
from benchmarks.block import SUBJECTS, make_block, optimum
from benchmarks.block import builder as builder_of
from benchmarks.measure import ROOT, stamp
from benchmarks.monolith import SOLVERS as KNOWN
from benchmarks.monolith import proven_bound, solve
from benchmarks.registry import (
    FEATURES,
    PRODUCT,
    REGISTRY,
    SOLVERS,
    Build,
    Growth,
    Made,
    Monolith,
    Ratio,
    Record,
    Solve,
    Target,
    exponent,
    seconds_to_gaps,
)
from benchmarks.stages import staged
from benchmarks.table import BEGIN, END, listing, tables, write_between
from benchmarks.variants import MOVED, variant
from optimizer.preparing.implied import implied


def record(entry: str, case: str, **figures: Any) -> dict[str, Any]:
    """What a good run of the product leaves."""
    return {
        "benchmark": entry, "run": 0, "subject": PRODUCT, "case": case, "gap": 0.004,
        "verified": True, "asked_gap": 0.01, "wall_s": 50.0, "cpu_s": 80.0, "peak_mb": 900.0,
        "begun_s": 2.0, "first_plan_s": 10.0, "objective": 1e9, "status": "optimal",
        "seconds_to_gap": {"0.03": 10.0, "0.02": 20.0, "0.01": 40.0, "0.005": 45.0},
        "progress": [{"seconds": 8.0, "gap": 0.03}, {"seconds": 38.0, "gap": 0.004}],
        "date": "2026-01-01T00:00:00+00:00", **stamp(), "load": 0.0, **figures,
    }  # fmt: skip


@pytest.mark.parametrize("name", REGISTRY)
def test_entries_are_well_formed(name: str) -> None:
    entry = REGISTRY[name]
    assert entry.name == name and " " not in name
    assert entry.title and entry.unit and entry.peer and entry.asked
    assert f"`{name}`" in listing()
    assert entry.rows([]) == []
    if isinstance(entry, Solve):
        assert entry.targets and entry.sources
        limits = [t.wall_s for t in (*entry.targets, *entry.aims) if t.wall_s is not None]
        assert entry.limit_s >= max(limits, default=0)


def test_sources_are_sizes_of_the_generator() -> None:
    assert {f.name for f in fields(Made)} == {f.name for f in fields(cases.Size)}
    assert FEATURES == cases.FEATURES
    assert set(SOLVERS) <= set(KNOWN)


def test_targets_are_judged_by_what_was_reached_and_checked() -> None:
    good = record("50x20", "50x20")
    assert Target(0.02, wall_s=30).met(good)
    assert not Target(0.02, wall_s=15).met(good)
    # The gap at which the run ends counts to the end of the command.
    assert Target(0.01, wall_s=50).met(good) and not Target(0.01, wall_s=45).met(good)
    assert not Target(0.01, memory_gb=0.5).met(good)
    assert not Target(0.01, cpu_s=79).met(good)
    assert not Target(0.02, wall_s=30).met({**good, "verified": False})
    assert not Target(0.001).met(good)
    assert str(Target(0.01, wall_s=150, memory_gb=4)) == "<= 1 % in 150 s, 4 GB"


def test_seconds_to_gaps() -> None:
    progress: list[Record] = [{"seconds": 5.0, "gap": None}, {"seconds": 6.0, "gap": 0.025}]
    found = seconds_to_gaps(progress, 1.0, 0.009, 20.0)
    assert found == {"0.03": 7.0, "0.02": 20.0, "0.01": 20.0, "0.005": None}


def test_exponent() -> None:
    assert exponent([(50, 10.0), (100, 20.0), (200, 40.0)]) == pytest.approx(1.0)
    assert exponent([(50, 10.0), (50, 12.0)]) is None


def test_tables_judge_all_kinds_of_entries() -> None:
    made: list[dict[str, Any]] = []
    for name, entry in REGISTRY.items():
        if isinstance(entry, Build):
            for subject, seconds in ((PRODUCT, 0.01), ("linopy", 0.5), ("PyPSA", 0.3)):
                made.append(record(name, "8760 h", subject=subject, cpu_s=seconds, optimum=1.0))
        elif isinstance(entry, Solve):
            made += [record(name, s.name, **s.sizes()) for s in entry.sources]
        elif isinstance(entry, Ratio):
            to = {"asked_gap": entry.gap}
            made.append(record(name, entry.plain.name, **entry.plain.sizes(), **to))
            made.append(record(name, entry.other.name, **entry.other.sizes(), **to, wall_s=110.0))
        elif isinstance(entry, Growth):
            made += [
                record(name, s.name, **s.sizes(), wall_s=float(s.sites)) for s in entry.sources
            ]
        elif isinstance(entry, Monolith):
            made.append(record(name, entry.source.name))
            for solver in SOLVERS:
                made.append(record(name, entry.source.name, subject=f"monolith, {solver}",
                                   gap=None, gap_with_our_plan=0.2, build_s=1.0))  # fmt: skip
    for made_case in (r for r in made if "areas" in r):
        made_case["seconds_to_gap"]["0.03"] = 0.01 * made_case["sites"] ** 0.9
    text = tables(made)
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    by_case = {line.split("|")[1].strip() + line.split("|")[5]: line for line in lines}
    assert len(by_case) == len(lines)
    passed = {line.split("`")[1]: line.split("|")[-2].strip() for line in lines}
    assert passed["5x3"] == "no" and passed["20x6"] == "asked" and passed["50x20"] == "aim"
    assert passed["200x20_features"] == "asked" and passed["monolith"] == "asked"
    assert passed["sites"] == "asked" and passed["areas"] == "asked" and passed["tiny"] == "asked"
    build = [line for line in lines if "`build`" in line]
    assert ["aim" in build[0].split("|")[-2], "no" in build[1].split("|")[-2]] == [True, True]
    assert "busy" not in text
    for capped in made:
        capped["capped"] = True
    assert "| not measured |" in tables(made)
    made[1]["optimum"] = 2.0
    assert "ANOTHER OPTIMUM" in tables(made)
    made[0]["load"] = 3.0
    assert "machine was busy" in tables(made)


def test_growth_takes_runs_of_its_cases_to_its_gap_or_a_smaller_one() -> None:
    entry = REGISTRY["sites"]
    assert isinstance(entry, Growth)
    same = record("2000x20", "2000x20", sites=2000) | {"asked_gap": entry.gap}
    closer = record("200x20", "200x20", sites=200) | {"asked_gap": 0.02, "wall_s": 300.0}
    closer["seconds_to_gap"] = {"0.03": 40.0, "0.02": 290.0}
    wider = record("50x20", "50x20", sites=50) | {"asked_gap": 0.05}
    elsewhere = record("real", "texas_southwest") | {"asked_gap": 0.01}
    assert entry.mine([same, closer, wider, elsewhere]) == [same, closer]
    # Seconds until the gap is proven, not those of a run that goes on to a smaller one.
    assert entry.points([closer]) == [(200, 40.0)]


def test_a_missed_gap_is_not_a_pass() -> None:
    entry = REGISTRY["sites"]
    assert isinstance(entry, Growth)
    made = [record("sites", s.name, **s.sizes()) for s in entry.sources[:-1]]
    assert [row.met for row in entry.rows(made)] == ["no"]


def test_tiny_runs_from_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, page = tmp_path / "results.json", tmp_path / "page.md"
    folder = tmp_path / "kept"
    assert main(["run", "tiny", "--out", str(out), "--folder", str(folder)]) == 0
    records = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [r["subject"] for r in records] == [PRODUCT, "monolith"]
    ours, peer = records
    assert ours["verified"] and ours["gap"] <= 0.01 and ours["exit_code"] == 0
    assert 0 < ours["begun_s"] < ours["first_plan_s"] <= ours["wall_s"]
    assert ours["cpu_s"] > 0 and ours["peak_mb"] > 50 and ours["machine"]["cores"] >= 1
    assert peer["bound"] <= ours["objective"] * (1 + 1e-6)
    assert ours["bound"] <= peer["objective"] * (1 + 1e-6)
    capsys.readouterr()
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", "utf-8")
    assert main(["table", str(out), "--into", str(page)]) == 0
    text = page.read_text("utf-8")
    assert "`tiny`: 2x4" in text and "old" not in text and text.endswith(f"{END}\nafter\n")


def test_results_page_takes_the_tables(tmp_path: Path) -> None:
    assert all(
        mark in (ROOT / "docs" / "performance.md").read_text("utf-8") for mark in (BEGIN, END)
    )
    page = tmp_path / "page.md"
    page.write_text("nothing\n", "utf-8")
    with pytest.raises(ValueError, match="needs the lines"):
        write_between(page, "text")


@pytest.fixture(scope="module")
def two_by_four(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Made(2, quarters=4).prepare(tmp_path_factory.mktemp("cases"))


@pytest.mark.parametrize("solver", SOLVERS)
def test_every_algorithm_of_the_monolith_proves_a_bound_or_says_why_not(
    solver: str, two_by_four: Path
) -> None:
    found = solve(two_by_four, solver, 60.0, gap=1e-4, threads=1)
    if found["status"] == "not in this highspy":
        assert solver == "hipo"
    elif solver == "pdlp":
        assert found["gap"] is None and found["status"].startswith("relaxation alone")
        assert found["bound"] > 0
    else:
        assert found["gap"] <= 1e-4 and found["build_s"] > 0


def test_an_unfinished_root_has_no_bound() -> None:
    assert proven_bound(-math.inf, -math.inf, optimal=False) is None
    assert proven_bound(500.0, 500.0, optimal=False) is None
    assert proven_bound(501.0, 500.0, optimal=False) == 501.0
    assert proven_bound(500.0, 500.0, optimal=True) == 500.0


def test_variants_keep_the_real_case_and_its_features() -> None:
    one, again, other = variant(1), variant(1), variant(2)
    for name in MOVED:
        assert one.tables[name].equals(again.tables[name])
        assert not one.tables[name].equals(other.tables[name])
    assert len(one.tables["sites"]) == 14 and len(one.tables["periods"]) == 19
    assert set(one.tables["policies"]["kind"]) == set(other.tables["policies"]["kind"])


def test_stages_can_be_served_from_the_first_on() -> None:
    case = staged(2, 2)
    assert list(case.tables["periods"]["months"]) == [12, 12]
    assert (case.tables["technologies"]["construction_months"] == 0).all()
    assert [a.short_mw for a in implied(case).attainable] == [0, 0]


@pytest.mark.parametrize("subject", [s for s in SUBJECTS if s != PRODUCT])
def test_peers_prove_the_same_optimum(subject: str) -> None:
    if importlib.util.find_spec(SUBJECTS[subject][2]) is None:
        pytest.skip("needs the extra benchmark")
    block = make_block(168)
    ours = optimum(builder_of(PRODUCT)(block))
    model = builder_of(subject)(block)
    assert model.getNumCol() == 9 * 168
    assert optimum(model) == pytest.approx(ours, rel=1e-6)


def test_the_quota_of_the_block_binds() -> None:
    model = builder_of(PRODUCT)(make_block(168))
    optimum(model)
    assert min(model.getSolution().row_dual[-1:]) < -1e-6


def test_plots_are_svg_and_the_same_again(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs the extra benchmark")
    from benchmarks.plots import draw_all

    made = []
    for name in ("sites", "areas"):
        entry = REGISTRY[name]
        assert isinstance(entry, Growth)
        made += [record(name, s.name, **s.sizes(), wall_s=float(s.sites)) for s in entry.sources]
    made.append(record("50x20", "50x20", sites=50))
    paths = draw_all(made, tmp_path / "a")
    names = ["benchmark_convergence.svg", "benchmark_sites.svg", "benchmark_areas.svg"]
    assert [p.name for p in paths] == names
    for path, again in zip(paths, draw_all(made, tmp_path / "b"), strict=True):
        assert (
            path.read_text("utf-8").startswith("<?xml") and path.read_bytes() == again.read_bytes()
        )
