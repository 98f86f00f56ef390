"""Names that operator, infrastructure and clients share: the API, labels, objects, ports and variables. Pure."""

from __future__ import annotations

from typing import Final

# The API.
GROUP: Final = "kubernaut.ai"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
KIND: Final = "NotificationRequest"
PLURAL: Final = "notificationrequests"
SINGULAR: Final = "notificationrequest"
SHORT_NAMES: Final = ("notif", "notifs")
CRD: Final = f"{PLURAL}.{GROUP}"
RECEIVER_KIND: Final = "NotificationReceiver"
RECEIVER_PLURAL: Final = "notificationreceivers"
RECEIVER_SHORT_NAMES: Final = ("nrecv",)
RECEIVER_CRD: Final = f"{RECEIVER_PLURAL}.{GROUP}"
SOURCE_KIND: Final = "NotificationSource"
SOURCE_PLURAL: Final = "notificationsources"
SOURCE_SHORT_NAMES: Final = ("nsrc",)
SOURCE_CRD: Final = f"{SOURCE_PLURAL}.{GROUP}"
CATEGORY: Final = "notifications"
"""`kubectl get notifications` lists the objects of every kind of this category."""
INCIDENT_COLUMN: Final = "Incident"
"""The column of a NotificationRequest with `spec.dedupKey`; the operator reads it (DD-INCIDENT-001)."""

# Labels and annotations.
LABEL_PREFIX: Final = f"{GROUP}/"
"""Labels with this prefix describe what a notification is about; routing rules match on them."""
CRD_OWNER_ANNOTATION: Final = f"{GROUP}/owner"
"""On the CRD: the stack that owns it, as `organization/project/stack`."""
PREVIEW_LABEL: Final = f"{GROUP}/preview"
"""On a namespace: the number of the pull request that it previews."""
DEFAULT_RECEIVER_ANNOTATION: Final = f"{GROUP}/is-default-receiver"
"""On a NotificationReceiver, `true`: it gets what names only the channel of its type."""
SECRET_LABEL: Final = f"{GROUP}/receivers"
"""On a Secret, `true`: NotificationReceivers of its namespace may use it."""
TEST_ANNOTATION: Final = f"{GROUP}/test-requested-at"
"""On a NotificationReceiver: the time at which somebody asked for a test message, in RFC 3339."""
REPLAY_LABEL: Final = f"{GROUP}/replay-of"
"""On a NotificationRequest that sends another one again: the name of that one, cut to the length of a label."""
REDRIVE_LABEL: Final = f"{GROUP}/redrive"
"""On a NotificationRequest that was created by a redrive: the id of its batch."""
DRILL_LABEL: Final = f"{GROUP}/drill"
"""On a NotificationRequest that only proves that messages arrive: the id of the drill."""
SOURCE_LABEL: Final = f"{GROUP}/source"
"""On a NotificationRequest that the gateway created: the name of its NotificationSource."""
SOURCE_NOTE_ANNOTATION: Final = f"{GROUP}/source-note"
"""On such a NotificationRequest: what differs from what the source asks for, such as a template that failed."""
SOURCES_SECRET_LABEL: Final = f"{GROUP}/sources"
"""On a Secret, `true`: NotificationSources of its namespace may use it."""
SHARDS_ANNOTATION: Final = f"{GROUP}/shards"
"""On a Lease: the number of shards that its holder is configured for."""
SLACK_CHECKSUM_ANNOTATION: Final = f"{GROUP}/slack-webhook-checksum"
"""On a pod: a checksum of the Slack webhook URL, so that a new URL replaces the pods."""

# The operator and its objects.
OPERATOR: Final = "notification-operator"
"""The name of the operator's Deployment, ServiceAccount, Service and Lease."""
CONTROLLER: Final = f"{GROUP}/{OPERATOR}"
"""The operator as `reportingController` of its Events."""
CONTAINER: Final = "operator"
LEASE: Final = OPERATOR
ROUTING_CONFIG_MAP: Final = "notification-routing-config"
ROUTING_KEY: Final = "routing.yaml"
ROUTING_DIRECTORY: Final = "/etc/notification-routing"
"""Where the ConfigMap is mounted in the pods of the gateway, with the document in the file ROUTING_KEY."""
SLACK_SECRET: Final = "notification-slack-webhook"  # noqa: S105 - the name of an object
SLACK_SECRET_KEY: Final = "webhook-url"  # noqa: S105 - a key of that object

DRILL_JOB_LABELS: Final = {"app.kubernetes.io/name": OPERATOR, "app.kubernetes.io/component": "drill"}
"""On each Job of the CronJob for drills."""

# The gateway and its objects.
GATEWAY: Final = "notification-gateway"
"""The name of the gateway's command, and the manager of the fields that it sets."""
PATH_KEYS_SECRET: Final = "notification-gateway-path-keys"  # noqa: S105 - the name of an object
"""The Secret with the keys from which the last parts of URLs are computed, in the namespace of the gateway."""
PATH_KEYS_DIRECTORY: Final = "/etc/notification-path-keys"
"""Where it is mounted in the pods of the gateway."""
SOURCE_PATH_SUFFIX: Final = "-path"
"""Follows the name of a source in the name of the Secret in which earlier versions stored the last part of its URL."""
SOURCE_PATH_KEY: Final = "token"
GATEWAY_PRESENCE_LABELS: Final = {
    "app.kubernetes.io/name": GATEWAY,
    "app.kubernetes.io/component": "presence",
}
"""On the Lease of each replica of the gateway."""
GATEWAY_LEASES: Final = tuple(f"{GATEWAY}-{number}" for number in range(20))
"""The Leases that replicas of the gateway can hold: twice as many as a stack can have replicas, because a pod that ends holds one, too. The
names are fixed, so that the gateway's role lists them."""
PRESENT_SINCE_ANNOTATION: Final = f"{GROUP}/present-since"
"""On such a Lease: since when at least one replica has been there without a break, in RFC 3339."""

# The configuration file of the operator.
CONFIG_DIRECTORY: Final = "/etc/notification"
CONFIG_KEY: Final = "config.yaml"
CONFIG_FILE: Final = f"{CONFIG_DIRECTORY}/{CONFIG_KEY}"
CONFIG_ANNOTATION: Final = f"{GROUP}/config"
"""On a pod: the content of that file, which a downward API volume mounts. Every revision of the Deployment has its own."""
SETTINGS_VERSION_LABEL: Final = "ai.kubernaut.settings-version"
"""On an image of the operator: the version of the settings that it reads."""

# The token for the audit store.
AUDIT_TOKEN_DIRECTORY: Final = "/var/run/secrets/kubernaut.ai/audit"  # noqa: S105 - a path
AUDIT_TOKEN_KEY: Final = "token"  # noqa: S105 - the name of a file
AUDIT_TOKEN_FILE: Final = f"{AUDIT_TOKEN_DIRECTORY}/{AUDIT_TOKEN_KEY}"
"""The projected service account token with the audience `audit.token_audience`."""

# Ports and paths that the operator serves.
HEALTH_PORT: Final = 8081
METRICS_PORT: Final = 9090
GATEWAY_PORT: Final = 8080
LIVENESS_PATH: Final = "/healthz"
READINESS_PATH: Final = "/readyz"
METRICS_PATH: Final = "/metrics"

# Environment variables.
ENV_PREFIX: Final = "NOTIFICATION_"
"""`NOTIFICATION_<SECTION>__<KEY>` overrides a setting of the configuration file."""
ENV_DELIMITER: Final = "__"
SLACK_URL_VARIABLE: Final = "SLACK_WEBHOOK_URL"
"""Sets `channels.slack.webhook_url`, under the name that Slack's own tools use."""
POD_NAME_VARIABLE: Final = "POD_NAME"
POD_NAMESPACE_VARIABLE: Final = "POD_NAMESPACE"
POD_UID_VARIABLE: Final = "POD_UID"
POD_FIELDS: Final = {
    POD_NAME_VARIABLE: "metadata.name",
    POD_NAMESPACE_VARIABLE: "metadata.namespace",
    POD_UID_VARIABLE: "metadata.uid",
}
"""Variables that identify the pod to its process, and the pod's field that each one holds."""
