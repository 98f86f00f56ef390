"""What other tenants send: everything is as large as admission accepts, and no larger."""

from __future__ import annotations

import asyncio
from collections import Counter
from importlib import resources
from itertools import count, islice
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
import yaml

from notification_contract.kinds.receiver import parse_spec
from notification_contract.routing.document import MAX_CHARACTERS
from notification_domain.quota import places
from notification_domain.rendering.templating.templates import Template
from tests.bench.api import NOTIFICATIONS, RECEIVERS
from tests.bench.scenarios import SCENARIOS, Others
from tests.bench.tenants import CONTEXTS, LABELS, PER_NAMESPACE, SIZES, receiver_object, worst_specs
from tests.bench.watcher import total
from tests.harness.notifications import notification
from tests.harness.schema import violations
from tests.kit.hostile_texts import UNITS
from tests.kit.worst_markdown import WORST
from tests.kit.worst_routing import DOCUMENTS
from tests.kit.worst_templates import VALID
from tests.simulation.virtual_loop import run_virtually

MAIL: Any = SimpleNamespace(ref={"name": "mail", "namespace": "home"})
CHAT: Any = SimpleNamespace(ref={"name": "chat", "namespace": "home"})
ALL = 2 * len(SIZES) * (len(WORST) + len(UNITS))


def test_worst_notifications_are_admitted_and_hold_every_shape() -> None:
    file = resources.files("notification_contract").joinpath("crds/notificationrequest.yaml")
    schema = yaml.safe_load(file.read_text("utf-8"))["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    bodies, receivers = set(), set()
    for fields in islice(worst_specs(MAIL, [CHAT]), ALL):
        obj = notification("shop", labels=LABELS, **fields)
        assert not list(violations(schema["properties"]["spec"], obj["spec"]))
        bodies.add((obj["spec"]["body"], obj["spec"].get("format")))
        receivers.add(obj["spec"]["receiverRefs"][0]["name"])
    assert len(bodies) > 0.8 * len(SIZES) * (len(WORST) + len(UNITS))
    assert receivers == {"mail", "chat"}


@pytest.mark.parametrize("name", VALID)
def test_worst_template_of_a_receiver_is_valid(name: str) -> None:
    Template(VALID[name])


@pytest.mark.parametrize("name", DOCUMENTS)
def test_worst_routing_document_is_not_longer_than_one_may_be(name: str) -> None:
    assert len(DOCUMENTS[name]) <= MAX_CHARACTERS


def test_used_receivers_are_as_large_as_counts_once() -> None:
    sizes = {one.name: one.characters for one in SCENARIOS if one.others is Others.RECEIVERS}
    specs = {name: receiver_object("shop", 1_999, size)["spec"] for name, size in sizes.items()}
    assert {name: places(spec) for name, spec in specs.items()} == {"receivers": 1, "receivers-large": 9}
    for spec in specs.values():
        template = parse_spec(spec).template
        assert template is not None
        assert template.inline is not None
        Template(template.inline.body)
    assert PER_NAMESPACE == 200


class Stored:
    """An API server that keeps what is created, by kind and name, and a measurement that uses it."""

    def __init__(self, crowd: int) -> None:
        self.objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.most = 0
        self.scenario = SimpleNamespace(crowd=crowd, characters=0)
        self.api = self
        self._namespaces = count()

    def new_namespace(self) -> str:
        return f"tenant-{next(self._namespaces)}"

    async def create(self, namespace: str, body: bytes, kind: str = NOTIFICATIONS) -> None:
        obj = orjson.loads(body)
        self.objects[kind, namespace, obj["metadata"]["name"]] = obj
        self.most = max(self.most, sum(each == RECEIVERS for each, _, _ in self.objects))
        await asyncio.sleep(0)

    async def delete(self, namespace: str, name: str, kind: str) -> None:
        del self.objects[kind, namespace, name]

    async def remove_all(self, namespace: str, kind: str) -> None:
        self.objects = {key: obj for key, obj in self.objects.items() if key[:2] != (kind, namespace)}


@pytest.mark.parametrize(
    ("others", "receivers", "notifications"),
    [(Others.RECEIVERS, 250, 13), (Others.WAITING, 0, 250), (Others.PASSING, 100, 250)],
)
def test_others_create_as_many_as_told_and_remove_them(
    others: Others, receivers: int, notifications: int
) -> None:
    async def measure() -> None:
        stored: Any = Stored(250)
        async with CONTEXTS[others](stored) as crowd:
            await asyncio.sleep(10.0)
            counted = Counter(kind for kind, _, _ in stored.objects)
            assert (stored.most, counted[NOTIFICATIONS]) == (receivers, notifications)
        assert crowd.created >= 250
        assert not stored.objects

    run_virtually(measure())


def test_every_kind_of_others_has_a_context() -> None:
    assert CONTEXTS.keys() == set(Others)


def test_metric_is_added_up_over_its_labels() -> None:
    page = 'kubernaut_notification_a_total{reason="x"} 2.0\nkubernaut_notification_a_total{reason="y"} 1.0\n# HELP a\n'
    assert (total(page, "a_total"), total(page, "b")) == (3.0, 0.0)
