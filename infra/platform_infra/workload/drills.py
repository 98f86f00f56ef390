"""Drills on a schedule: a CronJob that runs `notif drill` from the operator's image, with an account of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pulumi
from pulumi_kubernetes.batch.v1 import (
    CronJob,
    CronJobSpecArgs,
    JobSpecArgs,
    JobTemplateSpecArgs,
    PodFailurePolicyArgs,
    PodFailurePolicyOnPodConditionsPatternArgs,
    PodFailurePolicyRuleArgs,
)
from pulumi_kubernetes.core.v1 import (
    ContainerArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    ResourceRequirementsArgs,
    ServiceAccount,
)
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.networking.v1 import NetworkPolicy
from pulumi_kubernetes.rbac.v1 import SubjectArgs

from notification_contract.quantity import amount
from platform_infra import names
from platform_infra.children import Children
from platform_infra.workload import network_policy, placement, pod
from platform_infra.workload.rbac import Grant, Roles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_infra.settings.model import Settings

COMPONENT: Final = "drill"
GRANTS: Final = (
    Grant(group=names.GROUP, resource=names.RECEIVER_PLURAL, verbs=("list",)),
    Grant(group=names.GROUP, resource=names.PLURAL, verbs=("create", "get")),
)
"""Permissions in every namespace that drills send to. A Role knows no labels, and the names of drills are random."""
MESSAGE_TIMEOUT: Final = "5m"
"""How long a message may take: longer than the restart of an operator, and nobody waits for the answer."""
JOB_SECONDS: Final = 3600
"""How long a drill may take: the command line sends 20 messages at a time."""
LATE_SECONDS: Final = 600
"""How much later than scheduled a drill may start, such as after an outage."""
KEPT_JOBS: Final = 3
CPU_REQUEST: Final = "10m"
LOCAL_STORAGE: Final = "16Mi"
"""Limit of local storage of a drill's pod; the API server refuses a request above it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillsArgs:
    """The image, the settings, and what must exist before the first drill."""

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    settings: Settings
    pull_secrets: Sequence[pulumi.Input[str]]
    depends_on: Sequence[pulumi.Resource] = ()


class Drills(pulumi.ComponentResource):
    """The CronJob with its service account, its permissions and its network policy."""

    def __init__(self, name: str, *, args: DrillsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("notification-platform:index:Drills", name, None, opts)
        self._args = args
        self._settings = args.settings
        self._child = Children(self, name)
        own, options = self._child.name(COMPONENT), self._child.options()
        account: pulumi.Output[str] = ServiceAccount(
            own, metadata=self._metadata(names.DRILL), opts=options
        ).metadata.name
        self._grant(SubjectArgs(kind="ServiceAccount", name=account, namespace=args.namespace))
        NetworkPolicy(
            own,
            metadata=self._metadata(names.DRILL),
            spec=network_policy.drill_spec(self._settings.network),
            opts=options,
        )
        self._cron_job(account)
        self.register_outputs({})

    def _metadata(self, name: str) -> ObjectMetaArgs:
        return ObjectMetaArgs(name=name, namespace=self._args.namespace, labels=names.labels(COMPONENT))

    def _grant(self, subject: SubjectArgs) -> None:
        """Grant access to the namespaces of drills: in each by name, or in the whole cluster."""
        home, drilled = self._settings.operator.namespace, drilled_namespaces(self._settings)
        roles = Roles(self._child, subject, name=names.cluster_scoped(home), labels=names.labels(COMPONENT))
        for each in drilled:
            namespace = self._args.namespace if each == home else each
            roles.in_namespace(f"{COMPONENT}-{each}", COMPONENT, namespace, GRANTS)
        if not drilled:
            roles.everywhere(COMPONENT, GRANTS, kind=COMPONENT)

    def _cron_job(self, account: pulumi.Input[str]) -> None:
        drill = self._settings.drill
        job = JobSpecArgs(
            # A message that has failed is not sent again: the next drill tells more than a repetition.
            backoff_limit=0,
            # A drained node or a preemption is no failed drill: the next pod makes it.
            pod_failure_policy=PodFailurePolicyArgs(
                rules=[
                    PodFailurePolicyRuleArgs(
                        action="Ignore",
                        on_pod_conditions=[
                            PodFailurePolicyOnPodConditionsPatternArgs(type="DisruptionTarget", status="True")
                        ],
                    )
                ]
            ),
            active_deadline_seconds=JOB_SECONDS,
            template=self._template(account),
        )
        CronJob(
            self._child.name(COMPONENT),
            metadata=self._metadata(names.DRILL),
            spec=CronJobSpecArgs(
                schedule=drill.schedule,
                time_zone=drill.time_zone,
                concurrency_policy="Forbid",
                starting_deadline_seconds=LATE_SECONDS,
                successful_jobs_history_limit=KEPT_JOBS,
                failed_jobs_history_limit=KEPT_JOBS,
                job_template=JobTemplateSpecArgs(
                    metadata=ObjectMetaArgs(labels=names.labels(COMPONENT)), spec=job
                ),
            ),
            opts=self._child.options(pulumi.ResourceOptions(depends_on=list(self._args.depends_on))),
        )

    def _template(self, account: pulumi.Input[str]) -> PodTemplateSpecArgs:
        settings = self._settings
        return PodTemplateSpecArgs(
            metadata=ObjectMetaArgs(labels=names.labels(COMPONENT) | names.drill_selector()),
            spec=PodSpecArgs(
                service_account_name=account,
                restart_policy="Never",
                enable_service_links=False,
                security_context=pod.pod_security(),
                containers=[self._container()],
                **placement.pod_fields(settings.placement, settings.operator, self._args.pull_secrets),
            ),
        )

    def _container(self) -> ContainerArgs:
        operator = self._settings.operator
        return ContainerArgs(
            name=COMPONENT,
            image=self._args.image,
            image_pull_policy="IfNotPresent",
            command=["notif"],
            args=arguments(drilled_namespaces(self._settings)),
            resources=ResourceRequirementsArgs(
                requests={
                    "cpu": min(CPU_REQUEST, operator.cpu_limit or CPU_REQUEST, key=amount),
                    "memory": "64Mi",
                    # Without it, the limit would be requested, and a node that counts no local storage has none of it.
                    "ephemeral-storage": min(operator.ephemeral_storage_request, LOCAL_STORAGE, key=amount),
                },
                limits={
                    **pod.processor(operator.cpu_limit),
                    "memory": "128Mi",
                    "ephemeral-storage": LOCAL_STORAGE,
                },
            ),
            security_context=pod.container_security(),
        )


def drilled_namespaces(settings: Settings) -> tuple[str, ...]:
    """Return the namespaces that the operator watches and whose receivers it accepts; empty for the cluster."""
    home, watched = settings.operator.namespace, settings.watch.namespaces
    if not settings.receivers_types_elsewhere and home in (watched or (home,)):
        return (home,)
    return watched


def arguments(namespaces: Sequence[str]) -> list[str]:
    """Return the arguments of `notif` for a drill of all receivers in these namespaces; empty for the cluster."""
    where = ["-n", ",".join(namespaces)] if namespaces else ["-A"]
    return ["drill", *where, "--timeout", MESSAGE_TIMEOUT, "-o", "json", "--yes"]
