"""What several parts share: terms of joint rows and cumulative builds."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pyomo.environ as pyo


def contribute(block: pyo.Block, key: tuple[Hashable, ...], term: Any) -> None:
    """Add a site's term to a joint row."""
    block.joint.setdefault(key, []).append(term)


def added(cumulative: Any, key: tuple[Any, ...], q: int) -> Any:
    """What comes online in q, from a variable that counts all that came online so far."""
    before = cumulative[(*key, q - 1)] if q > 0 else 0.0
    return cumulative[(*key, q)] - before


def standing(cumulative: Any, key: tuple[Any, ...], serves: np.ndarray, p: int) -> Any:
    """What stands in p: all that came online by p less what is at the end of its life.

    ``serves[q, p]`` says whether what came online in q stands in p. Lives are equal, so that
    the dead are the earliest ones.
    """
    dead = p + 1 - int(serves[: p + 1, p].sum())
    gone = cumulative[(*key, dead - 1)] if dead > 0 else 0.0
    return cumulative[(*key, p)] - gone


def level_at(variable: Any, key: tuple[Any, ...]) -> Any:
    """A variable at a key, 0 where it has none."""
    if key in variable:
        return variable[key]
    return 0.0
