"""The routing rules as the gateway sees them: the mounted ConfigMap of the operator, which tells where messages go (DD-ROUTING-001)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from notification_contract import names
from notification_contract.kinds.choices import ConditionStatus
from notification_contract.routing.document import read_table
from notification_contract.routing.reach import ONLY_LOGGED, Reach, message_only_logs, source_reach
from notification_contract.routing.table import RoutingTableError
from notification_contract.sources.status import RULES_UNKNOWN
from notification_domain.conditions import Condition
from notification_domain.routing import RoutingState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Any

    from notification_contract.sources.source import SourceSpec

logger = structlog.get_logger(__name__)

ROUTED: Final = "Routed"
REREAD_SECONDS: Final = 10.0
"""Time after which the file is read again. The kubelet replaces it within about a minute."""


class RoutingFile:
    """The rules in the directory where the ConfigMap is mounted. As the operator, it keeps the last valid ones."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._is_mounted = False
        self._read: str | None = None
        self._state = RoutingState()
        self.read()

    @property
    def _unknown(self) -> str:
        """Why the rules of the operator are not known; empty if they are."""
        return "" if self._state.table else "; ".join(self._state.problems[:1])

    def condition(self, spec: SourceSpec) -> Condition | None:
        """Return whether messages of a source go further than the operator's log; None where no rules are mounted.

        Where the labels of a message decide, the condition is True and warns, as Ready does with RetentionShort: the gateway knows the
        answer, so Unknown is wrong, and some messages have a receiver.
        """
        if not self._is_mounted:
            return None
        reach = source_reach(spec, self._state.table)
        if self._unknown and reach is not Reach.ROUTED:
            message = (
                f"the routing rules cannot be used, so it is not known where messages go: {self._unknown}"
            )
            return Condition(
                type=ROUTED, status=ConditionStatus.UNKNOWN, reason=RULES_UNKNOWN, message=message
            )
        status = ConditionStatus.FALSE if reach is Reach.REACHES_NOBODY else ConditionStatus.TRUE
        return Condition(type=ROUTED, status=status, reason=reach.value, message=reach.message)

    def warnings(self, spec: Mapping[str, Any], labels: Mapping[str, str]) -> tuple[str, ...]:
        """Return what the sender of a notification has to know: that only the operator's log gets it."""
        is_chosen = spec.get("channels") or spec.get("receiverRefs")
        if is_chosen or self._unknown or not self._is_mounted:
            return ()
        return (ONLY_LOGGED,) if message_only_logs(self._state.table, labels) else ()

    def read(self) -> bool:
        """Read the rules; return whether they have changed."""
        before = self._state
        # Each message asks whether it is: that costs no call.
        self._is_mounted = self._directory.is_dir()
        try:
            text = (self._directory / names.ROUTING_KEY).read_text("utf-8")
        except FileNotFoundError:
            self._read, self._state = None, RoutingState()
            return before != self._state
        except (OSError, UnicodeDecodeError) as error:
            self._read, self._state = None, before.refuse((f"the file cannot be read: {error}",))
            return before.problems != self._state.problems
        if text == self._read:
            return False
        self._read = text
        try:
            self._state = before.accept(read_table(text))
        except RoutingTableError as error:
            self._state = before.refuse(tuple(error.problems))
        return True

    async def run(self, on_change: Callable[[], None]) -> None:
        """Read the rules again and again until cancelled; report a change."""
        while True:
            await asyncio.sleep(REREAD_SECONDS)
            # Parsing a long document takes a while.
            if await asyncio.to_thread(self.read):
                logger.info("routing rules have changed", problems=self._state.problems)
                on_change()
