"""The component's arguments: the settings of a stack under their names in Python, and a cluster.

Pulumi reads annotations and docstrings at run time to describe the component to other languages, so this module has no
postponed annotations.
"""

from typing import Any, TypedDict

import pulumi


class NotificationPlatformArgs(TypedDict, total=False):
    """All settings of a stack, and optionally a cluster of the program.

    A program that has a Kubernetes provider passes it in the resource options instead of `kubeconfig` and `context`.
    """

    kubeconfig: pulumi.Input[str]
    """Content of a kubeconfig, such as the output of another resource. It cannot be combined with a provider or with `clusterKind`."""
    context: pulumi.Input[str]
    """Context of that kubeconfig."""
    adopt_existing: bool
    """Whether the program takes over objects of the platform that exist in the cluster and are in no state. Otherwise the first update refuses them. Remove it after that update. It cannot be combined with a provider, whose `upsertExistingObjects` decides. The default is `false`."""
    # Generated from the stack's settings by `make generate`.
    cluster_kind: str
    """Source of the cluster: `local` starts a node on this machine, `kind` creates a cluster with the command `kind`, `existing` uses the cluster of a kubeconfig, `stack` uses the cluster of another stack, `pod` the cluster of the pod that the program runs in. One of local, existing, stack, pod, kind. The default is `"local"`."""
    cluster_kubeconfig: str
    """For `existing`: path of a kubeconfig file, or its content (then set it with --secret)."""
    cluster_context: str
    """For `existing`: context of that kubeconfig. The current context is never used."""
    cluster_stack: str
    """For `stack`: stack that owns the cluster, as `organization/project/stack`. On a backend without organizations, the first part is the word `organization`."""
    cluster_kind_name: str
    """For `kind`: name of the cluster; empty for the name of the stack."""
    cluster_kind_image: str
    """For `kind`: image of the nodes, such as `kindest/node:v1.36.1`; empty for the default of `kind`. A change creates the cluster again."""
    cluster_kind_config: str
    """For `kind`: path of a configuration file of `kind`, absolute or relative to the project's folder. A change of its content creates the cluster again."""
    cluster_local_network_policy: bool
    """For `local`: whether the node enforces NetworkPolicies. The first use builds kube-router from Go modules, which takes about two minutes. The default is `false`."""
    cluster_local_priority_and_fairness: bool
    """For `local`: whether the API server of the node queues requests by priority, as other clusters do. The default is `false`."""
    crd_managed: bool
    """Whether this stack owns the CRDs; set it to false if another stack of the same cluster does. The default is `true`."""
    crd_retain: bool
    """Whether the CRDs, and with them the notifications and receivers in other namespaces than the operator's, stay in the cluster when the stack is destroyed. The operator's namespace is deleted with everything in it. The default is `false`."""
    crd_allow_incompatible: bool
    """Whether an incompatible CRD change is applied, as a rollback may need. The default is `false`."""
    crd_user_roles: bool
    """Whether this stack creates the ClusterRoles `notifications-sender`, which becomes part of the default roles `edit` and `admin`, `notifications-viewer`, which becomes part of `view`, and `receivers-editor`. The default is `true`."""
    crd_edit_includes_receivers: bool
    """For `crdUserRoles`: whether `edit` and `admin` include changing NotificationReceivers (`receivers-editor`) as well. Who may change a receiver decides where the operator connects to. The default is `false`."""
    admission_enabled: bool
    """Whether the stack that owns the CRDs creates ValidatingAdmissionPolicies: one each for notifications and receivers with the limits of the other admission settings, two that reserve their status for operators, one that limits the account of drills, and one that warns of addresses without effect. The default is `true`."""
    admission_body_characters: int
    """Maximum length of `spec.body` in characters. The default is `262144`."""
    admission_metadata_entries: int
    """Maximum number of entries of `spec.metadata`. The default is `64`."""
    admission_metadata_characters: int
    """Maximum length of a value of `spec.metadata` in characters. The default is `4096`."""
    admission_action_links: int
    """Maximum number of `spec.actionLinks`. The default is `32`."""
    admission_link_schemes: list[str]
    """Schemes that the URLs of `spec.actionLinks` can have. The default is `["https"]`."""
    admission_channels_by_namespace: bool
    """Whether a namespace can name only the channels in its annotation `kubernaut.ai/channels`, such as `console,slack`, and have receivers of these types only. The default is `false`."""
    admission_default_channels: list[str]
    """For `admissionChannelsByNamespace`: channels of a namespace without the annotation. The default is `["console", "log"]`."""
    admission_receiver_recipients: int
    """Maximum number of recipients that a NotificationReceiver names in `spec.email.to` or `spec.sms.to`. The default is `20`."""
    admission_receiver_template_characters: int
    """Maximum length of `spec.template.inline.body` of a NotificationReceiver in characters. The default is `65536`."""
    admission_status_writers: list[str]
    """Users that can write the status in addition to the operator of this stack, operators that watch the whole cluster, previews and members of `system:masters`, such as `system:serviceaccount:team-a:notification-operator`; `*` stands for any characters. An operator with `watchNamespaces` of another stack needs it."""
    namespace_managed: bool
    """Whether this stack owns the operator's namespace, which is deleted with the stack and with everything in it. `false` uses an existing namespace, which is neither created nor changed nor deleted. The default is `true`."""
    operator_enabled: bool
    """Whether the operator is deployed; false deploys only the cluster, the CRDs and the permissions. The default is `true`."""
    operator_namespace: str
    """Namespace of the operator, of its Leases and of the routing ConfigMap. A namespace holds one operator. The default is `"notification-system"`."""
    operator_image: pulumi.Input[str]
    """Image to run, which the cluster must be able to pull; empty builds one from this checkout and loads it into the local node."""
    operator_settings_version: int
    """Version of the settings that `operatorImage` has, if it is older than this program: its label `ai.kubernaut.settings-version`. Settings of a newer version are then refused. 0 for an image of the same release. The default is `0`."""
    operator_base_image: str
    """Base of an image that is built; empty uses a locally built base if there is one, else the base of the Dockerfile."""
    operator_image_pull_secrets: list[str]
    """Names of existing Secrets in the operator's namespace that the image is pulled with."""
    operator_registry_server: str
    """Registry of a pull secret that the stack creates, as in the name of the image, such as `ghcr.io`; empty for none."""
    operator_registry_username: pulumi.Input[str]
    """For `operatorRegistryServer`: the user."""
    operator_registry_password: pulumi.Input[str]
    """For `operatorRegistryServer`: the password or token, a secret."""
    operator_replicas: int
    """Number of pods. More than one requires leader election. The default is `1`."""
    operator_replicas_managed: bool
    """Whether this stack decides the number of pods. `false` creates the Deployment with operatorReplicas and then leaves the number to another controller, such as a HorizontalPodAutoscaler. The default is `true`."""
    operator_rollout_seconds: int
    """Seconds that a rollout may make no progress before it counts as failed; `up` waits that long for each replica and once more. A node that is started on demand, and its first pull of the image, take longer than the default. An update that stops the old pod before it starts the new one also waits for operatorGraceSeconds. The default is `120`."""
    operator_leader_election: bool
    """Whether replicas elect a leader through a Lease. An update then starts the new pod before it stops the old one. The default is `true`."""
    operator_shards: int
    """Number of shards that the notifications are divided into. With 1, one replica is active and the others stand by. The default is `1`."""
    operator_workers: int
    """Maximum number of concurrent reconciliations, of which one namespace has at most three quarters, rounded up. A slow delivery does not occupy a worker. The default is `16`."""
    operator_max_notifications: int
    """Maximum number of open notifications that are held in memory. Further notifications are listed again when some of these are done. The default is `20000`."""
    operator_grace_seconds: int
    """Maximum duration of a shutdown, in seconds. Running attempts finish first, then buffered audit events are sent. The default is `30`."""
    operator_cpu_request: str
    """CPU request of a pod. The default is `"50m"`."""
    operator_cpu_limit: str
    """CPU limit of a pod, also of drills; empty for none. A limit throttles the pod and delays deliveries. A namespace with a quota of `limits.cpu` requires it."""
    operator_memory_request: str
    """Memory request of a pod. The default is `"96Mi"`."""
    operator_memory_limit: str
    """Memory limit of a pod, at least 247Mi: the memory of the operator and of its render worker. A pod that exceeds it is killed. The default is `"256Mi"`."""
    operator_ephemeral_storage_request: str
    """Request of local storage of a pod; 0 also fits a node that does not report its local storage. The default is `"0"`."""
    operator_ephemeral_storage_limit: str
    """Limit of local storage of a pod for its log, in addition to its `emptyDir` volumes. A pod that exceeds it is evicted. The default is `"512Mi"`."""
    operator_env: dict[str, Any]
    """Additional environment variables of the operator, such as `HTTPS_PROXY`. Do not store secrets in them."""
    operator_service_account_labels: dict[str, Any]
    """Additional labels of the operator's ServiceAccount."""
    operator_service_account_annotations: dict[str, Any]
    """Additional annotations of the operator's ServiceAccount, such as `{"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/notifications"}`."""
    operator_pod_labels: dict[str, Any]
    """Additional labels of the operator's pods, such as `{"azure.workload.identity/use": "true"}`."""
    operator_pod_annotations: dict[str, Any]
    """Additional annotations of the operator's pods, for example for a service mesh."""
    operator_volumes: list[dict[str, Any]]
    """Additional volumes of the pods, as in the Kubernetes API. Types: configMap, csi, downwardAPI, emptyDir, ephemeral, persistentVolumeClaim, projected and secret. With a persistentVolumeClaim, an update stops the old pod before it starts the new one."""
    operator_volume_mounts: list[dict[str, Any]]
    """Where the operator's container mounts these volumes, as in the Kubernetes API."""
    operator_ca_bundle_config_map: str
    """Name of an existing ConfigMap with certificates of authorities in PEM that the operator trusts for every TLS connection except to the API server."""
    operator_ca_bundle_secret: str
    """The same in an existing Secret."""
    operator_ca_bundle_key: str
    """For `operatorCaBundleConfigMap` and `operatorCaBundleSecret`: the key of the certificates. The default is `"ca.crt"`."""
    operator_host_users: bool
    """Whether the pods run in the user namespace of their node. `false` gives each pod a separate user namespace, so that a process that leaves its container has no privileges on the node: it requires Kubernetes 1.33, containerd 2.0 with runc 1.2 (or CRI-O 1.25), and Linux 6.3 on the nodes. The default is `true`."""
    operator_flow_schemas: bool
    """Whether the API server gives the operator's Leases and status updates their own priority (FlowSchemas), so that other clients cannot delay them. A preview never has them, and neither has a stack that is a guest (docs/guest-install.md). The default is `true`."""
    leader_election_lease_name: str
    """Name of the Lease. With several shards, the Lease of the first shard and the prefix of the further Leases. The default is `"notification-operator"`."""
    leader_election_lease_seconds: int
    """Seconds after which another replica takes over a Lease that its holder does not renew. The default is `10`."""
    placement_zone_spread: str
    """How replicas are spread over zones (node label `topology.kubernetes.io/zone`): `preferred` spreads on a best-effort basis; `required` leaves pods Pending instead. One of none, preferred, required. The default is `"none"`."""
    placement_node_spread: str
    """How replicas are spread over nodes (node label `kubernetes.io/hostname`), with more than one replica: `preferred` spreads on a best-effort basis; `required` leaves pods Pending instead. One of none, preferred, required. The default is `"preferred"`."""
    placement_priority_class: str
    """PriorityClass of the pods; empty uses the cluster's default."""
    placement_node_selector: dict[str, Any]
    """Labels that a node must have to run the pods."""
    placement_tolerations: list[dict[str, Any]]
    """Tolerations of the pods, such as `[{"key": "dedicated", "operator": "Exists", "effect": "NoSchedule"}]`."""
    placement_affinity: dict[str, Any]
    """Affinity of the pods, as in the Kubernetes API, such as `{"nodeAffinity": {…}}`."""
    placement_max_unavailable: int
    """Maximum number of pods that are unavailable while nodes are drained (PodDisruptionBudget). The default is `1`."""
    protection_data: bool
    """Whether Pulumi refuses to delete the CRDs, the namespace and the file channel's volume. `pulumi state unprotect` lifts the protection. The default is `false`."""
    watch_namespaces: list[str]
    """Names of the namespaces to watch; empty watches all. Cannot be combined with a namespace selector."""
    watch_namespace_selector: str
    """Label selector of the namespaces to watch, such as `team=web,env!=dev`."""
    delivery_timeout_seconds: int
    """Seconds after which an attempt fails. It can be retried. The default is `10`."""
    delivery_concurrency_per_channel: int
    """Maximum number of concurrent attempts per channel. The default is `64`."""
    delivery_in_flight_bytes: int
    """Bytes of notifications that attempts may hold in memory, in equal parts per channel. Further notifications wait and are read again. The default is `33554432`."""
    delivery_visible_after_seconds: float
    """Seconds after which a delivery that is still running is shown in phase Sending. The default is `0.25`."""
    breaker_failure_threshold: int
    """Notifications that fail in a row and open the breaker, each counted once. Permanent failures do not count. While the receiver fails now and then, more are needed. The default is `3`."""
    breaker_open_seconds: int
    """Maximum time in seconds that the breaker stays open before it lets probes through. The default is `30`."""
    breaker_initial_open_seconds: int
    """Seconds that the breaker stays open at first. They double with each failed probe, up to the maximum. The default is `1`."""
    breaker_window_seconds: int
    """Seconds of the window in which the share of failures is observed, of the latest 50 results at most. The default is `60`."""
    breaker_probes: int
    """Number of attempts that a half-open breaker permits as probes. When they have ended, it closes if at least one has succeeded; otherwise it opens again. The default is `2`."""
    channels_console_namespaces: list[str]
    """Namespaces whose notifications may use the channel; empty for all. A name may end with `*`, such as `team-*`. A notification of another namespace fails on this channel immediately."""
    channels_console_enabled: bool
    """Whether the console channel is enabled. The default is `true`."""
    channels_file_enabled: bool
    """Whether the file channel is enabled. The default is `false`."""
    channels_file_directory: str
    """Directory of the files, created if missing. Files outlive the pod only on a persistent volume. The default is `"/var/lib/notifications"`."""
    channels_file_volume: str
    """Volume that is mounted there: `emptyDir` is deleted with the pod and limited to `channelsFileSize`; `hostPath`, a directory of the node, and `pvc`, a claim of that size, persist. One of emptyDir, hostPath, pvc. The default is `"emptyDir"`."""
    channels_file_host_path: str
    """For `hostPath`: directory of the node. User 65532 must have write permission. The default is `"/var/lib/notifications"`."""
    channels_file_size: str
    """Size of the volume. When 90 % are used, the operator removes files down to 80 %: the oldest of the namespace with the most data first. 0 for no limit. The default is `"1Gi"`."""
    channels_file_keep_days: int
    """Days after which a file is removed; 0 keeps files until their space is needed. The default is `0`."""
    channels_file_storage_class: str
    """For `pvc`: the storage class; empty uses the cluster's default."""
    channels_file_namespaces: list[str]
    """Namespaces whose notifications may use the channel; empty for all. A name may end with `*`, such as `team-*`. A notification of another namespace fails on this channel immediately."""
    channels_log_namespaces: list[str]
    """Namespaces whose notifications may use the channel; empty for all. A name may end with `*`, such as `team-*`. A notification of another namespace fails on this channel immediately."""
    channels_log_enabled: bool
    """Whether the log channel is enabled. The default is `true`."""
    channels_slack_namespaces: list[str]
    """Namespaces whose notifications may use the channel; empty for all. A name may end with `*`, such as `team-*`. A notification of another namespace fails on this channel immediately."""
    channels_slack_rate_per_second: int
    """Messages per second to Slack, on average; 0 for no limit. Slack accepts one per second and webhook, and short bursts. A higher priority is first; within a priority, namespaces share the rate equally. The default is `1`."""
    channels_slack_burst: int
    """Maximum number of messages in a burst to Slack after a time without messages. If Slack answers 429, the burst is used up and only the rate counts. The default is `600`."""
    channels_slack_enabled: bool
    """Whether the Slack channel is enabled. It needs a webhook URL. The default is `false`."""
    channels_slack_webhook_url: pulumi.Input[str]
    """URL of the incoming webhook, a secret. The operator also reads it from the variable SLACK_WEBHOOK_URL."""
    channels_slack_connections: int
    """Number of concurrent messages to Slack, each over a separate connection. A message that takes longer than 1.5 s is not counted, so that there are up to twice as many connections while Slack is slow. The default is `10`."""
    channels_slack_mrkdwn: str
    """How Slack reads subject and body: `escaped` shows links with a text, and mentions such as `<!channel>` as written, `trusted` lets everyone who can create notifications use them. One of escaped, trusted. The default is `"escaped"`."""
    channels_slack_existing_secret: str
    """Name of an existing Secret in the operator's namespace with the URL of the incoming webhook, instead of channelsSlackWebhookUrl."""
    channels_slack_existing_secret_key: str
    """For `channelsSlackExistingSecret`: the key of the URL. The default is `"webhook-url"`."""
    channels_plugins: dict[str, Any]
    """Channels from other packages by name, such as `{"sms": {"factory": "module:function", "options": {}}}`. A built-in channel of the same name is replaced."""
    sanitizer_emails: bool
    """Whether email addresses are redacted. The default is `true`."""
    sanitizer_ip_addresses: str
    """Whether IP addresses are redacted. With `public`, addresses of private networks stay, such as addresses of nodes and pods. The default is `true`."""
    audit_url: str
    """URL of the audit store, such as `https://audit.example.com`; empty disables audit events."""
    audit_buffer_size: int
    """Maximum number of buffered audit events. When the buffer is full, new events are dropped and counted. The default is `20000`."""
    audit_batch_size: int
    """Maximum number of events per request. A full batch is sent immediately. The default is `1000`."""
    audit_flush_seconds: int
    """Maximum time in seconds that an event waits for its batch to fill. The default is `1`."""
    audit_token_audience: str
    """Audience of the service account token that authenticates requests to the audit store, such as `https://audit.example.com`; empty sends no token. The token is projected for this audience alone, and the API server does not accept it."""
    audit_file: str
    """Absolute path of a file that holds the audit events instead of an audit store, such as `/var/lib/notification-audit/trail.jsonl`; empty for none. Each line is chained to the line before it, so that `notification-operator audit-verify` finds changes."""
    audit_file_max_bytes: int
    """Size in bytes from which the audit file is rotated. The default is `67108864`."""
    audit_file_count: int
    """Number of rotated audit files that are kept. When there are more, the oldest is deleted. The default is `16`."""
    audit_original_types: bool
    """Whether Sent and Failed have the event types of the original service, `notification.message.acknowledged` and `notification.message.escalated`, and other final phases have none: for a store that expects these types. The default is `false`."""
    audit_file_claim: str
    """For `auditFile`: name of an existing PersistentVolumeClaim in the operator's namespace; empty uses a volume that is deleted with the pod."""
    retention_enabled: bool
    """Whether the operator deletes notifications after their retention period. This needs permission to delete them. The default is `true`."""
    retention_deletes_per_second: int
    """Deletions per second; up to ten times as many while the backlog would outlast the interval between two sweeps. The default is `5`."""
    retention_interval_seconds: int
    """Seconds between two sweeps. The first sweep starts after a tenth of this time. The default is `3600`."""
    retention_failed_days: int
    """Days for which a notification is kept at least if it was not delivered to every target, or sends another one again. The default is `30`."""
    routing: dict[str, Any]
    """Rules that select channels for notifications that name none; empty: the stack does not manage the ConfigMap."""
    routing_config_map_name: str
    """Name of the ConfigMap. It does not have to exist. The default is `"notification-routing-config"`."""
    routing_config_map_key: str
    """Key of the ConfigMap that holds the routing document. The default is `"routing.yaml"`."""
    receivers: list[dict[str, Any]]
    """NotificationReceivers that the stack creates in the operator's namespace: name, `spec` as in the CRD, `secrets` with their keys and values, `existingSecrets`, and whether it is the `default` of its type."""
    receivers_elsewhere: list[str]
    """Types of receivers whose default receivers are created outside the stack, in the operator's namespace or in the namespaces of notifications. Routing rules can then use these channels."""
    receivers_read_all: bool
    """Whether the operator may read every Secret and ConfigMap of its namespace. `false` permits the ones that `receivers` of the stack refer to, by name; receivers that are created there outside the stack with further Secrets need `true`. The default is `false`."""
    receivers_enabled: bool
    """Whether the operator delivers to NotificationReceivers. It then needs permission to read the Secrets and ConfigMaps of its namespace that they refer to. The default is `true`."""
    receivers_namespaced: bool
    """Whether receivers in other namespaces than the operator's may refer to Secrets and ConfigMaps. The operator then needs permission to read the Secrets and ConfigMaps of every namespace that it watches. The default is `false`."""
    receivers_types_elsewhere: list[str]
    """Types that receivers in other namespaces than the operator's may have. The default types send nothing over the network. Each further type lets everyone who may change receivers in a served namespace send from the operator's network; a receiver of another type gets the condition Ready=False, NotAllowed. The default is `["console", "log", "file"]`."""
    receivers_cluster: str
    """Name of the cluster that messages to receivers and to the channel slack contain, and that templates can use; empty for the name of the stack."""
    receivers_denied_networks: list[str]
    """Networks that no receiver may connect to, and no OpenID Connect provider of the gateway may be in, such as `["2001:db8:64::/96"]`, whatever `allowedNetworks` and `gatewayAllowedNetworks` contain. List the networks of pods and Services if their addresses are public or IPv6, and the NAT64 prefix of the site. Addresses of metadata services, link-local and reserved ones are always refused."""
    receivers_allowed_hosts: list[str]
    """Hosts that receivers may connect to, such as `["example.com", "events.pagerduty.com"]`, each with the names below it; empty for all. It applies to every receiver, and to the OpenID Connect providers of the gateway. If it is set, the operator refuses receivers of the type apprise, because that library opens the connections itself."""
    receivers_max_per_namespace: int
    """Maximum number of NotificationReceivers of a namespace that are used: the oldest. A receiver with long texts, such as a template, counts once more for each 8 KiB. The others get the condition Ready=False, TooMany. The default is `200`."""
    receivers_max_total: int
    """Maximum number of NotificationReceivers of all namespaces that are used: first those in the operator's namespace. Among the others, the namespace with the most gives way. The default is `2000`."""
    drill_schedule: str
    """Cron expression of the drills, such as `0 9 * * 1`, or a name such as `@daily`; empty for none. At each time the platform sends a message marked [DRILL] to every NotificationReceiver in the watched namespaces, as `notif drill` does; people get them."""
    drill_time_zone: str
    """Time zone of drillSchedule, such as `Europe/Berlin`. The default is `"Etc/UTC"`."""
    gateway_enabled: bool
    """Whether the gateway is deployed, and the CRD of NotificationSource with it, if this stack owns the CRDs. `false` for a stack that had one deletes every NotificationSource. A preview never has one. The default is `false`."""
    gateway_replicas: int
    """Number of pods of the gateway. The default is `2`."""
    gateway_host: str
    """Host name of an Ingress for senders outside the cluster, such as `hooks.example.com`; empty for no Ingress."""
    gateway_cert_secret: str
    """Name of a Secret of the type kubernetes.io/tls in the operator's namespace, with the certificate of the gateway's port for messages. The port then accepts TLS only, and the Service has port 443. An Ingress controller must be told to use HTTPS, such as by `gatewayIngressAnnotations`. Empty for plain HTTP."""
    gateway_tls_secret: str
    """For `gatewayHost`: name of the Secret with the certificate, in the operator's namespace; empty for the certificate of the Ingress controller."""
    gateway_class_name: str
    """For `gatewayHost`: the IngressClass; empty for the cluster's default."""
    gateway_ingress_annotations: dict[str, Any]
    """For `gatewayHost`: annotations of the Ingress, such as `{"cert-manager.io/cluster-issuer": "letsencrypt"}`. A list of permitted clients belongs here: the gateway's pods see the address of the Ingress controller alone."""
    gateway_allowed_cidrs: list[str]
    """CIDR blocks that can connect to the gateway's port for messages. If this and gatewayAllowedNamespaceLabels are empty, every address can; with `gatewayHost`, one of them is required."""
    gateway_allowed_namespace_labels: dict[str, Any]
    """Labels of the namespaces whose pods can connect to the gateway's port for messages, such as the labels of the namespaces of the Ingress controller and of Alertmanager."""
    gateway_token_reviews: bool
    """Whether the gateway may create TokenReviews and SubjectAccessReviews, by a ClusterRole. Without them, callers cannot create notifications themselves, and sources with `auth.kubernetes` accept no token: both get the answer 503. The default is `true`."""
    gateway_secrets: list[str]
    """Names of the Secrets in the operator's namespace that the gateway may read: those that NotificationSources there refer to. To accept the URL of a source `NAME` that an earlier version created, add `NAME-path`."""
    gateway_read_all: bool
    """Whether the gateway may read every Secret of the operator's namespace. `false` permits `gatewaySecrets`, by name. The default is `false`."""
    gateway_tenant_sources: bool
    """Whether NotificationSources outside the gateway's namespace are served. The default is `false`."""
    gateway_max_sources_per_namespace: int
    """Maximum number of NotificationSources of a namespace that are served: the oldest. A source with long texts, such as a template, counts once more for each 8 KiB. The others get the condition Ready=False, TooMany, and their Secrets are not read. The default is `200`."""
    gateway_max_sources: int
    """Maximum number of NotificationSources of all namespaces that are served: first those in the gateway's namespace. Among the others, the namespace with the most gives way. The default is `2000`."""
    gateway_namespace_messages_per_second: int
    """Maximum number of messages per second that the sources of a namespace may send, whatever their `spec.rateLimit` is. Each notification of a batch counts. Each replica of the gateway accepts its share; further messages get 429, or 503 for the type alertmanager. The default is `100`."""
    gateway_messages_per_second: int
    """Maximum number of messages per second that the sources of all namespaces may send. Namespaces that send at the same time have equal parts. The default is `500`."""
    gateway_audience: str
    """Audience that the token of a ServiceAccount must have to create notifications through the gateway. A token with a further audience is refused. The default is `"notifications"`."""
    gateway_oidc_issuer: str
    """URL of the OpenID Connect provider of callers outside the cluster, exactly as the claim iss of its tokens; empty for none."""
    gateway_oidc_audience: str
    """Audience that a token of the OpenID Connect provider must have."""
    gateway_oidc_username_prefix: str
    """Prefix of the names of users of the OpenID Connect provider; the claim sub follows. The permissions of the user with this name decide. The default is `"oidc:"`."""
    gateway_oidc_cidrs: list[str]
    """CIDR blocks of the providers of OpenID Connect, including the providers that NotificationSources name. If networkApiServerCidrs is set, the gateway reaches only these providers, on port 443 and on the port of gatewayOidcIssuer; otherwise all."""
    gateway_allowed_networks: list[str]
    """Private networks in which OpenID Connect providers may be, such as `10.20.0.0/16`: the provider of the settings, and the providers of sources in the gateway's namespace."""
    gateway_lease_seconds: int
    """Seconds after which a replica of the gateway counts as gone that does not renew its Lease. The default is `15`."""
    gateway_status_interval_seconds: int
    """Minimum time in seconds between two writes of the status of a NotificationSource by one replica of the gateway. The default is `30`."""
    gateway_grace_seconds: int
    """Maximum duration of a shutdown of the gateway in seconds: messages that are being stored are finished and answered. The default is `20`."""
    gateway_cpu_request: str
    """CPU request of a pod of the gateway. The default is `"50m"`."""
    gateway_cpu_limit: str
    """CPU limit of a pod of the gateway; empty for none. A limit throttles the pod and delays answers. A namespace with a quota of `limits.cpu` requires it."""
    gateway_memory_request: str
    """Memory request of a pod of the gateway. The default is `"96Mi"`."""
    gateway_memory_limit: str
    """Memory limit of a pod of the gateway, at least 230Mi: the memory of the gateway and of its render worker. A pod that exceeds it is killed. The default is `"256Mi"`."""
    events_level: str
    """Which Kubernetes Events are created: `actionable` for Events that may need action, `all` for every phase change as well, `none` for no Events. One of actionable, all, none. The default is `"actionable"`."""
    log_level: str
    """Minimum log level. One of debug, info, warning, error. The default is `"info"`."""
    log_format: str
    """Log format: `json` for machines, `text` for people. One of json, text. The default is `"json"`."""
    server_host: str
    """Address to listen on, such as `127.0.0.1`. `::` accepts IPv6 and IPv4 connections to all addresses, and IPv4 connections alone where IPv6 is disabled. The default is `"::"`."""
    server_health_port: int
    """Port of /healthz and /readyz; 0 selects a free port. The default is `8081`."""
    server_metrics_port: int
    """Port of /metrics; 0 selects a free port. The default is `9090`."""
    network_egress_ports: list[int]
    """TCP ports that the network policy allows the operator to connect to: the ports of the API server and the channels. The port of `auditUrl` is allowed, too. The default is `[443, 6443]`."""
    network_api_server_cidrs: list[str]
    """CIDR blocks of the API server: its addresses (`kubectl get endpointslices kubernetes`) and the cluster IP of the Service `kubernetes`. If this or another list of destinations is set, only the listed destinations are reachable; if all are empty, every address is."""
    network_receiver_cidrs: list[str]
    """CIDR blocks of the receivers of Slack and of other channels, or of the proxy that leads to them."""
    network_audit_cidrs: list[str]
    """CIDR blocks of the audit store, which is also reachable on the port of `auditUrl`."""
    network_dns_cidrs: list[str]
    """CIDR blocks of the DNS servers, such as `169.254.20.10/32` of NodeLocal DNSCache. If this and networkDnsNamespaceLabels are empty, every address is reachable on port 53."""
    network_dns_namespace_labels: dict[str, Any]
    """Labels of the namespaces with DNS servers, such as `{"kubernetes.io/metadata.name": "kube-system"}`."""
    network_scrape_namespace_labels: dict[str, Any]
    """Labels of the namespaces whose pods can scrape metrics, such as `{"kubernetes.io/metadata.name": "monitoring"}`. If this and networkScrapePodLabels are empty, every pod can."""
    network_scrape_pod_labels: dict[str, Any]
    """Labels of the pods that can scrape metrics; without networkScrapeNamespaceLabels, pods of the operator's namespace."""
    monitoring_mode: str
    """How Prometheus discovers the operator: `crds` creates a PodMonitor, a PrometheusRule and a dashboard, `annotations` annotates the pods, `auto` selects `crds` or `annotations` by the kinds that the cluster serves, `none` does nothing. One of auto, crds, annotations, none. The default is `"auto"`."""
    monitoring_labels: pulumi.Input[dict[str, pulumi.Input[str]]]
    """Labels that your Prometheus selects PodMonitors and PrometheusRules by, such as `{"release": "prometheus"}`."""
    monitoring_runbooks: str
    """URL under which the pages of docs/runbooks are published, such as `https://wiki.example.com/runbooks`: the base of the `runbook_url` of each alert. Empty for none: the description of each alert then names the page, and there is no `runbook_url`."""
    monitoring_alert_seconds: int
    """Seconds that a condition must hold before an alert fires; also the range of rates, which is at least 300. The default is `300`."""
    monitoring_failure_percent: int
    """Percentage of a channel's attempts that can fail without an alert. The default is `10`."""
    monitoring_drill_hours: int
    """Hours without a successful drill after which an alert reports a NotificationReceiver, if drillSchedule is set: at least an hour more than the time between two drills, and at most the retention time of Prometheus. The default is `192`."""
    monitoring_source_hours: int
    """With `gatewayEnabled`: hours that a NotificationSource that has received messages before can be without one without an alert; 0 for any time. A sender that must send more often is a source of the type heartbeat. The default is `168`."""
    monitoring_queue_seconds: int
    """Seconds that a notification can wait for a worker without an alert. The default is `60`."""
    monitoring_external_heartbeat_secret: str
    """Name of a Secret in the operator's namespace with the URL of a dead man's switch, which is a credential; empty for none. The operator sends a POST to it as long as the last drill has reached all receivers and is younger than two of its periods. It requires drills on a schedule."""
    monitoring_external_heartbeat_secret_key: str
    """Key of the URL in the Secret of the external heartbeat. The default is `"url"`."""
    monitoring_external_heartbeat_every_seconds: int
    """Seconds between two requests to the dead man's switch. The switch must wait longer than that, and at least for two minutes: it gets no request while the operator moves to another node. The default is `60`."""
    preview_number: int
    """Number of the pull request that the stack previews; 0 for a stack that is not a preview. The default is `0`."""
    preview_owner: str
    """User who requested the preview."""
    preview_commit: str
    """Commit that the preview is built from."""
    preview_expires: str
    """Time after which the preview can be removed, such as `2026-01-31T12:00:00Z`."""
    preview_base: bool
    """Whether previews use the cluster of this stack: creates an account that can manage preview namespaces only, and outputs its kubeconfig as `previewKubeconfig`. The default is `false`."""
    preview_quota_pods: int
    """Maximum number of pods in the namespace of a preview. An update starts the new pod before it stops the old one. For `previewBase`, the maximum that a preview can set; otherwise, the value of this preview. The default is `2`."""
    preview_quota_memory: str
    """Maximum sum of the memory limits of the pods in the namespace of a preview. For `previewBase`, the maximum that a preview can set; otherwise, the value of this preview. The default is `"512Mi"`."""
    preview_quota_notifications: int
    """Maximum number of NotificationRequests in the namespace of a preview. For `previewBase`, the maximum that a preview can set; otherwise, the value of this preview. The default is `500`."""
    preview_restricted: bool
    """Whether the preview uses that account; `tools/notif-platform preview` sets it. The default is `false`."""
    deploy_wave: int
    """Wave in which CI deploys the stack: 1 first, such as a shared cluster for development, then 2, then 3. 0 for a stack that CI does not deploy. The default is `0`."""
