"""The routing page: its example produces the results in its table."""

from __future__ import annotations

import re
from typing import Any

import yaml

from notification_contract.routing.document import MAX_CHARACTERS, MAX_VALUES, check_document, read_table
from notification_contract.routing.receivers import KINDS
from notification_contract.routing.table import MAX_DEPTH, MAX_RULES
from notification_contract.settings import Routing
from notification_domain.routing import LABEL_DOMAIN, resolve
from tests.unit.operator.domain.builders import notification
from tools.platform.pulumi.environment import ROOT

PAGE = (ROOT / "docs" / "routing.md").read_text("utf-8")
BLOCKS = [yaml.safe_load(text) for text in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)]
ROW = re.compile(r"^\| (`[\w-]+=.*?) \| (.*?) \| `(Routing\w+)` \|", re.MULTILINE)


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def example() -> dict[str, Any]:
    (config_map,) = [block for block in BLOCKS if block.get("kind") == "ConfigMap"]
    return dict(config_map)


def test_example_produces_the_results_in_the_table() -> None:
    section = Routing()
    assert example()["metadata"]["name"] == section.config_map
    table = read_table(example()["data"][section.key])
    rows = ROW.findall(PAGE)
    assert len(rows) == 5
    for labels, channels, reason in rows:
        pairs = (word.split("=") for word in words(labels))
        request = notification(labels={f"{LABEL_DOMAIN}{key}": value for key, value in pairs})
        route = resolve(request, table)
        assert (list(route.targets), route.reason) == (words(channels), reason)


def test_documented_message_is_the_one_of_the_first_row() -> None:
    table = read_table(example()["data"][Routing().key])
    labels = {f"{LABEL_DOMAIN}severity": "critical", f"{LABEL_DOMAIN}environment": "production"}
    assert f"```text\n{resolve(notification(labels=labels), table).message}\n```" in PAGE


def test_documented_kinds_and_limits_match_the_code() -> None:
    assert set(re.findall(r"`(\w+)_configs`", PAGE)) == set(KINDS)
    for bound in (MAX_CHARACTERS, MAX_VALUES, MAX_RULES):
        assert f"{bound:,}" in PAGE
    assert f"{MAX_DEPTH} levels" in PAGE


def test_documented_stack_configuration_is_valid() -> None:
    (stack,) = [block["config"] for block in BLOCKS if "config" in block]
    assert check_document(stack["notification-platform:routing"]) == ((), ())
