"""The builder: what a receiver lacks, and whose channel it uses."""

from __future__ import annotations

import pytest

from notification_domain.receivers.health import ReadyReason
from notification_domain.receivers.references import ObjectKey, ObjectState, ReferenceReason
from notification_operator.endpoints.endpoint import Delivery
from notification_operator.endpoints.limits import Limits
from notification_runtime.delivery.channel import InvalidOptionsError, Permanent
from notification_runtime.delivery.http.egress_policy import AddressNotAllowedError
from tests.unit.operator.domain.receivers.entries import HOME, receiver
from tests.unit.operator.endpoints.stage import BLOCKS, Stage

ALL = {"from": "All"}
HOOK = receiver("hook", block=BLOCKS)


def test_readiness_says_what_was_read() -> None:
    stage = Stage(HOOK)
    stage.secrets.put("hook", url="https://a.example.com")
    ready = stage.readiness(HOOK)
    assert (ready.references, ready.references_message) == (ReferenceReason.FOUND, "Read Secret hook")
    assert (ready.secret_version, ready.reason, ready.sendable) == ("hook=1", ReadyReason.ACCEPTED, True)


@pytest.mark.parametrize("error", [InvalidOptionsError("bad key"), AddressNotAllowedError("bad address")])
def test_receiver_that_can_never_work_is_invalid(error: Exception) -> None:
    stage = Stage(receiver("hook"))
    stage.creator.failure = error
    ready = stage.readiness(stage.catalog.receivers[stage.key()])
    assert (ready.reason, ready.message, ready.sendable) == (ReadyReason.INVALID, str(error), False)
    assert str(error) in str(stage.refusal().error)


def test_fault_of_one_receiver_fails_no_other_and_shows_no_secret() -> None:
    stage = Stage(receiver("hook"))
    stage.creator.failure = LookupError("hunter2")
    ready = stage.readiness(stage.catalog.receivers[stage.key()])
    assert (ready.reason, ready.sendable) == (ReadyReason.INVALID, False)
    assert ready.message == "the receiver cannot be used; see the log of the operator"


async def test_template_that_is_not_valid_is_reported_and_the_receiver_is_used() -> None:
    stage = Stage(receiver("hook", template={"inline": {"body": "{% if %}"}}))
    entry = stage.catalog.receivers[stage.key()]
    assert stage.readiness(entry).reason is ReadyReason.ACCEPTED, "it is not compiled in the event loop"
    ready = await stage.examine(entry)
    assert (ready.reason, ready.message) == (
        ReadyReason.TEMPLATE_INVALID,
        "template, body: line 1: Expected an expression, got 'end of statement block'",
    )
    assert ready.sendable
    assert isinstance(stage.find("webhook/hook"), Delivery)


def test_missing_config_map_is_reported_and_the_receiver_is_used() -> None:
    stage = Stage(receiver("hook", template={"configMapRef": {"name": "texts"}}))
    entry = stage.catalog.receivers[stage.key()]
    ready = stage.readiness(entry)
    assert (ready.reason, ready.sendable) == (ReadyReason.TEMPLATE_INVALID, True)
    assert ready.message == (
        "template.configMapRef: ConfigMap texts in namespace shop cannot be read; create it"
    )
    stage.config_maps.put("texts", subject="s", other="x")
    stage.replace(entry.key)
    assert stage.readiness(entry).reason is ReadyReason.ACCEPTED


def test_config_map_that_is_too_much_is_reported_and_the_receiver_is_used() -> None:
    stage = Stage(receiver("hook", template={"configMapRef": {"name": "texts"}}))
    stage.config_maps.states[ObjectKey("shop", "texts")] = ObjectState(known=True, excess=True)
    ready = stage.readiness(stage.catalog.receivers[stage.key()])
    assert (ready.reason, ready.sendable) == (ReadyReason.TEMPLATE_INVALID, True)
    assert (
        "ConfigMap texts is not read: receivers of namespace shop refer to more Secrets and ConfigMaps"
        in ready.message
    )


def test_receiver_of_a_shared_channel_uses_that_of_the_settings() -> None:
    stage = Stage(receiver("local", "console"), receiver("disk", "file"))
    delivery = stage.delivery("console/local")
    assert (delivery.channel, delivery.endpoint.name) == (stage.console, "console/shop/local")
    assert stage.creator.created == []
    assert "the operator has no channel file; enable channels.file in its settings" in str(
        stage.refusal("file/disk").error
    )


def test_shared_channel_is_only_for_its_namespaces() -> None:
    stage = Stage(
        receiver("local", "console"),
        receiver("local", "console", namespace=HOME, allowedNamespaces=ALL),
        console_limits=Limits(namespaces=(HOME, "bank")),
    )
    assert "namespace shop may not use the channel console" in str(stage.refusal("console/local").error)
    assert isinstance(stage.find(f"console/{HOME}/local", stage.message(namespace="bank")), Delivery)


def test_shared_channel_is_not_opened_by_a_receiver_of_another_namespace() -> None:
    stage = Stage(
        receiver("local", "console", namespace=HOME, allowedNamespaces=ALL),
        console_limits=Limits(namespaces=(HOME,)),
    )
    refused = stage.refusal(f"console/{HOME}/local")
    assert (type(refused.error), refused.reason) == (Permanent, "ChannelNotAllowed")
    assert "the namespace 'shop' may not use the channel 'console', which is for platform;" in str(
        refused.error
    )
