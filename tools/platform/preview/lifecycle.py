"""What the commands of previews do: create or renew one, list them, take one or all expired ones down."""

from __future__ import annotations

import getpass
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import typer
from rich.table import Table

from tools.platform.answer import Form, write_document
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

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SMOKE_SECONDS = 30


def use_base(base: str) -> None:
    """Let this process use the backend of the base; a mistyped name would lead to another one, which has no previews.

    CI systems pass a variable that is not defined as an empty one, which would lead to another backend, too.
    """
    if os.environ.get(URL) == "":
        raise PreviewError(f"{URL} is empty", hint="set it to the backend of the previews, or unset it")
    if URL not in os.environ and "/" not in base:
        check_exists(base)
    use_backend_of(base)


def create(  # noqa: PLR0913 - one argument per option
    number: int,
    *,
    base: str,
    own_cluster: bool,
    image: str,
    registry: str,
    owner: str,
    hours: int,
    kubeconfig: Path | None,
    secrets_provider: str,
    summary_file: Path | None,
) -> None:
    """Create a preview, or update it and renew its expiry."""
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


def show(*, base: str, output: Form) -> None:
    """List the previews."""
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


def delete(number: int, *, base: str, kubeconfig: Path | None, registry: str) -> None:
    """Take a preview down, if there is one, and delete its images."""
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


def reap(*, yes: bool, closed: Sequence[int], base: str, kubeconfig: Path | None, registry: str) -> None:
    """Take all expired previews down, or list them."""
    use_base(base)
    now, failed = datetime.now(UTC), False
    chosen = expired(previews(), now=now, closed=closed)
    for preview, reason in chosen:
        out.print(f"{preview.stack} ({preview.owner}): {reason}{'' if yes else '; would be taken down'}")
        if not yes:
            continue
        failure = "was not taken down"
        # A failure does not stop the others.
        try:
            # The ones before have taken a while.
            present = find(preview.stack)
            if present is None or not expired([present], now=datetime.now(UTC), closed=closed):
                out.print(f"{preview.stack} was renewed or taken down by another command.")
                continue
            take_down(preview.stack, preview=present, kubeconfig=kubeconfig)
            again = f"tools/notif-platform preview down {preview.number} --registry {registry}"
            failure = f"is down, but its images are left; delete them with `{again}`"
            delete_images(preview.number, registry)
        except expected_errors() as error:
            err.print(f"error: {preview.stack} {failure}: {explain(error)}")
            failed = True
    if not chosen:
        out.print("There is nothing to take down.")
    if failed:
        raise typer.Exit(ExitCode.FAILED)
