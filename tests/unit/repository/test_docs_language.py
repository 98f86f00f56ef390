"""The language of the pages: words that the rules of CONTRIBUTING.md exclude, and the number of words for users."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from tests.unit.repository.test_docs_quotes import FENCE, PAGES, name_of, paragraphs
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXCLUDED: Final = re.compile(
    r"\bof (?:its|their|your|his|our) own\b|\bthat of\b|\bthose of\b|\b(?:far|other) end\b|\b(?:some|no)body\b|\bwhoever\b|"
    r"\blikewise\b|\bat once\b|\banew\b|\bfor ?ever\b|\bbeside\b|\ball the same\b|\bof others\b|"
    r"(?:^|[.!?:] |\| |- )(?:\*\*)?What\b(?! is\b[^|.]*\?)",
    re.IGNORECASE | re.MULTILINE,
)
CODE: Final = re.compile(r"`[^`\n]+`")
GENERATED: Final = re.compile(r"<!-- begin .*?<!-- end [^>]*-->|<!-- Generated from .*", re.DOTALL)
FOR_CONTRIBUTORS: Final = (
    "CONTRIBUTING.md",
    "docs/contributing/",
    "docs/triage/",
    "examples/second_controller/",
    "packages/",
    "tools/",
)
FOR_USERS: Final = [file for file in PAGES if not name_of(file).startswith(FOR_CONTRIBUTORS)]
MOST: Final = 45_300
"""Words of `FOR_USERS` without generated parts and code."""
CRDS: Final = "operator/notification_contract/crds"
SCHEMAS: Final = (
    *(
        f"{CRDS}/{kind}.yaml"
        for kind in ("notificationreceiver", "notificationrequest", "notificationsource")
    ),
    *("stacks/schema.json", "docs/openapi.json"),
)
"""Generated files whose descriptions users read."""


def prose(file: Path) -> str:
    """Return the text of a page without generated parts and code."""
    return FENCE.sub("", GENERATED.sub("", file.read_text("utf-8")))


@pytest.mark.parametrize("file", PAGES, ids=name_of)
def test_page_uses_no_excluded_word(file: Path) -> None:
    lines = (" ".join(each.split()) for each in paragraphs(CODE.sub("``", prose(file))))
    assert [line for line in lines if EXCLUDED.search(line)] == []


def test_pages_do_not_grow_beyond_their_number_of_words() -> None:
    assert sum(len(prose(file).split()) for file in FOR_USERS) <= MOST


@pytest.mark.parametrize("name", SCHEMAS)
def test_description_uses_no_excluded_word(name: str) -> None:
    found = list(descriptions(yaml.safe_load((ROOT / name).read_text("utf-8"))))
    assert len(found) > 50
    assert [text for text in found if EXCLUDED.search(CODE.sub("``", text))] == []


def descriptions(node: Any) -> Iterator[str]:
    """Yield the descriptions in a schema."""
    for name, value in node.items() if isinstance(node, dict) else enumerate(node):
        if name == "description" and isinstance(value, str):
            yield value
        elif isinstance(value, dict | list):
            yield from descriptions(value)
