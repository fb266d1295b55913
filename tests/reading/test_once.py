"""Answers that an object keeps go with it."""

from __future__ import annotations

import gc
import weakref

from optimizer.reading.once import once


class Asked:
    def __init__(self) -> None:
        self.count = 0

    @once
    def twice(self, number: int, *, more: int = 0) -> int:
        """Counts how often it is computed."""
        self.count += 1
        return 2 * number + more


def test_an_answer_is_computed_once_for_each_object_and_question() -> None:
    one, other = Asked(), Asked()
    assert [one.twice(3), one.twice(3), one.twice(3, more=1), other.twice(3)] == [6, 6, 7, 6]
    assert (one.count, other.count) == (2, 1)


def test_answers_do_not_keep_their_object() -> None:
    asked = Asked()
    asked.twice(3)
    seen = weakref.ref(asked)
    del asked
    gc.collect()
    assert seen() is None
