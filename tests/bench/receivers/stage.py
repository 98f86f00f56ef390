"""What a scenario works with: an operator with its receivers, the services that they lead to, and the load."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import orjson

from tests.bench.api import api
from tests.bench.controllers import Kind, controller
from tests.bench.generator import CREATORS, Batch, Follower, create
from tests.bench.machine import memory, processor_seconds
from tests.bench.receivers.far_end import Account, Hit
from tests.bench.receivers.objects import AUTHORITY, secret, team
from tests.bench.scenarios import Load
from tests.harness.authority import Authority
from tests.harness.logged_process import LoggedProcess

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence

    from tests.bench.api import Api, Object
    from tests.bench.controllers import MeasuredController
    from tests.bench.place import Place

LISTENS = re.compile(r"^listens on (\d+) (\d+)$", re.MULTILINE)
CONNECTIONS = CREATORS * 8
CONCURRENT = 16
"""Objects that are created at once."""
READY_SECONDS = 180.0
GONE_SECONDS = 300.0
SETTLE_SECONDS = 3.0
"""Until the last calls of the operator are in the audit log, and its memory is read."""
WARM_UP = Load(count=30)
SHIPPED: Mapping[str, Any] = {"breakerFailureThreshold": 3}
"""The operators of the tests have no breaker; those of the bench have the shipped one."""
RECEIVERS = "notificationreceivers"
GROUP = "/apis/kubernaut.ai/v1alpha1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The process that plays the services; `url` is where accounts are, `authority` signed its certificate."""

    url: str
    control: str
    pid: int
    authority: str

    def set(self, accounts: Mapping[str, Account]) -> None:
        """Set how accounts behave, all others as usual, and reset the record."""
        self._send("PUT", accounts)

    def change(self, accounts: Mapping[str, Account]) -> None:
        """Change how some accounts behave."""
        self._send("PATCH", accounts)

    def hits(self) -> list[Hit]:
        """Return the record."""
        with urlopen(self.control) as answer:  # noqa: S310 - http by construction
            return [Hit(*each) for each in json.load(answer)]

    def _send(self, method: str, accounts: Mapping[str, Account]) -> None:
        body = json.dumps({name: asdict(each) for name, each in accounts.items()}).encode()
        urlopen(Request(self.control, data=body, method=method)).close()  # noqa: S310 - http by construction


@contextmanager
def services() -> Iterator[Services]:
    """Start the process, and stop it at the end."""
    with tempfile.TemporaryDirectory(prefix="services-") as folder:
        authority = Authority(Path(folder))
        identity = authority.issue("services")
        process = LoggedProcess(
            [
                sys.executable,
                "-m",
                "tests.bench.receivers.far_end",
                str(identity.certificate),
                str(identity.key),
            ],
            Path(folder) / "log",
        )
        try:
            ports = process.wait_for(LISTENS)
            yield Services(
                url=f"https://127.0.0.1:{ports[1]}",
                control=f"http://127.0.0.1:{ports[2]}",
                pid=process.pid,
                authority=authority.file.read_text("utf-8"),
            )
        finally:
            process.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """An operator that is not started yet, and a namespace for notifications."""

    place: Place
    api: Api
    measured: MeasuredController
    services: Services
    namespace: str

    @property
    def home(self) -> str:
        """The operator's own namespace."""
        return self.measured.home

    @property
    def pid(self) -> int:
        """The id of the operator's process."""
        return self.measured.controller.pid

    @property
    def used(self) -> float:
        """CPU seconds of the operator so far."""
        return processor_seconds(self.pid)

    @property
    def megabytes(self) -> float:
        """Resident memory of the operator."""
        return memory(self.pid).now

    async def start(self) -> None:
        """Start the operator, and wait until it is ready and all receivers are."""
        await asyncio.to_thread(self.measured.controller.start)
        async with asyncio.timeout(READY_SECONDS):
            while not all(map(_is_ready, await self.receivers())):  # noqa: ASYNC110 - the API server reports nothing
                await asyncio.sleep(0.5)
        await asyncio.sleep(SETTLE_SECONDS)

    async def stop(self) -> None:
        """Stop the operator."""
        await asyncio.to_thread(self.measured.controller.stop)

    async def receivers(self) -> Sequence[Object]:
        """Return all receivers."""
        items: list[Object] = (await self.api.send("GET", f"{GROUP}/{RECEIVERS}"))["items"]
        return items

    async def create(self, objects: Iterable[Object]) -> None:
        """Create receivers and Secrets."""
        waiting = iter(objects)

        async def creator() -> None:
            for obj in waiting:
                await self.api.send("POST", _collection(obj), orjson.dumps(obj))

        async with asyncio.TaskGroup() as group:
            for _ in range(CONCURRENT):
                group.create_task(creator())

    async def replace(self, obj: Object) -> None:
        """Replace an object, whatever its version is."""
        path = f"{_collection(obj)}/{obj['metadata']['name']}"
        await self.api.send("PUT", path, orjson.dumps(obj))

    async def add_authority(self) -> None:
        """Create the Secret with the authority of the services."""
        await self.create([secret(self.home, AUTHORITY, **{"ca.crt": self.services.authority})])

    async def remove_receivers(self, namespaces: Iterable[str]) -> None:
        """Delete the receivers and Secrets of some namespaces."""
        for namespace in namespaces:
            for collection in (f"{GROUP}/namespaces/{namespace}/{RECEIVERS}", _secrets(namespace)):
                await self.api.send("DELETE", collection)
        async with asyncio.timeout(GONE_SECONDS):
            while await self.receivers():  # noqa: ASYNC110 - likewise
                await asyncio.sleep(0.2)

    async def deliver(self, batch: Batch, *, within: float = 120.0) -> float:
        """Create a batch and wait until it is final; return the CPU seconds of the operator."""
        async with self.followed(batch) as follower:
            before = self.used
            await create(self.api, self.namespace, batch)
            await follower.until_final(batch, within)
            return self.used - before

    @asynccontextmanager
    async def followed(self, *batches: Batch) -> AsyncIterator[Follower]:
        """Follow batches during the block."""
        follower = Follower(self.api, self.namespace, batches)
        following = asyncio.create_task(follower.run(await self.api.version(self.namespace)))
        try:
            yield follower
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def warm_up(self, *, refs: Sequence[Mapping[str, str]] = ()) -> None:
        """Deliver some notifications: the first ones after a start are slower."""
        await self.deliver(Batch(load=WARM_UP, first=0, refs=refs))

    async def stored(self, batch: Batch) -> list[Object]:
        """Return the notifications of a batch."""
        return [obj for obj in await self.api.all(self.namespace) if obj["metadata"]["name"] in batch.created]

    async def empty(self) -> None:
        """Delete the notifications."""
        async with asyncio.timeout(GONE_SECONDS):
            while not await self.api.is_empty(self.namespace):
                await self.api.remove_some(self.namespace)


@asynccontextmanager
async def stage(place: Place, settings: Mapping[str, Any], *, teams: int = 0) -> AsyncIterator[Stage]:
    """Give a stage; everything is stopped and deleted at the end. `teams` is how many further namespaces exist."""
    async with api(place.generator, connections=CONNECTIONS) as server:
        with services() as far_end, controller(Kind.OURS, place, {**SHIPPED, **settings}) as measured:
            namespace = place.cluster.create_namespace(dict(measured.labels))
            for number in range(teams):
                labels = {**measured.labels, "tier": f"tier-{number % 8}"}
                metadata = {"name": team(measured.home, number), "labels": labels}
                body = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
                await server.send("POST", "/api/v1/namespaces", orjson.dumps(body))
            placed = Stage(place=place, api=server, measured=measured, services=far_end, namespace=namespace)
            yield placed
            await placed.stop()
            await placed.empty()
            await placed.remove_receivers([placed.home, *(team(placed.home, each) for each in range(teams))])


def _is_ready(obj: Object) -> bool:
    status = obj.get("status", {})
    conditions = {each["type"]: each["status"] for each in status.get("conditions", ())}
    current = status.get("observedGeneration") == obj["metadata"]["generation"]
    return current and conditions.get("Ready") == conditions.get("ResolvedRefs") == "True"


def _collection(obj: Object) -> str:
    namespace = obj["metadata"]["namespace"]
    return _secrets(namespace) if obj["kind"] == "Secret" else f"{GROUP}/namespaces/{namespace}/{RECEIVERS}"


def _secrets(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/secrets"
