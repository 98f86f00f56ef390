"""The program as an earlier release had it: the operator's settings are in a ConfigMap, which the pods mount.

Replaces infra/__main__.py in a copy, for a cluster without nodes.
"""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi import ResourceTransformArgs, ResourceTransformResult
from pulumi_kubernetes.core.v1 import ConfigMap

from platform_infra import Bundle, load_settings, names
from platform_infra.workload.mounts import config_file

NAME = f"{names.OPERATOR}-0a1b2c3d4e"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"


def mounted(args: ResourceTransformArgs) -> ResourceTransformResult | None:
    """Mount the ConfigMap in place of the annotation with the settings, and wait for no pod."""
    if args.type_ != DEPLOYMENT:
        return None
    metadata: Any = args.props["metadata"]
    spec: Any = args.props["spec"]
    template = spec["template"]
    annotations = {**template["metadata"]["annotations"]}
    del annotations[names.CONFIG_ANNOTATION]
    _, *others = template["spec"]["volumes"]
    volumes = [{"name": "config", "configMap": {"name": NAME}}, *others]
    template = {
        **template,
        "metadata": {**template["metadata"], "annotations": annotations},
        "spec": {**template["spec"], "volumes": volumes},
    }
    unawaited = {**metadata, "annotations": {**metadata["annotations"], "pulumi.com/skipAwait": "true"}}
    return ResourceTransformResult(
        props={**args.props, "metadata": unawaited, "spec": {**spec, "template": template}}, opts=args.opts
    )


settings = load_settings()
bundle = Bundle("platform", settings=settings, opts=pulumi.ResourceOptions(transforms=[mounted]))
assert bundle.operator
ConfigMap(
    "config",
    metadata={"name": NAME, "namespace": bundle.namespace, "labels": names.labels("operator")},
    data={names.CONFIG_KEY: config_file.render(settings)},
    immutable=True,
    opts=pulumi.ResourceOptions(parent=bundle.operator),
)
for name, value in bundle.outputs().items():
    pulumi.export(name, value)
