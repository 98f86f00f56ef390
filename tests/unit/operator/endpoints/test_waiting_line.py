"""The line at a destination: namespaces take turns, and nobody who left holds up the others."""

from hypothesis import given
from hypothesis import strategies as st

from notification_operator.endpoints.waiting_line import STALE_SECONDS, SWEEP_SECONDS, WaitingLine
from notification_runtime.fair.fair_queue import SharedRoom

NAMES = st.sampled_from(["a", "b", "c"])
CRITICAL, LOW = (0, 0), (3, 0)


def served(line: WaitingLine, joined: list[tuple[str, str]]) -> list[str]:
    """Return the namespaces in the order in which their notifications are served."""
    order = []
    waiting = dict(joined)
    while waiting:
        (first,) = [uid for uid, ns in waiting.items() if line.position(line.join(uid, ns, rank=LOW)) == 0]
        order.append(waiting.pop(first))
        line.serve(first)
    return order


def takes_turns(order: list[str]) -> bool:
    """Return whether no namespace that waits is served less often than another, but for once."""
    for end in range(len(order)):
        counts = {name: order[:end].count(name) for name in "abc"}
        busy = [counts[name] for name in "abc" if name in order[end:]]
        if max(counts.values()) - min(busy) > 1:
            return False
    return True


@given(st.lists(NAMES, max_size=30))
def test_namespaces_take_turns_whatever_the_order_of_arrival(namespaces: list[str]) -> None:
    line = WaitingLine(SharedRoom(1000))
    joined = [(f"uid-{number}", namespace) for number, namespace in enumerate(namespaces)]
    for uid, namespace in joined:
        line.join(uid, namespace, rank=LOW)
    order = served(line, joined)
    assert sorted(order) == sorted(namespaces)
    assert takes_turns(order)
    assert len(line) == 0


@given(st.lists(st.tuples(NAMES, st.booleans()), max_size=30))
def test_namespaces_take_turns_whatever_has_left(arrivals: list[tuple[str, bool]]) -> None:
    line = WaitingLine(SharedRoom(1000))
    for number, (namespace, stays) in enumerate(arrivals):
        line.join(f"uid-{number}", namespace, rank=LOW).due = 100.0 if stays else 10.0
    line.drop_stale(10.0 + STALE_SECONDS)
    left = [(f"uid-{number}", namespace) for number, (namespace, stays) in enumerate(arrivals) if stays]
    assert len(line) == len(left)
    assert takes_turns(served(line, left))


def test_lower_rank_comes_first_whatever_its_namespace() -> None:
    line = WaitingLine(SharedRoom(1000))
    first, late = line.join("first", "a", rank=LOW), line.join("late", "b", rank=CRITICAL)
    assert (line.position(late), line.position(first)) == (0, 1)


def test_turn_of_one_rank_delays_no_namespace_in_another() -> None:
    line = WaitingLine(SharedRoom(1000))
    for number in range(10):
        line.join(f"loud-{number}", "loud", rank=LOW)
    line.join("page", "loud", rank=CRITICAL)
    line.serve("page")
    assert line.position(line.join("quiet", "quiet", rank=LOW)) == 1
    assert line.position(line.join("page-2", "quiet", rank=CRITICAL)) == 0


def test_joining_again_keeps_the_place() -> None:
    line = WaitingLine(SharedRoom(1000))
    assert line.join("a", "shop", rank=LOW) is line.join("a", "shop", rank=LOW)
    line.serve("unknown")
    assert len(line) == 1


def test_stale_head_is_dropped_and_one_without_a_time_is_not() -> None:
    line = WaitingLine(SharedRoom(1000))
    line.join("gone", "shop", rank=LOW).due = 10.0
    untold = line.join("untold", "shop", rank=LOW)
    line.drop_stale(10.0 + STALE_SECONDS - SWEEP_SECONDS)
    assert line.position(untold) == 1
    line.drop_stale(10.0 + STALE_SECONDS)
    assert (line.position(untold), len(line)) == (0, 1)


def test_stale_place_behind_others_is_dropped() -> None:
    line = WaitingLine(SharedRoom(1000))
    for name, due in (("first", 100.0), ("gone", 10.0), ("last", 100.0)):
        line.join(name, "shop", rank=LOW).due = due
    line.drop_stale(10.0 + STALE_SECONDS)
    assert [line.position(line.join(name, "shop", rank=LOW)) for name in ("first", "last")] == [0, 1]
    assert len(line) == 2


def test_notification_takes_no_turn_after_those_of_its_namespace_that_left() -> None:
    line = WaitingLine(SharedRoom(1000))
    for number in range(10):
        line.join(f"gone-{number}", "a", rank=LOW).due = 10.0
    for name, namespace in (("live", "a"), *((f"other-{number}", "b") for number in range(10))):
        line.join(name, namespace, rank=LOW).due = 100.0
    line.drop_stale(10.0 + STALE_SECONDS)
    order = [line.position(line.join(name, "a", rank=LOW)) for name in ("live", "new")]
    assert order == [0, 3], "namespaces take turns"


def test_notification_that_leaves_takes_no_turn_of_any_namespace() -> None:
    line = WaitingLine(SharedRoom(1000))
    for number in range(10):
        line.join(f"loud-{number}", "loud", rank=LOW)
    line.join("leaves", "loud", rank=LOW)
    line.leave("leaves")
    line.leave("unknown")
    late = line.join("late", "loud", rank=LOW)
    assert line.position(line.join("quiet", "quiet", rank=LOW)) == 1
    assert line.position(late) == 11


def test_namespace_has_half_of_the_places_and_no_other_one_loses_its_own() -> None:
    room = SharedRoom(20)
    line, other = WaitingLine(room), WaitingLine(room)
    for number in range(30):
        (line, other)[number % 2].join(f"loud-{number}", "loud", rank=LOW)
    assert (len(line), len(other)) == (5, 5)
    quiet = line.join("quiet", "quiet", rank=LOW)
    assert line.position(quiet) == 1
    assert line.position(line.join("loud-10", "loud", rank=LOW)) == 6, "without a place it comes last"


def test_places_of_a_dropped_line_are_free_again() -> None:
    room = SharedRoom(2)
    WaitingLine(room).join("a", "shop", rank=LOW)
    line = WaitingLine(room)
    line.join("b", "shop", rank=LOW)
    assert len(line) == 1
    line.serve("b")
    line.join("c", "shop", rank=LOW)
    assert len(line) == 1
