"""Preview stacks: one per pull request, with its own namespace and operator in the cluster of a base stack."""

from __future__ import annotations

import getpass
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from tools.platform.answer import Form, Output, write_document
from tools.platform.command_group import command_app, stack_names
from tools.platform.console import err, out
from tools.platform.errors import ExitCode, expected_errors, explain
from tools.platform.preview.model import Preview, PreviewError, expired, remaining, span, stack_name
from tools.platform.preview.registry import PreviewRepository, RetentionNeededError
from tools.platform.preview.stacks import (
    PreviewStatus,
    access_to,
    bring_up,
    check_same_cluster,
    commit,
    find,
    image_of,
    namespace_of,
    previews,
    provider_of,
    statuses,
    summary,
    take_down,
)
from tools.platform.pulumi.stack import check_exists, exists
from tools.platform.pulumi.state.backend import URL, use_backend_of

SMOKE_SECONDS = 30

FUNCTIONS = {"up": "up", "list": "list_", "down": "down", "reap": "reap"}
app = command_app(
    {name: f"tools.platform.commands.preview:{function}" for name, function in FUNCTIONS.items()}
)

Kubeconfig = Annotated[
    Path | None,
    typer.Option(
        envvar="PREVIEW_KUBECONFIG",
        exists=True,
        dir_okay=False,
        help="Kubeconfig of the account for previews, for a backend that does not hold the base.",
    ),
]
Base = Annotated[
    str,
    typer.Option(
        help="Stack that owns the cluster; previews are in its backend.", autocompletion=stack_names
    ),
]
Registry = Annotated[
    str,
    typer.Option(
        help="Delete the images of the preview in this repository, which holds images of previews only."
    ),
]
Number = Annotated[int, typer.Argument(metavar="NUMBER", help="Number of the pull request.")]


@app.callback()
def preview() -> None:
    """Manage preview stacks: one per pull request.

    A preview has its own namespace and operator in the cluster of a base stack; the CRD is that of the base. The tags of its
    stack hold owner and expiry. A stack without these tags is never changed.
    """


def use_base(base: str) -> None:
    """Let this process use the backend of the base; a mistyped name would lead to another one, which has no previews.

    CI systems pass a variable that is not defined as an empty one, which would lead to another backend, too.
    """
    if os.environ.get(URL) == "":
        raise PreviewError(f"{URL} is empty", hint="set it to the backend of the previews, or unset it")
    if URL not in os.environ and "/" not in base:
        check_exists(base)
    use_backend_of(base)


def up(  # noqa: PLR0913 - one argument per option
    number: Number,
    *,
    base: Base = "dev",
    own_cluster: Annotated[
        bool,
        typer.Option("--own-cluster", help="Create a cluster on this machine, with its own CRD."),
    ] = False,
    image: Annotated[
        str, typer.Option(help="Image that the cluster can pull; by default one is built.")
    ] = "",
    registry: Annotated[
        str, typer.Option(help="Push the built image to this repository, for a remote cluster.")
    ] = "",
    owner: Annotated[str, typer.Option(help="Owner of the preview; by default the current user.")] = "",
    hours: Annotated[int, typer.Option(min=1, max=24 * 30, help="Hours until the preview expires.")] = 72,
    kubeconfig: Kubeconfig = None,
    secrets_provider: Annotated[
        str,
        typer.Option(
            metavar="URL",
            envvar="PREVIEW_SECRETS_PROVIDER",
            help="Secrets provider of a new preview; by default that of the template, or else that of its base.",
        ),
    ] = "",
    summary_file: Annotated[
        Path | None, typer.Option("--summary", dir_okay=False, help="Write the summary to this file, too.")
    ] = None,
) -> None:
    """Create or update a preview, and renew its expiry.

    Examples: `preview up 1`, `preview up 1 --base staging --registry registry.example.com/notification/operator`.
    """
    start, now = time.monotonic(), datetime.now(UTC)
    use_base(base)
    before = find(stack_name(number))
    preview = Preview(
        number=number,
        owner=owner or getpass.getuser(),
        commit=commit(),
        base="" if own_cluster else base,
        created=before.created if before else now,
        expires=now + timedelta(hours=hours),
        separate=bool(kubeconfig) and not own_cluster,
    )
    check_same_cluster(before, preview)
    if before and before.expires <= now:
        out.print(f"{preview.stack} {remaining(before, now)}; renewing it.")
    access = access_to(preview.base, kubeconfig)
    provider = provider_of(preview, secrets_provider)
    image = image or image_of(preview, registry)
    values, file = bring_up(preview, image, access, secrets_provider=provider)
    smoke = namespace_of(preview.stack, values).send(within=SMOKE_SECONDS)
    seconds = time.monotonic() - start
    text = summary(preview, values["image"], smoke, seconds=seconds, kubeconfig=file)
    out.print(text)
    if summary_file:
        summary_file.parent.mkdir(parents=True, exist_ok=True)
        summary_file.write_text(f"{text.strip()}\n", "utf-8")
    if not smoke.passed:
        raise typer.Exit(ExitCode.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPreview:
    """A preview in the JSON document of `list`; `base` is empty for one with its own cluster."""

    stack: str
    number: int
    owner: str
    commit: str
    base: str
    created: datetime
    expires: datetime
    expired: bool
    health: str

    @classmethod
    def of(cls, status: PreviewStatus, now: datetime) -> ListedPreview:
        one = status.preview
        return cls(
            stack=one.stack,
            number=one.number,
            owner=one.owner,
            commit=one.commit,
            base=one.base,
            created=one.created,
            expires=one.expires,
            expired=one.expires <= now,
            health=status.health,
        )


def list_(*, base: Base = "dev", output: Output = Form.TEXT) -> None:
    """List the previews with their expiry and health.

    Examples: `preview list`, `preview list -o json`.
    """
    use_base(base)
    now, entries = datetime.now(UTC), statuses()
    if output.is_json:
        write_document({"previews": [ListedPreview.of(entry, now) for entry in entries]})
        return
    if not entries:
        out.print("There are no previews.")
        return
    table = Table("preview", "owner", "commit", "cluster", "age", "expiry", "health", box=None)
    for entry in entries:
        one = entry.preview
        where, age = one.base or "its own cluster", span(now - one.created)
        table.add_row(one.stack, one.owner, one.commit[:12], where, age, remaining(one, now), entry.health)
    out.print(table)
    if names := [one.stack for one, _ in expired((entry.preview for entry in entries), now=now)]:
        out.print(
            f"expired: {', '.join(names)}; `tools/notif-platform preview up …` renews one, `tools/notif-platform preview reap --yes` "
            "takes all of them down."
        )


def down(
    number: Number, *, base: Base = "dev", kubeconfig: Kubeconfig = None, registry: Registry = ""
) -> None:
    """Take a preview down; a preview that does not exist is no error.

    Example: `preview down 1`.
    """
    use_base(base)
    name = stack_name(number)
    preview = find(name)
    if preview is None and not exists(name):
        out.print(f"{name} is not up.")
    else:
        take_down(name, preview=preview, kubeconfig=kubeconfig)
        out.print(f"{name} is down; none of its resources is left.")
    delete_images(number, registry)


def delete_images(number: int, registry: str) -> None:
    if not registry:
        return
    try:
        tags = PreviewRepository(name=registry, variables=os.environ).delete(number)
    except RetentionNeededError as error:
        err.print(f"images of pr-{number} are left: {error}")
        return
    if tags:
        out.print(f"deleted {len(tags)} image(s) of pr-{number} in {registry}")


def reap(
    *,
    yes: Annotated[bool, typer.Option("--yes/--dry-run", help="Take them down, or only list them.")] = False,
    closed: Annotated[
        list[int] | None, typer.Option(help="Number of a closed pull request; may be repeated.")
    ] = None,
    base: Base = "dev",
    kubeconfig: Kubeconfig = None,
    registry: Registry = "",
) -> None:
    """List expired previews, or take them down with --yes.

    A preview whose pull request is closed counts as expired.

    Examples: `preview reap`, `preview reap --yes --closed 12 --closed 15`.
    """
    use_base(base)
    now, failed = datetime.now(UTC), False
    chosen = expired(previews(), now=now, closed=closed or ())
    for preview, reason in chosen:
        out.print(f"{preview.stack} ({preview.owner}): {reason}{'' if yes else '; would be taken down'}")
        if not yes:
            continue
        # A failure does not stop the others.
        try:
            take_down(preview.stack, preview=preview, kubeconfig=kubeconfig)
            delete_images(preview.number, registry)
        except expected_errors() as error:
            err.print(f"error: {preview.stack} was not taken down: {explain(error)}")
            failed = True
    if not chosen:
        out.print("There is nothing to take down.")
    if failed:
        raise typer.Exit(ExitCode.FAILED)
