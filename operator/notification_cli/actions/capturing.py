"""What the operator's channel of a receiver would send, captured in place of being sent."""

from __future__ import annotations

import base64
import email
import email.policy
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from email.headerregistry import Address
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from notification_cli.clock import now
from notification_cli.errors import CliError
from notification_cli.output.rendered import Rendered
from notification_contract.kinds.channel_names import SHARED, ReceiverType
from notification_contract.kinds.channel_types.email import Email
from notification_contract.kinds.choices import BodyFormat
from notification_domain.receivers.references import ReferenceReason, References
from notification_domain.redaction.redactor import Redactor
from notification_domain.rendering.texts import check_templates
from notification_runtime.channel_factory import CHANNEL_PACKAGE, ChannelFactory
from notification_runtime.delivery.channel import DeliveryError, InvalidOptionsError, Message
from notification_runtime.delivery.http.egress_policy import AddressNotAllowedError
from notification_runtime.delivery.http.exchange import USUAL
from notification_runtime.rendering.mail import write_mail

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from aiohttp import BytesPayload

    from notification_cli.views.config_maps import ConfigMaps
    from notification_domain.model import Notification
    from notification_domain.receivers.catalog import Receiver
    from notification_runtime.delivery.http.exchange import StatusTable

SERVICE: Final = "https://from-the-secret.example"
"""A URL that stands for one in a Secret, whose value the command line does not read."""
VALUE: Final = "from-the-secret"
SIGNING_KEY: Final = f"whsec_{base64.b64encode(bytes(24)).decode()}"
OWN: Final = SHARED | {ReceiverType.APPRISE}
"""Types without a channel of their own, and the one whose library composes what is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The response of a service that accepts everything."""

    status: int
    headers: Mapping[str, str]
    content: Answer | None = None
    charset: str | None = None

    async def iter_any(self) -> AsyncIterator[bytes]:
        yield json.dumps({"ok": True, "channel": "C", "ts": "1.1", "id": "1", "sid": "1"}).encode()


class Recorder:
    """Stands for the sessions of receivers, and for each session: keeps requests and sends none."""

    names = None

    def __init__(self, kind: ReceiverType) -> None:
        table: StatusTable = getattr(import_module(f"{CHANNEL_PACKAGE}.{kind}"), "TABLE", USUAL)
        self._status = min(table.success)
        self.requests: list[tuple[str, bytes]] = []

    async def session(self, _namespace: str, _connection: object) -> Recorder:
        return self

    async def context(self, _namespace: str, _connection: object) -> None:
        """Return the certificates, which nothing here needs."""

    @asynccontextmanager
    async def request(
        self, _method: str, _url: str, *, data: BytesPayload, headers: Mapping[str, str], **_: object
    ) -> AsyncIterator[Answer]:
        content = await data.as_bytes()
        self.requests.append((headers.get("Content-Type", ""), content))
        answer = Answer(status=self._status, headers={})
        yield replace(answer, content=answer)


async def capture(
    notification: Notification, receiver: Receiver, config_maps: ConfigMaps, targets: Mapping[str, str]
) -> list[Rendered]:
    """Return what would be sent to the targets of a receiver.

    Args:
        notification: as stored; it is redacted as the operator does it.
        receiver: with a valid spec.
        config_maps: those with the templates of the receiver and of the notification.
        targets: the recipient of each target, empty where a channel addresses nobody.

    Raises:
        CliError: nothing can be sent, or this type cannot be shown.
    """
    kind = receiver.spec.type
    if kind in OWN:
        raise CliError(
            f"a receiver of the type {kind} cannot be shown: the operator passes on subject and body as they are"
        )
    redactor = Redactor()
    message = _message(notification, redactor, tuple(targets))
    results: list[Rendered] = []
    for target, address in targets.items():
        sent = replace(message, delivery_id=notification.delivery_id(target), address=address)
        try:
            if kind is ReceiverType.EMAIL:
                results.append(await _mail(sent, receiver, config_maps, target, redactor))
            else:
                results += await _posted(sent, receiver, config_maps, target, redactor)
        except (InvalidOptionsError, AddressNotAllowedError, DeliveryError) as error:
            raise CliError(f"receiver {receiver.key} cannot send it: {error}") from None
    return results


def _message(notification: Notification, redactor: Redactor, targets: tuple[str, ...]) -> Message:
    content = redactor.content(notification.content)
    return Message(
        id=f"{notification.uid}:1",
        namespace=notification.namespace,
        name=notification.name,
        uid=notification.uid,
        created=notification.created,
        channels=targets,
        content=content,
        event=content.event,
        dedup_key=content.dedup_key,
        format=content.format or BodyFormat.PLAIN,
    )


async def _posted(
    message: Message, receiver: Receiver, config_maps: ConfigMaps, target: str, redactor: Redactor
) -> list[Rendered]:
    recorder = Recorder(receiver.spec.type)
    factory = _factory(recorder, redactor, config_maps)
    templates = config_maps.templates(receiver)
    channel = factory.create(receiver, _references(receiver), templates)
    problem = check_templates(sources=templates)
    receipt = await channel.deliver(message)
    note = "; ".join(filter(None, (problem, receipt.note if receipt else "")))
    return [
        Rendered(target=target, content_type=content_type, body=_decoded(content), note=note)
        for content_type, content in recorder.requests
    ]


def _factory(recorder: Recorder, redactor: Redactor, config_maps: ConfigMaps) -> ChannelFactory:
    return ChannelFactory(
        sessions=recorder,  # type: ignore[arg-type]  # what channels use of it
        clock=now,
        redactor=redactor,
        overrides=config_maps.source,
    )


def _references(receiver: Receiver) -> References:
    """Return a value in place of each Secret: the right ones are nobody's business here."""
    values = {}
    for use in receiver.spec.secret_uses():
        if use.field.startswith(("tls.", "proxySecretRef")):
            continue
        if "signingSecretRefs" in use.field:
            values[use.field] = SIGNING_KEY
        else:
            values[use.field] = SERVICE if "url" in use.field.lower() else VALUE
    return References(reason=ReferenceReason.FOUND, values=values)


async def _mail(
    message: Message, receiver: Receiver, config_maps: ConfigMaps, target: str, redactor: Redactor
) -> Rendered:
    block = receiver.spec.block_as(Email)
    factory = _factory(Recorder(receiver.spec.type), redactor, config_maps)
    templates = config_maps.templates(receiver)
    composing, problem = factory.composer(receiver, templates), check_templates(sources=templates)
    mail = await write_mail(
        message,
        sender=Address(addr_spec=block.sender),
        address=message.address,
        date=now(),
        composer=composing,
    )
    parsed = email.message_from_bytes(mail.content, policy=email.policy.default)
    texts = {part.get_content_type(): part.get_content() for part in parsed.walk() if not part.is_multipart()}
    body = {"headers": {name: str(value) for name, value in parsed.items()}, **texts}
    note = "; ".join(filter(None, (problem, mail.note)))
    return Rendered(target=target, content_type="message/rfc822", body=body, note=note)


def _decoded(content: bytes) -> Any:  # noqa: ANN401 - any JSON, or a text
    text = content.decode(errors="replace")
    try:
        return json.loads(text)
    except ValueError:
        return text
