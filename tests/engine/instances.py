"""A program with two instances of the component in one cluster, and, with files, a third one in another cluster.

Image and URL are outputs of another resource.

Replaces infra/__main__.py in a copy. TRIAL_KUBECONFIG is the kubeconfig of the cluster; without it, files take its place.
TRIAL_IMAGE and TRIAL_URL are the outputs of the other resource.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi import ResourceTransformArgs, ResourceTransformResult, dynamic

from platform_infra import NotificationPlatform

HERE = Path(__file__).resolve().parents[1]


class Provider(dynamic.ResourceProvider):
    """Knows the outputs only once the resource exists."""

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        return dynamic.CreateResult("release", {**props, "url": os.environ["TRIAL_URL"]})


class Release(dynamic.Resource, module="trial", name="Release"):
    """What a program may get from a registry and from a vault."""

    image: pulumi.Output[str]
    url: pulumi.Output[str]

    def __init__(self, name: str, image: str) -> None:
        hidden = pulumi.ResourceOptions(additional_secret_outputs=["url"])
        super().__init__(Provider(), name, {"image": image, "url": None}, hidden)


def without_a_wait(args: ResourceTransformArgs) -> ResourceTransformResult | None:
    """Let no update wait for pods: the cluster has no node."""
    if args.type_ != "kubernetes:apps/v1:Deployment":
        return None
    props: dict[str, Any] = {**args.props}
    annotations = {**props["metadata"]["annotations"], "pulumi.com/skipAwait": "true"}
    props["metadata"] = {**props["metadata"], "annotations": annotations}
    return ResourceTransformResult(props=props, opts=args.opts)


if kubeconfig := os.environ.get("TRIAL_KUBECONFIG"):
    cluster = kubernetes.Provider("cluster", kubeconfig=Path(kubeconfig).read_text("utf-8"))
else:
    cluster = kubernetes.Provider("cluster", render_yaml_to_directory=str(HERE / "manifests"))
options = pulumi.ResourceOptions(providers=[cluster], transforms=[without_a_wait])
release = Release("release", os.environ["TRIAL_IMAGE"])
first = NotificationPlatform(
    "orders",
    {
        "operator_image": release.image,
        "operator_namespace": "orders-notifications",
        "watch_namespace_selector": "team=orders",
        "channels_slack_enabled": True,
        "channels_slack_webhook_url": release.url,
        "receivers": [
            {
                "name": "on-call",
                "spec": {"type": "pagerduty", "pagerduty": {"routingKeySecretRef": {"name": "pd"}}},
                "secrets": {"pd": {"routing-key": release.url}},
            }
        ]
        if not kubeconfig
        else [],
    },
    options,
)
NotificationPlatform(
    "billing",
    {
        "operator_image": release.image,
        "operator_namespace": "billing-notifications",
        "watch_namespace_selector": "team=billing",
        "crd_managed": False,
        # Outputs are known once their resources exist: the CRDs of the other instance.
        "monitoring_mode": "crds" if not kubeconfig else "none",
        "monitoring_labels": {"release": release.image.apply(lambda _image: "prometheus")},
    },
    pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=[first])),
)
if not kubeconfig:
    # Files cannot be refreshed.
    another = kubernetes.Provider("another", render_yaml_to_directory=str(HERE / "manifests-elsewhere"))
    NotificationPlatform(
        "elsewhere", {"operator_image": release.image}, pulumi.ResourceOptions(provider=another)
    )
pulumi.export("image", first.image)
pulumi.export("crds", first.crd_names)
pulumi.export("metrics", first.metrics_url)
pulumi.export("account", first.service_account)
