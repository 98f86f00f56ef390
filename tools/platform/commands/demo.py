"""Demonstrate the platform: apply examples/, show their progress until all are final, print what arrived where."""

from __future__ import annotations

from tools.platform.command_group import Stack  # noqa: TC001 - typer reads it


def demo(stack: Stack = "dev") -> None:
    """Send the notifications of examples/, and show what arrives.

    Example: `demo` after `up`.
    """
    from tools.platform.demo.demonstration import show  # noqa: PLC0415 - `--help` needs none of it

    show(stack)
