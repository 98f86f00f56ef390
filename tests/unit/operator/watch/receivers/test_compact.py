"""Compact specs: equal to what pydantic parsed, and a fraction of its size."""

from __future__ import annotations

import copy
import subprocess
import sys
import tracemalloc
from typing import Any

import pytest

from notification_contract.kinds.receiver import parse_spec
from notification_operator.watch.spec_parts import MAX_CHARACTERS, MAX_PARTS, PartPool
from tests.unit.operator.domain.receivers.builders import SLACK, full

MOST_BYTES = 2_048
MEASURE = "tests.unit.operator.watch.receivers.memory"


@pytest.mark.parametrize("spec", [SLACK, full("hook"), {"type": "console", "suspend": True}])
def test_compact_spec_is_equal_to_the_parsed_one(spec: dict[str, Any]) -> None:
    parsed = parse_spec(spec)
    small = PartPool().compact(parsed)
    assert small == parsed
    assert repr(small) == repr(parsed)
    assert small.secret_uses() == parsed.secret_uses()
    for unset in (False, True):
        assert small.model_dump(by_alias=True, exclude_unset=unset) == parsed.model_dump(
            by_alias=True, exclude_unset=unset
        )
    assert copy.deepcopy(small) == parsed
    assert small.model_copy(update={"suspend": True}).suspend


def test_compact_spec_is_immutable() -> None:
    small = PartPool().compact(parse_spec(SLACK))
    with pytest.raises(ValueError, match="frozen"):
        small.suspend = True


def test_equal_parts_of_different_specs_are_one_object() -> None:
    pool = PartPool()
    first, second = (pool.compact(parse_spec(full(name))) for name in ("a", "b"))
    assert first.allowed_namespaces is second.allowed_namespaces
    assert first.rate_limit is second.rate_limit
    assert first.priorities is second.priorities
    assert first.block != second.block


def test_equal_specs_are_one_object() -> None:
    pool = PartPool()
    first, second, other = (pool.compact(parse_spec(full(name))) for name in ("a", "a", "b"))
    assert first is second
    assert first is not other


def test_field_that_is_set_to_its_default_stays_set() -> None:
    pool = PartPool()
    pool.compact(parse_spec(SLACK))
    assert "suspend" in pool.compact(parse_spec({**SLACK, "suspend": False})).model_fields_set


def test_pool_remembers_a_bounded_number_of_parts() -> None:
    pool = PartPool()
    first, *_, last = [pool.compact(parse_spec(full(f"secret-{number}"))) for number in range(MAX_PARTS + 1)]
    assert pool.compact(parse_spec(full(f"secret-{MAX_PARTS}"))) is last
    assert pool.compact(parse_spec(full("secret-0"))) is not first


def test_long_part_is_not_remembered() -> None:
    pool, template = PartPool(), {"inline": {"subject": "", "body": "x" * MAX_CHARACTERS}}
    first, second = (pool.compact(parse_spec({**SLACK, "template": template})) for _ in range(2))
    assert first.template is not second.template
    assert first.block is second.block


def test_part_in_use_by_many_stays_in_the_pool() -> None:
    pool = PartPool()
    first = pool.compact(parse_spec(full("first")))
    for number in range(MAX_PARTS):
        last = pool.compact(parse_spec(full(f"secret-{number}")))
    assert last.rate_limit is first.rate_limit


def test_access_to_the_block_of_a_spec_takes_no_memory() -> None:
    pool = PartPool()
    specs = [pool.compact(parse_spec(full(f"secret-{number}"))) for number in range(64)]
    tracemalloc.start()
    blocks = [spec.block for spec in specs]
    used = tracemalloc.get_traced_memory()[0] - sys.getsizeof(blocks)
    tracemalloc.stop()
    assert used < len(specs)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["full", "short"])
def test_thousand_receivers_take_less_than_two_kilobytes_each(kind: str) -> None:
    """Measured in a process of its own: how much an instance takes depends on those created before."""
    run = subprocess.run([sys.executable, "-m", MEASURE, kind], capture_output=True, text=True, check=True)
    assert float(run.stdout) < MOST_BYTES
