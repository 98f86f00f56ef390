"""What others do while the notifications of a load are delivered; each is a context, and all that it creates is removed."""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count, cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson

from notification_contract import bounds
from tests.bench.api import NOTIFICATIONS, RECEIVERS
from tests.bench.generator import CREATORS
from tests.bench.scenarios import Others
from tests.harness.logged_process import LoggedProcess
from tests.harness.notifications import notification
from tests.harness.receiver_types import SLACK_WEBHOOK
from tests.harness.routing_document import KEY, NAME
from tests.kit.hostile_answers import HTTP
from tests.kit.hostile_texts import SUBJECTS, UNITS, filled
from tests.kit.worst_markdown import WORST
from tests.kit.worst_routing import DOCUMENTS
from tests.kit.worst_templates import VALID

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator

    from tests.bench.measure import Run
    from tests.harness.receivers import StoredReceiver

SIZES: Final = (4096, bounds.BODY)
"""Characters of a body."""
METADATA_CHARACTERS: Final = 512
"""Of each value."""
STORED: Final = bounds.TEXT_BYTES - 4 * bounds.METADATA_ENTRIES * METADATA_CHARACTERS
"""Bytes of a body in etcd: as much as the schema accepts with the metadata."""
PER_SECOND: Final = 2.0
"""Notifications of the worst tenant; each takes more of the worker than that."""
RECEIVERS_EVERY, ROUTING_EVERY = 5.0, 20.0
"""Seconds between two changes."""
PER_NAMESPACE: Final = 200
"""Receivers of a namespace that are used, as shipped."""
AT_ONCE: Final = 100
"""Receivers that exist at the same time, if they come and go."""
SHARED: Final = 40
"""Receivers that a slow tenant shares its messages between."""
UNSENT_PER_SECOND: Final = 5.0
"""Notifications to receivers that can take none."""
UNSENT: Final[dict[str, dict[str, Any] | None]] = {
    "missing": None,
    "forbidden": {},
    "not-ready": {"webhook": {"urlSecretRef": {"name": "missing"}}},
    "suspended": {"suspend": True},
    "muted": {"priorities": ["critical"]},
    "limited": {"rateLimit": {"count": 1, "period": "1h"}},
}
"""Fields of a receiver for each reason for which nothing is sent to it; None for no receiver."""
HANGS: Final = 60
"""Seconds until they answer."""
LISTENS: Final = re.compile(r"^listens on (.+)$", re.MULTILINE)
UNREACHABLE: Final = "https://192.0.2.1/"
"""Reserved for documentation: the operator connects to no such address."""


class Crowd:
    """Counts what is created, and knows where."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.created = 0
        self._namespaces: list[str] = []

    def namespace(self) -> str:
        """Create a namespace that the operator serves."""
        name = self.run.new_namespace()
        self._namespaces.append(name)
        return name

    async def create(self, obj: dict[str, Any], kind: str = NOTIFICATIONS) -> None:
        self.created += 1
        await self.run.api.create(obj["metadata"]["namespace"], orjson.dumps(obj), kind)

    async def create_all(self, objects: Iterator[dict[str, Any]], kind: str = NOTIFICATIONS) -> None:
        """Create objects with several connections."""

        async def creator() -> None:
            for obj in objects:
                await self.create(obj, kind)

        async with asyncio.TaskGroup() as group:
            for _ in range(CREATORS):
                group.create_task(creator())

    async def remove_all(self) -> None:
        for name in self._namespaces:
            for kind in (NOTIFICATIONS, RECEIVERS):
                await self.run.api.remove_all(name, kind)


@asynccontextmanager
async def _at_work(*works: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Do something during the block, which ends with the first failure."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(work) for work in works]
        yield
        for task in tasks:
            task.cancel()


def worst_specs(mail: StoredReceiver, chats: list[StoredReceiver]) -> Iterator[dict[str, Any]]:
    """Yield, without an end, the fields of notifications: each body to twenty mail addresses, and to the other receivers."""
    bodies = [*({"format": "Markdown", "body": unit} for unit in WORST), *({"body": unit} for unit in UNITS)]
    subjects = cycle(SUBJECTS)
    for number in count():
        shape, size = bodies[number // 4 % len(bodies)], SIZES[number // 2 % len(SIZES)]
        unit = shape["body"]
        body = WORST[unit](size)[:size] if "format" in shape else filled(unit, size)
        receivers = [mail] if number % 2 == 0 else chats
        yield {
            **shape,
            "body": _storable(body),
            # The sink looks for the word.
            "subject": f"bench-{number}- {next(subjects)}"[: bounds.SUBJECT],
            "metadata": {
                f"key-{index}": unit[:1] * METADATA_CHARACTERS for index in range(bounds.METADATA_ENTRIES)
            },
            "receiverRefs": [receiver.ref for receiver in receivers],
            "channels": None,
            "recipients": None,
        }


def _storable(body: str) -> str:
    """Return as much of an even text as etcd takes: the API server writes some characters as six."""
    stored = sum(6 if char in "&<>" or char < " " else len(char.encode()) for char in body)
    return body[: len(body) * STORED // max(stored, STORED)]


LABELS: Final = {f"{'l' * 60}{index:03}": "v" * 63 for index in range(bounds.METADATA_ENTRIES)}


@asynccontextmanager
async def _worst(run: Run) -> AsyncIterator[Crowd]:
    crowd = Crowd(run)
    namespace = crowd.namespace()
    mail = run.receiver("email", **_mail(run))
    chats = [_chat(run, kind) for kind in ("slack", "discord", "mattermost", "teams")]

    async def send() -> None:
        for fields in worst_specs(mail, chats):
            name = f"worst-{crowd.created}"
            await crowd.create(notification(namespace, name=name, labels=LABELS, **fields))
            await asyncio.sleep(1 / PER_SECOND)

    async def change_receivers() -> None:
        for source, receiver in zip(cycle(VALID.values()), cycle([mail, *chats]), strict=False):
            await asyncio.sleep(RECEIVERS_EVERY)
            template = {"inline": {"subject": "{{ notification.body }}", "body": source}}
            await asyncio.to_thread(receiver.patch, template=template)

    async def change_routing() -> None:
        for text in cycle(DOCUMENTS.values()):
            await asyncio.sleep(ROUTING_EVERY)
            await asyncio.to_thread(run.bench.cluster.apply, _routing(run.operator.namespace, text))

    async with _at_work(send(), change_receivers(), change_routing()):
        yield crowd
    await crowd.remove_all()


def _chat(run: Run, kind: str) -> StoredReceiver:
    secret = {"name": run.receivers.secret({"url": f"{run.bench.sink.secure_url}/{kind}"})}
    if kind == "slack":
        return run.receiver(SLACK_WEBHOOK, block={"webhookUrlSecretRef": secret})
    return run.receiver(kind, block={"urlSecretRef": secret})


def _mail(run: Run) -> dict[str, Any]:
    block = {
        "host": "127.0.0.1",
        "port": run.bench.sink.mail_port,
        "security": "None",
        "from": "operator@example.com",
        "to": [f"r{number}@example.com" for number in range(bounds.RECEIVER_RECIPIENTS)],
        "authSecretRef": None,
    }
    return {"block": block, "tls": None, "timeout": "60s"}


def _routing(namespace: str, text: str) -> dict[str, Any]:
    metadata = {"name": NAME, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {KEY: text}}


def receiver_object(namespace: str, number: int, characters: int = 0) -> dict[str, Any]:
    """Return a receiver whose template has as many words and signs as it may, and so many characters."""
    spec: dict[str, Any] = {"type": "webhook", "webhook": {"url": UNREACHABLE}}
    if characters:
        body = f"{number} " + "{{a}}" * 160
        spec["template"] = {"inline": {"body": body + "x" * (characters - len(body))}}
    return {
        "apiVersion": "kubernaut.ai/v1alpha1",
        "kind": "NotificationReceiver",
        "metadata": {"namespace": namespace, "name": f"r-{number}"},
        "spec": spec,
    }


@asynccontextmanager
async def _receivers(run: Run) -> AsyncIterator[Crowd]:
    crowd, scenario = Crowd(run), run.scenario
    namespaces = [crowd.namespace() for _ in range(0, scenario.crowd, PER_NAMESPACE)]

    def receivers() -> Iterator[dict[str, Any]]:
        for number in range(scenario.crowd):
            yield receiver_object(namespaces[number // PER_NAMESPACE], number, scenario.characters)

    def messages() -> Iterator[dict[str, Any]]:
        for first in range(0, scenario.crowd, bounds.RECEIVER_REFS):
            numbers = range(first, min(first + bounds.RECEIVER_REFS, scenario.crowd))
            refs = [{"name": f"r-{number}"} for number in numbers]
            once = {"maxAttempts": 1}
            yield notification(
                namespaces[first // PER_NAMESPACE],
                channels=None,
                recipients=None,
                receiverRefs=refs,
                retryPolicy=once,
            )

    await crowd.create_all(receivers(), RECEIVERS)
    await crowd.create_all(messages())
    yield crowd
    await crowd.remove_all()


@asynccontextmanager
async def _passing(run: Run) -> AsyncIterator[Crowd]:
    crowd = Crowd(run)
    namespace, room = crowd.namespace(), asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        try:
            await crowd.create(receiver_object(namespace, number), RECEIVERS)
            refs = [{"name": f"r-{number}"}]
            once = {"maxAttempts": 1}
            await run.api.create(
                namespace,
                orjson.dumps(
                    notification(
                        namespace, channels=None, recipients=None, receiverRefs=refs, retryPolicy=once
                    )
                ),
            )
            await asyncio.sleep(1.0)
            await run.api.delete(namespace, f"r-{number}", RECEIVERS)
        finally:
            room.release()

    async def all_of_them() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(run.scenario.crowd):
                await room.acquire()
                group.create_task(one(number))

    passing = asyncio.create_task(all_of_them())
    try:
        yield crowd
        await passing
    finally:
        passing.cancel()
    await crowd.remove_all()


@asynccontextmanager
async def _slow(run: Run) -> AsyncIterator[Crowd]:
    crowd = Crowd(run)
    namespace, url = crowd.namespace(), f"{run.bench.sink.secure_url}/?delay={HANGS}"
    receivers = [run.receiver(block={"url": url}, timeout="120s") for _ in range(SHARED)]

    def messages() -> Iterator[dict[str, Any]]:
        for number in range(run.scenario.crowd):
            ref = receivers[number % SHARED].ref
            yield notification(
                namespace, subject=f"bench-{number}-", channels=None, recipients=None, receiverRefs=[ref]
            )

    await crowd.create_all(messages())
    yield crowd
    await crowd.remove_all()


@asynccontextmanager
async def _answers(run: Run) -> AsyncIterator[Crowd]:
    crowd = Crowd(run)
    namespace = crowd.namespace()
    with tempfile.TemporaryDirectory() as folder:
        process = LoggedProcess([sys.executable, "-m", "tests.kit.hostile_answers"], Path(folder) / "log")
        try:
            ports = [int(port) for port in process.wait_for(LISTENS)[1].split()]
            refs = [_hostile(run, number, port).ref for number, port in enumerate(ports)]
            await crowd.create_all(
                notification(
                    namespace, subject=f"bench-{number}-", channels=None, recipients=None, receiverRefs=refs
                )
                for number in range(run.scenario.crowd)
            )
            yield crowd
        finally:
            process.stop()
    await crowd.remove_all()


def _hostile(run: Run, number: int, port: int) -> StoredReceiver:
    if number < len(HTTP):
        url = f"http://127.0.0.1:{port}/"
        return run.receiver(block={"url": url, "insecure": True}, tls=None)
    mail = _mail(run)
    return run.receiver(
        "email", **{**mail, "block": {**mail["block"], "port": port, "to": ["a@example.com"]}}
    )


@asynccontextmanager
async def _waiting(run: Run) -> AsyncIterator[Crowd]:
    crowd = Crowd(run)
    namespace = crowd.namespace()
    later = (datetime.now(UTC) + timedelta(days=365)).strftime("%Y-%m-%dT%H:%M:%SZ")
    await crowd.create_all(
        notification(namespace, name=f"later-{number}", notBefore=later)
        for number in range(run.scenario.crowd)
    )
    yield crowd
    await crowd.remove_all()


@asynccontextmanager
async def _unsent(run: Run) -> AsyncIterator[Crowd]:
    crowd = Crowd(run)
    namespace, other = crowd.namespace(), crowd.namespace()
    where = {reason: other if reason == "forbidden" else namespace for reason in UNSENT}

    def receivers() -> Iterator[dict[str, Any]]:
        for reason, fields in UNSENT.items():
            for number in range(bounds.RECEIVER_REFS if fields is not None else 0):
                receiver = receiver_object(where[reason], number)
                receiver["metadata"]["name"] = f"{reason}-{number}"
                receiver["spec"] |= fields
                yield receiver

    async def send() -> None:
        for reason in cycle(UNSENT):
            refs = [
                {"name": f"{reason}-{number}", "namespace": where[reason]}
                for number in range(bounds.RECEIVER_REFS)
            ]
            await crowd.create(notification(namespace, channels=None, recipients=None, receiverRefs=refs))
            await asyncio.sleep(1 / UNSENT_PER_SECOND)

    await crowd.create_all(receivers(), RECEIVERS)
    async with _at_work(send()):
        yield crowd
    await crowd.remove_all()


CONTEXTS: Final[dict[Others, Callable[[Run], Any]]] = {
    Others.WORST: _worst,
    Others.RECEIVERS: _receivers,
    Others.PASSING: _passing,
    Others.SLOW: _slow,
    Others.ANSWERS: _answers,
    Others.WAITING: _waiting,
    Others.UNSENT: _unsent,
}
