"""The stacks of this checkout in the order in which CI deploys them."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from tools.platform.answer import Form, Output, write_document
from tools.platform.console import out


def stacks(
    *,
    changed: Annotated[
        str, typer.Option(metavar="FROM..TO", help="Only the stacks that these commits change.")
    ] = "",
    output: Output = Form.TEXT,
) -> None:
    """List the stacks in the waves in which CI deploys them.

    A stack has a file in stacks/, and its setting `deployWave` is the wave. With `--changed`, a commit that changes the program changes every stack, and so does a FROM that is not a commit of this
    repository. The JSON document has the names of the stacks, those that `policy` checks without a login, and those that can be deployed in all
    and by wave, as matrices of CI jobs.

    Examples: `stacks`, `stacks --changed origin/main..HEAD -o json`.
    """
    from tools.platform.deployment.waves import changed_in, discover, plan  # noqa: PLC0415 - `--help` needs none of it

    found = discover()
    if changed:
        found = changed_in(found, changed)
    if output.is_json:
        write_document(plan(found))
        return
    if not found:
        out.print("No stack is changed.")
        return
    table = Table("wave", "stack", "cluster", "image", box=None)
    for stack in found:
        table.add_row(str(stack.wave) if stack.wave else "-", stack.name, stack.cluster, stack.image or "-")
    out.print(table)
