"""What other firewalls do to what wgd permits: asked again only when rules, files or routes are others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wgd.config.document import Config
from wgd.firewalls.obstacles import Obstacle, obstacles
from wgd.firewalls.published import closed, restricted
from wgd.firewalls.walk import Ruleset
from wgd.model import Plan, State


class Firewalls:
    """The answer of last time, while what it rests on is the very same. `read` reads the others' rules."""

    def __init__(self, read: Callable[[], Ruleset]) -> None:
        self._read = read
        self._asked: tuple[Ruleset, Config, Mapping[Any, Any], Mapping[Any, Any]] | None = None
        self._obstacles: tuple[Obstacle, ...] = ()

    def obstacles(self, config: Config, seen: State) -> tuple[Obstacle, ...]:
        """Who drops what wgd permits, or UDP to its ports; the very same tuple if nothing changed."""
        asked = (self._read(), config, seen.of("route"), seen.of("address"))
        if self._asked is None or any(a is not b for a, b in zip(asked, self._asked, strict=True)):
            self._asked, self._obstacles = asked, obstacles(config, seen, asked[0])
        return self._obstacles

    def closed(self, config: Config, seen: State, plan: Plan) -> tuple[str, ...]:
        """What this plan closes of others' without meaning to."""
        return tuple(closed(config, seen, plan, self._read())) if restricted(plan) else ()

    def unreadable(self, config: Config) -> tuple[str, ...]:
        """Whose rules are in force here that wgd cannot see."""
        unseen = self._read().unreadable if config.enabled() else ()
        return tuple(f"{what} may drop what wgd permits: wgd cannot read its rules" for what in unseen)

    def warnings(self, config: Config, seen: State, plan: Plan) -> tuple[str, ...]:
        """Both."""
        return self.unreadable(config) + self.closed(config, seen, plan)
