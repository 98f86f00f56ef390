"""The previews of a backend: list them by their tags, read their health, take them down."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from platform_infra.cluster.local import node
from tools.localcluster.toolchain import ensure
from tools.platform.preview.cluster import Namespace
from tools.platform.preview.model import NAME, Preview, PreviewError, from_tags
from tools.platform.pulumi.environment import ENGINE_GROUPS
from tools.platform.pulumi.kubeconfig import drop_kubeconfig
from tools.platform.pulumi.locks import without_stale_lock
from tools.platform.pulumi.stack import destroy, exists, known_stacks, open_stack, outputs_of, remove, tags

CONCURRENCY = 4
"""Previews that are queried at the same time."""


class NotAPreviewError(PreviewError):
    """A stack has the name of a preview, but not its tags."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewStatus:
    """A preview and its health."""

    preview: Preview
    health: str


def previews() -> list[Preview]:
    """Return every preview, sorted by number."""
    toolchain = ensure(ENGINE_GROUPS)
    names = [name for name in known_stacks(toolchain) if NAME.match(name)]
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        found = pool.map(lambda name: from_tags(name, tags(name, toolchain)), names)
        return sorted(filter(None, found), key=lambda preview: preview.number)


def statuses() -> list[PreviewStatus]:
    """Return every preview with its health."""
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        return list(pool.map(lambda one: PreviewStatus(preview=one, health=_health(one)), previews()))


def _health(preview: Preview) -> str:
    values = outputs_of(preview.stack)
    if "kubeconfig" not in values:
        return "up was interrupted"
    return namespace_of(preview.stack, values).health()


def namespace_of(name: str, values: dict[str, Any]) -> Namespace:
    """Return the namespace of a preview, by the outputs of its stack or of its base."""
    return Namespace(name, kubeconfig=values["kubeconfig"], context=values["context"])


def find(name: str) -> Preview | None:
    """Return the preview of that name, or None if the stack does not exist or is empty.

    Raises:
        NotAPreviewError: the stack was created by other means.
    """
    if not exists(name):
        return None
    if preview := from_tags(name, tags(name)):
        return preview
    if outputs_of(name):
        raise NotAPreviewError(
            f"{name} has no preview tags, so it is not changed", hint="destroy it with Pulumi"
        )
    return None


def base_outputs(base: str) -> dict[str, Any]:
    """Return the outputs of the stack whose cluster previews use.

    Raises:
        PreviewError: it is not up.
    """
    # The backend does not list stacks of other projects.
    values = outputs_of(base) if "/" in base or exists(base) else {}
    if "kubeconfig" not in values:
        raise PreviewError(
            f"the stack {base}, whose cluster the preview would use, is not up",
            hint=f"run `make up STACK={base}`",
        )
    return values


def take_down(name: str, *, preview: Preview | None) -> None:
    """Destroy and remove a preview, even if its first `up` was interrupted before the state was saved.

    If its cluster no longer exists, the stack is only removed.

    Raises:
        CommandError: the engine failed.
    """
    stack = open_stack(name)
    namespace = _namespace(preview) if preview and preview.base else None
    cluster_gone = preview is not None and _has_lost_its_cluster(preview, namespace)
    if not cluster_gone:
        without_stale_lock(stack, lambda: destroy(stack))
    if preview and not preview.base:
        node.delete(name)
    elif preview and namespace and not cluster_gone:
        namespace.delete(preview.number)
    remove(stack, force=cluster_gone, generated=True)
    drop_kubeconfig(name)


def _namespace(preview: Preview) -> Namespace | None:
    """Return the namespace by the outputs of the preview, or of its base if the first `up` was interrupted."""
    values = outputs_of(preview.stack)
    if "kubeconfig" not in values and ("/" in preview.base or exists(preview.base)):
        values = outputs_of(preview.base)
    return namespace_of(preview.stack, values) if "kubeconfig" in values else None


def _has_lost_its_cluster(preview: Preview, namespace: Namespace | None) -> bool:
    """Return whether the base no longer exists and no API server answers."""
    if not preview.base or "/" in preview.base or exists(preview.base):
        return False
    return namespace is None or not namespace.answers()
