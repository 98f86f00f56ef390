"""The command line of the platform: one command per module in commands/, imported when it is called."""

from __future__ import annotations

from tools.platform.command_group import command_app
from tools.platform.pulumi.environment import drop_empty_passphrase

COMMANDS = {
    "preflight": "tools.platform.commands.preflight",
    "up": "tools.platform.commands.up",
    "down": "tools.platform.commands.down",
    "rollback": "tools.platform.commands.rollback",
    "demo": "tools.platform.commands.demo",
    "diff": "tools.platform.commands.diff",
    "drift": "tools.platform.commands.drift",
    "preview": "tools.platform.commands.preview",
    "policy": "tools.platform.commands.policy",
    "crd-check": "tools.platform.commands.crd_check",
    "alerts": "tools.platform.commands.alerts",
    "pulumi": "tools.platform.commands.pulumi",
}

app = command_app(COMMANDS)


@app.callback()
def platform() -> None:
    """Deploy, inspect and check the notification platform.

    Every command accepts `--help`. Exit codes: 0 success, 1 failure, 2 a difference was detected (`drift`, `crd-check`),
    64 wrong usage, 130 interrupted. See docs/ci.md.
    """
    drop_empty_passphrase()
