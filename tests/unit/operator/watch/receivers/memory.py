"""Prints the bytes that each of many receivers takes: `python -m ... full`, or `short`."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from typing import TYPE_CHECKING, Any

from notification_contract.kinds.receiver import parse_spec
from notification_domain.receivers.declared import declare
from notification_operator.watch.spec_parts import PartPool
from tests.cases import load
from tests.unit.operator.domain.receivers.builders import HOME, full, stored_receiver

if TYPE_CHECKING:
    from notification_domain.receivers.catalog import Receiver

RECEIVERS = load(1_000)
PARSED_BEFORE = 64
"""Specs parsed before the first is made compact, as those are of which another part is invalid."""


def main(kind: str) -> None:
    for number in range(PARSED_BEFORE):
        parse_spec(spec(kind, f"parsed-{number}"))
    objects = [stored_receiver(f"receiver-{n}", spec=spec(kind, f"secret-{n}")) for n in range(RECEIVERS)]
    # A table of the interpreter that grows meanwhile counts in one of the measurements only.
    sys.stdout.write(f"{min(bytes_each(objects) for _ in range(2))}\n")


def spec(kind: str, name: str) -> dict[str, Any]:
    return (
        full(name) if kind == "full" else {"type": "slack", "slack": {"webhookUrlSecretRef": {"name": name}}}
    )


def bytes_each(objects: list[dict[str, Any]]) -> float:
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    parts, receivers = PartPool(), dict[Any, "Receiver"]()
    for obj in objects:
        declared = declare(obj, None, home=HOME, compact=parts.compact)
        assert declared.receiver is not None
        receivers[declared.key] = declared.receiver
    gc.collect()
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return used / RECEIVERS


if __name__ == "__main__":
    main(sys.argv[1])
