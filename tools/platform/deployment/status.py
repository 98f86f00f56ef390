"""The state of a stack: its last update, its cluster, its image, and the health of its operator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer
from pulumi.automation import StackNotFoundError

from tools.platform.answer import Form, write_document
from tools.platform.console import out
from tools.platform.errors import ExitCode
from tools.platform.preview.cluster import Namespace
from tools.platform.pulumi.access import cluster_access
from tools.platform.pulumi.stack import check_exists, outputs, select_stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pulumi.automation import Stack as PulumiStack

READY = "ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class LastUpdate:
    result: str
    kind: str
    started: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The state of a stack; a stack that is not up has none of the rest, and one without an operator no image."""

    stack: str
    up: bool = False
    last_update: LastUpdate | None = None
    context: str = ""
    namespace: str = ""
    image: str = ""
    operator: str = ""
    """The health of the operator: `ready`, or what it lacks."""

    @property
    def is_ready(self) -> bool:
        return self.up and self.operator in {"", READY}

    def lines(self) -> Iterator[str]:
        if not self.up:
            yield f"{self.stack} is not up."
            return
        last = self.last_update
        when = f"{last.result}, {last.kind}, started {last.started:%F %H:%M:%S} UTC" if last else "unknown"
        rows = {"stack": self.stack, "last update": when, "cluster": f"context {self.context}"}
        rows |= {"namespace": self.namespace, "image": self.image, "operator": self.operator}
        yield from (f"{name:<12} {value}" for name, value in rows.items() if value)


def status_of(name: str) -> Status:
    try:
        selected = select_stack(name)
    except StackNotFoundError:
        return Status(stack=name)
    values = outputs(selected)
    if not values:
        return Status(stack=name)
    kubeconfig, context = cluster_access(selected)
    namespace = Namespace(values["namespace"], kubeconfig=kubeconfig, context=context)
    # A stack without an operator has no image.
    image = str(values.get("image") or "")
    return Status(
        stack=name,
        up=True,
        last_update=_last_update(selected),
        context=context,
        namespace=values["namespace"],
        image=image,
        operator=namespace.health() if image else "",
    )


def _last_update(stack: PulumiStack) -> LastUpdate | None:
    for last in stack.history(page_size=1, page=1):
        # The engine's time has no zone, and is that of UTC.
        return LastUpdate(result=last.result, kind=last.kind, started=last.start_time.replace(tzinfo=UTC))
    return None


def show(stack: str, output: Form) -> None:
    check_exists(stack)
    found = status_of(stack)
    if output.is_json:
        write_document(found)
    else:
        out.print(*found.lines(), sep="\n")
    if not found.is_ready:
        raise typer.Exit(ExitCode.FAILED)
