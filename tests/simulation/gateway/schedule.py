"""Two replicas of the gateway, everything that sends to them, and a network that loses anything: never two, never lost."""

from __future__ import annotations

import asyncio
import random
from base64 import b64encode
from collections import defaultdict
from http import HTTPStatus
from math import inf
from typing import TYPE_CHECKING, Any, Final

from notification_contract import names
from tests.simulation.choices import Choices
from tests.simulation.gateway.api_server import HOME, ApiServer
from tests.simulation.gateway.replica import Replica
from tests.simulation.gateway.senders import PERIOD, SUCCESS, TIMED, TOKEN, Senders
from tests.simulation.network import LostError, Network
from tests.simulation.outages import Outages
from tests.simulation.schedule import Outcome
from tests.simulation.violations import InvariantViolation, require
from tests.simulation.virtual_loop import run_virtually

if TYPE_CHECKING:
    from tests.simulation.gateway.api_server import Created
    from tests.simulation.gateway.replica import NewStore
    from tests.simulation.gateway.senders import Message

CHOICES_LENGTH: Final = 600
ROUGH_SECONDS: Final = 60
"""After this time nothing new goes wrong."""
TIME_LIMIT: Final = 600.0
OUTAGES: Final = (0.0, 0.0, 0.0, 5.0, 25.0)
"""Seconds for which the API server is away."""
SOURCES: Final[dict[str, dict[str, Any]]] = {
    "alerts": {"type": "alertmanager"},
    "alerts-again": {"type": "alertmanager", "alertmanager": {"repeatAfter": f"{PERIOD}s"}},
    "events": {"type": "cloudevents"},
    "ci": {"type": "generic"},
    "chat": {"type": "slack"},
}
TRUNCATED: Final = 1.0
"""The API server's times have no fraction of a second."""
LATER: Final = frozenset({HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS})
"""The answers that a right message can have instead of success."""


class GatewaySimulation:
    """One schedule.

    Args:
        new_store: creates a store with an injected fault for each replica.
    """

    def __init__(self, choices: Choices, new_store: NewStore | None) -> None:
        self.trace: list[str] = []
        self._choices = choices
        self._outages = Outages()
        self.api = ApiServer(self._log)
        for name, spec in SOURCES.items():
            self.api.sources.append(_source(name, spec))
        self.api.secrets["hook"] = _secret()
        self.replicas = [Replica(f"gateway-{n}", self.api, choices, new_store, self._log) for n in range(2)]
        self._networks: list[Network] = []
        self._senders = Senders(self._post, choices, self._log)
        self._violation: InvariantViolation | None = None

    async def run(self) -> None:
        """Run to the end.

        Raises:
            InvariantViolation: an invariant does not hold.
        """
        loop = asyncio.get_running_loop()
        for replica in self.replicas:
            replica.start(self._connect(replica, replica.name))
        began = self._choices.pick(OUTAGES)
        if began:
            loop.call_later(self._choices.number(ROUGH_SECONDS), self._go_away, began)
        loop.call_later(ROUGH_SECONDS, self._calm)
        async with asyncio.timeout(TIME_LIMIT):
            await self._senders.run()
        # What arrives late arrives within this time.
        await asyncio.sleep(60)
        if self._violation:
            raise self._violation
        self._check()

    async def close(self) -> None:
        for replica in self.replicas:
            await asyncio.gather(*replica.stop(), return_exceptions=True)

    def _connect(self, replica: Replica, name: str) -> Network:
        """Return a network with faults, among them the death of a replica."""
        network = Network(
            self._choices, self._log, name, outages=self._outages, crash=lambda: replica.crash(own)
        )
        own = network if name == replica.name else self._networks[self.replicas.index(replica)]
        self._networks.append(network)
        return network

    def _go_away(self, seconds: float) -> None:
        self._outages.api_until = asyncio.get_running_loop().time() + seconds
        self._log(f"the API server is away for {seconds:g} s")

    def _calm(self) -> None:
        for network in self._networks:
            network.rough = False

    async def _post(self, message: Message) -> int:
        """Send a message to one of the replicas, and return the status; 0 without an answer."""
        replica = self._choices.pick(self.replicas)
        network = self._connect(replica, f"a sender to {message.source}")
        network.rough = self._networks[0].rough
        late: list[asyncio.Task[Any]] = []

        def arrive() -> None:
            late.append(asyncio.ensure_future(self._handled(replica, message)))

        try:
            await network.transfer("the post", late=arrive, to_api=False)
            status = await self._handled(replica, message)
            await network.transfer("the answer to the post", to_api=False)
        except LostError:
            return 0
        finally:
            self._networks.remove(network)
        return status

    async def _handled(self, replica: Replica, message: Message) -> int:
        known, received = self.api.until(message.after), asyncio.get_running_loop().time()
        try:
            status = (await replica.handle(message)).status
        except ConnectionError:
            return 0
        missing = set(message.keys) - self.api.keys(since=known)
        self._require(status not in SUCCESS or not missing, f"{status} before {', '.join(missing)} is stored")
        self._require(status in SUCCESS or status in LATER, f"{status} for {', '.join(message.keys)}")
        is_open = message.resolves and self.api.is_open(message.source, received)
        self._require(status not in SUCCESS or not is_open, f"{status} while {message.source} is open")
        return status

    def _require(self, condition: object, violation: str) -> None:
        if not condition and self._violation is None:
            self._log(f"VIOLATION: {violation}")
            self._violation = InvariantViolation(violation)

    def _check(self) -> None:
        """Require that each message that was accepted is one notification."""
        by_key: dict[str, list[Created]] = defaultdict(list)
        for each in self.api.created:
            by_key[each.key].append(each)
        lost = self._senders.accepted - by_key.keys()
        require(not lost, f"{', '.join(sorted(lost))} is lost")
        for key, created in by_key.items():
            source = key.partition(".")[0]
            seconds = TIMED.get(source)
            if seconds is None:
                require(len(created) == 1, f"{key} is told {len(created)} times")
            else:
                ends = [
                    each.at
                    for each in self.api.created
                    if each.resolves != created[0].resolves and each.key.startswith(f"{source}.")
                ]
                within = f" within {seconds:g} s" if seconds < inf else ""
                require(_is_spaced(created, seconds, ends), f"{key} is told twice{within}")

    def _log(self, line: str) -> None:
        self.trace.append(f"{asyncio.get_running_loop().time():9.3f}  {line}")


def _is_spaced(created: list[Created], seconds: float, ends: list[float]) -> bool:
    """Return whether what comes again comes after its time, or after an event of the other kind: a Trigger or a Resolve.

    Two that are created concurrently, one on each side of the end of a period, cannot know each other (DD-GATEWAY-001). Of a Trigger and a
    Resolve in one second, the Resolve counts as the later one.
    """
    ordered = sorted(created, key=lambda each: each.at)
    return not any(
        later.received >= earlier.at
        and later.received - earlier.received < seconds - TRUNCATED
        and not any(int(earlier.received) <= end <= later.at for end in ends)
        for index, earlier in enumerate(ordered)
        for later in ordered[index + 1 :]
    )


def run_schedule(data: bytes, new_store: NewStore | None = None) -> Outcome:
    """Run the schedule of some choices and return its outcome; `new_store` creates a store with an injected fault."""
    state = random.getstate()
    random.seed(0)
    try:
        return run_virtually(_outcome(Choices(data), new_store))
    finally:
        random.setstate(state)


async def _outcome(choices: Choices, new_store: NewStore | None) -> Outcome:
    simulation = GatewaySimulation(choices, new_store)
    violation = ""
    try:
        await simulation.run()
    except InvariantViolation as error:
        violation = str(error)
    except TimeoutError:
        violation = f"a message is not stored within {TIME_LIMIT:g} s"
    finally:
        await simulation.close()
    return Outcome(
        violation=violation,
        trace=simulation.trace,
        choices=choices.used,
        seconds=asyncio.get_running_loop().time(),
        writes=len(simulation.api.created),
    )


def schedule_of(seed: int) -> bytes:
    """Return the choices of a seed, always the same."""
    return random.Random(seed).randbytes(CHOICES_LENGTH)  # noqa: S311 - a schedule, not a secret


def _source(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {
        "metadata": {
            "namespace": HOME,
            "name": name,
            "uid": f"uid-{name}",
            "generation": 1,
            "creationTimestamp": "2026-11-29T07:00:00Z",
        },
        "spec": {"auth": {"bearerSecretRef": {"name": "hook"}}, "rateLimit": {"count": 100_000}, **spec},
    }


def _secret() -> dict[str, Any]:
    return {
        "metadata": {"name": "hook", "labels": {names.SOURCES_SECRET_LABEL: "true"}},
        "type": "Opaque",
        "data": {"token": b64encode(TOKEN.encode()).decode()},
    }
