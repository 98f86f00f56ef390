"""Create a preview: its image, its stack, and the summary for its author."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import yaml

from platform_infra.cluster.local.images import load_image
from platform_infra.image import build as image_build
from tools.localcluster.toolchain import ensure
from tools.platform.commands.up import local_parts
from tools.platform.preview.model import Access, Preview, PreviewError, registry_values, values
from tools.platform.preview.stacks import base_outputs
from tools.platform.pulumi.environment import ENGINE_GROUPS, ROOT
from tools.platform.pulumi.kubeconfig import namespaced, write_kubeconfig
from tools.platform.pulumi.stack import open_stack, tag, up
from tools.platform.pulumi.state.locks import without_stale_lock
from tools.platform.pulumi.state.recorded import check_provider, recorded_provider

if TYPE_CHECKING:
    from pathlib import Path

    from tools.platform.preview.cluster import Smoke

TEMPLATE = ROOT / "stacks" / "preview.template.yaml"


def commit() -> str:
    """Return the commit that is checked out; empty outside a repository."""
    result = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return result.stdout.strip() if result.returncode == 0 else ""


def check_same_cluster(before: Preview | None, preview: Preview) -> None:
    """Check that a preview keeps its cluster: its resources in the old one would be orphaned.

    Raises:
        PreviewError: it would move.
    """
    if before and (before.base, before.separate) != (preview.base, preview.separate):
        raise PreviewError(
            f"{preview.stack} lives in {before.place} and cannot move to {preview.place}",
            hint=f"take it down first: `tools/notif-platform preview down {preview.number}`",
        )


def image_of(preview: Preview, registry: str) -> str:
    """Build the image of this checkout and make it available to the cluster; empty if the program does that itself.

    Raises:
        PreviewError: the base is not up, or has no node on this machine.
    """
    if registry:
        return _published(registry)
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


def _published(registry: str) -> str:
    """Build and push the image of this checkout; return its name by digest."""
    command = [str(ROOT / "tools" / "publish"), registry]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
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

    Raises:
        StackFileError: it exists and does not have the chosen provider.
    """
    check_provider(preview.stack, chosen)
    provider = chosen or str(_template().get("secretsprovider") or "")
    if provider or not preview.base or preview.separate:
        return provider
    return recorded_provider(preview.base)


def bring_up(
    preview: Preview, image: str, access: Access, *, secrets_provider: str = ""
) -> tuple[dict[str, Any], Path]:
    """Bring the stack up; return its outputs and a kubeconfig with the preview's namespace.

    The tags are set before any resource is created, so that an interrupted preview is still listed.
    """
    toolchain = ensure(ENGINE_GROUPS) if preview.base else local_parts()
    config = values(_template(), preview, image=image, access=access) | registry_values(os.environ)
    stack = open_stack(preview.stack, config=config, toolchain=toolchain, secrets_provider=secrets_provider)
    tag(stack, preview.tags())
    outputs, _ = without_stale_lock(stack, lambda: up(stack))
    own = namespaced(outputs["kubeconfig"], outputs["context"], preview.stack)
    return outputs, write_kubeconfig(preview.stack, own)


def _template() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(TEMPLATE.read_text("utf-8"))
    return content


def summary(preview: Preview, image: str, smoke: Smoke, *, seconds: float, kubeconfig: Path) -> str:
    """Return what was created, its state, and how to use it."""
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
