"""Whatever specs admission accepts, however extreme their durations, numbers and times: no decision raises."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from notification_contract.durations import UNITS
from notification_contract.kinds.receiver import ReceiverSpecError, parse_spec
from notification_domain.flow_control.breaker import Limits
from notification_domain.flow_control.rate import Rate
from notification_domain.folding.fold import fold, next_attempt
from notification_domain.json_values import LATEST_TIME, format_time
from notification_domain.model import parse
from notification_domain.planning.fallback import follow
from notification_domain.planning.plan import plan
from notification_domain.receivers.catalog import Receiver, ReceiverKey
from notification_domain.retention import due_at
from notification_domain.routing import resolve
from notification_domain.situation import Situation
from notification_operator.endpoints.gate import Pace
from notification_operator.endpoints.limits import FlowControl
from tests.cases import cases
from tests.unit.operator.contract.kinds.specs import spec
from tests.unit.operator.domain.builders import START, at, stored
from tests.unit.operator.domain.receivers.entries import resolver

if TYPE_CHECKING:
    from datetime import datetime

numbers = st.sampled_from([0, 1, 30, 31, 720, 721, 2_592_000, 10**9, 10**13, 10**29]) | st.integers(0, 10**20)
durations = st.sampled_from(["0s", "1ms", "120s", "2m", "720h", "30d", "29d24h", "2592000000ms"]) | st.lists(
    st.tuples(numbers, st.sampled_from(sorted(UNITS))).map(lambda part: f"{part[0]}{part[1]}"),
    min_size=1,
    max_size=2,
).map("".join)
"""Whatever the grammar of durations admits, and often what is also within the bounds."""
times = st.sampled_from(
    [
        "0001-01-01T00:00:00+14:00",
        "1970-01-01T00:00:00Z",
        format_time(START),
        "2026-03-31T12:00:00.5+02:00",
        "9000-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999Z",
        "9999-12-31T23:59:59-12:00",
    ]
)
moments = st.sampled_from([START, at(31), at(3_000_000), LATEST_TIME - timedelta(days=1), LATEST_TIME])


@st.composite
def receivers(draw: st.DrawFn) -> list[Receiver]:
    """Return two receivers, each the fallback of the other, with extreme values of everything that has any."""
    entries = []
    for name, other in (("a", "b"), ("b", "a")):
        fields = spec("webhook") | {
            "fallback": {"name": other} | draw(st.fixed_dictionaries({}, optional={"after": durations}))
        }
        extreme = draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "timeout": durations,
                    "rateLimit": st.fixed_dictionaries(
                        {
                            "count": st.sampled_from([1, 2, 100_000]),
                            "period": durations,
                            "overflow": st.sampled_from(["Defer", "Suppress"]),
                        }
                    ),
                    "retryPolicy": st.fixed_dictionaries({"maxAttempts": st.sampled_from([1, 10])}),
                },
            )
        )
        try:
            parsed = parse_spec(fields | extreme)
        except ReceiverSpecError:
            parsed = parse_spec(spec("webhook"))
        entries.append(Receiver(key=ReceiverKey("shop", name), uid=name, generation=1, spec=parsed))
    return entries


@st.composite
def objects(draw: st.DrawFn) -> dict[str, Any]:
    """Return a notification for both receivers, with attempts at extreme times."""
    policy = {
        "maxAttempts": draw(st.sampled_from([1, 2, 10])),
        "initialBackoffSeconds": draw(st.sampled_from([1, 300])),
        "backoffMultiplier": draw(st.sampled_from([1, 10])),
        "maxBackoffSeconds": draw(st.sampled_from([60, 3600])),
    }
    fields = {"receiverRefs": [{"name": "a"}], "retryPolicy": policy, "retentionDays": 90}
    fields |= draw(st.fixed_dictionaries({}, optional={"notBefore": times, "deliverBefore": times}))
    attempts = [
        {
            "channel": f"webhook/{draw(st.sampled_from(['a', 'b']))}",
            "attempt": number,
            "timestamp": draw(times),
            "status": draw(st.sampled_from(["failed", "failed", "success"])),
            "durationSeconds": draw(st.sampled_from([0, 86_400])),
            "retryAfterSeconds": draw(st.sampled_from([0, 31_536_000])),
        }
        for number in range(1, draw(st.integers(0, 3)) + 1)
    ]
    status = {"phase": draw(st.sampled_from(["Pending", "Sending"])), "deliveryAttempts": attempts}
    status |= draw(st.fixed_dictionaries({}, optional={"nextAttemptTime": times, "completionTime": times}))
    return stored(spec=fields, status=status)


@settings(max_examples=cases(600))
@given(receivers=receivers(), obj=objects(), now=moments)
def test_every_decision_about_an_accepted_object_returns(
    receivers: list[Receiver], obj: dict[str, Any], now: datetime
) -> None:
    notification = parse(obj)
    route = resolve(notification, resolver=resolver(*receivers))
    running = frozenset(
        send.channel
        for send in plan(*follow(Situation(now=now, notification=notification, route=route))).sends
    )
    follow(Situation(now=now, notification=notification, route=route))
    for in_flight in (frozenset[str](), running):
        status = fold(
            Situation(now=now, notification=notification, route=route, running=in_flight), queued_at=START
        )
        after = replace(notification, status=status)
        next_attempt(Situation(now=now, notification=after, route=route, running=in_flight))
        due_at(obj | {"status": status.dump()}, failed_days=36_500)


@settings(max_examples=cases(200))
@given(receivers=receivers(), now=moments, waiting=st.integers(1, 300))
def test_every_wait_for_a_rate_limit_has_a_time(
    receivers: list[Receiver], now: datetime, waiting: int
) -> None:
    control = FlowControl(Limits(), concurrency=8, clock=lambda: now, seconds=lambda: 1000.0)
    for receiver in receivers:
        limit = receiver.spec.rate_limit
        if limit is None:
            continue
        rate = Rate(per_second=limit.per_second, burst=limit.count)
        pace = Pace(f"webhook/{receiver.key}", control)
        for number in range(waiting):
            hold = pace.check(rate, notification=f"uid-{number}", namespace="shop", rank=0)
            assert hold is None or now <= hold.until <= LATEST_TIME
            if hold is None:
                pace.consume(f"uid-{number}", "shop", 400)
