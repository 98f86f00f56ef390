"""What the component takes: the settings of a stack under their names in Python, and a cluster in place of a setting.

Pulumi reads the annotations and the texts below them to tell programs in other languages what there is, so they stay as
they are at run time: no postponed annotations here.
"""

from typing import Any, TypedDict

import pulumi


class NotificationPlatformArgs(TypedDict, total=False):
    """All settings that a stack can have, and a cluster that the program brings."""

    kubeconfig: pulumi.Input[str]
    """A kubeconfig's content, such as the output of another resource; then the settings of the cluster are left aside."""
    context: pulumi.Input[str]
    """The context of that kubeconfig to use."""
    # Generated from the stack's settings by `make generate`.
    cluster_kind: str
    """Where the cluster comes from: `local` starts a node on this machine, `existing` takes one by its kubeconfig, `stack` the one of another stack, `eks` makes one in Amazon's cloud. One of local, existing, stack, eks, kind, k3s. The default is `"local"`."""
    cluster_kubeconfig: str
    """For `existing`: the path of a kubeconfig file, or its content (then set it with --secret)."""
    cluster_context: str
    """For `existing`: the context of that kubeconfig; it is named explicitly and never the current one."""
    cluster_stack: str
    """For `stack`: the stack that owns the cluster, as `organization/project/stack` (`organization` itself on a backend without any)."""
    cluster_eks_subnets: list[str]
    """For `eks`: two subnets or more, in different zones, by id."""
    cluster_eks_version: str
    """For `eks`: the version of Kubernetes, such as `1.36`; empty for Amazon's default."""
    cluster_eks_public_cidrs: list[str]
    """For `eks`: networks that may reach the API server from outside the VPC; empty for none."""
    cluster_eks_node_type: str
    """For `eks`: the type of the nodes. The default is `"m6i.large"`."""
    cluster_eks_nodes: int
    """For `eks`: how many nodes. The default is `2`."""
    cluster_eks_kms_key: str
    """For `eks`: the key that Secrets are encrypted with, by ARN; empty makes one."""
    crd_managed: bool
    """Whether this stack owns the CRD; false where another stack of the same cluster does. The default is `true`."""
    crd_retain: bool
    """Whether the CRD, and with it every notification, stays in the cluster when the stack is destroyed. The default is `false`."""
    crd_allow_incompatible: bool
    """Whether a CRD that takes less than the one before is applied all the same, as a rollback may need. The default is `false`."""
    operator_enabled: bool
    """Whether the operator is deployed; false brings the cluster, the CRD and the permissions only. The default is `true`."""
    operator_namespace: str
    """The namespace that the operator runs in; one operator a namespace. The default is `"notification-system"`."""
    operator_image: str
    """An image that the cluster can pull; empty builds one from this checkout and loads it into the local node."""
    operator_base_image: str
    """What a built image stands on; empty takes a locally built base where there is one, else python:3.13-slim."""
    operator_image_pull_secrets: list[str]
    """Secrets in the operator's namespace, by name, that the image is pulled with; this program does not make them."""
    operator_replicas: int
    """How many pods; more than one needs leader election. The default is `1`."""
    operator_leader_election: bool
    """Whether a Lease decides which pod works; then an update starts the new pod before it stops the old one. The default is `true`."""
    operator_shards: int
    """Parts that the work is split into, shared evenly by the pods; with 1 one pod works and the others stand by. The default is `1`."""
    operator_workers: int
    """Notifications in a pass at the same time. The default is `16`."""
    operator_grace_seconds: int
    """How long work under way may take after the stop signal; the pod gets ten seconds more. The default is `30`."""
    operator_cpu_request: str
    """CPU that is reserved for a pod. The default is `"50m"`."""
    operator_cpu_limit: str
    """CPU at which a pod is slowed down; empty for no limit, since slowing it delays deliveries and protects nobody."""
    operator_memory_request: str
    """Memory that is reserved for a pod. The default is `"96Mi"`."""
    operator_memory_limit: str
    """Memory at which a pod is stopped. The default is `"256Mi"`."""
    operator_env: dict[str, Any]
    """More environment variables of the operator, such as `HTTPS_PROXY`; they are no place for a secret."""
    placement_zone_spread: str
    """Replicas over zones, by nodes' label `topology.kubernetes.io/zone`: `preferred` where it can be had, `required` leaves a pod unscheduled rather. One of none, preferred, required. The default is `"none"`."""
    placement_priority_class: str
    """A PriorityClass of the cluster; empty for the default one."""
    placement_node_selector: dict[str, Any]
    """Labels that a node must have."""
    placement_tolerations: list[dict[str, Any]]
    """Taints that the pods put up with: `[{"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}]`."""
    placement_max_unavailable: int
    """Pods that may be missing while nodes are drained: the PodDisruptionBudget. The default is `1`."""
    protection_data: bool
    """Whether a deletion of the CRD, the namespace or the file channel's volume is refused, until `pulumi state unprotect`. The default is `false`."""
    watch_namespaces: list[str]
    """Names of namespaces that exist; the operator then gets permissions in these alone."""
    watch_namespace_selector: str
    """Serve the namespaces with these labels, e.g. `team=web,env!=dev`."""
    delivery_timeout_seconds: int
    """After this a try counts as failed, and may be tried again. The default is `10`."""
    delivery_concurrency_per_channel: int
    """Tries under way at once on one channel. The default is `64`."""
    breaker_failure_threshold: int
    """Failures in a row after which nothing is sent to a receiver; only those count that trying again may cure. The default is `3`."""
    breaker_open_seconds: int
    """For how long nothing is sent then, before it is probed. The default is `30`."""
    breaker_probes: int
    """Tries that are let through then at once; when all of them succeed, everything is sent again. The default is `2`."""
    channels_console_enabled: bool
    """Whether the console channel can be used. The default is `true`."""
    channels_file_enabled: bool
    """Whether the file channel can be used. The default is `false`."""
    channels_file_directory: str
    """Where the files go, inside the pod. The default is `"/var/lib/notifications"`."""
    channels_file_volume: str
    """What is mounted there: `emptyDir` goes with the pod; `hostPath` (of the node) and `pvc` stay. One of emptyDir, hostPath, pvc. The default is `"emptyDir"`."""
    channels_file_host_path: str
    """For `hostPath`: the node's directory; user 65532 must be able to write to it. The default is `"/var/lib/notifications"`."""
    channels_file_size: str
    """For `hostPath` and `pvc`: the size that is claimed. The default is `"1Gi"`."""
    channels_file_storage_class: str
    """For `pvc`: the storage class; empty takes the cluster's default."""
    channels_log_enabled: bool
    """Whether the log channel can be used. The default is `true`."""
    channels_slack_enabled: bool
    """Whether the Slack channel can be used; it needs channelsSlackWebhookUrl. The default is `false`."""
    channels_slack_webhook_url: str
    """The incoming webhook's URL, a secret: set it with --secret. It becomes a Secret that the pods read."""
    channels_slack_connections: int
    """Connections to Slack at once, and so messages under way at once. The default is `10`."""
    channels_plugins: dict[str, Any]
    """Channels of other packages by name: `{"sms": {"factory": "module:function", "options": {}}}`."""
    sanitizer_emails: bool
    """Whether e-mail addresses are masked. The default is `true`."""
    sanitizer_ip_addresses: bool
    """Whether IPv4 addresses are masked. The default is `true`."""
    audit_url: str
    """The audit store's address, e.g. `https://audit.example.com`; empty for no audit events. Its port has to be in networkEgressPorts."""
    audit_batch_size: int
    """Events that go in one request at most, and that are sent without waiting for more. The default is `1000`."""
    audit_flush_seconds: int
    """The longest that an event waits for others to go with it. The default is `1`."""
    retention_enabled: bool
    """Whether they are deleted; the operator's account gets the permission to only then. The default is `true`."""
    retention_deletes_per_second: int
    """The most that are deleted; where more come to their end, they stay a while longer. The default is `5`."""
    routing: dict[str, Any]
    """Rules that choose the channels of notifications that name none; empty leaves the ConfigMap to others."""
    events_level: str
    """Kubernetes Events: `actionable` for what somebody may have to act on, `all` for each change of a phase too. One of actionable, all, none. The default is `"actionable"`."""
    log_level: str
    """The least level that is logged. One of debug, info, warning, error. The default is `"info"`."""
    log_format: str
    """`json` for machines, `text` for people. One of json, text. The default is `"json"`."""
    network_egress_ports: list[int]
    """TCP ports that the network policy lets the operator reach: the API server's and those of its channels. The default is `[443, 6443]`."""
    monitoring_mode: str
    """How Prometheus finds the operator: `crds` makes a PodMonitor, a PrometheusRule and a dashboard, `annotations` marks the pods, `auto` asks the cluster which of the kinds it serves, and marks the pods where it serves none. One of auto, crds, annotations, none. The default is `"auto"`."""
    monitoring_labels: dict[str, Any]
    """Labels by which your Prometheus selects PodMonitors and PrometheusRules, such as `{"release": "prometheus"}`."""
    monitoring_runbooks: str
    """Where the pages of docs/runbooks can be read; with it begins the `runbook_url` of each alert. The default is `"docs/runbooks"`."""
    monitoring_alert_seconds: int
    """How long a condition has to hold before somebody is told, and the span that rates are taken over. The default is `300`."""
    monitoring_failure_percent: int
    """The share of a channel's tries that may fail without an alert. The default is `10`."""
    monitoring_queue_seconds: int
    """How long a notification may wait for a worker without an alert. The default is `60`."""
    preview_number: int
    """The pull request that the stack is a preview of; 0 for a stack that is none. The default is `0`."""
    preview_owner: str
    """Who asked for the preview."""
    preview_commit: str
    """The commit that it was built from."""
    preview_expires: str
    """When it may be taken down, such as `2026-01-31T12:00:00Z`."""
