"""Creates a notification, and waits for its delivery."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from notification_cli.actions.routing import parse_labels
from notification_cli.errors import ApiError, CliError, ExitCode
from notification_cli.kube.requests import translated
from notification_cli.options import Output
from notification_cli.output.documents import document, resource_name
from notification_cli.rules import STANDARD_INPUT, read_file
from notification_cli.views.rows import STYLES
from notification_cli.views.text import clean, parse_duration
from notification_client import AsyncNotifier, Link, Options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from notification_cli.session import Session
    from notification_client import AsyncHandle, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What to send."""

    subject: str
    body: str = ""
    kind: str = "simple"
    priority: str = "medium"
    channels: Sequence[str] = ()
    labels: Sequence[str] = ()
    links: Sequence[str] = ()
    dedup: str = ""
    wait: bool = False
    timeout: str = "60s"
    output: Output = Output.TABLE

    async def run(self, session: Session) -> int:
        """Create it, write its name, and wait if that was asked for."""
        seconds = self._seconds()
        body = read_file(STANDARD_INPUT) if self.body == STANDARD_INPUT else self.body
        options = self._options()
        handle = await self._create(session, body or self.subject, options)
        if self.output is Output.TABLE:
            self._report(session, handle)
        status = await self._result(session, handle, seconds) if self.wait else None
        if self.output is not Output.TABLE:
            obj = await session.notifications.get(handle.namespace, handle.name) if self._needs_object else {}
            document(session.screen, self.output, obj, name=resource_name(handle.name))
        return ExitCode.OK if status is None or status.delivered else ExitCode.NEGATIVE

    async def _create(self, session: Session, body: str, options: Options) -> AsyncHandle:
        notifier = AsyncNotifier(session.namespace, api=session.connection.client)
        try:
            with translated(session.connection.context):
                return await notifier.send(self.subject, body, **options)
        except ApiError as error:
            if error.status == HTTPStatus.UNPROCESSABLE_ENTITY:
                # The notification itself is invalid; the API server's message names the field.
                raise CliError(str(error)) from None
            raise

    @property
    def _needs_object(self) -> bool:
        return self.output in {Output.JSON, Output.YAML}

    def _seconds(self) -> float:
        try:
            return parse_duration(self.timeout)
        except ValueError as error:
            raise CliError(f"--timeout: {error}", code=ExitCode.USAGE) from None

    def _options(self) -> Options:
        options = Options(kind=self.kind, priority=self.priority, channels=self.channels)
        options["labels"] = {key: value for each in self.labels for key, value in parse_labels(each).items()}
        options["links"] = [_link(each) for each in self.links]
        if self.dedup:
            options["dedup_key"] = self.dedup
        return options

    def _report(self, session: Session, handle: AsyncHandle) -> None:
        what = (
            "created"
            if handle.created
            else f"exists already for the key {clean(self.dedup)!r}; nothing was created"
        )
        session.screen.line(f"{resource_name(handle.name)} {what}")
        session.screen.flush()

    async def _result(self, session: Session, handle: AsyncHandle, seconds: float) -> Status:
        try:
            with translated(session.connection.context):
                status = await _waited(handle, seconds)
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                raise CliError(f"{handle.name} was deleted before its delivery ended") from None
            text = f"{handle.name} was created, but cannot be followed: {error}"
            raise CliError(text, code=error.code) from None
        if self.output is Output.TABLE:
            session.screen.line((status.phase, STYLES.get(status.phase, "")), f"  {clean(status.message)}")
        return status


async def _waited(handle: AsyncHandle, seconds: float) -> Status:
    try:
        return await handle.wait(seconds)
    except TimeoutError as error:
        raise CliError(f"{error}; follow it with notif show {handle.name}", code=ExitCode.TIMEOUT) from None


def _link(text: str) -> Link:
    """Return the link of `URL` or `TEXT=URL`.

    Raises:
        CliError: there is no URL in it.
    """
    label, url = ("", text) if _is_url(text) else (text.partition("=")[0], text.partition("=")[2])
    if not _is_url(url):
        raise CliError(
            f"--link: {text!r} has no http or https URL; write URL or TEXT=URL", code=ExitCode.USAGE
        )
    host = urlsplit(url).hostname or "link"
    return Link(url=url, label=label or host, service=host)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
