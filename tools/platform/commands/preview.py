"""A stack for each pull request: `python -m tools.platform.commands.preview up|list|down|reap`.

In the cluster of a base stack a preview has a namespace of its own and an operator that serves only that; the CRD is
the base's. Whose it is and until when stands in the stack's tags, which every backend keeps; what does not say so there
is never touched.
"""

from __future__ import annotations

import getpass
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from platform_infra.cluster.local.errors import LocalNodeError
from platform_infra.image.build import ImageError
from tools.platform.commands import up as stacks
from tools.platform.errors import explained
from tools.platform.preview.cluster import UNREACHED
from tools.platform.preview.create import bring_up, commit, image_of, stays, told
from tools.platform.preview.model import Preview, due, remaining, span, stack_name
from tools.platform.preview.stacks import NotOursError, find, looked_at, place, previews, take_down
from tools.platform.pulumi.stack import exists

PROBLEMS = (*stacks.PROBLEMS, *UNREACHED, ImageError, LocalNodeError, NotOursError, ValueError)
SMOKE_SECONDS = 30

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
# A pipe has no width, and a table's rows are not to be broken for one.
console = Console(highlight=False, markup=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)

Number = Annotated[int, typer.Argument(help="The pull request's number.")]


@app.command()
def up(  # noqa: PLR0913 - one argument an option
    number: Number,
    *,
    base: Annotated[str, typer.Option(help="The stack that owns the cluster.")] = "dev",
    own_cluster: Annotated[
        bool,
        typer.Option("--own-cluster", help="In a cluster of its own, on this machine, with its own CRD."),
    ] = False,
    image: Annotated[
        str, typer.Option(help="An image that the cluster can pull; without, one is built here.")
    ] = "",
    registry: Annotated[
        str, typer.Option(help="Build here and push to this repository, for a cluster elsewhere.")
    ] = "",
    owner: Annotated[str, typer.Option(help="Whose preview it is; you, by default.")] = "",
    hours: Annotated[int, typer.Option(min=1, max=24 * 30, help="For how long it may stay.")] = 72,
) -> None:
    """Bring a preview up, or up to date; a push renews its expiry."""
    start, now = time.monotonic(), datetime.now(UTC)
    before = find(stack_name(number))
    preview = Preview(
        number=number,
        owner=owner or getpass.getuser(),
        commit=commit(),
        base="" if own_cluster else base,
        created=before.created if before else now,
        expires=now + timedelta(hours=hours),
    )
    stays(before, preview)
    if before and before.expires <= now:
        console.print(f"{preview.stack} has {remaining(before, now)}; it is renewed.")
    made, kubeconfig = bring_up(preview, image or image_of(preview, registry))
    smoke = place(preview.stack, made).send(within=SMOKE_SECONDS)
    took = time.monotonic() - start
    console.print(told(preview, made["image"], smoke, took=took, kubeconfig=kubeconfig))
    if not smoke.passed:
        raise typer.Exit(1)


@app.command("list")
def list_() -> None:
    """List the previews: whose, of what, where, how old, what time they have left, whether they are well."""
    now, seen = datetime.now(UTC), looked_at()
    if not seen:
        console.print("there are no previews.")
        return
    table = Table("preview", "owner", "commit", "in", "age", "time", "health", box=None)
    for entry in seen:
        one = entry.preview
        where, age = one.base or "its own cluster", span(now - one.created)
        table.add_row(one.stack, one.owner, one.commit[:12], where, age, remaining(one, now), entry.health)
    console.print(table)
    if expired := [one.stack for one, _ in due((entry.preview for entry in seen), now=now)]:
        console.print(
            f"expired: {', '.join(expired)}; `make preview PR=…` renews one, `make preview-reap ARGS=--yes` "
            "takes all of them down."
        )


@app.command()
def down(number: Number) -> None:
    """Take a preview down; one that is not there is down already."""
    name = stack_name(number)
    preview = find(name)
    if preview is None and not exists(name):
        console.print(f"{name} is not up.")
        return
    take_down(name, preview=preview)
    console.print(f"{name} is down; nothing of it is left.")


@app.command()
def reap(
    *,
    yes: Annotated[
        bool, typer.Option("--yes/--dry-run", help="Take them down; without, they are only listed.")
    ] = False,
    closed: Annotated[
        list[int] | None, typer.Option(help="A pull request that is closed; may be repeated.")
    ] = None,
) -> None:
    """List the previews that are past their time or whose pull request is closed, and with --yes take them down."""
    now, failed = datetime.now(UTC), False
    chosen = due(previews(), now=now, closed=closed or ())
    for preview, reason in chosen:
        console.print(f"{preview.stack} ({preview.owner}): {reason}{'' if yes else '; would go'}")
        if yes:
            failed = not _taken(preview) or failed
    if not chosen:
        console.print("there is nothing to take down.")
    if failed:
        raise typer.Exit(1)


def _taken(preview: Preview) -> bool:
    """Take one down; what one of them has does not keep the others."""
    try:
        take_down(preview.stack, preview=preview)
    except PROBLEMS as error:
        console.print(f"error: {preview.stack} is still there: {explained(error)}")
        return False
    return True


def main() -> int:
    """Run the command; what can go wrong is told in a line."""
    try:
        app()
    except PROBLEMS as error:
        console.print(f"error: {explained(error)}", markup=False, soft_wrap=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
