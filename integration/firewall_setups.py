"""Other firewalls as they are set up on a host of the lab, and what wgd says of them there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial

from integration.host import Host
from integration.lab import Lab
from integration.other_firewalls import firewalld, lay_files, start_docker, start_ufw
from integration.packets import settled
from wgd.firewalls.obstacles import Obstacle
from wgd.kernel.linux import LinuxKernel
from wgd.reconcile import observe
from wgd.sources.files import Directories, load
from wgd.sources.firewalls import Firewalls

Setup = Callable[[Host], AbstractContextManager[None]]

BLOCKED = 0.7
"""Seconds without a page: it does not pass."""


@contextmanager
def prepared() -> Iterator[Lab]:
    """The lab with everybody's files, and the camera's page in reach."""
    with Lab() as made:
        made.seed()
        for host in made:
            lay_files(host)
            settled(host)
        assert made.page(5)
        yield made


def typed(*commands: str) -> Setup:
    """By a person, in a shell."""

    @contextmanager
    def setup(host: Host) -> Iterator[None]:
        for command in commands:
            host.run("sh", "-c", command)
        yield

    return setup


def loaded(ruleset: str) -> Setup:
    """By nft, from a file."""

    def setup(host: Host) -> AbstractContextManager[None]:
        host.nft(ruleset)
        return nullcontext()

    return setup


def ufw(*rules: str) -> Setup:
    def setup(host: Host) -> AbstractContextManager[None]:
        start_ufw(host, *rules)
        return nullcontext()

    return setup


def docker(version: int, *more: str) -> Setup:
    def setup(host: Host) -> AbstractContextManager[None]:
        start_docker(host, version)
        return typed(*more)(host)

    return setup


def fire(*settings: str) -> Setup:
    return partial(_fire, settings)


def _fire(settings: tuple[str, ...], host: Host) -> AbstractContextManager[None]:
    return firewalld(host, *settings)


def obstacles(host: Host) -> tuple[Obstacle, ...]:
    """What wgd says now."""
    with host.inside():
        kernel = LinuxKernel()
        config = load(Directories(), time.time(), accepted=False).config
        return Firewalls(kernel.others.read).obstacles(config, observe(kernel, {}, time.time()))
