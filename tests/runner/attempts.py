"""Writes the table of what tenants try, and what refuses it, into docs/tenancy.md: `python -m tests.runner.attempts --write`."""

from __future__ import annotations

import sys
from typing import Final

from tests.api_server.tenant_attempts import ATTEMPTS
from tools.generate.artifacts import ROOT, replace_block

DOCUMENT: Final = ROOT / "docs" / "tenancy.md"
BLOCK: Final = "attempts, by make generate"
PLACES: Final = {"own": "shop", "full": "shop-old", "other": "bank", "home": "notification-system"}
"""Names of the namespaces in the table."""


def document(text: str) -> str:
    """Return the document's text with an up-to-date table."""
    return replace_block(text, BLOCK, table())


def table() -> str:
    """Return one row per attempt, in Markdown."""
    head = ["| a tenant with | tries to | refused by | reads |", "|---|---|---|---|"]
    return "\n".join([*head, *(f"| `{a.who}` | {a.tries} | {a.by} | `{_read(a.reads)}` |" for a in ATTEMPTS)])


def _read(text: str) -> str:
    for name, namespace in PLACES.items():
        text = text.replace(f"{{{name}}}", namespace)
    return text


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("usage: python -m tests.runner.attempts --write")
    DOCUMENT.write_text(document(DOCUMENT.read_text("utf-8")), "utf-8")
