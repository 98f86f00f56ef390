"""What `notif source` says about sources, and what it shows that a message becomes."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
import yaml
from typer.testing import CliRunner

from notification_cli.actions.sources import SourceListing, SourceShowing
from notification_cli.actions.translating import SourceTest
from notification_cli.app import app
from notification_cli.errors import ApiError
from notification_cli.kube.resources import Notifications, Receivers, Sources
from notification_cli.session import Session
from notification_cli.views.format import Output
from notification_cli.views.sources import source_view
from notification_contract import names
from notification_contract.routing.reach import ONLY_LOGGED, Reach
from notification_domain.json_values import format_time
from tests.unit.cli.samples import NOW, screen
from tests.unit.gateway.cluster import HOME, running
from tests.unit.gateway.mapping import builders
from tests.unit.gateway.shipped import BEARER, serving

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from notification_cli.kube.connection import Connection

ALERTS = {"version": "4", "groupKey": "{}:{}", "status": "firing", "alerts": [builders.alert()]}
INVALID_RULES = f"not known whether only the operator's log gets the messages: ConfigMap {names.ROUTING_CONFIG_MAP} in namespace"
TEMPLATED = {
    "type": "generic",
    "mapping": {"subject": "{{ payload.title }}", "priority": {"default": "high"}},
}


def stored(name: str = "alerts", *, namespace: str = HOME, **fields: Any) -> dict[str, Any]:
    """Return a source as the API server holds it."""
    meta = {"namespace": namespace, "name": name, "uid": f"uid-{name}", "generation": 1}
    spec = {"type": "alertmanager", "auth": {"bearerSecretRef": {"name": "hook"}}, **fields.pop("spec", {})}
    return {"kind": "NotificationSource", "metadata": meta, "spec": spec, "status": fields.pop("status", {})}


def ready(status: str = "True", reason: str = "Accepted", message: str = "") -> dict[str, Any]:
    since = format_time(NOW - timedelta(hours=1))
    return {
        "type": "Ready",
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": since,
    }


class Api:
    """A connection to an API server with some sources."""

    namespace = HOME

    def __init__(self, *objects: dict[str, Any], rules: str = "") -> None:
        self._rules = rules
        self._objects = {obj["metadata"]["name"]: obj for obj in objects}

    async def get(self, path: str, query: Mapping[str, Any] | None = None) -> dict[str, Any]:
        if "configmaps" in path and self._rules:
            return {"data": {names.ROUTING_KEY: self._rules}}
        if "notificationsources" not in path:
            raise ApiError(f"there is no {path}", status=404)
        if query is None:
            return self._objects[path.rpartition("/")[2]]
        return {"metadata": {}, "items": list(self._objects.values())}


def session(api: Api) -> tuple[Session, Any]:
    connection = cast("Connection", api)
    target, file = screen()
    resources = Notifications(connection), Receivers(connection), Sources(connection)
    notifications, receivers, sources = resources
    return (
        Session(
            connection=connection,
            notifications=notifications,
            receivers=receivers,
            sources=sources,
            screen=target,
            clock=lambda: NOW,
        ),
        file,
    )


def invoke(*arguments: str, text: str = "") -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["source", "test", *arguments], input=text, env={"KUBECONFIG": "/absent"})
    return done.exit_code, done.stdout, done.stderr


async def test_list_shows_what_each_source_received() -> None:
    counts = {"received": 12, "rejected": 2, "lastReceivedTime": format_time(NOW - timedelta(seconds=30))}
    beat = {
        "conditions": [ready("False", "SecretNotFound")],
        "lastBeatTime": format_time(NOW - timedelta(minutes=5)),
    }
    working, file = session(
        Api(
            stored(status={"conditions": [ready()], **counts}),
            stored("logged", status={"conditions": [ready(), {"type": "Routed", "status": "False"}]}),
            stored("nightly", spec={"type": "heartbeat", "heartbeat": {"every": "1h"}}, status=beat),
            stored("new\x1b[2J"),
            stored("weekly", spec={"type": "heartbeat", "heartbeat": {"every": "1h"}}),
        )
    )
    assert await SourceListing(all_namespaces=True).run(working) == 0
    rows = [line.split("   ") for line in file.getvalue().splitlines()]
    assert [[cell.strip() for cell in row if cell.strip()] for row in rows] == [
        ["NAMESPACE", "NAME", "TYPE", "READY", "RECEIVED", "REJECTED", "LAST RECEIVED", "LAST BEAT"],
        [HOME, "alerts", "alertmanager", "True", "12", "2", "30s ago", "-"],
        [HOME, "logged", "alertmanager", "True (ReachesNobody)", "0", "0", "-", "-"],
        [HOME, "nightly", "heartbeat", "False (SecretNotFound)", "0", "0", "-", "5m ago"],
        [HOME, "new\N{REPLACEMENT CHARACTER}[2J", "alertmanager", "-", "0", "0", "-", "-"],
        [HOME, "weekly", "heartbeat", "-", "0", "0", "-", "waits for its first beat"],
    ]


async def test_list_of_nothing_says_where_it_looked(capsys: pytest.CaptureFixture[str]) -> None:
    assert await SourceListing().run(session(Api())[0]) == 0
    assert capsys.readouterr().err == f"notif: no sources found in namespace {HOME}\n"
    working, file = session(Api(stored()))
    assert await SourceListing(output=Output.NAME).run(working) == 0
    assert file.getvalue() == "notificationsource.kubernaut.ai/alerts\n"


async def test_source_shows_credentials_counts_and_problems_without_secrets() -> None:
    auth = {
        "bearerSecretRef": {"name": "hook"},
        "bearerSecretRefs": [{"name": "hook-next"}],
        "basicSecretRef": {"name": "login"},
        "hmac": {"secretRef": {"name": "sign"}, "scheme": "plain-token"},
        "kubernetes": {"audience": "notifications"},
        "oidc": {"issuer": "https://ci.example.com", "audience": "a", "subjectPattern": "repo:shop:*"},
        "path": True,
    }
    replica = {
        "name": "gateway-0",
        "received": 3,
        "rejected": 1,
        "problem": "KeyMissing",
        "message": "no key token",
    }
    status = {
        "conditions": [ready("False", "KeyMissing", "gateway-0: no key token")],
        "received": 3,
        "created": 1,
        "duplicates": 1,
        "filtered": 0,
        "rejected": 1,
        "replicas": [replica],
    }
    spec = {"auth": auth, "receiverRefs": [{"name": "on-call"}], "rateLimit": {"count": 600, "period": "1m"}}
    working, file = session(Api(stored(spec=spec, status=status)))
    assert await SourceShowing(name="alerts", home=HOME).run(working) == 0
    assert file.getvalue().splitlines() == [
        f"{HOME}/alerts  alertmanager",
        "URL path  /hook/alerts/<token>",
        "Accepts  bearer (Secret hook, hook-next)",
        "Accepts  basic (Secret login)",
        "Accepts  hmac plain-token (Secret sign)",
        "Accepts  kubernetes (audience notifications)",
        "Accepts  oidc (https://ci.example.com, subject repo:shop:*)",
        "Accepts  path (`notif source url alerts` prints the URL)",
        "Delivers to  receivers on-call",
        "Limit  600 messages in 1m",
        "Received  3: 1 created, 1 duplicates, 0 filtered, 1 rejected",
        "Last received  -",
        "",
        "CONDITION   STATUS   REASON       SINCE    MESSAGE",
        "Ready       False    KeyMissing   1h ago   gateway-0: no key token",
        "",
        "REPLICA     RECEIVED   REJECTED   LAST RECEIVED   PROBLEM",
        "gateway-0   3          1          -               KeyMissing: no key token",
    ]


@pytest.mark.parametrize(
    ("minutes", "line"),
    [
        (None, "Next beat  not awaited before the first one"),
        (10, "Next beat  2026-03-01 12:55:00 UTC, due in 50m"),
        (62, "Next beat  2026-03-01 12:03:00 UTC, late, missed in 3m"),
        (70, "Next beat  2026-03-01 11:55:00 UTC, missed since 5m"),
    ],
)
async def test_heartbeat_shows_when_its_next_beat_is_due(minutes: int | None, line: str) -> None:
    status = {} if minutes is None else {"lastBeatTime": format_time(NOW - timedelta(minutes=minutes))}
    spec = {"type": "heartbeat", "heartbeat": {"every": "1h", "grace": "5m"}}
    working, file = session(Api(stored("nightly", namespace="shop", spec=spec, status=status)))
    assert await SourceShowing(name="nightly", home=HOME).run(working) == 0
    lines = file.getvalue().splitlines()
    assert "URL path  /hook/shop/nightly" in lines
    assert "Beats  every 1h, at most 5m late" in lines
    assert line in lines


@pytest.mark.parametrize(
    ("rules", "reach"),
    [
        ("", Reach.REACHES_NOBODY),
        ("route: {receiver: a}\nreceivers: [{name: a, channels: [slack]}]", Reach.ROUTED),
        ("route: 5", None),
    ],
)
async def test_source_whose_messages_only_the_log_gets_says_so(rules: str, reach: Reach | None) -> None:
    working, file = session(Api(stored(), rules=rules))
    assert await SourceShowing(name="alerts", home=HOME).run(working) == 0
    assert ("only the operator's log" in file.getvalue()) == (reach is not Reach.ROUTED)
    assert (reach.message if reach else INVALID_RULES) in file.getvalue()


def test_source_of_any_form_can_be_shown() -> None:
    view = source_view({"metadata": {"name": "x", "namespace": "y"}, "spec": 5, "status": []})
    assert (view.type, view.rate, view.next_beat, list(view.authentication)) == ("", "", None, [])
    odd = {"type": "heartbeat", "heartbeat": {"every": "soon"}, "auth": {"hmac": [], "path": "yes"}}
    view = source_view({"spec": odd, "status": {"lastBeatTime": format_time(NOW), "replicas": [5]}})
    assert (view.next_beat, view.destinations) == (None, "what the routing rules choose")


def test_message_of_a_type_becomes_a_notification_without_a_cluster(tmp_path: Path) -> None:
    file = tmp_path / "payload.json"
    file.write_text(json.dumps(ALERTS), "utf-8")
    code, out, err = invoke("--type", "alertmanager", "-f", str(file))
    made = yaml.safe_load(out)
    assert (code, err) == (0, "")
    assert (made["kind"], made["apiVersion"]) == ("NotificationRequest", "kubernaut.ai/v1alpha1")
    assert made["metadata"]["name"].startswith("am-")
    assert (made["spec"]["type"], made["spec"]["event"]) == ("escalation", "Trigger")
    code, out, _ = invoke("--type", "alertmanager", "-f", str(file), "-o", "json", "-n", "shop")
    assert json.loads(out)["metadata"]["namespace"] == "shop"
    assert invoke("--type", "alertmanager", "-f", str(file), "-o", "name")[1].startswith(
        "notificationrequest."
    )


def test_templates_of_a_file_are_rendered_and_their_problems_noted(tmp_path: Path) -> None:
    file = tmp_path / "source.yaml"
    file.write_text(yaml.safe_dump(TEMPLATED), "utf-8")
    made = yaml.safe_load(invoke("--spec", str(file), "-f", "-", text='{"title": "Hi"}')[1])
    assert (made["spec"]["subject"], made["spec"]["priority"]) == ("Hi", "high")
    file.write_text(yaml.safe_dump({"type": "generic", "mapping": {"body": "{{ payload.x.y }}"}}), "utf-8")
    made = yaml.safe_load(invoke("--spec", str(file), "-f", "-", text='{"title": "Hi"}')[1])
    assert "built-in body used" in made["metadata"]["annotations"]["kubernaut.ai/source-note"]


def test_source_of_a_file_is_chosen_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "sources.yaml"
    both = [stored("a", spec={"type": "slack"}), stored("b", spec={"type": "generic"})]
    file.write_text(yaml.safe_dump_all(both), "utf-8")
    made = yaml.safe_load(invoke("b", "--spec", str(file), "-f", "-", text='{"text": "x"}')[1])
    assert made["metadata"]["labels"]["kubernaut.ai/source"] == "b"
    for name in ((), ("c",)):
        code, out, err = invoke(*name, "--spec", str(file), "-f", "-")
        assert (code, out, "it has a, b" in err) == (1, "", True)


@pytest.mark.parametrize(
    ("kind", "payload", "problem"),
    [
        ("alertmanager", '{"version": 5}', '400: version is 5; it must be "4" of Alertmanager'),
        ("generic", "{", "400: body is not JSON at line 1, column 2"),
        ("slack", "{}", "400: text is "),
        ("cloudevents", '{"id": "1"}', "400: specversion is "),
    ],
)
def test_rejection_names_field_value_and_what_is_wanted(kind: str, payload: str, problem: str) -> None:
    code, out, err = invoke("--type", kind, "-f", "-", text=payload)
    assert (code, out) == (1, "")
    assert err.startswith(f"notif: the gateway rejects the message with {problem}")
    assert "it must be" in err


def test_format_that_the_source_does_not_read_is_rejected_with_415() -> None:
    code, _, err = invoke(
        "--type", "cloudevents", "-f", "-", "-H", "Content-Type: application/cloudevents+avro", text="x"
    )
    assert (code, "415: content-type is" in err) == (1, True)


def test_batch_of_events_becomes_a_list() -> None:
    events = [{"specversion": "1.0", "id": each, "source": "s", "type": "t"} for each in ("1", "2")]
    code, out, _ = invoke("--type", "cloudevents", "-f", "-", text=json.dumps(events))
    assert (code, len(yaml.safe_load(out)["items"])) == (0, 2)
    single = yaml.safe_load(invoke("--type", "cloudevents", "-f", "-", text=json.dumps(events[0]))[1])
    assert single["spec"]["subject"] == "t"


def test_message_that_becomes_nothing_says_why(tmp_path: Path) -> None:
    file = tmp_path / "source.yaml"
    file.write_text(yaml.safe_dump({"type": "generic", "filter": ["a=b"]}), "utf-8")
    code, out, err = invoke("--spec", str(file), "-f", "-", text="{}")
    assert (code, out) == (0, "")
    assert err.splitlines() == [
        "notif: the filter of the source leaves out 1",
        "notif: the gateway accepts the message and creates no notification",
    ]
    file.write_text(yaml.safe_dump({"type": "heartbeat", "heartbeat": {"every": "1h"}}), "utf-8")
    assert (
        invoke("--spec", str(file), "-f", "-")[2]
        == "notif: the message is a heartbeat; it creates no notification\n"
    )


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"type": "generic", "filter": ["a"]}, "spec.filter: "),
        ({"type": "generic", "heartbeat": {"every": "1h"}}, "set spec.heartbeat with spec.type heartbeat"),
        ({"type": "generic", "nope": {}}, "nope"),
    ],
)
def test_source_that_is_not_valid_is_named_with_its_problem(
    tmp_path: Path, spec: dict[str, Any], problem: str
) -> None:
    file = tmp_path / "source.yaml"
    file.write_text(yaml.safe_dump(spec), "utf-8")
    code, out, err = invoke("hook", "--spec", str(file), "-f", "-", text="{}")
    assert (code, out) == (1, "")
    assert err.startswith("notif: source hook is not valid: ")
    assert problem in err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("-f", "-"), "name a source, or give one with --spec FILE or --type TYPE"),
        (
            ("--type", "nope", "-f", "-"),
            "--type: 'nope' is no type of sources; use one of alertmanager, cloudevents",
        ),
        (("--type", "generic", "-f", "/absent"), "/absent cannot be read"),
        (("--type", "generic", "-f", "-", "-H", "x"), "is no header"),
    ],
)
def test_wrong_usage_is_one_line(arguments: tuple[str, ...], problem: str) -> None:
    code, out, err = invoke(*arguments, text="{}")
    assert (code, out, err.count("\n"), problem in err) == (2, "", 1, True)


async def test_test_shows_exactly_what_the_gateway_creates(tmp_path: Path) -> None:
    file = tmp_path / "payload.json"
    file.write_text(json.dumps(ALERTS), "utf-8")
    spec: dict[str, Any] = {
        "type": "alertmanager",
        "mapping": {"labels": {"include": ["team"]}, "subject": "{{ payload.status | upper }}"},
    }
    async with running() as cluster:
        cluster.secret(token="s3cret-of-a-sender")
        source = cluster.source(**spec)
        async with serving(cluster) as gateway:
            assert (await gateway.send(headers=BEARER, data=file.read_bytes())).status == 200
        (created,) = cluster.created
    testing = SourceTest.of(
        name="alerts", payload=str(file), spec="", kind="", headers=(), namespace="", output=Output.JSON
    )
    working, written = session(Api(source))
    assert await testing.run(working) == 0
    shown = json.loads(written.getvalue())
    assert shown["spec"] == created["spec"]
    assert shown["spec"]["subject"] == "FIRING"
    for field in ("name", "namespace", "labels"):
        assert shown["metadata"][field] == created["metadata"][field]


@pytest.mark.parametrize(
    ("team", "said"),
    [("web", ONLY_LOGGED), ("", ""), ("[", INVALID_RULES)],
    ids=["logged", "routed", "invalid"],
)
async def test_test_says_when_only_the_log_gets_a_notification(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, team: str, said: str
) -> None:
    file = tmp_path / "payload.json"
    file.write_text(json.dumps(ALERTS), "utf-8")
    rule = f"{{receiver: a, routes: [{{receiver: a, matchers: ['team=\"{team}\"']}}]}}"
    rules = "route: 5" if team == "[" else f"route: {rule}\nreceivers: [{{name: a, channels: [log]}}]"
    source = stored()
    testing = SourceTest.of(
        name="alerts", payload=str(file), spec="", kind="", headers=(), namespace="", output=Output.JSON
    )
    working, _ = session(Api(source, rules=rules))
    assert await testing.run(working) == 0
    err = capsys.readouterr().err
    assert said in err if said else "log" not in err
