"""The mutations fit the source as it is now, break it, and leave it where it is."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest

from tests.mutation.mutation import ROOT, Edit, Mutation, StaleMutationError, copied
from tests.mutation.table import MUTATIONS
from tests.stack.catalogue import BY_ID
from tests.support.operators import OPERATORS
from tools import mutations

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_mutation_changes_a_copy_into_other_code_that_python_accepts(
    mutation: Mutation, tmp_path: Path
) -> None:
    source = {edit.file: (ROOT / "operator" / edit.file).read_text() for edit in mutation.edits}
    mutation.apply(copied(tmp_path))
    for file, before in source.items():
        broken = (tmp_path / file).read_text()
        assert ast.dump(ast.parse(broken)) != ast.dump(ast.parse(before))
        assert (ROOT / "operator" / file).read_text() == before


def test_a_mutation_whose_text_is_gone_or_ambiguous_is_refused(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text("one = 1\ntwo = 1\n")
    for old in ("three", " = 1"):
        with pytest.raises(StaleMutationError, match=r"module\.py"):
            Edit(file="module.py", old=old, new="").apply(tmp_path)


def test_every_mutation_names_an_operator_and_checks_that_exist() -> None:
    for mutation in MUTATIONS:
        assert mutation.operator in OPERATORS
        assert mutation.checks
        assert set(mutation.checks) <= BY_ID.keys()


def test_the_document_holds_the_table_of_mutations() -> None:
    text = mutations.DOCUMENT.read_text("utf-8")
    assert mutations.document(text) == text, "run `python -m tools.mutations --write`"
