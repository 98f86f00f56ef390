"""The headers of a mail: exactly the expected ones, and the subject as its author wrote it, on every Python."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.policy import SMTP
from functools import partial
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notification_contract import bounds
from notification_domain.rendering.job import Renderer
from notification_runtime.delivery.channel import Permanent
from notification_runtime.rendering.compose import Composer, Facts
from notification_runtime.rendering.mail import write_mail
from notification_runtime.rendering.worker import RenderWorker, WorkerProcess
from tests.kit.hostile_texts import SUBJECTS, filled
from tests.unit.operator.channels.receivers import message
from tests.unit.operator.rendering.hostile_worker import PROGRAM

NAMES: Final = [
    *("Subject", "From", "Message-ID", "List-Id", "Auto-Submitted", "X-Auto-Response-Suppress"),
    *("X-Notification", "Importance", "To", "Date", "MIME-Version", "Content-Type"),
]
SENDER: Final = Address(addr_spec="operator@example.com")
AS_WRITTEN: Final = [
    "=?utf-8?q?Hello?=",
    "=?utf-8?b?SGVsbG8=?= there",
    "Disk full",
    "=?",
    "Disk =? full ?=",
    "x" * 500,
    "a b " * 100 + "end",
    "Заказ 📦 " * 40 + "!",
    "📦" * 100,
    "e\u0301 ff\u200d",
    'quoted "text", <a@b> (c): d;',
]


async def written(subject: str, address: str = "team@example.com", *, body: str = "b") -> bytes:
    composer = Composer(facts=Facts())
    mail = await write_mail(
        message(subject=subject, body=body),
        sender=SENDER,
        address=address,
        date=datetime(2026, 1, 2, tzinfo=UTC),
        composer=composer,
    )
    return mail.content


def shown(content: bytes) -> str:
    """Return the subject as a reader of mails shows it."""
    return str(make_header(decode_header(message_from_bytes(content)["Subject"])))


@pytest.mark.parametrize("subject", [*SUBJECTS, *AS_WRITTEN])
async def test_mail_has_the_expected_headers_only(subject: str) -> None:
    content = await written(subject)
    for parsed in (message_from_bytes(content), message_from_bytes(content, policy=SMTP)):
        assert parsed.keys() == NAMES
        assert parsed["From"] == "operator@example.com"
        assert parsed["To"] == "team@example.com"
        assert parsed.get_content_type() == "multipart/alternative"
    head = content.partition(b"\r\n\r\n")[0]
    assert head.replace(b"\r\n", b"").isascii()
    assert not set(head.replace(b"\r\n", b"")) & set(range(32))
    subject_lines = head[: head.index(b"\r\nFrom:")].split(b"\r\n")
    assert max(map(len, subject_lines)) <= 76


@pytest.mark.parametrize("subject", [*SUBJECTS[:25], *AS_WRITTEN])
async def test_subject_arrives_as_it_was_written(subject: str) -> None:
    content = await written(subject)
    assert shown(content) == f"[high] {subject.strip()}"


@given(st.text(max_size=200))
async def test_any_subject_arrives_without_control_characters(subject: str) -> None:
    content = await written(f"s {subject}")
    assert message_from_bytes(content).keys() == NAMES
    expected = " ".join(f"s {subject}".split())
    kept = "".join(character for character in expected if character.isprintable() or ord(character) > 0x9F)
    assert shown(content) == f"[high] {kept}"


@pytest.mark.parametrize(
    "address",
    [
        "=?utf-8?q?a=0D=0ABcc:v?=@example.com",
        '"=?utf-8?q?a=0D=0ABcc:v?="@example.com',
        "a@=?utf-8?q?b=0D=0ABcc:v?=",
        "a@example.com\r\nBcc: v@e.example",
        "a@example.com\x0bBcc: v@e.example",
        '"a\r\nBcc: v"@example.com',
        '"a\\\r\nb"@example.com',
        "a\x00@example.com",
    ],
)
async def test_address_adds_no_header(address: str) -> None:
    try:
        content = await written("s", address)
    except Permanent:
        return
    assert message_from_bytes(content).keys() == NAMES
    assert f"\r\nTo: {address}\r\n".encode() in content


@pytest.mark.parametrize(
    ("line", "encoding"),
    [("Die Größe stimmt nicht mehr, bitte prüfen.", "quoted-printable"), ("注文が失敗した。", "base64")],
)
async def test_body_has_the_shorter_transfer_encoding(line: str, encoding: str) -> None:
    body = f"{line}\n" * 1000
    content = await written("s", body=body)
    parts = [part for part in message_from_bytes(content).walk() if not part.is_multipart()]
    assert [part["Content-Transfer-Encoding"] for part in parts] == [encoding, encoding]
    assert all(each.isascii() and len(each) <= 78 for each in content.splitlines())
    plain = parts[0].get_payload(decode=True)
    assert isinstance(plain, bytes)
    assert plain.decode().replace("\r\n", "\n").startswith(body)
    assert len(content) <= 3.5 * len(body.encode())


@pytest.mark.parametrize("line", ["\n", "# a\n", "é\n"])
async def test_mail_of_many_short_lines_has_long_ones(line: str) -> None:
    """The ends of its lines are looked for on the event loop."""
    lines = (await written("s", body=filled(line, bounds.BODY))).count(b"\n")
    assert lines < 50_000


async def test_mail_that_is_not_written_is_sent_shortened() -> None:
    renderer = RenderWorker(start=partial(WorkerProcess, PROGRAM))
    for deed in ("please raise", "please exit"):
        sent = message(
            subject="s", body=f"**{deed}**", format="Markdown", metadata={"node": "7", "b": "x" * 5000}
        )
        mail = await write_mail(
            sent,
            sender=SENDER,
            address="team@example.com",
            date=datetime(2026, 1, 2, tzinfo=UTC),
            composer=Composer(facts=Facts(), renderer=renderer),
        )
        content = message_from_bytes(mail.content)
        assert content.keys() == NAMES
        assert f"**{deed}**" in str(content)
        assert mail.note.startswith("the message was shortened: ")
    renderer.close()


async def test_half_of_a_character_loses_no_mail() -> None:
    text = message_from_bytes(await written("a \ud800", body="b \ud800")).as_string()
    assert "b ?" in text


async def test_worker_writes_a_mail_as_it_is_written_here(worker: RenderWorker) -> None:
    sent = message(subject="Заказ", body="# H\n\n📦 <b>", format="Markdown")
    mails = [
        await write_mail(
            sent,
            sender=SENDER,
            address="team@example.com",
            date=datetime(2026, 1, 2, tzinfo=UTC),
            composer=Composer(facts=Facts(cluster="c"), renderer=each),
        )
        for each in (Renderer(), worker)
    ]
    first, second = (message_from_bytes(mail.content) for mail in mails)
    assert first.items()[:-1] == second.items()[:-1], "the boundary differs"
    assert [part.get_payload() for part in first.walk()][1:] == [
        part.get_payload() for part in second.walk()
    ][1:]
