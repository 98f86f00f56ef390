"""Group templates: what a receiver's own text looks like, and that no template loses a message."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.harness.eventually import eventually
from tests.harness.footprint import footprint
from tests.harness.notifications import addressed
from tests.harness.readings import target

if TYPE_CHECKING:
    from tests.harness.cluster import Object
    from tests.harness.operator_under_test import OperatorUnderTest
    from tests.harness.receivers import Receivers, StoredReceiver

pytestmark = pytest.mark.needs_pod

ENDLESS = "{% for a in range(1000) %}{% for b in range(1000) %}too much {% endfor %}{% endfor %}"
SLOW = "{% for a in range(1000) %}{% for b in range(1000) %}{% set c = a * b %}{% endfor %}{% endfor %}done"


def template(**inline: str) -> dict[str, Any]:
    """Return the field of a spec."""
    return {"inline": inline}


def delivered(operator: OperatorUnderTest, receiver: StoredReceiver, **spec: Any) -> tuple[Object, Object]:
    """Deliver one notification, and return what the webhook got and the entry of its target."""
    obj = addressed(operator.namespace, receiver, **spec)
    status = operator.deliver(obj, "Sent", within=20)["status"]
    return receiver.account.hits()[-1], target(status, receiver.key())


@pytest.mark.check("templates-01")
def test_inline_template_shapes_subject_and_body(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    texts = template(
        subject="[{{ notification.priority }}] {{ notification.subject }}",
        body="{{ receiver.name }} attempt {{ attempt }}: {{ notification.body }}",
    )
    receiver = receivers.add("webhook", template=texts).ready()
    hit, entry = delivered(receivers_operator, receiver, subject="disk", body="full", priority="high")
    data = hit["json"]["data"]
    assert data["subject"] == "[high] disk"
    assert data["body"] == f"{receiver.label} attempt 1: full"
    assert "note" not in entry


@pytest.mark.check("templates-02")
def test_template_of_a_config_map_follows_its_changes(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    name = f"texts-{uuid.uuid4().hex[:8]}"

    def write(text: str) -> None:
        receivers.apply(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": name, "namespace": receivers.home},
                "data": {"body": text},
            }
        )

    write("first {{ notification.body }}")
    receiver = receivers.add("webhook", template={"configMapRef": {"name": name}}).ready()
    hit, _ = delivered(receivers_operator, receiver, body="full")
    assert hit["json"]["data"]["body"] == "first full"

    write("second {{ notification.body }}")
    eventually(
        lambda: delivered(receivers_operator, receiver, body="full")[0]["json"]["data"]["body"],
        lambda body: body == "second full",
        within=15,
        every=0.5,
    )


@pytest.mark.check("templates-03")
def test_syntax_error_makes_the_receiver_not_ready(receivers: Receivers) -> None:
    receiver = receivers.add("webhook", template=template(body="one\ntwo {% if %}\nthree"))
    ready = receiver.wait("Ready", "False", "TemplateInvalid")
    assert "line 2" in ready["message"]
    assert "body" in ready["message"]


@pytest.mark.check("templates-04")
def test_template_reaches_nothing_of_python(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    refused = (
        "{% import 'os' as os %}",
        "{{ ''|attr('__class__') }}",
        "{{ [].append(1) }}",
        "{{ ''.__class__ }}",
        "{{ notification['__class__'] }}",
    )
    for receiver in [receivers.add("webhook", template=template(body=text)) for text in refused]:
        receiver.wait("Ready", "False", "TemplateInvalid")
    receiver = receivers.add("webhook", template=template(body="{{ ''['__' ~ 'class__'] }}")).ready()
    hit, entry = delivered(receivers_operator, receiver, body="full")
    assert hit["json"]["data"]["body"] == "full"
    assert "the template failed" in entry["note"]


@pytest.mark.check("templates-05")
def test_template_without_an_end_is_replaced_with_a_note(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("webhook", template=template(body=ENDLESS)).ready()
    hit, entry = delivered(receivers_operator, receiver, body="full")
    assert hit["json"]["data"]["body"] == "full"
    assert "the template failed" in entry["note"]
    assert "the built-in one was used" in entry["note"]


# Other tests would delay the operator more than the templates do.
@pytest.mark.alone
@pytest.mark.check("templates-06")
def test_slow_template_is_replaced_and_delays_nobody(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    slow = receivers.add("webhook", template=template(body=SLOW)).ready()
    other = receivers.add("webhook").ready()
    many = [addressed(receivers_operator.namespace, slow) for _ in range(10)]
    before = footprint(receivers_operator)
    for obj in many:
        receivers_operator.create(obj)
    receivers_operator.deliver(addressed(receivers_operator.namespace, other), "Sent")
    # In processor time, as the limit of a template: a busy machine delays everything.
    assert footprint(receivers_operator).since(before).cpu - before.cpu < 5
    for obj in many:
        status = receivers_operator.status(obj, "Sent", within=30)
        assert "the template failed" in target(status, slow.key())["note"]


@pytest.mark.check("templates-07")
def test_unknown_name_is_replaced_with_a_note(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("webhook", template=template(body="{{ secret.password }}")).ready()
    hit, entry = delivered(receivers_operator, receiver, body="full")
    assert hit["json"]["data"]["body"] == "full"
    assert "secret" in entry["note"]
    assert receiver.credential not in hit["body"]


@pytest.mark.check("templates-08")
def test_webhook_sends_the_result_of_its_template(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    block = {"format": "Template", "contentType": "text/plain; charset=utf-8"}
    text = template(body="{{ notification.subject }}: {{ notification.body }}")
    receiver = receivers.add("webhook", block=block, template=text).ready()
    hit, _ = delivered(receivers_operator, receiver, subject="disk", body="full")
    assert hit["body"] == "disk: full"
    assert hit["headers"]["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.check("templates-09")
def test_secret_that_a_template_joins_is_redacted(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add(
        "webhook", template=template(body="pass{{ 'word' }}: {{ notification.body }}")
    ).ready()
    hit, _ = delivered(receivers_operator, receiver, body="hunter2hunter2")
    assert "hunter2" not in hit["json"]["data"]["body"]


@pytest.mark.check("templates-10")
def test_text_in_an_html_mail_is_escaped(receivers_operator: OperatorUnderTest, receivers: Receivers) -> None:
    texts = template(subject="{{ notification.subject }}", body="about {{ notification.body }}")
    receiver = receivers.add("email", template=texts).ready()
    obj = addressed(
        receivers_operator.namespace, receiver, subject="<script>x</script>", body="<img src=x onerror=y>"
    )
    receivers_operator.deliver(obj, "Sent", within=20)
    (mail,) = receiver.account.accepted()
    assert "<script>" not in mail["html"]
    assert "<img" not in mail["html"]
    assert "about &lt;img" in mail["html"]


@pytest.mark.check("templates-11")
def test_template_that_becomes_invalid_is_replaced(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("webhook", template=template(body="good {{ notification.body }}")).ready()
    receiver.patch(template=template(body="{% if %}"))
    receiver.wait("Ready", "False", "TemplateInvalid")
    hit, _ = delivered(receivers_operator, receiver, body="full")
    assert hit["json"]["data"]["body"] == "full"

    receiver.patch(template=template(body="better {{ notification.body }}"))
    receiver.ready()
    hit, _ = delivered(receivers_operator, receiver, body="full")
    assert hit["json"]["data"]["body"] == "better full"


@pytest.mark.check("templates-12")
def test_template_of_a_notification_overrides_the_receiver_s(scripted_operator: OperatorUnderTest) -> None:
    name = f"texts-{uuid.uuid4().hex[:8]}"
    with scripted_operator.receivers() as receivers:
        metadata = {"name": name, "namespace": scripted_operator.namespace}
        data = {"incident": "own {{ receiver.type }}: {{ notification.body }}"}
        receivers.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
        receiver = receivers.add("webhook", template=template(subject="S", body="receiver's")).ready()
        own = {"configMapKeyRef": {"name": name, "key": "incident"}}
        hit, entry = delivered(scripted_operator, receiver, body="full", template=own)
        assert (hit["json"]["data"]["subject"], hit["json"]["data"]["body"]) == ("S", "own webhook: full")
        assert "note" not in entry
        hit, _ = delivered(scripted_operator, receiver, body="full")
        assert hit["json"]["data"]["body"] == "receiver's"


@pytest.mark.check("templates-13")
def test_notification_whose_template_cannot_be_read_is_delivered(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("webhook", template=template(body="receiver's")).ready()
    own = {"configMapKeyRef": {"name": "absent", "key": "incident"}}
    hit, entry = delivered(receivers_operator, receiver, body="full", template=own)
    assert hit["json"]["data"]["body"] == "receiver's"
    assert entry["note"].startswith("spec.template was not used: ConfigMap absent, key incident: ")
    assert "receiversNamespaced" in entry["note"]
