"""The receivers of the stack tests are valid, and lead to the services of the sink."""

from __future__ import annotations

import pytest

from notification_contract.kinds.receiver import parse_spec
from tests.harness.counterparts import HOST, Account
from tests.harness.receiver_types import SLACK_WEBHOOK, TYPES, ReceiverType
from tests.harness.sink.services.table import SERVICES

EVERY = {**TYPES, "slack-webhook": SLACK_WEBHOOK}
ACCOUNT = Account(base="http://127.0.0.1:1", name="a1")


@pytest.mark.parametrize("kind", EVERY.values(), ids=EVERY)
def test_block_is_valid_and_reads_every_key_of_its_secret(kind: ReceiverType) -> None:
    spec = parse_spec({"type": kind.type, kind.type: kind.block(ACCOUNT, "credentials")})
    assert "allowedNetworks" in " ".join(spec.restricted_fields())
    keys = {use.key for use in spec.secret_uses() if use.name == "credentials"}
    assert keys == set(kind.secret(ACCOUNT, "x"))
    assert kind.people is spec.addresses_people


@pytest.mark.parametrize("kind", EVERY.values(), ids=EVERY)
def test_receiver_leads_to_its_own_account(kind: ReceiverType) -> None:
    texts = [*kind.secret(ACCOUNT, "x").values(), *map(str, kind.block(ACCOUNT, "credentials").values())]
    if kind.type == "email":
        assert HOST in texts
        assert "operator@a1.example" in texts
    else:
        assert any(text.startswith(f"https://{HOST}/at/a1") for text in texts)


def test_every_service_has_a_type_of_receiver() -> None:
    assert SERVICES.keys() | {"email"} == EVERY.keys()
