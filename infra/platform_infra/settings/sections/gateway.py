"""Settings of the gateway: whether it is deployed, how senders reach it, and what it accepts. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from platform_infra.settings.declaration import Sets, gateway_setting
from platform_infra.settings.sections.base import (
    Cidr,
    LabelKey,
    LabelValue,
    ObjectName,
    OptionalObjectName,
    OptionalQuantity,
    Quantity,
    Section,
)

_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
DnsName = Annotated[str, StringConstraints(pattern=rf"^({_LABEL}(\.{_LABEL})*)?$", max_length=253)]


class GatewayOidc(Section):
    """The OpenID Connect provider of callers outside the cluster."""

    issuer: str = gateway_setting("oidc.issuer")
    audience: str = gateway_setting("oidc.audience")
    username_prefix: str = gateway_setting("oidc.username_prefix")
    cidrs: tuple[Cidr, ...] = ()
    """CIDR blocks of the providers of OpenID Connect, including the providers that NotificationSources name. If networkApiServerCidrs is set, the gateway reaches only these providers, on port 443 and on the port of gatewayOidcIssuer; otherwise all."""


class Gateway(Section):
    """The gateway: an HTTP server that stores each message as a NotificationRequest."""

    enabled: Annotated[bool, Sets(("heartbeats.enabled",))] = False
    """Whether the gateway is deployed, and the CRD of NotificationSource with it, if this stack owns the CRDs. `false` for a stack that had one deletes every NotificationSource. A preview never has one."""
    replicas: Annotated[int, Field(ge=1, le=10)] = 2
    """Number of pods of the gateway."""
    host: DnsName = ""
    """Host name of an Ingress for senders outside the cluster, such as `hooks.example.com`; empty for no Ingress."""
    cert_secret: OptionalObjectName = ""
    """Name of a Secret of the type kubernetes.io/tls in the operator's namespace, with the certificate of the gateway's port for messages. The port then accepts TLS only, and the Service has port 443. An Ingress controller must be told to use HTTPS, such as by `gatewayIngressAnnotations`. Empty for plain HTTP."""
    tls_secret: OptionalObjectName = ""
    """For `gatewayHost`: name of the Secret with the certificate, in the operator's namespace; empty for the certificate of the Ingress controller."""
    class_name: OptionalObjectName = ""
    """For `gatewayHost`: the IngressClass; empty for the cluster's default."""
    ingress_annotations: dict[LabelKey, str] = Field(default_factory=dict)
    """For `gatewayHost`: annotations of the Ingress, such as `{"cert-manager.io/cluster-issuer": "letsencrypt"}`. A list of permitted clients belongs here: the gateway's pods see the address of the Ingress controller alone."""
    allowed_cidrs: tuple[Cidr, ...] = ()
    """CIDR blocks that can connect to the gateway's port for messages. If this and gatewayAllowedNamespaceLabels are empty, every address can; with `gatewayHost`, one of them is required."""
    allowed_namespace_labels: dict[LabelKey, LabelValue] = Field(default_factory=dict)
    """Labels of the namespaces whose pods can connect to the gateway's port for messages, such as the labels of the namespaces of the Ingress controller and of Alertmanager."""
    token_reviews: bool = True
    """Whether the gateway may create TokenReviews and SubjectAccessReviews, by a ClusterRole. Without them, callers cannot create notifications themselves, and sources with `auth.kubernetes` accept no token: both get the answer 503."""
    secrets: tuple[ObjectName, ...] = ()
    """Names of the Secrets in the operator's namespace that the gateway may read: those that NotificationSources there refer to. To accept the URL of a source `NAME` that an earlier version created, add `NAME-path`."""
    read_all: bool = False
    """Whether the gateway may read every Secret of the operator's namespace. `false` permits `gatewaySecrets`, by name."""
    tenant_sources: bool = gateway_setting("tenant_sources", Sets(("heartbeats.tenant_sources",)))
    max_sources_per_namespace: int = gateway_setting(
        "max_sources_per_namespace", Sets(("heartbeats.max_per_namespace",))
    )
    max_sources: int = gateway_setting("max_sources", Sets(("heartbeats.max_total",)))
    namespace_messages_per_second: int = gateway_setting("namespace_messages_per_second")
    messages_per_second: int = gateway_setting("messages_per_second")
    audience: str = gateway_setting("audience")
    oidc: GatewayOidc = GatewayOidc()
    allowed_networks: tuple[Cidr, ...] = gateway_setting("allowed_networks")
    lease_seconds: int = gateway_setting("lease_seconds")
    status_interval_seconds: int = gateway_setting("status_interval_seconds")
    grace_seconds: int = gateway_setting("grace_seconds")
    cpu_request: Quantity = "50m"
    """CPU request of a pod of the gateway."""
    cpu_limit: OptionalQuantity = ""
    """CPU limit of a pod of the gateway; empty for none. A limit throttles the pod and delays answers. A namespace with a quota of `limits.cpu` requires it."""
    memory_request: Quantity = "96Mi"
    """Memory request of a pod of the gateway."""
    memory_limit: Quantity = "256Mi"
    """Memory limit of a pod of the gateway, at least 230Mi: the memory of the gateway and of its render worker. A pod that exceeds it is killed."""
