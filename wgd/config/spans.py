"""A prefix as numbers, which compare and hash ten times as fast as those of `ipaddress`."""

from __future__ import annotations

from wgd.config.document import IPNetwork

Span = tuple[int, int, int]
"""IP version, first address, and how many bits of an address are left open."""


def span(network: IPNetwork) -> Span:
    """The prefix as numbers."""
    return network.version, int(network.network_address), network.max_prefixlen - network.prefixlen
