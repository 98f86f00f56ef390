"""The table of channel types, and the names that are generated from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from notification_contract.kinds import channel_names
from notification_contract.kinds.channel_types import CHANNEL_TYPES
from notification_contract.kinds.notification import Recipient
from notification_contract.kinds.receiver import ReceiverSpec, parse_spec
from notification_contract.routing.receivers import KINDS
from tests.unit.operator.contract.kinds.specs import BLOCKS

if TYPE_CHECKING:
    from notification_contract.kinds.channel_type import ChannelType

TYPES = pytest.mark.parametrize("channel_type", CHANNEL_TYPES.values(), ids=lambda each: each.name)


def test_generated_names_are_those_of_the_table() -> None:
    assert [*channel_names.ReceiverType] == [*CHANNEL_TYPES]
    assert {name for name, each in CHANNEL_TYPES.items() if each.is_shared} == channel_names.SHARED
    assert {name for name, each in CHANNEL_TYPES.items() if each.opens_incidents} == channel_names.INCIDENTS
    addresses = {name: each.address for name, each in CHANNEL_TYPES.items() if each.address}
    assert addresses == channel_names.ADDRESSES
    assert tuple(name for name, each in CHANNEL_TYPES.items() if each.in_channels) == channel_names.CHANNELS


def test_routing_kinds_deliver_in_the_order_of_the_contract() -> None:
    assert [*KINDS][:5] == ["slack", "pagerduty", "email", "webhook", "console"]
    assert KINDS["msteams"] == "teams"
    assert set(KINDS.values()) == set(channel_names.CHANNELS)


@TYPES
def test_spec_has_the_block_of_the_type(channel_type: ChannelType) -> None:
    field = ReceiverSpec.model_fields.get(channel_type.name)
    assert (field is None) == channel_type.is_shared
    assert (channel_type.name in BLOCKS) != channel_type.is_shared


@TYPES
def test_facts_name_fields_that_exist(channel_type: ChannelType) -> None:
    fields = {field.alias for field in ReceiverSpec.model_fields.values()}
    assert fields >= set(channel_type.without_effect)
    if channel_type.address:
        assert channel_type.address in Recipient.model_fields
        assert channel_type.block is not None
        assert "to" in channel_type.block.model_fields


def test_block_is_returned_by_its_model() -> None:
    model = CHANNEL_TYPES["teams"].block
    assert model is not None
    spec = parse_spec({"type": "teams", "teams": BLOCKS["teams"]})
    assert spec.block_as(model) is spec.block
