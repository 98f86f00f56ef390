"""Generated files: current in the repository, and renewed without touching the rest of a file."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from tools.generate import __main__ as command
from tools.generate.artifacts import (
    ARTIFACTS,
    COMMANDS,
    ROOT,
    VERSIONS,
    Artifact,
    Command,
    replace_block,
    replace_tail,
)
from tools.generate.version import replace_version

if TYPE_CHECKING:
    from pathlib import Path

BLOCK = "before\n<!-- begin x -->\nold\nlines\n<!-- end x -->\nafter\n"


@pytest.mark.parametrize("artifact", ARTIFACTS, ids=lambda artifact: artifact.path)
def test_generated_file_is_current(artifact: Artifact) -> None:
    assert artifact.is_current(ROOT), "run `make generate`"


@pytest.mark.parametrize("artifact", ARTIFACTS, ids=lambda artifact: artifact.path)
def test_generated_part_names_the_command_that_renews_it(artifact: Artifact) -> None:
    marker = artifact.tail or artifact.block
    assert not marker or "make generate" in marker


def test_every_generated_part_exists_and_has_one_generator() -> None:
    parts = [(path, "") for each in COMMANDS for path in each.paths]
    parts += [(each.path, each.block) for each in ARTIFACTS]
    assert len(parts) == len(set(parts))
    assert all((ROOT / path).is_file() for path, _ in parts)


@pytest.mark.parametrize("each", COMMANDS, ids=lambda each: " ".join(each.arguments))
def test_module_of_a_command_exists(each: Command) -> None:
    flag, module, *_ = each.arguments
    assert flag == "-m"
    assert find_spec(module)


def test_block_is_replaced_and_surrounding_text_stays() -> None:
    result = replace_block(BLOCK, "x", r"new \1")
    assert result == "before\n<!-- begin x -->\n\nnew \\1\n\n<!-- end x -->\nafter\n"


def test_missing_block_is_an_error_that_names_it() -> None:
    with pytest.raises(ValueError, match="one block 'x'"):
        replace_block("nothing here", "x", "new")


def test_tail_is_replaced_and_text_before_the_marker_stays() -> None:
    assert replace_tail("head\n# marker\nold\n", "# marker", "new\n") == "head\n# marker\nnew\n"


@pytest.mark.parametrize("text", ["no marker\n", "# marker\n# marker\n"])
def test_missing_or_repeated_tail_marker_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="one line '# marker'"):
        replace_tail(text, "# marker", "new\n")


def repository(folder: Path) -> tuple[list[Artifact], list[Command]]:
    """Return two artifacts and two commands of a small repository: one of each kind is stale."""
    for name, text in {"a": "new", "b": "old", "c": "new", "d": "old"}.items():
        (folder / name).write_text(text)
    artifacts = [Artifact(path=name, content=lambda: "new") for name in "ab"]
    commands = [
        Command(arguments=("-c", f"import pathlib; pathlib.Path({name!r}).write_text('new')"), paths=(name,))
        for name in "cd"
    ]
    return artifacts, commands


def test_check_yields_stale_files_and_writes_nothing(tmp_path: Path) -> None:
    assert list(command.stale_files(tmp_path, *repository(tmp_path))) == ["b", "d"]
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        "a": "new",
        "b": "old",
        "c": "new",
        "d": "old",
    }


def test_command_exits_with_1_and_names_the_stale_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "stale_files", lambda _root: ["docs/settings.md"])
    result = CliRunner().invoke(command.app, ["--check"])
    assert result.exit_code == 1
    assert result.stderr == "stale: docs/settings.md; run `make generate` to renew it\n"


def test_command_exits_with_0_when_every_file_is_current(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "stale_files", lambda _root: [])
    assert CliRunner().invoke(command.app, ["--check"]).exit_code == 0


def test_failed_generator_is_reported_with_its_output(tmp_path: Path) -> None:
    broken = Command(arguments=("-c", "import sys; print('the reason'); sys.exit(3)"), paths=())
    with pytest.raises(command.GeneratorError, match=re.compile("exited with 3:\nthe reason", re.DOTALL)):
        command.run(broken, tmp_path)


def test_other_files_are_generated_by_a_process_that_reads_the_new_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = ("VERSION", "names.py", "crd.yaml")
    version, names, crd = (Artifact(path=path, content=lambda: "new") for path in paths)
    written: list[list[str]] = []

    def again(each: Command, folder: Path) -> None:
        assert each == command.AGAIN
        written.append([path.name for path in sorted(folder.iterdir())])
        if len(written) < len(paths):
            command.write(folder)

    monkeypatch.setattr(command, "VERSIONS", (version,))
    monkeypatch.setattr(command, "NAMES", names)
    monkeypatch.setattr(command, "CRDS", (crd,))
    monkeypatch.setattr(command, "run", again)
    command.write(tmp_path)
    assert written == [["VERSION"], ["VERSION", "names.py"], ["VERSION", "crd.yaml", "names.py"]]


@pytest.mark.parametrize("each", VERSIONS, ids=lambda each: each.path)
def test_version_file_determines_the_declaration(each: Artifact) -> None:
    text = (ROOT / each.path).read_text("utf-8")
    assert replace_version(text, each.version, "7.8.9").count("7.8.9") >= 1
    assert each.content() == (ROOT / "VERSION").read_text("utf-8").strip()
