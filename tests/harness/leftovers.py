"""Finds what a killed run has left, by claims and node labels, and removes it; never resources of a live run."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import docker
from rich.console import Console

from platform_infra.cluster.local import node
from platform_infra.cluster.local.spec import CHECKOUT, CHECKOUT_LABEL, LABEL
from tests.harness import claims
from tests.harness.deploy import forget_stacks
from tests.harness.place import KEPT

if TYPE_CHECKING:
    from collections.abc import Mapping


OWNER_LABEL = "ai.kubernaut.notification-platform.owner"
EPHEMERAL = re.compile(r"ci-[0-9a-f]{6}(-\w+)?")
"""The names of disposable stacks; other stacks have other names."""


def owner() -> str:
    """Return the identity of this process for the label of a node: machine, pid, start time."""
    return f"{socket.gethostname()} {os.getpid()} {_began(os.getpid())}"


def is_alive(owner: str) -> bool:
    """Return whether that process lives; a process of another machine counts as alive."""
    host, pid, began = owner.split()
    return host != socket.gethostname() or _began(int(pid)) == began


def remove_leftovers() -> None:
    """Remove the disposable stacks of this checkout whose owners have ended."""
    with claims.abandoned() as places:
        for place in places:
            _remove(place.name)
            claims.release(place)
        for name in _unclaimed_nodes():
            _remove(name)


def _remove(name: str) -> None:
    Console(stderr=True).print(f"removing {name}, which a run that was killed has left")
    node.delete(name)
    forget_stacks(name)


def _unclaimed_nodes() -> list[str]:
    """Return the stacks of unclaimed nodes, such as after the state folder was deleted."""
    client = docker.from_env()
    try:
        filters: dict[str, str | list[str] | bool] = {"label": [OWNER_LABEL, f"{CHECKOUT_LABEL}={CHECKOUT}"]}
        result = [container.labels for container in client.containers.list(all=True, filters=filters)]
    finally:
        client.close()
    return [labels[LABEL] for labels in result if is_left_over(labels)]


def is_left_over(labels: Mapping[str, str]) -> bool:
    name = labels.get(LABEL, "")
    wanted = (claims.FOLDER / name).exists() or (KEPT / name).exists()
    return bool(EPHEMERAL.fullmatch(name)) and not wanted and not is_alive(labels[OWNER_LABEL])


def _began(pid: int) -> str:
    """Return the start time of a process, in ticks since boot; empty if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except FileNotFoundError:
        return ""
