"""Small charts over time as SVG text: for short pages that need no script."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup, escape

from optimizer.results.report.style import GRID, INK

WIDTH, HEIGHT = 680, 250
LEFT, RIGHT, TOP, BOTTOM = 52, 8, 10, 24
DASHES = {"solid": "", "dot": "2 3", "dash": "7 4", "dashdot": "7 3 2 3"}


@dataclass(frozen=True)
class Series:
    """Values of one thing, one for each span of time.

    Parameters
    ----------
    name : in the legend
    values : in the unit of the chart
    colour : of bar or line
    dash : of a line, as in ``DASHES``; bars have none
    width : of a line
    """

    name: str
    values: Sequence[float]
    colour: str
    dash: str = "solid"
    width: float = 2.0


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round values that span low to high.

    Examples
    --------
    >>> ticks(0, 13.5)
    [0.0, 5.0, 10.0, 15.0]
    """
    span = max(high - low, 1e-9)
    rough = span / most
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * k for k in (1, 2, 5, 10) if size * k >= rough - 1e-12)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [k * step for k in range(first, max(last, first + 1) + 1)]


def chart(
    spans: Sequence[tuple[pd.Timestamp, pd.Timestamp]], *, bars: Sequence[Series] = (),
    lines: Sequence[Series] = (), unit: str, title: str,
) -> Markup:  # fmt: skip
    """Stacked bars and step lines over a calendar, with legend.

    Parameters
    ----------
    spans : start and end of each value, in order
    unit : stands above the axis
    title : what is shown, for those who do not see it
    """
    count = len(spans)
    above = [sum(max(0.0, s.values[k]) for s in bars) for k in range(count)]
    below = [sum(min(0.0, s.values[k]) for s in bars) for k in range(count)]
    drawn = [v for s in lines for v in s.values]
    marks = ticks(min([0.0, *below, *drawn]), max([0.0, *above, *drawn]))
    first, last = spans[0][0], spans[-1][1]
    length = float((last - first).days)

    def x(date: pd.Timestamp) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * float((date - first).days) / length

    def y(value: float) -> float:
        share = (value - marks[0]) / (marks[-1] - marks[0])
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share

    parts = [_axis(marks, y), *_years(first, last, x)]
    for k, (start, end) in enumerate(spans):
        up = down = 0.0
        gap = min(1.0, 0.1 * (x(end) - x(start)))
        for s in bars:
            value = s.values[k]
            base = up if value >= 0 else down
            high, low = max(base, base + value), min(base, base + value)
            up, down = (up + value, down) if value >= 0 else (up, down + value)
            if value:
                parts.append(f'<rect x="{x(start) + gap:.1f}" y="{y(high):.1f}" '
                             f'width="{max(0.3, x(end) - x(start) - 2 * gap):.1f}" '
                             f'height="{y(low) - y(high):.1f}" fill="{s.colour}"/>')  # fmt: skip
    for s in lines:
        path = " ".join(f"{'L' if k else 'M'}{x(a):.1f} {y(v):.1f}H{x(b):.1f}"
                        for k, ((a, b), v) in enumerate(zip(spans, s.values, strict=True)))  # fmt: skip
        parts.append(f'<path d="{path}" fill="none" stroke="{s.colour}" stroke-width="{s.width}" '
                     f'stroke-dasharray="{DASHES[s.dash]}"/>')  # fmt: skip
    body = Markup("").join(Markup(p) for p in parts)  # numbers and colours of this module
    return Markup(
        '<div class="scroll" tabindex="0" role="region" aria-label="{title}, chart">'
        '<p class="unit">{unit}</p>'
        '<svg viewBox="0 0 {w} {h}" role="img" aria-label="{title}">{body}</svg>{legend}</div>'
    ).format(title=title, unit=unit, w=WIDTH, h=HEIGHT, body=body, legend=_legend(bars, lines))


def _axis(marks: list[float], y: Callable[[float], float]) -> str:
    digits = max(0, -math.floor(math.log10(marks[1] - marks[0]) + 1e-9))
    return "".join(
        f'<path d="M{LEFT} {y(v):.1f}H{WIDTH - RIGHT}" stroke="{INK if v == 0 else GRID}"/>'
        f'<text x="{LEFT - 6}" y="{y(v) + 4:.1f}" text-anchor="end">{v:,.{digits}f}</text>'
        for v in marks
    )


def _years(
    first: pd.Timestamp, last: pd.Timestamp, x: Callable[[pd.Timestamp], float]
) -> list[str]:
    """A tick and the name of each year, every second where there are many."""
    every = 1 if last.year - first.year <= 14 else 2
    dates = [pd.Timestamp(year, 1, 1) for year in range(first.year, last.year + 1, every)]
    return [
        f'<path d="M{x(d):.1f} {HEIGHT - BOTTOM}v5" stroke="{INK}"/>'
        f'<text x="{x(d):.1f}" y="{HEIGHT - 5}" text-anchor="middle">{d.year}</text>'
        for d in dates if first <= d < last
    ]  # fmt: skip


def _legend(bars: Sequence[Series], lines: Sequence[Series]) -> Markup:
    marks = []
    for s in (*bars, *lines):
        shape = (f'<path d="M0 6H22" stroke="{s.colour}" stroke-width="{s.width}" '
                 f'stroke-dasharray="{DASHES[s.dash]}"/>' if s in lines
                 else f'<rect width="22" height="12" fill="{s.colour}"/>')  # fmt: skip
        marks.append(Markup(
            f'<li><svg viewBox="0 0 22 12" aria-hidden="true">{shape}</svg>{escape(s.name)}</li>'
        ))  # fmt: skip
    return Markup('<ul class="legend">{}</ul>').format(Markup("").join(marks))
