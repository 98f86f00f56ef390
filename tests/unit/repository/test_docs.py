"""The documentation: its links resolve, and every name in it exists in the code."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from notification_cli.views.lint.files import notification
from notification_contract.crds import notification_request
from notification_contract.kinds.choices import Phase, TargetReason
from notification_domain.incident import LATE_AFTER
from notification_domain.model import Reason
from notification_domain.rendering.headline import LOOKS
from notification_domain.routing import RoutingReason
from notification_operator.controller.incidents import BLIND_AFTER, MARGIN
from notification_runtime.channels.console import ConsoleChannel
from tests.runner.metrics import document
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


FOLDERS = ("docs", "examples", "packages", "stacks", "tools")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(file for name in FOLDERS for file in (ROOT / name).rglob("*.md"))])
CODE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]+))?\)")
FILE = re.compile(
    r"`((?:changelog\.d|docs|examples|infra|operator|packages|stacks|tests|tools)/[\w./-]+)(?<!/\.venv)`"
)
MAKE = re.compile(
    r"(?<!\w)make ([a-z][a-z-]+(?: [a-z][a-z-]+)*)(?= ARGS| STACK| &&|`|\n| {2,}|$)", re.MULTILINE
)


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


def anchors(file: Path) -> set[str]:
    """Return the anchors of a page's headings, as renderers of Markdown generate them."""
    headings = re.findall(r"^#+ (.+)$", CODE.sub("", file.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_relative_links_resolve(document: Path) -> None:
    for path, anchor in LINK.findall(CODE.sub("", document.read_text("utf-8"))):
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), f"{path} does not exist"
        assert target.is_relative_to(ROOT)
        assert not anchor or anchor in anchors(target), f"{path} has no heading #{anchor}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_documented_make_targets_exist(document: Path) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    named = {word for words in MAKE.findall(document.read_text("utf-8")) for word in words.split()}
    assert named <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_documented_sessions_of_nox_exist(document: Path) -> None:
    text = document.read_text("utf-8")
    assert set(re.findall(r"\bnox -s ([a-z][a-z-]+)(?![\w.=])", text)) <= sessions()


def sessions() -> set[str]:
    """Return the names of the sessions of nox."""
    text = (ROOT / "noxfile.py").read_text("utf-8")
    named = re.findall(r"^@nox\.session(?:\((?:name=\"([a-z-]+)\")?.*\))?\ndef (\w+)", text, re.MULTILINE)
    return {name or function for name, function in named}


def test_readme_names_the_commands_of_a_first_use() -> None:
    named = {
        word for words in MAKE.findall((ROOT / "README.md").read_text("utf-8")) for word in words.split()
    }
    assert named >= {"up", "demo", "test", "down"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_documented_files_exist(document: Path) -> None:
    missing = [path for path in FILE.findall(document.read_text("utf-8")) if not (ROOT / path).exists()]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_documented_modules_exist(document: Path) -> None:
    for module in re.findall(r"python3? -m ((?:tools|tests)(?:\.\w+)+)", document.read_text("utf-8")):
        path = ROOT.joinpath(*module.split("."))
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module


def test_metrics_table_lists_every_metric() -> None:
    assert document(page("telemetry.md")) == page("telemetry.md")


def fields(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, field in schema.get("properties", {}).items():
        yield f"{path}.{name}", field
        yield from fields(field, f"{path}.{name}")
        yield from fields(field.get("items", {}), f"{path}.{name}[]")


def test_every_phase_and_reason_is_documented() -> None:
    text = page("notificationrequest.md")
    for phase in Phase:
        assert re.search(rf"^\| {phase} \|", text, re.MULTILINE)
    for reason in (*Reason, *RoutingReason):
        assert f"`{reason}`" in text


def test_page_about_incidents_says_what_the_operator_does() -> None:
    text = page("incidents.md")
    for event, look in LOOKS.items():
        marked = re.escape(f"| `{event}` | `{look.mark} …` | `{look.emoji} {look.mark} …` |")
        assert re.search(rf"^{marked}", text, re.MULTILINE)
    stated = {
        "late if it was not attempted within five seconds": LATE_AFTER,
        "at most as long as an attempt may take and ten seconds": MARGIN,
        "listing them fails for one minute": timedelta(seconds=BLIND_AFTER),
    }
    assert [each for each in stated if each not in re.sub(r"[*\n ]+", " ", text)] == []
    assert [each.total_seconds() for each in stated.values()] == [5, 10, 60]
    for reason in (Reason.INCIDENT_RESOLVED, Reason.INCIDENT_REOPENED, TargetReason.WAITING_FOR_INCIDENT):
        assert f"`{reason}` |" in text


def test_examples_of_incidents_are_valid_notifications() -> None:
    (block,) = re.findall(r"^```yaml\n(.*?)^```", page("incidents.md"), re.DOTALL | re.MULTILINE)
    documents = list(yaml.safe_load_all(block))
    assert [list(notification(each)) for each in documents] == [[], []]
    assert len({(each["metadata"]["namespace"], each["spec"]["dedupKey"]) for each in documents}) == 1


def test_every_reason_of_a_target_is_documented_and_described_in_the_crd() -> None:
    (version,) = notification_request()["spec"]["versions"]
    status = version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
    text, described = page("troubleshoot-delivery.md"), status["targets"]["items"]["properties"]["reason"]
    for reason in TargetReason:
        assert re.search(rf"^\| (?:`\w+`, )*`{reason}`(?:, `\w+`)* \| \w+", text, re.MULTILINE)
        assert re.search(rf"\b{reason}\b", described["description"])


def test_example_channel_matches_the_channel_contract() -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```", page("add-a-channel.md"), re.DOTALL | re.MULTILINE)
    module: dict[str, Any] = {}
    exec(compile(example, "docs/add-a-channel.md", "exec"), module)  # noqa: S102 - the documentation's own example
    channel = module["make"](url="https://sms.example.com/send")
    assert callable(channel.deliver)
    assert channel.deliver.__code__.co_varnames[:2] == ConsoleChannel.deliver.__code__.co_varnames[:2]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_yaml_examples_are_valid(document: Path) -> None:
    for block in re.findall(r"^```yaml\n(.*?)^```", document.read_text("utf-8"), re.DOTALL | re.MULTILINE):
        assert all(yaml.safe_load_all(block))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_blocks_of_a_step_are_indented_by_four_spaces(document: Path) -> None:
    """With fewer, the site ends the list before the block or paragraph, and numbers the next step 1."""
    text = re.sub(
        r"^    ```.*?^    ```", "    ```", document.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    assert re.findall(r"^ {1,3}```.*|(?<=\n\n) {1,3}[^ \n].*", CODE.sub("", text), re.MULTILINE) == []
