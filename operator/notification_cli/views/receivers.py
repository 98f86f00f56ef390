"""A NotificationReceiver for people: what it is, whether it can be used, and by whom. Pure.

Receivers of any version can be shown: nothing that is missing is an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from notification_cli.views.text import clean, duration
from notification_contract import names
from notification_contract.durations import NEVER
from notification_contract.kinds.choices import ConditionStatus, ReceiverTestOutcome
from notification_contract.kinds.receiver import FALLBACK_AFTER, with_defaults
from notification_domain.conditions import Condition
from notification_domain.json_values import integer, mapping, moment, text
from notification_domain.receivers.catalog import ReceiverKey
from notification_domain.receivers.status import ReceiverStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from notification_domain.receivers.status import CircuitStatus

READY, RESOLVED_REFS, HEALTHY = "Ready", "ResolvedRefs", "Healthy"
UNREPORTED: Final = Condition(type="", status=ConditionStatus.UNKNOWN, reason="", message="")
"""What stands for a condition that no operator has written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverView:
    """One receiver; `spec` is as the API server holds it."""

    key: ReceiverKey
    type: str
    description: str
    is_default: bool
    generation: int
    requested_test: str
    """The value of the annotation that asks for a test message; empty without one."""
    spec: Mapping[str, Any]
    status: ReceiverStatus

    @property
    def ready(self) -> Condition:
        return self.status.condition(READY) or UNREPORTED

    @property
    def resolved_refs(self) -> Condition:
        return self.status.condition(RESOLVED_REFS) or UNREPORTED

    @property
    def healthy(self) -> Condition:
        return self.status.condition(HEALTHY) or UNREPORTED

    @property
    def passed_test(self) -> bool:
        """Whether it is ready and has accepted a test message since its latest attempt: a test does not change Healthy."""
        test, attempted = self.status.last_test, self.status.observed.last_attempt
        if test is None or test.outcome is not ReceiverTestOutcome.SUCCEEDED:
            return False
        requested = moment(test.requested_at)
        later = requested is not None and (attempted is None or requested > attempted)
        return later and self.ready.status is ConditionStatus.TRUE

    @property
    def reported(self) -> bool:
        """Whether the operator has reported about the present spec and its Secrets."""
        conditions = (self.ready, self.resolved_refs)
        return all((each.observed_generation or 0) >= self.generation for each in conditions)

    @property
    def suspended(self) -> bool:
        return self.spec.get("suspend") is True

    @property
    def problem(self) -> str:
        """Why nothing is delivered, by the first condition that says so; empty if none does."""
        for condition in (self.ready, self.resolved_refs, self.healthy):
            if condition.status is ConditionStatus.FALSE:
                return condition.message or condition.reason
        return ""

    @property
    def users(self) -> str:
        """Whose notifications may use it, in words."""
        allowed = mapping(self.spec.get("allowedNamespaces"))
        match text(allowed.get("from")):
            case "All":
                return "all namespaces"
            case "Selector":
                labels = mapping(mapping(allowed.get("selector")).get("matchLabels"))
                wanted = ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))
                return f"namespaces with the labels {clean(wanted)}"
        return f"namespace {self.key.namespace} only"

    @property
    def fallback(self) -> str:
        """Which receiver gets what this one does not, in words; empty for none."""
        fallback = mapping(self.spec.get("fallback"))
        name, after = text(fallback.get("name")), text(fallback.get("after")) or FALLBACK_AFTER
        when = "once this one has failed" if after == NEVER else f"after {after}"
        also = ", while this one is attempted further" if fallback.get("also") is True else ""
        return clean(f"{name} {when}{also}") if name else ""

    @property
    def limits(self) -> Iterator[str]:
        """Yield what the receiver demands of messages, in words."""
        rate, retry = mapping(self.spec.get("rateLimit")), mapping(self.spec.get("retryPolicy"))
        if rate:
            overflow = "suppressed" if rate.get("overflow") == "Suppress" else "delayed"
            yield f"{rate.get('count')} messages in {rate.get('period')}; what exceeds it is {overflow}"
        if retry.get("maxAttempts"):
            yield f"at most {retry['maxAttempts']} attempts"
        if priorities := self.spec.get("priorities"):
            yield f"priorities {', '.join(map(str, priorities))} only"
        if self.spec.get("onReceiverError") == "Hold":
            yield "messages wait while it accepts none"


def receiver_view(obj: Mapping[str, Any]) -> ReceiverView:
    meta, spec = mapping(obj.get("metadata")), mapping(obj.get("spec"))
    annotations = mapping(meta.get("annotations"))
    return ReceiverView(
        key=ReceiverKey(text(meta.get("namespace")), text(meta.get("name"))),
        type=text(spec.get("type")),
        description=text(spec.get("description")),
        is_default=annotations.get(names.DEFAULT_RECEIVER_ANNOTATION) == "true",
        generation=integer(meta.get("generation")) or 0,
        requested_test=text(annotations.get(names.TEST_ANNOTATION)),
        spec=with_defaults(spec),
        status=ReceiverStatus.parse(obj),
    )


def in_words(condition: Condition) -> str:
    """Return a condition in a few words, such as `True` or `False (CircuitOpen)`."""
    if not condition.type:
        return "-"
    plain = condition.status is ConditionStatus.TRUE or not condition.reason
    return condition.status.value if plain else f"{condition.status.value} ({clean(condition.reason)})"


def circuit_in_words(circuit: CircuitStatus | None, now: datetime) -> str:
    """Return the state of a circuit breaker and the time of its probe; empty for none."""
    if circuit is None:
        return ""
    left = (circuit.until - now).total_seconds() if circuit.until else 0.0
    return f"{circuit.state.value}, probe in {duration(left)}" if left > 0 else circuit.state.value
