"""The component of a base stack that gives previews access to its cluster, and the binding in a preview's namespace."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi
import yaml
from pulumi_kubernetes.admissionregistration.v1 import (
    MatchConditionArgs,
    NamedRuleWithOperationsArgs,
    ParamKindArgs,
    ParamRefArgs,
    ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding,
    ValidatingAdmissionPolicyBindingSpecArgs,
    ValidatingAdmissionPolicySpecArgs,
    ValidationArgs,
)
from pulumi_kubernetes.core.v1 import (
    Namespace,
    ResourceQuota,
    ResourceQuotaSpecArgs,
    Secret,
    ServiceAccount,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, LabelSelectorRequirementArgs, ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import ClusterRole, ClusterRoleBinding, RoleBinding, RoleRefArgs, SubjectArgs

from platform_infra import names
from platform_infra.admission.component import matching, replaced_actions
from platform_infra.children import DELETION_TIMEOUT, Children
from platform_infra.cluster import ClusterError
from platform_infra.cluster.kubeconfig import single_context
from platform_infra.names import PREVIEW_ACCOUNT as ACCOUNT
from platform_infra.names import PREVIEW_CONTEXT as CONTEXT
from platform_infra.names import PREVIEW_NAMESPACE as NAMESPACE
from platform_infra.preview.admission import LIMITED, POLICIES, QUOTA, AccountPolicy, quotas
from platform_infra.preview.grants import DEPLOYER, DEPLOYER_ROLE, MANAGER, MANAGER_ROLE, RBAC
from platform_infra.workload.rbac import policy_rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_infra.cluster import Cluster
    from platform_infra.settings.sections.preview import PreviewQuota

COMPONENT = "preview"
TOKEN_TYPE = "kubernetes.io/service-account-token"  # noqa: S105 - the type of a Secret
NO_TOKEN = f"the token of the account {NAMESPACE}/{ACCOUNT} does not exist yet; run `up` again"


class PreviewAccess(pulumi.ComponentResource):
    """The account for previews, its roles, and the admission policies that limit it."""

    def __init__(
        self,
        name: str,
        *,
        security: dict[str, str],
        quota: PreviewQuota,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("notification-platform:index:PreviewAccess", name, None, opts)
        self._child = Children(self, name)
        labels = names.labels(COMPONENT)
        namespace = Namespace(
            self._child.name("namespace"),
            metadata=ObjectMetaArgs(name=NAMESPACE, labels=labels | security),
            opts=self._child.options(pulumi.ResourceOptions(custom_timeouts=DELETION_TIMEOUT)),
        )
        inside = pulumi.ResourceOptions(depends_on=[namespace])
        account = ServiceAccount(
            self._child.name("account"),
            metadata=ObjectMetaArgs(name=ACCOUNT, namespace=NAMESPACE, labels=labels),
            automount_service_account_token=False,
            opts=self._child.options(inside),
        )
        policies = [resource for policy in (*POLICIES, quotas(quota)) for resource in self._policy(policy)]
        policies += self._required_quota()
        self._roles(_subject(namespace.metadata.name), policies)
        token = Secret(
            self._child.name("token"),
            metadata=ObjectMetaArgs(
                name=f"{ACCOUNT}-token",
                namespace=NAMESPACE,
                labels=labels,
                annotations={"kubernetes.io/service-account.name": account.metadata.name},
            ),
            type=TOKEN_TYPE,
            opts=self._child.options(inside),
        )
        self._data: pulumi.Output[Mapping[str, str]] = token.data
        self.register_outputs({})

    def kubeconfig(self, cluster: Cluster) -> pulumi.Output[str]:
        """Return the kubeconfig of the account, a secret."""
        parts = pulumi.Output.all(kubeconfig=cluster.kubeconfig, context=cluster.context, data=self._data)
        return pulumi.Output.secret(parts.apply(deployer_kubeconfig))

    def _policy(self, policy: AccountPolicy) -> list[pulumi.Resource]:
        metadata = ObjectMetaArgs(name=policy.name, labels=names.labels(COMPONENT))
        name, options = self._child.name(policy.resource), self._child.options()
        rule = NamedRuleWithOperationsArgs(
            api_groups=[policy.group],
            api_versions=["v1"],
            operations=["CREATE", "UPDATE", "DELETE"],
            resources=[policy.resource],
            scope="*",
        )
        created = ValidatingAdmissionPolicy(
            name,
            metadata=metadata,
            spec=ValidatingAdmissionPolicySpecArgs(
                failure_policy="Fail",
                match_constraints=matching(rule),
                match_conditions=[MatchConditionArgs(name="account", expression=policy.condition)],
                validations=[
                    ValidationArgs(expression=each.expression, message=each.message, reason="Forbidden")
                    for each in policy.validations
                ],
            ),
            opts=options,
        )
        binding = ValidatingAdmissionPolicyBinding(
            name,
            metadata=metadata,
            spec=ValidatingAdmissionPolicyBindingSpecArgs(
                policy_name=created.metadata.name, validation_actions=["Deny"]
            ),
            opts=self._child.options(replaced_actions()),
        )
        return [created, binding]

    def _required_quota(self) -> list[pulumi.Resource]:
        """Refuse pods and notifications in the namespace of a preview that has no quota.

        The quota is the policy's parameter. The binding selects the namespaces: a missing parameter is denied before a condition of
        the policy is evaluated, so a binding without a selector would refuse every Deployment of the cluster.
        """
        metadata = ObjectMetaArgs(name=QUOTA, labels=names.labels(COMPONENT))
        rules = [
            NamedRuleWithOperationsArgs(
                api_groups=[group],
                api_versions=["*"],
                operations=["CREATE"],
                resources=[resource],
                scope="*",
            )
            for group, resource in LIMITED
        ]
        created = ValidatingAdmissionPolicy(
            self._child.name("quota"),
            metadata=metadata,
            spec=ValidatingAdmissionPolicySpecArgs(
                failure_policy="Fail",
                param_kind=ParamKindArgs(api_version="v1", kind="ResourceQuota"),
                match_constraints=matching(*rules),
                validations=[
                    ValidationArgs(expression=f"params.metadata.name == '{QUOTA}'", reason="Forbidden")
                ],
            ),
            opts=self._child.options(),
        )
        previews = LabelSelectorArgs(
            match_expressions=[LabelSelectorRequirementArgs(key=names.PREVIEW_LABEL, operator="Exists")]
        )
        binding = ValidatingAdmissionPolicyBinding(
            self._child.name("quota"),
            metadata=metadata,
            spec=ValidatingAdmissionPolicyBindingSpecArgs(
                policy_name=created.metadata.name,
                validation_actions=["Deny"],
                param_ref=ParamRefArgs(name=QUOTA, parameter_not_found_action="Deny"),
                match_resources=matching(namespaces=previews),
            ),
            opts=self._child.options(replaced_actions()),
        )
        return [created, binding]

    def _roles(self, subject: SubjectArgs, policies: list[pulumi.Resource]) -> None:
        """Create the roles. The account gets the first one after the policies that limit it, and loses it before them."""
        labels = names.labels(COMPONENT)
        for name, grants in ((DEPLOYER_ROLE, DEPLOYER), (MANAGER_ROLE, MANAGER)):
            ClusterRole(
                self._child.name(name),
                metadata=ObjectMetaArgs(name=name, labels=labels),
                rules=policy_rules(grants),
                opts=self._child.options(),
            )
        limited = pulumi.ResourceOptions(depends_on=policies)
        ClusterRoleBinding(
            self._child.name(DEPLOYER_ROLE),
            metadata=ObjectMetaArgs(name=DEPLOYER_ROLE, labels=labels),
            role_ref=RoleRefArgs(api_group=RBAC, kind="ClusterRole", name=DEPLOYER_ROLE),
            subjects=[subject],
            opts=self._child.options(limited),
        )


def bind_manager(namespace: pulumi.Input[str], child: Children) -> pulumi.Output[str]:
    """Bind the manager role to the account in a preview's namespace; return the namespace once that is done.

    Every object that uses the result is created after the binding and deleted before it.
    """
    metadata = ObjectMetaArgs(name=MANAGER_ROLE, namespace=namespace, labels=names.labels(COMPONENT))
    binding = RoleBinding(
        child.name("manager"),
        metadata=metadata,
        role_ref=RoleRefArgs(api_group=RBAC, kind="ClusterRole", name=MANAGER_ROLE),
        subjects=[_subject(NAMESPACE)],
        opts=child.options(),
    )
    bound: pulumi.Output[str] = binding.metadata.namespace
    return bound


def limit(namespace: pulumi.Input[str], quota: PreviewQuota, child: Children) -> pulumi.Output[str]:
    """Create the quota of a preview; return the namespace once the quota applies.

    The namespace takes it along: the account for previews cannot delete it.
    """
    created = ResourceQuota(
        child.name("quota"),
        metadata=ObjectMetaArgs(name=QUOTA, namespace=namespace, labels=names.labels(COMPONENT)),
        spec=ResourceQuotaSpecArgs(hard=quota.hard()),
        opts=child.options(pulumi.ResourceOptions(retain_on_delete=True)),
    )
    limited: pulumi.Output[str] = created.metadata.namespace
    return limited


def _subject(namespace: pulumi.Input[str]) -> SubjectArgs:
    return SubjectArgs(kind="ServiceAccount", name=ACCOUNT, namespace=namespace)


def deployer_kubeconfig(parts: dict[str, Any]) -> str:
    """Return a kubeconfig with the server of the cluster and the token of the account; empty where a preview knows none."""
    token = base64.b64decode((parts["data"] or {}).get("token") or "").decode()
    if not token:
        if pulumi.runtime.is_dry_run():
            return ""
        raise ClusterError(NO_TOKEN)
    source = single_context(parts["kubeconfig"], parts["context"], Path.cwd()).document
    (cluster,) = source["clusters"]
    text: str = yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": CONTEXT, "cluster": cluster["cluster"]}],
            "users": [{"name": ACCOUNT, "user": {"token": token}}],
            "contexts": [{"name": CONTEXT, "context": {"cluster": CONTEXT, "user": ACCOUNT}}],
            "current-context": CONTEXT,
        },
        sort_keys=False,
    )
    return text
