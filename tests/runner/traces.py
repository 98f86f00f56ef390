"""Keeps the simulated traces in the documentation true: each is generated from its choices.

`python -m tests.runner.traces` checks them, and `--write` renews them. Choices whose injected fault is no longer
found, because the operator or the simulation has changed, are replaced.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from tests.runner.simulate import FAULTS, processes, quiet, replay
from tests.simulation import search
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENTS = (
    ROOT / "docs" / "contributing" / "race-condition.md",
    ROOT / "docs" / "decisions" / "DD-PERF-001.md",
)
TRACE = re.compile(
    r"^```text\n\$ python -m tests\.runner\.simulate (?:--inject ([\w-]+) )?--choices ([0-9a-f]+)\n.*?^```\n",
    re.DOTALL | re.MULTILINE,
)
SEEDS = range(20_000)
"""Where replacements are searched."""


def traces(text: str) -> list[tuple[str, bytes]]:
    """Return the injected fault, empty for none, and the choices of each trace in a document."""
    return [(fault, bytes.fromhex(choices)) for fault, choices in TRACE.findall(text)]


def document(text: str, *, choices: Callable[[bytes], bytes] = lambda data: data) -> str:
    """Return a document with each trace generated again, from its own choices or from their replacement."""

    def generated(trace: re.Match[str]) -> str:
        fault, data = trace[1], choices(bytes.fromhex(trace[2]))
        options = f"--inject {fault} --choices {data.hex()}" if fault else f"--choices {data.hex()}"
        lines = (f"$ python -m tests.runner.simulate {options}", *replay(data, fault or None))
        return "\n".join(["```text", *lines, "```\n"])

    return TRACE.sub(generated, text)


def shows(data: bytes, fault: str) -> bool:
    """Return whether these choices find the injected fault, and the operator without it violates nothing."""
    store, expected = FAULTS[fault]
    return expected in search.trace(data, store).violation and not search.trace(data).violation


def replacements() -> dict[bytes, bytes]:
    """Return new choices for the ones in the documents that show nothing any more."""
    replaced: dict[bytes, bytes] = {}
    for file in DOCUMENTS:
        for fault, data in traces(file.read_text("utf-8")):
            if fault and data not in replaced and not shows(data, fault):
                store, violation = FAULTS[fault]
                with processes() as pool:
                    other = search.simplest(SEEDS, violation=violation, store=store, pool=pool)
                replaced[data] = other or data
    return replaced


def main(arguments: list[str]) -> int:
    """Run the command; the exit code is 1 if a trace is outdated."""
    quiet()
    new = replacements() if arguments == ["--write"] else {}
    code = 0
    for file in DOCUMENTS:
        text = file.read_text("utf-8")
        renewed = document(text, choices=lambda data: new.get(data, data))
        if renewed == text:
            continue
        if arguments == ["--write"]:
            file.write_text(renewed, "utf-8")
        else:
            code = 1
        print(f"{file.relative_to(ROOT)}: {'renewed' if not code else 'outdated'}")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
