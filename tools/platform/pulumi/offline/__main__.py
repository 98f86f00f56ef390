"""The program that `policy`, `preflight` and `export` preview: the resources of a stack, rendered as files.

OFFLINE_KUBECONFIG is the path of a kubeconfig, OFFLINE_CONTEXT the context in it; the cluster is asked only which monitoring kinds it
serves, and nothing if the file is empty. OFFLINE_VALUES is the path of the values that the engine has resolved, or of null if the stack's
file has them all. POLICY_BREAK is the number of a change in infra/policy_pack/broken.yaml; without it the stack is unchanged.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pulumi
import yaml
from pulumi import ResourceTransformArgs, ResourceTransformResult

from platform_infra import Bundle
from platform_infra.cluster import Connection
from platform_infra.image.placeholder import PLACEHOLDER
from platform_policy.broken import breaks, broken
from platform_policy.pack import kind_of
from tools.platform.pulumi.stack_file import check_configuration, check_stack_file

LOCAL_IMAGE = "notification-platform/operator:checkout"
"""Stands for the image that a local stack builds."""


def render_to_files(args: ResourceTransformArgs) -> ResourceTransformResult | None:
    """Make the provider render files instead of connecting to a cluster; a preview does not write them."""
    if args.type_ != "pulumi:providers:kubernetes":
        return None
    return ResourceTransformResult(
        props={"renderYamlToDirectory": os.environ["OFFLINE_SCRATCH"]}, opts=args.opts
    )


def apply_break(args: ResourceTransformArgs) -> ResourceTransformResult | None:
    """Apply the selected change to the resources that it names."""
    number = os.environ.get("POLICY_BREAK")
    if not number:
        return None
    changes = breaks(yaml.safe_load(Path(os.environ["POLICY_BREAKS"]).read_text("utf-8")))
    change = changes[int(number)]
    return ResourceTransformResult(props=broken(change, kind_of(args.type_), args.props), opts=args.opts)


connection = Connection(
    kubeconfig=Path(os.environ["OFFLINE_KUBECONFIG"]).read_text("utf-8"),
    context=os.environ["OFFLINE_CONTEXT"],
)
values = json.loads(Path(os.environ["OFFLINE_VALUES"]).read_text("utf-8"))
stack = pulumi.get_stack()
# `policy` and `preflight` have checked before that the settings select a cluster; `export` needs none.
settings = (
    check_stack_file(stack, asks_cluster=False)
    if values is None
    else check_configuration(stack, values, asks_cluster=False)
)
image = settings.operator.image or (LOCAL_IMAGE if settings.cluster.kind.is_local else PLACEHOLDER)
operator = settings.operator.model_copy(update={"image": image})
Bundle(
    "platform",
    settings=settings.model_copy(update={"operator": operator}),
    connect=lambda _child: connection,
    opts=pulumi.ResourceOptions(transforms=[render_to_files, apply_break]),
)
