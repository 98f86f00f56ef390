"""The kinds of the API: their models, names and printer columns, from which the CRDs are generated. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from notification_contract import bounds, names
from notification_contract.kinds.notification import NotificationSpec, NotificationStatus
from notification_contract.kinds.receiver import ReceiverSpec
from notification_contract.kinds.receiver_status import ReceiverStatus
from notification_contract.kinds.rules import ApiRule
from notification_contract.sources.source import SourceSpec
from notification_contract.sources.status import SourceStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from notification_contract.kinds.block import Block


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of `kubectl get`."""

    name: str
    path: str
    type: str = "string"
    wide: bool = False
    """Whether only `kubectl get -o wide` shows it: the others fit into a terminal of 120 columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of the API."""

    name: str
    plural: str
    short_names: tuple[str, ...]
    description: str
    spec: type[Block]
    status: type[Block]
    columns: tuple[Column, ...]
    selectable: tuple[str, ...] = ()
    """Fields by which a listing or a watch can select; each is a text."""
    status_keywords: Mapping[str, object]
    """What the schema of the status has in addition to its model's."""
    rules: tuple[ApiRule, ...] = ()
    """Conditions over the whole object."""
    version: str = names.VERSION


AGE: Final = Column(name="Age", path=".metadata.creationTimestamp", type="date")

NOTIFICATION_REQUEST: Final = Kind(
    name=names.KIND,
    plural=names.PLURAL,
    short_names=names.SHORT_NAMES,
    description="A NotificationRequest is a message to deliver, and the record of its delivery.",
    spec=NotificationSpec,
    status=NotificationStatus,
    columns=(
        Column(name="Type", path=".spec.type"),
        Column(name="Priority", path=".spec.priority"),
        Column(name="Phase", path=".status.phase"),
        Column(name="Reason", path=".status.reason"),
        Column(name="Attempts", path=".status.totalAttempts", type="integer"),
        # As text: kubectl shows dates as ages, and one in the future as <invalid>.
        Column(name="Next", path=".status.nextAttemptAt", wide=True),
        AGE,
        Column(name=names.INCIDENT_COLUMN, path=".spec.dedupKey", wide=True),
    ),
    # The operator excludes final notifications from its watch with `status.phase!=Sent,...` (DD-WATCH-001).
    # The events of an incident are found by `spec.dedupKey`, its Resolves also by `spec.event`.
    selectable=(".status.phase", ".spec.dedupKey", ".spec.event", ".spec.type", ".spec.priority"),
    # A new object is Pending without a write. Fields of other writers are kept, in a bounded number (DD-CRD-002).
    status_keywords={"default": {}, "maxProperties": 64},
)

NOTIFICATION_RECEIVER: Final = Kind(
    name=names.RECEIVER_KIND,
    plural=names.RECEIVER_PLURAL,
    short_names=names.RECEIVER_SHORT_NAMES,
    description="A NotificationReceiver is a place to deliver notifications to, and the record of its health.",
    spec=ReceiverSpec,
    status=ReceiverStatus,
    columns=(
        Column(name="Type", path=".spec.type"),
        Column(name="Ready", path='.status.conditions[?(@.type=="Ready")].status'),
        Column(name="Healthy", path='.status.conditions[?(@.type=="Healthy")].status'),
        Column(name="Waiting", path=".status.waiting", type="integer"),
        Column(name="Last-Success", path=".status.lastSuccessTime", type="date"),
        AGE,
    ),
    status_keywords={},
    rules=(
        ApiRule(
            cel=f"size(self.metadata.name) <= {bounds.RECEIVER_NAME}",
            message=f"metadata.name has more than {bounds.RECEIVER_NAME} characters; use a shorter name",
        ),
        ApiRule(
            cel="!has(self.spec.fallback) || self.spec.fallback.name != self.metadata.name",
            message="spec.fallback.name names this receiver itself; name another one",
        ),
    ),
)

NOTIFICATION_SOURCE: Final = Kind(
    name=names.SOURCE_KIND,
    plural=names.SOURCE_PLURAL,
    short_names=names.SOURCE_SHORT_NAMES,
    description="A NotificationSource lets a system outside of Kubernetes send messages to the gateway, and counts them in its status.",
    spec=SourceSpec,
    status=SourceStatus,
    columns=(
        Column(name="Type", path=".spec.type"),
        Column(name="Ready", path='.status.conditions[?(@.type=="Ready")].status'),
        Column(name="Reason", path='.status.conditions[?(@.type=="Ready")].reason'),
        Column(name="Created", path=".status.created", type="integer"),
        Column(name="Last-Received", path=".status.lastReceivedTime", type="date"),
        AGE,
    ),
    status_keywords={},
    rules=(
        ApiRule(
            cel=f"size(self.metadata.name) <= {bounds.SOURCE_NAME}",
            message=f"metadata.name has more than {bounds.SOURCE_NAME} characters; use a shorter name",
        ),
    ),
)

KINDS: Final = (NOTIFICATION_REQUEST, NOTIFICATION_RECEIVER, NOTIFICATION_SOURCE)
