"""Commands that a page shows to be copied into a shell. Pure."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from notification_cli.views.text import clean
from notification_contract.kinds.choices import Phase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notification_cli.web.source import Filter

UNDELIVERED = (Phase.FAILED, Phase.PARTIALLY_SENT)
"""The phases of what was not delivered to every target."""


class Hints:
    """Commands for the cluster of the page.

    Args:
        options: the options that name the cluster, such as `--context dev`: a command that sends must not reach
            another one because the current context has changed since.
    """

    def __init__(self, options: Sequence[str] = ()) -> None:
        self._options = tuple(options)

    def redrive(self, chosen: Filter) -> str:
        """Return the command that shows what of a list would be sent again."""
        words = ["redrive", *(("-n", chosen.namespace) if chosen.namespace else ("-A",))]
        for phase in UNDELIVERED:
            if phase in (chosen.phases or UNDELIVERED):
                words += ["--phase", phase.value]
        words += ["--receiver", chosen.receiver] if chosen.receiver else []
        words += ["-l", chosen.labels] if chosen.labels else []
        return self._command(words)

    def replay(self, namespace: str, name: str) -> str:
        return self._command(["replay", name, "-n", namespace])

    def test(self, namespace: str, name: str) -> str:
        return self._command(["test", name, "-n", namespace, "--wait"])

    def _command(self, words: Sequence[str]) -> str:
        return shlex.join(clean(word) for word in ("notif", *words, *self._options))
