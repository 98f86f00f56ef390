"""Tell what has been changed behind Pulumi's back: `python -m tools.platform.commands.drift STACK... [--notify NAMESPACE]`.

The exit code is 2 where something was. Nothing is written, neither to the cluster nor to the stack's state; with
`--notify` a notification about it is created in that namespace of the stack's cluster, for the platform to deliver.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import textwrap
from dataclasses import dataclass

from rich.console import Console

from tools.localcluster.toolchain import ToolchainError, ensure
from tools.platform.preview.cluster import UNREACHED, Namespace
from tools.platform.pulumi.environment import ENGINE_GROUPS, ROOT, engine_environment
from tools.platform.pulumi.stack import outputs_of
from tools.platform.pulumi.stack_file import StackFileError, check_secrets

DRIFTED = 2
BODY = 4000
"""Characters of a notification's body."""
HEADING = re.compile(r"^(\s*[~+-]+ \S+): (\(\w+\))$")
NAME = re.compile(r"^\s+\[id=(.+)\]$")
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
    body = "\n".join(differences(found))[:BODY] or found.strip()[:BODY]
    subject = f"{stack} is not as Pulumi has left it"
    return {"type": "status-update", "priority": "high", "subject": subject, "body": body}


def differences(found: str) -> list[str]:
    """Return each thing that differs with its name, and below it what differs of it."""
    lines: list[str] = []
    for line in found.splitlines():
        if line.lstrip().startswith(("~", "-", "+")):
            lines.append(line)
        elif lines and (name := NAME.match(line)):
            # The engine tells the name in a line of its own, below the kind.
            lines[-1] = HEADING.sub(rf"\1 {name[1]} \2", lines[-1])
    return textwrap.dedent("\n".join(lines)).splitlines()


def _notify(stack: str, namespace: str, found: str) -> str:
    given = outputs_of(stack)
    place = Namespace(namespace, kubeconfig=given["kubeconfig"], context=given["context"])
    try:
        made = place.create(notification(stack, found), prefix="drift")
    except UNREACHED as error:
        return f"error: nobody is told, since no notification can be made in {namespace}: {error}"
    return f"told by the notification {made} in {namespace}."


def main(arguments: list[str]) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tools.platform.commands.drift", description=__doc__)
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
                console.print(_notify(stack, notify, found.text))
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
