"""The previews of a backend: list them by their tags, read their health, take them down."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from platform_infra.cluster.local import node
from platform_infra.cluster.owned import PREVIEW_KUBECONFIG
from platform_infra.names import PREVIEW_CONTEXT
from tools.localcluster.toolchain import ensure
from tools.platform.preview.cluster import Namespace
from tools.platform.preview.model import NAME, Access, Preview, PreviewError, from_tags
from tools.platform.pulumi.environment import ENGINE_GROUPS
from tools.platform.pulumi.kubeconfig import drop_kubeconfig
from tools.platform.pulumi.removal.deletion import delete_resources
from tools.platform.pulumi.stack import exists, known_stacks, open_stack, outputs_of, remove, tags
from tools.platform.pulumi.state.locks import without_stale_lock

if TYPE_CHECKING:
    from pathlib import Path

CONCURRENCY = 4
"""Previews that are queried at the same time."""


class NotAPreviewError(PreviewError):
    """A stack has the name of a preview, but not its tags."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewStatus:
    preview: Preview
    health: str


def previews() -> list[Preview]:
    """Return every preview, sorted by number."""
    toolchain = ensure(ENGINE_GROUPS)
    names = [name for name in known_stacks(toolchain) if NAME.match(name)]
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        candidates = pool.map(lambda name: from_tags(name, tags(name, toolchain)), names)
        return sorted(filter(None, candidates), key=lambda preview: preview.number)


def statuses() -> list[PreviewStatus]:
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
    if not values:
        raise PreviewError(
            f"the stack {base}, whose cluster the preview would use, is not up",
            hint=f"run `make up STACK={base}`",
        )
    return values


def access_to(base: str, kubeconfig: Path | None) -> Access:
    """Return how a preview reaches its cluster: by a kubeconfig of the account for previews, or by the outputs of its base.

    Raises:
        PreviewError: the base is not up, or has no account for previews.
    """
    if not base:
        return Access()
    if kubeconfig:
        return Access(restricted=True, kubeconfig=str(kubeconfig.absolute()))
    values = base_outputs(base)
    if PREVIEW_KUBECONFIG in values:
        return Access(restricted=True)
    if values.get("node"):
        return Access()
    raise PreviewError(
        f"the stack {base} has no account for previews, and previews in a shared cluster use no other credentials",
        hint=f"set previewBase to true in stacks/Pulumi.{base}.yaml and run `make up STACK={base}`, or pass --kubeconfig",
    )


def take_down(name: str, *, preview: Preview | None, kubeconfig: Path | None = None) -> None:
    """Destroy and remove a preview, even if its first `up` was interrupted before the state was saved.

    If its cluster no longer exists, the stack is only removed. `kubeconfig` is that of the account for previews.

    Raises:
        CommandError: the engine failed.
        HeldError: finalizers hold objects of the preview. The stack is still listed then.
        PreviewError: the first `up` was interrupted, and nothing names the cluster; or the namespace cannot be deleted. The
            stack is still listed then.
    """
    stack = open_stack(name)
    namespace = _namespace(preview, kubeconfig) if preview and preview.base else None
    cluster_gone = preview is not None and _has_lost_its_cluster(preview, namespace)
    if not cluster_gone:
        again = f"tools/notif-platform preview down {name.removeprefix('pr-')}"
        without_stale_lock(stack, lambda: delete_resources(stack, again=again))
    if preview and not preview.base:
        node.delete(name)
    elif preview and namespace and not cluster_gone:
        namespace.delete(preview.number)
    remove(stack, force=cluster_gone, generated=True)
    drop_kubeconfig(name)


def _namespace(preview: Preview, kubeconfig: Path | None) -> Namespace | None:
    """Return the namespace by the outputs of the preview; if its first `up` was interrupted, by the file or the base."""
    values = outputs_of(preview.stack)
    if "kubeconfig" not in values:
        values = _outputs_without(preview, kubeconfig)
    return namespace_of(preview.stack, values) if "kubeconfig" in values else None


def _outputs_without(preview: Preview, kubeconfig: Path | None) -> dict[str, Any]:
    """Return kubeconfig and context of a preview that has no outputs; empty if its base does not exist."""
    if kubeconfig:
        return {"kubeconfig": kubeconfig.read_text("utf-8"), "context": PREVIEW_CONTEXT}
    if preview.separate:
        raise PreviewError(
            f"the first `up` of {preview.stack} was interrupted, and its backend does not name its cluster",
            hint="pass --kubeconfig, or set PREVIEW_KUBECONFIG",
        )
    values = outputs_of(preview.base) if "/" in preview.base or exists(preview.base) else {}
    if PREVIEW_KUBECONFIG in values:
        return {"kubeconfig": values[PREVIEW_KUBECONFIG], "context": PREVIEW_CONTEXT}
    return values


def _has_lost_its_cluster(preview: Preview, namespace: Namespace | None) -> bool:
    """Return whether the base no longer exists and no API server answers."""
    if not preview.base or preview.separate or "/" in preview.base or exists(preview.base):
        return False
    return namespace is None or not namespace.answers()
