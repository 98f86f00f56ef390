"""What a script works with: namespaces, operators, notifications, and the faults of its lane."""

from __future__ import annotations

import contextlib
import random
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from tests.chaos.account import ChaosAccount
from tests.chaos.bookkeeping import Hit
from tests.chaos.faults import UsedFault
from tests.chaos.operator import STARTS_WITHIN, ChaosOperator
from tests.harness.cluster import FINAL
from tests.harness.eventually import eventually
from tests.harness.notifications import notification
from tests.harness.operators import LABEL, OperatorSpec
from tests.harness.sink_client import AuditStore, SlackSink, WebhookSink
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from tests.chaos.lane import Lane
    from tests.harness.cluster import Object

RETRIES = {"maxAttempts": 10, "initialBackoffSeconds": 1, "backoffMultiplier": 1, "maxBackoffSeconds": 60}
SETTINGS: dict[str, Any] = {
    "deliveryTimeoutSeconds": 3,
    "operatorLeaderElection": False,
    "channelsFileEnabled": False,
    "channelsSlackEnabled": True,
    "channelsSlackWebhookUrl": "{sink}/slack/{name}",
    "breakerFailureThreshold": 10_000,
}
CREATORS = 4
EVERYTHING = "subject"
"""A word that is in each subject."""
PARTS_OF_AN_ID = 3
"""`<uid>:<channel>:<number>`; a further part of a long message has its number after that."""


class Stage:
    """One scenario's place on a lane; `seed` decides what is random, `earlier` is a revision of the operator."""

    def __init__(self, lane: Lane, name: str, *, seed: int = 0, earlier: str = "") -> None:
        self.lane = lane
        self.cluster = lane.cluster
        self.earlier = earlier
        self.proxy = lane.proxy
        self.random = random.Random(f"{name} {seed}")  # noqa: S311 - a schedule, not a secret
        self.name = f"{name[:40]}-{uuid.uuid4().hex[:6]}"
        self.slack = SlackSink(lane.sink, self.name)
        self.webhook = WebhookSink(lane.sink, self.name)
        """What NotificationReceivers lead to."""
        self.webhook_url = f"{lane.receiver}/webhook/{self.name}"
        self.audit = AuditStore(lane.sink, self.name)
        self.operators: list[ChaosOperator] = []
        self.cleanup = contextlib.ExitStack()
        self.namespaces: list[str] = []
        self.file_hits: list[Hit] = []
        """What the script has found in files."""
        self._faults: list[UsedFault] = []
        self.logs: list[str] = []
        """Of the operators, after `close`."""
        self.problems: list[str] = []
        """What the script itself has found wrong."""
        self.slack.answer(EVERYTHING)
        self.home = self.cluster.create_namespace({})
        self.namespace = self.add_namespace()
        self.account = ChaosAccount(self.cluster, self.home, shares=True)

    def add_namespace(self) -> str:
        """Create a namespace that the operators of this stage watch."""
        name = self.cluster.create_namespace({LABEL: self.name})
        self.namespaces.append(name)
        return name

    def operator(
        self,
        *,
        proxied: bool = False,
        settings: Mapping[str, Any] | None = None,
        variables: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
        sources: Path | None = None,
        start: bool = True,
    ) -> ChaosOperator:
        """Return an operator, by default a started one; it is disposed of at the end.

        Args:
            proxied: whether it reaches the API server through the fault proxy.
            settings: further settings of its stack.
            variables: further environment variables.
            prefix: a command that executes the operator's.
            sources: the folder of its packages, for another version.
            start: whether to start it, and to wait until it is ready.
        """
        folder = Path(self.cleanup.enter_context(tempfile.TemporaryDirectory(prefix="operator-")))
        kubeconfig = folder / "kubeconfig"
        self.account.write_kubeconfig(kubeconfig, server=self.lane.proxied if proxied else None)
        created = ChaosOperator(
            cluster=self.cluster,
            spec=OperatorSpec(name=self.name, namespace=self.home, settings={**SETTINGS, **(settings or {})}),
            sink=self.lane.receiver,
            kubeconfig=kubeconfig,
            variables={"PYTHONFAULTHANDLER": "1", **(variables or {})},
            sources=sources or ROOT / "operator",
        )
        created.prefix = prefix
        self.operators.append(created)
        if start:
            self.start(created)
        return created

    def start(self, operator: ChaosOperator) -> None:
        """Start an operator, and wait until it is ready."""
        operator.launch()
        eventually(operator.readiness, lambda answer: answer[0] == 200, within=STARTS_WITHIN, every=0.2)

    def fail(self, **fault: Any) -> UsedFault:
        """Inject a fault into the requests of proxied operators; that it is ever used is required at the end."""
        created = self.proxy.fail(**fault)
        self._faults.append(UsedFault(created, fault))
        return self._faults[-1]

    def end_faults(self) -> None:
        """Remove all faults of the proxy."""
        for fault in self._faults:
            fault.remove()

    def unused_faults(self) -> list[str]:
        """Return a problem for each fault that no request has met."""
        return [f"no request has met the fault {fault.text}" for fault in self._faults if not fault.used]

    def create(self, count: int, *, namespace: str | None = None, **spec: Any) -> list[Object]:
        """Create notifications for Slack that are retried every second, up to ten attempts."""
        fields = {"channels": ["slack"], "retryPolicy": RETRIES, **spec}
        objects = [notification(namespace or self.namespace, **fields) for _ in range(count)]
        with ThreadPoolExecutor(CREATORS) as pool:
            return list(pool.map(self.cluster.create, objects))

    def answer(self, first: Object, then: Object | None = None, *, times: int = 1) -> None:
        """Let the receiver answer the first requests one way, and all further ones another way, by default with success."""
        self.slack.answer(EVERYTHING, *[first] * times, then or {})

    def always(self, answer: Object) -> None:
        """Let the receiver answer all requests this way; `{}` is success."""
        self.slack.answer(EVERYTHING, answer)

    def stored(self) -> list[Object]:
        """Return the notifications of this stage that exist now."""
        return [obj for namespace in self.namespaces for obj in self.cluster.all(namespace)]

    def settle(self, *, within: float) -> list[Object]:
        """Return the notifications when all are final, or when the time is over."""
        deadline = time.monotonic() + within
        while True:
            objects = self.stored()
            if all(obj["status"]["phase"] in FINAL for obj in objects) or time.monotonic() > deadline:
                return objects
            time.sleep(0.3)

    def hits(self) -> list[Hit]:
        """Return what reached the receivers of this stage."""
        return [*_hits(self.slack.hits()), *map(webhook_hit, self.webhook.hits()), *self.file_hits]

    def wait_for_hits(self, count: int, *, within: float = 30.0) -> None:
        eventually(
            lambda: len(self.slack.hits()) + len(self.webhook.hits()),
            lambda seen: seen >= count,
            within=within,
            every=0.02,
        )

    def wait_for_request(self, *, within: float = 30.0, count: int = 1, **which: Any) -> None:
        """Wait until the fault proxy has requests of a kind; see `so_far` of the fault proxy."""
        eventually(
            lambda: len(self.proxy.so_far(**which)),
            lambda seen: seen >= count,
            within=within,
            every=0.02,
        )

    def require(self, condition: object, problem: str) -> None:
        """Report a problem unless a condition holds."""
        if not condition:
            self.problems.append(problem)

    def collect_files(self, folder: Path) -> None:
        """Count the files of the file channel as hits."""
        for file in sorted(folder.glob("notification-*.json")):
            self.file_hits.append(Hit(id=orjson.loads(file.read_bytes())["attempt_id"], accepted=True))

    def close(self) -> None:
        """End the operators, and remove what this stage has created."""
        for operator in self.operators:
            operator.dispose()
        self.logs = [operator.log for operator in self.operators]
        self.cleanup.close()
        steps: list[Callable[[], object]] = [self.account.remove]
        steps += [lambda name=name: self._empty(name) for name in self.namespaces]  # type: ignore[misc]
        for step in steps:
            with contextlib.suppress(Exception):
                step()

    def _empty(self, namespace: str) -> None:
        """Delete the notifications; the namespace stays, because nothing here completes its deletion."""
        self.cluster.delete_all(namespace)


def _hits(seen: Iterable[Object]) -> Iterator[Hit]:
    """Yield the requests of receivers; of a message in several parts only the first one."""
    for each in seen:
        headers = {name.lower(): value for name, value in each["headers"].items()}
        if len(headers["idempotency-key"].split(":")) == PARTS_OF_AN_ID:
            yield Hit(id=headers["idempotency-key"], accepted=each["code"] == HTTPStatus.OK)


def webhook_hit(seen: Object) -> Hit:
    """Return the request of a NotificationReceiver, with the id of its attempt."""
    headers = {name.lower(): value for name, value in seen["headers"].items()}
    uid, _, target = headers["idempotency-key"].partition("/")
    return Hit(
        id=f"{uid}:{target}:{headers['x-notification-attempt']}", accepted=seen["code"] == HTTPStatus.OK
    )


def only(*namespaces: str) -> Mapping[str, str]:
    """Return variables that make an operator watch these namespaces, instead of those with a label."""
    watch = {"namespaces": namespaces, "namespace_selector": None}
    return {"NOTIFICATION_WATCH": orjson.dumps(watch).decode()}


def files_in(folder: Path) -> Mapping[str, str]:
    """Return variables that make the file channel write into a folder."""
    return {"NOTIFICATION_CHANNELS__FILE__DIRECTORY": str(folder)}
