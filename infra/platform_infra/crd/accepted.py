"""Incompatible changes of the definition that a decision accepts, so that they need no crdAllowIncompatible. Pure.

Each is the first bound of a field that had none (DD-CRD-002). An object that was stored before stays as it is: from
Kubernetes 1.30 the API server checks only the values that a request changes. The table of bounds does not grow: a new field
has its bounds from the beginning. A rule is accepted, too, if it concerns only fields or values that no older definition
has: it rejects no object of an older one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SPEC: Final[Mapping[str, str]] = {
    "body": "maxLength 262144",
    "channels": "maxItems 64",
    "recipients": "maxItems 64",
    "recipients[].email": "maxLength 320",
    "recipients[].slack": "maxLength 256",
    "recipients[].teams": "maxLength 256",
    "recipients[].phone": "maxLength 64",
    "recipients[].webhookURL": "maxLength 2048",
    "metadata": "maxProperties 64",
    "metadata.*": "maxLength 4096",
    "actionLinks": "maxItems 32",
    "actionLinks[].service": "maxLength 256",
    "actionLinks[].url": "maxLength 4096",
    "actionLinks[].label": "maxLength 512",
    "remediationRequestRef.apiVersion": "maxLength 317",
    "remediationRequestRef.kind": "maxLength 253",
    "remediationRequestRef.namespace": "maxLength 253",
    "remediationRequestRef.name": "maxLength 253",
    "remediationRequestRef.uid": "maxLength 128",
    "remediationRequestRef.resourceVersion": "maxLength 128",
    "remediationRequestRef.fieldPath": "maxLength 1024",
}
STATUS: Final[Mapping[str, str]] = {
    "reason": "maxLength 1024",
    "message": "maxLength 32768",
    "observedGeneration": "minimum 0",
    "conditions": "maxItems 64",
    "conditions[].lastTransitionTime": "maxLength 64",
    "resolvedChannels": "maxItems 20",
    "resolvedChannels[]": "maxLength 253",
    "deliveryAttempts": "maxItems 1024",
    "deliveryAttempts[].channel": "maxLength 253",
    "deliveryAttempts[].attempt": "maximum 2147483647",
    "deliveryAttempts[].timestamp": "maxLength 64",
    "deliveryAttempts[].error": "maxLength 4096",
    "deliveryAttempts[].retryAfterSeconds": "maximum 31536000",
    "deliveryAttempts[].durationSeconds": "maximum 86400",
    "totalAttempts": "maximum 2147483647",
    "successfulDeliveries": "maximum 2147483647",
    "failedDeliveries": "maximum 2147483647",
    "queuedAt": "maxLength 64",
    "processingStartedAt": "maxLength 64",
    "completionTime": "maxLength 64",
    "nextAttemptAt": "maxLength 64",
}
RULES: Final[Mapping[str, tuple[str, ...]]] = {
    "spec": (
        (
            "!has(self.receiverRefs) || !has(self.channels) || size(self.receiverRefs) == 0 "
            "|| size(self.channels) + size(self.receiverRefs) <= 20"
        ),
        "!has(self.notBefore) || !has(self.deliverBefore) || self.deliverBefore > self.notBefore",
    ),
    "spec.metadata": ("self.all(name, size(name) <= 253)",),
    "spec.retryPolicy": ("self.initialBackoffSeconds <= self.maxBackoffSeconds",),
    "status": (
        (
            "!(oldSelf.?phase.orValue('') in ['Sent', 'PartiallySent', 'Failed', 'Suppressed']) "
            "|| self.?phase.orValue('') == oldSelf.phase"
        ),
    ),
}
ACCEPTED: Final = frozenset(
    {
        *(f"v1alpha1.spec.{field}: {bound} was added" for field, bound in SPEC.items()),
        *(f"v1alpha1.status.{field}: {bound} was added" for field, bound in STATUS.items()),
        *(
            f"v1alpha1.{field}: the rule `{rule}` was added"
            for field, rules in RULES.items()
            for rule in rules
        ),
        "v1alpha1.status: maxProperties 64 was added",
    }
)
"""As `compatibility.problems` reports them."""


def unaccepted(problems: Iterable[str]) -> list[str]:
    """Return the incompatible changes that no decision accepts."""
    return [problem for problem in problems if problem not in ACCEPTED]
