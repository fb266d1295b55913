"""What an object computes once and keeps for as long as it lives."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def once(method: Callable[Concatenate[Any, P], T]) -> Callable[Concatenate[Any, P], T]:
    """A method whose answers are kept in its object.

    ``functools.cache`` keeps them in the class, and with them every object that was ever asked:
    all that a check has read would stay in memory until the process ends.
    """
    place = f"_once_{method.__name__}"

    @wraps(method)
    def answer(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> T:
        known: dict[Any, T] = self.__dict__.setdefault(place, {})
        key = (args, tuple(sorted(kwargs.items())))
        if key not in known:
            known[key] = method(self, *args, **kwargs)
        return known[key]

    return answer
