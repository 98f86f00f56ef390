"""Tables, JSON, YAML and names."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import yaml

from notification_cli.actions.listing import COLUMNS
from notification_cli.output.documents import Objects, document
from notification_cli.output.screen import Screen
from notification_cli.output.table import Column, Table
from notification_cli.views.format import Output, field_path
from notification_cli.views.plain import plain
from notification_cli.views.targets import Target
from notification_contract import crds
from notification_contract.kinds.channel_names import CHANNELS
from notification_contract.kinds.choices import MessageType, Priority, TargetState
from tests.unit.cli.samples import screen
from tests.unit.operator.domain.builders import START, stored


def test_columns_of_the_highest_rank_are_left_out_of_a_narrow_table() -> None:
    row = [
        "shop",
        "order-1",
        "escalation",
        "critical",
        "Failed",
        "3",
        "5m",
        "",
        "",
        "",
        "",
        "Checkout is failing in eu-west",
    ]
    for width in (40, 60, 80, 120):
        target, file = screen(width)
        Table(target, COLUMNS).write([row])
        lines = file.getvalue().splitlines()
        assert max(map(len, lines)) <= width
        assert all(title in lines[0] for title in ("NAME", "PHASE", "AGE")), width


def test_wide_table_has_more_columns_and_is_not_cut() -> None:
    columns = [Column(title="A"), Column(title="B", is_wide=True), Column(title="C", rank=1)]
    for text, expected in (
        ("table", ["A", "xxxxxxxx"]),
        ("wide", ["A          B   C", "xxxxxxxx   y   " + "z" * 80]),
    ):
        target, file = screen(12)
        Table(target, columns, Output.of(text)).write([["xxxxxxxx", "y", "z" * 80]])
        assert file.getvalue().splitlines() == expected


def test_table_without_titles_has_its_rows_alone() -> None:
    target, file = screen()
    Table(
        target, [Column(title="A LONG TITLE"), Column(title="B")], Output.of("table", no_headers=True)
    ).write([["x", "y"]])
    assert file.getvalue() == "x   y\n"


def test_watched_objects_are_documents_of_their_own() -> None:
    target, file = screen()
    objects = Objects(target, Output.YAML, follows=True)
    for name in ("a", "b"):
        objects.add([{"metadata": {"name": name}}])
    assert file.getvalue() == "---\nmetadata:\n  name: a\n---\nmetadata:\n  name: b\n"


@pytest.mark.parametrize("path", [".v.w", "{.v.w}", "v.w"])
def test_order_is_missing_values_then_numbers_then_natural_texts(path: str) -> None:
    values = ["n10", 3, "n9", None, 2.5, "2026-03-01T12:00:00Z", "2026-02-01T12:00:00Z"]
    output = Output.of("table", sort_by=path)
    ordered = [each["v"]["w"] for each in output.sort({"v": {"w": each}} for each in values)]
    assert ordered == [None, 2.5, 3, "2026-02-01T12:00:00Z", "2026-03-01T12:00:00Z", "n9", "n10"]


def test_dot_in_the_name_of_a_field_has_a_backslash() -> None:
    assert field_path(r".metadata.labels.example\.org/team") == ("metadata", "labels", "example.org/team")


def test_later_rows_that_are_longer_do_not_move_the_first_columns() -> None:
    target, file = screen()
    table = Table(target, [Column(title="A"), Column(title="B")])
    table.write([["x", "y"]])
    table.write([["longer", "z"]])
    assert file.getvalue().splitlines() == ["A   B", "x   y", "longer   z"]


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("output", [Output.JSON, Output.YAML])
def test_list_is_one_document_however_many_pages_it_has(output: Output, count: int) -> None:
    target, file = screen()
    objects = Objects(target, output)
    for number in range(count):
        objects.add([stored(metadata={"name": f"n{number}", "managedFields": [{"manager": "x"}]})])
    objects.close()
    load: Any = json.loads if output is Output.JSON else yaml.safe_load
    result = load(file.getvalue())
    assert [each["metadata"]["name"] for each in result["items"]] == [f"n{number}" for number in range(count)]
    assert all("managedFields" not in each["metadata"] for each in result["items"])


def test_json_contains_no_control_characters() -> None:
    target, file = screen()
    document(target, Output.JSON, stored(spec={"subject": "\x1b[2J\u202e"}))
    assert file.getvalue().isascii()
    assert "\x1b" not in file.getvalue()


def test_name_is_written_as_kubectl_writes_it() -> None:
    target, file = screen()
    document(target, Output.NAME, stored())
    assert file.getvalue() == "notificationrequest.kubernaut.ai/order-1\n"


def test_views_become_json_with_the_names_of_the_api_style() -> None:
    target = Target(name="log", state=TargetState.DELIVERED, attempts=1, next_at=START)
    (value,) = plain((target,))
    assert (value["name"], value["state"], value["nextAt"], value["circuitOpen"]) == (
        "log",
        "Delivered",
        "2026-03-01T12:00:00.000000Z",
        False,
    )


def test_terminal_gets_colors_and_no_color_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    Screen.standard(no_color=False).line(("Failed", "bold red"))
    assert "\x1b[" in terminal.getvalue()
    for screen_ in (Screen.standard(no_color=True), _with_no_color(monkeypatch)):
        terminal.truncate(0)
        screen_.line(("Failed", "bold red"))
        screen_.paragraph(("Failed", "bold red"))
        assert "\x1b[" not in terminal.getvalue()


def _with_no_color(monkeypatch: pytest.MonkeyPatch) -> Screen:
    monkeypatch.setenv("NO_COLOR", "1")
    return Screen.standard(no_color=False)


def test_choices_of_options_are_those_of_the_api() -> None:
    (version,) = crds.notification_request()["spec"]["versions"]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    assert [*MessageType] == spec["type"]["enum"]
    assert [*Priority] == spec["priority"]["enum"]
    assert set(CHANNELS) == set(spec["channels"]["items"]["enum"])
