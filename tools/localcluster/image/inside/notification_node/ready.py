"""`python3 -m notification_node.ready SECONDS`: waits until the node is ready, or reports the component that is not.

The exit code is 0 if the node is ready. If not, the last line of the output is JSON: {"component", "problem", "log": [lines]}.
"""

from __future__ import annotations

import json
import sys
import time
from collections import deque

from notification_node import probes
from notification_node.facts import LOGS, Facts

_POLL_SECONDS = 0.1
_SHOWN_LINES = 10


def wait(seconds: float, facts: Facts) -> tuple[str, str] | None:
    deadline = time.monotonic() + seconds
    for component in probes.components(facts):
        while (problem := probes.check(component, facts)) is not None:
            if time.monotonic() > deadline:
                return component, problem
            time.sleep(_POLL_SECONDS)
    return None


def _last_lines(component: str) -> list[str]:
    try:
        with (LOGS / f"{component}.log").open(errors="replace") as log:
            return [line.rstrip() for line in deque(log, maxlen=_SHOWN_LINES)]
    except OSError as error:
        return [str(error)]


if __name__ == "__main__":
    failure = wait(float(sys.argv[1]), Facts.find())
    if failure is not None:
        component, problem = failure
        print(json.dumps({"component": component, "problem": problem, "log": _last_lines(component)}))
        sys.exit(1)
