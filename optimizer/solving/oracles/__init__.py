"""Block oracles: what an operating block costs at a plan, and a cut that is valid everywhere.

Interchangeable: HiGHS is the reference for any block; the specialised one proves each of its
answers and leaves what it cannot prove to HiGHS.
"""

from optimizer.solving.oracles.executor import BlockOracle
from optimizer.solving.oracles.task import ADEQUACY, COST, EMISSIONS, Outcome, Task

__all__ = ["ADEQUACY", "COST", "EMISSIONS", "BlockOracle", "Outcome", "Task"]
