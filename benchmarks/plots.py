"""Plots of records as SVG: time and memory against sites and areas, gap against time."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from benchmarks.registry import PRODUCT, REGISTRY, Growth, Record, Solve, exponent, median

STYLE = {
    "svg.hashsalt": "benchmarks",  # the same records make the same file
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
}
COLORS = ("#0b6e99", "#c4541d", "#4a7c3a", "#7a4b9a", "#8a6d1f", "#b03060", "#3d5a80", "#666666")
SIZE = (7.2, 4.2)
WIDE = (9.6, 4.0)


def save(figure: Figure, path: Path) -> Path:
    """Write a figure; nothing in it depends on when."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    return path


def growth(entry: Growth, records: list[Record], path: Path) -> Path | None:
    """Seconds and peak memory against the sizes of the cases, medians of all runs."""
    ours = [r for r in records if r["subject"] == PRODUCT and r.get("gap") is not None]
    sizes = sorted({r[entry.along] for r in ours})
    if not sizes:
        return None

    peaks = [median(r["peak_mb"] for r in ours if r[entry.along] == n) or 0.0 for n in sizes]
    figure = Figure(figsize=WIDE, layout="constrained")
    time, memory = figure.subplots(1, 2)
    proven = entry.points(ours)
    slope = exponent(proven)
    told = "wall" if slope is None else f"wall, exponent {slope:.2f}"
    time.plot([n for n, _ in proven], [s for _, s in proven], "o-", color=COLORS[0], label=told)
    time.set(ylabel="seconds", title=f"To a proven gap of {100 * entry.gap:g} %")
    time.legend(frameon=False)
    memory.plot(sizes, peaks, "o-", color=COLORS[2])
    memory.set(ylabel="peak memory, MB", title="Peak memory")
    for axes in (time, memory):
        axes.set(xlabel=entry.along, xscale="log", yscale="log")
        axes.set_xticks(sizes, [f"{n:,}" for n in sizes])
        axes.minorticks_off()
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    for r in ours:
        if r["gap"] <= entry.gap:
            continue
        time.annotate(
            f"gap {100 * r['gap']:.1f} %", (r[entry.along], r["wall_s"]),
            textcoords="offset points", xytext=(4, 6), fontsize=8,
        )  # fmt: skip
    return save(figure, path)


def convergence(records: list[Record], path: Path) -> Path | None:
    """Proven gap against seconds from the command's start, first run of each case."""
    lines: dict[str, list[tuple[float, float]]] = {}
    for r in records:
        if r["subject"] != PRODUCT or not isinstance(REGISTRY.get(r["benchmark"]), Solve):
            continue
        found = [(r["begun_s"] + p["seconds"], 100 * p["gap"])
                 for p in r.get("progress") or () if p["gap"] is not None and p["gap"] > 0]  # fmt: skip
        if found:
            lines.setdefault(r["case"], found)
    if not lines:
        return None
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    for k, (case, found) in enumerate(lines.items()):
        seconds, gaps = zip(*found, strict=True)
        style = ("-", "--", ":")[k // len(COLORS) % 3]
        axes.step(seconds, gaps, style, where="post", color=COLORS[k % len(COLORS)], label=case)
        axes.plot(seconds[-1:], gaps[-1:], "o", color=COLORS[k % len(COLORS)], markersize=4)
    axes.set(xlabel="seconds from the command's start", ylabel="proven gap, %", xscale="log",
             yscale="log", title="Gap against time")  # fmt: skip
    low, high = (f(g for found in lines.values() for _, g in found) for f in (min, max))
    ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 3, 5, 10, 20, 50, 100) if low / 2 <= t <= high * 2]
    if ticks:
        axes.set_yticks(ticks, [f"{t:g}" for t in ticks])
        axes.minorticks_off()
    first, last = (f(s for found in lines.values() for s, _ in found) for f in (min, max))
    marks = [10**k * m for k in range(-1, 6) for m in (1, 3)]
    shown = [m for m in marks if first / 3 <= m <= last * 3]
    axes.set_xticks(shown, [f"{m:g}" for m in shown])
    axes.set_xlim(first * 0.8, last * 1.25 if math.isfinite(last) else None)
    axes.legend(frameon=False, fontsize=8)
    return save(figure, path)


def draw_all(records: list[Record], folder: Path) -> list[Path]:
    """All plots that the records have figures for."""
    jobs: list[Callable[[], Path | None]] = [
        lambda: convergence(records, folder / "benchmark_convergence.svg")
    ]

    def job(name: str, entry: Growth) -> Callable[[], Path | None]:
        return lambda: growth(entry, entry.mine(records), folder / f"benchmark_{name}.svg")

    jobs += [job(name, e) for name, e in REGISTRY.items() if isinstance(e, Growth)]
    style: Any = STYLE
    with mpl.rc_context(style):
        return [path for draw in jobs if (path := draw()) is not None]
