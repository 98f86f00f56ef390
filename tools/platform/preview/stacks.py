"""The previews of a backend: known by their tags, looked at, taken down with whatever they have left."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from platform_infra.cluster.local import node
from tools.localcluster.toolchain import ensure
from tools.platform.preview.cluster import Namespace
from tools.platform.preview.model import NAME, Preview, recognised
from tools.platform.pulumi.environment import ENGINE_GROUPS
from tools.platform.pulumi.kubeconfig import drop_kubeconfig
from tools.platform.pulumi.locks import past_dead_locks
from tools.platform.pulumi.stack import destroy, exists, known_stacks, open_stack, outputs_of, remove, tags

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


def take_down(name: str, *, preview: Preview | None) -> None:
    """Destroy a preview and forget it, also one whose first `up` was cut off before it was written down.

    What went with its cluster is forgotten only.

    Raises:
        CommandError: the engine could not.
    """
    stack = open_stack(name)
    namespace = _namespace(preview) if preview and preview.base else None
    gone = preview is not None and _has_lost_its_cluster(preview, namespace)
    if not gone:
        past_dead_locks(stack, lambda: destroy(stack))
    if preview and not preview.base:
        node.delete(name)
    elif preview and namespace and not gone:
        namespace.sweep(preview.number)
    remove(stack, force=gone)
    drop_kubeconfig(name)


def _namespace(preview: Preview) -> Namespace | None:
    """Return the way to a preview by what it gives out, or its base where its first `up` was interrupted."""
    given = outputs_of(preview.stack)
    if "kubeconfig" not in given and ("/" in preview.base or exists(preview.base)):
        given = outputs_of(preview.base)
    return place(preview.stack, given) if "kubeconfig" in given else None


def _has_lost_its_cluster(preview: Preview, namespace: Namespace | None) -> bool:
    """Tell whether the base has been taken down, and no API server answers where the preview was."""
    if not preview.base or "/" in preview.base or exists(preview.base):
        return False
    return namespace is None or not namespace.answers()
