"""The six ways that a stranger takes: each has at most nine steps on at most two pages, and its commands exist."""

from __future__ import annotations

import re
import shlex
from textwrap import dedent
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from notification_contract.crds import notification_request
from notification_operator.domain.model import Reason
from platform_infra.names import PROJECT
from platform_infra.settings.reader import parse as parse_settings
from tests.unit.repository.test_docs import page
from tests.unit.repository.test_docs_quotes import FENCE, PROGRAMS, SHELL, parse, quoted_commands
from tools.generate.compatibility import OLDEST_KUBERNETES
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MOST_STEPS: Final = 9
MOST_PAGES: Final = 2
WHOLE: Final = ""
JOURNEYS: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "a Slack message from a Job": [
        ("tutorial.md", WHOLE),
        ("receivers/slack.md", "Get an incoming webhook"),
    ],
    "the reason why a message has not arrived": [("troubleshoot-delivery.md", WHOLE)],
    "an installation with Pulumi": [("install.md", "With Pulumi")],
    "an upgrade with Pulumi": [("upgrade.md", "With Pulumi")],
    "an upgrade with Helm": [("upgrade.md", "With Helm")],
    "an upgrade with kubectl": [("upgrade.md", "With kubectl")],
    "an uninstallation with Pulumi": [("uninstall.md", "With Pulumi")],
    "an uninstallation with Helm": [("uninstall.md", "With Helm")],
    "an uninstallation with kubectl": [("uninstall.md", "With kubectl")],
    "messages to an SMS gateway over HTTP": [
        ("receivers.md", "Create one"),
        ("receivers/webhook.md", "Get the credential"),
    ],
}
"""The parts of pages that lead through each way, in their order."""
STEP: Final = re.compile(r"^(?:#{2,4} )?(\d+)\. ", re.MULTILINE)
FOREIGN: Final = frozenset({"aws", "curl", "git", "helm", "kubectl", "make", "uv", "tools/publish"})
"""Programs whose options no parser here knows."""
IN_REPOSITORY: Final = re.compile(r"^(?:\./)?(?:charts|examples|packages|tools)/[\w./-]+$")
DIGEST: Final = f"sha256:{'0123456789abcdef' * 4}"


def part(name: str, title: str) -> str:
    """Return a page, or what stands below a heading of the second level."""
    if title == WHOLE:
        return page(name)
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", page(name), re.MULTILINE | re.DOTALL)
    assert found is not None, f"docs/{name} has no heading {title!r}"
    return found[1]


def numbers(text: str) -> list[int]:
    """Return the numbers of the steps of a text."""
    return [int(number) for number in STEP.findall(FENCE.sub("", text))]


def shell_lines(text: str) -> Iterator[str]:
    """Yield the commands in the blocks of a text."""
    for language, body in FENCE.findall(text):
        if language in SHELL:
            yield from filter(None, (line.strip() for line in body.replace("\\\n", " ").splitlines()))


def settings_in(text: str) -> list[dict[str, Any]]:
    """Return the settings of each block of YAML that has some, by key without the project's name."""
    blocks = [dedent(body) for language, body in FENCE.findall(text) if language == "yaml"]
    documents = [yaml.safe_load(block.replace("sha256:…", DIGEST)) for block in blocks]
    return [
        {key.removeprefix(f"{PROJECT}:"): value for key, value in document.get("config", document).items()}
        for document in documents
    ]


@pytest.mark.parametrize("journey", JOURNEYS)
def test_journey_has_at_most_nine_steps_on_two_pages(journey: str) -> None:
    parts = JOURNEYS[journey]
    steps = [numbers(part(*each)) for each in parts]
    assert [each for each in steps if each != list(range(1, len(each) + 1)) or not each] == []
    assert sum(map(len, steps)) <= MOST_STEPS
    assert len({name for name, _ in parts}) <= MOST_PAGES


@pytest.mark.parametrize("journey", JOURNEYS)
def test_commands_of_a_journey_exist(journey: str) -> None:
    texts = [part(*each) for each in JOURNEYS[journey]]
    for text in texts:
        for program, words in quoted_commands(text):
            parse(PROGRAMS[program], words)
    for line in (line for text in texts for line in shell_lines(text)):
        words = shlex.split(line, comments=True)
        known = words[0] in FOREIGN or any(True for _ in quoted_commands(f"```sh\n{line}\n```\n"))
        assert known or re.fullmatch(r"[A-Z_]+=.*", words[0]), f"{line}: no known program"
        missing = [word for word in words if IN_REPOSITORY.match(word) and not (ROOT / word).exists()]
        assert missing == []


def test_stack_file_of_the_installation_is_complete() -> None:
    (values,) = settings_in(part("install.md", "With Pulumi"))
    settings = parse_settings(values)
    assert settings.operator.image.endswith(DIGEST)
    assert (settings.crd.retain, settings.protection.data) == (True, True)


def test_settings_that_keep_the_data_of_an_uninstallation_are_valid() -> None:
    ((installed,), (kept,)) = (
        settings_in(part("install.md", "With Pulumi")),
        settings_in(part("uninstall.md", "With Pulumi")),
    )
    settings = parse_settings({**installed, **kept})
    assert (settings.crd.retain, settings.protection.data, settings.namespace.managed) == (True, False, False)


def test_readme_shows_the_columns_of_kubectl_and_a_reason() -> None:
    (header, row) = re.findall(
        r"^\$ kubectl get notif -n shop\n(.*)\n(.*)$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE
    )[0]
    (version,) = notification_request()["spec"]["versions"]
    columns = [each["name"] for each in version["additionalPrinterColumns"] if not each.get("priority")]
    assert header.split() == ["NAME", *(name.upper() for name in columns)]
    assert row.split()[4] in set(Reason)


def test_readme_names_the_oldest_kubernetes() -> None:
    assert f"Kubernetes {OLDEST_KUBERNETES} or newer" in (ROOT / "README.md").read_text("utf-8")
