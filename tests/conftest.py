"""How many examples of what holds for all, and what no test need compute again.

`make check` takes the profile `quick`, `make test` four times as many: `full`. `thorough` is for a night.
A test that needs more examples than others says how many times as many.
"""

import functools
import gc
from collections.abc import Iterator
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings

from wgd.config import x25519

# The machine's load must not fail a property, and a failure must come again the next time.
settings.register_profile(
    "quick", max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("full", settings.get_profile("quick"), max_examples=100)
settings.register_profile("thorough", settings.get_profile("full"), max_examples=1000, derandomize=False)
settings.load_profile("quick")


def pytest_collection_finish() -> None:
    """Thousands of tests live to the end: who looks for garbage among them, time and again, finds none."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def every_key_is_computed_once() -> Iterator[None]:
    """The public key of the same private one is the same, and takes a millisecond in Python."""
    with mock.patch.object(x25519, "public", functools.cache(x25519.public)):
        yield
