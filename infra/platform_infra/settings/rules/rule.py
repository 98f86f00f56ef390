"""A rule that relates several settings of a stack. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

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
