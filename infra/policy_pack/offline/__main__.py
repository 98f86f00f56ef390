"""The program that `make policy` previews: a stack's own resources, for a cluster that need not be there.

POLICY_BREAK is the number of the change in infra/policy_pack/broken.yaml that breaks the stack; without it the stack is as it is.
"""

from __future__ import annotations

import os
from pathlib import Path

import pulumi
import yaml
from pulumi import ResourceTransformArgs, ResourceTransformResult

from platform_infra import Bundle
from platform_infra.cluster import Connection
from platform_policy.broken import breaks, broken
from platform_policy.pack import kind_of
from tools.platform.pulumi.stack_file import check_stack_file

BUILT_HERE = "notification-platform/operator:checkout"
"""Stands for the image that a local stack builds."""


def without_a_cluster(args: ResourceTransformArgs) -> ResourceTransformResult | None:
    """Let the provider write files, which a preview never does, in place of talking to a cluster."""
    if args.type_ != "pulumi:providers:kubernetes":
        return None
    return ResourceTransformResult(
        props={"renderYamlToDirectory": os.environ["POLICY_SCRATCH"]}, opts=args.opts
    )


def as_broken(args: ResourceTransformArgs) -> ResourceTransformResult | None:
    """Break what the chosen change breaks."""
    number = os.environ.get("POLICY_BREAK")
    if not number:
        return None
    changes = breaks(yaml.safe_load(Path(os.environ["POLICY_BREAKS"]).read_text("utf-8")))
    change = changes[int(number)]
    return ResourceTransformResult(props=broken(change, kind_of(args.type_), args.props), opts=args.opts)


settings = check_stack_file(pulumi.get_stack())
operator = settings.operator.model_copy(update={"image": settings.operator.image or BUILT_HERE})
Bundle(
    "platform",
    settings=settings.model_copy(update={"operator": operator}),
    connect=lambda _opts: Connection(kubeconfig="", context=""),
    opts=pulumi.ResourceOptions(transforms=[without_a_cluster, as_broken]),
)
