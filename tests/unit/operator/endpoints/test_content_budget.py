"""The budget of content: bounded, fair between namespaces and channels, and never stuck."""

from __future__ import annotations

from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notification_contract.settings.delivery import Delivery
from notification_domain.key import Key
from notification_domain.model import Content
from notification_operator.endpoints.budget import (
    MOST_OVERTAKEN,
    NAMESPACE_ATTEMPTS,
    OVERHEAD,
    PARTS_OF_RECEIVERS,
    RECEIVER_PARTS,
    ContentBudget,
    Reservation,
    content_size,
)

HOOK = "webhook/hook"
"""A target whose part all receivers share."""
MEBIBYTE = 1 << 20
COPIES = 64
"""So many that no content is large: the part of the receivers is the one of their names."""


class BudgetFixture:
    """A budget of 100 MiB per channel, and the objects that it has room for."""

    def __init__(self, *channels: str) -> None:
        names = channels or ("slack",)
        self.granted: list[str] = []
        self.held: dict[str, Reservation] = {}
        self.budget: ContentBudget = ContentBudget(
            100 * MEBIBYTE * (len(names) + len(PARTS_OF_RECEIVERS)),
            channels=names,
            on_room=lambda key: self.granted.append(key.uid),
        )

    @property
    def used(self) -> int:
        """MiB."""
        return self.budget.used // MEBIBYTE

    def reserve(self, name: str, size: int, channel: str = "slack") -> bool:
        """Reserve some MiB in a turn of an object, whose namespace is the first letter of its name."""
        return self.reserve_content(name, content(size), COPIES, channel)

    def reserve_content(self, name: str, size: int, copies: int, channel: str) -> bool:
        """Reserve room for a content of so many bytes."""
        with closing(self.budget.lease(key(name))) as lease:
            reservation = lease.reserve(channel, size, copies)
        if reservation is not None:
            self.held[name] = reservation
        return reservation is not None

    def release(self, name: str) -> None:
        self.held.pop(name).release()


def content(size: int) -> int:
    """Return the bytes of the content whose attempt takes so many MiB."""
    return (size * MEBIBYTE - OVERHEAD) // COPIES


def key(name: str) -> Key:
    return Key(namespace=name[0], name=name, uid=name)


def test_attempts_fit_up_to_the_limit_and_the_next_one_waits() -> None:
    fixture = BudgetFixture()
    assert fixture.reserve("a1", 60)
    assert not fixture.reserve("a2", 60)
    assert (fixture.used, fixture.budget.waiting, fixture.granted) == (60, 1, [])
    fixture.release("a1")
    assert fixture.granted == ["a2"]
    assert fixture.reserve("a2", 60)
    fixture.release("a2")
    assert (fixture.used, fixture.budget.waiting) == (0, 0)


def test_object_beyond_the_budget_has_the_channel_to_itself() -> None:
    fixture = BudgetFixture()
    assert fixture.reserve("a1", 10)
    assert not fixture.reserve("a2", 1000)
    fixture.release("a1")
    assert fixture.reserve("a2", 1000)
    assert not fixture.reserve("b1", 1)
    fixture.release("a2")
    assert fixture.reserve("b1", 1)


def test_namespaces_take_turns() -> None:
    fixture = BudgetFixture()
    fixture.reserve("x", 100)
    for name in ("a1", "a2", "a3", "b1", "c1"):
        assert not fixture.reserve(name, 50)
    fixture.release("x")
    assert fixture.granted == ["a1", "b1"]
    fixture.reserve("a1", 50)
    fixture.release("a1")
    assert fixture.granted == ["a1", "b1", "c1"]


def test_channels_do_not_wait_for_each_other() -> None:
    fixture = BudgetFixture("slack", "log")
    assert fixture.reserve("a1", 90, "slack")
    assert not fixture.reserve("a2", 90, "slack")
    assert fixture.reserve("a3", 90, "log")


def test_small_attempts_overtake_a_large_one_but_not_without_end() -> None:
    fixture = BudgetFixture()
    fixture.reserve("x", 60)
    assert not fixture.reserve("a1", 100)
    overtaken = 0
    while fixture.reserve(f"b{overtaken}", 20):
        fixture.release(f"b{overtaken}")
        overtaken += 1
    assert 0 < overtaken <= MOST_OVERTAKEN
    assert not fixture.reserve("c1", 1), "now everything waits"
    fixture.release("x")
    assert fixture.granted == ["a1"]
    fixture.reserve("a1", 100)
    fixture.release("a1")
    assert set(fixture.granted) == {"a1", f"b{overtaken}", "c1"}


def test_large_attempt_does_not_keep_other_namespaces_waiting() -> None:
    fixture = BudgetFixture()
    fixture.reserve("a1", 60)
    assert not fixture.reserve("a2", 100)
    assert fixture.reserve("b1", 20)
    assert not fixture.reserve("a3", 10), "within a namespace, first come, first served"


def test_namespace_leaves_half_of_the_room_of_receivers_to_others() -> None:
    fixture = BudgetFixture()
    assert fixture.reserve("a1", 20, HOOK)
    assert fixture.reserve("a2", 30, HOOK)
    assert not fixture.reserve("a3", 1, HOOK)
    assert fixture.reserve("b1", 50, HOOK)
    assert not fixture.reserve("c1", 10, HOOK)
    fixture.release("a2")
    assert fixture.granted == ["a3", "c1"]


@pytest.mark.parametrize("namespaces", ["ab", "abc", "abcdefghi"])
def test_namespaces_leave_room_of_receivers_for_one_more(namespaces: str) -> None:
    fixture = BudgetFixture()
    for number in range(100):
        for namespace in namespaces:
            fixture.reserve(f"{namespace}{number}", 1, HOOK)
    share = 100 // (len(namespaces) + 1)
    assert fixture.used == share * len(namespaces)
    assert fixture.reserve("x1", 100 - share * len(namespaces), HOOK)


def test_namespace_gets_more_than_half_of_a_channel_while_no_other_waits() -> None:
    fixture = BudgetFixture()
    for name in ("a1", "a2", "a3", "a4"):
        assert fixture.reserve(name, 25)
    for name in ("a5", "b1", "b2", "b3"):
        assert not fixture.reserve(name, 25)
    fixture.release("a1")
    assert fixture.granted == ["b1"]
    fixture.release("a2")
    assert fixture.granted == ["b1", "b2"]
    fixture.budget.forget("b3")
    fixture.release("a3")
    assert fixture.granted == ["b1", "b2", "a5"]


def test_namespace_at_its_share_stops_no_other_that_overtakes_it() -> None:
    fixture = BudgetFixture()
    fixture.reserve("a1", 50, HOOK)
    assert not fixture.reserve("a2", 10, HOOK)
    for number in range(MOST_OVERTAKEN + 1):
        assert fixture.reserve(f"b{number}", 50, HOOK)
        fixture.release(f"b{number}")
    fixture.release("a1")
    assert fixture.granted == ["a2"]


def shipped() -> BudgetFixture:
    """Return a budget as the operator has it by default."""
    fixture = BudgetFixture()
    fixture.budget = ContentBudget(
        Delivery().in_flight_bytes,
        channels=("console", "file", "log", "slack"),
        on_room=lambda key: fixture.granted.append(key.uid),
    )
    return fixture


RECEIVERS = ("webhook/team", "slack/team", "pagerduty/notification-system/on-call")
"""Of other namespaces, in several parts."""


def test_namespace_with_thousands_of_slow_attempts_delays_no_other() -> None:
    fixture = shipped()
    slow = [f"a{number}" for number in range(4_000)]
    held = [
        name for name in slow if fixture.reserve_content(name, 300, 3, f"webhook/slow-{int(name[1:]) % 40}")
    ]
    assert len(held) <= NAMESPACE_ATTEMPTS * RECEIVER_PARTS
    for name in RECEIVERS:
        assert fixture.reserve_content(f"b-{name}", 300, 3, name)
    assert fixture.reserve_content("c", 262_144, 3, RECEIVERS[0])
    assert fixture.reserve_content("d", 262_144, 3, RECEIVERS[1])
    for name in held:
        fixture.release(name)
    assert len(fixture.granted) == len(held)
    assert set(fixture.granted) <= set(slow) - set(held), "each waits until one of its own has ended"


def test_large_contents_to_slow_servers_keep_no_small_one_waiting() -> None:
    fixture = shipped()
    largest_mail = 4 * 262_144, 8
    for number in range(100):
        for namespace in "xyz":
            fixture.reserve_content(f"{namespace}{number}", *largest_mail, f"email/slow-{number}")
    assert len(fixture.held) == 1, "it has the part to itself"
    for number in range(NAMESPACE_ATTEMPTS):
        for name in RECEIVERS:
            assert fixture.reserve_content(f"b{number}-{name}", 300, 3, name)
            fixture.release(f"b{number}-{name}")
    assert not fixture.reserve_content("b", *largest_mail, "email/team")
    fixture.release("x0")
    assert fixture.granted == ["y0"], "large ones take turns"


def test_room_that_a_turn_does_not_use_is_returned() -> None:
    fixture = BudgetFixture()
    fixture.reserve("a1", 100)
    fixture.reserve("a2", 100)
    fixture.reserve("b1", 100)
    fixture.release("a1")
    with closing(fixture.budget.lease(key("a2"))):
        pass
    assert fixture.granted == ["a2", "b1"]


def test_forgotten_object_keeps_no_room_and_no_place() -> None:
    fixture = BudgetFixture()
    fixture.reserve("a1", 100)
    for name in ("a2", "b1", "c1"):
        fixture.reserve(name, 100)
    fixture.budget.forget("b1")
    fixture.release("a1")
    fixture.budget.forget("a2")
    assert fixture.granted == ["a2", "c1"]
    fixture.budget.forget("c1")
    assert (fixture.used, fixture.budget.waiting) == (0, 0)


def test_waiting_object_keeps_its_place() -> None:
    fixture = BudgetFixture()
    fixture.reserve("a1", 100)
    for name in ("a2", "a3", "a2"):
        fixture.reserve(name, 100)
    fixture.release("a1")
    assert (fixture.granted, fixture.budget.waiting) == (["a2"], 1)


def test_room_that_is_granted_during_a_turn_is_kept_for_the_next_one() -> None:
    fixture = BudgetFixture()
    fixture.reserve("a1", 100)
    with closing(fixture.budget.lease(key("a2"))) as lease:
        assert lease.reserve("slack", content(100), COPIES) is None
        fixture.release("a1")
        assert lease.reserve("slack", content(100), COPIES) is None
    assert fixture.granted == ["a2"]
    assert fixture.reserve("a2", 100)


def test_large_object_holds_room_before_its_redaction_or_waits() -> None:
    fixture = BudgetFixture("slack", "log")
    fixture.reserve("b1", 90, "slack")
    with closing(fixture.budget.lease(key("a1"))) as lease:
        assert lease.hold(("slack", "log"), content(40), COPIES) == {"slack"}
        assert fixture.used == 130
        reservation = lease.reserve("log", content(40), COPIES)
    assert reservation is not None
    assert fixture.used == 130
    reservation.release()
    with closing(fixture.budget.lease(key("a2"))) as lease:
        assert lease.hold(("log",), content(40), COPIES) == frozenset()
    assert fixture.used == 90, "what was held and not reserved is returned"
    fixture.release("b1")
    assert fixture.granted == ["a1"]
    with closing(fixture.budget.lease(key("a1"))) as lease:
        assert lease.hold(("slack",), content(40), COPIES) == frozenset()
        assert lease.reserve("slack", content(40), COPIES) is not None


STEPS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 120), st.booleans()), max_size=60)
"""Attempts by namespace and size, and whether the oldest one ends after the start."""


@pytest.mark.parametrize(("target", "share"), [("slack", 100), (HOOK, 50)])
@given(steps=STEPS)
def test_shares_hold_in_any_order_and_everything_gets_its_room(
    target: str, share: int, steps: list[tuple[str, int, bool]]
) -> None:
    fixture = BudgetFixture()
    sizes = {f"{namespace}{number}": size for number, (namespace, size, _) in enumerate(steps)}
    served: set[str] = set()

    def settle() -> None:
        while fixture.granted:
            name = fixture.granted.pop(0)
            assert fixture.reserve(name, sizes[name], target)
        served.update(fixture.held)
        for namespaces, limit in (("a", share), ("b", share), ("c", share), ("abc", 100)):
            held = [sizes[name] for name in fixture.held if name[0] in namespaces]
            assert len(held) <= 1 or sum(held) <= limit

    def end_oldest() -> None:
        fixture.release(next(iter(fixture.held)))
        settle()

    for name, (_, size, ends) in zip(sizes, steps, strict=True):
        fixture.reserve(name, size, target)
        settle()
        if ends:
            end_oldest()
    while fixture.held:
        end_oldest()
    assert served == sizes.keys()
    assert (fixture.used, fixture.budget.waiting) == (0, 0)


def test_size_of_a_content_counts_every_text() -> None:
    small = content_size(Content(type="simple", priority="low", subject="s", body="b"))
    large = Content(
        type="simple",
        priority="low",
        subject="s" * 100,
        body="📦" * 1000,
        metadata={"k": "v" * 1000},
        annotations={"k": "v" * 1000},
        action_links=({"url": "u" * 1000},),
        recipients=({"email": "e" * 1000},),
    )
    assert 8_000 < content_size(large) - small < 9_500
