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
SAID = 100
"""Characters of what a check said that are shown."""


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
    """Run them, tell what comes of each, and return whether every one was caught."""
    caught: list[bool] = []
    with _place(stack_name) as place:
        for operator, group in groupby(sorted(mutations, key=_operator), _operator):
            with place.beside(operator) as beside:
                caught += _group(list(group), beside, console)
    console.print(f"{sum(caught)} of {len(mutations)} mutations caught", highlight=False)
    return all(caught) and len(caught) == len(mutations)


def _operator(mutation: Mutation) -> str:
    return mutation.operator


def _group(mutations: Sequence[Mutation], beside: Beside, console: Console) -> list[bool]:
    """Return of each mutation whether it was caught; of none when a whole operator does not pass."""
    every = {check for mutation in mutations for check in mutation.checks}
    beside.deploy(None)
    if not _told("nothing", beside.check(every), GREEN, beside, console):
        return []
    caught = []
    for mutation in mutations:
        beside.deploy(mutation)
        caught.append(_told(mutation.name, beside.check(mutation.checks), RED, beside, console))
    return caught


def _told(name: str, found: dict[str, Seen], wanted: str, beside: Beside, console: Console) -> bool:
    for check, seen in found.items():
        mark = "as it should be" if seen.colour == wanted else "NOT AS IT SHOULD BE"
        said = " ".join(seen.said.split())[:SAID]
        line = f"{beside.instead_of}: {name}: {check} {seen.colour}, {mark}  {said}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
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
