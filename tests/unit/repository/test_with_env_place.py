"""The environment of tools/with-env belongs to one place: a copied or moved checkout makes its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.platform.pulumi.environment import ROOT

# A python3 that makes an environment without a package index: this environment's uv, no packages, and one script.
PYTHON3 = f"""#!/bin/sh
set -eu
if [ "$1" != -m ]; then exec "{sys.executable}" "$@"; fi
"{sys.executable}" -m venv --without-pip "$3"
ln -s "{Path(sys.executable).parent / "uv"}" "$3/bin/uv"
printf '#!%s\\nimport where\\nprint(where.__file__)\\n' "$3/bin/python" >"$3/bin/script"
chmod 755 "$3/bin/script"
echo made >>"$LOG"
"""
FILES = ("tools/with-env", "tools/notif-platform", "tools/uv-requirements.txt")
LOCKS = ("requirements.lock",)
WHERE = "import where, sys; print(where.__file__, sys.prefix)"
SECONDS = 600


class Machine:
    """A folder with checkouts, and the number of environments that were made in them."""

    def __init__(self, folder: Path) -> None:
        self._programs, self._log = folder / "programs", folder / "log"
        self.original = folder / "original"
        for name in FILES:
            target = self.original / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target)
        for name in LOCKS:
            (self.original / name).write_text("# nothing\n")
        for package in ("operator/where.py", "tools/__init__.py", "tools/platform/__init__.py"):
            (self.original / package).parent.mkdir(parents=True, exist_ok=True)
            (self.original / package).touch()
        (self.original / "tools/platform/__main__.py").write_text("import where\nprint(where.__file__)\n")
        self._programs.mkdir()
        python3 = self._programs / "python3"
        python3.write_text(PYTHON3)
        python3.chmod(0o755)

    @property
    def made(self) -> int:
        """The number of environments that have been made."""
        return len(self._log.read_text().splitlines()) if self._log.exists() else 0

    def environment(self, **variables: str) -> dict[str, str]:
        path = {"PATH": f"{self._programs}:/usr/bin:/bin", "LOG": str(self._log)}
        known = {key: value for key, value in os.environ.items() if key not in {"VIRTUAL_ENV", "PYTHONPATH"}}
        return {**known, **path, **variables}

    def run(self, *command: str | Path, **variables: str) -> tuple[str, str]:
        """Run a command that succeeds; return its output and what with-env reported."""
        done = subprocess.run(
            command,
            env=self.environment(**variables),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip(), done.stderr.strip()

    def where(self, checkout: Path, **variables: str) -> tuple[str, str]:
        """Return which code and which environment a command uses there, and what with-env reported."""
        return self.run(checkout / "tools" / "with-env", "python", "-c", WHERE, **variables)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path.resolve())
    assert machine.where(machine.original)[0] == belongs_to(machine.original)
    assert machine.made == 1
    return machine


def belongs_to(checkout: Path) -> str:
    return f"{checkout / 'operator' / 'where.py'} {checkout / '.venv'}"


def scripts(machine: Machine, checkout: Path) -> set[str]:
    """Return which code the scripts of the environment use."""
    script, _ = machine.run(checkout / "tools" / "with-env", "script")
    command, _ = machine.run(checkout / "tools" / "with-env", "notif-platform")
    return {script, command}


@pytest.mark.parametrize("how", ["copied", "moved", "synchronized over another"])
def test_environment_of_another_place_is_made_again(machine: Machine, how: str) -> None:
    copy = machine.original.with_name("copy")
    if how == "synchronized over another":
        shutil.copytree(machine.original, copy, ignore=shutil.ignore_patterns(".venv"))
        machine.where(copy)
    if how == "moved":
        machine.original.rename(copy)
    else:
        machine.run("cp", "-a", f"{machine.original}/.", copy)
    before = machine.made
    shown, report = machine.where(copy)
    assert shown == belongs_to(copy)
    assert scripts(machine, copy) == {str(copy / "operator" / "where.py")}
    assert (
        report == f"with-env: {copy}/.venv was made for {machine.original}; making it again for this checkout"
    )
    assert machine.where(copy) == (belongs_to(copy), "")
    assert machine.made == before + 1
    if how != "moved":
        assert machine.where(machine.original) == (belongs_to(machine.original), "")


def test_plain_interpreter_of_a_copy_uses_the_code_of_the_copy(machine: Machine) -> None:
    """Plain `pulumi up` runs it without with-env."""
    copy = machine.original.with_name("copy")
    (machine.original / "infra").mkdir()
    (machine.original / "infra" / ".venv").symlink_to("../.venv")
    machine.run("cp", "-a", machine.original, copy)
    for folder in (copy, copy / "infra"):
        where, _ = machine.run(folder / ".venv" / "bin" / "python", "-c", WHERE)
        assert where == f"{copy / 'operator' / 'where.py'} {folder / '.venv'}"
    command, _ = machine.run("readlink", "-f", copy / ".venv" / "bin" / "notif-platform")
    assert command == str(copy / "tools" / "notif-platform")


def test_symbolic_link_to_a_checkout_uses_its_environment(machine: Machine) -> None:
    link = machine.original.with_name("link")
    link.symlink_to(machine.original)
    assert machine.where(link) == (belongs_to(machine.original), "")
    assert machine.made == 1


@pytest.mark.parametrize("name", ["with-env", "notif-platform"])
def test_link_on_path_runs_the_checkout_that_it_leads_to(machine: Machine, name: str) -> None:
    programs = machine.original.with_name("programs")
    (programs / name).symlink_to(machine.original / "tools" / name)
    arguments = ["python", "-m", "tools.platform"] if name == "with-env" else []
    shown, report = machine.run(name, *arguments)
    assert (shown, report) == (str(machine.original / "operator" / "where.py"), "")


def test_active_environment_of_another_checkout_is_not_used(machine: Machine) -> None:
    copy = machine.original.with_name("copy")
    shutil.copytree(machine.original, copy, ignore=shutil.ignore_patterns(".venv"))
    active = machine.original / ".venv"
    path = f"{active / 'bin'}:{machine.environment()['PATH']}"
    shown, _ = machine.where(copy, VIRTUAL_ENV=str(active), PATH=path)
    assert shown == belongs_to(copy)
    assert machine.where(machine.original) == (belongs_to(machine.original), "")


def test_link_to_the_environment_of_another_checkout_is_replaced(machine: Machine) -> None:
    copy = machine.original.with_name("copy")
    shutil.copytree(machine.original, copy, ignore=shutil.ignore_patterns(".venv"))
    (copy / ".venv").symlink_to(machine.original / ".venv")
    assert machine.where(copy)[0] == belongs_to(copy)
    assert machine.where(machine.original) == (belongs_to(machine.original), "")


def test_command_keeps_bytecode_where_the_environment_says_otherwise(machine: Machine) -> None:
    shown = machine.run(
        machine.original / "tools" / "with-env",
        *("python", "-c", "import sys; print(sys.dont_write_bytecode)"),
        PYTHONDONTWRITEBYTECODE="1",
    )
    assert shown == ("False", "")


def test_interrupted_environment_is_completed_and_not_made_again(machine: Machine) -> None:
    (machine.original / "requirements.lock").write_text("nowhere==1 --hash=sha256:0\n")
    failed = subprocess.run(
        [machine.original / "tools" / "with-env", "true"],
        env=machine.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert failed.returncode == 1
    (machine.original / "requirements.lock").write_text("# nothing\n")
    shown, report = machine.where(machine.original)
    assert shown == belongs_to(machine.original)
    assert report == f"with-env: synchronizing {machine.original}/.venv with requirements.lock"
    assert machine.made == 1


def test_two_commands_in_a_copy_make_one_environment(machine: Machine) -> None:
    copy = machine.original.with_name("copy")
    machine.run("cp", "-a", machine.original, copy)
    command = [str(copy / "tools" / "with-env"), "python", "-c", WHERE]
    running = [
        subprocess.Popen(
            command,
            env=machine.environment(),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(3)
    ]
    shown = [process.communicate(timeout=SECONDS)[0].strip() for process in running]
    assert shown == [belongs_to(copy)] * 3
    assert machine.made == 2
