"""Names of the objects that the infrastructure creates. Names that the operator shares come from the contract. Pure."""

from __future__ import annotations

from notification_contract.names import (
    AUDIT_TOKEN_DIRECTORY,
    AUDIT_TOKEN_KEY,
    CONFIG_ANNOTATION,
    CONFIG_DIRECTORY,
    CONFIG_FILE,
    CONFIG_KEY,
    CONTAINER,
    CRD,
    CRD_OWNER_ANNOTATION,
    GATEWAY,
    GATEWAY_LEASES,
    GATEWAY_PORT,
    GROUP,
    HEALTH_PORT,
    KIND,
    LEASE,
    LIVENESS_PATH,
    METRICS_PATH,
    METRICS_PORT,
    OPERATOR,
    PATH_KEYS_DIRECTORY,
    PATH_KEYS_SECRET,
    PLURAL,
    POD_FIELDS,
    PREVIEW_LABEL,
    READINESS_PATH,
    RECEIVER_CRD,
    RECEIVER_KIND,
    RECEIVER_PLURAL,
    ROUTING_CONFIG_MAP,
    ROUTING_DIRECTORY,
    ROUTING_KEY,
    SECRET_LABEL,
    SETTINGS_VERSION_LABEL,
    SLACK_CHECKSUM_ANNOTATION,
    SLACK_SECRET,
    SLACK_SECRET_KEY,
    SLACK_URL_VARIABLE,
    SOURCE_CRD,
    SOURCE_PLURAL,
    VERSION,
)

__all__ = [
    "ADOPTED",
    "ADOPT_VARIABLE",
    "AUDIT_TOKEN_DIRECTORY",
    "AUDIT_TOKEN_KEY",
    "BASE_IMAGE_REPOSITORY",
    "CA_DIRECTORY",
    "CA_VARIABLE",
    "CONFIG_ANNOTATION",
    "CONFIG_DIRECTORY",
    "CONFIG_FILE",
    "CONFIG_KEY",
    "CONTAINER",
    "CRD",
    "CRD_OWNER",
    "DRILL",
    "GATEWAY",
    "GATEWAY_LEASES",
    "GATEWAY_PORT",
    "GATEWAY_TLS_DIRECTORY",
    "GATEWAY_TLS_VARIABLE",
    "GROUP",
    "HEALTH_PORT",
    "IMAGE_REPOSITORY",
    "KIND",
    "LEASE",
    "LIVENESS_PATH",
    "METRICS_PATH",
    "METRICS_PORT",
    "OPERATOR",
    "PATH_KEYS_DIRECTORY",
    "PATH_KEYS_SECRET",
    "PLURAL",
    "POD_FIELDS",
    "PREVIEW_ACCOUNT",
    "PREVIEW_BASE_LABEL",
    "PREVIEW_CONTEXT",
    "PREVIEW_LABEL",
    "PREVIEW_NAMESPACE",
    "PROJECT",
    "READINESS_PATH",
    "RECEIVER_CRD",
    "RECEIVER_KIND",
    "RECEIVER_PLURAL",
    "REGISTRY_SECRET",
    "RESERVED_VARIABLES",
    "ROUTING_CONFIG_MAP",
    "ROUTING_DIRECTORY",
    "ROUTING_KEY",
    "SECRET_LABEL",
    "SETTINGS_VERSION_LABEL",
    "SLACK_CHECKSUM_ANNOTATION",
    "SLACK_SECRET",
    "SLACK_SECRET_KEY",
    "SLACK_URL_VARIABLE",
    "SOURCE_CRD",
    "SOURCE_PLURAL",
    "USER_ID",
    "VERSION",
    "WRITE_ONLY",
    "cluster_scoped",
    "crd_names",
    "drill_selector",
    "gateway_labels",
    "gateway_selector",
    "labels",
    "selector",
]

PROJECT = "notification-platform"
WRITE_ONLY = {"pulumi.com/patchForce": "true"}
"""Annotations of a Secret: the API server does not keep `stringData`, so that each repeated creation would conflict with the first."""
ADOPT_VARIABLE = "NOTIFICATION_PLATFORM_ADOPT"
"""The variable that names the stack whose program adopts what exists in the cluster; `up --adopt` sets it."""
ADOPTED = "this run adopts objects that exist in the cluster"
"""The beginning of the program's message that lists them."""
CRD_OWNER = CRD_OWNER_ANNOTATION
PREVIEW_BASE_LABEL = f"{PREVIEW_LABEL}-base"
"""Label of the operator's namespace in a stack whose cluster previews use."""
PREVIEW_NAMESPACE = "notification-previews"
"""Namespace of the account for previews. The name is fixed: a cluster has one such account."""
PREVIEW_ACCOUNT = "preview-deployer"
PREVIEW_CONTEXT = PREVIEW_NAMESPACE
"""The context of the account's kubeconfig."""

RESERVED_VARIABLES = {*POD_FIELDS, SLACK_URL_VARIABLE}
"""Environment variables that the Deployment sets itself."""

CA_DIRECTORY = "/etc/notification-ca"
"""Where the pods mount certificates of authorities."""
CA_VARIABLE = "SSL_CERT_FILE"
"""OpenSSL's variable for the file with the certificates of authorities."""
GATEWAY_TLS_DIRECTORY = "/etc/notification-gateway-tls"
"""Where the pods of the gateway mount the certificate of the port for messages."""
GATEWAY_TLS_VARIABLE = "NOTIFICATION_GATEWAY__TLS_DIRECTORY"
REGISTRY_SECRET = "notification-registry"  # noqa: S105 - the name of an object
"""Name of the pull secret that a stack creates."""

DRILL = "notification-drill"
"""Name of the CronJob for drills, and of its account."""

IMAGE_REPOSITORY = "notification-platform/operator"
BASE_IMAGE_REPOSITORY = "notification-platform/base"

USER_ID = 65532
"""The image's unprivileged user, which has an entry in the image's passwd file."""


def selector() -> dict[str, str]:
    """Return the labels that select the operator's pods in their namespace; a selector is immutable."""
    return {"app.kubernetes.io/name": OPERATOR}


def drill_selector() -> dict[str, str]:
    """Return the labels that select the pods of drills; what selects the operator's pods must not."""
    return {"app.kubernetes.io/name": DRILL}


def gateway_selector() -> dict[str, str]:
    """Return the labels that select the gateway's pods in their namespace."""
    return {"app.kubernetes.io/name": GATEWAY}


def gateway_labels() -> dict[str, str]:
    """Return the labels of every object of the gateway."""
    return labels("gateway") | gateway_selector()


def labels(component: str) -> dict[str, str]:
    """Return the labels of an object that belongs to `component`."""
    return selector() | {
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": PROJECT,
        "app.kubernetes.io/managed-by": "pulumi",
    }


def cluster_scoped(namespace: str, program: str = OPERATOR) -> str:
    """Return the name of a cluster-scoped object of the operator, or of the gateway, in `namespace`.

    A namespace holds at most one of each, so the name is unique.
    """
    return f"{program}.{namespace}"


def crd_names(*, gateway: bool) -> list[str]:
    """Return the names of the CRDs of a stack, with or without the gateway."""
    return [CRD, RECEIVER_CRD, *([SOURCE_CRD] if gateway else ())]
