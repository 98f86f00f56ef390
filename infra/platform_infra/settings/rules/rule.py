"""A rule that relates several settings of a stack. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from notification_contract.quantity import amount

if TYPE_CHECKING:
    from collections.abc import Callable

    from platform_infra.settings.model import Settings


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
