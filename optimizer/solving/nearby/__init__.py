"""Near an earlier result: start from its plan, or change as little of it as the gap allows.

``earlier``: the result's tables as a point of the planning model of the present case;
``nearest``: the point of least change that meets the present rows;
``start``: that point, checked, is the first plan of the search;
``prefer``: of all plans within the asked gap the one with the fewest changed decisions;
``changes``: what differs, decision by decision;
``ties``: sites that could as well be in the plan, or out of it.
"""

from optimizer.solving.nearby.changes import changed_decisions
from optimizer.solving.nearby.earlier import Earlier
from optimizer.solving.nearby.prefer import KEPT_SHARE, prefer
from optimizer.solving.nearby.start import start
from optimizer.solving.nearby.ties import tied_sites

__all__ = ["KEPT_SHARE", "Earlier", "changed_decisions", "prefer", "start", "tied_sites"]
