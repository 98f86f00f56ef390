"""The line at a destination: namespaces take turns, and nobody who left holds up the others."""

from hypothesis import given
from hypothesis import strategies as st

from notification_operator.endpoints.circuit import STALE_SECONDS, WaitingLine

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


@given(st.lists(NAMES, max_size=30))
def test_namespaces_take_turns_whatever_the_order_of_arrival(namespaces: list[str]) -> None:
    line = WaitingLine()
    joined = [(f"uid-{number}", namespace) for number, namespace in enumerate(namespaces)]
    for uid, namespace in joined:
        line.join(uid, namespace, rank=LOW)
    order = served(line, joined)
    assert sorted(order) == sorted(namespaces)
    for end in range(len(order)):
        counts = {name: order[:end].count(name) for name in "abc"}
        left = {name: order[end:].count(name) for name in "abc"}
        busy = [counts[name] for name in "abc" if left[name]]
        assert not busy or max(counts.values()) - min(busy) <= 1
    assert len(line) == 0


def test_lower_rank_comes_first_whatever_its_namespace() -> None:
    line = WaitingLine()
    first, late = line.join("first", "a", rank=LOW), line.join("late", "b", rank=CRITICAL)
    assert (line.position(late), line.position(first)) == (0, 1)


def test_turn_of_one_rank_delays_no_namespace_in_another() -> None:
    line = WaitingLine()
    for number in range(10):
        line.join(f"loud-{number}", "loud", rank=LOW)
    line.join("page", "loud", rank=CRITICAL)
    line.serve("page")
    assert line.position(line.join("quiet", "quiet", rank=LOW)) == 1
    assert line.position(line.join("page-2", "quiet", rank=CRITICAL)) == 0


def test_joining_again_keeps_the_place() -> None:
    line = WaitingLine()
    assert line.join("a", "shop", rank=LOW) is line.join("a", "shop", rank=LOW)
    line.serve("unknown")
    assert len(line) == 1


def test_stale_head_is_dropped_and_one_without_a_time_is_not() -> None:
    line = WaitingLine()
    line.join("gone", "shop", rank=LOW).due = 10.0
    untold = line.join("untold", "shop", rank=LOW)
    line.drop_stale(10.0 + STALE_SECONDS - 0.1)
    assert line.position(untold) == 1
    line.drop_stale(10.0 + STALE_SECONDS)
    assert (line.position(untold), len(line)) == (0, 1)
