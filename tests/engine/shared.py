"""A program of a stack that others build on, without a cluster: it exports a kubeconfig, its own or that of `clusterStack`.

Replaces infra/__main__.py in a copy. TRIAL_SERVER is the address in the kubeconfig; TRIAL_SLOW adds a resource that is complete
when the file `proceed` is in the copy.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pulumi
from pulumi import dynamic

from platform_infra.names import PREVIEW_CONTEXT

HERE = Path(__file__).resolve().parents[1]


class SlowProvider(dynamic.ResourceProvider):
    """Creates a resource while another command, or the end of this one, comes."""

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        (HERE / "started").touch()
        while not (HERE / "proceed").exists():
            time.sleep(0.1)
        return dynamic.CreateResult("slow", props)


class Slow(dynamic.Resource, module="trial", name="Slow"):
    """The slow resource."""


def kubeconfig(server: str) -> str:
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": server}}],
            "users": [{"name": "u", "user": {"token": "a token of the cluster"}}],
            "contexts": [{"name": PREVIEW_CONTEXT, "context": {"cluster": "c", "user": "u"}}],
        }
    )


config = pulumi.Config()
access: pulumi.Output[Any]
if owner := config.get("clusterStack"):
    access = pulumi.StackReference("owner", stack_name=owner).get_output("previewKubeconfig")
else:
    access = pulumi.Output.secret(kubeconfig(os.environ.get("TRIAL_SERVER", "")))
if "TRIAL_SLOW" in os.environ:
    Slow(SlowProvider(), "slow", {})

pulumi.export("kubeconfig", access)
pulumi.export("previewKubeconfig", access)
pulumi.export("context", PREVIEW_CONTEXT)
pulumi.export("image", config.get("operatorImage"))
