"""Ten previews in one cluster: isolated from each other, and removed completely."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from kubernetes.client.exceptions import ApiException

from tests.harness.eventually import eventually, steadily
from tests.harness.footprint import MEGABYTE
from tests.harness.node import Node
from tests.harness.notifications import notification
from tests.harness.operator_under_test import OperatorDeployment, OperatorUnderTest
from tests.harness.preview_command import PreviewCommand
from tests.stack.test_permissions import RESOURCES, rights

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
"""The kinds of objects in a namespace, and the namespaces themselves."""


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
def previews(shipped_operator: OperatorUnderTest, ten: list[int]) -> list[OperatorUnderTest]:
    """An operator fixture per preview."""
    return [_seen_from(shipped_operator, f"pr-{number}") for number in ten]


def _seen_from(shipped_operator: OperatorUnderTest, name: str) -> OperatorUnderTest:
    workload = OperatorDeployment(
        cluster=shipped_operator.cluster, node=Node(shipped_operator.workload.node.container), namespace=name
    )
    return replace(shipped_operator, workload=workload, namespace=name)


def test_preview_delivers_within_45_s_and_is_removed_within_20_s(
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


def test_previews_are_listed_ready_with_owner_age_and_time_left(
    command: PreviewCommand, ten: list[int]
) -> None:
    seen = command.seen()
    assert {number: seen[number].health for number in ten} == dict.fromkeys(ten, "ready")
    assert all(seen[number].preview.owner for number in ten)
    assert all(seen[number].preview.expires > seen[number].preview.created for number in ten)


def test_preview_delivers_and_counts_only_its_own_notifications(previews: list[OperatorUnderTest]) -> None:
    for number, preview in enumerate(previews):
        _deliver_by_own_rules(preview, CHANNELS[number % 2], count=number + 1)
    counted = [_attempts(preview) for preview in previews]
    # These would change if an operator delivered elsewhere, or used another's rules.
    steadily(lambda: [_attempts(preview) for preview in previews], lambda seen: seen == counted, during=3)
    for preview in previews:
        namespaces = {
            record["notification"].partition("/")[0]
            for record in preview.records()
            if "notification" in record
        }
        assert namespaces == {preview.namespace}


def test_preview_operator_has_no_rights_in_other_namespaces(previews: list[OperatorUnderTest]) -> None:
    for preview in previews:
        for other in previews:
            if other is not preview:
                allowed = [
                    (verb, resource)
                    for resource in ELSEWHERE
                    for verb in rights(preview).verbs(*resource, namespace=other.namespace)
                ]
                assert allowed == [], f"{preview.namespace} in {other.namespace}"


def test_preview_operator_uses_at_most_90_mb(previews: list[OperatorUnderTest]) -> None:
    taken = {preview.namespace: preview.metric("process_resident_memory_bytes") for preview in previews}
    assert {name: size for name, size in taken.items() if size > 90 * MEGABYTE} == {}


def _deliver_by_own_rules(preview: OperatorUnderTest, channel: str, *, count: int) -> None:
    rules = {"route": {"receiver": "own"}, "receivers": [{"name": "own", "channels": [{channel: {}}]}]}
    before = _attempts(preview)
    with preview.routing(rules):
        for _ in range(count):
            obj = preview.deliver(notification(preview.namespace, channels=None), "Sent")
            (attempt,) = obj["status"]["deliveryAttempts"]
            assert attempt["channel"] == channel
    wanted = before | {channel: before[channel] + count}
    eventually(lambda: _attempts(preview), lambda seen: seen == wanted, within=10)


def _attempts(preview: OperatorUnderTest) -> dict[str, float]:
    return {channel: preview.metric(ATTEMPTS, channel=channel) for channel in CHANNELS}
