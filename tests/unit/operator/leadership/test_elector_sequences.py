"""Any sequence of joins, stops, kills and disconnections: no shard has two owners, and finally each has one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.operator.leadership.lease_fixture import PERIOD, World, shares

STEPS = st.sampled_from(
    ["round", "round", "round", "time", "join", "kill", "stop", "disconnect", "reconnect", "busy", "idle"]
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(STEPS, st.integers(0, 5)), max_size=80),
    st.lists(st.sampled_from([1, 2, 4]), min_size=1, max_size=3),
)
async def test_any_sequence_leaves_each_shard_with_exactly_one_owner(
    steps: list[tuple[str, int]], counts: list[int]
) -> None:
    world = World()
    for number, (step, which) in enumerate(steps):
        await act(world, step, which, f"replica {number}", counts[number % len(counts)])
        world.check()
    if not world.replicas:
        world.replica("last")
    for replica in world.replicas:
        replica.leases.disconnected = False
        replica.busy = set()
    await world.rounds(20)
    working = [replica for replica in world.replicas if replica.works]
    count = working[0].elector.shards
    assert set().union(*shares(*working)) == set(range(count))
    sizes = [len(replica.works) for replica in world.replicas if replica.elector.shards == count]
    assert max(sizes) - min(sizes) <= 1


async def act(world: World, step: str, which: int, name: str, count: int) -> None:
    """Take one step with one of the replicas."""
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
            case "disconnect" | "reconnect":
                replica.leases.disconnected = step == "disconnect"
            case "busy":
                replica.busy.add(which)
            case "idle":
                replica.busy.clear()
