"""What `up` would change in some stacks, as one Markdown comment: `python -m tools.platform.commands.diff STACK... [--policy]`.

With `--policy` what the policies have found in a stack stands above its changes. The exit code is 1 when a stack could not be
previewed; the comment tells why.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from tools.localcluster.toolchain import ToolchainError, ensure
from tools.platform.commands import policy
from tools.platform.pulumi.changes import StackChanges, read, render
from tools.platform.pulumi.environment import ENGINE_GROUPS, ROOT, engine_environment
from tools.platform.pulumi.stack_file import StackFileError, check_secrets, check_stack_file

if TYPE_CHECKING:
    from tools.localcluster.toolchain import Toolchain


def main(arguments: list[str]) -> int:
    """Run the command; the comment goes to standard output."""
    stacks = [word for word in arguments if not word.startswith("-")] or ["dev"]
    try:
        toolchain = ensure(ENGINE_GROUPS)
    except ToolchainError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    found = [_look(stack, toolchain, policies="--policy" in arguments) for stack in stacks]
    print(render(found))
    return 1 if any(entry.trouble for entry in found) else 0


def _look(stack: str, toolchain: Toolchain, *, policies: bool) -> StackChanges:
    try:
        check_secrets(stack)
        check_stack_file(stack)
        findings = _findings(stack, toolchain) if policies else ""
    except (StackFileError, policy.PolicyError) as error:
        return StackChanges(stack=stack, trouble=str(error))
    command = [str(toolchain.program("pulumi")), "-C", str(ROOT), "preview", "--stack", stack, "--json"]
    done = subprocess.run(
        [*command, "--non-interactive"],
        env={**os.environ, **engine_environment(toolchain, stack=stack)},
        capture_output=True,
        text=True,
        check=False,
    )
    preview = _document(done.stdout)
    if done.returncode or preview is None:
        return StackChanges(
            stack=stack, trouble=_trouble(preview, done.stderr or done.stdout), findings=findings
        )
    return read(stack, preview, findings=findings)


def _findings(stack: str, toolchain: Toolchain) -> str:
    policy.environment()
    verdict = policy.judge(stack, toolchain)
    return "" if verdict.passed and "[advisory]" not in verdict.told else verdict.told


def _document(text: str) -> dict[str, Any] | None:
    try:
        document = json.loads(text)
    except json.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


def _trouble(preview: dict[str, Any] | None, said: str) -> str:
    """Return what the engine said of a failed preview: its errors, or everything where it named none."""
    told = [
        str(entry.get("message"))
        for entry in (preview or {}).get("diagnostics") or ()
        if entry.get("severity") == "error"
    ]
    return "\n".join(told) or said.strip() or "the engine gave no reason"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
