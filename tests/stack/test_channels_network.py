"""Group channels: encryption, certificates, and the addresses that a receiver may lead to."""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from notification_contract.names import SECRET_LABEL
from tests.harness.counterparts import HOST, MAIL_PORTS
from tests.harness.notifications import FLAT1, addressed
from tests.harness.receiver_types import NETWORKS
from tests.harness.sinks_in_cluster import sign, tls_secret

if TYPE_CHECKING:
    from tests.harness.operator_under_test import OperatorUnderTest
    from tests.harness.receivers import Receivers, StoredReceiver

pytestmark = pytest.mark.needs_pod


def is_refused(operator: OperatorUnderTest, receiver: StoredReceiver, reason: str) -> str:
    """Send one message, which must fail for this reason, and return its status as text."""
    obj = addressed(operator.namespace, receiver, retryPolicy=FLAT1)
    status = operator.deliver(obj, "Failed", within=20)["status"]
    (only,) = status["targets"]
    assert (only["state"], reason in only["lastError"]) == ("Refused", True), only
    receiver.wait("Healthy", "False", reason)
    return json.dumps(status)


def is_sent(operator: OperatorUnderTest, receiver: StoredReceiver) -> None:
    operator.deliver(addressed(operator.namespace, receiver), "Sent", within=20)


@pytest.mark.check("channels-34")
def test_mail_server_without_starttls_gets_nothing(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("email", block={"port": MAIL_PORTS["None"]}).ready()
    status = is_refused(receivers_operator, receiver, "TLSUnavailable")
    assert receiver.credential not in status
    assert receiver.account.mails() == []


@pytest.mark.check("channels-35")
def test_mail_is_sent_over_tls_from_the_start(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    receiver = receivers.add("email", block={"port": MAIL_PORTS["TLS"], "security": "TLS"}).ready()
    is_sent(receivers_operator, receiver)
    (mail,) = receiver.account.mails()
    assert (mail["accepted"], mail["encrypted"], mail["user"]) == (True, True, receiver.account.name)


@pytest.mark.check("channels-36")
def test_certificate_of_an_unknown_authority_is_refused(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    for kind in ("webhook", "email"):
        receiver = receivers.add(kind, tls=None).ready()
        is_refused(receivers_operator, receiver, "CertificateInvalid")
        assert receiver.account.hits() == receiver.account.mails() == []


@pytest.mark.check("channels-37")
def test_certificate_is_verified_by_the_server_name(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    service = receivers.cluster.core.read_namespaced_service("counterparts", "sinks")
    account = receivers.account()
    block = {"url": f"https://{service.spec.cluster_ip}/at/{account.name}/webhook"}
    receiver = receivers.add("webhook", account=account, block=block).ready()
    is_refused(receivers_operator, receiver, "CertificateInvalid")

    receiver.patch(tls={"serverName": HOST})
    receiver.ready()
    is_sent(receivers_operator, receiver)
    assert len(account.hits()) == 1


@pytest.mark.check("channels-38")
def test_certificate_of_the_client_is_presented(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    name = f"client-{uuid.uuid4().hex[:8]}"
    certificate = sign(receivers_operator.workload.node, name)
    receivers.apply(tls_secret(receivers.home, name, certificate, labels={SECRET_LABEL: "true"}))
    tls = {"caSecretRef": {"name": receivers.authority(receivers.home)}, "certSecretRef": {"name": name}}
    receiver = receivers.add("webhook", tls=tls).ready()
    is_sent(receivers_operator, receiver)
    (hit,) = receiver.account.hits()
    assert hit["client"] == name


def test_address_of_no_service_does_not_lead_out_of_the_cluster(
    receivers_operator: OperatorUnderTest,
) -> None:
    node, free = receivers_operator.workload.node, "10.96.255.254"
    table = node.run("iptables --wait --table=mangle --numeric --list POSTROUTING")
    assert re.search(r"^DROP .* 10\.96\.0\.0/16", table, re.MULTILINE)
    connect = f"timeout 2 bash -c '</dev/tcp/{free}/443' 2>/dev/null && echo connected || echo no"
    assert node.run(connect) == "no\n"


@pytest.mark.check("channels-39")
def test_address_of_a_metadata_service_is_refused(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    networks = ["169.254.0.0/16", "fd00::/8", *NETWORKS]
    for host in ("169.254.169.254", "[fd00:ec2::254]"):
        block: dict[str, Any] = {"url": f"https://{host}/latest/meta-data", "allowedNetworks": networks}
        receiver = receivers.add("webhook", block=block)
        ready = receiver.wait("Ready", "False", "Invalid")
        assert "metadata service" in ready["message"]
        obj = addressed(receivers_operator.namespace, receiver, retryPolicy=FLAT1)
        status = receivers_operator.deliver(obj, "Failed", within=20)["status"]
        assert "ReceiverNotReady" in json.dumps(status)


@pytest.mark.check("channels-40")
def test_private_address_is_refused_unless_its_network_is_allowed(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    for kind in ("webhook", "email"):
        receiver = receivers.add(kind, block={"allowedNetworks": None}).ready()
        is_refused(receivers_operator, receiver, "AddressNotAllowed")
        assert receiver.account.hits() == receiver.account.mails() == []
        receiver.patch(**{kind: {"allowedNetworks": NETWORKS}})
        receiver.ready()
        is_sent(receivers_operator, receiver)


@pytest.mark.check("channels-41")
def test_plain_http_is_refused_unless_it_is_permitted(
    receivers_operator: OperatorUnderTest, receivers: Receivers
) -> None:
    account = receivers.account()
    url = f"http://sink.sinks.svc:8080/at/{account.name}/webhook"
    with pytest.raises(AssertionError, match=r"answered 422.*only https is accepted"):
        receivers.add("webhook", block={"url": url})

    # Nobody sees a URL in a Secret before the operator does.
    block = {"url": None, "urlSecretRef": {"name": receivers.secret({"url": url})}}
    receiver = receivers.add("webhook", account=account, block=block)
    ready = receiver.wait("Ready", "False", "Invalid")
    assert "refuses the scheme 'http'" in ready["message"]

    receiver.patch(webhook={"insecure": True})
    receiver.ready()
    is_sent(receivers_operator, receiver)
    assert len(account.hits()) == 1
