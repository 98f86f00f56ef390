"""What `notif render` shows, from files alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from typer.testing import CliRunner

from notification_cli.app import app
from notification_contract.kinds.channel_names import ReceiverType
from tests.unit.operator.contract.kinds.specs import spec

if TYPE_CHECKING:
    from pathlib import Path

API = "kubernaut.ai/v1alpha1"
BODY = "**61 %** of the orders fail, password=hunter2hunter2"
SHOWN = [kind.value for kind in ReceiverType if kind.value not in {"console", "file", "log", "apprise"}]


def notification(**more: Any) -> dict[str, Any]:
    about = {"type": "simple", "priority": "high", "subject": "Checkout", "body": BODY, "format": "Markdown"}
    return {
        "apiVersion": API,
        "kind": "NotificationRequest",
        "metadata": {"name": "order"},
        "spec": {**about, **more},
    }


def receiver(kind: str, **more: Any) -> dict[str, Any]:
    document = {**spec(kind), **more}
    return {"apiVersion": API, "kind": "NotificationReceiver", "metadata": {"name": "to"}, "spec": document}


def render(
    tmp_path: Path, *documents: dict[str, Any], name: str = "to", form: str = "json"
) -> tuple[int, Any, str]:
    """Render files without a cluster; return exit code, output and errors."""
    file = tmp_path / "file.yaml"
    file.write_text(yaml.safe_dump_all(documents), "utf-8")
    arguments = ["render", "-f", str(file), "--receiver", name, "-o", form]
    done = CliRunner().invoke(app, arguments, env={"KUBECONFIG": "/absent"})
    out = json.loads(done.stdout)["rendered"] if form == "json" and done.stdout else done.stdout
    return done.exit_code, out, done.stderr


@pytest.mark.parametrize("kind", SHOWN)
def test_every_channel_shows_subject_origin_and_no_secret(tmp_path: Path, kind: str) -> None:
    code, out, err = render(tmp_path, notification(), receiver(kind))
    assert (code, err) == (0, "")
    text = json.dumps(out)
    assert "Checkout" in text
    assert "hunter2" not in text
    assert "default/order" in text.replace("%2F", "/") or ("order" in text and kind == "webhook")
    assert all(each["target"].startswith(f"{kind}/to") for each in out)


def test_body_is_written_in_the_markup_of_the_receiver(tmp_path: Path) -> None:
    slack = render(tmp_path, notification(), receiver("slack"))[1][0]["body"]
    assert slack["blocks"][1]["text"]["text"] == "*61 %* of the orders fail, password=[REDACTED]"
    mail = render(tmp_path, notification(), receiver("email"))[1][0]["body"]
    assert "<strong>61 %</strong>" in mail["text/html"]
    assert mail["headers"]["Subject"] == "[high] Checkout"
    code, text, _ = render(tmp_path, notification(), receiver("email"), form="table")
    assert (code, "To: " in text, "61 % of the orders fail" in text) == (0, True, True)


def test_template_of_the_receiver_is_applied_or_its_failure_is_noted(tmp_path: Path) -> None:
    inline = {
        "inline": {"subject": "{{ notification.subject | upper }}", "body": "{{ notification.absent.x }}"}
    }
    (only,) = render(tmp_path, notification(), receiver("slack", template=inline))[1]
    assert only["body"]["text"] == "CHECKOUT"
    assert "the built-in one was used" in only["note"]


def test_template_of_the_notification_comes_first(tmp_path: Path) -> None:
    own = notification(template={"configMapKeyRef": {"name": "texts", "key": "incident"}})
    texts = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "texts"},
        "data": {"incident": "own: {{ notification.priority }}"},
    }
    to = receiver("slack", template={"inline": {"subject": "S", "body": "receiver's"}})
    (only,) = render(tmp_path, own, to, texts)[1]
    assert only["body"]["blocks"][1]["text"]["text"] == "own: high", only["note"]
    (only,) = render(tmp_path, own, to, {**texts, "data": {"other": ""}})[1]
    assert only["body"]["blocks"][1]["text"]["text"] == "receiver's"
    assert "ConfigMap texts, key incident: there is no such key, but other" in only["note"]


@pytest.mark.parametrize(
    ("documents", "name", "code", "reason"),
    [
        ([receiver("slack")], "to", 2, "there is no NotificationRequest; name a file with one"),
        (
            [notification(priority="urgent"), receiver("slack")],
            "to",
            1,
            "spec.priority: unsupported value 'urgent'",
        ),
        (
            [notification(), receiver("slack", slack={})],
            "to",
            1,
            "the spec of receiver default/to is refused",
        ),
        ([notification(), receiver("log")], "to", 1, "a receiver of the type log cannot be shown"),
        ([notification(), receiver("slack")], "a/b/c", 2, "--receiver: 'a/b/c' is no receiver"),
        ([notification(), receiver("slack")], "other", 3, "there is no kubeconfig"),
    ],
)
def test_what_cannot_be_shown_is_one_line(
    tmp_path: Path, documents: list[dict[str, Any]], name: str, code: int, reason: str
) -> None:
    result, out, err = render(tmp_path, *documents, name=name)
    assert (result, out, err.count("\n")) == (code, "", 1)
    assert reason in err


def test_receiver_that_would_not_get_it_now_is_noted(tmp_path: Path) -> None:
    for more, note in (
        ({"suspend": True}, "is suspended, so it would wait"),
        ({"priorities": ["critical"]}, "does not accept the priority high, so it would be suppressed"),
    ):
        code, out, err = render(tmp_path, notification(), receiver("slack", **more))
        assert (code, len(out), note in err) == (0, 1, True)
