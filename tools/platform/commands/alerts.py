"""The alert rules as a file for Prometheus, and whether they hold: `python -m tools.platform.commands.alerts STACK|--check`.

With a stack's name it prints the rules by that stack's settings. With `--check` promtool reads the rules, and
runs the tests of tests/alerts/ against them.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from platform_infra.monitoring.rules import groups, limits
from platform_infra.settings.reader import SettingsError, parse
from tools.localcluster.toolchain import ToolchainError, ensure
from tools.platform.pulumi.environment import ROOT
from tools.platform.pulumi.stack_file import StackFileError, check_stack_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from platform_infra.settings.model import Settings

STACKS = ROOT / "stacks"
TESTS = ROOT / "tests" / "alerts"
RULES = "rules.yml"
"""What the tests call the file with the rules, which is written beside them."""


def main(arguments: Sequence[str]) -> int:
    """Run the command; the exit code is 0 only when everything holds."""
    parser = argparse.ArgumentParser(prog="python -m tools.platform.commands.alerts", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("stack", nargs="?", help="print the rules of this stack")
    what.add_argument("--check", action="store_true", help="have promtool read and test them")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.check:
            return check()
        print(rule_file(_settings(chosen.stack)), end="")
    except (StackFileError, SettingsError, ToolchainError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _settings(stack: str) -> Settings:
    if not (STACKS / f"Pulumi.{stack}.yaml").exists():
        raise StackFileError(f"there is no stack {stack}: stacks/Pulumi.{stack}.yaml does not exist")
    return check_stack_file(stack, STACKS)


def rule_file(settings: Settings) -> str:
    """Return the rules by a stack's settings, as Prometheus reads them from a file."""
    monitoring = settings.monitoring
    found = groups(settings.operator.namespace, limits(monitoring), monitoring.runbooks)
    return yaml.safe_dump({"groups": found}, sort_keys=False, width=1000)


def check() -> int:
    """Have promtool read the rules by default settings, and run the tests; return 0 when all hold.

    Raises:
        ToolchainError: promtool cannot be had.
    """
    promtool = str(ensure(["prometheus"]).program("promtool"))
    with tempfile.TemporaryDirectory(prefix="alerts-") as folder:
        (Path(folder) / RULES).write_text(rule_file(parse({})), "utf-8")
        tests = [shutil.copy(file, folder) for file in sorted(TESTS.glob("*.yaml"))]
        verbs = (["check", "rules", RULES], ["test", "rules", *tests])
        codes = [subprocess.run([promtool, *verb], cwd=folder, check=False).returncode for verb in verbs]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
