"""What `up` would change in some stacks, as one Markdown comment."""

from __future__ import annotations

from typing import Annotated

import typer

from tools.platform.answer import Form, Output
from tools.platform.command_group import Stacks  # noqa: TC001 - typer reads it


def diff(
    stacks: Stacks = None,
    *,
    with_policy: Annotated[
        bool, typer.Option("--policy", help="Show policy violations above the changes of each stack.")
    ] = False,
    output: Output = Form.TEXT,
) -> None:
    """Print what `up` would change, as one Markdown comment.

    Secrets are redacted. The exit code is 1 if a preview failed; the answer contains the error.

    Examples: `diff`, `diff staging prod --policy`, `diff prod -o json`.
    """
    from tools.platform.deployment.planned import show  # noqa: PLC0415 - `--help` needs none of it

    show(stacks or ["dev"], with_policy=with_policy, output=output)
