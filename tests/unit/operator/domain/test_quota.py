"""The quota of a kind: which objects are kept, whatever the order in which they become known."""

from __future__ import annotations

import random

import pytest

from notification_domain.quota import PLACE_BYTES, RECEIVERS, SOURCES, Quota, places
from notification_domain.receivers.catalog import ReceiverKey

HOME = "platform"
TIMES = [f"2026-03-01T12:00:0{second}Z" for second in range(5)]


def expected(
    created: dict[ReceiverKey, tuple[str, int]], *, per_namespace: int, total: int
) -> set[ReceiverKey]:
    """Return what is kept, found out the simple way."""
    turns, count = [], 0
    for namespace in {key.namespace for key in created}:
        position = 0
        for key in sorted(
            (key for key in created if key.namespace == namespace), key=lambda key: (created[key][0], key)
        ):
            position += created[key][1]
            turns += [(key.namespace != HOME, (key.namespace != HOME) * position, created[key][0], key)]
            if position > per_namespace:
                turns.pop()
                break
    kept = set()
    for *_, key in sorted(turns):
        count += created[key][1]
        if count > total:
            break
        kept.add(key)
    return kept


@pytest.mark.parametrize("seed", range(30))
def test_kept_receivers_are_the_oldest_after_any_changes(seed: int) -> None:
    choices = random.Random(seed)  # noqa: S311 - chooses cases
    quota: Quota[ReceiverKey] = Quota(RECEIVERS, home=HOME, per_namespace=3, total=6)
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


@pytest.mark.parametrize("places", [1, 33])
def test_namespace_with_the_most_gives_way_to_another(places: int) -> None:
    quota: Quota[ReceiverKey] = Quota(SOURCES, home=HOME, per_namespace=200, total=2000)
    flood = [ReceiverKey(f"flood-{number % 10}", f"s{number}") for number in range(10_000)]
    for key in flood:
        quota.add(key, created=TIMES[0], places=places)
    assert len(kept(quota, flood)) == {1: 2000, 33: 60}[places]
    late = [ReceiverKey("shop", f"s{number}") for number in range(200 // places)]
    for key in late:
        quota.add(key, created=TIMES[1], places=places)
    assert len(kept(quota, late)) == {1: 181, 33: 5}[places], "as many as each other namespace"
    assert "raise gatewayMaxSources of the stack" in quota.problem(max(late))
    for key in flood:
        quota.remove(key)
    assert kept(quota, late) == late


def kept(quota: Quota[ReceiverKey], keys: list[ReceiverKey]) -> list[ReceiverKey]:
    return [key for key in keys if not quota.problem(key)]


def test_problem_names_limit_and_what_to_do() -> None:
    quota: Quota[ReceiverKey] = Quota(RECEIVERS, home=HOME, per_namespace=2, total=3)
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
        "too many receivers in all namespaces together: the operator uses 3, those of its own namespace first, and the oldest "
        "of the namespaces with the most, where each 8 KiB of a spec count as one more; delete some of them, or raise receivers.max_total of the operator"
    )
    assert quota.remove(ReceiverKey("shop", "unknown")) == []


def test_receivers_of_foreign_namespaces_take_no_place_of_served_ones() -> None:
    quota: Quota[ReceiverKey] = Quota(RECEIVERS, home=HOME, total=1)
    theirs, mine = ReceiverKey("theirs", "r"), ReceiverKey("shop", "r")
    quota.add(theirs, created=TIMES[0], served=False)
    assert not quota.problem(theirs), "there is room"
    assert quota.add(mine, created=TIMES[4]) == [theirs]
    assert kept(quota, [theirs, mine]) == [mine]
    assert set(quota.serve("theirs", served=True)) == {theirs, mine}
    assert kept(quota, [theirs, mine]) == [theirs]
    assert set(quota.serve("theirs", served=False)) == {theirs, mine}
    assert kept(quota, [theirs, mine]) == [mine]


def test_own_namespace_of_the_operator_comes_first() -> None:
    quota: Quota[ReceiverKey] = Quota(RECEIVERS, home=HOME, total=1)
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
    quota: Quota[ReceiverKey] = Quota(RECEIVERS, home=HOME, per_namespace=10)
    for number, time in enumerate(TIMES[:2]):
        quota.add(ReceiverKey("shop", f"r{number}"), created=time, places=9)
    assert not quota.problem(ReceiverKey("shop", "r0"))
    problem = quota.problem(ReceiverKey("shop", "r1"))
    assert "the 10 oldest of a namespace, where each 8 KiB of a spec count as one more" in problem
