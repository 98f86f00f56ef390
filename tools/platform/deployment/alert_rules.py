"""The alert rules as a file for Prometheus, and their tests."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer
import yaml

from platform_infra.monitoring.rules import groups, limits
from platform_infra.settings.reader import parse
from tools.localcluster.toolchain import ensure
from tools.platform.console import out
from tools.platform.errors import ExitCode
from tools.platform.pulumi.environment import ROOT
from tools.platform.pulumi.stack_file import check_name, check_stack_file

if TYPE_CHECKING:
    from platform_infra.settings.model import Settings

STACKS = ROOT / "stacks"
TESTS = ROOT / "tests" / "alerts"
OPTIONAL: Final = {
    "gatewayEnabled": True,
    "drillSchedule": "@weekly",
    "monitoringExternalHeartbeatSecret": "dead-mans-switch",
}
"""Settings with which a stack has every rule."""
RULES: Final = {"rules.yml": OPTIONAL, "quick.yml": OPTIONAL | {"monitoringAlertSeconds": 30}}
"""The settings of the rules by the names under which the tests load them."""


def rule_file(settings: Settings) -> str:
    monitoring = settings.monitoring
    rules = groups(
        settings.operator.namespace, limits(monitoring), monitoring.runbooks, gateway=settings.gateway.enabled
    )
    return yaml.safe_dump({"groups": rules}, sort_keys=False, width=1000)


def rules_pass() -> bool:
    """Check the rules by promtool, run their tests, and return whether all passed."""
    promtool = str(ensure(["prometheus"]).program("promtool"))
    with tempfile.TemporaryDirectory(prefix="alerts-") as folder:
        for name, settings in RULES.items():
            (Path(folder) / name).write_text(rule_file(parse(settings)), "utf-8")
        tests = [shutil.copy(file, folder) for file in sorted(TESTS.glob("*.yaml"))]
        commands = (["check", "rules", *RULES], ["test", "rules", *tests])
        codes = [
            subprocess.run([promtool, *command], cwd=folder, check=False).returncode for command in commands
        ]
    return not any(codes)


def show(stack: str, *, check: bool) -> None:
    if check:
        if not rules_pass():
            raise typer.Exit(ExitCode.FAILED)
        return
    check_name(stack, STACKS)
    out.print(rule_file(check_stack_file(stack, STACKS)), end="")
