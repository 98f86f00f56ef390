"""The whole platform, composed in the order of its dependencies; nothing else knows that order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi_kubernetes.core.v1 import Namespace
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from platform_infra import names
from platform_infra.cluster import Cluster, prepare
from platform_infra.crd.definitions import Crds
from platform_infra.image import build as image_build
from platform_infra.image.operator_image import OperatorImage
from platform_infra.monitoring import component as observability
from platform_infra.monitoring.component import Observability
from platform_infra.workload.deployment import OperatorDeployment, Workload
from platform_infra.workload.rbac import OperatorAccount
from platform_infra.workload.routing_config import routing_rules

if TYPE_CHECKING:
    from platform_infra.cluster import Connect
    from platform_infra.settings.model import Settings

POD_SECURITY = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/warn": "restricted",
}


class Bundle(pulumi.ComponentResource):
    """Cluster, CRD, permissions and operator of one stack.

    `image` is the operator's image, empty where the operator is not deployed. With `connect` a program brings a
    cluster of its own, and the cluster's settings are left aside.

    Raises:
        ClusterError: the cluster cannot be had; no resource has been made.
    """

    def __init__(
        self,
        name: str,
        *,
        settings: Settings,
        connect: Connect | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        connect = connect or prepare(settings.cluster)
        super().__init__("notification-platform:index:Bundle", name, None, opts)
        self._settings = settings
        self.cluster = Cluster("cluster", connect=connect, opts=pulumi.ResourceOptions(parent=self))
        inside = self.cluster.options(self)
        crds = [Crds("crds", settings=settings, opts=inside)] if settings.crd.managed else []
        self.namespace = _namespace(settings, inside)
        account = OperatorAccount("account", settings=settings, namespace=self.namespace, opts=inside)
        self.image = ""
        if settings.operator.enabled:
            self.image, loaded = self._image()
            rules = routing_rules(settings, self.namespace, inside)
            mode = settings.monitoring.mode
            kinds = observability.kinds(mode, self.cluster)
            workload = Workload(
                namespace=self.namespace,
                image=self.image,
                account=account.account_name,
                annotations=kinds.apply(
                    lambda found: observability.pod_annotations(mode, found, settings.server.metrics_port)
                ),
                wait_for=[*crds, account, *rules, *loaded],
            )
            OperatorDeployment("operator", settings=settings, workload=workload, opts=inside)
            Observability(
                "observability", settings=settings, namespace=self.namespace, kinds=kinds, opts=inside
            )
        self.register_outputs({"namespace": self.namespace, "image": self.image})

    def _image(self) -> tuple[str, list[pulumi.Resource]]:
        """Return the image to run, and what must have happened before a pod can use it."""
        wanted, node = self._settings.operator, self.cluster.node
        if wanted.image or node is None:
            return wanted.image, []
        image = image_build.image_name(wanted.base_image)
        inputs = {
            "image": image,
            "base": wanted.base_image,
            "container": node.container,
            "node": node.identity,
        }
        return image, [OperatorImage("image", inputs, self.cluster.options(self))]


def _namespace(settings: Settings, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    metadata = ObjectMetaArgs(
        name=settings.operator.namespace,
        labels=names.labels("namespace") | POD_SECURITY | settings.preview.labels(),
        annotations=settings.preview.annotations() or None,
    )
    # The file channel's volume goes with it.
    keep = pulumi.ResourceOptions(protect=settings.protection.data)
    options = pulumi.ResourceOptions.merge(opts, keep)
    created: pulumi.Output[str] = Namespace("namespace", metadata=metadata, opts=options).metadata.name
    return created
