"""The program of this checkout for a cluster that need not be there: the provider writes files in its place.

Takes the place of infra/__main__.py in a copy. With TRIAL_SLOW set one more resource takes its time.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pulumi
from pulumi import ResourceTransformArgs, ResourceTransformResult, dynamic

from platform_infra import Bundle, load_settings
from platform_infra.cluster import Connection

MANIFESTS = str(Path(__file__).resolve().parents[1] / "manifests")


def without_a_cluster(args: ResourceTransformArgs) -> ResourceTransformResult | None:
    """Let the provider write files in place of talking to a cluster."""
    if args.type_ != "pulumi:providers:kubernetes":
        return None
    return ResourceTransformResult(props={"renderYamlToDirectory": MANIFESTS}, opts=args.opts)


class SlowProvider(dynamic.ResourceProvider):
    """Makes a thing that takes a minute, or as long as TRIAL_SLOW says."""

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        (Path(MANIFESTS).parent / "begun").touch()
        # This is the work itself: a real resource takes its time too, and a signal is to come while it does.
        time.sleep(float(os.environ.get("TRIAL_SLOW") or 0))
        return dynamic.CreateResult("slow", props)


class Slow(dynamic.Resource, module="trial", name="Slow"):
    """That thing."""


bundle = Bundle(
    "platform",
    settings=load_settings(),
    connect=lambda _opts: Connection(kubeconfig="", context=""),
    opts=pulumi.ResourceOptions(transforms=[without_a_cluster]),
)
if "TRIAL_SLOW" in os.environ:
    Slow(SlowProvider(), "slow", {}, pulumi.ResourceOptions(depends_on=[bundle]))

pulumi.export("namespace", bundle.namespace)
pulumi.export("image", bundle.image)
pulumi.export("context", bundle.cluster.context)
pulumi.export("kubeconfig", bundle.cluster.kubeconfig)
