"""Ten previews side by side in one cluster: each has its own, none sees another's, and all of it goes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from kubernetes.client.exceptions import ApiException

from tests.harness.eventually import eventually, steadily
from tests.harness.footprint import MEGABYTE
from tests.harness.node import Node
from tests.harness.notifications import notification
from tests.harness.preview_command import PreviewCommand
from tests.stack.suite import Operator, Suite
from tests.stack.test_permissions import RESOURCES, VERBS, may

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.harness.cluster import Cluster
    from tests.harness.place import EphemeralStack

pytestmark = [pytest.mark.long, pytest.mark.alone, pytest.mark.needs_pod, pytest.mark.timeout(600)]

TEN = 10
UP_SECONDS, DOWN_SECONDS = 45, 20
ATTEMPTS = "kubernaut_notification_delivery_attempts_total"
CHANNELS = ("console", "log")
ELSEWHERE = [
    resource for resource in RESOURCES if resource[1] not in {"customresourcedefinitions", "clusterroles"}
]
"""What a namespace may hold, and the namespaces themselves."""


@pytest.fixture(scope="module")
def command(stack: EphemeralStack) -> PreviewCommand:
    return PreviewCommand(stack)


@pytest.fixture(scope="module")
def ten(command: PreviewCommand) -> Iterator[list[int]]:
    numbers = command.numbers(TEN)
    try:
        command.all_up(numbers)
        yield numbers
    finally:
        command.all_down(numbers)
        assert command.left(numbers) == []


@pytest.fixture
def previews(served: Suite, ten: list[int]) -> list[Suite]:
    """Each preview as the other tests see an operator."""
    return [_seen_from(served, f"pr-{number}") for number in ten]


def _seen_from(served: Suite, name: str) -> Suite:
    operator = Operator(cluster=served.cluster, node=Node(served.operator.node.container), namespace=name)
    return replace(served, operator=operator, namespace=name)


def test_a_preview_delivers_within_45_seconds_and_goes_within_20_leaving_nothing(
    command: PreviewCommand, cluster: Cluster
) -> None:
    (number,) = command.numbers(1, begin=TEN)
    up = command.up(number)
    assert "its smoke notification was Sent" in command.up(number).text, "a push renews it"
    down = command.down(number)
    assert "its smoke notification was Sent" in up.text
    assert up.seconds <= UP_SECONDS
    assert down.seconds <= DOWN_SECONDS
    assert command.left([number]) == []
    with pytest.raises(ApiException, match="Not Found"):
        cluster.core.read_namespace(f"pr-{number}")


def test_all_ten_are_listed_as_ready_each_with_owner_age_and_time_left(
    command: PreviewCommand, ten: list[int]
) -> None:
    seen = command.seen()
    assert {number: seen[number].health for number in ten} == dict.fromkeys(ten, "ready")
    assert all(seen[number].preview.owner for number in ten)
    assert all(seen[number].preview.expires > seen[number].preview.created for number in ten)


def test_each_delivers_its_own_by_its_own_rules_and_counts_nothing_of_another(previews: list[Suite]) -> None:
    for number, preview in enumerate(previews):
        _deliver_by_own_rules(preview, CHANNELS[number % 2], count=number + 1)
    counted = [_attempts(preview) for preview in previews]
    # Whatever an operator delivers elsewhere, or is told by another's rules, would move these.
    steadily(lambda: [_attempts(preview) for preview in previews], lambda seen: seen == counted, during=3)
    for preview in previews:
        told = {
            record["notification"].partition("/")[0]
            for record in preview.records()
            if "notification" in record
        }
        assert told == {preview.namespace}


def test_no_operator_may_do_anything_in_another_s_namespace(previews: list[Suite]) -> None:
    for preview in previews:
        for other in previews:
            if other is not preview:
                allowed = [
                    (verb, resource)
                    for resource in ELSEWHERE
                    for verb in VERBS
                    if may(preview, verb, *resource, namespace=other.namespace)
                ]
                assert allowed == [], f"{preview.namespace} in {other.namespace}"


def test_each_operator_takes_no_more_than_90_megabytes(previews: list[Suite]) -> None:
    taken = {preview.namespace: preview.metric("process_resident_memory_bytes") for preview in previews}
    assert {name: size for name, size in taken.items() if size > 90 * MEGABYTE} == {}


def _deliver_by_own_rules(preview: Suite, channel: str, *, count: int) -> None:
    rules = {"route": {"receiver": "own"}, "receivers": [{"name": "own", "channels": [{channel: {}}]}]}
    before = _attempts(preview)
    with preview.routing(rules):
        for _ in range(count):
            obj = preview.deliver(notification(preview.namespace, channels=None), "Sent")
            (attempt,) = obj["status"]["deliveryAttempts"]
            assert attempt["channel"] == channel
    wanted = before | {channel: before[channel] + count}
    eventually(lambda: _attempts(preview), lambda seen: seen == wanted, within=10)


def _attempts(preview: Suite) -> dict[str, float]:
    return {channel: preview.metric(ATTEMPTS, channel=channel) for channel in CHANNELS}
