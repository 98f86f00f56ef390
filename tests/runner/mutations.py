"""Break the operator in one place at a time, and see the checks turn red: the test of the tests.

`python -m tests.runner.mutations [--stack NAME] [WORD ...]` runs all mutations, or those whose name contains a word or whose
checks include it, on a kept stack that is up, otherwise on a disposable one. `--write` updates the table in
docs/contributing/testing.md. A mutation is caught when each of its checks is green with the original operator, and red with the
broken one.
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
from tests.mutations.lanes import LaneRunner
from tests.mutations.mutation import MUTATIONS, ROOT, Mutation
from tests.mutations.targets import MutatedStack, broken_image
from tools.generate.artifacts import replace_block

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DOCUMENT = ROOT / "docs" / "contributing" / "testing.md"
BLOCK = "mutations, by make generate"


def document(text: str) -> str:
    """Return the document's text with an up-to-date table."""
    return replace_block(text, BLOCK, table())


def table() -> str:
    """Return one row per mutation, in Markdown."""
    head = ["| mutation | effect | red checks |", "|---|---|---|"]
    rows = [
        f"| {each.name} | {each.breaks} | {', '.join(f'`{check}`' for check in each.checks)} |"
        for each in MUTATIONS
    ]
    return "\n".join([*head, *rows])


def run(mutations: Sequence[Mutation], stack_name: str, console: Console) -> bool:
    """Run mutations, report the results, and return whether all of them were caught."""

    def report(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    start = time.monotonic()
    with _mutated(stack_name, mutations) as mutated:
        caught = LaneRunner(mutated=mutated, report=report).run(mutations)
    for mutation in mutations:
        if mutation not in caught:
            report(f"NOT CAUGHT: {mutation.name}")
    checks = {check for mutation in caught for check in mutation.checks}
    seconds = time.monotonic() - start
    report(f"{len(caught)} of {len(mutations)} mutations caught, by {len(checks)} checks, in {seconds:.0f} s")
    return len(caught) == len(mutations)


@contextlib.contextmanager
def _mutated(stack_name: str, mutations: Sequence[Mutation]) -> Iterator[MutatedStack]:
    parts()
    with contextlib.ExitStack() as cleanup:
        cleanup.enter_context(kept.locked(stack_name, exclusive=False))
        stack = kept.find(stack_name) or cleanup.enter_context(ephemeral_stack())
        image = cleanup.enter_context(broken_image(stack, build_images().stubs, mutations))
        yield MutatedStack(stack=stack, image=image)


def main(arguments: list[str]) -> int:
    """Run the command; the exit code is 0 only if every mutation was caught."""
    parser = argparse.ArgumentParser(prog="python -m tests.runner.mutations", description=__doc__)
    parser.add_argument("--stack", default=kept.DEFAULT)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("words", nargs="*", metavar="WORD")
    options = parser.parse_args(arguments)
    if options.write:
        DOCUMENT.write_text(document(DOCUMENT.read_text("utf-8")), "utf-8")
        return 0
    chosen = [each for each in MUTATIONS if not options.words or _matches(each, options.words)]
    if not chosen:
        parser.error(
            f"no mutation has such a name or check: {', '.join(options.words)}; see docs/contributing/testing.md"
        )
    return 0 if run(chosen, options.stack, Console()) else 1


def _matches(mutation: Mutation, words: Sequence[str]) -> bool:
    names = (mutation.name, mutation.slug)
    return any(word in mutation.checks or any(word in name for name in names) for word in words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
