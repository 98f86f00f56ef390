"""An admission policy, as CEL expressions. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from platform_infra import names

if TYPE_CHECKING:
    from collections.abc import Mapping

CHANNELS_ANNOTATION: Final = f"{names.GROUP}/channels"
ALLOWED_CHANNELS: Final = {
    "annotations": "has(namespaceObject.metadata.annotations) ? namespaceObject.metadata.annotations : {}",
    "listed": (
        f"'{CHANNELS_ANNOTATION}' in variables.annotations ? "
        f"variables.annotations['{CHANNELS_ANNOTATION}'] : params.data.defaultChannels"
    ),
    "allowed": "variables.listed.split(',').map(name, name.trim())",
}
"""Variables of every policy that limits the channels of a namespace; `allowed` is the list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A CEL expression that must be true, and the CEL expression of the message if it is not."""

    expression: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A ValidatingAdmissionPolicy for one resource."""

    name: str
    resource: str
    operations: tuple[str, ...]
    conditions: Mapping[str, str]
    """CEL expressions by name; the policy applies to a request for which all are true."""
    variables: Mapping[str, str]
    checks: tuple[Check, ...]
    reason: str
    """The reason in the API server's answer."""
    actions: tuple[str, ...] = ("Deny",)
    """What becomes of a request that fails a check."""
    has_limits: bool = True
    """Whether it reads the ConfigMap with the limits of the stack."""


def status_policy(name: str, plural: str, explanation: str, *, gateway: bool = False) -> Policy:
    """Return the policy that reserves the status of a kind for operators, and with `gateway` for gateways as well.

    `explanation` is the part of the message that says what the status is, and what a user can do instead.
    """
    programs = f"({names.OPERATOR}|{names.GATEWAY})" if gateway else names.OPERATOR
    account = f"system:serviceaccount:[a-z0-9-]+:{programs}"
    writers = "sourceWriters" if gateway else "operators"
    return Policy(
        name=name,
        resource=f"{plural}/status",
        operations=("UPDATE",),
        conditions={
            # An operator that serves the whole cluster has a ClusterRoleBinding, which only an administrator of the cluster
            # can create; a check without a namespace ignores Roles. Nothing in the ConfigMap can keep such an operator from
            # recording a delivery.
            "not-an-operator-of-the-cluster": (
                f"!(request.userInfo.username.matches('^{account}$') && authorizer.group('{names.GROUP}')"
                f".resource('{plural}').subresource('status').check('update').allowed())"
            ),
            # For repairs; the API server grants this group everything.
            "not-an-administrator": (
                "!has(request.userInfo.groups) || !('system:masters' in request.userInfo.groups)"
            ),
        },
        variables={},
        checks=(
            Check(
                expression=(
                    f"request.userInfo.username.matches(params.data.{writers}) || "
                    "request.userInfo.username.matches(params.data.statusWriters)"
                ),
                message=(
                    "'status cannot be written by ' + request.userInfo.username + "
                    f"', because it records {explanation}; an administrator can add the user to the setting "
                    "admissionStatusWriters'"
                ),
            ),
        ),
        reason="Forbidden",
    )
