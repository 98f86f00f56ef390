"""The previews of a backend: known by their tags, looked at, taken down with whatever they have left."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from platform_infra.cluster.local import node
from tools.engine import ENGINE_GROUPS
from tools.kubeconfig import drop_kubeconfig
from tools.preview_cluster import Namespace
from tools.previews import NAME, Preview, recognised
from tools.stack import destroy, exists, known_stacks, open_stack, outputs_of, remove, tags, unlock
from tools.toolchain import ensure

LOOKS = 4
"""Previews that are looked at side by side."""


class NotOursError(Exception):
    """A stack has the name of a preview and is none; the message names it and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A preview, and how it is."""

    preview: Preview
    health: str


def previews() -> list[Preview]:
    """Return every preview that is ours, by number."""
    toolchain = ensure(ENGINE_GROUPS)
    names = [name for name in known_stacks(toolchain) if NAME.match(name)]
    with ThreadPoolExecutor(LOOKS) as pool:
        told = pool.map(lambda name: recognised(name, tags(name, toolchain)), names)
        return sorted(filter(None, told), key=lambda preview: preview.number)


def looked_at() -> list[Seen]:
    """Return every preview with its health."""
    with ThreadPoolExecutor(LOOKS) as pool:
        return list(pool.map(lambda one: Seen(preview=one, health=_health(one)), previews()))


def _health(preview: Preview) -> str:
    given = outputs_of(preview.stack)
    if "kubeconfig" not in given:
        return "its up was interrupted"
    return place(preview.stack, given).health()


def place(name: str, given: dict[str, Any]) -> Namespace:
    """Return the namespace of a preview, by what its stack or its base gives out."""
    return Namespace(name, kubeconfig=given["kubeconfig"], context=given["context"])


def find(name: str) -> Preview | None:
    """Return the preview of that name, or None where there is no such stack, or an empty one.

    Raises:
        NotOursError: somebody has made a stack of that name by other means.
    """
    if not exists(name):
        return None
    if preview := recognised(name, tags(name)):
        return preview
    if outputs_of(name):
        raise NotOursError(
            f"{name} does not say that it is a preview, so it is left alone; destroy it with Pulumi"
        )
    return None


def base_outputs(base: str) -> dict[str, Any]:
    """Return what the stack gives out whose cluster previews live in.

    Raises:
        ValueError: it is not up.
    """
    # One of another project is not among those that the backend lists for this one.
    given = outputs_of(base) if "/" in base or exists(base) else {}
    if "kubeconfig" not in given:
        raise ValueError(
            f"the stack {base}, whose cluster the preview would use, is not up; run `make up STACK={base}`"
        )
    return given


def take_down(name: str, *, preview: Preview | None, stale: bool = False) -> None:
    """Destroy a preview and forget it, also one whose first `up` was cut off before it was written down.

    With `stale` nobody can be working on it, so a lock is that of an engine which was killed.

    Raises:
        CommandError: the engine could not.
    """
    stack = open_stack(name)
    if stale:
        unlock(stack)
    destroy(stack)
    if preview and preview.base:
        _sweep(preview)
    elif preview:
        node.delete(name)
    remove(stack)
    drop_kubeconfig(name)


def _sweep(preview: Preview) -> None:
    """Delete a namespace that the engine had asked for and was killed before it noted that."""
    try:
        given = base_outputs(preview.base)
    except ValueError:
        return  # It went with its cluster.
    place(preview.stack, given).sweep(preview.number)
