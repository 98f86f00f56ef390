"""The pages about sources: their types, reasons and numbers are those of the code, and each page has its example."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import yaml

from notification_contract.kinds.rules import ApiRule
from notification_contract.names import SOURCE_KIND
from notification_contract.routing.reach import Reach
from notification_contract.settings.gateway import Gateway
from notification_contract.sources.authentication import AUDIENCE, Hmac, SourceAuthentication
from notification_contract.sources.source import Heartbeat, SourceRateLimit, SourceType
from notification_contract.sources.status import RULES_UNKNOWN, ReadyReason
from notification_domain.mapping.cloud_events import MAX_EVENTS
from notification_gateway.metrics import Metrics
from notification_gateway.sources.readiness import LEARNED_SECONDS, RETENTION_DAYS, Readiness
from notification_gateway.sources.secret_values import LAST_GOOD_SECONDS, REFRESH_SECONDS
from notification_gateway.web.body import MAX_BYTES
from notification_gateway.web.notifications import MOST_WAIT, state
from tests.unit.repository.test_docs import page
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

EXAMPLES = ROOT / "examples" / "sources"
PAGES = {file.stem for file in (ROOT / "docs" / "sources").glob("*.md")} - {"reference"}
SOURCES = page("sources.md")
STATED: Mapping[str, tuple[str, bool]] = {
    "the old one for 60 seconds after it has noticed the change": ("sources.md", LAST_GOOD_SECONDS == 60),
    "until each one does, within 10 seconds": ("sources.md", LEARNED_SECONDS == 10),
    "or within 60 seconds, so for up to 120 seconds": (
        "sources.md",
        REFRESH_SECONDS + LAST_GOOD_SECONDS == 120,
    ),
    "The body has more than 1 MiB": ("sources.md", MAX_BYTES == 1024**2),
    "| a body | 1 MiB |": ("sources.md", MAX_BYTES == 1024**2),
    "by default 600 per `1m`": ("sources.md", SourceRateLimit() == SourceRateLimit(count=600, period="1m")),
    f"`gatewayMaxSourcesPerNamespace` ({Gateway().max_sources_per_namespace})": ("sources.md", True),
    f"{Gateway().namespace_messages_per_second} per second (`gatewayNamespaceMessagesPerSecond`)": (
        "sources.md",
        True,
    ),
    f"and {Gateway().messages_per_second} (`gatewayMessagesPerSecond`)": ("sources.md", True),
    f"`gatewayMaxSources` ({Gateway().max_sources})": ("sources.md", True),
    f"with the audience `{AUDIENCE}`": ("sources.md", AUDIENCE == "notifications"),
    "half of the retention of 7 days": ("sources/alertmanager.md", RETENTION_DAYS == 7),
    "more than `timestampTolerance` (5 minutes)": (
        "sources/grafana.md",
        Hmac.model_fields["timestamp_tolerance"].default == "5m",
    ),
    "a batch of 1 to 100 events": ("sources/cloudevents.md", MAX_EVENTS == 100),
    "`wait` is at most 60 seconds": ("sources/ci.md", MOST_WAIT == 60),
}
"""What a page states, and whether it is so."""


@pytest.mark.parametrize("sentence", STATED)
def test_number_in_a_page_is_that_of_the_code(sentence: str) -> None:
    name, holds = STATED[sentence]
    assert holds
    assert sentence in " ".join(page(name).split())


@pytest.mark.parametrize("field", ["every", "grace"])
def test_shortest_times_of_a_heartbeat_are_those_of_its_rules(field: str) -> None:
    (rule,) = (each for each in Heartbeat.model_fields[field].metadata if isinstance(each, ApiRule))
    (least,) = re.findall(r"at least (\w+)", rule.message)
    assert re.search(
        rf"`{field}` is at least `{least}`|`{field}` at least `{least}`", page("sources/heartbeat.md")
    )


@pytest.mark.parametrize("kind", SourceType)
def test_every_type_has_a_row_a_page_and_an_example(kind: SourceType) -> None:
    (row,) = re.findall(rf"^\| `{kind}` \| (.*?) \|", SOURCES, re.MULTILINE)
    pages = re.findall(r"\(sources/(\w+)\.md\)", row)
    assert pages
    for name in pages:
        assert f"\n  type: {kind}\n" in (EXAMPLES / f"{name}.yaml").read_text("utf-8")


@pytest.mark.parametrize("name", sorted(PAGES))
def test_page_of_a_sender_has_its_parts_in_order(name: str) -> None:
    headings = re.findall(r"^## (.+)$", page(f"sources/{name}.md"), re.MULTILINE)
    assert headings[:3] == ["Set up", "Try it", "What arrives"]
    (steps,) = re.findall(r"^## Set up\n(.*?)^## ", page(f"sources/{name}.md"), re.DOTALL | re.MULTILINE)
    assert "(../sources.md#choose-where-it-goes)" in steps


def test_every_example_has_a_page_a_line_in_the_readme_and_a_message() -> None:
    examples = {file.stem for file in EXAMPLES.glob("*.yaml")}
    assert examples == PAGES
    assert {file.stem for file in EXAMPLES.glob("*.json")} == examples - {"heartbeat"}
    readme = (EXAMPLES / "README.md").read_text("utf-8")
    assert set(re.findall(r"^\| \[(\w+)\.yaml\]\(\1\.yaml\) \|", readme, re.MULTILINE)) == examples


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.yaml")), ids=lambda file: file.stem)
def test_every_example_names_the_receiver_of_its_messages(file: Path) -> None:
    (source,) = (each for each in yaml.safe_load_all(file.read_text("utf-8")) if each["kind"] == SOURCE_KIND)
    assert source["spec"]["receiverRefs"] == [{"name": "alerts"}]


def test_every_way_to_authenticate_has_a_row() -> None:
    (table,) = re.findall(r"^\| field \| the sender presents \|\n.*\n((?:\|.*\n)+)", SOURCES, re.MULTILINE)
    rows = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    fields = {field.alias or name for name, field in SourceAuthentication.model_fields.items()}
    assert rows == {each for each in fields if not each.endswith("Refs")}
    assert [each for each in fields - rows if f"`{each}`" not in SOURCES] == []


def test_every_reason_of_a_condition_has_a_row_with_its_status() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| `(True|False|Unknown)` \| ", SOURCES, re.MULTILINE))
    ready = {str(each): str(Readiness(reason=each).is_ready) for each in ReadyReason}
    routed = {str(each): str(each is not Reach.REACHES_NOBODY) for each in Reach}
    assert rows == {**ready, **routed, RULES_UNKNOWN: "Unknown"}


def test_metric_of_the_page_exists() -> None:
    (name,) = re.findall(r"`(kubernaut_\w+)`", SOURCES)
    assert name.removesuffix("_total") in {family.name for family in Metrics().registry.collect()}


def test_fields_of_the_state_that_a_job_reads_are_those_of_the_page() -> None:
    (sentence,) = re.findall(r"^after .*Its answer has (.*?);", page("sources/ci.md"), re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", sentence)) == set(state({})) - {"name", "uid", "message"}
