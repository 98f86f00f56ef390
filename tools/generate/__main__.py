"""`python -m tools.generate`: writes everything that is generated from code, or checks it with `--check`."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tools.generate.artifacts import ARTIFACTS, COMMANDS, CRDS, NAMES, ROOT, VERSIONS, Command

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tools.generate.artifacts import Artifact

RENEW = "make generate"
AGAIN = Command(arguments=("-m", "tools.generate"), paths=())
NOT_COPIED = shutil.ignore_patterns(".*", "build", "__pycache__")
app = typer.Typer(add_completion=False)


class GeneratorError(Exception):
    """A generator failed; the message names its command and shows the end of its output."""


@app.command()
def generate(
    *,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Write nothing; exit with 1 and name the stale files, if there are any."
        ),
    ] = False,
) -> None:
    """Write every file, table and diagram that is generated from code."""
    try:
        if not check:
            write(ROOT)
            return
        stale = list(stale_files(ROOT))
    except (GeneratorError, ValueError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    for path in stale:
        typer.echo(f"stale: {path}; run `{RENEW}` to renew it", err=True)
    if stale:
        raise typer.Exit(1)


def stale_files(
    root: Path, artifacts: Iterable[Artifact] = ARTIFACTS, commands: Iterable[Command] = COMMANDS
) -> Iterator[str]:
    """Yield the path of each file below `root` that its generator would change; nothing there is written."""
    for artifact in artifacts:
        if not artifact.is_current(root):
            yield artifact.path
    # Commands write below their working directory, so they run in a copy.
    with tempfile.TemporaryDirectory(prefix="generate-") as folder:
        copy = Path(folder, "repository")
        shutil.copytree(root, copy, ignore=NOT_COPIED)
        for command in commands:
            run(command, copy)
            for path in command.paths:
                if (copy / path).read_bytes() != (root / path).read_bytes():
                    yield path


def write(root: Path) -> None:
    for sources in (VERSIONS, (NAMES,), CRDS):
        if stale := [each for each in sources if not each.is_current(root)]:
            for each in stale:
                each.write(root)
            # This process has read the old ones.
            run(AGAIN, root)
            return
    for artifact in ARTIFACTS:
        artifact.write(root)
    for command in COMMANDS:
        run(command, root)


def run(command: Command, folder: Path) -> None:
    """Run a generator in `folder`."""
    process = subprocess.run(
        [sys.executable, *command.arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if process.returncode != 0:
        raise GeneratorError(
            f"`python {' '.join(command.arguments)}` exited with {process.returncode}:\n{process.stdout.strip()}"
        )


if __name__ == "__main__":
    app()
