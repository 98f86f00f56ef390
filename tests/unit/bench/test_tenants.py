"""What other tenants send: everything is as large as admission accepts, and no larger."""

from __future__ import annotations

from importlib import resources
from itertools import islice
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from notification_contract.kinds.receiver import parse_spec
from notification_contract.routing.document import MAX_CHARACTERS
from notification_operator.domain.receivers.quota import places
from notification_operator.rendering.templating.templates import Template
from tests.bench.scenarios import SCENARIOS, Others
from tests.bench.tenants import CONTEXTS, LABELS, PER_NAMESPACE, SIZES, receiver_object, worst_specs
from tests.bench.watcher import total
from tests.harness.notifications import notification
from tests.harness.schema import violations
from tests.kit.hostile_texts import UNITS
from tests.kit.worst_markdown import WORST
from tests.kit.worst_routing import DOCUMENTS
from tests.kit.worst_templates import VALID

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


def test_every_kind_of_others_has_a_context() -> None:
    assert CONTEXTS.keys() == set(Others)


def test_metric_is_added_up_over_its_labels() -> None:
    page = 'kubernaut_notification_a_total{reason="x"} 2.0\nkubernaut_notification_a_total{reason="y"} 1.0\n# HELP a\n'
    assert (total(page, "a_total"), total(page, "b")) == (3.0, 0.0)
