"""One suite for two kernels: what holds on `FakeKernel` must hold on the real one, or the fake is wrong.

A scenario is a function over a `World`. `tests/test_contract_fake.py` runs it, and so does
`integration/test_contract_kernel.py`, in a network of its own.
"""

from tests.contract.facts import FACTS
from tests.contract.passes import PASSES
from tests.contract.ways import WAYS
from tests.contract.world import Scenario, World

SCENARIOS: dict[str, Scenario] = {
    scenario.__name__.replace("_", " "): scenario for scenario in (*FACTS, *WAYS, *PASSES)
}

__all__ = ["SCENARIOS", "Scenario", "World"]
