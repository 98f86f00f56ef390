"""Any sequence of joins, stops, kills and cuts: no shard is two replicas', and in the end each is one's."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.operator.leadership.lease_fixture import PERIOD, World, shares

STEPS = st.sampled_from(
    ["round", "round", "round", "time", "join", "kill", "stop", "cut", "mend", "busy", "idle"]
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(STEPS, st.integers(0, 5)), max_size=80),
    st.lists(st.sampled_from([1, 2, 4]), min_size=1, max_size=3),
)
async def test_whatever_comes_and_goes_no_shard_is_two_replicas_and_in_the_end_each_is_one_s(
    steps: list[tuple[str, int]], counts: list[int]
) -> None:
    world = World()
    for number, (step, which) in enumerate(steps):
        await act(world, step, which, f"replica {number}", counts[number % len(counts)])
        world.judge()
    if not world.replicas:
        world.replica("last")
    for replica in world.replicas:
        replica.leases.cut = False
        replica.busy = set()
    await world.rounds(20)
    working = [replica for replica in world.replicas if replica.works]
    count = working[0].elector.shards
    assert set().union(*shares(*working)) == set(range(count))
    sizes = [len(replica.works) for replica in world.replicas if replica.elector.shards == count]
    assert max(sizes) - min(sizes) <= 1


async def act(world: World, step: str, which: int, name: str, count: int) -> None:
    """Let one thing happen to one of the replicas."""
    if step == "join":
        world.replica(name, shards=count)
    elif step == "time":
        world.time += which
    elif world.replicas:
        replica = world.replicas[which % len(world.replicas)]
        match step:
            case "round":
                await replica.round()
                world.time += PERIOD / len(world.replicas)
            case "kill":
                world.kill(replica)
            case "stop":
                await world.stop(replica)
            case "cut" | "mend":
                replica.leases.cut = step == "cut"
            case "busy":
                replica.busy.add(which)
            case "idle":
                replica.busy.clear()
