"""Hold a stack against the policies, without its cluster: `python -m tools.platform.commands.policy [STACK] [--broken]`.

The engine previews the stack's resources with the pack in infra/policy_pack/. With `--broken` it does so for every change of
infra/policy_pack/broken.yaml, and each has to be told by its rule.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from rich.console import Console

from platform_policy.broken import Break, breaks
from tools.localcluster.toolchain import ToolchainError, ensure
from tools.platform.pulumi.environment import ENGINE_GROUPS, LOCAL_PASSPHRASE, ROOT, engine_environment
from tools.platform.pulumi.stack_file import StackFileError, check_stack_file

if TYPE_CHECKING:
    from tools.localcluster.toolchain import Toolchain

PACK = ROOT / "infra" / "policy_pack"
LENIENT = ("dev", "ci", "pr-")
"""Beginnings of the names of stacks that are advised and not held; all others are held."""


class PolicyError(Exception):
    """The policies cannot be run; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the engine said of one stack."""

    passed: bool
    text: str

    @property
    def told(self) -> str:
        """The policies' part of it."""
        return (
            self.text.partition("\nPolicies:")[2].partition("\nResources:")[0].strip("\n")
            or self.text.strip()
        )


def main(arguments: list[str]) -> int:
    """Run the command: 0 when the stack passes, or with `--broken` when each broken one is refused."""
    console = Console(highlight=False, markup=False)
    names = [word for word in arguments if not word.startswith("-")]
    stack = names[0] if names else "prod"
    try:
        check(stack)
        toolchain = ensure(ENGINE_GROUPS)
        environment()
        if "--broken" in arguments:
            passed = _all_bite(console, stack, toolchain)
        else:
            passed = _passes(console, stack, toolchain)
    except (PolicyError, StackFileError, ToolchainError) as error:
        console.print(f"error: {error}")
        return 1
    return 0 if passed else 1


def check(stack: str) -> None:
    """See to it that a stack has a file, and that its values can be used.

    Raises:
        PolicyError: it has none.
        StackFileError: its values cannot be used.
    """
    if not (ROOT / "stacks" / f"Pulumi.{stack}.yaml").is_file():
        raise PolicyError(f"there is no stack {stack}: stacks/Pulumi.{stack}.yaml does not exist")
    check_stack_file(stack)


def changes() -> list[Break]:
    """Return every change that must not pass."""
    return breaks(yaml.safe_load((PACK / "broken.yaml").read_text("utf-8")))


def levels(stack: str) -> Path:
    """Return the file that says which policies hold a stack, and which advise."""
    return PACK / ("lenient.json" if stack.startswith(LENIENT) else "strict.json")


def environment() -> Path:
    """Return the Python of the pack's own environment, made or brought up to its lock file first.

    Raises:
        PolicyError: its packages cannot be installed.
    """
    lock, venv = PACK / "requirements.lock", PACK / ".venv"
    python, mark = venv / "bin" / "python", venv / ".synced"
    wanted = lock.read_text("utf-8")
    if mark.is_file() and mark.read_text("utf-8") == wanted:
        return python
    uv = str(Path(sys.executable).parent / "uv")
    make = [uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(venv)]
    fill = [uv, "pip", "sync", "--quiet", "--python", str(python), "--require-hashes", str(lock)]
    for command in (make, fill):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise PolicyError(
                f"infra/policy_pack/.venv cannot be made: {done.stderr.strip()}; can the package index be reached?"
            )
    mark.write_text(wanted, "utf-8")
    return python


def judge(stack: str, toolchain: Toolchain, *, change: int | None = None) -> Verdict:
    """Preview a stack's resources under the policies, in a backend that is gone afterwards.

    Raises:
        PolicyError: the engine did not get as far as the policies.
    """
    with tempfile.TemporaryDirectory(prefix="policy-") as scratch:
        env = _variables(toolchain, Path(scratch), change)
        # The engine writes the stack's file beside its project.
        place = shutil.copytree(PACK / "offline", Path(scratch) / "program")
        program = ["pulumi", "-C", str(place), "--non-interactive", "--color", "never"]
        begun = _run([*program, "stack", "init", stack, "--no-select"], env)
        if begun.returncode:
            raise PolicyError(begun.stdout + begun.stderr)
        pack = ["--policy-pack", str(PACK), "--policy-pack-config", str(levels(stack))]
        done = _run([*program, "preview", "--stack", stack, "--suppress-progress", *pack], env)
    if "Policies:" not in done.stdout:
        raise PolicyError(done.stdout + done.stderr)
    return Verdict(passed=done.returncode == 0, text=done.stdout)


def _variables(toolchain: Toolchain, scratch: Path, change: int | None) -> dict[str, str]:
    chosen = {
        "PULUMI_BACKEND_URL": f"file://{scratch}",
        "PULUMI_CONFIG_PASSPHRASE": LOCAL_PASSPHRASE,
        "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("infra", "infra/policy_pack", ".")),
        "PULUMI_PYTHON_CMD": str(PACK / "python"),
        "POLICY_SCRATCH": str(scratch / "manifests"),
        "POLICY_BREAKS": str(PACK / "broken.yaml"),
        "POLICY_BREAK": "" if change is None else str(change),
    }
    return {**os.environ, **engine_environment(toolchain), **chosen}


def _run(command: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def _passes(console: Console, stack: str, toolchain: Toolchain) -> bool:
    verdict = judge(stack, toolchain)
    console.print(verdict.told)
    console.print(
        f"{stack} {'passes' if verdict.passed else 'is refused'}, held against {levels(stack).name}."
    )
    return verdict.passed


def _all_bite(console: Console, stack: str, toolchain: Toolchain) -> bool:
    """Break the stack in every way, and tell whether each was refused by its rule."""
    missed = 0
    for number, change in enumerate(changes()):
        verdict = judge(stack, toolchain, change=number)
        noticed = not verdict.passed and change.rule in verdict.told and change.reason in verdict.told
        told = "refused" if noticed else "NOT REFUSED"
        console.print(f"{told}: {change.rule}: {change.kind} {change.at}: {change.reason}", soft_wrap=True)
        if not noticed:
            missed += 1
            console.print(verdict.told)
    return missed == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
