"""The six ways that a stranger takes: each has at most nine steps on at most two pages, and its commands exist."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final

import pytest

from notification_contract.crds import notification_request
from notification_domain.model import Reason
from platform_infra.settings.reader import parse as parse_settings
from tests.kit.pages import DIGEST, commands, section, settings
from tests.unit.repository.test_docs_quotes import FENCE, PROGRAMS, parse, quoted_commands
from tools.generate.compatibility import OLDEST_KUBERNETES
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    "messages through an SMS gateway": [("receivers/sms.md", "Through your HTTP gateway")],
}
"""The parts of pages that lead through each way, in their order."""
HEADING: Final = re.compile(r"^#{2,4} (\d+)\. ", re.MULTILINE)
ITEM: Final = re.compile(r"^(\d+)\. ", re.MULTILINE)
FOREIGN: Final = frozenset({"aws", "curl", "git", "helm", "kubectl", "make", "sed", "uv", "tools/publish"})
"""Programs whose options no parser here knows."""
IN_REPOSITORY: Final = re.compile(r"^(?:\./)?(?:charts|examples|packages|tools)/[\w./-]+$")


def numbers(text: str) -> list[int]:
    """Return the numbers of the steps of a text: numbered headings, or else the items of a list."""
    plain = FENCE.sub("", text)
    return [int(number) for number in HEADING.findall(plain) or ITEM.findall(plain)]


@pytest.mark.parametrize("journey", JOURNEYS)
def test_journey_has_at_most_nine_steps_on_two_pages(journey: str) -> None:
    parts = JOURNEYS[journey]
    steps = [numbers(section(*each)) for each in parts]
    assert [each for each in steps if each != list(range(1, len(each) + 1)) or not each] == []
    assert sum(map(len, steps)) <= MOST_STEPS
    assert len({name for name, _ in parts}) <= MOST_PAGES


@pytest.mark.parametrize("journey", JOURNEYS)
def test_commands_of_a_journey_exist(journey: str) -> None:
    parts = JOURNEYS[journey]
    for program, words in (each for part in parts for each in quoted_commands(section(*part))):
        parse(PROGRAMS[program], words)
    for line in (line for part in parts for line in commands(*part)):
        words = shlex.split(line)
        known = words[0] in FOREIGN or any(True for _ in quoted_commands(f"```sh\n{line}\n```\n"))
        assert known or re.fullmatch(r"[A-Z_]+=.*", words[0]), f"{line}: no known program"
        missing = [word for word in words if IN_REPOSITORY.match(word) and not (ROOT / word).exists()]
        assert missing == []


def test_stack_file_of_the_installation_is_complete() -> None:
    (values,) = settings("install.md", "With Pulumi")
    stack = parse_settings(values)
    assert stack.operator.image.endswith(DIGEST)
    assert (stack.crd.retain, stack.protection.data) == (True, True)


def test_settings_that_keep_the_data_of_an_uninstallation_are_valid() -> None:
    (installed,), (kept,) = (settings(page, "With Pulumi") for page in ("install.md", "uninstall.md"))
    stack = parse_settings({**installed, **kept})
    assert (stack.crd.retain, stack.protection.data, stack.namespace.managed) == (True, False, False)


def test_readme_shows_the_columns_of_kubectl_and_a_reason() -> None:
    (header, row) = re.findall(
        r"^\$ kubectl get notif -n shop\n(.*)\n(.*)$", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE
    )[0]
    (version,) = notification_request()["spec"]["versions"]
    columns = [each["name"] for each in version["additionalPrinterColumns"] if not each.get("priority")]
    assert header.split() == ["NAME", *(name.upper() for name in columns)]
    assert row.split()[4] in set(Reason)


def test_readme_and_chart_name_the_oldest_kubernetes() -> None:
    assert f"Kubernetes {OLDEST_KUBERNETES} or newer" in (ROOT / "README.md").read_text("utf-8")
    chart = (ROOT / "charts" / "notification-platform" / "Chart.yaml").read_text("utf-8")
    assert f'kubeVersion: ">={OLDEST_KUBERNETES}.0-0"' in chart
