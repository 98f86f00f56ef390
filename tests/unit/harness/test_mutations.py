"""The mutations apply to the source as it is now, change its meaning, and leave it untouched."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
from functools import cache
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.harness.operators import OPERATORS
from tests.mutations.lanes import lanes
from tests.mutations.mutation import FOLDER, MUTATIONS, ROOT, Mutation, StaleMutationError, source
from tests.runner import mutations
from tests.stack.catalogue import BY_ID, CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.slug)
def test_mutation_applies_and_changes_the_meaning_of_every_file(mutation: Mutation, tmp_path: Path) -> None:
    before = {file: source(file).read_text() for file in mutation.files}
    apply(mutation, tmp_path)
    assert before
    for file, text in before.items():
        assert meaning(tmp_path / file) != original(file)
        assert source(file).read_text() == text


def apply(mutation: Mutation, folder: Path) -> None:
    for file in mutation.files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source(file), folder / file)
    mutation.apply(folder)


@cache
def original(file: str) -> str:
    return meaning(source(file))


def meaning(file: Path) -> str:
    """Return a file's syntax tree or data, without layout and comments."""
    text = file.read_text()
    return ast.dump(ast.parse(text)) if file.suffix == ".py" else json.dumps(yaml.safe_load(text))


def test_patch_that_no_longer_applies_is_refused(tmp_path: Path) -> None:
    mutation = MUTATIONS[0]
    for file in mutation.files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("other = 1\n")
    with pytest.raises(StaleMutationError, match=rf"{mutation.slug}\.patch no longer applies"):
        mutation.apply(tmp_path)


def test_every_mutation_has_one_patch_and_an_existing_operator() -> None:
    patches = sorted(file.name for file in (FOLDER / "patches").iterdir())
    assert sorted(mutation.patch.name for mutation in MUTATIONS) == patches
    assert {mutation.operator for mutation in MUTATIONS} <= OPERATORS.keys()


def test_every_check_of_the_catalogue_has_a_mutation() -> None:
    mutated = {check for mutation in MUTATIONS for check in mutation.checks}
    assert {check.id for check in CATALOGUE} <= mutated <= BY_ID.keys()


def test_checks_of_a_mutation_use_its_operator_and_run_alone_if_they_must() -> None:
    command = [sys.executable, "-m", "pytest", "tests/stack", "--collect-only", "--quiet", "--list-checks"]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    fixtures = dict(re.findall(r"^check (\S+) \S+ (.*)$", output, re.MULTILINE))
    for mutation in MUTATIONS:
        for check in mutation.checks:
            assert f"{mutation.operator}_operator" in fixtures[check].split(), f"{mutation.name}: {check}"
            assert mutation.alone or "alone" not in fixtures[check].split(), f"{mutation.name}: {check}"


def test_lanes_hold_every_mutation_once_and_isolate_measurements() -> None:
    concurrent, sequential = lanes(MUTATIONS)
    rows = [row for lane in (*concurrent, *sequential) for row in lane.mutations]
    assert sorted(row.name for row in rows) == sorted(row.name for row in MUTATIONS)
    assert not any(row.alone or row.in_crd for lane in concurrent for row in lane.mutations)
    assert len({lane.name for lane in (*concurrent, *sequential)}) == len([*concurrent, *sequential])


def test_document_holds_the_table_of_mutations() -> None:
    text = mutations.DOCUMENT.read_text("utf-8")
    assert mutations.document(text) == text, "run `python -m tests.runner.mutations --write`"


@pytest.mark.parametrize("word", ["one attempt too many", "one-attempt-too-many"])
def test_word_selects_mutations_by_name_and_by_patch(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen: list[str] = []

    def run(selected: Sequence[Mutation], *_: object) -> bool:
        chosen.extend(each.name for each in selected)
        return True

    monkeypatch.setattr(mutations, "run", run)
    assert mutations.main([word]) == 0
    assert chosen == ["one attempt too many"]


def test_word_without_a_mutation_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        mutations.main(["nonsense"])
    assert "no mutation has such a name or check: nonsense" in capsys.readouterr().err
