"""Kills the render worker at random moments, and measures what becomes of the messages, and how long a restart takes.

A kill takes half a second, most of it the start of the next process: `--kills 10000` takes an hour and a half.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import quantiles
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

from notification_contract.kinds.choices import BodyFormat
from notification_domain.redaction.redact import ALL_RULES
from notification_domain.redaction.redactor import Redactor
from notification_domain.rendering.markup.markups import PLAIN
from notification_domain.rendering.redaction import redact_fields, rule_values
from notification_runtime.rendering.compose import MAX_INLINE, Composer, Facts
from notification_runtime.rendering.worker import RenderWorker, WorkerProcess
from tests.kit.worst_markdown import WORST
from tests.runner.simulate import quiet
from tests.unit.operator.channels.receivers import message

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LONGEST: Final = 0.3
"""Seconds until the latest kill: the jobs take less."""
BLOCKED: Final = 30.0
"""Seconds after which a message counts as blocked: no job here may take as long."""
BODIES: Final = [
    WORST[name](size) for name in ("list", "links", "quotes", "emphasis") for size in (4096, 16_384)
]
BARS: Final = {"lost": 0.0, "blocked": 0.0, "longest restart, s": 0.5}

console = Console(highlight=False, soft_wrap=True)


@dataclass(slots=True, kw_only=True)
class Kills:
    """Kills of the process of one worker, and what became of its messages."""

    choices: random.Random
    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    restarts: list[float] = field(default_factory=list)
    """Seconds from the start of a process to the result of its first job."""
    _renderer: RenderWorker = field(init=False)

    def __post_init__(self) -> None:
        self._renderer = RenderWorker(on_failure=lambda reason: self.reasons.update([reason]))

    async def run(self, kills: int) -> None:
        composer = Composer(facts=Facts(), redactor=Redactor(), renderer=self._renderer)
        for number in range(kills):
            await self._restart()
            delay = self.choices.random() * LONGEST
            killing = asyncio.get_running_loop().call_later(delay, self._kill, self._renderer.process)
            self.outcomes[await _outcome(composer, BODIES[number % len(BODIES)])] += 1
            killing.cancel()
            await self._ended(self._renderer.process)
        self._renderer.close()

    async def _ended(self, process: WorkerProcess | None) -> None:
        """Kill a process that no kill met, and wait for its end."""
        self._kill(process)
        while process is not None and not process.has_ended:  # noqa: ASYNC110 - the kernel reports to nobody
            await asyncio.sleep(0.001)

    async def _restart(self) -> None:
        start = time.perf_counter()
        rules = rule_values(ALL_RULES)
        await self._renderer.run("other", redact_fields, texts={"body": "x"}, dedup_key="", rules=rules)
        self.restarts.append(time.perf_counter() - start)

    @staticmethod
    def _kill(process: WorkerProcess | None) -> None:
        if process is not None:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)

    def figures(self) -> Iterator[tuple[str, float]]:
        """Yield each figure with its label."""
        cuts = quantiles(self.restarts, n=100, method="inclusive")
        for outcome in ("whole", "plain form with a note", "lost", "blocked"):
            yield outcome, self.outcomes[outcome]
        yield "median restart, s", cuts[49]
        yield "p99 of a restart, s", cuts[98]
        yield "longest restart, s", max(self.restarts)
        for reason, count in self.reasons.items():
            yield f"jobs without a result: {reason}", count


async def _outcome(composer: Composer, body: str) -> str:
    sent = message(body=body, format=BodyFormat.MARKDOWN)
    try:
        async with asyncio.timeout(BLOCKED):
            composed = await composer.compose(sent, PLAIN)
    except TimeoutError:
        return "blocked"
    if composed.note:
        return "plain form with a note" if composed.body == body[:MAX_INLINE] else "lost"
    return "whole" if composed.body else "lost"


def main(
    kills: Annotated[int, typer.Option(help="How often the process is killed.", min=2)] = 1000,
    seed: Annotated[int, typer.Option(help="Chooses the moments.")] = 7,
) -> None:
    """Kill the render worker at random moments; the exit code is 0 only if every bar is reached."""
    quiet()
    measured = Kills(choices=random.Random(seed))  # noqa: S311 - chooses moments
    asyncio.run(measured.run(kills))
    figures = dict(measured.figures())
    for label, figure in figures.items():
        bar = f" (≤ {BARS[label]:g})" if label in BARS else ""
        console.print(f"{figure:>10.4g}  {label}{bar}")
    if missed(figures):
        raise typer.Exit(1)


def missed(figures: Mapping[str, float]) -> list[str]:
    """Return the labels of the figures beyond their bars."""
    return [label for label, bar in BARS.items() if figures[label] > bar]


if __name__ == "__main__":
    typer.run(main)
