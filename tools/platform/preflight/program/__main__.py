"""The program that `preflight` previews: the resources of a stack, whose cluster is asked only which monitoring kinds it serves.

PREFLIGHT_KUBECONFIG is the path of a kubeconfig, PREFLIGHT_CONTEXT the context in it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pulumi
from pulumi import ResourceTransformArgs, ResourceTransformResult

from platform_infra import Bundle
from platform_infra.cluster import Connection
from tools.platform.pulumi.stack_file import check_stack_file


def render_to_files(args: ResourceTransformArgs) -> ResourceTransformResult | None:
    """Make the provider render files instead of applying objects; a preview does not write them."""
    if args.type_ != "pulumi:providers:kubernetes":
        return None
    rendering = {"renderYamlToDirectory": os.environ["PREFLIGHT_SCRATCH"]}
    return ResourceTransformResult(props=rendering, opts=args.opts)


connection = Connection(
    kubeconfig=Path(os.environ["PREFLIGHT_KUBECONFIG"]).read_text("utf-8"),
    context=os.environ["PREFLIGHT_CONTEXT"],
)
Bundle(
    "platform",
    settings=check_stack_file(pulumi.get_stack()),
    connect=lambda _child: connection,
    opts=pulumi.ResourceOptions(transforms=[render_to_files]),
)
