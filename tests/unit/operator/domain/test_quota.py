"""The quota of receivers: the oldest are kept, whatever the order in which they become known."""

from __future__ import annotations

import random

import pytest

from notification_operator.domain.quota import PLACE_BYTES, Quota, places
from notification_operator.domain.receivers.catalog import ReceiverKey

HOME = "platform"
TIMES = [f"2026-03-01T12:00:0{second}Z" for second in range(5)]


def expected(
    created: dict[ReceiverKey, tuple[str, int]], *, per_namespace: int, total: int
) -> set[ReceiverKey]:
    """Return what is kept, found out the simple way."""
    ordered = [
        (key, number)
        for key in sorted(created, key=lambda key: (key.namespace != HOME, created[key][0], key))
        for number in range(created[key][1])
    ]
    within = [
        place
        for place in ordered
        if [each for each in ordered if each[0].namespace == place[0].namespace].index(place) < per_namespace
    ]
    return {key for key, number in within[:total] if number == created[key][1] - 1}


@pytest.mark.parametrize("seed", range(30))
def test_kept_receivers_are_the_oldest_after_any_changes(seed: int) -> None:
    choices = random.Random(seed)  # noqa: S311 - chooses cases
    quota = Quota(home=HOME, per_namespace=3, total=6)
    created: dict[ReceiverKey, tuple[str, int]] = {}
    kept: set[ReceiverKey] = set()
    for _ in range(120):
        key = ReceiverKey(choices.choice((HOME, "bank", "shop")), f"r{choices.randrange(6)}")
        if key in created and choices.random() < 0.6:
            del created[key]
            changed = quota.remove(key)
        else:
            created[key] = choices.choice(TIMES), choices.choice((1, 1, 1, 2, 5))
            changed = quota.add(key, created=created[key][0], places=created[key][1])
        before, kept = kept, {each for each in created if not quota.problem(each)}
        assert kept == expected(created, per_namespace=3, total=6)
        assert (before ^ kept) - {key} <= set(changed), "each change is reported"
        assert set(changed) <= created.keys() - {key}
        assert set(quota.keys) == created.keys()


def test_problem_names_limit_and_what_to_do() -> None:
    quota = Quota(home=HOME, per_namespace=2, total=3)
    for number, time in enumerate(TIMES):
        quota.add(ReceiverKey("shop", f"r{number}"), created=time)
    for name in ("a", "b"):
        quota.add(ReceiverKey("bank", name), created=TIMES[0])
    assert [name for name in ("r0", "r1") if not quota.problem(ReceiverKey("shop", name))] == ["r0"]
    assert quota.problem(ReceiverKey("shop", "r4")) == (
        "too many receivers in namespace shop: the operator uses the 2 oldest of a namespace, where each 8 KiB of a spec count "
        "as one more; delete some of them, or raise receivers.max_per_namespace of the operator"
    )
    assert quota.problem(ReceiverKey("shop", "r1")) == (
        "too many receivers in all namespaces together: the operator uses the 3 oldest, where each 8 KiB of a spec count as "
        "one more; delete some of them, or raise receivers.max_total of the operator"
    )
    assert quota.remove(ReceiverKey("shop", "unknown")) == []


def test_receivers_of_foreign_namespaces_take_no_place_of_served_ones() -> None:
    quota = Quota(home=HOME, total=2)
    theirs = [ReceiverKey("theirs", name) for name in ("a", "b")]
    mine = ReceiverKey("shop", "r")
    for key in theirs:
        quota.add(key, created=TIMES[0], served=False)
    assert not any(map(quota.problem, theirs)), "there is room"
    assert quota.add(mine, created=TIMES[4]) == [theirs[1]]
    assert [bool(quota.problem(key)) for key in (*theirs, mine)] == [False, True, False]
    assert set(quota.serve("theirs", served=True)) == {*theirs, mine}
    assert [bool(quota.problem(key)) for key in (*theirs, mine)] == [False, False, True]
    assert set(quota.serve("theirs", served=False)) == {*theirs, mine}
    assert [bool(quota.problem(key)) for key in (*theirs, mine)] == [False, True, False]


def test_own_namespace_of_the_operator_comes_first() -> None:
    quota = Quota(home=HOME, total=1)
    old, own = ReceiverKey("shop", "r"), ReceiverKey(HOME, "r")
    assert quota.add(old, created=TIMES[0]) == []
    assert quota.add(own, created=TIMES[4]) == [old]
    assert (bool(quota.problem(old)), quota.problem(own)) == (True, "")
    assert quota.remove(own) == [old]


def test_receiver_with_long_texts_counts_several_times() -> None:
    short = {
        "type": "webhook",
        "webhook": {"url": "https://a.example"},
        "template": {"inline": {"body": "x" * 4096}},
    }
    assert (places(short), places(None), places({"to": ["x" * 9_000] * 2})) == (1, 1, 3)
    largest = {"inline": {"subject": "x" * 4096, "body": "\U0001f4e6" * 65_536}}
    assert places({"template": largest}) == 1 + (4096 + 4 * 65_536) // PLACE_BYTES


def test_problem_says_why_few_receivers_are_too_many() -> None:
    quota = Quota(home=HOME, per_namespace=10)
    for number, time in enumerate(TIMES[:2]):
        quota.add(ReceiverKey("shop", f"r{number}"), created=time, places=9)
    assert not quota.problem(ReceiverKey("shop", "r0"))
    problem = quota.problem(ReceiverKey("shop", "r1"))
    assert "the 10 oldest of a namespace, where each 8 KiB of a spec count as one more" in problem
