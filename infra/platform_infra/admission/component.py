"""The component of the admission policies, their bindings, and the ConfigMap with the limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi_kubernetes.admissionregistration.v1 import (
    MatchConditionArgs,
    MatchResourcesArgs,
    NamedRuleWithOperationsArgs,
    ParamKindArgs,
    ParamRefArgs,
    ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding,
    ValidatingAdmissionPolicyBindingSpecArgs,
    ValidatingAdmissionPolicySpecArgs,
    ValidationArgs,
    VariableArgs,
)
from pulumi_kubernetes.core.v1 import ConfigMap
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from platform_infra import names
from platform_infra.admission.policies import POLICIES
from platform_infra.children import Children

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_infra.admission.policy import Policy

COMPONENT = "admission"
CONFIG_MAP = "notification-admission"


class RequestAdmission(pulumi.ComponentResource):
    """The policies for notifications, receivers and the status of all kinds (DD-ADMISSION-001); a cluster has them once, with the CRDs."""

    def __init__(
        self,
        name: str,
        *,
        parameters: Mapping[str, str],
        namespace: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("notification-platform:index:RequestAdmission", name, None, opts)
        self._child = Children(self, name)
        limits = ConfigMap(
            self._child.name("limits"),
            metadata=ObjectMetaArgs(name=CONFIG_MAP, namespace=namespace, labels=names.labels(COMPONENT)),
            data=parameters,
            opts=self._child.options(),
        )
        for policy in POLICIES:
            self._policy(policy, limits)
        self.register_outputs({})

    def _policy(self, policy: Policy, limits: ConfigMap) -> None:
        metadata = ObjectMetaArgs(name=policy.name, labels=names.labels(COMPONENT))
        # A new policy may read a limit that the former ConfigMap lacks.
        options = self._child.options(pulumi.ResourceOptions(depends_on=[limits]))
        created = ValidatingAdmissionPolicy(
            self._child.name(policy.name), metadata=metadata, spec=_spec(policy), opts=options
        )
        reference = ParamRefArgs(
            name=limits.metadata.name,
            namespace=limits.metadata.namespace,
            # Without the ConfigMap the bounds of the CRD still apply; notifications need not stop.
            parameter_not_found_action="Allow",
        )
        ValidatingAdmissionPolicyBinding(
            self._child.name(policy.name),
            metadata=metadata,
            spec=ValidatingAdmissionPolicyBindingSpecArgs(
                policy_name=created.metadata.name,
                param_ref=reference if policy.has_limits else None,
                validation_actions=list(policy.actions),
            ),
            opts=self._child.options(replaced_actions()),
        )


def replaced_actions() -> pulumi.ResourceOptions:
    """Return the option that replaces a binding whose actions somebody has changed.

    The API server merges this list with that of the other client, so that an update could not remove an action.
    """
    return pulumi.ResourceOptions(replace_on_changes=["spec.validationActions"], delete_before_replace=True)


def matching(
    *rules: NamedRuleWithOperationsArgs, namespaces: LabelSelectorArgs | None = None
) -> MatchResourcesArgs:
    """Return what a policy or a binding matches, with the defaults of the API server.

    The API server owns the structure as a whole: without its defaults, a creation that is repeated after a killed run would conflict
    with the first one.
    """
    return MatchResourcesArgs(
        resource_rules=list(rules) or None,
        match_policy="Equivalent",
        namespace_selector=namespaces or LabelSelectorArgs(),
        object_selector=LabelSelectorArgs(),
    )


def _spec(policy: Policy) -> ValidatingAdmissionPolicySpecArgs:
    rule = NamedRuleWithOperationsArgs(
        api_groups=[names.GROUP],
        api_versions=[names.VERSION],
        operations=list(policy.operations),
        resources=[policy.resource],
        scope="*",
    )
    return ValidatingAdmissionPolicySpecArgs(
        failure_policy="Fail",
        param_kind=ParamKindArgs(api_version="v1", kind="ConfigMap") if policy.has_limits else None,
        match_constraints=matching(rule),
        match_conditions=[
            MatchConditionArgs(name=name, expression=expression)
            for name, expression in policy.conditions.items()
        ],
        variables=[
            VariableArgs(name=name, expression=expression) for name, expression in policy.variables.items()
        ],
        validations=[
            ValidationArgs(
                expression=check.expression, message_expression=check.message, reason=policy.reason
            )
            for check in policy.checks
        ],
    )
