"""The receivers of the stack tests are accepted by a real API server, with its schema and its admission policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from notification_contract.kinds.receiver import parse_spec
from tests.api_server.conftest import NAMESPACE
from tests.harness.receiver_types import SLACK_WEBHOOK, TYPES
from tests.harness.receivers import Receivers, secret_object

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.api_server.conftest import ApiServer

pytestmark = pytest.mark.xdist_group("api-server")


@pytest.fixture
def receivers(api_server: ApiServer) -> Iterator[Receivers]:
    receivers = Receivers(api_server.cluster, sink="http://127.0.0.1:1", home=NAMESPACE)
    # In the disposable stack it is copied from the sink.
    api_server.cluster.apply(secret_object(NAMESPACE, "counterparts-authority", {"ca.crt": "certificate"}))
    yield receivers
    receivers.delete_all()


@pytest.mark.parametrize("kind", [*TYPES.values(), SLACK_WEBHOOK], ids=[*TYPES, "slack-webhook"])
def test_receiver_of_each_type_is_stored_as_it_was_made(receivers: Receivers, kind: object) -> None:
    receiver = receivers.add(kind, secret=False)  # type: ignore[arg-type]  # the parameter is a ReceiverType
    stored, written = receiver.stored()["spec"], receivers.manifest(receiver)["spec"]
    # The schema adds defaults, which are those of the typed spec.
    assert parse_spec(stored).secret_uses() == parse_spec(written).secret_uses()
    assert stored[stored["type"]].keys() >= written[written["type"]].keys()
    assert stored["allowedNamespaces"] == {"from": "All"}
    assert receivers.objects()[0]["metadata"]["uid"] == receiver.stored()["metadata"]["uid"]


def test_receivers_are_changed_and_deleted(receivers: Receivers) -> None:
    receiver = receivers.add("webhook", secret=False, suspend=True)
    receiver.patch(suspend=False, description="awake")
    receiver.annotate(**{"kubernaut.ai/test-requested-at": "2026-01-01T00:00:00Z"})
    stored = receiver.stored()
    assert (stored["spec"]["suspend"], stored["spec"]["description"]) == (False, "awake")
    assert stored["metadata"]["annotations"] == {"kubernaut.ai/test-requested-at": "2026-01-01T00:00:00Z"}
    receiver.set_credential("a credential")
    assert receivers.cluster.has_secret(NAMESPACE, receiver.secret)

    receivers.delete_all()

    assert receivers.objects() == []
    assert not receivers.cluster.has_secret(NAMESPACE, receiver.secret)
