"""The examples of receivers, and the objects in every page: the operator and the API server accept each of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from notification_cli.views.lint import schema
from notification_contract import crds, names
from notification_contract.kinds.channel_names import ReceiverType
from notification_contract.kinds.choices import TargetState
from notification_contract.kinds.receiver import parse_spec
from notification_contract.safe_yaml import LOADER
from notification_domain.receivers.health import (
    CIRCUIT_OPEN,
    DELIVERING,
    NOT_TESTED,
    SUSPENDED,
    ReadyReason,
)
from notification_domain.receivers.references import ReferenceReason
from notification_domain.rendering import segments
from notification_domain.rendering.templating.templates import Template
from notification_runtime.channels import discord, mattermost, pagerduty, sms, teams, webhook
from notification_runtime.delivery.channel import ReceiverProblem
from notification_runtime.delivery.local.messages import LINE_BYTES
from notification_runtime.rendering import slack_blocks
from notification_runtime.rendering.compose import Composer, Facts
from tests.unit.repository.test_docs import DOCUMENTS
from tools.pictures.samples import MESSAGE
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXAMPLES = sorted((ROOT / "examples" / "receivers").glob("*.yaml"))
BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.DOTALL | re.MULTILINE)
PAGES = {"console": "local", "file": "local", "log": "local"}
"""Types that share a page."""
PARTS = ("What you need", "Set up", "Check", "What arrives", "Limits", "Errors")
"""The parts of each page, in their order; some pages have further ones."""
PLACEHOLDER = re.compile(r"REPLACE|UkVQTEFDRS1NRS1SRVBMQUNFLU1F")
"""What stands for a secret; the second one is the first in base64, for a signing key."""

STATED = {
    "discord": [
        f"| body | {discord.MAX_MESSAGES} messages of {discord.MAX_DESCRIPTION} characters,",
        f"| subject | {discord.MAX_TITLE} characters,",
        f"together {discord.MAX_FIELDS} fields; names of {discord.MAX_FIELD_NAME} characters;",
        f"fields with a value of more than {discord.MAX_FIELD_VALUE} are left out",
    ],
    "mattermost": [
        f"| body | {mattermost.MAX_MESSAGES} posts of {mattermost.MAX_TEXT:,} characters,",
        f"| {mattermost.MAX_FACTS} entries, names of {mattermost.MAX_NAME} and values of {mattermost.MAX_VALUE} characters |",
        f"| `actionLinks` | {mattermost.MAX_LINKS} |",
    ],
    "pagerduty": [
        f"| summary | {pagerduty.MAX_SUMMARY} characters,",
        f"| event | {pagerduty.MAX_EVENT:,} bytes;",
        f"| links | {pagerduty.MAX_LINKS} |",
        f"| alert key | {pagerduty.MAX_DEDUP_KEY} characters;",
    ],
    "slack": [
        f"| body | {slack_blocks.MAX_MESSAGES} messages of {slack_blocks.MAX_TEXT:,} characters,",
        f"| subject | {slack_blocks.MAX_HEADER} characters,",
        f"| {slack_blocks.MAX_FIELDS} fields of {slack_blocks.MAX_FIELD} characters |",
        f"| {slack_blocks.MAX_BUTTONS} buttons of {slack_blocks.MAX_LABEL} characters |",
    ],
    "sms": [
        f"| text | {sms.MAX_SEGMENTS} segments: {sms.MAX_SEGMENTS * segments.GSM_PART} characters of the GSM alphabet,",
        f"GSM alphabet, {sms.MAX_SEGMENTS * segments.UCS_PART} if",
    ],
    "teams": [
        f"| card | {teams.MAX_CARD:,} bytes;",
        f"priority, type and {teams.MAX_FACTS - 2} entries of `metadata`, each with {teams.MAX_FACT} characters",
        f"| {teams.MAX_ACTIONS} links, each with up to {2 * teams.MAX_FACT} characters of address |",
    ],
    "webhook": [f"A signing key of at least {webhook.MIN_KEY} bytes"],
    "local": [f"at most {LINE_BYTES // 1024} KiB"],
}
"""What the page of a type states about its limits."""
DEFINITIONS = {
    names.KIND: crds.notification_request,
    names.RECEIVER_KIND: crds.notification_receiver,
    names.SOURCE_KIND: crds.notification_source,
}

Document = dict[str, Any]


def objects(text: str) -> Iterator[Document]:
    """Yield the mappings of a YAML text."""
    yield from (document for document in yaml.load_all(text, Loader=LOADER) if isinstance(document, dict))


def published(kind: str) -> list[Any]:
    """Return the objects of a kind in the examples, and in every page."""
    result = [(file.name, obj) for file in EXAMPLES for obj in objects(file.read_text("utf-8"))]
    for page in DOCUMENTS:
        for block in BLOCK.findall(page.read_text("utf-8")):
            result += [(page.name, obj) for obj in objects(block)]
    return [
        pytest.param(obj, id=f"{file}:{obj['metadata']['name']}")
        for file, obj in result
        if obj.get("kind") == kind
    ]


@pytest.mark.parametrize("receiver", published(names.RECEIVER_KIND))
def test_receiver_is_accepted_by_the_operator(receiver: Document) -> None:
    assert receiver["apiVersion"] == names.API_VERSION
    assert parse_spec(receiver["spec"]).type in set(ReceiverType)


@pytest.mark.parametrize(
    ("kind", "obj"),
    [
        pytest.param(kind, *parameter.values, id=parameter.id)
        for kind in DEFINITIONS
        for parameter in published(kind)
    ],
)
def test_object_fits_the_schema_of_its_kind(kind: str, obj: Document) -> None:
    (version,) = DEFINITIONS[kind]()["spec"]["versions"]
    properties = version["schema"]["openAPIV3Schema"]["properties"]
    assert not list(schema.problems(obj["spec"], properties["spec"], "spec"))


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_example_is_complete(file: Path) -> None:
    """It creates each Secret that a receiver reads, and each receiver that a notification or a fallback names."""
    result = list(objects(file.read_text("utf-8")))
    secrets = {
        key(obj): set(obj["stringData"])
        for obj in result
        if obj["kind"] == "Secret" and obj["metadata"]["labels"] == {names.SECRET_LABEL: "true"}
    }
    receivers = {key(obj): parse_spec(obj["spec"]) for obj in result if obj["kind"] == names.RECEIVER_KIND}
    requests = [obj for obj in result if obj["kind"] == names.KIND]
    for (namespace, _), spec in receivers.items():
        for use in spec.secret_uses():
            assert use.key in secrets[namespace, use.name]
        assert spec.fallback is None or (namespace, spec.fallback.name) in receivers
    assert requests
    for request in requests:
        own = request["metadata"]["namespace"]
        for ref in request["spec"]["receiverRefs"]:
            assert (ref.get("namespace", own), ref["name"]) in receivers


def key(obj: Document) -> tuple[str, str]:
    """Return namespace and name of an object."""
    return obj["metadata"]["namespace"], obj["metadata"]["name"]


@pytest.mark.parametrize("secret", published("Secret"))
def test_secret_holds_placeholders(secret: Document) -> None:
    assert "data" not in secret
    ((label, allowed),) = secret["metadata"]["labels"].items()
    assert (label in {names.SECRET_LABEL, names.SOURCES_SECRET_LABEL}, allowed) == (True, "true")
    for name, value in secret["stringData"].items():
        assert name == "username" or PLACEHOLDER.search(value), f"{name} looks like a real value"


@pytest.mark.parametrize("kind", ReceiverType)
def test_every_type_has_a_page_and_an_example(kind: ReceiverType) -> None:
    name = PAGES.get(kind, str(kind))
    page = (ROOT / "docs" / "receivers" / f"{name}.md").read_text("utf-8")
    parts = [heading for heading in re.findall(r"^## (.+)$", page, re.MULTILINE) if heading in PARTS]
    assert parts == list(PARTS)
    assert f"receivers/{name}.md" in (ROOT / "docs" / "receivers.md").read_text("utf-8")
    assert any(file.stem.partition("-")[0] == name for file in EXAMPLES)


@pytest.mark.parametrize("name", STATED)
def test_numbers_in_a_page_are_those_of_its_channel(name: str) -> None:
    text = " ".join((ROOT / "docs" / "receivers" / f"{name}.md").read_text("utf-8").split())
    assert [sentence for sentence in STATED[name] if sentence not in text] == []


def test_every_reason_of_a_condition_is_explained() -> None:
    text = (ROOT / "docs" / "troubleshoot-delivery.md").read_text("utf-8")
    healthy = (*ReceiverProblem, DELIVERING, CIRCUIT_OPEN, SUSPENDED, NOT_TESTED)
    # These two are never written.
    silent = {ReferenceReason.PENDING}
    for reason in {*healthy, *ReadyReason, *ReferenceReason} - silent:
        assert f"`{reason}`" in text, f"{reason} is not explained"


def test_every_state_of_a_target_is_explained() -> None:
    text = (ROOT / "docs" / "notificationrequest.md").read_text("utf-8")
    for state in TargetState:
        assert re.search(rf"^\| `{state}` \|", text, re.MULTILINE)


def templates() -> Iterator[Any]:
    """Yield each template in the pages."""
    for page in DOCUMENTS:
        for block in BLOCK.findall(page.read_text("utf-8")):
            for obj in objects(block):
                spec = obj.get("spec")
                inline = spec.get("template", {}).get("inline", {}) if isinstance(spec, dict) else {}
                yield from (pytest.param(source, id=f"{page.name}:{name}") for name, source in inline.items())


@pytest.mark.parametrize("source", list(templates()))
def test_template_in_the_documentation_works(source: str) -> None:
    composer = Composer(facts=Facts(cluster="prod"))
    result = Template(source).render(composer.context(MESSAGE))
    assert MESSAGE.content.subject in result or "61 % of the orders" in result
