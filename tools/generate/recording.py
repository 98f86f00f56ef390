"""Recordings of `notif` as SVG: the lines that the commands write, drawn by rich."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.text import Text

from notification_cli.actions.listing import Listing, Writer
from notification_cli.output import detail
from notification_cli.output.screen import Screen
from notification_cli.views.explaining.explanation import explain, read_rules
from notification_cli.views.rules import evaluate
from notification_cli.views.timeline import timeline
from notification_domain.model import parse
from tools.pictures.samples import NOTIFICATIONS, NOW, RULES

if TYPE_CHECKING:
    from collections.abc import Callable

WIDTH: Final = 112
FONTS: Final = re.compile(r"@font-face \{.*?\}\n?", re.DOTALL)
"""The recording names fonts of another host; it is drawn in the reader's own monospaced font."""
CHECKOUT: Final = NOTIFICATIONS[0]


class Recorder(Console):
    def __init__(self) -> None:
        super().__init__(
            record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor"
        )

    def command(self, line: str, output: str) -> None:
        self.print(Text.assemble(("$ ", "bold green"), line))
        self.print(Text.from_ansi(output))

    def svg(self, name: str) -> str:
        drawn = self.export_svg(title="notif", unique_id=name)
        return FONTS.sub("", drawn).replace("Fira Code", "ui-monospace") + "\n"


def recording() -> str:
    recorder = Recorder()
    for command, write in COMMANDS.items():
        file = io.StringIO()
        write(Screen(file, color=True, width=WIDTH))
        recorder.command(command, file.getvalue())
    return recorder.svg("notif")


def _list(screen: Screen) -> None:
    Writer(Listing(all_namespaces=True), screen).write(NOTIFICATIONS, NOW)


def _show(screen: Screen) -> None:
    notification = parse(CHECKOUT)
    entries = timeline(notification, now=NOW)
    detail.show(screen, notification, explain(notification, None, now=NOW), entries, now=NOW)


def _route(screen: Screen) -> None:
    table = read_rules(RULES).table
    assert table is not None, "the rules are valid"
    detail.rules(screen, evaluate(table, CHECKOUT["metadata"]["labels"]))


COMMANDS: Final[dict[str, Callable[[Screen], None]]] = {
    "notif ls -A": _list,
    "notif show checkout-failing -n shop": _show,
    "notif route test --labels kubernaut.ai/severity=critical,kubernaut.ai/environment=production": _route,
}
