"""The budget of content: bounded, fair between namespaces and channels, and never stuck."""

from __future__ import annotations

from contextlib import closing

from notification_operator.domain.key import Key
from notification_operator.domain.model import Content
from notification_operator.endpoints.budget import (
    MOST_OVERTAKEN,
    RECEIVER_PARTS,
    ContentBudget,
    Reservation,
    content_size,
)


class BudgetFixture:
    """A budget of 100 bytes per channel, and the objects that it has room for."""

    def __init__(self, *channels: str) -> None:
        names = channels or ("slack",)
        self.granted: list[str] = []
        self.held: dict[str, Reservation] = {}
        self.budget: ContentBudget = ContentBudget(
            100 * (len(names) + RECEIVER_PARTS),
            channels=names,
            on_room=lambda key: self.granted.append(key.uid),
        )

    def reserve(self, name: str, size: int, channel: str = "slack") -> bool:
        """Reserve room in a turn of an object, whose namespace is the first letter of its name."""
        with closing(self.budget.lease(key(name))) as lease:
            reservation = lease.reserve(channel, size)
        if reservation is not None:
            self.held[name] = reservation
        return reservation is not None

    def release(self, name: str) -> None:
        self.held.pop(name).release()


def key(name: str) -> Key:
    return Key(namespace=name[0], name=name, uid=name)


def test_attempts_fit_up_to_the_limit_and_the_next_one_waits() -> None:
    fixture = BudgetFixture()
    assert fixture.reserve("a1", 60)
    assert not fixture.reserve("a2", 60)
    assert (fixture.budget.used, fixture.budget.waiting, fixture.granted) == (60, 1, [])
    fixture.release("a1")
    assert fixture.granted == ["a2"]
    assert fixture.reserve("a2", 60)
    fixture.release("a2")
    assert (fixture.budget.used, fixture.budget.waiting) == (0, 0)


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
    assert (fixture.budget.used, fixture.budget.waiting) == (0, 0)


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
        assert lease.reserve("slack", 100) is None
        fixture.release("a1")
        assert lease.reserve("slack", 100) is None
    assert fixture.granted == ["a2"]
    assert fixture.reserve("a2", 100)


def test_large_object_holds_room_before_its_redaction_or_waits() -> None:
    fixture = BudgetFixture("slack", "log")
    fixture.reserve("b1", 90, "slack")
    with closing(fixture.budget.lease(key("a1"))) as lease:
        assert lease.hold(("slack", "log"), 40) == {"slack"}
        assert fixture.budget.used == 130
        reservation = lease.reserve("log", 40)
    assert reservation is not None
    assert fixture.budget.used == 130
    reservation.release()
    with closing(fixture.budget.lease(key("a2"))) as lease:
        assert lease.hold(("log",), 40) == frozenset()
    assert fixture.budget.used == 90, "what was held and not reserved is returned"
    fixture.release("b1")
    assert fixture.granted == ["a1"]
    with closing(fixture.budget.lease(key("a1"))) as lease:
        assert lease.hold(("slack",), 40) == frozenset()
        assert lease.reserve("slack", 40) is not None


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
