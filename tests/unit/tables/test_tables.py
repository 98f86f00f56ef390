"""Every table of the operator and the gateway is bounded in bytes and by namespace (DD-TABLE-001)."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import yaml

from tests.unit.tables.found import tables

REGISTER: Final[dict[str, dict[str, dict[str, str]]]] = yaml.safe_load(
    Path(__file__).with_name("tables.yaml").read_text("utf-8")
)
HINT: Final = "add it to tests/unit/tables/tables.yaml: fixed, work, follows, or filled with a filler"


def registered(kind: str) -> dict[str, str]:
    """Return the tables of a kind, each with its text."""
    return {
        f"{module}:{name}": text for module, names in REGISTER[kind].items() for name, text in names.items()
    }


def test_table_without_an_entry_is_found() -> None:
    listed = {name for kind in REGISTER for name in registered(kind)}

    assert [f"{place}: {name}: {HINT}" for name, place in tables().items() if name not in listed] == []


def test_entry_whose_table_is_gone_is_found() -> None:
    lines = [name for kind in REGISTER for name in registered(kind)]

    assert sorted(lines) == sorted(set(lines) & tables().keys())


def test_table_that_follows_another_names_a_listed_one() -> None:
    others = {name.partition(":")[2] for kind in REGISTER for name in registered(kind)}

    assert set(registered("follows").values()) - others == set()
