"""A program with one bundle per entry of a file, all in one cluster. Replaces infra/__main__.py in a copy.

TRIAL_STACKS is a JSON file: the settings of each bundle, by key, under its name. TRIAL_KUBECONFIG is the cluster's.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import ResourceTransformArgs, ResourceTransformResult

from platform_infra import Bundle
from platform_infra.cluster import Connection
from platform_infra.settings.reader import parse_arguments

CONTEXT = "there"
WAITS = {"kubernetes:apps/v1:Deployment", "kubernetes:kubernaut.ai/v1alpha1:NotificationReceiver"}


def without_a_wait(args: ResourceTransformArgs) -> ResourceTransformResult | None:
    """Let no update wait for pods, nor for an operator: the cluster has no node."""
    if args.type_ not in WAITS:
        return None
    props: dict[str, Any] = {**args.props}
    annotations = {**props["metadata"]["annotations"], "pulumi.com/skipAwait": "true"}
    annotations.pop("pulumi.com/waitFor", None)
    props["metadata"] = {**props["metadata"], "annotations": annotations}
    return ResourceTransformResult(props=props, opts=args.opts)


kubeconfig = Path(os.environ["TRIAL_KUBECONFIG"]).read_text("utf-8")
provider = kubernetes.Provider(
    "cluster",
    kubeconfig=kubeconfig,
    context=CONTEXT,
    enable_config_map_mutable=True,
    enable_secret_mutable=True,
    delete_unreachable=False,
)
connection = Connection(kubeconfig=kubeconfig, context=CONTEXT, provider=provider)
options = pulumi.ResourceOptions(transforms=[without_a_wait])
first: list[pulumi.Resource] = []
for name, values in json.loads(Path(os.environ["TRIAL_STACKS"]).read_text("utf-8")).items():
    # The first one owns the CRDs.
    after = pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=first))
    bundle = Bundle(name, settings=parse_arguments(values), connect=lambda _child: connection, opts=after)
    first = first or [bundle]
