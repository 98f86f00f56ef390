"""The API server as one process reaches it: the status of sources, and notifications that are created once."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from atomic_status import Conflict, Gone, ObjectRef, Unavailable
from notification_runtime.kube.requests import KubeError
from tests.simulation.cluster import ConflictError, MissingError
from tests.simulation.network import LostError, Network
from tests.simulation.null_ports import NoObjects
from tests.simulation.outages import Outages
from tests.simulation.receivers.api_objects import ApiObjects, Kind, Place
from tests.simulation.receivers.watches import SimulatedWatches

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.simulation.choices import Choices

HOME: Final = "platform"
UNSEEN: Final = SimpleNamespace(
    listed=lambda *_: None, removed=lambda *_: None, changed=lambda *_: None, identity=lambda *_: None
)


@dataclass(slots=True, kw_only=True)
class Api:
    """What is stored."""

    choices: Choices
    log: Callable[[str], None]
    on_created: Callable[[Mapping[str, Any]], None]
    sources: ApiObjects = field(default_factory=lambda: ApiObjects(uid="source-{}".format))
    leases: dict[str, dict[str, Any]] = field(default_factory=dict)
    created: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """The notifications by their names."""
    outages: Outages = field(default_factory=Outages)

    def network(self, name: str, choices: Choices, crash: Callable[[], None]) -> Network:
        """Return the connection of one process."""
        return Network(choices, self.log, name, outages=self.outages, crash=crash)

    def watches(self, network: Network) -> SimulatedWatches:
        return SimulatedWatches(self.sources, network, self.choices, outages=self.outages, seen=UNSEEN)  # type: ignore[arg-type]

    def create(self, document: Mapping[str, Any]) -> None:
        """Store a notification.

        Raises:
            KubeError: it exists.
        """
        name = document["metadata"]["name"]
        if name in self.created:
            raise KubeError(status=409, reason=f'notificationrequests "{name}" already exists')
        self.created[name] = document
        self.on_created(document)


class SourceStore:
    """The status of sources, over the network of one process."""

    def __init__(self, api: Api, network: Network) -> None:
        self._api = api
        self._network = network

    async def read(self, ref: ObjectRef) -> dict[str, Any]:
        """See `StatusStore.read`."""
        try:
            await self._network.transfer("a read")
            obj = self._api.sources.read(place_of(ref.name))
            await self._network.transfer("the answer to a read")
        except MissingError:
            raise Gone(ref) from None
        except LostError:
            raise Unavailable(ref, reason="simulated") from None
        return obj

    async def replace_status(self, obj: dict[str, Any]) -> dict[str, Any]:
        """See `StatusStore.replace_status`."""
        meta = obj["metadata"]
        ref = ObjectRef(namespace=meta["namespace"], name=meta["name"], uid=meta["uid"])
        try:
            await self._network.transfer("a write", late=lambda: self._write_late(obj))
            stored = self._write(obj)
            await self._network.transfer("the answer to a write")
        except ConflictError:
            raise Conflict(ref) from None
        except MissingError:
            raise Gone(ref) from None
        except LostError:
            raise Unavailable(ref, reason="simulated") from None
        return stored

    def _write(self, obj: dict[str, Any]) -> dict[str, Any]:
        return self._api.sources.replace_status(
            place_of(obj["metadata"]["name"]), obj, on_write=lambda _before, _after: None
        )

    def _write_late(self, obj: dict[str, Any]) -> None:
        with contextlib.suppress(ConflictError, MissingError):
            self._write(obj)


class Requests(NoObjects):
    """Creates notifications over the network of one process; a creation can arrive although its answer is lost."""

    def __init__(self, api: Api, network: Network) -> None:
        self._api = api
        self._network = network

    async def create(self, document: Mapping[str, Any]) -> None:
        """See `KubeObjects.create`."""
        try:
            await self._network.transfer("a creation", late=lambda: self._create_late(document))
            self._api.create(document)
            await self._network.transfer("the answer to a creation")
        except LostError:
            raise KubeError(status=None, reason="simulated") from None

    def _create_late(self, document: Mapping[str, Any]) -> None:
        with contextlib.suppress(KubeError):
            self._api.create(document)


def place_of(name: str) -> Place:
    """Return where a source is."""
    return Place(kind=Kind.SOURCES, namespace=HOME, name=name)


def time() -> float:
    """Return the virtual seconds."""
    return asyncio.get_running_loop().time()
