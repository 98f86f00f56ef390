"""Texts within the bounds of the schema, results of templates, and labels."""

from __future__ import annotations

import pytest

from notification_contract import bounds
from notification_contract.kinds.notification import check_spec
from notification_contract.sources.mapping import LabelMapping
from notification_domain.mapping import Limits
from notification_domain.mapping.labels import label_value, labels_of
from notification_domain.mapping.links import web_address
from notification_domain.mapping.text import body, clean, cut, one_line, size
from notification_domain.mapping.translation import FIRES_SINCE_ANNOTATION
from notification_domain.mapping.values import text_at
from tests.unit.gateway.mapping.builders import alert, alertmanager, only, post, source

TEMPLATED = source("alertmanager", mapping={"subject": "S", "body": "B"})
MANY = post(alertmanager(*[alert(instance=f"db-{number}") for number in range(40)]))
LINKS = "… 10 further links"


def test_limits_of_admission_are_those_of_the_object() -> None:
    of = source("alertmanager", mapping={"body": "B", "labels": {"include": ["alertname", "instance"]}})
    limits = Limits(body=600, metadata_entries=1, metadata_value=4, action_links=1, link_schemes=("https",))
    made = only(of, post(alertmanager()), limits)
    assert made.spec["metadata"] == {"alertname": "High"}
    assert made.spec["actionLinks"] == [
        {"service": "alertmanager", "url": "https://runbooks.example/memory", "label": "Runbook"}
    ]
    assert made.spec["body"].endswith(
        "instance=db-1:9100\n"
        "Source: http://prometheus.example:9090/graph?g0.expr=up%3D%3D0&g0.tab=1\n"
        "Silence: http://alertmanager.example:9093/#/silences/new?filter="
        "%7Balertname%3D%22HighMemory%22%2Cinstance%3D%22db-1%3A9100%22%7D"
    )
    assert len(made.with_texts({"body": "x" * 900}).spec["body"]) < 600
    least = Limits(body=1, metadata_entries=0, metadata_value=0, action_links=0, link_schemes=())
    made = only(of, post(alertmanager()), least)
    assert made.spec["body"] == "H"
    assert not made.spec.keys() & {"metadata", "actionLinks"}
    assert made.with_texts({"body": "text"}).spec["body"] == "t"


def test_links_that_only_their_scheme_keeps_out_are_lines_of_the_body() -> None:
    alerts = [
        alert(instance=f"db-{number}", generatorURL=f"http://a.example/{'x' * 500 * (not number)}{number}")
        for number in range(4)
    ]
    spec = only(TEMPLATED, post(alertmanager(*alerts, externalURL="")), Limits()).spec
    assert [each["label"] for each in spec["actionLinks"]] == ["Runbook"]
    assert spec["body"].endswith(
        "\nSource of alert 2: http://a.example/1\nSource of alert 3: http://a.example/2\n"
        "Source of alert 4: http://a.example/3\n… 1 further link"
    )


def test_results_of_templates_replace_the_texts() -> None:
    made = only(TEMPLATED, MANY).with_texts({"subject": " a\nb ", "body": "text\r\n\x00"})
    assert (made.spec["subject"], made.spec["body"]) == ("a b", f"text\n\n{LINKS}")
    assert made.annotations.keys() == {FIRES_SINCE_ANNOTATION}
    check_spec(made.spec)


def test_template_that_fails_leaves_the_built_in_text_and_a_note() -> None:
    built_in = only(TEMPLATED, MANY)
    made = built_in.with_texts({"subject": "a"}, {"body": "line 1: x is undefined\n\x00"})
    note = "built-in body used: line 1: x is undefined"
    assert made.spec["subject"] == "a"
    assert made.spec["body"] == f"{built_in.spec['body']}\n{note}"
    assert made.annotations == {**built_in.annotations, "kubernaut.ai/source-note": note}
    assert built_in.annotations.keys() == {FIRES_SINCE_ANNOTATION}


def test_template_without_text_leaves_the_built_in_one() -> None:
    built_in = only(TEMPLATED, MANY)
    made = built_in.with_texts({"subject": " \n", "body": "text"})
    note = "built-in subject used: it produces no text"
    assert made.spec["subject"] == built_in.spec["subject"]
    assert made.spec["body"] == f"text\n{LINKS}\n{note}"


def test_notes_fit_behind_the_longest_texts() -> None:
    problems = {"subject": "x" * 9999}
    for letter in ("x", "é", "\U0001f600"):
        made = only(TEMPLATED, MANY).with_texts({"body": letter * 300_000}, problems)
        lines = made.spec["body"].splitlines()
        assert lines[-2] == LINKS
        assert lines[-3].endswith("further characters")
        assert len(lines[-1]) == bounds.NOTE
        check_spec(made.spec)


def test_built_in_text_of_a_failed_template_keeps_its_notes_when_it_is_cut() -> None:
    alerts = [alert(instance=f"db-{number}", annotations={"summary": "x" * 900}) for number in range(1000)]
    spec = only(TEMPLATED, post(alertmanager(*alerts))).with_texts({}, {"body": "failed"}).spec
    assert "further characters" not in spec["body"]
    assert [line.split()[-2:] for line in spec["body"].split("\n\n")[-1].splitlines()] == [
        ["further", "alerts"],
        ["further", "links"],
        ["used:", "failed"],
    ]


def test_missing_result_leaves_the_built_in_text() -> None:
    built_in = only(TEMPLATED, MANY)
    assert built_in.with_texts({}) == built_in


def test_text_is_cut_with_the_number_of_missing_characters() -> None:
    assert cut("x" * 200, 200) == "x" * 200
    assert cut("x" * 201, 200) == f"{'x' * 140}\n… 61 further characters"
    assert cut("\U0001f600" * 101, 200) == f"{chr(0x1F600) * 70}\n… 31 further characters"
    assert cut("x" * 201, 120) == "x" * 120
    assert (size("x"), size("é"), size("€"), size("\U0001f600")) == (1, 1, 2, 2)


def test_body_is_cut_so_that_its_notes_fit() -> None:
    assert body("x" * 300, ("note",), 200) == f"{'x' * 135}\n… 165 further characters\nnote"
    assert body("x" * 300, ("note" * 50,), 200) == f"{'x' * 140}\n… 160 further characters", (
        "a note that takes half"
    )
    assert body("x" * 300, ("note",), 50) == "x" * 45 + "\nnote"
    assert body("x" * 300, ("note",), 1) == "x"


def test_text_is_cleaned_of_what_cannot_be_stored_or_shown() -> None:
    assert clean("a\r\nb\rc\x00\x1b[0m\x7f\t\ud83d") == "a\nb\nc[0m\t\ufffd"
    assert one_line(" a\n\n b\t") == "a b"
    assert one_line("x" * 501) == "x" * 499 + "…"


@pytest.mark.parametrize(
    ("url", "is_kept"),
    [
        ("https://a.example/b?c=d#e", True),
        ("HTTP://a.example", True),
        ("http://[::1]:9090/{a|b}", True),
        ("https://" + "a" * 5000, False),
        ("ftp://a.example", False),
        ("javascript:alert(1)", False),
        ("//a.example", False),
        ("https:///a", False),
        ("https://[a", False),
        ("https://a.example/ b", False),
        ("https://a.example/\n", False),
        ("https://a.example/\ud83d", False),
        (" https://a.example", False),
        ("", False),
    ],
)
def test_only_links_of_the_web_are_kept(url: str, is_kept: bool) -> None:  # noqa: FBT001 - a row of the table
    assert web_address(url) == (url.replace("HTTP", "http") if is_kept else "")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("acme/shop", "acme_shop"),
        ("-a.b_", "a.b"),
        ("ü", ""),
        ("x" * 80, "x" * 63),
        ("x" * 62 + "/y", "x" * 62),
    ],
)
def test_value_of_a_label_is_cut_and_cleaned(text: str, value: str) -> None:
    assert label_value(text) == value


@pytest.mark.parametrize(
    "name", ["source", "source-note", "drill", "redrive", "replay-of", "preview", "sources"]
)
def test_label_of_the_platform_never_comes_from_a_payload(name: str) -> None:
    assert labels_of({name: "a", "team": "b"}, LabelMapping(), str) == {"kubernaut.ai/team": "b"}
    assert labels_of({name: "a"}, LabelMapping(prefix="example.com/"), str) == {f"example.com/{name}": "a"}


@pytest.mark.parametrize("prefix", ["a..b/", "a-.b/"])
def test_label_that_the_api_server_refuses_is_left_out(prefix: str) -> None:
    assert labels_of({"team": "b"}, LabelMapping(prefix=prefix), str) == {}
    assert labels_of({"ü": "b", "": "c"}, LabelMapping(), str) == {}
    assert labels_of({"team": "b"}, LabelMapping(prefix=""), str) == {"team": "b"}


def test_first_of_two_values_for_a_label_wins() -> None:
    assert labels_of({"a/b": "1", "a_b": "2"}, LabelMapping(), str) == {"kubernaut.ai/a_b": "1"}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.b", "1"),
        ("a.c.1", "true"),
        ("a.c.0.d", "x"),
        ("a.c.7", ""),
        ("a.c.-1", ""),
        ("a.c.\u0660", ""),
        ("a.c." + "9" * 5000, ""),
        ("a.c", ""),
        ("a.e", ""),
        ("a.b.c", ""),
        ("a.f", "2.5"),
        ("", ""),
    ],
)
def test_path_leads_to_a_text_number_or_truth_value(path: str, text: str) -> None:
    assert text_at({"a": {"b": 1, "c": [{"d": "x"}, True], "e": None, "f": 2.5}}, path) == text
