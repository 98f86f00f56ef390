"""`notif send`, `cancel`, `suspend` and `resume` against an API server in memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from notification_contract import crds
from tests.unit.cli.samples import failed, partial, retrying, sick_receiver
from tests.unit.cli.test_command_line import run_here
from tests.unit.operator.domain.builders import stored
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.api_server import ApiServer, CommandLine

FILE = ROOT / "examples" / "simple.yaml"
EVERYTHING = (
    *(
        "-s",
        "Checkout is failing",
        "-b",
        "b",
        "--name",
        "order",
        "--type",
        "escalation",
        "--priority",
        "high",
    ),
    *("--to", "slack", "--to", "team/on-call", "--label", "a=b", "--link", "Graph=https://g.example"),
    *("--metadata", "order=4711,4712", "--email", "a@example.com", "--phone", "+49301234567"),
    *("--about", "Deployment/web", "--incident", "checkout", "--event", "trigger", "--format", "markdown"),
    *("--template", "texts/body", "--not-before", "1m", "--deliver-before", "2h", "--max-attempts", "3"),
    *("--initial-backoff", "5", "--backoff-multiplier", "3", "--max-backoff", "60", "--retention-days", "2"),
)
ALONE = frozenset({"replayOf"})
"""Fields that other commands set."""


def dry(*arguments: str) -> dict[str, Any]:
    code, out, err = run_here("send", *arguments, "--dry-run", "client", "-o", "json")
    assert (code, err) == (0, ""), err
    result: dict[str, Any] = json.loads(out)
    return result


def test_options_set_every_field_of_the_spec() -> None:
    obj = dry(*EVERYTHING, "-n", "shop")
    (version,) = crds.notification_request()["spec"]["versions"]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    assert obj["spec"].keys() == spec.keys() - ALONE
    assert obj["spec"]["retryPolicy"].keys() == spec["retryPolicy"]["properties"].keys()
    assert obj["spec"]["metadata"] == {"order": "4711,4712"}
    assert obj["spec"]["recipients"] == [{"email": "a@example.com"}, {"phone": "+49301234567"}]
    assert obj["spec"]["remediationRequestRef"] == {"kind": "Deployment", "name": "web"}
    assert obj["metadata"] == {"name": "order", "namespace": "shop", "labels": {"a": "b"}}


def test_dry_run_of_the_client_shows_what_can_be_applied() -> None:
    code, out, err = run_here("send", "-s", "x", "--once", "k", "--dry-run", "client", "-o", "yaml")
    obj = yaml.safe_load(out)
    assert (code, err, obj["kind"]) == (0, "", "NotificationRequest")
    assert obj["spec"] == {"type": "simple", "priority": "medium", "subject": "x", "body": "x"}
    code, out, _ = run_here("send", "-s", "x", "--once", "k", "--dry-run", "client")
    assert (code, out) == (
        0,
        f"notificationrequest.kubernaut.ai/{obj['metadata']['name']} created (dry run)\n",
    )
    code, out, err = run_here("send", "-s", "s" * 501, "--dry-run", "client")
    assert (code, out, "spec.subject: " in err) == (1, "", True)


def test_options_override_the_file_and_keep_the_rest(tmp_path: Path) -> None:
    file = tmp_path / "order.yaml"
    spec = {
        "type": "escalation",
        "priority": "low",
        "subject": "From the file",
        "body": "b",
        "channels": ["log"],
        "metadata": {"a": "1"},
        "retryPolicy": {"maxAttempts": 2},
    }
    meta = {"name": "order", "namespace": "bank", "labels": {"a": "1"}, "annotations": {"x": "y"}}
    base = {
        "apiVersion": "kubernaut.ai/v1alpha1",
        "kind": "NotificationRequest",
        "metadata": meta,
        "spec": spec,
    }
    file.write_text(yaml.safe_dump(base), "utf-8")
    assert dry("-f", str(file)) == base
    obj = dry(
        *("-f", str(file), "--priority", "high", "--to", "team/on-call", "--label", "b=2"),
        *("--metadata", "b=2", "--initial-backoff", "5", "-n", "shop"),
    )
    assert obj["spec"] == {
        **{key: value for key, value in spec.items() if key != "channels"},
        "priority": "high",
        "receiverRefs": [{"name": "on-call", "namespace": "team"}],
        "metadata": {"a": "1", "b": "2"},
        "retryPolicy": {"maxAttempts": 2, "initialBackoffSeconds": 5},
    }
    assert obj["metadata"] == {**meta, "namespace": "shop", "labels": {"a": "1", "b": "2"}}
    assert dry("-f", str(file), "--once", "k")["metadata"]["name"].startswith("notif-")
    file.write_text(yaml.safe_dump({**base, "apiVersion": "kubernaut.ai/v2"}), "utf-8")
    code, _, err = run_here("send", "-f", str(file))
    assert (code, "apiVersion is 'kubernaut.ai/v2'; use kubernaut.ai/v1alpha1" in err) == (2, True)


async def test_dry_run_of_the_server_stores_nothing(notif: CommandLine, server: ApiServer) -> None:
    code, out, err = await notif("send", "-f", str(FILE), "--dry-run", "server")
    assert (code, out, err) == (
        0,
        "notificationrequest.kubernaut.ai/simple created (server dry run)\n",
        "",
    )
    (request,) = server.changes
    assert (request.query["dryRun"], request.query["fieldValidation"]) == ("All", "Strict")
    assert server.objects == {}
    assert (await notif("send", "-f", str(FILE), "-n", "bank"))[0] == 0
    assert list(server.objects) == ["/apis/kubernaut.ai/v1alpha1/namespaces/bank/notificationrequests/simple"]


async def test_send_without_targets_says_that_routing_decides(notif: CommandLine) -> None:
    told = "without a matching rule, only the operator's log has it: notif why a -n shop\n"
    assert told in (await notif("send", "-s", "x", "--name", "a"))[2]
    assert (await notif("send", "-s", "x", "--name", "b", "--to", "slack"))[2] == ""


async def test_cancel_deletes_what_is_still_open_and_says_what_it_prevents(
    notif: CommandLine, server: ApiServer
) -> None:
    obj = retrying()
    obj["status"]["targets"] = [
        {"name": "console", "state": "Delivered"},
        {"name": "slack", "state": "Waiting"},
    ]
    server.add("notificationrequests", obj)
    name = obj["metadata"]["name"]
    code, out, err = await notif("cancel", name, "--yes")
    assert (code, out) == (0, f"notificationrequest.kubernaut.ai/{name} cancelled\n")
    assert err.splitlines() == [
        f"notif: {name} is Retrying: Checkout is failing",
        "notif: not delivered to: slack",
        "notif: delivered already, and not taken back: console",
        "notif: the notification and its record are deleted; an attempt that runs now can still arrive",
    ]
    (request,) = server.changes
    assert (request.method, request.body) == ("DELETE", {"preconditions": {"uid": obj["metadata"]["uid"]}})
    assert await notif("cancel", name, "--yes") == (
        1,
        "",
        f"notif: there is no notification {name} in namespace shop\n",
    )


async def test_cancel_of_what_is_over_changes_nothing(notif: CommandLine, server: ApiServer) -> None:
    for obj in (failed(), partial()):
        server.add("notificationrequests", obj)
        code, out, err = await notif("cancel", obj["metadata"]["name"], "--yes")
        assert (code, out, "nothing is left to cancel; kubectl delete notif" in err) == (1, "", True)
    assert server.changes == []


async def test_cancel_names_the_targets_of_the_spec_before_the_first_attempt(
    notif: CommandLine, server: ApiServer
) -> None:
    refs = [{"name": "a"}, {"name": "b", "namespace": "team"}]
    server.add("notificationrequests", stored(spec={"channels": ["log"], "receiverRefs": refs}))
    server.add("notificationrequests", stored(metadata={"name": "routed"}))
    assert "not delivered to: log, a, team/b\n" in (await notif("cancel", "order-1", "--yes"))[2]
    assert (
        "not delivered to: the targets that routing would choose\n"
        in (await notif("cancel", "routed", "--yes"))[2]
    )


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("Yes", 0), ("", 1), ("n", 1)])
async def test_question_is_asked_on_a_terminal(
    notif: CommandLine, server: ApiServer, answer: str, code: int
) -> None:
    server.add("notificationrequests", stored())
    result, out, err = await notif.answered(answer, "cancel", "order-1")
    assert (result, "Delete shop/order-1? [y/N] " in err) == (code, True), err
    assert (len(server.changes), "cancelled" in out) == (int(not code), not code)


async def test_replay_shows_its_targets_and_asks(notif: CommandLine, server: ApiServer) -> None:
    server.add("notificationrequests", partial())
    for answer in ("n", "y"):
        code, out, err = await notif.answered(answer, "replay", "order-2")
        assert "notif: order-2 is PartiallySent: Orders are delayed\n" in err
        assert "notif: sends it again to pagerduty/platform/on-call, " in err
        assert "Send shop/order-2 again? [y/N] " in err
        assert (code, len(server.changes)) == ((0, 1) if answer == "y" else (1, 0))
    assert " created: sends order-2 again to pagerduty/platform/on-call, " in out
    code, out, err = await notif("replay", "order-2", "--yes", "-o", "name")
    assert (code, out.startswith("notificationrequest.kubernaut.ai/order-2-r-"), "again?" in err) == (
        0,
        True,
        False,
    )


async def test_drill_shows_whom_it_reaches_and_asks(notif: CommandLine, server: ApiServer) -> None:
    server.add("notificationreceivers", sick_receiver())
    held = sick_receiver("held")
    held["spec"] = {**held["spec"], "suspend": True}
    server.add("notificationreceivers", held)
    code, out, err = await notif.answered("n", "drill")
    assert (code, out, server.changes) == (1, "", [])
    assert err.splitlines() == [
        "notif: sends to shop/checkout (slack)",
        "notif: skips shop/held: it is suspended",
        "Send a message marked [DRILL] to 1 receiver? [y/N] notif: nothing was sent",
    ]
    assert (await notif.answered("y", "drill", "--timeout", "0s"))[0] == 4
    assert (await notif("drill", "--yes", "--timeout", "0s", "--receiver", "checkout"))[0] == 4
    specs = [each.body["spec"] for each in server.changes]
    assert [spec["receiverRefs"] for spec in specs] == [[{"name": "checkout"}]] * 4
    # Its fallback may have opened an incident.
    assert [spec["event"] for spec in specs] == ["Trigger", "Resolve"] * 2


async def test_receiver_is_suspended_and_resumed_once(notif: CommandLine, server: ApiServer) -> None:
    server.add("notificationreceivers", sick_receiver())
    name = "notificationreceiver.kubernaut.ai/checkout"
    until = "its messages wait until notif resume checkout -n shop"
    for command, line in (
        ("suspend", f"{name} suspended: {until}"),
        ("suspend", f"{name} suspended already: {until}"),
        ("resume", f"{name} resumed"),
        ("resume", f"{name} resumed already"),
    ):
        assert await notif(command, "checkout") == (0, f"{line}\n", "")
    assert [each.body for each in server.changes] == [
        {"spec": {"suspend": True}},
        {"spec": {"suspend": False}},
    ]
    assert json.loads((await notif("resume", "shop/checkout", "-o", "json"))[1])["spec"]["suspend"] is False
