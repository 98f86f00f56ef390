"""Break the operator in one place at a time and see the checks turn red: what tests the tests.

`python -m tests.runner.mutations [--stack NAME] [WORD ...]` runs all, or those whose name holds a word given or whose checks
include it, on a kept stack that is up, else on a disposable one. `--write` renews the table in docs/testing.md. A
mutation is caught when each of its checks is green with the operator as it is, and red with the broken one.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from typing import TYPE_CHECKING

from rich.console import Console

from tests.harness import kept
from tests.harness.deploy import build_images
from tests.harness.ephemeral import ephemeral_stack, parts
from tests.mutations.image import broken_image
from tests.mutations.lanes import Turns
from tests.mutations.mutation import ROOT
from tests.mutations.runs import Place
from tests.mutations.table import MUTATIONS
from tools.generate.splice import replace_block

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.harness.place import EphemeralStack
    from tests.mutations.mutation import Mutation

DOCUMENT = ROOT / "docs" / "testing.md"
BLOCK = "mutations, by make generate"


def document(text: str) -> str:
    """Return the document's text with the table as it is generated now."""
    return replace_block(text, BLOCK, table())


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

    def tell(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    start = time.monotonic()
    with _place(stack_name, mutations) as place:
        caught = Turns(place=place, tell=tell).all(mutations)
    for mutation in mutations:
        if mutation not in caught:
            tell(f"NOT CAUGHT: {mutation.name}")
    checks = {check for mutation in caught for check in mutation.checks}
    tell(
        f"{len(caught)} of {len(mutations)} mutations caught, by {len(checks)} checks, "
        f"in {time.monotonic() - start:.0f} s"
    )
    return len(caught) == len(mutations)


@contextlib.contextmanager
def _place(stack_name: str, mutations: Sequence[Mutation]) -> Iterator[Place]:
    toolchain, _ = parts()
    with contextlib.ExitStack() as held:
        held.enter_context(kept.locked(stack_name, exclusive=False))
        stack: EphemeralStack = kept.find(stack_name) or held.enter_context(ephemeral_stack())
        image = held.enter_context(broken_image(stack, build_images().stubs, mutations))
        yield Place(stack=stack, image=image, toolchain=toolchain)


def main(arguments: list[str]) -> int:
    """Run the command; the exit code is 0 only when every mutation was caught."""
    parser = argparse.ArgumentParser(prog="python -m tests.runner.mutations", description=__doc__)
    parser.add_argument("--stack", default=kept.DEFAULT)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("words", nargs="*", metavar="WORD")
    chosen = parser.parse_args(arguments)
    if chosen.write:
        DOCUMENT.write_text(document(DOCUMENT.read_text("utf-8")), "utf-8")
        return 0
    wanted = [each for each in MUTATIONS if not chosen.words or _is_meant(each, chosen.words)]
    return 0 if run(wanted, chosen.stack, Console()) else 1


def _is_meant(mutation: Mutation, words: Sequence[str]) -> bool:
    return any(word in mutation.name or word in mutation.checks for word in words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
