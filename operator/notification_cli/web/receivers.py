"""The pages about receivers as HTML, of bounded size. Pure, but for reading the templates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from notification_cli.views.receivers import circuit_in_words, in_words, receiver_view
from notification_cli.views.text import ago, clean, moment
from notification_cli.web.hints import UNDELIVERED, Hints
from notification_cli.web.layout import NAME_CHARACTERS, RECEIVERS, SUBJECT_BYTES, Layout, fit, long, short
from notification_cli.web.source import Filter
from notification_contract.kinds.choices import ConditionStatus

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from notification_cli.views.receivers import ReceiverView
    from notification_cli.web.source import Listed
    from notification_domain.conditions import Condition
    from notification_domain.receivers.status import Observation, ReplicaStatus

KIND: Final = "receivers"
"""What the address of the changes says for receivers."""
PROBLEM_CHARACTERS: Final = 90
TYPE_CHARACTERS: Final = 16
MOST_CONDITIONS: Final = 20


class ReceiverPages:
    def __init__(self, layout: Layout, hints: Hints) -> None:
        self._layout = layout
        self._hints = hints

    def listing(self, listed: Listed, chosen: Filter, now: datetime) -> str:
        """Return the page with the receivers of a namespace, or of all."""
        return self._layout.render(
            "receivers.html.j2",
            chosen=chosen,
            here=RECEIVERS,
            title="Receivers",
            rows=[self._row(receiver_view(obj), now) for obj in listed.objects],
            filter=chosen,
            next=self._layout.receivers_url(chosen.namespace, start=listed.next) if listed.next else "",
            events=self._layout.events_url(chosen, version=listed.version, kind=KIND),
        )

    def single(self, obj: Mapping[str, Any], now: datetime) -> str:
        view = receiver_view(obj)
        key, status = view.key, view.status
        mine = Filter(receiver=f"{key.namespace}/{key.name}")
        here = Filter(namespace=key.namespace, name=key.name)
        return self._layout.render(
            "receiver.html.j2",
            chosen=Filter(),
            here=RECEIVERS,
            title=clean(key.name),
            name=clean(key),
            type=clean(view.type),
            default=view.is_default,
            description=long(clean(view.description)),
            users=long(view.users),
            fallback=short(view.fallback),
            limits=[long(clean(limit)) for limit in view.limits],
            state=_state(view),
            bad=bool(view.problem),
            suspended=view.suspended,
            problem=long(clean(view.problem)),
            health=_health(status.observed, now),
            conditions=[_condition(each, now) for each in status.conditions[:MOST_CONDITIONS]],
            test=_test(view),
            secrets=long(clean(status.secret_version)),
            replicas=[_replica(each, now) for each in status.replicas],
            sent_to=self._layout.list_url(mine, ()),
            missed=self._layout.list_url(mine, UNDELIVERED),
            command=self._hints.test(key.namespace, key.name),
            events=self._layout.events_url(
                here, version=str(obj["metadata"].get("resourceVersion") or ""), kind=KIND
            ),
        )

    def _row(self, view: ReceiverView, now: datetime) -> dict[str, Any]:
        observed = view.status.observed
        return {
            "namespace": clean(view.key.namespace),
            "name": fit(clean(view.key.name), NAME_CHARACTERS, SUBJECT_BYTES),
            "url": self._layout.receiver_url(view.key.namespace, view.key.name),
            "type": fit(clean(view.type), TYPE_CHARACTERS, SUBJECT_BYTES),
            "default": view.is_default,
            "ready": _words(view.ready),
            "healthy": "suspended" if view.suspended else _words(view.healthy),
            "unready": view.ready.status is ConditionStatus.FALSE,
            "sick": view.healthy.status is ConditionStatus.FALSE,
            "failures": observed.consecutive_failures,
            "success": ago(observed.last_success, now, never="never"),
            "problem": fit(clean(view.problem), PROBLEM_CHARACTERS, 2 * PROBLEM_CHARACTERS),
        }


def _state(view: ReceiverView) -> str:
    if view.suspended:
        return "Suspended: nothing is sent, messages wait"
    ready, healthy = _words(view.ready), _words(view.healthy)
    return f"Ready {ready}, Healthy {healthy}"


def _words(condition: Condition) -> str:
    return fit(in_words(condition), NAME_CHARACTERS, SUBJECT_BYTES)


def _health(observed: Observation, now: datetime) -> Mapping[str, str]:
    """Return the numbers of an observation, by their names."""
    return {
        "Last success": _when(observed.last_success, now),
        "Last attempt": _when(observed.last_attempt, now),
        "Failures in a row": str(observed.consecutive_failures),
        "Circuit breaker": circuit_in_words(observed.circuit, now) or "unknown",
        "Last error": long(clean(observed.last_error)) or "none",
    }


def _condition(condition: Condition, now: datetime) -> dict[str, Any]:
    return {
        "type": short(clean(condition.type)),
        "status": condition.status.value,
        "bad": condition.status is ConditionStatus.FALSE,
        "reason": short(clean(condition.reason)),
        "since": ago(condition.last_transition_time, now, never="never"),
        "message": long(clean(condition.message)),
    }


def _test(view: ReceiverView) -> str:
    """Return the last test in a sentence; empty without one."""
    test = view.status.last_test
    if view.requested_test and (test is None or test.requested_at != view.requested_test):
        return f"requested {short(clean(view.requested_test))}, not answered yet"
    if test is None:
        return ""
    return f"{test.outcome.value}, requested {short(clean(test.requested_at))}: {long(clean(test.message))}"


def _replica(replica: ReplicaStatus, now: datetime) -> dict[str, Any]:
    observed = replica.observed
    problem = clean(": ".join(filter(None, (replica.problem, observed.last_error))))
    return {
        "name": short(clean(replica.name)),
        "success": ago(observed.last_success, now, never="never"),
        "attempt": ago(observed.last_attempt, now, never="never"),
        "failures": observed.consecutive_failures,
        "circuit": circuit_in_words(observed.circuit, now) or "unknown",
        "problem": long(problem),
    }


def _when(time: datetime | None, now: datetime) -> str:
    return "never" if time is None else f"{moment(time)} UTC, {ago(time, now)}"
