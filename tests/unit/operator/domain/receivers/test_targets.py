"""Targets: from the names of a notification to keys, and what holds for each (DD-TARGET-001)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from notification_contract.kinds.target import MAX_TARGETS, address_digits, listed_digits
from notification_domain.model import parse
from notification_domain.receivers.catalog import ReceiverKey
from notification_domain.receivers.targets import (
    NO_RULES,
    Resolver,
    TargetRules,
    address_of,
    fits,
    receiver_of,
    recipient_of,
    too_many,
)
from tests.unit.operator.domain.builders import notification, stored
from tests.unit.operator.domain.receivers.entries import HOME, catalog, receiver, resolver

if TYPE_CHECKING:
    from notification_domain.model import Notification

OPS, BOSS = "ops@example.com", "boss@example.com"
MAIL = receiver("smtp", "email", block={"to": [OPS, BOSS]})
OPEN_MAIL = receiver("smtp", "email", recipients={"allow": ["*@example.com"]})


def referring(*refs: str, channels: tuple[str, ...] = (), **spec: Any) -> Notification:
    """Return a notification that names receivers, as `name` or `namespace/name`."""
    entries = [dict(zip(("name", "namespace"), reversed(ref.split("/")), strict=False)) for ref in refs]
    return parse(stored(spec={"channels": list(channels), "receiverRefs": entries} | spec))


def email(address: str, name: str = "email/smtp", *, uid: str = MAIL.uid) -> str:
    """Return the target of a recipient that a receiver lists."""
    return f"{name}#{listed_digits(address, uid)}"


def named(address: str) -> str:
    """Return the target of a recipient that a notification names."""
    return f"email/smtp#{address_digits(address)}"


@pytest.mark.parametrize(
    ("target", "key"),
    [
        ("slack", None),
        ("slack/checkout", ReceiverKey("shop", "checkout")),
        ("slack/bank/checkout", ReceiverKey("bank", "checkout")),
        ("email/smtp#1f3a9c20", ReceiverKey("shop", "smtp")),
        ("receiver/missing", ReceiverKey("shop", "missing")),
        # What a forged status may hold.
        ("slack/", None),
        ("slack//checkout", None),
        ("a/b/c/d", None),
        ("slack/checkout#", None),
        ("#/", None),
    ],
)
def test_receiver_of_a_target(target: str, key: ReceiverKey | None) -> None:
    assert receiver_of(target, "shop") == key


def test_channels_of_the_settings_and_unknown_ones_are_their_own_targets() -> None:
    assert resolver().targets(notification("console", "plugin"), ["console", "plugin"]) == (
        "console",
        "plugin",
    )


@pytest.mark.parametrize(
    ("target", "leads"),
    [
        ("console", True),
        ("slack", False),
        ("webhook/hook", True),
        ("slack/hook", False),
        ("receiver/hook", False),
        ("webhook/missing", False),
        ("webhook/broken", True),
        (email(OPS), True),
        (named(OPS), False),
        (email("gone@example.com"), False),
        ("email/smtp", False),
        ("webhook/bank/closed", False),
        ("webhook/bank/undecided", True),
    ],
)
def test_target_that_another_notification_names_may_lead_nowhere(target: str, leads: bool) -> None:  # noqa: FBT001
    selector = {"from": "Selector", "selector": {"matchLabels": {"team": "web"}}}
    known = catalog(
        MAIL,
        receiver("hook"),
        receiver("closed", namespace="bank"),
        receiver("undecided", namespace="bank", allowedNamespaces=selector),
    )
    known = replace(known, problems={ReceiverKey("shop", "broken"): ["there are too many"]})
    tested = Resolver(catalog=known, configured=frozenset({"console"}))
    assert tested.leads(notification(), target, [target]) is leads


def test_reference_is_the_target_of_its_receiver() -> None:
    receivers = (receiver("a"), receiver("b", "slack", namespace=HOME, allowedNamespaces={"from": "All"}))
    fresh = referring("a", f"{HOME}/b", "shop/a")
    assert resolver(*receivers).targets(fresh, ()) == ("webhook/a", "slack/platform/b")


def test_receiver_that_does_not_exist_has_a_placeholder() -> None:
    assert resolver().targets(referring("a", "bank/b"), ()) == ("receiver/a", "receiver/bank/b")


@pytest.mark.parametrize(
    "allowed", [{"from": "Same"}, {"from": "Selector", "selector": {"matchLabels": {"tier": "prod"}}}]
)
@pytest.mark.parametrize("labels", [{}, {"shop": {"tier": "dev"}}])
@pytest.mark.parametrize("kind", ["webhook", "email", "sms"])
def test_receiver_that_may_not_be_used_has_a_placeholder_without_digits(
    kind: str, labels: dict[str, dict[str, str]], allowed: dict[str, Any]
) -> None:
    """Else the status of whoever names it shows its type and digits of its recipients."""
    closed = receiver("pager", kind, namespace="hr", allowedNamespaces=allowed)
    fresh = referring("hr/pager", recipients=[{"email": BOSS, "phone": "+4915112345678"}])
    known = resolver(closed, labels=labels)
    assert known.targets(fresh, ()) == ("receiver/hr/pager",)
    assert known.kept(fresh, ("receiver/hr/pager",)) == ("receiver/hr/pager",)
    assert resolver().targets(fresh, ()) == known.targets(fresh, ()), "as if it did not exist"


def test_placeholder_is_replaced_when_its_receiver_allows_the_namespace() -> None:
    opened = receiver(
        "pager", "email", namespace="hr", block={"to": [OPS]}, allowedNamespaces={"from": "All"}
    )
    kept = resolver(opened).kept(referring("hr/pager"), ("receiver/hr/pager",))
    assert kept == (email(OPS, "email/hr/pager", uid=opened.uid),)


def test_fallback_that_may_not_be_used_has_a_placeholder() -> None:
    receivers = (
        receiver("a", namespace=HOME, fallback={"name": "smtp"}, allowedNamespaces={"from": "All"}),
        receiver("smtp", "email", namespace=HOME),
    )
    target = f"webhook/{HOME}/a"
    assert resolver(*receivers).rules(referring(f"{HOME}/a"), [target])[target].fallback == (
        f"receiver/{HOME}/smtp",
    )


def test_channel_without_settings_is_the_default_receiver() -> None:
    hook = receiver("hook", default=True)
    targets = resolver(hook, receiver("smtp", "email", default=True)).targets(
        notification(), ["webhook", "email"]
    )
    assert targets == ("webhook/hook", email(OPS))
    assert resolver(receiver("hook")).targets(notification(), ["webhook"]) == ("webhook",)


def test_channel_of_the_settings_comes_before_the_default_receiver() -> None:
    assert resolver(receiver("local", "console", default=True)).targets(notification(), ["console"]) == (
        "console",
    )


def test_key_of_routing_is_looked_up() -> None:
    hook = receiver("hook", namespace=HOME, allowedNamespaces={"from": "All"})
    targets = resolver(hook).targets(notification(), [f"receiver/{HOME}/hook", "receiver/gone"])
    assert targets == ("webhook/platform/hook", "receiver/gone")


def test_each_recipient_is_a_target_of_its_own() -> None:
    assert resolver(MAIL).targets(referring("smtp"), ()) == (email(OPS), email(BOSS))


def test_receiver_of_addresses_without_recipients_is_one_target() -> None:
    silent = receiver("smtp", "email", block={"to": []}, recipients={"allow": ["*"]})
    assert resolver(silent).targets(referring("smtp"), ()) == ("email/smtp",)


def test_target_is_named_once_however_often_it_is_meant() -> None:
    hook = receiver("hook", default=True)
    assert resolver(hook).targets(referring("hook", channels=("webhook",)), ["webhook"]) == ("webhook/hook",)


@pytest.mark.parametrize(
    ("entry", "field", "kind"), [(BOSS, "email", "email"), ("+4915112345678", "phone", "sms")]
)
def test_recipients_of_the_spec_are_targets_if_the_receiver_accepts_any(
    entry: str, field: str, kind: str
) -> None:
    fresh = referring("r", recipients=[{field: entry}, {field: entry}, {"slack": "#a"}, {field: ""}])
    accepting = receiver("r", kind, recipients={"allow": ["*"]}, block={"to": []})
    closed = receiver("r", kind)
    listed = tuple(f"{kind}/r#{listed_digits(each, closed.uid)}" for each in closed.spec.own_addresses)
    assert resolver(accepting).targets(fresh, ()) == (f"{kind}/r#{address_digits(entry)}",)
    assert resolver(closed).targets(fresh, ()) == listed


def test_digits_of_recipients_that_a_receiver_lists_belong_to_it() -> None:
    """The others are those of the notification, whose status has them."""
    fresh = referring("smtp", recipients=[{"email": BOSS}, {"email": OPS}])
    assert resolver(OPEN_MAIL).targets(fresh, ()) == (email(OPS), named(BOSS))


@pytest.mark.parametrize("allow", ["*@example.com", "nobody@example.org"])
def test_other_namespace_cannot_tell_who_is_listed_from_its_targets(allow: str) -> None:
    """It may name people for whom nothing is sent, such as in a notification that has expired when it is created."""
    shared = receiver(
        "smtp",
        "email",
        namespace="hr",
        block={"to": [OPS]},
        recipients={"allow": [allow]},
        allowedNamespaces={"from": "All"},
    )
    seen = []
    for person in (OPS, BOSS):
        fresh = referring("hr/smtp", recipients=[{"email": person}])
        own, tried = resolver(shared).targets(fresh, ())
        assert (own, tried.partition("#")[2]) == (
            email(OPS, "email/hr/smtp", uid=shared.uid),
            address_digits(person),
        )
        seen.append(bool(recipient_of(tried, shared, fresh.content, (own, tried))))
    assert seen[0] is seen[1] is allow.startswith("*")


def test_default_receiver_that_may_not_be_used_yet_has_a_placeholder() -> None:
    selector = {"from": "Selector", "selector": {"matchLabels": {"team": "web"}}}
    undecided = receiver("smtp", "email", namespace=HOME, default=True, allowedNamespaces=selector)
    assert resolver(undecided).targets(notification(), ["email"]) == (f"receiver/{HOME}/smtp",)


def test_address_of_a_target_is_found_by_its_digits() -> None:
    content = referring("smtp", recipients=[{"email": BOSS}]).content
    for target, address in ((email(OPS), OPS), (named(BOSS), BOSS)):
        assert address_of(target, OPEN_MAIL, content, [target]) == address
    for gone in (email("gone@example.com"), named("gone@example.com"), email(BOSS), named(OPS)):
        assert address_of(gone, OPEN_MAIL, content, [gone]) == ""


@pytest.mark.parametrize(
    ("address", "accepted"),
    [("Someone@EXAMPLE.com", True), ("x@example.org", False), ("x@example.com.evil.org", False)],
)
def test_named_recipients_that_a_receiver_accepts(address: str, accepted: bool) -> None:  # noqa: FBT001 - a column
    content = referring("smtp", recipients=[{"email": address}]).content
    assert bool(recipient_of(named(address), OPEN_MAIL, content, ())) is accepted


def test_listed_recipients_are_accepted_without_a_pattern() -> None:
    assert recipient_of(email(BOSS), MAIL, referring("smtp").content, ()) == BOSS


def test_targets_of_a_receiver_created_again_keep_their_places() -> None:
    again, content = replace(MAIL, uid="another"), referring("smtp").content
    recorded = ("console", "email/other#7b019d44c02e", email(OPS), named(OPS), email(BOSS))
    assert address_of(email(OPS), again, content, recorded) == OPS
    assert address_of(email(BOSS), again, content, recorded) == BOSS
    [alone] = resolver(again).targets(referring("smtp"), ())[:1]
    assert (alone, address_of(alone, again, content, recorded)) == (email(OPS, uid="another"), OPS)


@pytest.mark.parametrize("recorded", [(), (email(OPS),), (email(OPS), email(BOSS), email("x@example.com"))])
def test_targets_of_a_receiver_created_with_more_recipients_are_nobodys(
    recorded: tuple[str, ...],
) -> None:
    again, content = replace(MAIL, uid="another"), referring("smtp").content
    assert address_of(email(OPS), again, content, recorded) == ""


def test_listed_recipients_with_recorded_targets_get_no_others() -> None:
    """Else a fallback that has joined joins again after its receiver was created again."""
    recorded = (email(OPS, uid="earlier"), email(BOSS, uid="earlier"))
    targets = [{"name": each, "state": "Waiting", "attempts": 0} for each in recorded]
    spec = {"receiverRefs": [{"name": "a"}]}
    joined = parse(stored(spec=spec, status={"phase": "Retrying", "targets": targets}))
    receivers = (receiver("a", fallback={"name": "smtp"}), MAIL)
    assert resolver(*receivers).rules(joined, ["webhook/a"])["webhook/a"].fallback == recorded


def test_recorded_targets_stay_whatever_exists() -> None:
    recorded = ("slack/gone", email("gone@example.com"), "console")
    assert resolver(MAIL, receiver("gone")).kept(referring("smtp"), recorded) == recorded


def test_placeholder_is_replaced_when_its_receiver_exists() -> None:
    fresh = referring("smtp", "missing", "hook")
    kept = resolver(MAIL, receiver("hook")).kept(fresh, ("receiver/smtp", "receiver/missing", "webhook/hook"))
    assert kept == (email(OPS), email(BOSS), "receiver/missing", "webhook/hook")


def test_placeholder_of_a_recorded_receiver_leads_to_no_second_target() -> None:
    assert resolver(receiver("hook")).kept(referring("hook"), ("webhook/hook", "receiver/hook")) == (
        "webhook/hook",
    )


def test_key_that_is_none_is_kept_as_the_name_of_a_channel() -> None:
    assert resolver().kept(notification(), ("receiver/", "a/b/c/d")) == ("receiver/", "a/b/c/d")


def test_rules_are_those_of_the_spec_of_each_receiver() -> None:
    strict = receiver("a", retryPolicy={"maxAttempts": 2}, priorities=["critical"])
    rules = resolver(strict, receiver("b")).rules(referring("a", "b"), ["webhook/a", "webhook/b", "console"])
    assert rules == {"webhook/a": TargetRules(max_attempts=2, muted=True), "webhook/b": TargetRules()}


def test_receiver_is_not_muted_for_its_priorities() -> None:
    fresh = referring("a", priority="critical")
    rules = resolver(receiver("a", priorities=["high", "critical"])).rules(fresh, ["webhook/a"])
    assert not rules["webhook/a"].muted


def test_rules_of_fallbacks_are_known_before_they_join() -> None:
    receivers = (
        receiver("a", fallback={"name": "smtp", "after": "15m"}),
        receiver("smtp", "email", block={"to": [OPS, BOSS]}, fallback={"name": "missing", "also": True}),
    )
    rules = resolver(*receivers).rules(referring("a"), ["webhook/a"])
    following = (email(OPS), email(BOSS))
    assert rules["webhook/a"] == TargetRules(fallback=following, fallback_after=900)
    assert {rules[each] for each in following} == {
        TargetRules(fallback=("receiver/missing",), fallback_after=300, also=True)
    }
    assert set(rules) == {"webhook/a", *following}


@pytest.mark.parametrize("name", [f"{HOME}/smtp", "r2#1", "Smtp"])
def test_fallback_that_is_no_name_is_not_followed(name: str) -> None:
    stored = receiver("a", fallback={"name": name})
    rules = resolver(stored, receiver("smtp", namespace=HOME, allowedNamespaces={"from": "All"})).rules(
        referring("a"), ["webhook/a"]
    )
    assert rules == {"webhook/a": TargetRules()}


def test_fallbacks_of_a_cycle_are_found_once() -> None:
    receivers = [receiver(name, fallback={"name": following}) for name, following in ("ab", "bc", "ca")]
    rules = resolver(*receivers).rules(referring("a"), ["webhook/a"])
    assert {target: each.fallback for target, each in rules.items()} == {
        "webhook/a": ("webhook/b",),
        "webhook/b": ("webhook/c",),
        "webhook/c": ("webhook/a",),
    }


def test_fallback_of_a_receiver_of_another_namespace_is_its_neighbor() -> None:
    receivers = (
        receiver("a", namespace=HOME, fallback={"name": "b"}, allowedNamespaces={"from": "All"}),
        receiver("b", namespace=HOME, allowedNamespaces={"from": "All"}),
    )
    target = f"webhook/{HOME}/a"
    assert resolver(*receivers).rules(referring(f"{HOME}/a"), [target])[target].fallback == (
        f"webhook/{HOME}/b",
    )


def test_receiver_that_may_not_be_used_has_no_say() -> None:
    closed = receiver("a", namespace=HOME, fallback={"name": "b"}, priorities=["low"])
    target = f"webhook/{HOME}/a"
    assert resolver(closed).rules(referring(f"{HOME}/a"), [target]) == {target: NO_RULES}


def test_more_targets_than_fit_are_refused_with_a_hint() -> None:
    assert too_many(map(str, range(MAX_TARGETS))) == ""
    assert too_many(map(str, range(MAX_TARGETS + 1))) == (
        "the notification has 21 targets, but at most 20 are possible; name fewer receivers or recipients, or create "
        "several NotificationRequests"
    )


@pytest.mark.parametrize(
    ("recorded", "fitting"),
    [
        (("webhook/a", "slack"), True),
        (("webhook/a", "slack/default"), True),
        (("webhook/shop/a", "slack", "console/extra"), True),
        (("receiver/a", "slack"), True),
        (("webhook/a",), False),
        (("slack",), False),
        (("webhook/bank/a", "slack"), False),
        ((), False),
    ],
)
def test_recorded_targets_fit_if_they_cover_the_spec(recorded: tuple[str, ...], fitting: bool) -> None:  # noqa: FBT001 - a column
    assert fits(recorded, referring("a", channels=("slack",))) is fitting


def test_any_targets_fit_a_notification_that_routing_decides_about() -> None:
    assert fits(("anything",), replace(notification(), content=notification().content))
