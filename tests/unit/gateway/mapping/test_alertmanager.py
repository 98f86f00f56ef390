"""Webhooks of Alertmanager and Grafana: names, incidents, priority, labels, filter, and what a person reads."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import unquote

import pytest

from notification_contract import bounds
from notification_domain.mapping import Malformed, Translation, translate
from notification_domain.mapping.text import size
from tests.unit.gateway.mapping.builders import (
    BEGAN,
    alert,
    alertmanager,
    grafana,
    only,
    post,
    source,
)

SOURCE = source("alertmanager")
REPEATING = source("alertmanager", alertmanager={"repeatAfter": "4h"})
HOUR = 3600.0
ENDED = "2026-03-01T11:30:00Z"


def name(*alerts: dict[str, Any], **fields: Any) -> str:
    return only(SOURCE, post(alertmanager(*alerts, **fields))).name


def test_firing_group_becomes_a_trigger_that_says_what_fires() -> None:
    made = only(SOURCE, post(alertmanager()))
    assert made.spec == {
        "type": "escalation",
        "priority": "medium",
        "subject": "Firing: HighMemory",
        "body": (
            "HighMemory: firing, began at 2026-03-01 11:00:00 UTC\n"
            "HighMemory on db-1\nMemory is at 97 %.\ninstance=db-1:9100"
        ),
        "event": "Trigger",
        "dedupKey": made.spec["dedupKey"],
        "metadata": {"alertname": "HighMemory"},
        "actionLinks": made.spec["actionLinks"],
    }
    assert made.labels == {"kubernaut.ai/source": "alerts", "kubernaut.ai/alertname": "HighMemory"}
    assert made.annotations == {"kubernaut.ai/fires-since": "2026-03-01T11:00:00.157000Z"}
    assert made.data["payload"]["receiver"] == "notifications"


def test_links_lead_to_runbook_source_and_silence() -> None:
    links = only(SOURCE, post(alertmanager())).spec["actionLinks"]
    assert [each["label"] for each in links] == ["Runbook", "Source", "Silence"]
    assert {each["service"] for each in links} == {"alertmanager"}
    assert unquote(links[2]["url"]) == (
        'http://alertmanager.example:9093/#/silences/new?filter={alertname="HighMemory",instance="db-1:9100"}'
    )


def test_values_in_a_silence_link_are_quoted() -> None:
    odd = alert('a"b\\c\nd')
    links = only(SOURCE, post(alertmanager(odd))).spec["actionLinks"]
    assert 'alertname="a\\"b\\\\c\\nd"' in unquote(links[-1]["url"])


def test_links_of_several_alerts_name_their_alert_unless_all_share_them() -> None:
    two = alertmanager(alert(), alert(instance="db-2:9100"))
    labels = [each["label"] for each in only(SOURCE, post(two)).spec["actionLinks"]]
    assert labels == ["Runbook", "Source", "Silence of alert 1", "Silence of alert 2"]


def test_links_to_anything_but_the_web_are_left_out() -> None:
    bad = alert(annotations={"runbook_url": "javascript:alert(1)"}, generatorURL="ftp://a.example/")
    payload = alertmanager(bad, externalURL="file:///etc/passwd")
    assert "actionLinks" not in only(SOURCE, post(payload)).spec


def test_links_beyond_the_bound_are_counted_in_the_last_line() -> None:
    alerts = [alert(instance=f"db-{number}") for number in range(40)]
    spec = only(SOURCE, post(alertmanager(*alerts))).spec
    assert len(spec["actionLinks"]) == bounds.ACTION_LINKS
    assert spec["body"].endswith("\n… 10 further links")


def test_resolved_group_becomes_a_resolve_of_the_same_incident() -> None:
    begun = only(SOURCE, post(alertmanager()))
    over = only(SOURCE, post(alertmanager(alert(resolved=ENDED))))
    assert over.spec["event"] == "Resolve"
    assert over.spec["subject"] == "Resolved: HighMemory"
    assert "resolved at 2026-03-01 11:30:00 UTC" in over.spec["body"]
    assert over.spec["dedupKey"] == begun.spec["dedupKey"]
    assert over.name != begun.name
    assert "Silence" not in str(over.spec["actionLinks"])


def test_dedup_key_belongs_to_the_source_by_name_and_to_the_group() -> None:
    first = only(SOURCE, post(alertmanager())).spec["dedupKey"]
    again = source("alertmanager", identity={"uid": "u-2"})
    other = source("alertmanager", identity={"name": "other"})
    assert (
        first == sha256(b'["shop", "alerts", "{}/{team=\\"db\\"}:{alertname=\\"HighMemory\\"}"]').hexdigest()
    )
    assert only(again, post(alertmanager())).spec["dedupKey"] == first
    assert only(other, post(alertmanager())).spec["dedupKey"] != first
    assert only(SOURCE, post(alertmanager(groupKey="{}"))).spec["dedupKey"] != first


def test_name_is_that_of_the_group_in_its_state() -> None:
    first, second = alert(), alert(instance="db-2:9100")
    names = [
        name(first, second),
        name(first, alert(instance="db-2:9100", resolved=ENDED)),
        name(first),
        name(alert(startsAt="2026-03-01T11:00:01Z")),
        name(alert(resolved=ENDED)),
        name(alert(resolved="2026-03-01T11:31:00Z")),
        name(first, groupKey="{}"),
        only(source("alertmanager", identity={"uid": "u-2"}), post(alertmanager(first))).name,
    ]
    assert len(set(names)) == len(names)
    assert all(each.startswith("am-") and len(each) == 23 for each in names)


@pytest.mark.parametrize(
    "same",
    [
        {"startsAt": "2026-03-01T12:00:00.157+01:00"},
        {"annotations": {"summary": "97 %"}},
        {"generatorURL": "http://other"},
        {"endsAt": ENDED},
    ],
    ids=["another zone", "annotations", "links", "the expected end of a firing alert"],
)
def test_name_stays_when_only_its_text_changes(same: dict[str, Any]) -> None:
    assert name(alert(**same)) == name(alert())


def test_name_does_not_depend_on_the_order_of_alerts() -> None:
    first, second = alert(), alert(instance="db-2:9100")
    assert name(first, second) == name(second, first)


def test_alerts_without_fingerprints_are_told_apart_by_their_labels() -> None:
    def bare(**fields: Any) -> dict[str, Any]:
        return {**alert(**fields), "fingerprint": None}

    assert name(bare()) == name(bare()) != name(bare(instance="db-2:9100"))


def test_without_repeat_after_the_same_state_has_one_name() -> None:
    first, later = (only(SOURCE, post(alertmanager(), seconds=each)) for each in (0, 1e7))
    assert (first.name, first.previous_name) == (later.name, None)


def test_repeat_after_counts_from_the_latest_start_of_the_group() -> None:
    old = alert(startsAt="2026-02-01T00:00:00Z")
    payload = alertmanager(old, alert(instance="db-2:9100"))
    begins = -HOUR - 30 + 0.157
    at = {
        hours: only(REPEATING, post(payload, seconds=begins + hours * HOUR))
        for hours in (0, 3.99, 4.01, 8.01)
    }
    assert at[0].name == at[3.99].name
    assert (at[0].previous_name, at[0].previous_within) == (None, None)
    assert at[4.01].name != at[0].name
    assert (at[4.01].previous_name, at[4.01].previous_within) == (at[0].name, timedelta(hours=3.6))
    assert at[8.01].previous_name == at[4.01].name


def test_start_in_the_future_is_the_first_period() -> None:
    early = only(REPEATING, post(alertmanager(), seconds=-2 * HOUR))
    assert (early.name, early.previous_name) == (only(REPEATING, post(alertmanager())).name, None)


def test_resolved_group_is_told_once_however_late() -> None:
    over = post(alertmanager(alert(resolved=ENDED))), post(alertmanager(alert(resolved=ENDED)), seconds=1e6)
    first, late = (only(REPEATING, each) for each in over)
    assert (late.name, late.previous_name) == (first.name, None)


SEVERITY = {"fromLabel": "severity", "map": {"critical": "critical", "warning": "high"}, "default": "low"}
GRADED = source(
    "alertmanager",
    mapping={"priority": SEVERITY, "labels": {"include": ["alertname", "team", "severity"]}},
)


def graded(*alerts: dict[str, Any]) -> tuple[str, dict[str, str]]:
    made = only(GRADED, post(alertmanager(*alerts)))
    found = {key.partition("/")[2]: value for key, value in made.labels.items()}
    found.pop("source")
    return made.spec["priority"], found


def test_priority_and_labels_are_those_of_the_firing_alerts() -> None:
    critical, warning = (
        alert(severity="critical", team="db"),
        alert(severity="warning", team="db", instance="b"),
    )
    over = alert(severity="critical", team="db", resolved=ENDED)
    assert graded(critical, warning) == ("critical", {"alertname": "HighMemory", "team": "db"})
    assert graded(over, warning) == ("high", {"alertname": "HighMemory", "team": "db", "severity": "warning"})
    assert graded(over) == ("critical", {"alertname": "HighMemory", "team": "db", "severity": "critical"})
    assert graded(alert(severity="odd")) == ("low", {"alertname": "HighMemory", "severity": "odd"})
    assert graded(alert(team="db"), alert(instance="b")) == ("low", {"alertname": "HighMemory"})


def test_priority_of_a_group_with_truncated_alerts_is_that_of_the_rest() -> None:
    payload = alertmanager(alert(severity="critical", resolved=ENDED), status="firing", truncatedAlerts=1)
    made = only(GRADED, post(payload))
    assert (made.spec["event"], made.spec["priority"]) == ("Trigger", "critical")


FILTERED = source("alertmanager", filter=['team="db"', 'severity=~"critical|high"'])


def test_filter_leaves_out_alerts_one_by_one() -> None:
    wanted = alert(team="db", severity="critical")
    other, mild = alert(team="web", severity="critical", instance="w"), alert(team="db", severity="low")
    translation = translate(FILTERED, post(alertmanager(wanted, other, mild)))
    (made,) = translation.notifications
    assert translation.filtered == 2
    assert made.spec["subject"] == "Firing: HighMemory"
    assert made.data["payload"]["alerts"] == [wanted]
    assert made.name == only(FILTERED, post(alertmanager(wanted))).name
    assert translate(FILTERED, post(alertmanager(other, mild))) == Translation(filtered=2)


def test_group_is_over_when_the_alerts_that_the_filter_admits_are() -> None:
    over, other = alert(team="db", severity="high", resolved=ENDED), alert(team="web")
    made = only(FILTERED, post(alertmanager(over, other)))
    assert (made.spec["event"], made.data["payload"]["status"]) == ("Resolve", "resolved")
    truncated = only(FILTERED, post(alertmanager(over, other, truncatedAlerts=2)))
    assert truncated.spec["event"] == "Trigger", "one of the two may fire"


def test_truncated_alerts_are_counted_in_subject_and_body() -> None:
    spec = only(SOURCE, post(alertmanager(truncatedAlerts=3))).spec
    assert spec["subject"] == "Firing: HighMemory (4 alerts)"
    assert spec["body"].endswith("\n\n… 3 further alerts")
    assert only(SOURCE, post(alertmanager(truncatedAlerts=1))).spec["body"].endswith("… 1 further alert")


@pytest.mark.parametrize("letter", ["x", "é", "\U0001f600"])
def test_alerts_that_do_not_fit_are_counted(letter: str) -> None:
    alerts = [alert(instance=f"db-{number}", annotations={"summary": letter * 400}) for number in range(1000)]
    body = only(SOURCE, post(alertmanager(*alerts, truncatedAlerts=7))).spec["body"]
    shown = body.count("began at")
    assert f"\n\n… {1007 - shown} further alerts\n" in body
    assert len(body) <= bounds.BODY
    assert size(body) > 0.9 * bounds.BODY


def test_one_alert_that_does_not_fit_is_cut() -> None:
    body = only(SOURCE, post(alertmanager(alert(annotations={"summary": "x" * 1_000_000})))).spec["body"]
    assert len(body) <= bounds.BODY
    assert body.splitlines()[-1].endswith("further characters")


def test_firing_alerts_come_first_and_names_are_told_once() -> None:
    over, names = alert("Zero", resolved=ENDED), [alert(each) for each in ("One", "Two", "Three", "Two")]
    spec = only(SOURCE, post(alertmanager(over, *names))).spec
    assert spec["subject"] == "Firing: Zero, One, Two and 1 more (5 alerts)"
    assert [line for line in spec["body"].splitlines() if ". " in line and "began" in line][-1].startswith(
        "5. Zero: resolved"
    )


def test_alert_without_a_name_is_one_nevertheless() -> None:
    assert (
        only(SOURCE, post(alertmanager(alert(labels={})))).spec["subject"] == "Firing: alert without a name"
    )


def test_grafana_is_read_as_alertmanager_with_links_of_its_own() -> None:
    spec = only(SOURCE, post(grafana())).spec
    assert spec["subject"] == "Firing: Disk almost full"
    assert "began at 2026-03-01 10:56:03 UTC\nThe disk of zone eu-1 is almost full" in spec["body"]
    assert [(each["service"], each["label"]) for each in spec["actionLinks"]] == [
        ("grafana", each) for each in ("Dashboard", "Panel", "Source", "Silence")
    ]


def without(field: str, payload: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in payload.items() if key != field}


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        (5, "body is 5; it must be an object"),
        (
            alertmanager(version="3"),
            'version is "3"; it must be "4" of Alertmanager, or "1" of Grafana with orgId',
        ),
        (
            without("orgId", grafana()),
            'version is "1"; it must be "4" of Alertmanager, or "1" of Grafana with orgId',
        ),
        (without("version", grafana()), "version is absent"),
        (alertmanager(version=4), "version is 4"),
        (alertmanager(groupKey=""), 'groupKey is ""; it must be a text that identifies the group'),
        (alertmanager(status="unknown"), 'status is "unknown"; it must be firing or resolved'),
        (alertmanager(alerts=[]), "alerts is []; it must be a list of at least one alert"),
        (alertmanager(alerts={}), "alerts is {}"),
        (alertmanager(alerts=[1]), "alerts[0] is 1; it must be an object"),
        (alertmanager(alert(), alert(status=["firing"])), 'alerts[1].status is ["firing"]'),
        (
            alertmanager(alert(startsAt="soon")),
            'alerts[0].startsAt is "soon"; it must be a time as in RFC 3339',
        ),
        (alertmanager(without("startsAt", alert())), "alerts[0].startsAt is absent"),
        (alertmanager(alert(startsAt="0001-01-01T00:00:00+01:00")), "alerts[0].startsAt is"),
        (alertmanager(alert(resolved="later")), 'alerts[0].endsAt is "later"'),
    ],
)
def test_payload_of_another_format_is_malformed(payload: Any, problem: str) -> None:
    with pytest.raises(Malformed) as caught:
        translate(SOURCE, post(payload))
    assert str(caught.value).startswith(problem)


@pytest.mark.parametrize(
    "odd",
    [
        {"labels": None, "annotations": None},
        {"labels": ["a"], "annotations": 5},
        {"labels": {"alertname": 5, "a": [1], "b": True}},
        {"generatorURL": 5, "dashboardURL": None},
        {"endsAt": None, "status": "resolved"},
        {"startsAt": "2026-03-01T11:00:00"},
    ],
)
def test_odd_fields_that_nothing_depends_on_are_accepted(odd: dict[str, Any]) -> None:
    payload = alertmanager({**alert(), **odd}, truncatedAlerts="many", externalURL=None)
    assert only(SOURCE, post(payload)).spec["body"]


def test_time_without_a_zone_is_utc() -> None:
    assert name(alert(startsAt=BEGAN.removesuffix("Z"))) == name(alert())


@pytest.mark.parametrize(
    ("severity", "priority"),
    [
        ("critical", "critical"),
        ("page", "critical"),
        ("error", "high"),
        ("high", "high"),
        ("warning", "medium"),
        ("info", "low"),
        ("none", "low"),
        ("unheard", "medium"),
    ],
)
def test_alert_without_a_mapping_has_the_priority_of_its_severity(severity: str, priority: str) -> None:
    made = only(SOURCE, post(alertmanager(alert(severity=severity, team="web"))))
    assert made.spec["priority"] == priority
    assert made.labels == {
        "kubernaut.ai/source": "alerts",
        "kubernaut.ai/alertname": "HighMemory",
        "kubernaut.ai/severity": severity,
        "kubernaut.ai/team": "web",
    }


def test_mapping_of_a_source_is_used_instead_of_the_one_for_alerts() -> None:
    mapping = {"priority": {"default": "high"}, "labels": {}}
    made = only(source("alertmanager", mapping=mapping), post(alertmanager(alert(severity="page"))))
    assert made.spec["priority"] == "high"
    assert made.labels == {"kubernaut.ai/source": "alerts"}
