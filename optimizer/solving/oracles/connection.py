"""The grid connection of a block: import and what contracts deliver share its service.

In an hour the cheaper of them comes first. A dearer one is used only when all cheaper ones run
at their bounds, so that what they leave of the service is a bound of its own: with these bounds
the supplies of an hour know nothing of each other, and the merit order holds as without contracts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.model.blocks.assembly import Shape

SERVICE_ROW = "import_within_service"


@dataclass(frozen=True, eq=False)
class Connection:
    """Columns through the connection, one an hour each.

    Parameters
    ----------
    parts : columns of import and of each delivery
    service : rows of the service that they share; None if there is import alone
    """

    parts: tuple[slice, ...]
    service: slice | None

    def most(self, upper: np.ndarray, rhs: np.ndarray) -> np.ndarray:
        """What the connection can carry in each hour [MW]."""
        return upper[self.parts[0]] if self.service is None else rhs[self.service]

    def bounds(self, upper: np.ndarray, priced: np.ndarray, most: np.ndarray) -> list[np.ndarray]:
        """Bounds of all parts that together keep within ``most``, at these costs [MW]."""
        if self.service is None:
            return [np.minimum(upper[self.parts[0]], most)]
        order, _, reached = self._by_cost(upper, priced)
        reached = np.minimum(reached, most)
        found = np.empty_like(reached)
        np.put_along_axis(found, order, np.diff(reached, axis=0, prepend=0.0), 0)
        return list(found)

    def worth(
        self, upper: np.ndarray, priced: np.ndarray, most: np.ndarray, price: np.ndarray
    ) -> np.ndarray:
        """What a MWh more through a connection that carries ``most`` would save [k$/MWh].

        ``price`` is that of energy in each hour.
        """
        if self.service is None:
            dearest = priced[self.parts[0]]
        else:
            _, cost, reached = self._by_cost(upper, priced)
            full = reached >= most
            last = np.take_along_axis(cost, np.argmax(full, axis=0)[None], 0)[0]
            dearest = np.where(full[-1], last, np.inf)
        return np.asarray(np.maximum(price - dearest, 0.0))

    def _by_cost(
        self, upper: np.ndarray, priced: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Parts of each hour from cheap to dear, their costs, and the bounds of all up to each."""
        cost, own = (np.array([values[part] for part in self.parts]) for values in (priced, upper))
        order = np.argsort(cost, axis=0, kind="stable")
        reached = np.cumsum(np.take_along_axis(own, order, 0), axis=0)
        return order, np.take_along_axis(cost, order, 0), reached


def find(shape: Shape) -> Connection | None:
    """The connection of a block; None if it has none, or one under several tariffs."""
    if "import" not in shape.groups:
        return None
    deliveries = [part for name, part in shape.groups.items() if name.startswith("delivery:")]
    if not deliveries:
        return Connection((shape.groups["import"],), None)
    if SERVICE_ROW not in shape.rows:
        return None
    return Connection((shape.groups["import"], *deliveries), shape.rows[SERVICE_ROW])
