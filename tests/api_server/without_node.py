"""The program of this checkout for a cluster without nodes: no update waits for pods or for an operator.

Replaces infra/__main__.py in a copy.
"""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi import ResourceTransformArgs, ResourceTransformResult

from platform_infra import Bundle, load_settings

WAITS = {"kubernetes:apps/v1:Deployment", "kubernetes:kubernaut.ai/v1alpha1:NotificationReceiver"}


def without_a_wait(args: ResourceTransformArgs) -> ResourceTransformResult | None:
    if args.type_ not in WAITS:
        return None
    props: dict[str, Any] = {**args.props}
    annotations = {**props["metadata"]["annotations"], "pulumi.com/skipAwait": "true"}
    annotations.pop("pulumi.com/waitFor", None)
    props["metadata"] = {**props["metadata"], "annotations": annotations}
    return ResourceTransformResult(props=props, opts=args.opts)


bundle = Bundle(
    "platform", settings=load_settings(), opts=pulumi.ResourceOptions(transforms=[without_a_wait])
)
for name, value in bundle.outputs().items():
    pulumi.export(name, value)
