"""Check the workflows of GitHub Actions with actionlint."""

from __future__ import annotations

import subprocess

import typer

from tools.localcluster.toolchain import ensure
from tools.platform.errors import ExitCode
from tools.platform.pulumi.environment import ROOT

# Linters that happen to be installed on one machine would make its result differ from that of another.
OPTIONS = ("-shellcheck=", "-pyflakes=")

app = typer.Typer(add_completion=False)


@app.command()
def workflows() -> None:
    """Check .github/workflows/ with actionlint, which is downloaded or built first."""
    program = ensure(["actionlint"]).program("actionlint")
    files = sorted(map(str, (ROOT / ".github" / "workflows").glob("*.yml")))
    if subprocess.run([str(program), *OPTIONS, *files], cwd=ROOT, check=False).returncode:
        raise typer.Exit(ExitCode.FAILED)
