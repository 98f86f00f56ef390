"""Long runs without a separator: no rule sees one whole, and none hides a secret."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest

from notification_domain.redaction.redact import redact, redact_counted
from notification_domain.redaction.rule import sample
from notification_domain.redaction.search import LONGEST, OVERLAP, apply_bounded, long_runs

JWT = "eyJ" + sample(1000) + ".eyJ" + sample(300) + "." + sample(86)
BLOB = sample(5 * LONGEST, "QUJDRA")


@pytest.mark.parametrize("length", [LONGEST, LONGEST + 1, LONGEST * 3 // 2, 4 * LONGEST - 1])
def test_runs_beyond_the_limit_are_found_wherever_they_begin(length: int) -> None:
    before = ["", "a ", "a b ", " " * (LONGEST - 1), "x " * LONGEST, "y" * LONGEST + " "]
    after = ["", ",b", " " * LONGEST, "," + "z" * LONGEST]
    for first, last in product(before, after):
        start = len(first)
        expected = [(start, start + length)] if length > LONGEST else []
        assert [each for each in long_runs(f"{first}{'r' * length}{last}") if each[0] == start] == expected


@pytest.mark.parametrize(
    "text", ["", "short", BLOB, f"see {BLOB}=\n{BLOB[1:]}, {BLOB[7:]}", "é" * 3 * LONGEST]
)
def test_no_rule_gets_more_than_a_part_of_a_run(text: str) -> None:
    seen: list[str] = []

    def apply(part: str) -> str:
        seen.append(part)
        return part

    assert apply_bounded(text, apply) == text
    assert not [part for part in seen if long_runs(part)]


@pytest.mark.parametrize("text", [BLOB, f"file: {BLOB}=\nend", f"data:image/png;base64,{BLOB}"])
def test_long_run_without_a_secret_stays(text: str) -> None:
    assert redact_counted(text) == (text, Counter())


@pytest.mark.parametrize(
    "form",
    ["password={}", '{{"client_secret": "{}"}}', "sent Bearer {}", "<password>{}</password>"],
)
def test_long_run_that_is_a_secret_is_redacted_whole(form: str) -> None:
    assert redact(f"see {form.format(BLOB)} end") == f"see {form.format('[REDACTED]')} end"


@pytest.mark.parametrize(
    "place", [0, 1, 4090, LONGEST - 700, LONGEST - OVERLAP, LONGEST - 4, LONGEST, 3 * LONGEST + 1]
)
@pytest.mark.parametrize("token", [JWT, "ghp_" + sample(36), "-".join(("xoxb", sample(12), sample(24)))])
def test_run_with_a_secret_anywhere_is_redacted_whole(place: int, token: str) -> None:
    run = f"{BLOB[:place]}/{token}/{BLOB[place:]}"
    assert redact(f"see {run} and (more)") == "see [REDACTED] and (more)"


def test_text_that_names_what_stands_for_a_run_stays() -> None:
    """The digest of another text stands in no text for a run of this one."""
    seen: list[str] = []

    def apply(part: str) -> str:
        seen.append(part)
        return part

    apply_bounded(BLOB, apply)
    text = f"{seen[-1]} {BLOB}"
    assert redact(text) == text
