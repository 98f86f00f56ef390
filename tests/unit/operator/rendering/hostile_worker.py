"""A render worker whose jobs do what their texts ask for: everything that must not reach the operator."""

from __future__ import annotations

import ctypes
import json
import os
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from notification_domain.rendering.job import Job
from notification_domain.rendering.jobs import JOBS
from notification_runtime import render_worker

if TYPE_CHECKING:
    from collections.abc import Callable

PROGRAM: Final = "tests.unit.operator.rendering.hostile_worker"


def _loop_in_one_call() -> None:
    sum(range(10**13))


def _allocate() -> None:
    kept = []
    while True:
        kept.append(bytearray(1024 * 1024))


def _allocate_in_one_call() -> None:
    bytearray(10**12)


def _raise() -> None:
    raise ValueError("password=hunter2")


def _recurse() -> None:
    _recurse()


def _print() -> None:
    print("password=hunter2", flush=True)  # noqa: T201 - must reach nobody
    print("password=hunter2", file=sys.stderr, flush=True)  # noqa: T201 - likewise


DEEDS: Final[dict[str, Callable[[], object]]] = {
    "please exit": lambda: os._exit(0),
    "please call": _loop_in_one_call,
    "please allocate": _allocate,
    "please reserve": _allocate_in_one_call,
    "please crash": lambda: ctypes.string_at(0),
    "please raise": _raise,
    "please recurse": _recurse,
    "please sleep": lambda: time.sleep(60),
}
"""What ends a job without a result, by what asks for it."""


def facts() -> dict[str, Any]:
    """Return what this process has."""
    return {"environment": sorted(os.environ), "modules": sorted(sys.modules)}


def _hostile(work: Callable[..., Any], **arguments: Any) -> Any:
    text = str(arguments)
    if "please report" in text:
        return {"fields": {"body": json.dumps(facts())}, "counts": {}}
    if "please print" in text:
        _print()
    for word, deed in DEEDS.items():
        if word in text:
            deed()
    return work(**arguments)


if __name__ == "__main__":
    vars(render_worker)["JOBS"] = {
        name: Job(partial(_hostile, job.work), 0, job.returns) for name, job in JOBS.items()
    }
    render_worker.main()
