"""The previews of a backend: create them, list them by their tags, read their health, take them down."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml
from pulumi.automation import CommandError, StackNotFoundError

from platform_infra.cluster.local import node
from platform_infra.cluster.local.images import load_image
from platform_infra.cluster.owned import PREVIEW_KUBECONFIG
from platform_infra.image import build as image_build
from platform_infra.names import PREVIEW_CONTEXT
from tools.platform.deployment.update import local_parts
from tools.platform.errors import explain
from tools.platform.git import commit_of
from tools.platform.preview.cluster import Namespace
from tools.platform.preview.model import (
    NAME,
    Access,
    Preview,
    PreviewError,
    from_tags,
    registry_values,
    values,
)
from tools.platform.preview.registry import tag_of
from tools.platform.pulumi.environment import (
    ROOT,
    drop_kubeconfig,
    namespaced,
    write_kubeconfig,
)
from tools.platform.pulumi.locks import without_stale_lock
from tools.platform.pulumi.operations import up
from tools.platform.pulumi.removal.deletion import delete_resources
from tools.platform.pulumi.stack import exists, known_stacks, open_stack, outputs_of, remove, tag, tags
from tools.platform.pulumi.state.protection import check_provider, recorded_provider

if TYPE_CHECKING:
    from pathlib import Path

    from tools.platform.preview.cluster import Smoke

CONCURRENCY = 4
"""Previews that are queried at the same time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewStatus:
    preview: Preview
    health: str


def previews() -> list[Preview]:
    names = [name for name in known_stacks() if NAME.match(name)]
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        candidates = pool.map(_preview_of, names)
        return sorted(filter(None, candidates), key=lambda preview: preview.number)


def _preview_of(name: str) -> Preview | None:
    try:
        return from_tags(name, tags(name))
    except StackNotFoundError:
        return None  # Another command has removed it since it was listed.


def statuses() -> list[PreviewStatus]:
    with ThreadPoolExecutor(CONCURRENCY) as pool:
        return list(pool.map(lambda one: PreviewStatus(preview=one, health=_health(one)), previews()))


def _health(preview: Preview) -> str:
    try:
        values = outputs_of(preview.stack)
    except CommandError as error:
        return explain(error).splitlines()[0]
    if "kubeconfig" not in values:
        return "up was interrupted"
    return namespace_of(preview.stack, values).health()


def namespace_of(name: str, values: dict[str, Any]) -> Namespace:
    return Namespace(name, kubeconfig=values["kubeconfig"], context=values["context"])


def find(name: str) -> Preview | None:
    """Return the preview of that name, or None if the stack does not exist or is empty."""
    if not exists(name):
        return None
    if preview := from_tags(name, tags(name)):
        return preview
    if outputs_of(name):
        raise PreviewError(f"{name} has no preview tags, so it is not changed", hint="destroy it with Pulumi")
    return None


def base_outputs(base: str) -> dict[str, Any]:
    """Return the outputs of the stack whose cluster previews use."""
    # The backend does not list stacks of other projects.
    values = outputs_of(base) if "/" in base or exists(base) else {}
    if not values:
        raise PreviewError(
            f"the stack {base}, whose cluster the preview would use, is not up",
            hint=f"run `make up STACK={base}`",
        )
    return values


def access_to(base: str, kubeconfig: Path | None) -> Access:
    """Return how a preview reaches its cluster: by a kubeconfig of the account for previews, or by the outputs of its base."""
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
    if not preview.base or preview.separate or "/" in preview.base or exists(preview.base):
        return False
    return namespace is None or not namespace.answers()


TEMPLATE = ROOT / "stacks" / "preview.template.yaml"


def commit() -> str:
    """Return the commit that is checked out; empty outside a repository."""
    return commit_of("HEAD", ROOT) or ""


def check_same_cluster(before: Preview | None, preview: Preview) -> None:
    """Check that a preview keeps its cluster: its resources in the old one would be orphaned."""
    if before and (before.base, before.separate) != (preview.base, preview.separate):
        raise PreviewError(
            f"{preview.stack} lives in {before.place} and cannot move to {preview.place}",
            hint=f"take it down first: `tools/notif-platform preview down {preview.number}`",
        )


def image_of(preview: Preview, registry: str) -> str:
    """Build the image of this checkout and make it available to the cluster; empty if the program does that itself."""
    if registry:
        return _published(registry, tag_of(preview.number, preview.commit))
    if not preview.base:
        return ""
    node = None if preview.separate else base_outputs(preview.base).get("node")
    if not node:
        raise PreviewError(
            f"{preview.base} has no node on this machine to load an image into",
            hint="pass --registry or --image",
        )
    image = image_build.image_name("")
    image_build.build(image=image, base="")
    load_image(node, image)
    return image


def _published(registry: str, tag: str) -> str:
    """Build and push the image of this checkout; return its name by digest."""
    command = [str(ROOT / "tools" / "publish"), registry]
    variables = {**os.environ, "PUBLISH_TAG": tag}
    result = subprocess.run(command, env=variables, stdout=subprocess.PIPE, text=True, check=False)
    if result.returncode:
        raise PreviewError(
            "the image cannot be published; see the output above",
            hint="it needs Docker's buildx, and a login: `docker login`; or pass --image",
        )
    return result.stdout.strip()


def provider_of(preview: Preview, chosen: str) -> str:
    """Return the secrets provider of a preview: the chosen one, that of the template, or that of its base.

    Empty for a passphrase, which is that of the base then: the preview has to decrypt its outputs. A `separate` preview does
    not inherit, because its account cannot use what protects the base. An existing preview keeps the provider that it has.
    """
    check_provider(preview.stack, chosen)
    provider = chosen or str(_template().get("secretsprovider") or "")
    if provider or not preview.base or preview.separate:
        return provider
    return recorded_provider(preview.base) or ""


def bring_up(
    preview: Preview, image: str, access: Access, *, secrets_provider: str = ""
) -> tuple[dict[str, Any], Path]:
    """Bring the stack up; return its outputs and a kubeconfig with the preview's namespace.

    The tags are set before any resource is created, so that an interrupted preview is still listed.
    """
    if not preview.base:
        local_parts()
    config = values(_template(), preview, image=image, access=access) | registry_values(os.environ)
    stack = open_stack(preview.stack, config=config, secrets_provider=secrets_provider)
    tag(stack, preview.tags())
    outputs, _ = without_stale_lock(stack, lambda: up(stack))
    own = namespaced(outputs["kubeconfig"], outputs["context"], preview.stack)
    return outputs, write_kubeconfig(preview.stack, own)


def _template() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(TEMPLATE.read_text("utf-8"))
    return content


def summary(preview: Preview, image: str, smoke: Smoke, *, seconds: float, kubeconfig: Path) -> str:
    name, number = preview.stack, preview.number
    state = "is up" if smoke.passed else "does not deliver"
    reason = "" if smoke.passed else f" ({smoke.message or 'no operator has processed it'})"
    source = f"commit {preview.commit[:12]}" if preview.commit else "this checkout"
    return f"""
{name} {state} after {seconds:.0f} s: its smoke notification was {smoke.phase} after {smoke.seconds:.1f} s{reason}.
  where    {preview.place}: namespace {name} with its own operator, of {source}
  image    {image}
  expires  {preview.expires:%F %H:%M} UTC; `tools/notif-platform preview up {number}` renews it, `tools/notif-platform preview down {number}` takes it down
  use      export KUBECONFIG={kubeconfig}
           kubectl apply -f examples/simple.yaml && kubectl get notif
           kubectl logs deployment/notification-operator"""
