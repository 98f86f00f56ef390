"""What the repository runs on itself: `nox --list`.

A session installs the locked packages of requirements.lock, or runs in the project's environment (`python=False`). Missing
interpreters are skipped, except in CI.
"""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import nox

from tools.localcluster.toolchain.gobuild import prepare
from tools.localcluster.toolchain.sources.pins import GROUPS, Build

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PAGES = Path("build/docs/pages")
# The Go command checks the modules against Go's checksum database.
OSV_SCANNER = "github.com/google/osv-scanner/v2/cmd/osv-scanner@v2.6.0"
GOVULNCHECK = "golang.org/x/vuln/cmd/govulncheck@v1.9.0"
LOCKS = (
    "requirements.lock",
    "examples/clusters/eks/requirements.lock",
    "operator/installer.lock",
    "operator/requirements.lock",
    "infra/policy_pack/requirements.lock",
    "tools/uv-requirements.txt",
)

nox.needs_version = ">=2026.10"
nox.options.default_venv_backend = "uv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["unit"]


def install(session: nox.Session) -> None:
    """Install the locked packages and put the source folders on the path."""
    session.install("--require-hashes", "-r", "requirements.lock")
    session.env["PYTHONPATH"] = "operator:infra:infra/policy_pack:infra/component_package:."


@nox.session(python=PYTHONS)
def unit(session: nox.Session) -> None:
    """Run the unit and property tests."""
    install(session)
    session.run("python", "-m", "pytest", "tests/unit", "tests/property", *session.posargs)


@nox.session(python=PYTHONS)
def types(session: nox.Session) -> None:
    """Check the types for one version of Python."""
    install(session)
    session.run("mypy", "--python-version", str(session.python), *session.posargs)


@nox.session(name="repository-tests", python=False)
def repository_tests(session: nox.Session) -> None:
    """Run the tests of the repository itself: documents, generated files, workflows, packages, toolchain."""
    _pytest(session, "tests/unit/repository", "tests/unit/localcluster", "-n", "auto")


@nox.session(name="engine-tests", python=False)
def engine_tests(session: nox.Session) -> None:
    """Run the tests with the real Pulumi engine and no cluster."""
    _pytest(session, "tests/engine", "-n", "auto")


@nox.session(name="api-tests", python=False)
def api_tests(session: nox.Session) -> None:
    """Run the tests with a real API server and no cluster."""
    _pytest(session, "tests/api_server", "tests/cli", "-m", "not long")


def _pytest(session: nox.Session, *arguments: str) -> None:
    session.run("python", "-m", "pytest", *arguments, *session.posargs)


@nox.session(python=False)
def check(session: nox.Session) -> None:
    """Run every check of .pre-commit-config.yaml."""
    session.run("pre-commit", "run", "--all-files", "--hook-stage", "manual", *session.posargs)


@nox.session(python=False)
def wheels(session: nox.Session) -> None:
    """Build a wheel of each folder in packages/ into dist/."""
    for package in sorted(Path("packages").iterdir()):
        session.run("uv", "build", "--quiet", "--wheel", "--out-dir", "dist", str(package), *session.posargs)


@nox.session(python=False)
def docs(session: nox.Session) -> None:
    """Build the documentation site; a broken link or a missing anchor fails. `-- serve` shows it on http://localhost:8000."""
    # Zensical reads one folder. Copied under their own paths, links work in a checkout, on a code host and on the site alike.
    listed = session.run(
        "git", "ls-files", "--cached", "--others", "--exclude-standard", external=True, silent=True
    )
    shutil.rmtree(PAGES, ignore_errors=True)
    for file in filter(is_on_site, map(Path, str(listed).splitlines())):
        (PAGES / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, PAGES / file)
    arguments = session.posargs or ["build", "--strict", "--clean"]
    session.run("zensical", *arguments, "--config-file", "mkdocs.yml")


def is_on_site(file: Path) -> bool:
    """Whether a file is a page or can be a link's target; templates of the code host and changelog fragments are no pages."""
    return (
        file.is_file()
        and file.suffix != ".py"
        and file.parts[0] not in {".github", "packages", "tests"}
        and not file.name.startswith("+")
    )


@nox.session
def pictures(session: nox.Session) -> None:
    """Take the pictures of `notif web` for the documentation; needs Chromium."""
    install(session)
    session.install("playwright==1.65.2")
    session.run("python", "-m", "tools.pictures.browser")


@nox.session
def vulnerabilities(session: nox.Session) -> None:
    """Check all locked dependencies for known vulnerabilities; tools/osv-scanner.toml has the accepted ones."""
    config = "tools/osv-scanner.toml"
    accepted = tomllib.loads(Path(config).read_text("utf-8")).get("IgnoredVulns", ())
    ignored = [f"--ignore-vuln={each['id']}" for each in accepted]
    locks = [f"--lockfile=requirements.txt:{lock}" for lock in LOCKS]
    session.run("go", "run", OSV_SCANNER, "scan", "source", f"--config={config}", *locks, external=True)
    session.install("--require-hashes", "-r", "tools/audit-requirements.txt")
    files = [f"--requirement={lock}" for lock in LOCKS]
    session.run("pip-audit", "--disable-pip", "--require-hashes", "--progress-spinner=off", *ignored, *files)
    for build in go_modules():
        # Fails if a program of the local cluster calls a vulnerable function.
        folder = Path(session.create_tmp()) / build.folder
        shutil.rmtree(folder, ignore_errors=True)
        prepare(build, folder)
        packages = [
            "tool",
            *sorted(f"./{file.parent.relative_to(folder)}" for file in folder.glob("*/main.go")),
        ]
        tags = f"-tags={','.join(build.tags)}"
        session.run("go", "run", GOVULNCHECK, "-C", str(folder), tags, *packages, external=True)


def go_modules() -> list[Build]:
    """Return a build of each Go module that programs are built from."""
    steps = [step for group in GROUPS for step in group.steps if isinstance(step, Build)]
    return list({step.folder: step for step in steps}.values())
