"""Links of a payload as the spec has them: only to the web, each once, and no more than admission accepts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import filterfalse
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from notification_domain.mapping.text import MAX_NOTE, SURROGATE, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from notification_domain.mapping.admission_limits import Limits

MAX_SERVICE, MAX_URL, MAX_LABEL = 256, 4096, 512
WEB: Final = frozenset({"http", "https"})
MOST_LINES: Final = 4
"""Links that are shown as lines of the body."""
NOT_IN_URL: Final = re.compile(r"[\s<>\"\\\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link that a payload contains, whatever it leads to."""

    service: str
    url: str
    label: str


def web_address(url: str) -> str:
    """Return an address of the web with its scheme in lower case; empty for any other text, and for one that is too long."""
    if len(url) > MAX_URL or NOT_IN_URL.search(url) or SURROGATE.search(url):
        return ""
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in WEB and bool(parts.hostname)
    except ValueError:
        return ""
    return f"{parts.scheme}{url[len(parts.scheme) :]}" if is_web else ""


def action_links(found: Iterable[Link], limits: Limits) -> tuple[list[dict[str, str]], tuple[str, ...]]:
    """Return links for the spec, and notes on further ones: the address of some that only their scheme keeps out."""
    every: dict[str, dict[str, str]] = {}
    for each in found:
        if url := web_address(each.url):
            label = one_line(each.label, MAX_LABEL) or one_line(url, MAX_LABEL)
            every.setdefault(url, {"service": each.service[:MAX_SERVICE], "url": url, "label": label})

    def is_accepted(entry: dict[str, str]) -> bool:
        return entry["url"].partition(":")[0] in limits.link_schemes

    accepted = list(filter(is_accepted, every.values()))[: limits.action_links]
    others = (f"{each['label']}: {each['url']}" for each in filterfalse(is_accepted, every.values()))
    lines = [line for line in others if len(line) <= MAX_NOTE][:MOST_LINES]
    beyond = len(every) - len(accepted) - len(lines)
    if beyond:
        lines.append(f"… {beyond} further link{'s' if beyond > 1 else ''}")
    return accepted, tuple(lines)
