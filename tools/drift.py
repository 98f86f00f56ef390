"""Tell what has been changed behind Pulumi's back: `python -m tools.drift STACK... [--notify NAMESPACE]`.

The exit code is 2 where something was. Nothing is written, neither to the cluster nor to the stack's state; with
`--notify` a notification about it is created in that namespace of the stack's cluster, for the platform to deliver.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from dataclasses import dataclass

from rich.console import Console

from tools.engine import ENGINE_GROUPS, ROOT, engine_environment
from tools.preview_cluster import Namespace
from tools.stack import open_stack, outputs
from tools.stack_file import StackFileError, check_secrets
from tools.toolchain import ToolchainError, ensure

DRIFTED = 2
BODY = 4000
"""Characters of a notification's body."""
EXPECTED_NONE = "no changes were expected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a refresh in preview said of one stack."""

    code: int
    text: str

    @property
    def drifted(self) -> bool:
        """Whether something is not as Pulumi has left it."""
        return self.code != 0 and EXPECTED_NONE in self.text


def look(stack: str) -> Look:
    """Refresh a stack in preview.

    Raises:
        StackFileError: its secrets cannot be read here.
        ToolchainError: there is no engine.
    """
    check_secrets(stack)
    toolchain = ensure(ENGINE_GROUPS)
    flags = ["--preview-only", "--expect-no-changes", "--non-interactive", "--color", "never", "--diff"]
    command = [str(toolchain.program("pulumi")), "-C", str(ROOT), "refresh", "--stack", stack, *flags]
    env = {**os.environ, **engine_environment(toolchain, stack=stack)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    return Look(code=done.returncode, text=done.stdout + done.stderr)


def notification(stack: str, found: str) -> dict[str, str]:
    """Return the specification of a notification about a stack's drift; its channels are left to the routing rules."""
    lines = [line for line in found.splitlines() if line.lstrip().startswith(("~", "-", "+", "error"))]
    body = "\n".join(lines)[:BODY] or found.strip()[:BODY]
    subject = f"{stack} is not as Pulumi has left it"
    return {"type": "status-update", "priority": "high", "subject": subject, "body": body}


def _notify(stack: str, namespace: str, found: str) -> str:
    given = outputs(open_stack(stack))
    place = Namespace(namespace, kubeconfig=given["kubeconfig"], context=given["context"])
    return place.create(notification(stack, found), prefix="drift")


def main(arguments: list[str]) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tools.drift", description=__doc__)
    parser.add_argument("stacks", nargs="*", default=["dev"])
    parser.add_argument("--notify", metavar="NAMESPACE", default="")
    given = parser.parse_args(arguments)
    return check(given.stacks, notify=given.notify)


def check(stacks: list[str], *, notify: str) -> int:
    """Look at every stack, and return the worst of what was found."""
    console, worst = Console(highlight=False, markup=False, soft_wrap=True), 0
    for stack in stacks:
        try:
            found = look(stack)
        except (StackFileError, ToolchainError) as error:
            console.print(f"error: {error}")
            worst = worst or 1
            continue
        if found.code == 0:
            console.print(f"{stack} is as Pulumi has left it.")
        else:
            console.print(found.text.strip())
            console.print(f"{stack} {'has drifted' if found.drifted else 'could not be looked at'}.")
            worst = DRIFTED if found.drifted else worst or 1
            if found.drifted and notify:
                console.print(f"told by the notification {_notify(stack, notify, found.text)} in {notify}.")
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
