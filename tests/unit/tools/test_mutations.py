"""The mutations fit the source as it is now, break it, and leave it where it is."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.harness.operators import OPERATORS
from tests.mutations.lanes import lanes
from tests.mutations.mutation import ROOT, Edit, Mutation, StaleMutationError, copied, source
from tests.mutations.table import MUTATIONS
from tests.runner import mutations
from tests.stack.catalogue import BY_ID

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_changes_a_copy_into_something_else_that_can_be_read(
    mutation: Mutation, tmp_path: Path
) -> None:
    whole = {edit.file: source(edit.file).read_text() for edit in mutation.edits}
    mutation.apply(copied(tmp_path))
    for file, before in whole.items():
        assert meaning(tmp_path / file) != meaning(source(file))
        assert source(file).read_text() == before


def meaning(file: Path) -> str:
    """Return what a file says, whatever its layout and comments are."""
    text = file.read_text()
    return ast.dump(ast.parse(text)) if file.suffix == ".py" else json.dumps(yaml.safe_load(text))


def test_a_mutation_whose_text_is_gone_or_ambiguous_is_refused(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text("one = 1\ntwo = 1\n")
    for old in ("three", " = 1"):
        with pytest.raises(StaleMutationError, match=r"module\.py"):
            Edit(file="module.py", old=old, new="").apply(tmp_path)


def test_every_mutation_has_a_name_of_its_own_and_an_operator_that_exists() -> None:
    assert len({mutation.slug for mutation in MUTATIONS}) == len(MUTATIONS)
    assert {mutation.operator for mutation in MUTATIONS} <= OPERATORS.keys()


def test_every_check_of_the_catalogue_is_turned_red_by_a_mutation() -> None:
    assert {check for mutation in MUTATIONS for check in mutation.checks} == BY_ID.keys()


def test_the_checks_of_a_mutation_are_of_its_operator_and_stand_alone_where_they_have_to() -> None:
    command = [sys.executable, "-m", "pytest", "tests/stack", "--collect-only", "--quiet", "--list-checks"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    fixtures = dict(re.findall(r"^check (\S+) \S+ (.*)$", done.stdout, re.MULTILINE))
    for mutation in MUTATIONS:
        for check in mutation.checks:
            assert f"{mutation.operator}_operator" in fixtures[check].split(), f"{mutation.name}: {check}"
            assert mutation.alone or "alone" not in fixtures[check].split(), f"{mutation.name}: {check}"


def test_lanes_hold_every_mutation_once_and_nothing_runs_beside_one_that_measures() -> None:
    side_by_side, afterwards = lanes(MUTATIONS)
    rows = [row for lane in (*side_by_side, *afterwards) for row in lane.mutations]
    assert sorted(row.name for row in rows) == sorted(row.name for row in MUTATIONS)
    assert not any(row.alone or row.in_contract for lane in side_by_side for row in lane.mutations)
    assert len({lane.name for lane in (*side_by_side, *afterwards)}) == len([*side_by_side, *afterwards])


def test_the_document_holds_the_table_of_mutations() -> None:
    text = mutations.DOCUMENT.read_text("utf-8")
    assert mutations.document(text) == text, "run `python -m tests.runner.mutations --write`"
