"""Keep the simulated stories that the documentation prints true: each is told again from its tape.

Run `python -m tests.runner.traces` to see whether they are, and with `--write` to renew them. A tape whose mistake
is not found out any more, since the operator or the simulation has changed, is replaced by another one.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from tests.runner.simulate import SABOTAGE, processes, quiet, replay
from tests.simulation import search
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

DOCUMENTS = (ROOT / "docs" / "race-condition.md", ROOT / "docs" / "decisions" / "DD-PERF-001.md")
TRACE = re.compile(
    r"^```text\n\$ python -m tests\.runner\.simulate (?:--sabotage ([\w-]+) )?--tape ([0-9a-f]+)\n.*?^```\n",
    re.DOTALL | re.MULTILINE,
)
SEEDS = range(20_000)
"""Where another tape is looked for."""


def traces(text: str) -> list[tuple[str, bytes]]:
    """Return the mistake, empty for none, and the tape of each story in a document."""
    return [(sabotage, bytes.fromhex(tape)) for sabotage, tape in TRACE.findall(text)]


def document(text: str, *, tape: Callable[[bytes], bytes] = lambda data: data) -> str:
    """Return a document with each story told again, from its own tape or from one that takes its place."""

    def told(found: re.Match[str]) -> str:
        sabotage, data = found[1], tape(bytes.fromhex(found[2]))
        options = f"--sabotage {sabotage} --tape {data.hex()}" if sabotage else f"--tape {data.hex()}"
        lines = (f"$ python -m tests.runner.simulate {options}", *replay(data, sabotage or None))
        return "\n".join(["```text", *lines, "```\n"])

    return TRACE.sub(told, text)


def breaks(data: bytes, sabotage: str) -> bool:
    """Return whether the mistake is found out on this tape, and the operator as it is does well on it."""
    broken = search.story(data, SABOTAGE[sabotage][0]).broken
    return SABOTAGE[sabotage][1] in broken and not search.story(data).broken


def replacements() -> dict[bytes, bytes]:
    """Return a new tape for each one that the documents hold and that shows nothing any more."""
    found: dict[bytes, bytes] = {}
    for file in DOCUMENTS:
        for sabotage, data in traces(file.read_text("utf-8")):
            if sabotage and data not in found and not breaks(data, sabotage):
                store, promise = SABOTAGE[sabotage]
                with processes() as pool:
                    other = search.simplest(SEEDS, promise=promise, store=store, pool=pool)
                found[data] = other or data
    return found


def main(arguments: list[str]) -> int:
    """Run the command; the exit code is 1 when a story is not true."""
    quiet()
    new = replacements() if arguments == ["--write"] else {}
    code = 0
    for file in DOCUMENTS:
        text = file.read_text("utf-8")
        renewed = document(text, tape=lambda data: new.get(data, data))
        if renewed == text:
            continue
        if arguments == ["--write"]:
            file.write_text(renewed, "utf-8")
        else:
            code = 1
        print(f"{file.relative_to(ROOT)}: {'renewed' if not code else 'not true any more'}")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
