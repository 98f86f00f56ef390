"""The map of what was used most recently, compared with a list that is searched from the start."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from notification_runtime.fair.lru import LruMap

MOST = 3
keys = st.integers(0, 5)


class LruMachine(RuleBasedStateMachine):
    """The model holds pairs, the least recently used first."""

    def __init__(self) -> None:
        super().__init__()
        self.map: LruMap[int, str] = LruMap(MOST)
        self.model: list[tuple[int, str]] = []

    @rule(key=keys, value=st.text(max_size=2))
    def put(self, key: int, value: str) -> None:
        kept = [pair for pair in self.model if pair[0] != key]
        self.model = [*kept, (key, value)][-MOST:]
        forgotten = next((pair for pair in kept if pair not in self.model), None)
        assert self.map.put(key, value) == forgotten

    @rule(key=keys, value=st.text(max_size=2))
    def use(self, key: int, value: str) -> None:
        expected = dict(self.model).get(key, value)
        assert self.map.use(key, lambda: value) == expected
        self.model = [*(pair for pair in self.model if pair[0] != key), (key, expected)][-MOST:]

    @rule(key=keys)
    def pop(self, key: int) -> None:
        assert self.map.pop(key) == dict(self.model).get(key)
        self.model = [pair for pair in self.model if pair[0] != key]

    @rule(key=keys)
    def get(self, key: int) -> None:
        assert self.map.get(key) == dict(self.model).get(key)
        assert (key in self.map) == (key in dict(self.model))

    @rule()
    def clear(self) -> None:
        self.map.clear()
        self.model = []

    @invariant()
    def holds_what_was_used_most_recently(self) -> None:
        assert list(self.map.items()) == self.model
        assert (list(self.map), list(self.map.values())) == (
            [key for key, _ in self.model],
            [value for _, value in self.model],
        )
        assert len(self.map) == len(self.model) <= MOST


TestLruMap = LruMachine.TestCase


@given(st.lists(keys, unique=True, min_size=MOST, max_size=MOST), keys)
def test_value_that_is_only_looked_at_still_gives_way(present: list[int], other: int) -> None:
    values: LruMap[int, int] = LruMap(MOST)
    for key in present:
        values.put(key, key)
    values.get(present[0])
    expected = None if other in present else (present[0], present[0])
    assert values.put(other, other) == expected
