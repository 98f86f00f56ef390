"""Making a preview: its image, its stack, and what is told of it afterwards."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import yaml

from platform_infra.cluster.local.images import load_image
from platform_infra.image import build as image_build
from tools.localcluster.toolchain import ensure
from tools.platform.commands.publish import publish
from tools.platform.commands.up import local_parts
from tools.platform.preview.model import Preview, values
from tools.platform.preview.stacks import base_outputs
from tools.platform.pulumi.environment import ENGINE_GROUPS, ROOT
from tools.platform.pulumi.kubeconfig import namespaced, write_kubeconfig
from tools.platform.pulumi.locks import past_dead_locks
from tools.platform.pulumi.stack import open_stack, tag, up

if TYPE_CHECKING:
    from pathlib import Path

    from tools.platform.preview.cluster import Smoke

TEMPLATE = ROOT / "stacks" / "preview.template.yaml"


def commit() -> str:
    """Return the commit that is checked out; empty outside of a repository."""
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def stays(before: Preview | None, preview: Preview) -> None:
    """See to it that a preview does not change its cluster: what it has in the old one would be lost sight of.

    Raises:
        ValueError: it would.
    """
    if before and before.base != preview.base:
        raise ValueError(
            f"{preview.stack} lives in {before.place} and does not move to {preview.place}; take it down first: "
            f"`make preview-down PR={preview.number}`"
        )


def image_of(preview: Preview, registry: str) -> str:
    """Build this checkout's image and put it where the cluster finds it; empty where the program does that itself.

    Raises:
        ValueError: the base is not up, or has no node that an image could be loaded into.
    """
    if registry:
        return publish(registry)
    if not preview.base:
        return ""
    node = base_outputs(preview.base).get("node")
    if not node:
        raise ValueError(
            f"{preview.base} has no node on this machine to load an image into; give --registry or --image"
        )
    image = image_build.image_name("")
    image_build.build(image=image, base="")
    load_image(node, image)
    return image


def bring_up(preview: Preview, image: str) -> tuple[dict[str, Any], Path]:
    """Bring the stack up; return its outputs, and a kubeconfig whose commands are about the preview.

    The stack is marked before anything is made, so that whatever comes of it is known again.
    """
    template = yaml.safe_load(TEMPLATE.read_text("utf-8"))
    toolchain = ensure(ENGINE_GROUPS) if preview.base else local_parts()
    stack = open_stack(preview.stack, config=values(template, preview, image=image), toolchain=toolchain)
    tag(stack, preview.tags())
    made, _ = past_dead_locks(stack, lambda: up(stack))
    own = namespaced(made["kubeconfig"], made["context"], preview.stack)
    return made, write_kubeconfig(preview.stack, own)


def told(preview: Preview, image: str, smoke: Smoke, *, took: float, kubeconfig: Path) -> str:
    """Return what was made, how it is, and how to reach it."""
    name, number = preview.stack, preview.number
    state = "is up" if smoke.passed else "does not deliver"
    said = "" if smoke.passed else f" ({smoke.message or 'no operator has looked at it'})"
    source = f"commit {preview.commit[:12]}" if preview.commit else "this checkout"
    return f"""
{name} {state} after {took:.0f} s: its smoke notification was {smoke.phase} after {smoke.seconds:.1f} s{said}.
  made   in {preview.place}: the namespace {name} with an operator that serves it alone, of {source}
  image  {image}
  stays  until {preview.expires:%F %H:%M} UTC; `make preview PR={number}` renews it, `make preview-down PR={number}` ends it
  reach  export KUBECONFIG={kubeconfig}
         kubectl apply -f examples/simple.yaml && kubectl get notif
         kubectl logs deployment/notification-operator"""
