"""Previews: what marks one as ours, when it may go, and what a person is told of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.tools.preview_samples import NOW, PREVIEW, one
from tools.platform.preview import create as preview_up
from tools.platform.preview.cluster import Smoke
from tools.platform.preview.model import due, recognised, remaining, span, stack_name
from tools.platform.pulumi.kubeconfig import namespaced


@pytest.mark.parametrize("base", ["dev", "", "acme/platform/shared"])
@pytest.mark.parametrize(("owner", "commit"), [("me", "ab" * 20), ("", ""), ("github-actions[bot]", "")])
def test_a_preview_is_known_again_by_its_tags(base: str, owner: str, commit: str) -> None:
    marked = replace(PREVIEW, base=base, owner=owner, commit=commit)
    tags = marked.tags()
    assert recognised("pr-7", tags) == marked
    # What a backend takes: a short name, and a value that is not empty and not long.
    for key, value in tags.items():
        assert len(key) <= 40
        assert 0 < len(value) <= 256
    assert list(tags)[-1] == "preview:number", "whoever has that one has all of them"


@pytest.mark.parametrize(
    ("stack", "change"),
    [
        ("dev", {}),
        ("pr-7", {"preview:number": "8"}),
        ("pr-7", {"preview:number": "07"}),
        ("pr-07", {}),
        ("pr-7-mine", {}),
        ("pr-7", {"preview:expires": "soon"}),
        ("pr-7", {"preview:created": ""}),
    ],
)
def test_what_does_not_say_that_it_is_a_preview_is_not_ours(stack: str, change: dict[str, str]) -> None:
    assert recognised("pr-7", PREVIEW.tags()) is not None
    assert recognised(stack, PREVIEW.tags() | change) is None
    assert recognised("pr-7", {}) is None
    assert recognised("pr-7", {"owner": "me"}) is None


@pytest.mark.parametrize("number", [0, -1, 10**9])
def test_a_number_that_is_none_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="no number of a pull request"):
        stack_name(number)


def test_what_is_past_its_time_or_closed_may_go_and_the_reason_is_told() -> None:
    old, new, closed = one(1, NOW - timedelta(hours=30)), one(2, NOW + timedelta(minutes=5)), one(3, NOW)
    chosen = due([old, new, closed], now=NOW, closed=[3])
    assert chosen == [(old, "expired 1 d 6 h ago"), (closed, "its pull request is closed")]
    assert remaining(new, NOW) == "5 min left"
    assert span(timedelta(hours=5)) == "5 h"
    assert span(timedelta(hours=71, minutes=59)) == "2 d 23 h"


@settings(deadline=None)  # a busy machine says nothing of the choice
@given(
    st.dictionaries(st.integers(1, 50), st.integers(-10_000, 10_000)),
    st.sets(st.integers(1, 50)),
)
def test_exactly_what_is_expired_or_closed_may_go(minutes: dict[int, int], closed: set[int]) -> None:
    previews = [one(number, NOW + timedelta(minutes=left)) for number, left in minutes.items()]
    chosen = {entry.number for entry, _ in due(previews, now=NOW, closed=closed)}
    assert chosen == {number for number, left in minutes.items() if left <= 0 or number in closed}


def test_a_preview_s_kubeconfig_is_about_its_namespace() -> None:
    contexts = [{"name": name, "context": {"cluster": "c", "user": "u"}} for name in ("shared", "other")]
    given = yaml.safe_dump({"contexts": contexts, "current-context": "other", "users": [{"name": "u"}]})
    own = yaml.safe_load(namespaced(given, "shared", "pr-7"))
    assert own["current-context"] == "shared"
    assert own["contexts"][0]["context"] == {"cluster": "c", "user": "u", "namespace": "pr-7"}
    assert own["contexts"][1:] == contexts[1:]
    assert own["users"] == [{"name": "u"}]


def test_it_is_told_what_was_made_how_it_is_and_how_to_reach_it() -> None:
    place = Path("/state/kubeconfigs/pr-7")
    smoke = Smoke(phase="Sent", seconds=0.4, message="")
    text = preview_up.told(PREVIEW, "i:1", smoke, took=31.4, kubeconfig=place)
    for part in (
        "is up after 31 s",
        "Sent after 0.4 s",
        "abababababab",
        "i:1",
        "the cluster of dev",
        str(place),
    ):
        assert part in text
    assert "until 2026-03-01 12:00 UTC" in text
    silent = Smoke(phase="Pending", seconds=30, message="")
    text = preview_up.told(PREVIEW, "i:1", silent, took=60, kubeconfig=place)
    assert "does not deliver" in text
    assert "no operator has looked at it" in text
