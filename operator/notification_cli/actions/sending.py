"""Creates a notification, and waits for its delivery."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from notification_cli.actions.checks import is_url, moment_of, usage
from notification_cli.actions.routing import parse_labels
from notification_cli.actions.waiting import until
from notification_cli.clock import now
from notification_cli.errors import ApiError, CliError, ExitCode
from notification_cli.output.documents import document, resource_name
from notification_cli.rules import STANDARD_INPUT, read_file
from notification_cli.views.destinations import Destination, parse_destination
from notification_cli.views.format import Output
from notification_cli.views.rows import STYLES
from notification_cli.views.text import clean
from notification_client import Link, Options, notification, status_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from notification_cli.session import Session
    from notification_client import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    subject: str
    body: str = ""
    kind: str = "simple"
    priority: str = "medium"
    to: Sequence[str] = ()
    labels: Sequence[str] = ()
    links: Sequence[str] = ()
    once: str = ""
    """A key for which at most one notification is created."""
    incident: str = ""
    event: str = ""
    format: str = ""
    template: str = ""
    """`CONFIGMAP/KEY`; empty for none."""
    not_before: str = ""
    deliver_before: str = ""
    wait: bool = False
    seconds: float = 60.0
    """How long to wait."""
    output: Output = Output.TABLE

    def __post_init__(self) -> None:
        """Check what the user wrote.

        Raises:
            CliError: an option is wrong.
        """
        self._options([_destination(each) for each in self.to], now())

    async def run(self, session: Session) -> int:
        destinations = [_destination(each) for each in self.to]
        options = self._options(destinations, session.clock())
        body = read_file(STANDARD_INPUT) if self.body == STANDARD_INPUT else self.body
        await self._check(session, destinations)
        obj, created = await self._create(session, notification(self.subject, body or self.subject, options))
        if self.output.is_table:
            self._report(session, obj["metadata"]["name"], created=created)
        if self.wait:
            obj = await self._result(session, obj, self.seconds)
        if not self.output.is_table:
            document(session.screen, self.output, obj)
        return ExitCode.OK if not self.wait or status_of(obj).delivered else ExitCode.NEGATIVE

    async def _check(self, session: Session, destinations: Sequence[Destination]) -> None:
        """Refuse a receiver of another type than the one that the user wrote, as far as the user may read it."""
        for each in destinations:
            if not each.receiver or not each.channel:
                continue
            namespace = each.namespace or session.namespace
            try:
                obj = await session.receivers.get(namespace, each.receiver)
            except CliError as error:
                if error.code is ExitCode.NEGATIVE:
                    session.screen.note(f"{error}; the message waits for it as long as its attempts last")
                continue
            kind = str((obj.get("spec") or {}).get("type", ""))
            if kind != each.channel:
                raise CliError(
                    f"receiver {each.receiver} in namespace {namespace} has the type {kind}, not {each.channel}; "
                    f"write --to {kind}/{each.reference}"
                )

    async def _create(self, session: Session, obj: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        """Return the stored object, and whether it is new: a key may have created it before."""
        try:
            return await session.notifications.create(session.namespace, obj), True
        except ApiError as error:
            if error.status != HTTPStatus.CONFLICT or not self.once:
                raise
        if self.output.is_data:
            return await session.notifications.get(session.namespace, obj["metadata"]["name"]), False
        return obj, False

    def _options(self, destinations: Sequence[Destination], time: datetime) -> Options:
        options = Options(
            kind=self.kind,
            priority=self.priority,
            channels=[each.channel for each in destinations if not each.receiver],
            receivers=[each.reference for each in destinations if each.receiver],
            labels={
                key: value
                for each in self.labels
                for key, value in parse_labels(each, option="--label").items()
            },
            links=[_link(each) for each in self.links],
            incident=self.incident,
            event=self.event,
            format=self.format,
            template=_template(self.template),
        )
        if self.once:
            options["once"] = self.once
        if self.not_before:
            options["not_before"] = moment_of("--not-before", self.not_before, time)
        if self.deliver_before:
            options["deliver_before"] = moment_of("--deliver-before", self.deliver_before, time)
        return options

    def _report(self, session: Session, name: str, *, created: bool) -> None:
        what = (
            "created" if created else f"exists already for the key {clean(self.once)!r}; nothing was created"
        )
        session.screen.line(f"{resource_name(name)} {what}")
        session.screen.flush()

    async def _result(self, session: Session, obj: dict[str, Any], seconds: float) -> dict[str, Any]:
        result = await delivered(session, session.namespace, obj["metadata"]["name"], seconds)
        if self.output.is_table:
            status = status_of(result)
            session.screen.line((status.phase, STYLES.get(status.phase, "")), f"  {clean(status.message)}")
        return result


async def delivered(session: Session, namespace: str, name: str, seconds: float) -> dict[str, Any]:
    """Wait until the delivery of a notification is over, and return it.

    Raises:
        CliError: it is not over in time, or the notification was deleted.
    """
    try:
        return await until(
            lambda: session.notifications.get(namespace, name),
            lambda obj: status_of(obj).final,
            seconds=seconds,
            late=lambda obj: _late(namespace, name, status_of(obj), seconds),
        )
    except ApiError as error:
        raise CliError(f"{name} was created, but cannot be followed: {error}", code=error.code) from None
    except CliError as error:
        if error.code is ExitCode.NEGATIVE:
            raise CliError(f"{name} was deleted before its delivery ended") from None
        raise


def _late(namespace: str, name: str, status: Status, seconds: float) -> str:
    return (
        f"{namespace}/{name} is {clean(status.phase)} after {seconds:g} s; follow it with notif show {name}"
    )


def _destination(text: str) -> Destination:
    try:
        return parse_destination(text)
    except ValueError as error:
        raise usage(f"--to: {error}") from None


def _link(text: str) -> Link:
    """Return the link of `URL` or `TEXT=URL`.

    Raises:
        CliError: there is no URL in it.
    """
    label, url = ("", text) if is_url(text) else (text.partition("=")[0], text.partition("=")[2])
    if not is_url(url):
        raise usage(f"--link: {text!r} has no http or https URL; write URL or TEXT=URL")
    host = urlsplit(url).hostname or "link"
    return Link(url=url, label=label or host, service=host)


def _template(text: str) -> str:
    """Return the place of a template.

    Raises:
        CliError: it is not like `CONFIGMAP/KEY`.
    """
    config_map, _, key = text.partition("/")
    if text and not (config_map and key):
        raise usage(f"--template: {text!r} names no key; write CONFIGMAP/KEY")
    return text
