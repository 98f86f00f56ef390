"""docs/telemetry.md and docs/audit.md: log events, Events, probes and audit events are those of the code, in both directions."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

from notification_contract.names import HEALTH_PORT, METRICS_PATH, METRICS_PORT
from notification_domain.audit_events import Kind
from notification_domain.status import Reason
from tests.unit.repository.test_docs import page
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

LEVELS: Final = {"info": "info", "warning": "warning", "error": "error", "exception": "error"}
"""Methods of a logger, and the level of their records."""
NOTED: Final = {"_note": "warning"}
"""Methods that log an event which they get as their first argument."""
OPERATOR, GATEWAY, RUNTIME = (f"operator/notification_{name}" for name in ("operator", "gateway", "runtime"))


def trees(*folders: str) -> Iterator[ast.Module]:
    for folder in folders:
        yield from (ast.parse(file.read_text("utf-8")) for file in sorted((ROOT / folder).rglob("*.py")))


def logged(*folders: str) -> Mapping[str, set[str]]:
    """Return the events that the modules of folders log, each with its levels from info."""
    found: dict[str, set[str]] = {}
    for tree in trees(*folders):
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args):
            for event in texts(call.args[0]):
                for level in levels(call.func, tree):
                    found.setdefault(event, set()).add(level)
    return found


def texts(node: ast.expr) -> Iterator[str]:
    """Yield the texts that an expression may have: both of a conditional one."""
    if isinstance(node, ast.IfExp):
        yield from (*texts(node.body), *texts(node.orelse))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        yield node.value


def levels(function: ast.expr, tree: ast.Module) -> Iterator[str]:
    """Yield the levels that a call logs at; nothing for one that does not log."""
    if isinstance(function, ast.IfExp):
        yield from (*levels(function.body, tree), *levels(function.orelse, tree))
    elif isinstance(function, ast.Attribute) and getattr(function.value, "id", "") == "logger":
        yield from filter(None, [LEVELS.get(function.attr)])
    elif isinstance(function, ast.Attribute) and getattr(function.value, "id", "") == "self":
        yield from filter(None, [NOTED.get(function.attr)])
    elif isinstance(function, ast.Name) and function.id == "log":
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "log":
                yield from levels(node.value, tree)


def of_operator() -> Mapping[str, set[str]]:
    """Return the events in the tables of the page, each with its levels, which are their headings."""
    found: dict[str, set[str]] = {}
    for level, title in (("error", "Errors"), ("warning", "Warnings"), ("info", "Information")):
        (section,) = re.findall(rf"^### {title}\n(.*?)^##", page("telemetry.md"), re.DOTALL | re.MULTILINE)
        for cell in re.findall(r"^\| (`.*?`) \| ", section, re.MULTILINE):
            for event in re.findall(r"`([^`]+)`", cell):
                found.setdefault(event, set()).add(level)
    return found


def of_gateway() -> Mapping[str, set[str]]:
    """Return the events in the table of the gateway, each with its levels: one for all of a row, or one for each."""
    (rows,) = re.findall(r"^\| event \| level \|.*\n((?:\|.*\n)+)", page("telemetry.md"), re.MULTILINE)
    found: dict[str, set[str]] = {}
    for row in rows.splitlines()[1:]:
        cells = row.split(" | ")
        events, marks = re.findall(r"`([^`]+)`", cells[0]), cells[1].split(", ")
        each = len(events) > 1 and len(marks) == len(events)
        found |= {event: {marks[number]} if each else set(marks) for number, event in enumerate(events)}
    return found


def test_tables_of_log_events_are_what_the_operator_logs() -> None:
    assert of_operator() == logged(OPERATOR, RUNTIME)


def test_table_of_log_events_is_what_the_gateway_logs() -> None:
    assert of_gateway() == logged(GATEWAY)


def reasons(module: Path) -> set[str]:
    """Return the reasons of Events that a module states: its constants, and arguments of `Event`."""
    constants = re.findall(r'^[A-Z_]+: Final = "([A-Z]\w+)"$', module.read_text("utf-8"), re.MULTILINE)
    calls = (node for node in ast.walk(ast.parse(module.read_text("utf-8"))) if isinstance(node, ast.Call))
    named = (word for call in calls if getattr(call.func, "id", "") == "Event" for word in call.keywords)
    return {*constants, *(text for word in named if word.arg == "reason" for text in texts(word.value))}


def test_table_of_events_has_every_reason_of_an_event() -> None:
    (rows,) = re.findall(r"^\| object \| type \|.*\n((?:\|.*\n)+)", page("telemetry.md"), re.MULTILINE)
    shown = {each for row in rows.splitlines()[1:] for each in re.findall(r"`(\w+)`", row.split(" | ")[2])}
    stated = reasons(ROOT / OPERATOR / "observers" / "kube_events.py") | reasons(ROOT / OPERATOR / "app.py")
    assert shown == {*stated, *Reason} - {Reason.INITIALIZED}


def quoted(paragraph: str) -> set[str]:
    """Return the words between backticks of a paragraph of the section about probes, but paths."""
    (text,) = re.findall(rf"^{paragraph}.*?(?=\n\n)", page("telemetry.md"), re.DOTALL | re.MULTILINE)
    return {each for each in re.findall(r"`([^`]+)`", text) if not each.startswith("/")}


def test_probes_in_the_page_are_those_of_the_programs() -> None:
    table = re.findall(
        r"^\| `(\w+)` \| .* \| .* \|$", page("telemetry.md").partition("## Logs")[0], re.MULTILINE
    )
    assert set(table) == checks(OPERATOR)
    recorder = (ROOT / RUNTIME / "kube" / "events.py").read_text("utf-8")
    posters = re.findall(r'name=f"([a-z ]+) \{', recorder)
    assert quoted("`/healthz` fails") == {*tasks(OPERATOR), *posters, "watches"}
    assert quoted("The gateway has") == tasks(GATEWAY) | checks(GATEWAY)
    assert f"pod/POD {HEALTH_PORT} &" in page("telemetry.md")
    assert f"`{METRICS_PATH}` is on port {METRICS_PORT}" in page("telemetry.md")


def checks(folder: str) -> set[str]:
    """Return the names of the checks of readiness."""
    ready = (ROOT / folder / "app.py").read_text("utf-8").partition("def ready(")[2]
    return set(re.findall(r'"(\w+)": (?:Check\(|self\._watches_ready\(\))', ready))


def tasks(folder: str) -> set[str]:
    """Return the names of the tasks that must not end; without their numbers."""
    modules = (ROOT / folder / name for name in ("app.py", "lifecycle.py"))
    text = "".join(module.read_text("utf-8") for module in modules if module.exists())
    return set(re.findall(r'spawn\((?:.|\n)*?name="([\w ]+)"', text))


def test_table_of_audit_events_has_every_kind() -> None:
    assert set(re.findall(r"^\| `notification\.message\.(\w+)` \|", page("audit.md"), re.MULTILINE)) == set(
        Kind
    )
