"""A scenario: a name, a sentence, a script, and what its bookkeeping may contain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.chaos.stage import Stage

FINAL_WITHIN = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What may happen in a scenario without being a loss."""

    repeats: bool = False
    """The same delivery id reaches the receiver again: after a kill, a lost Lease or a lost answer of the API server."""
    unanswered: bool = False
    """An attempt is recorded as failed although the receiver has accepted it: its answer was lost on the way."""
    unreached: bool = False
    """An attempt is recorded as failed although the receiver has not seen it: it was not reachable."""
    unrecorded: bool = False
    """An attempt of a killed process is not recorded: its notification is suppressed then, because its incident has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """`final_within` are the seconds after the script within which every notification has to be final."""

    name: str
    sentence: str
    script: Callable[[Stage], None]
    allowed: Allowed
    final_within: float = FINAL_WITHIN


def scenario(
    sentence: str,
    *,
    repeats: bool = False,
    unanswered: bool = False,
    unreached: bool = False,
    unrecorded: bool = False,
    final_within: float = FINAL_WITHIN,
) -> Callable[[Callable[[Stage], None]], Scenario]:
    """Make a scenario of a script; its name is that of the function, with dashes."""

    def decorate(script: Callable[[Stage], None]) -> Scenario:
        return Scenario(
            name=script.__name__.replace("_", "-"),
            sentence=sentence,
            script=script,
            allowed=Allowed(
                repeats=repeats, unanswered=unanswered, unreached=unreached, unrecorded=unrecorded
            ),
            final_within=final_within,
        )

    return decorate
