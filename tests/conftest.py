"""Hypothesis profiles: few examples by default, many with `--hypothesis-profile thorough`."""

from hypothesis import HealthCheck, settings

# The machine's load must not fail a property, and a failure must come again the next time.
settings.register_profile(
    "quick", max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "thorough", max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("quick")
