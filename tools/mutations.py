"""Break the operator in one place at a time and see the checks turn red: what tests the tests.

`python -m tools.mutations [--stack NAME] [NAME ...]` runs all, or those whose name holds a word given, on a kept
stack that is up, else on a disposable one. `--write` renews the table in docs/testing.md. A mutation is caught
when each of its checks is green with the operator as it is, and red with the broken one.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from tests.mutation.mutation import ROOT
from tests.mutation.runs import GREEN, RED, Beside, Place, Seen
from tests.mutation.table import MUTATIONS
from tests.support import kept
from tests.support.deploy import build_images
from tests.support.ephemeral import ephemeral_stack, parts
from tools.doc_block import renewed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.mutation.mutation import Mutation
    from tests.support.place import EphemeralStack

DOCUMENT = ROOT / "docs" / "testing.md"
BLOCK = "mutations, by python -m tools.mutations --write"
SAID = 160
"""Characters of what a check said that the report shows."""


def document(text: str) -> str:
    """Return the document's text with the table as it is generated now."""
    return renewed(text, BLOCK, table())


def table() -> str:
    """Return a row a mutation, in Markdown."""
    head = ["| broken | what happens then | turns red |", "|---|---|---|"]
    rows = [
        f"| {each.name} | {each.breaks} | {', '.join(f'`{check}`' for check in each.checks)} |"
        for each in MUTATIONS
    ]
    return "\n".join([*head, *rows])


def run(mutations: Sequence[Mutation], stack_name: str, console: Console) -> bool:
    """Run them, print what came of each, and return whether every one was caught."""
    report = Table("operator", "broken", "check", "seen", "it said", title="mutations")
    caught = True
    with _place(stack_name) as place:
        for operator, group in groupby(
            sorted(mutations, key=lambda each: each.operator), lambda each: each.operator
        ):
            with place.beside(operator) as beside:
                caught = _group(list(group), beside, report) and caught
    console.print(report)
    return caught


def _group(mutations: Sequence[Mutation], beside: Beside, report: Table) -> bool:
    every = {check for mutation in mutations for check in mutation.checks}
    beside.deploy(None)
    results = [_noted("nothing", beside.check(every), GREEN, beside, report)]
    for mutation in mutations:
        beside.deploy(mutation)
        results.append(_noted(mutation.name, beside.check(mutation.checks), RED, beside, report))
    return all(results)


def _noted(name: str, found: dict[str, Seen], wanted: str, beside: Beside, report: Table) -> bool:
    for check, seen in found.items():
        colour = "green" if seen.colour == wanted else "bold red"
        said = " ".join(seen.said.split())[:SAID]
        report.add_row(beside.instead_of, name, check, f"[{colour}]{seen.colour}[/]", said)
    return all(seen.colour == wanted for seen in found.values())


@contextlib.contextmanager
def _place(stack_name: str) -> Iterator[Place]:
    toolchain, _ = parts()
    with contextlib.ExitStack() as held:
        held.enter_context(kept.locked(stack_name, exclusive=False))
        stack: EphemeralStack = kept.find(stack_name) or held.enter_context(ephemeral_stack())
        yield Place(stack=stack, images=build_images(), toolchain=toolchain)


def main(arguments: list[str]) -> int:
    """Run the command; the exit code is 0 only when every mutation was caught."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutations", description=__doc__)
    parser.add_argument("--stack", default=kept.DEFAULT)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("words", nargs="*", metavar="NAME")
    chosen = parser.parse_args(arguments)
    if chosen.write:
        DOCUMENT.write_text(document(DOCUMENT.read_text("utf-8")), "utf-8")
        return 0
    wanted = [
        each for each in MUTATIONS if not chosen.words or any(word in each.name for word in chosen.words)
    ]
    return 0 if run(wanted, chosen.stack, Console()) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
