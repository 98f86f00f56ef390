"""The program of this checkout without a cluster: the provider writes files.

Replaces infra/__main__.py in a copy. TRIAL_SLOW adds a resource that takes that many seconds, TRIAL_HOLD one that takes until
that file exists.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pulumi
from pulumi import ResourceTransformArgs, ResourceTransformResult, dynamic

from platform_infra import Bundle, load_settings
from platform_infra.cluster import Connection

signal.signal(signal.SIGINT, signal.SIG_DFL)
MANIFESTS = str(Path(__file__).resolve().parents[1] / "manifests")


def without_a_cluster(args: ResourceTransformArgs) -> ResourceTransformResult | None:
    """Let the provider write files instead of calling a cluster."""
    if args.type_ != "pulumi:providers:kubernetes":
        return None
    return ResourceTransformResult(props={"renderYamlToDirectory": MANIFESTS}, opts=args.opts)


class SlowProvider(dynamic.ResourceProvider):
    """Creates a resource in the seconds that TRIAL_SLOW names, or when the file of TRIAL_HOLD exists."""

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        (Path(MANIFESTS).parent / "started").touch()
        # Stands for the work of a real resource: the signal of a test arrives meanwhile.
        time.sleep(float(os.environ.get("TRIAL_SLOW") or 0))
        while (file := os.environ.get("TRIAL_HOLD")) and not Path(file).exists():
            time.sleep(0.05)
        return dynamic.CreateResult("slow", props)


class Slow(dynamic.Resource, module="trial", name="Slow"):
    """The slow resource."""


bundle = Bundle(
    "platform",
    settings=load_settings(),
    connect=lambda _opts: Connection(kubeconfig="", context=""),
    opts=pulumi.ResourceOptions(transforms=[without_a_cluster]),
)
if os.environ.keys() & {"TRIAL_SLOW", "TRIAL_HOLD"}:
    Slow(SlowProvider(), "slow", {}, pulumi.ResourceOptions(depends_on=[bundle]))

for name, value in bundle.outputs().items():
    pulumi.export(name, value)
