"""What lists, timelines and explanations say."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from notification_cli.actions.listing import Listing, Writer
from notification_cli.actions.single import read
from notification_cli.errors import CliError
from notification_cli.output import detail
from notification_cli.views.explaining.explanation import explain
from notification_cli.views.figures import Durations, NamespaceFigures
from notification_cli.views.rows import row_of
from notification_cli.views.targets import WAITS_FOR
from notification_cli.views.text import clean, duration, moment, parse_duration, shorten
from notification_cli.views.timeline import timeline
from notification_contract.crds import notification_request
from notification_domain.json_values import format_time
from notification_domain.model import parse
from notification_domain.routing import RoutingState
from tests.unit.cli.samples import NOW, failed, retrying, screen
from tests.unit.operator.domain.builders import START, stored


def test_timeline_names_attempts_pauses_and_the_next_attempt() -> None:
    lines = [f"{entry.channel}|{entry.text}" for entry in timeline(parse(retrying()), now=NOW)]
    assert lines == [
        "|created",
        "|the operator queued it",
        "console|attempt 1 delivered in 0.25s",
        "slack|attempt 1 failed after 0.25s: 503 from Slack",
        "slack|waits 31s before the retry",
        "slack|attempt 2 not sent, because the circuit breaker is open",
        "|next attempt, in 40s",
    ]


def test_timeline_of_a_failure_ends_with_its_message() -> None:
    last = timeline(parse(failed()), now=NOW)[-1]
    assert last.text == "Failed after 2s: Not delivered; slack failed permanently"
    assert last.good is False


def test_pause_after_a_rejected_attempt_is_that_of_the_breaker() -> None:
    obj = retrying()
    entries = obj["status"]["deliveryAttempts"]
    entries.append(
        {**entries[-1], "attempt": 3, "timestamp": "2026-03-01T12:02:00.000000Z", "circuitOpen": False}
    )
    texts = [entry.text for entry in timeline(parse(obj), now=NOW)]
    assert "waits 89s for the circuit breaker" in texts


def test_pause_that_the_receiver_asked_for_says_so() -> None:
    obj = retrying()
    obj["status"]["deliveryAttempts"][1]["retryAfterSeconds"] = 20
    texts = [entry.text for entry in timeline(parse(obj), now=NOW)]
    assert "waits 31s before the retry; the receiver asked for 20s" in texts


def test_explanation_of_an_open_breaker_says_when_it_is_probed() -> None:
    explanation = explain(parse(retrying()), None, now=NOW)
    assert explanation.origin == "The spec names the channels or receivers; the routing rules do not apply."
    assert "circuit breaker rejected the last attempt on slack" in explanation.notes[0]


def test_recorded_choice_that_the_rules_no_longer_make_is_noted() -> None:
    from notification_cli.views.explaining.explanation import read_rules  # noqa: PLC0415 - a helper of this test

    obj = stored(status={"phase": "Sending", "resolvedChannels": ["log"]})
    rules = read_rules("route: {receiver: a}\nreceivers: [{name: a, channels: [slack]}]")
    (note,) = explain(parse(obj), rules, now=NOW).notes
    assert "would go to slack" in note


def test_show_fits_a_terminal_of_40_columns() -> None:
    notification = parse(retrying(subject="A subject that is longer than forty columns of a terminal"))
    target, file = screen(40)
    detail.head(target, notification, NOW)
    detail.show(
        target, notification, explain(notification, None, now=NOW), timeline(notification, now=NOW), now=NOW
    )
    assert max(map(len, file.getvalue().splitlines())) <= 40


def test_pipe_gets_whole_lines_without_colors() -> None:
    notification = parse(retrying(subject="word " * 60))
    target, file = screen()
    detail.head(target, notification, NOW)
    detail.show(
        target, notification, explain(notification, None, now=NOW), timeline(notification, now=NOW), now=NOW
    )
    assert ("word " * 60).strip() in file.getvalue()
    assert "\x1b" not in file.getvalue()


def test_why_names_the_next_step() -> None:
    notification = parse(retrying())
    target, file = screen()
    detail.why(target, explain(notification, None, now=NOW), now=NOW)
    assert "Next  The operator starts these attempts at once: slack (attempt 3)." in file.getvalue()
    early = START + timedelta(seconds=2)
    target, file = screen()
    detail.why(target, explain(notification, None, now=early), now=early)
    assert "Next  The next attempt is due in" in file.getvalue()
    final = parse(failed())
    target, file = screen()
    detail.why(target, explain(final, None, now=NOW), now=NOW)
    assert "Nothing: the notification is final." in file.getvalue()


def test_why_says_what_a_target_waits_for_and_since_when() -> None:
    obj = retrying(notBefore=format_time(START + timedelta(minutes=1)))
    obj["status"]["targets"] = [
        {"name": "console", "state": "Delivered", "attempts": 1},
        {"name": "slack", "state": "Waiting", "reason": "RateLimited", "attempts": 1},
    ]
    target, file = screen()
    detail.why(target, explain(parse(obj), None, now=NOW), now=NOW)
    since = moment(START + timedelta(minutes=1))
    told = f"slack waits for the rate limit of its receiver (RateLimited). It has not been delivered for 4m, since {since} UTC."
    assert f"Waits {told}" in " ".join(file.getvalue().split())
    assert "console waits" not in file.getvalue()
    assert "starts these attempts at once" not in file.getvalue()


@pytest.mark.parametrize(
    ("state", "reason", "when", "expected"),
    [
        (
            "Waiting",
            "RateLimited",
            "RateLimited",
            "starts these attempts as soon as their wait ends: slack (attempt 3)",
        ),
        ("Waiting", "Backoff", "due", "starts these attempts at once: slack (attempt 3)"),
        ("Delivering", "", "-", "These attempts are under way: slack (attempt 3)"),
    ],
)
def test_why_says_when_the_attempts_that_are_due_start(
    state: str, reason: str, when: str, expected: str
) -> None:
    obj = retrying()
    obj["status"]["targets"] = [{"name": "slack", "state": state, "reason": reason, "attempts": 1}]
    target, file = screen()
    detail.why(target, explain(parse(obj), None, now=NOW), now=NOW)
    written = " ".join(file.getvalue().split())
    assert expected in written
    (row,) = [line.split() for line in file.getvalue().splitlines() if line.startswith("slack ")]
    assert (row[1], row[3]) == (state, when)


def test_row_says_what_its_targets_wait_for_each_once() -> None:
    states = [
        *(("Waiting", "Suspended"), ("Waiting", "Suspended"), ("Waiting", "")),
        *(("Refused", "TooLarge"), ("Delivering", "")),
    ]
    obj = retrying()
    obj["status"]["targets"] = [
        {"name": f"slack/r{number}", "state": state, "reason": reason}
        for number, (state, reason) in enumerate(states)
    ]
    assert row_of(obj).waits_for == ("Suspended", "-", "Delivering")
    assert row_of(failed()).waits_for == ()


def test_every_reason_to_wait_has_words() -> None:
    (version,) = notification_request()["spec"]["versions"]
    status = version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
    described = status["targets"]["items"]["properties"]["reason"]["description"]
    (named,) = re.findall(r"Waiting: (.*?)\.", described)
    assert {str(reason) for reason in WAITS_FOR} == set(re.findall(r"\w+", named)) - {"or"}


def test_list_of_what_waits_has_a_column_for_the_reason() -> None:
    obj = retrying()
    obj["status"]["targets"] = [{"name": "slack", "state": "Waiting", "reason": "CircuitOpen"}]
    target, file = screen(200)
    listing = Listing(waiting=True)
    assert listing.phases == ["Pending", "Sending", "Retrying"]
    Writer(listing, target).write([obj], NOW)
    heading, row = file.getvalue().splitlines()
    assert "WAITS FOR" in heading
    assert "CircuitOpen" in row
    target, file = screen(200)
    Writer(Listing(), target).write([obj], NOW)
    assert "WAITS FOR" not in file.getvalue()


def test_control_characters_of_a_text_do_not_reach_the_terminal() -> None:
    hostile = "a\x1b[2Jb\u202ec\x9bd\u200be\nf"
    assert clean(hostile) == "a\ufffd[2Jb\ufffdc\ufffdd\ufffde f"
    assert clean("a\r\nb", lines=True) == "a\nb"
    assert row_of(stored(spec={"subject": hostile})).subject == clean(hostile)


def test_object_of_a_newer_form_is_listed_and_its_details_are_refused() -> None:
    obj = stored(status={"phase": "Digested", "totalAttempts": None})
    assert row_of(obj).phase == "Digested"
    with pytest.raises(CliError, match="upgrade notif"):
        read(obj)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.25, "0.25s"),
        (9.96, "10s"),
        (60, "60s"),
        (150, "2m"),
        (12000, "3h20m"),
        (40000, "11h"),
        (9e5, "10d"),
        (-5, "0s"),
    ],
)
def test_duration_is_written_in_the_unit_that_fits(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_duration_is_read_with_its_unit() -> None:
    assert [parse_duration(text) for text in ("90s", "15m", "2h", "7d")] == [90, 900, 7200, 604800]
    for text in ("", "5", "m", "-5m", "1.5h", "٣m"):
        with pytest.raises(ValueError, match="write it like"):
            parse_duration(text)


def test_long_text_is_shortened_to_the_width() -> None:
    assert [shorten("abcdef", width) for width in (0, 6, 4, 1)] == ["abcdef", "abcdef", "abc…", "a"]


def test_percentiles_are_within_two_per_cent() -> None:
    durations = Durations()
    for number in range(1, 1001):
        durations.add(number / 100)
    assert durations.percentile(0.5) == pytest.approx(5.0, rel=0.02)
    assert durations.percentile(0.95) == pytest.approx(9.5, rel=0.02)
    assert Durations().percentile(0.5) is None


def test_figures_count_phases_reasons_and_the_oldest_open_one() -> None:
    figures = NamespaceFigures()
    for obj in (failed(), failed(), retrying(), stored()):
        figures.add(obj)
    assert (figures.open, figures.oldest_open, figures.top_reasons) == (2, START, "AllDeliveriesFailed 2")
    assert dict(figures.phases) == {"Failed": 2, "Retrying": 1, "Pending": 1}


def test_why_names_the_addresses_that_no_channel_uses() -> None:
    obj = stored(spec={"channels": ["log"], "recipients": [{"slack": "#alerts", "email": "a@example.com"}]})
    (note,) = explain(parse(obj), RoutingState(), now=NOW).notes
    assert note == (
        "spec.recipients[].slack has no effect, because no channel uses it; name a receiver in spec.receiverRefs."
    )
