"""Test sessions on every supported Python, and the checks: `nox --list`.

A session installs the locked packages of requirements.lock. Missing interpreters are skipped, except in CI.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nox

PYTHONS = ("3.11", "3.12", "3.13", "3.14")

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
    """Build the documentation site."""
    session.run(sys.executable, "-m", "tools.docs_site", *session.posargs)
