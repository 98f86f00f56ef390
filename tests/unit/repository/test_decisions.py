"""The decision records: each is cited by code or by a test and listed where readers look, and every cited one exists."""

from __future__ import annotations

import re

from tools.platform.pulumi.environment import ROOT

FOLDERS = ("operator", "infra", "tools", "tests", "examples")
SUFFIXES = {".py", ".yaml", ".toml", ".sh"}
ID = re.compile(r"\b(?:DD|SP)-[A-Z]+-[0-9]{3}\b")
GENERATED = ROOT / "operator" / "notification_contract" / "crds"
"""Its texts repeat those of the models."""

DECISIONS = {file.stem for file in (ROOT / "docs" / "decisions").glob("*-[0-9][0-9][0-9].md")}


def cited() -> set[str]:
    """Return the decisions that code and tests cite."""
    files = (file for folder in FOLDERS for file in (ROOT / folder).rglob("*") if file.suffix in SUFFIXES)
    return {
        name
        for file in files
        if GENERATED not in file.parents and not {"node_modules", ".venv"} & set(file.parts)
        for name in ID.findall(file.read_text("utf-8"))
    }


def test_every_decision_is_cited_by_code_or_a_test() -> None:
    assert sorted(DECISIONS - cited()) == []


def test_every_cited_decision_exists() -> None:
    pages = {name for file in (ROOT / "docs").rglob("*.md") for name in ID.findall(file.read_text("utf-8"))}
    assert sorted((cited() | pages) - DECISIONS) == []


def test_index_and_navigation_list_every_decision() -> None:
    index = (ROOT / "docs" / "decisions" / "README.md").read_text("utf-8")
    navigation = (ROOT / "mkdocs.yml").read_text("utf-8")
    assert sorted(re.findall(r"^\| \[([A-Z0-9-]+)\]\(\1\.md\)", index, re.MULTILINE)) == sorted(DECISIONS)
    assert sorted(ID.findall(navigation)) == sorted(DECISIONS)
