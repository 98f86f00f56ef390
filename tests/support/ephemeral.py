"""A disposable stack: a node through testcontainers, everything in it through Pulumi's Automation API.

Three operators live in it, told apart by the label of the namespaces that they serve: `served` has the
channels as they are shipped, `scripted` has channels that do as the sink tells them, and `fragile` is
like `scripted`, for the tests that stop and kill it.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from rich.console import Console

from platform_infra import image_build, names
from platform_infra.cluster.local.images import load_image
from platform_infra.cluster.local.spec import CONTEXT
from tests.support.cluster import Cluster
from tests.support.node_container import node_container
from tools.dockerd import ensure_docker
from tools.engine import ROOT
from tools.node.images import ensure_images
from tools.stack import destroy, open_stack, remove, up
from tools.toolchain import ensure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tools.toolchain import Toolchain

STUB = Path(__file__).parent / "stub"
SINK_URL = "http://sink.sinks.svc:8080"
LABEL = "suite"
OPERATORS = {
    "served": "notification-system",
    "scripted": "notification-scripted",
    "fragile": "notification-fragile",
}
"""The operators' namespaces, by the label of those that they serve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EphemeralStack:
    """Where a disposable stack is; it can be handed on to other processes as JSON."""

    name: str
    container: str
    kubeconfig: str

    def dump(self) -> str:
        """Return it as JSON."""
        return json.dumps(asdict(self))


def load(text: str) -> EphemeralStack:
    """Read what `dump` wrote."""
    return EphemeralStack(**json.loads(text))


@contextlib.contextmanager
def ephemeral_stack() -> Iterator[EphemeralStack]:
    """Bring a disposable stack up, and take it away again whatever happens."""
    with _said("programs and images"):
        toolchain = ensure()
        ensure_docker(packages=("debootstrap",))
        images = ensure_images()
    name = f"ci-{uuid.uuid4().hex[:6]}"
    with contextlib.ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix=f"{name}-")))
        with ThreadPoolExecutor(1) as pool, _said(f"{name}: node and operator image"):
            building = pool.submit(_build_images)
            node = cleanup.enter_context(node_container(stack=name, image=images.node))
            operator, stub = building.result()
        stack = EphemeralStack(name=name, container=node.name, kubeconfig=str(folder / "kubeconfig"))
        Path(stack.kubeconfig).write_text(node.kubeconfig)
        with _said(f"{name}: loading images"):
            for image in (operator, stub):
                load_image(node.name, image)
        cleanup.enter_context(_deployed(name, _served(stack, operator), toolchain))
        Cluster(Path(stack.kubeconfig)).apply_manifest(
            (STUB / "sink.yaml").read_text().replace("IMAGE", stub)
        )
        for served in ("scripted", "fragile"):
            cleanup.enter_context(_deployed(f"{name}-{served}", _scripted(stack, stub, served), toolchain))
        yield stack


def _served(stack: EphemeralStack, image: str) -> dict[str, Any]:
    return {
        **_ci_values(),
        **_placed(stack),
        "operatorImage": image,
        "watchNamespaceSelector": f"{LABEL}=served",
    }


def _scripted(stack: EphemeralStack, image: str, served: str) -> dict[str, Any]:
    plugins = {
        name: {"factory": "stub_channel:StubChannel", "options": {"channel": name, "sink": SINK_URL}}
        for name in ("console", "file", "log")
    }
    return {
        **_ci_values(),
        **_placed(stack),
        "crdManaged": False,
        "operatorNamespace": OPERATORS[served],
        "operatorImage": image,
        "watchNamespaceSelector": f"{LABEL}={served}",
        "channelsFileEnabled": False,
        "channelsPlugins": plugins,
        "deliveryTimeoutSeconds": 30,
    }


def _placed(stack: EphemeralStack) -> dict[str, Any]:
    return {"clusterKind": "existing", "clusterKubeconfig": stack.kubeconfig, "clusterContext": CONTEXT}


def _ci_values() -> dict[str, Any]:
    """Return the values of the committed stack ci."""
    config = yaml.safe_load((ROOT / "stacks" / "Pulumi.ci.yaml").read_text())["config"]
    return {key.removeprefix(f"{names.PROJECT}:"): value for key, value in config.items()}


@contextlib.contextmanager
def _deployed(name: str, config: Mapping[str, Any], toolchain: Toolchain) -> Iterator[None]:
    stack = open_stack(name, config=config, toolchain=toolchain)
    try:
        up(stack)
        yield
    finally:
        destroy(stack)
        remove(stack)


def _build_images() -> tuple[str, str]:
    """Build the operator's image and the one with the stubs; return their names."""
    operator = image_build.image_name("")
    image_build.build(image=operator, base="")
    stub = f"{operator}-stub"
    command = ["docker", "build", "--quiet", "--tag", stub, "--build-arg", f"OPERATOR={operator}", str(STUB)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return operator, stub


@contextlib.contextmanager
def _said(what: str) -> Iterator[None]:
    console, start = Console(stderr=True), time.monotonic()
    console.print(f"{what} …", highlight=False)
    yield
    console.print(f"{what}: done after {time.monotonic() - start:.1f} s", highlight=False)
