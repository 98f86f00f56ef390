"""The fair queue: whose turn it is, and what gives way in a full one."""

from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from notification_runtime.fair.fair_queue import FairQueue

namespaces = st.sampled_from("abc")
Items = list[tuple[str, int]]


def queue_of(items: Items) -> FairQueue[int]:
    queue: FairQueue[int] = FairQueue()
    for namespace, item in items:
        queue.add(namespace, item)
    return queue


class FairQueueMachine(RuleBasedStateMachine):
    """The model is one list in the order of the turns: namespaces as they come next, each with its line."""

    def __init__(self) -> None:
        super().__init__()
        self.queue: FairQueue[int] = FairQueue()
        self.model: list[tuple[str, list[int]]] = []
        self.number = 0

    def line(self, namespace: str) -> list[int]:
        return next((line for name, line in self.model if name == namespace), [])

    def settle(self) -> None:
        self.model = [(name, line) for name, line in self.model if line]

    @rule(namespace=namespaces)
    def add(self, namespace: str) -> None:
        self.number += 1
        self.queue.add(namespace, self.number)
        if self.line(namespace):
            self.line(namespace).append(self.number)
        else:
            self.model.append((namespace, [self.number]))

    @rule(namespace=namespaces, data=st.data())
    def add_again(self, namespace: str, data: st.DataObject) -> None:
        if self.line(namespace):
            self.queue.add(namespace, data.draw(st.sampled_from(self.line(namespace))))

    @rule(namespace=namespaces, data=st.data())
    def discard(self, namespace: str, data: st.DataObject) -> None:
        item = data.draw(st.sampled_from([*self.line(namespace), -1]))
        self.queue.discard(namespace, item)
        if item in self.line(namespace):
            self.line(namespace).remove(item)
        self.settle()

    @precondition(lambda self: bool(self.model))
    @rule()
    def pop(self) -> None:
        name, line = self.model.pop(0)
        assert self.queue.pop() == line.pop(0)
        self.model.append((name, line))
        self.settle()

    @precondition(lambda self: bool(self.model))
    @rule(data=st.data())
    def pop_of_a_namespace(self, data: st.DataObject) -> None:
        name, line = data.draw(st.sampled_from(self.model))
        assert self.queue.pop(name) == line.pop(0)
        self.model = [*(each for each in self.model if each[0] != name), (name, line)]
        self.settle()

    @invariant()
    def heads_are_in_the_order_of_the_turns(self) -> None:
        assert list(self.queue.heads()) == [(name, line[0]) for name, line in self.model]
        assert list(self.queue) == [item for _, line in self.model for item in line]
        assert len(self.queue) == sum(len(line) for _, line in self.model)
        assert all(list(self.queue.line(name)) == self.line(name) for name in "abc")


TestFairQueue = FairQueueMachine.TestCase


@given(st.lists(namespaces, min_size=1))
def test_each_item_waits_for_at_most_one_of_each_other_per_older_one(names: list[str]) -> None:
    """The order is that of rounds: in each, every namespace that still waits has one turn."""
    items = [(name, number) for number, name in enumerate(names)]
    queue = queue_of(items)
    served = [queue.pop() for _ in items]
    rounds = {item: names[:item].count(names[item]) for item in served}
    assert [rounds[item] for item in served] == sorted(rounds.values())
    for _, of_round in groupby(served, rounds.__getitem__):
        of_namespaces = [names[item] for item in of_round]
        assert len(set(of_namespaces)) == len(of_namespaces)


@given(st.lists(namespaces, min_size=1), namespaces)
def test_only_the_youngest_of_the_longest_line_give_way_to_a_shorter_one(
    names: list[str], other: str
) -> None:
    queue = queue_of([(name, number) for number, name in enumerate(names)])
    displaced = list(queue.displaceable(other))
    longest = max(names.count(name) for name in set(names))
    if longest <= names.count(other) + 1:
        assert displaced == []
    else:
        (name,) = {names[item] for item in displaced}
        assert names.count(name) == longest
        assert displaced == [number for number in reversed(range(len(names))) if names[number] == name]


def test_nothing_to_pop_is_an_error() -> None:
    queue = queue_of([("a", 1)])
    with pytest.raises(KeyError):
        queue.pop("b")
    queue.pop()
    with pytest.raises(KeyError):
        queue.pop()
    assert list(queue.displaceable("a")) == []
