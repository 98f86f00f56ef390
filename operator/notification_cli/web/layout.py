"""What all pages have in common: templates, tabs, addresses, and texts cut by characters and by bytes, so that a page has a bounded size."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from notification_cli.web.hints import UNDELIVERED
from notification_contract.kinds.choices import Phase

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from notification_cli.web.source import Filter

FOLDER: Final = Path(__file__).parent / "templates"
TABS: Final[Mapping[str, Sequence[Phase]]] = {
    "All": (),
    "Open": (Phase.PENDING, Phase.SENDING, Phase.RETRYING),
    "Failed": UNDELIVERED,
    "Sent": (Phase.SENT,),
    "Suppressed": (Phase.SUPPRESSED,),
}
RECEIVERS: Final = "Receivers"
NAME_CHARACTERS: Final = 60
SUBJECT_CHARACTERS: Final = 100
TEXT_CHARACTERS: Final = 300
SUBJECT_BYTES: Final = 200
TEXT_BYTES: Final = 450
LABEL_BYTES: Final = 4000
"""Bytes of a text in HTML: a page of 100 rows has at most 100 KB, whatever its texts are."""


class Layout:
    """Renders templates; every address begins with `root`, the path that holds the secret."""

    def __init__(self, root: str, *, scope: str) -> None:
        self.root = root
        self._scope = scope
        self._templates = Environment(
            loader=FileSystemLoader(FOLDER),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def render(self, template: str, *, chosen: Filter, here: str = "", **values: Any) -> str:  # noqa: ANN401 - values of a template
        """Return a page.

        Args:
            template: the file.
            chosen: the filter, which the tabs keep.
            here: the name of the tab that is open.
            values: what the template shows.
        """
        return self._templates.get_template(template).render(
            root=self.root, scope=self._scope, tabs=self._tabs(chosen, here), **values
        )

    def list_url(self, chosen: Filter, phases: Sequence[str], *, start: str = "") -> str:
        return f"{self.root}/?{query(chosen, phases=phases, start=start)}"

    def notification_url(self, namespace: str, name: str) -> str:
        return f"{self.root}/n/{quote(namespace)}/{quote(name)}"

    def receivers_url(self, namespace: str = "", *, start: str = "") -> str:
        pairs = [(key, value) for key, value in (("namespace", namespace), ("start", start)) if value]
        return f"{self.root}/receivers?{urlencode(pairs)}" if pairs else f"{self.root}/receivers"

    def receiver_url(self, namespace: str, name: str) -> str:
        return f"{self.root}/r/{quote(namespace)}/{quote(name)}"

    def events_url(self, chosen: Filter, *, version: str, kind: str = "") -> str:
        """Return the address of the changes after a version; without a version there are none to follow."""
        if not version:
            return ""
        return f"{self.root}/events?{query(chosen, phases=chosen.phases, version=version, kind=kind)}"

    def _tabs(self, chosen: Filter, here: str) -> list[dict[str, Any]]:
        lists = [
            {"name": name, "url": self.list_url(chosen, phases), "here": name == here}
            for name, phases in TABS.items()
        ]
        receivers = self.receivers_url(chosen.namespace)
        return [*lists, {"name": RECEIVERS, "url": receivers, "here": here == RECEIVERS}]


def tab_of(phases: Sequence[str]) -> str:
    """Return the name of the tab that shows these phases; empty for none."""
    return next((name for name, shown in TABS.items() if set(shown) == set(phases)), "")


def query(chosen: Filter, *, phases: Sequence[str] = (), **more: str) -> str:
    pairs = [
        ("namespace", chosen.namespace),
        ("labels", chosen.labels),
        ("receiver", chosen.receiver),
        ("name", chosen.name),
        ("incident", chosen.incident),
        *more.items(),
    ]
    return urlencode(
        [*((key, value) for key, value in pairs if value), *(("phase", str(each)) for each in phases)]
    )


def fit(text: str, characters: int, size: int) -> str:
    """Return a text of at most so many characters, and of at most so many bytes in HTML."""
    shown = text[:characters]
    while shown and len(escape(shown).encode(errors="replace")) > size:
        shown = shown[: len(shown) * 3 // 4]
    return shown if shown == text else f"{shown}…"


def short(text: str) -> str:
    """Return a text that fits a cell of a row, of which a page has 100."""
    return fit(text, SUBJECT_CHARACTERS, SUBJECT_BYTES)


def long(text: str) -> str:
    """Return a text that fits a cell of a table with few rows."""
    return fit(text, TEXT_CHARACTERS, TEXT_BYTES)
