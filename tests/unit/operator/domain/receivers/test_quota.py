"""The quota of receivers: the oldest are kept, whatever the order in which they become known."""

from __future__ import annotations

import random

import pytest

from notification_operator.domain.receivers.catalog import ReceiverKey
from notification_operator.domain.receivers.quota import Quota

HOME = "platform"
TIMES = [f"2026-03-01T12:00:0{second}Z" for second in range(5)]


def expected(created: dict[ReceiverKey, str], *, per_namespace: int, total: int) -> set[ReceiverKey]:
    """Return what is kept, found out the simple way."""
    ordered = sorted(created, key=lambda key: (key.namespace != HOME, created[key], key))
    within = [
        key
        for key in ordered
        if [each for each in ordered if each.namespace == key.namespace].index(key) < per_namespace
    ]
    return set(within[:total])


@pytest.mark.parametrize("seed", range(30))
def test_kept_receivers_are_the_oldest_after_any_changes(seed: int) -> None:
    choices = random.Random(seed)  # noqa: S311 - chooses cases
    quota = Quota(home=HOME, per_namespace=3, total=6)
    created: dict[ReceiverKey, str] = {}
    kept: set[ReceiverKey] = set()
    for _ in range(120):
        key = ReceiverKey(choices.choice((HOME, "bank", "shop")), f"r{choices.randrange(6)}")
        if key in created and choices.random() < 0.6:
            del created[key]
            changed = quota.remove(key)
        else:
            created[key] = choices.choice(TIMES)
            changed = quota.add(key, created=created[key])
        before, kept = kept, {each for each in created if not quota.problem(each)}
        assert kept == expected(created, per_namespace=3, total=6)
        assert (before ^ kept) - {key} <= set(changed), "each change is reported"
        assert set(quota.keys) == created.keys()


def test_problem_names_limit_number_and_what_to_do() -> None:
    quota = Quota(home=HOME, per_namespace=2, total=3)
    for number, time in enumerate(TIMES):
        quota.add(ReceiverKey("shop", f"r{number}"), created=time)
    for name in ("a", "b"):
        quota.add(ReceiverKey("bank", name), created=TIMES[0])
    assert [name for name in ("r0", "r1") if not quota.problem(ReceiverKey("shop", name))] == ["r0"]
    assert quota.problem(ReceiverKey("shop", "r4")) == (
        "too many receivers: namespace shop has 5, and the operator uses the 2 oldest of a namespace; "
        "delete some of them, or raise receivers.max_per_namespace of the operator"
    )
    assert quota.problem(ReceiverKey("shop", "r1")) == (
        "too many receivers: all namespaces together have 7, and the operator uses the 3 oldest; "
        "delete some of them, or raise receivers.max_total of the operator"
    )
    assert quota.remove(ReceiverKey("shop", "unknown")) == []


def test_own_namespace_of_the_operator_comes_first() -> None:
    quota = Quota(home=HOME, total=1)
    old, own = ReceiverKey("shop", "r"), ReceiverKey(HOME, "r")
    assert quota.add(old, created=TIMES[0]) == []
    assert quota.add(own, created=TIMES[4]) == [old]
    assert (bool(quota.problem(old)), quota.problem(own)) == (True, "")
    assert quota.remove(own) == [old]
