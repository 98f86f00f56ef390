"""Group receivers: whose notifications may use a receiver, which is the default, and what is only for the operator's namespace."""

from __future__ import annotations

import contextlib
import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from notification_contract.kinds.target import ADDRESS_DIGITS, TargetKey, address_digits
from platform_infra import names
from tests.harness.eventually import eventually
from tests.harness.notifications import FLAT1, addressed, fast, notification
from tests.harness.readings import Target, targets

if TYPE_CHECKING:
    from typing import Any

    from tests.harness.operator_under_test import OperatorUnderTest
    from tests.harness.receivers import Receivers, StoredReceiver

pytestmark = pytest.mark.needs_pod

DEFAULT = {"kubernaut.ai/is-default-receiver": "true"}


def is_not_allowed(operator: OperatorUnderTest, receiver: StoredReceiver) -> None:
    """Send one message, which must fail because of its namespace, as if the receiver did not exist."""
    obj = addressed(operator.namespace, receiver, retryPolicy=fast(3))
    status = operator.deliver(obj, "Failed", within=15)["status"]
    (only,) = targets(status)
    assert (only.name, only.state) == (f"receiver/{receiver.namespace}/{receiver.name}", "Exhausted")
    assert "ReceiverNotAllowed" in json.dumps(status)
    assert receiver.account.hits() == []


@pytest.mark.check("receivers-05")
def test_receiver_elsewhere_cannot_open_private_networks(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    elsewhere: dict[str, Any] = {
        "namespace": receivers_operator.namespace,
        "secret": False,
        "tls": None,
        "block": {"headersSecretRef": None},
    }
    with pytest.raises(AssertionError, match=r"answered 422.*spec\.webhook\.allowedNetworks"):
        receivers.add("webhook", **elsewhere)

    # The admission policy takes this for a namespace of an operator; the operator itself knows better.
    labels = {"metadata": {"labels": names.labels("namespace")}}
    receivers.cluster.core.patch_namespace(receivers_operator.namespace, labels)

    def admitted() -> StoredReceiver | None:
        with contextlib.suppress(AssertionError):  # until the policy has seen the labels
            return receivers.add("webhook", **elsewhere)
        return None

    receiver = eventually(admitted, bool, within=10)
    assert receiver is not None
    ready = receiver.wait("Ready", "False", "NotAllowed")
    assert "webhook.allowedNetworks" in ready["message"]


@pytest.mark.check("receivers-06")
def test_secret_elsewhere_is_not_read(receivers_operator: OperatorUnderTest, receivers: Receivers) -> None:
    receiver = receivers.add(
        "webhook", namespace=receivers_operator.namespace, tls=None, block={"allowedNetworks": None}
    )
    resolved = receiver.wait("ResolvedRefs", "False", "NotAllowed")
    assert "receiversNamespaced" in resolved["message"]
    assert receiver.condition("Ready")["reason"] == "ReferencesNotResolved"


@pytest.mark.check("receivers-07")
def test_secret_elsewhere_is_read_with_receivers_namespaced(scripted_operator: OperatorUnderTest) -> None:
    with scripted_operator.receivers() as receivers:
        receiver = receivers.add(
            "webhook", namespace=scripted_operator.namespace, tls=None, block={"allowedNetworks": None}
        )
        receiver.wait("ResolvedRefs", "True", "SecretFound")


@pytest.mark.check("receivers-20")
def test_receiver_for_its_own_namespace_refuses_others(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    is_not_allowed(receivers_operator, receivers.add(allowedNamespaces={"from": "Same"}).ready())
    is_not_allowed(receivers_operator, receivers.add(allowedNamespaces=None).ready())


@pytest.mark.check("receivers-21")
def test_receiver_serves_the_namespaces_that_it_selects(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    namespace = receivers_operator.namespace
    selector = {"from": "Selector", "selector": {"matchLabels": {"tier": namespace}}}
    receiver = receivers.add(allowedNamespaces=selector).ready()
    is_not_allowed(receivers_operator, receiver)

    receivers.cluster.core.patch_namespace(namespace, {"metadata": {"labels": {"tier": namespace}}})

    eventually(
        lambda: receivers_operator.deliver(
            addressed(namespace, receiver, retryPolicy=FLAT1), "Sent", "Failed", within=15
        )["status"]["phase"],
        lambda phase: phase == "Sent",
        within=15,
        every=0.5,
    )


@pytest.mark.check("receivers-22")
def test_receiver_for_all_namespaces_serves_each(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add(allowedNamespaces={"from": "All"}).ready()
    abroad = addressed(receivers_operator.namespace, receiver)
    status = receivers_operator.deliver(abroad, "Sent", within=20)["status"]
    assert targets(status) == [Target(receiver.key(), "Delivered", 1)]

    at_home = addressed(receivers.home, receiverRefs=[{"name": receiver.name}])
    status = receivers_operator.deliver(at_home, "Sent", within=20)["status"]
    assert targets(status) == [Target(receiver.key(own=True), "Delivered", 1)]
    receivers_operator.purge(at_home)


@pytest.mark.check("receivers-47")
def test_recipients_that_a_receiver_lists_cannot_be_tried(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    person = "on-call@example.com"
    shared, other = (receivers.add("email", block={"to": [person]}).ready() for _ in range(2))

    obj = addressed(receivers_operator.namespace, shared, other)
    status = receivers_operator.deliver(obj, "Sent", within=20)["status"]

    names = [shared.key(person), other.key(person)]
    assert sorted(entry.name for entry in targets(status)) == sorted(names)
    first, second = (TargetKey.parse(name).address[-ADDRESS_DIGITS:] for name in names)
    assert first != second
    assert {first, second}.isdisjoint(
        digest(person.encode()).hexdigest()[:ADDRESS_DIGITS] for digest in (hashlib.sha256, hashlib.blake2b)
    )

    shared.patch(recipients={"allow": ["*@example.com"]})
    shared.ready()
    for tried in (person, "stranger@example.com"):
        silent = addressed(
            receivers_operator.namespace,
            shared,
            recipients=[{"email": tried}],
            deliverBefore="2026-01-01T00:00:00Z",
        )
        status = receivers_operator.deliver(silent, "Failed", within=20)["status"]
        named = shared.key(digits=address_digits(tried))
        assert {(entry.name, entry.state) for entry in targets(status)} == {
            (shared.key(person), "Expired"),
            (named, "Expired"),
        }


@pytest.mark.check("receivers-23")
@pytest.mark.xdist_group("default-receivers")
def test_channel_goes_to_the_default_receiver_of_the_platform(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    other = receivers.add("discord").ready()
    default = receivers.add("discord", annotations=DEFAULT).ready()
    obj = notification(receivers_operator.namespace, channels=["discord", "console"], recipients=None)

    status = receivers_operator.deliver(obj, "Sent", within=20)["status"]

    assert targets(status) == [Target("console", "Delivered", 1), Target(default.key(), "Delivered", 1)]
    assert len(default.account.hits()) == 1
    assert other.account.hits() == []


@pytest.mark.check("receivers-24")
@pytest.mark.xdist_group("default-receivers")
def test_default_receiver_of_the_own_namespace_comes_first(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    platform = receivers.add("webhook", annotations=DEFAULT).ready()
    own = receivers.add(
        "webhook",
        namespace=receivers_operator.namespace,
        annotations=DEFAULT,
        secret=False,
        tls=None,
        block={"headersSecretRef": None, "allowedNetworks": None},
    )
    own.ready()
    obj = notification(receivers_operator.namespace, channels=["webhook"], recipients=None, retryPolicy=FLAT1)

    # The services of the tests have private addresses, which a receiver outside the operator's namespace cannot open.
    status = receivers_operator.deliver(obj, "Failed", within=20)["status"]

    assert [entry.name for entry in targets(status)] == [own.key(own=True)]
    assert "AddressNotAllowed" in json.dumps(status["targets"])
    assert platform.account.hits() == []


@pytest.mark.check("receivers-25")
def test_channel_without_a_default_receiver_fails_at_once(receivers_operator: OperatorUnderTest) -> None:
    obj = notification(receivers_operator.namespace, channels=["teams"], recipients=None, retryPolicy=fast(5))
    status = receivers_operator.deliver(obj, "Failed", within=10)["status"]
    assert "NoDefaultReceiver" in json.dumps(status)
    assert [entry["permanent"] for entry in status["deliveryAttempts"]] == [True]
