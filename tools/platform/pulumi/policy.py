"""The policies of a stack, as the engine evaluates them in a preview."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer
import yaml
from pulumi import automation as auto

from platform_policy.broken import Break, breaks
from tools.platform.console import out
from tools.platform.errors import ExitCode, PlatformError, explain
from tools.platform.pulumi.engine import offline_stack
from tools.platform.pulumi.environment import ROOT
from tools.platform.pulumi.operations import Policies, preview
from tools.platform.pulumi.stack import resolved_settings
from tools.platform.pulumi.stack_file import check_name, is_lasting

if TYPE_CHECKING:
    from tools.platform.pulumi.events import Violation

PACK = ROOT / "infra" / "policy_pack"


def check(stack: str) -> None:
    """Check that a stack has a file, and that its values can be used."""
    check_name(stack)
    resolved_settings(stack)


def changes() -> list[Break]:
    return breaks(yaml.safe_load((PACK / "broken.yaml").read_text("utf-8")))


def levels(stack: str) -> Path:
    """Return the file with the enforcement level of each policy: advisory for local clusters and previews, else mandatory."""
    settings = resolved_settings(stack)
    lenient = settings.cluster.kind.is_local or settings.preview.number or not is_lasting(stack)
    return PACK / ("lenient.json" if lenient else "strict.json")


def prepare_pack() -> Path:
    """Create the pack's own virtual environment, or update it to its lock file; return its Python."""
    lock, venv = PACK / "requirements.lock", PACK / ".venv"
    python, mark = venv / "bin" / "python", venv / ".synced"
    # With its place: a copied environment contains paths of the original.
    wanted = f"{PACK}\n{lock.read_text('utf-8')}"
    if mark.is_file() and mark.read_text("utf-8") == wanted:
        return python
    uv = str(Path(sys.executable).parent / "uv")
    create = [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(venv)]
    install = [uv, "pip", "sync", "--quiet", "--python", str(python), "--require-hashes", str(lock)]
    for command in (create, install):
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            raise PlatformError(
                f"infra/policy_pack/.venv cannot be created: {result.stderr.strip()}",
                hint="check that the package index is reachable",
            )
    mark.write_text(wanted, "utf-8")
    return python


def policies(stack: str) -> Policies:
    """Return the policy pack with the levels of a stack, ready for the engine."""
    prepare_pack()
    return Policies(
        pack=str(PACK), levels=str(levels(stack)), variables={"PULUMI_PYTHON_CMD": str(PACK / "python")}
    )


def evaluate(stack: str, *, change: int | None = None) -> list[Violation]:
    """Preview a stack's resources with the policies, in a temporary backend, and return what violates them."""
    chosen = policies(stack)
    variables = {
        **chosen.variables,
        "POLICY_BREAKS": str(PACK / "broken.yaml"),
        "POLICY_BREAK": "" if change is None else str(change),
    }
    try:
        with offline_stack(stack, **variables) as offline:
            log = preview(offline, policy_pack=chosen.pack, policy_config=chosen.levels)
    except auto.CommandError as error:
        raise PlatformError(explain(error)) from None
    if not log.policy_packs:
        raise PlatformError("the engine did not load the policy pack")
    return log.violations


def _passes(stack: str) -> bool:
    violations = evaluate(stack)
    for violation in violations:
        out.print(str(violation))
    passed = not any(violation.mandatory for violation in violations)
    result = "passed" if passed else "rejected"
    out.print(f"{stack}: {result} by the policies, levels of {levels(stack).name}.")
    return passed


def _rejects_broken(stack: str) -> bool:
    passed = True
    for number, change in enumerate(changes()):
        violations = evaluate(stack, change=number)
        rejected = any(
            each.mandatory and each.policy == change.rule and change.reason in each.message
            for each in violations
        )
        result = "rejected" if rejected else "NOT REJECTED"
        out.print(f"{result}: {change.rule}: {change.kind} {change.at}: {change.reason}")
        if not rejected:
            passed = False
            for violation in violations:
                out.print(f"  {violation}")
    return passed


def show(stack: str, *, broken: bool) -> None:
    check(stack)
    if not (_rejects_broken(stack) if broken else _passes(stack)):
        raise typer.Exit(ExitCode.FAILED)
