"""Check the dependencies for known vulnerabilities with osv-scanner, pip-audit and govulncheck."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tools.localcluster.toolchain.gomodules import prepare
from tools.localcluster.toolchain.group import Build
from tools.localcluster.toolchain.sources.pins import GROUPS
from tools.platform import advisories
from tools.platform.console import err, out
from tools.platform.errors import ExitCode, PlatformError
from tools.platform.processes import run
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.platform.advisories import Advisory

# The Go command checks the modules against Go's checksum database.
OSV_SCANNER = "github.com/google/osv-scanner/v2/cmd/osv-scanner@v2.6.0"
GOVULNCHECK = "golang.org/x/vuln/cmd/govulncheck@v1.9.0"
LOCKS = (
    "requirements.lock",
    "requirements-eks.lock",
    "operator/installer.lock",
    "operator/requirements.lock",
    "infra/policy_pack/requirements.lock",
    "tools/uv-requirements.txt",
)
SECONDS = 1200.0
REPORTS = ROOT / "build" / "vulnerabilities"
_VULNERABLE = 1
"""Exit code of osv-scanner and pip-audit after a complete scan that found vulnerabilities."""
_CALLED = 3
"""Exit code of govulncheck if the code calls a vulnerable function."""

app = typer.Typer(add_completion=False)


class ScanError(PlatformError):
    """A scanner failed, so that nothing is known about vulnerabilities."""


@app.command()
def vulnerabilities(
    minimum: Annotated[
        float, typer.Option(help="Lowest CVSS score that fails; 7 and higher is high.", min=0, max=10)
    ] = advisories.HIGH,
    accept: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Advisory that does not fail; repeat it for several."),
    ] = None,
) -> None:
    """Check all locked dependencies for known vulnerabilities.

    osv-scanner and pip-audit check the Python packages: a vulnerability fails if its severity is high or unknown. govulncheck
    checks the Go programs of the local cluster: a vulnerability fails if the program calls the vulnerable function.

    Example: `vulnerabilities --minimum 9 --accept GHSA-xxxx-xxxx-xxxx`.
    """
    REPORTS.mkdir(parents=True, exist_ok=True)
    scored = list(advisories.from_osv_scanner(_osv_scanner()))
    every = {*scored, *advisories.from_pip_audit(_pip_audit(), scored)}
    failed = advisories.failing(every, minimum=minimum, accepted=accept or ())
    _print(every, failed)
    vulnerable = [name for name, build in go_modules().items() if not _govulncheck(build)]
    if vulnerable:
        err.print(f"govulncheck: a vulnerable function is called in {', '.join(vulnerable)}")
    if failed or vulnerable:
        raise typer.Exit(ExitCode.FAILED)


def go_modules() -> dict[str, Build]:
    """Return a build of each Go module that programs are built from, by the name of the module's folder."""
    steps = [step for group in GROUPS for step in group.steps if isinstance(step, Build)]
    return {step.folder: step for step in steps}


def _print(every: set[Advisory], failed: Sequence[Advisory]) -> None:
    for advisory in sorted(every, key=str):
        out.print(f"{'fails' if advisory in failed else 'accepted'}: {advisory}")
    out.print(f"{len(every)} known vulnerabilities of Python packages, {len(failed)} of them fail")


def _osv_scanner() -> dict[str, Any]:
    report = REPORTS / "osv-scanner.json"
    files = [f"--lockfile=requirements.txt:{lock}" for lock in LOCKS]
    command = ["go", "run", OSV_SCANNER, "scan", "source", "--format=json", f"--output-file={report}", *files]
    return _scan(command, report)


def _pip_audit() -> dict[str, Any]:
    report = REPORTS / "pip-audit.json"
    python = _pip_audit_python()
    files = [argument for lock in LOCKS for argument in ("--requirement", lock)]
    options = ("--disable-pip", "--require-hashes", "--progress-spinner=off")
    return _scan(
        [str(python), "-m", "pip_audit", *options, "--format=json", f"--output={report}", *files], report
    )


def _pip_audit_python() -> Path:
    """Create the virtual environment of pip-audit, or update it; return its Python."""
    venv = REPORTS / ".venv"
    python = venv / "bin" / "python"
    uv = str(Path(sys.executable).parent / "uv")
    requirements = str(ROOT / "tools" / "audit-requirements.txt")
    create = [uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(venv)]
    install = [uv, "pip", "sync", "--quiet", "--python", str(python), "--require-hashes", requirements]
    for command in (create, install):
        if _run(command):
            raise ScanError("pip-audit cannot be installed", hint="check that the package index is reachable")
    return python


def _scan(command: Sequence[str], report: Path) -> dict[str, Any]:
    report.unlink(missing_ok=True)
    code = _run(command)
    if code not in {0, _VULNERABLE} or not report.exists():
        raise ScanError(f"{' '.join(command[:3])} failed with exit code {code}", hint="read its output above")
    document: dict[str, Any] = json.loads(report.read_text("utf-8"))
    return document


def _govulncheck(build: Build) -> bool:
    """Return whether the module's programs call no vulnerable function."""
    folder = REPORTS / "modules" / build.folder
    shutil.rmtree(folder, ignore_errors=True)
    prepare(build, folder)
    out.print(f"govulncheck {build.folder}")
    packages = ["tool", *sorted(f"./{file.parent.relative_to(folder)}" for file in folder.glob("*/main.go"))]
    code = _run(["go", "run", GOVULNCHECK, "-C", str(folder), f"-tags={','.join(build.tags)}", *packages])
    if code not in {0, _CALLED}:
        raise ScanError(
            f"govulncheck failed in {build.folder} with exit code {code}", hint="read its output above"
        )
    return code == 0


def _run(command: Sequence[str]) -> int:
    return run(command, variables={"GOFLAGS": os.environ.get("GOFLAGS", "")}, cwd=ROOT, limit=SECONDS)
