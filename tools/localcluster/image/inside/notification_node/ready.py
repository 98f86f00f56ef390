"""`python3 -m notification_node.ready SECONDS`: waits until the node is of use, or says which part is not.

Exit code 0 is ready. Else the last line of the output is JSON: {"component", "problem", "log": [lines]}.
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
    """The component that is not ready in time and its problem, or None."""
    deadline = time.monotonic() + seconds
    for component in probes.PROBES:
        while (problem := probes.ask(component, facts)) is not None:
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
    late = wait(float(sys.argv[1]), Facts.find())
    if late is not None:
        print(json.dumps({"component": late[0], "problem": late[1], "log": _last_lines(late[0])}))
        sys.exit(1)
