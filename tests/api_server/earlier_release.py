"""The program as an earlier release had it: owners are stacks alone, and the state records neither itself nor the cluster.

Replaces infra/__main__.py in a copy.
"""

from __future__ import annotations

from typing import Any

import pulumi
from pulumi import ResourceTransformArgs, ResourceTransformResult

from platform_infra import Bundle, load_settings, names
from platform_infra.cluster import cluster as cluster_module
from platform_infra.cluster.ownership import Identity, Owner

Owner.text = lambda self: self.stack  # type: ignore[method-assign]  # the earlier form
UNKNOWN = Identity(state=pulumi.Output.from_input(""), cluster="", reader=None)
setattr(cluster_module, "identify", lambda *_arguments, **_options: UNKNOWN)  # noqa: B010 - the module does not export it


def without_owner(args: ResourceTransformArgs) -> ResourceTransformResult | None:
    """Remove the owner of the namespace, which had none."""
    if args.type_ != "kubernetes:core/v1:Namespace":
        return None
    metadata: Any = args.props["metadata"]
    annotations = {key: each for key, each in metadata["annotations"].items() if key != names.CRD_OWNER}
    return ResourceTransformResult(
        props={**args.props, "metadata": {**metadata, "annotations": annotations}}, opts=args.opts
    )


bundle = Bundle("platform", settings=load_settings(), opts=pulumi.ResourceOptions(transforms=[without_owner]))
for name, value in bundle.outputs().items():
    pulumi.export(name, value)
