"""The command line of the platform: one command per module in commands/, imported when it is called."""

from __future__ import annotations

from tools.platform.command_group import command_app
from tools.platform.pulumi.environment import drop_empty_passphrase

NAMES = (
    *("preflight", "up", "down", "rollback", "demo", "diff", "drift", "preview"),
    *("policy", "crd-check", "alerts", "pulumi"),
)
COMMANDS = {name: f"tools.platform.commands.{name.replace('-', '_')}" for name in NAMES}

app = command_app(COMMANDS)


@app.callback()
def platform() -> None:
    """Deploy, inspect and check the notification platform.

    Every command accepts `--help`. Exit codes: 0 success, 1 failure, 2 a difference was detected (`drift`, `crd-check`),
    64 wrong usage, 130 interrupted. See docs/ci.md.
    """
    drop_empty_passphrase()
