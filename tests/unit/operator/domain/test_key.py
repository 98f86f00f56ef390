"""Shards of a hash, and who is to work on which: evenly, with few moves, and the same to everybody."""

from __future__ import annotations

import uuid
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notification_domain.key import Key, assign_shards, shard_of

MEMBERS = st.sets(st.sampled_from("abcdefg"), min_size=1)
HOLDERS = st.lists(st.sampled_from([None, *"abcdefgxyz"]), min_size=1, max_size=24)


@pytest.mark.parametrize(
    ("uid", "value"),
    [("", 0xCBF29CE484222325), ("a", 0xAF63DC4C8601EC8C), ("foobar", 0x85944171F73967E8)],
)
def test_the_hash_is_the_one_that_the_api_server_takes_for_its_shards(uid: str, value: int) -> None:
    """The values are those of the hash's own test suite, and one of 2^32 shards is its upper half."""
    assert shard_of(uid, 2**32) == value >> 32


@given(st.uuids().map(str), st.integers(1, 64))
def test_each_object_is_in_one_shard(uid: str, count: int) -> None:
    assert 0 <= shard_of(uid, count) < count
    assert shard_of(uid, count) == shard_of(uid, count)


@given(st.uuids().map(str), st.integers(1, 32))
def test_a_shard_of_twice_as_many_is_a_half_of_one(uid: str, count: int) -> None:
    assert shard_of(uid, count * 2) // 2 == shard_of(uid, count)


def test_the_shards_of_usual_uids_are_of_one_size() -> None:
    uids = [
        str(uuid.UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC834 % 2**128)) for number in range(4000)
    ]
    sizes = Counter(shard_of(uid, 4) for uid in uids)
    assert len(sizes) == 4
    assert max(sizes.values()) < 1.2 * min(sizes.values())


def test_the_shards_of_incidents_with_similar_names_are_of_one_size() -> None:
    keys = (Key("shop", "order", "uid", f"prod/node-{number:04}") for number in range(4000))
    sizes = Counter(shard_of(key.shard_key, 4) for key in keys)
    assert len(sizes) == 4
    assert max(sizes.values()) < 1.2 * min(sizes.values())


@given(HOLDERS, MEMBERS)
def test_shards_are_assigned_evenly_to_members(holders: list[str | None], members: set[str]) -> None:
    sizes = Counter(assign_shards(holders, members))
    assert set(sizes) <= members
    assert max(sizes.values()) - min(sizes[member] for member in members) <= 1


@given(HOLDERS, MEMBERS)
def test_no_more_shards_move_than_must(holders: list[str | None], members: set[str]) -> None:
    wanted = assign_shards(holders, members)
    held = Counter(holder for holder in holders if holder in members)
    sizes = Counter(wanted)
    for member in members:
        kept = sum(now == then == member for now, then in zip(holders, wanted, strict=True))
        assert kept == min(held[member], sizes[member])
    # Who has most may have one more: so nobody gives one away for the sake of another's name.
    largest = max(sizes.values())
    for member in members:
        if held[member] > sizes[member]:
            others = [held[other] for other in members if sizes[other] == largest]
            assert sizes[member] == largest or all(other >= held[member] for other in others)


@given(HOLDERS, MEMBERS)
def test_a_fair_share_stays_as_it_is(holders: list[str | None], members: set[str]) -> None:
    wanted = assign_shards(holders, members)
    assert assign_shards(wanted, members) == wanted


def test_without_members_nobody_is_to_hold_anything() -> None:
    assert assign_shards(["a", None], set()) == [None, None]
