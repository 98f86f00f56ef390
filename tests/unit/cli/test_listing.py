"""Lists and figures against an API server in memory: order, titles, and the formats of kubectl."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from notification_domain.json_values import format_time
from tests.unit.cli.api_server import ApiServer
from tests.unit.cli.samples import sick_receiver
from tests.unit.operator.domain.builders import START, stored

if TYPE_CHECKING:
    from tests.unit.cli.api_server import CommandLine


def order(
    name: str, minutes: int, phase: str = "Failed", *, namespace: str = "shop", **spec: Any
) -> dict[str, Any]:
    created = format_time(START + timedelta(minutes=minutes))
    return stored(
        spec={"subject": f"About {name}", **spec},
        metadata={"name": name, "namespace": namespace, "uid": name, "creationTimestamp": created},
        status={"phase": phase, "reason": "AllDeliveriesFailed"},
    )


@pytest.fixture
def server() -> ApiServer:
    server = ApiServer()
    for obj in (
        order("a", 5, dedupKey="checkout"),
        order("b", 1),
        order("c", 3, "Pending"),
        order("d", 2, namespace="bank"),
    ):
        server.add("notificationrequests", obj)
    server.add("notificationreceivers", sick_receiver())
    return server


BY_AGE = ("--sort-by", ".metadata.creationTimestamp")


async def test_sorted_list_has_the_order_of_the_field_in_every_format(notif: CommandLine) -> None:
    whole = json.loads((await notif("ls", "-A", *BY_AGE, "-o", "json"))[1])
    assert [each["metadata"]["name"] for each in whole["items"]] == ["b", "d", "c", "a"]
    named = (await notif("ls", *BY_AGE, "--limit", "2", "-o", "name"))[1].split()
    assert [each.rpartition("/")[2] for each in named] == ["b", "c"]
    rows = (await notif("ls", *BY_AGE))[1].splitlines()
    assert [row.split()[0] for row in rows] == ["NAME", "b", "c", "a"]


async def test_wide_list_has_reason_next_attempt_and_incident(notif: CommandLine) -> None:
    title, first, *_ = (await notif("ls", "-o", "wide"))[1].splitlines()
    assert title.split() == [
        *("NAME", "TYPE", "PRIORITY", "PHASE", "ATTEMPTS", "AGE", "REASON", "NEXT", "INCIDENT", "SUBJECT")
    ]
    assert ("AllDeliveriesFailed" in first, "checkout" in first) == (True, True)
    assert "REASON" not in (await notif("ls"))[1]


async def test_list_of_what_waits_has_what_is_due_and_not_delivered(
    server: ApiServer, notif: CommandLine
) -> None:
    later, due = format_time(datetime.now(UTC) + timedelta(hours=1)), format_time(START)
    running = order("running", 7, "Sending")
    running["status"]["targets"] = [{"name": "slack/checkout", "state": "Delivering", "attempts": 1}]
    for obj in (
        running,
        order("due", 8, "Pending", notBefore=due),
        order("scheduled", 9, "Pending", notBefore=later),
    ):
        server.add("notificationrequests", obj)
    rows = [row.split() for row in (await notif("ls", "--waiting", *BY_AGE))[1].splitlines()]
    assert [(row[0], row[3], row[6]) for row in rows[1:]] == [
        ("c", "Pending", "-"),
        ("running", "Sending", "Delivering"),
        ("due", "Pending", "-"),
    ]
    selector = server.requests[-1].query["fieldSelector"]
    assert not [phase for phase in ("Pending", "Sending", "Retrying") if f"!={phase}" in selector]


async def test_list_says_which_notification_only_the_log_has(server: ApiServer, notif: CommandLine) -> None:
    logged = order("logged", 7, "Sent")
    logged["status"]["reason"] = "OnlyLogged"
    server.add("notificationrequests", logged)
    rows = (await notif("ls"))[1].splitlines()
    assert [row.split()[0] for row in rows if "Sent (OnlyLogged)" in row] == ["logged"]


async def test_list_without_titles_has_its_rows_alone(notif: CommandLine) -> None:
    for command in (("ls",), ("receivers",), ("top",)):
        with_titles = (await notif(*command))[1].splitlines()
        assert len((await notif(*command, "--no-headers"))[1].splitlines()) == len(with_titles) - 1


async def test_receivers_have_the_formats_of_kubectl(notif: CommandLine) -> None:
    receiver = json.loads((await notif("receivers", "checkout", "-o", "json"))[1])
    assert receiver["kind"] == "NotificationReceiver"
    assert "mail after 15m" in (await notif("receivers", "-o", "wide", *BY_AGE))[1]


async def test_receiver_of_another_namespace_is_named_with_its_place(
    server: ApiServer, notif: CommandLine
) -> None:
    told = "notif: there is no receiver checkout in namespace bank"
    for command in ("receivers", "test", "suspend"):
        assert await notif(command, "checkout", "-n", "bank") == (
            1,
            "",
            f"{told}; namespace shop has one: add -n shop\n",
        )
    server.denied.add("v1alpha1/notificationreceivers")
    assert (await notif("test", "checkout", "-n", "bank"))[2] == f"{told}\n"


async def test_figures_are_those_of_a_namespace_or_of_all(notif: CommandLine) -> None:
    async def figures(*options: str) -> list[tuple[str, int, int]]:
        found = json.loads((await notif("top", "-o", "json", *options))[1])["namespaces"]
        return [(each["namespace"], each["open"], each["phases"]["Failed"]) for each in found]

    assert await figures() == [("shop", 1, 2)]
    assert await figures("-A", "--sort-by", ".open") == [("bank", 0, 1), ("shop", 1, 2)]
    assert (await notif("top", "-n", "empty"))[2] == "notif: no notifications found in namespace empty\n"
