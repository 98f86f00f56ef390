"""Names that more than one component uses: API group, labels, objects, ports. Pure."""

from __future__ import annotations

PROJECT = "notification-platform"

GROUP = "kubernaut.ai"
VERSION = "v1alpha1"
KIND = "NotificationRequest"
PLURAL = "notificationrequests"
CRD = f"{PLURAL}.{GROUP}"
CRD_OWNER = f"{GROUP}/owner"
"""The annotation that names the stack which the CRD belongs to, as `organization/project/stack`."""

OPERATOR = "notification-operator"
CONTAINER = "operator"
CONFIG_DIRECTORY = "/etc/notification"
CONFIG_KEY = "config.yaml"
ROUTING_CONFIG = "notification-routing-config"
ROUTING_KEY = "routing.yaml"

SLACK_SECRET = "notification-slack-webhook"  # noqa: S105 - an object's name
SLACK_SECRET_KEY = "webhook-url"  # noqa: S105 - a key in it
SLACK_URL_VARIABLE = "SLACK_WEBHOOK_URL"
POD_FIELDS = {
    "POD_NAME": "metadata.name",
    "POD_NAMESPACE": "metadata.namespace",
    "POD_UID": "metadata.uid",
}
"""Variables that tell a pod who it is."""
GIVEN_VARIABLES = {*POD_FIELDS, SLACK_URL_VARIABLE}

HEALTH_PORT = 8081
METRICS_PORT = 9090

IMAGE_REPOSITORY = "notification-platform/operator"
BASE_IMAGE_REPOSITORY = "notification-platform/base"

USER_ID = 65532
"""The image's unprivileged user; it has an entry in the image's passwd file."""


def selector() -> dict[str, str]:
    """Return the labels that tell an operator's pods from others of its namespace; they never change."""
    return {"app.kubernetes.io/name": OPERATOR}


def labels(component: str) -> dict[str, str]:
    """Return the labels of an object that belongs to `component`."""
    return selector() | {
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": PROJECT,
        "app.kubernetes.io/managed-by": "pulumi",
    }


def cluster_scoped(namespace: str) -> str:
    """Return the name of a cluster-scoped object of the operator in `namespace`.

    A cluster holds one operator a namespace, so several share it without a clash.
    """
    return f"{OPERATOR}.{namespace}"
