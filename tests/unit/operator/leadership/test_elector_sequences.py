"""Any sequence of joins, stops, kills and disconnections: no shard has two owners, and finally each has one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cases import cases
from tests.unit.operator.leadership.lease_fixture import PERIOD, Replicas, shares

STEPS = st.sampled_from(
    ["round", "round", "round", "time", "join", "kill", "stop", "disconnect", "reconnect", "busy", "idle"]
)


@settings(max_examples=cases(150))
@given(
    st.lists(st.tuples(STEPS, st.integers(0, 5)), max_size=80),
    st.lists(st.sampled_from([1, 2, 4]), min_size=1, max_size=3),
)
async def test_any_sequence_leaves_each_shard_with_exactly_one_owner(
    steps: list[tuple[str, int]], counts: list[int]
) -> None:
    replicas = Replicas()
    for number, (step, which) in enumerate(steps):
        await act(replicas, step, which, f"replica {number}", counts[number % len(counts)])
        replicas.check()
    if not replicas.running:
        replicas.start("last")
    for replica in replicas.running:
        replica.leases.disconnected = False
        replica.busy = set()
    await replicas.rounds(20)
    working = [replica for replica in replicas.running if replica.works]
    count = working[0].elector.shards
    assert set().union(*shares(*working)) == set(range(count))
    sizes = [len(replica.works) for replica in replicas.running if replica.elector.shards == count]
    assert max(sizes) - min(sizes) <= 1


async def act(replicas: Replicas, step: str, which: int, name: str, count: int) -> None:
    """Take one step with one of the replicas."""
    if step == "join":
        replicas.start(name, shards=count)
    elif step == "time":
        replicas.time += which
    elif replicas.running:
        replica = replicas.running[which % len(replicas.running)]
        match step:
            case "round":
                await replica.round()
                replicas.time += PERIOD / len(replicas.running)
            case "kill":
                replicas.kill(replica)
            case "stop":
                await replicas.stop(replica)
            case "disconnect" | "reconnect":
                replica.leases.disconnected = step == "disconnect"
            case "busy":
                replica.busy.add(which)
            case "idle":
                replica.busy.clear()
