"""All checks and tests: style, types and contracts, the tests without a cluster, then those on a disposable stack."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from tests.harness.ephemeral import ephemeral_stack
from tests.harness.kept import adopt
from tests.runner.stack_tests import run_on
from tools.platform.command_group import PASS_THROUGH
from tools.platform.console import out
from tools.platform.errors import ExitCode
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

KEEP_FAILED = "--keep-failed"
LONG = "--long"
LONG_FOLDERS = ("api_server", "engine", "release", "workflows", "unit/infra")
LONG_WITHOUT_CLUSTER = (*(f"tests/{folder}" for folder in LONG_FOLDERS), "-m", "long")
CHECKS = ("pre_commit", "run", "--all-files", "--hook-stage", "manual")
# The longest tests first: at the end, when a worker has nothing left to do, the others run short ones.
WITHOUT_CLUSTER = (
    "tests/engine",
    "tests/api_server",
    "tests/cli",
    "tests/release",
    "tests/property",
    "tests/unit",
)

KeepFailed = Annotated[
    bool, typer.Option(KEEP_FAILED, help="Keep the stack and the namespaces of failed tests.")
]

everything = typer.Typer(add_completion=False)
stack = typer.Typer(add_completion=False)
long = typer.Typer(add_completion=False)


@everything.command("all", context_settings=PASS_THROUGH)
def run_everything(context: typer.Context, *, keep_failed: KeepFailed = False) -> None:
    """Run every check and test, the last ones on a disposable stack.

    Other arguments go to pytest.
    """
    arguments = _arguments(context, keep_failed=keep_failed)
    _run(
        {
            "checks": lambda: _passes(CHECKS),
            "tests without a cluster": lambda: _without_cluster(arguments),
            "tests on a stack": lambda: _on_a_stack(arguments),
        }
    )


@stack.command("stack", context_settings=PASS_THROUGH)
def run_stack_tests(context: typer.Context, *, keep_failed: KeepFailed = False) -> None:
    """Run the tests that need a cluster, on a disposable stack.

    Other arguments go to pytest, for example `stack --check retry-02`.
    """
    arguments = _arguments(context, keep_failed=keep_failed)
    _run({"tests on a stack": lambda: _on_a_stack(arguments)})


@long.command("long", context_settings=PASS_THROUGH)
def run_long_tests(context: typer.Context, *, keep_failed: KeepFailed = False) -> None:
    """Run the tests that take minutes: updates under traffic, previews, alerts of real Alertmanagers and others.

    Other arguments go to pytest.
    """
    arguments = _arguments(context, keep_failed=keep_failed)
    phases = {"tests on a stack": lambda: _on_a_stack([LONG, *arguments])}
    if not arguments:
        phases = {"tests without a cluster": lambda: _passes(["pytest", *LONG_WITHOUT_CLUSTER])} | phases
    _run(phases)


def _arguments(context: typer.Context, *, keep_failed: bool) -> list[str]:
    return [*([KEEP_FAILED] if keep_failed else []), *context.args]


def _run(phases: Mapping[str, Callable[[], bool]]) -> None:
    """Run phases until one fails, print how long each took, and exit."""
    seconds: dict[str, float] = {}
    passed = True
    for name, run in phases.items():
        start = time.monotonic()
        passed = run()
        seconds[name] = time.monotonic() - start
        if not passed:
            break
    times = ", ".join(f"{name} {each:.0f} s" for name, each in seconds.items())
    out.print(f"{'all passed' if passed else 'FAILED'} after {sum(seconds.values()):.0f} s: {times}")
    if not passed:
        raise typer.Exit(ExitCode.FAILED)


def _without_cluster(arguments: list[str]) -> bool:
    return _passes(
        ["pytest", *WITHOUT_CLUSTER, "-m", "not long", "-n", "auto", "--dist", "worksteal", *arguments]
    )


def _passes(module: Sequence[str]) -> bool:
    """Return whether a module with these arguments ends with 0."""
    return subprocess.run([sys.executable, "-m", *module], check=False, cwd=ROOT).returncode == 0


def _on_a_stack(arguments: list[str]) -> bool:
    with ephemeral_stack() as disposable:
        passed = run_on(disposable, arguments)
        if not passed and KEEP_FAILED in arguments:
            out.print(adopt(disposable))
        return passed
