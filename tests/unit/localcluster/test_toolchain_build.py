"""Compilation by the real Go command, in small modules without dependencies: interrupted, resumed, failed."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.harness.eventually import eventually
from tools.localcluster.toolchain import ToolchainError, gobuild
from tools.localcluster.toolchain.sources.pins import ModuleFiles

if TYPE_CHECKING:
    from pathlib import Path

GO = shutil.which("go") or "go"
PROGRAM = 'package main\n\nimport "small/shared"\n\nfunc main() { println(shared.Text) }\n'
# A build that compiles the shared package and then waits for as long as the file `hold` exists.
HELD_GO = """#!/bin/sh
if [ "$1" = build ] && [ -e {folder}/hold ]; then
  CGO_ENABLED=0 {go} build {flags} ./shared && echo $$ > {folder}/reached && exec sleep 600
fi
exec {go} "$@"
"""


@dataclass(frozen=True, slots=True)
class Run:
    """A recipe with two programs that share a package, and a Go command that can be held."""

    folder: Path

    def start(self) -> subprocess.Popen[str]:
        environment = {
            **os.environ,
            "NOTIFICATION_PLATFORM_CACHE": str(self.folder / "cache"),
            "PATH": f"{self.folder / 'path'}{os.pathsep}{os.environ['PATH']}",
        }
        return subprocess.Popen(
            [sys.executable, "-m", "tests.unit.localcluster.small_build", str(self.folder / "recipes")],
            env=environment,
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def hold(self) -> Path:
        return self.folder / "hold"

    @property
    def module(self) -> Path:
        return self.folder / "recipes" / "small"

    def held(self) -> int:
        """Wait until the shared package is compiled; return the process of the Go command."""
        reached = self.folder / "reached"
        return int(eventually(lambda: reached.exists() and reached.read_text(), bool, within=120.0))

    def parts(self) -> list[Path]:
        return list((self.folder / "cache" / "toolchain" / "parts").iterdir())


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path)
    for name in ("one", "two", "shared"):
        (run.module / name).mkdir(parents=True)
    (run.module / "go.mod").write_text("module small\n\ngo 1.26\n")
    # Different in each test, so that Go's cache does not contain it.
    (run.module / "shared" / "shared.go").write_text(f'package shared\n\nconst Text = "{uuid.uuid4().hex}"\n')
    for name in ("one", "two"):
        (run.module / name / "main.go").write_text(PROGRAM)
    path = tmp_path / "path" / "go"
    path.parent.mkdir()
    path.write_text(HELD_GO.format(folder=tmp_path, go=GO, flags=shlex.join(gobuild.COMPILER_FLAGS)))
    path.chmod(0o755)
    return run


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_build_resumes_with_what_it_compiled(run: Run, kind: signal.Signals) -> None:
    run.hold.touch()
    first = run.start()
    compiler = run.held()
    first.send_signal(kind)
    first.communicate()
    if kind == signal.SIGKILL:
        os.kill(compiler, signal.SIGKILL)
    run.hold.unlink()
    second = run.start()
    _, messages = second.communicate()
    assert second.returncode == 0, messages
    compiled = (run.folder / "cache" / "toolchain" / "build.log").read_text().split()
    assert "small/one" in compiled
    assert "small/shared" not in compiled
    (part,) = run.parts()
    assert {file.name for file in part.iterdir()} == {"one", "two"}
    assert subprocess.run([part / "one"], check=True, stderr=subprocess.PIPE).stderr.strip()


def test_second_run_waits_for_the_compiler_of_a_killed_run(run: Run) -> None:
    run.hold.touch()
    first = run.start()
    compiler = run.held()
    first.kill()
    first.communicate()
    run.hold.unlink()
    second = run.start()
    assert second.stderr is not None
    eventually(second.stderr.readline, lambda line: "waiting for another run" in line, within=60.0)
    os.kill(compiler, signal.SIGKILL)
    second.communicate()
    assert second.returncode == 0


@pytest.mark.parametrize(
    ("processors", "variables"), [(2, {"GOGC": "off", "GOMEMLIMIT": str(2 << 30)}), (64, {})]
)
def test_compilers_collect_no_garbage_if_the_memory_is_enough(
    monkeypatch: pytest.MonkeyPatch, processors: int, variables: dict[str, str]
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: processors)
    monkeypatch.setattr("os.sysconf", {"SC_PHYS_PAGES": 2 << 20, "SC_PAGE_SIZE": 4096}.__getitem__)
    assert gobuild.collector() == variables


def test_second_run_compiles_nothing(run: Run) -> None:
    assert run.start().communicate()[1]
    _, messages = run.start().communicate()
    assert messages == ""


def test_run_says_what_it_will_do_and_how_long_it_takes(run: Run) -> None:
    _, messages = run.start().communicate()
    assert "small 1                    compile, about" in messages
    assert "In all about" in messages
    assert "there is no release" in messages


def test_error_of_the_compiler_is_shown_without_package_names(run: Run) -> None:
    (run.module / "two" / "main.go").write_text("package main\n\nfunc main() { undefined() }\n")
    process = run.start()
    _, messages = process.communicate()
    assert process.returncode == 1
    reason = messages.partition("error: ")[2]
    assert "small 1 cannot be built" in reason
    assert "undefined: undefined" in reason
    assert "    small/shared" not in reason
    assert run.parts() == []


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleFiles:
    """A module in Go's cache, with files, a folder and a document."""
    folder = tmp_path / "module"
    (folder / "folder").mkdir(parents=True)
    (folder / "file.go").write_text("package file\n")
    (folder / "folder" / "inner.go").write_text("package folder\n")
    (folder / "document.json").write_text('{\n  "name": "n"\n}\n')
    answer = tmp_path / "answer.json"
    answer.write_text(json.dumps({"Dir": str(folder), "Sum": "h1:pinned"}))
    go = tmp_path / "path" / "go"
    go.parent.mkdir()
    go.write_text(f"#!/bin/sh\ncat {answer}\n")
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{go.parent}{os.pathsep}{os.environ['PATH']}")
    return ModuleFiles(
        module="example.com/m",
        version="v1.0.0",
        sum="h1:pinned",
        files={"a/copied.go": "file.go", "b": "folder"},
        documents={"c.json": "document.json"},
        values={"c.json": {"version": "1.0.0"}},
    )


def test_files_of_a_module_are_copied_to_their_targets(module: ModuleFiles, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    gobuild.copy(module, target)
    assert (target / "a" / "copied.go").read_text() == "package file\n"
    assert (target / "b" / "inner.go").read_text() == "package folder\n"
    assert (target / "c.json").read_text() == '{"name":"n","version":"1.0.0"}'


def test_module_with_another_hash_is_an_error(module: ModuleFiles, tmp_path: Path) -> None:
    other = ModuleFiles(module=module.module, version=module.version, sum="h1:other")
    with pytest.raises(
        ToolchainError, match=r"example\.com/m@v1\.0\.0 has the hash h1:pinned; the pinned hash is h1:other"
    ):
        gobuild.copy(other, tmp_path)
