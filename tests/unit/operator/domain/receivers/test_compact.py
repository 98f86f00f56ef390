"""Compact specs: equal to what pydantic parsed, and a fraction of its size."""

from __future__ import annotations

import copy
import gc
import tracemalloc
from typing import Any

import pytest

from notification_contract.receivers.spec import parse_spec
from notification_operator.domain.receivers.catalog import Receiver
from notification_operator.domain.receivers.compact import SHARED_PARTS, PartPool
from notification_operator.domain.receivers.declared import declare
from tests.unit.operator.domain.receivers.builders import HOME, SLACK, stored_receiver

RECEIVERS = 1_000
MOST_BYTES = 2_048


def full(name: str) -> dict[str, Any]:
    """Return a spec that uses most fields."""
    return {
        "type": "webhook",
        "webhook": {
            "urlSecretRef": {"name": name, "key": "url"},
            "signingSecretRefs": [{"name": name}],
        },
        "allowedNamespaces": {"from": "Selector", "selector": {"matchLabels": {"tier": "prod"}}},
        "fallback": {"name": "mail", "after": "15m"},
        "rateLimit": {"count": 60, "period": "1m", "overflow": "Defer"},
        "retryPolicy": {"maxAttempts": 8},
        "onReceiverError": "Hold",
        "priorities": ["critical", "high"],
        "recipients": {"allow": ["*@example.com"]},
        "template": {"inline": {"subject": "{{ subject }}"}},
        "tls": {"caSecretRef": {"name": name}},
    }


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
    assert first.webhook != second.webhook


def test_pool_remembers_a_bounded_number_of_parts() -> None:
    pool = PartPool()
    for number in range(SHARED_PARTS):
        pool.compact(parse_spec(full(f"secret-{number}")))
    assert len(pool._parts) == SHARED_PARTS


def test_part_in_use_by_many_stays_in_the_pool() -> None:
    pool = PartPool()
    first = pool.compact(parse_spec(full("first")))
    for number in range(SHARED_PARTS):
        last = pool.compact(parse_spec(full(f"secret-{number}")))
    assert last.rate_limit is first.rate_limit


@pytest.mark.parametrize(
    "of_name", [full, lambda name: {**SLACK, "description": name}], ids=["full", "short"]
)
def test_thousand_receivers_take_less_than_two_kilobytes_each(of_name: Any) -> None:
    objects = [stored_receiver(f"receiver-{n}", spec=of_name(f"secret-{n}")) for n in range(RECEIVERS)]
    # A table of the interpreter that grows meanwhile counts in one of the measurements only.
    each = min(bytes_each(objects) for _ in range(2))
    assert each < MOST_BYTES, f"{each:.0f} bytes each"


def bytes_each(objects: list[dict[str, Any]]) -> float:
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        parts, receivers = PartPool(), dict[Any, Receiver]()
        for obj in objects:
            declared = declare(obj, None, home=HOME, parts=parts)
            assert declared.receiver is not None
            receivers[declared.key] = declared.receiver
        gc.collect()
        return (tracemalloc.get_traced_memory()[0] - before) / RECEIVERS
    finally:
        tracemalloc.stop()
