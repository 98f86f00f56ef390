"""The admission policies that limit the account for previews to preview namespaces. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from platform_infra import names
from platform_infra.names import PREVIEW_ACCOUNT, PREVIEW_NAMESPACE
from platform_infra.names import PREVIEW_LABEL as LABEL
from platform_infra.preview.grants import RBAC

if TYPE_CHECKING:
    from platform_infra.settings.sections.preview import PreviewQuota

USER = f"system:serviceaccount:{PREVIEW_NAMESPACE}:{PREVIEW_ACCOUNT}"
SECURITY = "pod-security.kubernetes.io/enforce"
NOT_A_PREVIEW = f"this account manages only namespaces `pr-<number>` with the label {LABEL}=<number>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """A CEL expression that must be true, and the message if it is not."""

    expression: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPolicy:
    """A ValidatingAdmissionPolicy for the requests of the account; requests of others are not checked."""

    name: str
    group: str
    resource: str
    validations: tuple[Validation, ...]

    @property
    def condition(self) -> str:
        """The CEL expression that selects the requests of the account."""
        return f"request.userInfo.username == '{USER}'"


def _has(owner: str, label: str) -> str:
    return f"has({owner}.metadata.labels) && '{label}' in {owner}.metadata.labels"


NAMESPACES = AccountPolicy(
    name="notification-preview-namespaces",
    group="",
    resource="namespaces",
    validations=(
        Validation(
            expression=(
                f"request.operation == 'DELETE' || ({_has('object', LABEL)} && "
                "object.metadata.name.matches('^pr-[1-9][0-9]*$') && "
                f"object.metadata.name == 'pr-' + object.metadata.labels['{LABEL}'])"
            ),
            message=NOT_A_PREVIEW,
        ),
        # Otherwise the account could turn an existing namespace into a preview, or delete it.
        Validation(
            expression=f"request.operation == 'CREATE' || ({_has('oldObject', LABEL)})", message=NOT_A_PREVIEW
        ),
        Validation(
            expression=(
                f"request.operation == 'DELETE' || ({_has('object', SECURITY)} && "
                f"object.metadata.labels['{SECURITY}'] == 'restricted')"
            ),
            message=f"a preview namespace has the label {SECURITY}=restricted",
        ),
    ),
)
ROLE_BINDINGS = AccountPolicy(
    name="notification-preview-role-bindings",
    group=RBAC,
    resource="rolebindings",
    validations=(Validation(expression=_has("namespaceObject", LABEL), message=NOT_A_PREVIEW),),
)
QUOTA = "notification-preview"
"""The name of the ResourceQuota of a preview, and of the policy that requires it."""


def quotas(limits: PreviewQuota) -> AccountPolicy:
    """Return the policy for ResourceQuotas: the account creates the one of a preview, within limits, and never changes or deletes it."""
    within = " && ".join(
        f"'{name}' in object.spec.hard && quantity(object.spec.hard['{name}']).compareTo(quantity('{most}')) <= 0"
        for name, most in limits.hard().items()
    )
    allowed = ", ".join(f"{name} {most}" for name, most in limits.hard().items())
    return AccountPolicy(
        name="notification-preview-quotas",
        group="",
        resource="resourcequotas",
        validations=(
            Validation(
                expression=(
                    f"request.operation != 'DELETE' && object.metadata.name == '{QUOTA}' && has(object.spec.hard) && "
                    f"!has(object.spec.scopes) && !has(object.spec.scopeSelector) && {within}"
                ),
                message=f"the quota {QUOTA} of a preview allows at most {allowed}",
            ),
            Validation(
                expression="request.operation != 'UPDATE' || object.spec == oldObject.spec",
                message=f"the quota {QUOTA} of a preview cannot be changed; take the preview down and up again",
            ),
        ),
    )


POLICIES = (NAMESPACES, ROLE_BINDINGS)
"""The policies without limits; `quotas` is the third one."""
LIMITED = (("apps", "deployments"), (names.GROUP, names.PLURAL))
"""Objects that exist in the namespace of a preview only after its quota: what makes pods, and notifications."""
