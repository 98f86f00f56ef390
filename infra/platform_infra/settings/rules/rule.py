"""A rule that relates several settings of a stack. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from notification_contract.quantity import amount

if TYPE_CHECKING:
    from collections.abc import Callable

    from platform_infra.settings.model import Settings

WORKER_MEBIBYTES: Final = 115
"""Memory of the render worker in MiB: 19 MB, and 96 MiB for its jobs (DD-WORKER-001)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A condition over several settings; a violation is reported for the first of `keys`."""

    keys: tuple[str, ...]
    is_broken: Callable[[Settings], bool]
    what: str
    hint: str


def covers_request(
    limit: str, request: str, values: Callable[[Settings], tuple[str, str]], *, optional: bool = False
) -> Rule:
    """Return the rule that a limit of resources is not less than the request; an `optional` one may be empty.

    `values` returns both quantities.
    """

    def is_less(settings: Settings) -> bool:
        most, requested = values(settings)
        return (bool(most) or not optional) and amount(most) < amount(requested)

    hint = "set it to at least the request" + (", or remove it for no limit" if optional else "")
    return Rule(keys=(limit, request), is_broken=is_less, what=f"is less than {request}", hint=hint)


def has_room_for_worker(program: str, mebibytes: int, limit: Callable[[Settings], str]) -> Rule:
    """Return the rule that a memory limit covers what a program was measured to take at most, and its render worker.

    `mebibytes` is the memory of the program without the worker, in MiB.
    """
    least = f"{mebibytes + WORKER_MEBIBYTES}Mi"
    return Rule(
        keys=(f"{program}MemoryLimit",),
        is_broken=lambda settings: amount(limit(settings)) < amount(least),
        what=f"is less than the {least} that the {program} and its render worker can take, so the kernel would kill the pod",
        hint=f"set it to at least {least}",
    )
