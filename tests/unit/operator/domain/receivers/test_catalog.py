"""The catalog: who may use a receiver, and which receiver is the default."""

from typing import Any

import pytest

from notification_domain.receivers.catalog import EMPTY, ReceiverKey
from tests.unit.operator.domain.receivers.entries import HOME, catalog, receiver

ALL: dict[str, Any] = {"from": "All"}
PRODUCTION: dict[str, Any] = {"from": "Selector", "selector": {"matchLabels": {"tier": "prod", "team": "a"}}}


def test_receiver_is_found_by_namespace_and_name() -> None:
    on_call = receiver()
    assert catalog(on_call).get(ReceiverKey("shop", "on-call")) is on_call
    assert catalog(on_call).get(ReceiverKey("bank", "on-call")) is None
    assert str(on_call.key) == "shop/on-call"


@pytest.mark.parametrize(
    ("allowed", "namespace", "allows"),
    [
        ({"from": "Same"}, "shop", True),
        ({"from": "Same"}, "bank", False),
        (ALL, "bank", True),
        (PRODUCTION, "shop", True),
        (PRODUCTION, "bank", True),
        (PRODUCTION, "office", False),
        (PRODUCTION, "unknown", False),
        ({"from": "Selector", "selector": {"matchLabels": {}}}, "unknown", True),
    ],
)
def test_namespaces_that_may_use_a_receiver(
    allowed: dict[str, Any],
    namespace: str,
    allows: bool,  # noqa: FBT001 - a column of the table
) -> None:
    shared = receiver(allowedNamespaces=allowed)
    labels = {"bank": {"tier": "prod", "team": "a", "more": "x"}, "office": {"tier": "prod"}}
    assert catalog(shared, labels=labels).allows(shared, namespace) is allows


def test_unknown_labels_leave_undecided_who_may_use_a_selecting_receiver() -> None:
    labels: dict[str, dict[str, str]] = {"bank": {}}
    selecting, open_to_all, own = (
        receiver(allowedNamespaces=PRODUCTION),
        receiver(allowedNamespaces=ALL),
        receiver(),
    )
    rules = catalog(labels=labels)
    assert rules.is_undecided(selecting, "new")
    assert not any(rules.is_undecided(selecting, namespace) for namespace in ("bank", "shop"))
    assert not any(rules.is_undecided(each, "new") for each in (open_to_all, own))


def default_of(*receivers: tuple[str, str, dict[str, Any]], channel: str = "webhook") -> str:
    entries = [
        receiver(name, namespace=namespace, default=True, allowedNamespaces=allowed)
        for namespace, name, allowed in receivers
    ]
    default = catalog(*entries, labels={"shop": {}}).default(channel, "shop")
    return str(default.key) if default else ""


def test_default_of_the_own_namespace_comes_before_that_of_the_operator() -> None:
    assert default_of((HOME, "a", ALL), ("shop", "z", {})) == "shop/z"
    assert default_of((HOME, "a", ALL), ("bank", "b", ALL)) == "platform/a"


def test_first_default_by_name_counts() -> None:
    assert default_of(("shop", "c", {}), ("shop", "a", {}), ("shop", "b", {})) == "shop/a"


def test_default_of_the_operator_counts_only_where_it_allows() -> None:
    assert default_of((HOME, "a", {}), (HOME, "b", ALL)) == "platform/b"
    assert default_of((HOME, "a", {})) == ""
    assert default_of((HOME, "a", PRODUCTION)) == ""


def test_default_counts_while_the_labels_of_the_namespace_are_not_known() -> None:
    shared = receiver(namespace=HOME, default=True, allowedNamespaces=PRODUCTION)
    assert catalog(shared).default("webhook", "new") is shared


def test_default_has_the_type_and_the_annotation() -> None:
    assert default_of(("shop", "a", {}), channel="email") == ""
    assert catalog(receiver()).default("webhook", "shop") is None
    assert EMPTY.default("webhook", "shop") is None


def test_default_of_an_operator_in_the_same_namespace_is_found_once() -> None:
    own = receiver(namespace=HOME, default=True)
    assert catalog(own).default("webhook", HOME) is own
