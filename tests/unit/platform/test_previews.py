"""Previews: the tags that identify one, its expiry, and its summary."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.platform.preview_samples import NOW, PREVIEW, one
from tools.platform.preview import stacks as preview_up
from tools.platform.preview.cluster import Smoke
from tools.platform.preview.model import PreviewError, expired, from_tags, remaining, span, stack_name
from tools.platform.pulumi.environment import namespaced


@pytest.mark.parametrize("base", ["dev", "", "acme/platform/shared"])
@pytest.mark.parametrize(("owner", "commit"), [("me", "ab" * 20), ("", ""), ("github-actions[bot]", "")])
@pytest.mark.parametrize("separate", [False, True])
def test_tags_identify_a_preview(base: str, owner: str, commit: str, *, separate: bool) -> None:
    marked = replace(PREVIEW, base=base, owner=owner, commit=commit, separate=separate)
    tags = marked.tags()
    assert from_tags("pr-7", tags) == marked
    # Backends accept short names, and values that are neither empty nor long.
    for key, value in tags.items():
        assert len(key) <= 40
        assert 0 < len(value) <= 256
    assert list(tags)[-1] == "preview:number", "its presence means that all tags are set"


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
def test_stack_without_preview_tags_is_not_a_preview(stack: str, change: dict[str, str]) -> None:
    assert from_tags("pr-7", PREVIEW.tags()) is not None
    assert from_tags(stack, PREVIEW.tags() | change) is None
    assert from_tags("pr-7", {}) is None
    assert from_tags("pr-7", {"owner": "me"}) is None


@pytest.mark.parametrize("number", [0, -1, 10**9])
def test_invalid_number_is_rejected(number: int) -> None:
    with pytest.raises(PreviewError, match="is not a pull request number"):
        stack_name(number)


def test_expired_and_closed_previews_are_listed_with_a_reason() -> None:
    old, new, closed = one(1, NOW - timedelta(hours=30)), one(2, NOW + timedelta(minutes=5)), one(3, NOW)
    chosen = expired([old, new, closed], now=NOW, closed=[3])
    assert chosen == [(old, "expired 1 d 6 h ago"), (closed, "its pull request is closed")]
    assert remaining(new, NOW) == "5 min left"
    assert span(timedelta(hours=5)) == "5 h"
    assert span(timedelta(hours=71, minutes=59)) == "2 d 23 h"


@given(
    st.dictionaries(st.integers(1, 50), st.integers(-10_000, 10_000)),
    st.sets(st.integers(1, 50)),
)
def test_only_expired_and_closed_previews_are_listed(minutes: dict[int, int], closed: set[int]) -> None:
    previews = [one(number, NOW + timedelta(minutes=left)) for number, left in minutes.items()]
    chosen = {entry.number for entry, _ in expired(previews, now=NOW, closed=closed)}
    assert chosen == {number for number, left in minutes.items() if left <= 0 or number in closed}


def test_kubeconfig_has_the_namespace_of_the_preview() -> None:
    contexts = [{"name": name, "context": {"cluster": "c", "user": "u"}} for name in ("shared", "other")]
    content = yaml.safe_dump({"contexts": contexts, "current-context": "other", "users": [{"name": "u"}]})
    own = yaml.safe_load(namespaced(content, "shared", "pr-7"))
    assert own["current-context"] == "shared"
    assert own["contexts"][0]["context"] == {"cluster": "c", "user": "u", "namespace": "pr-7"}
    assert own["contexts"][1:] == contexts[1:]
    assert own["users"] == [{"name": "u"}]


def test_summary_has_state_place_expiry_and_usage() -> None:
    place = Path("/state/kubeconfigs/pr-7")
    smoke = Smoke(phase="Sent", seconds=0.4, message="")
    text = preview_up.summary(PREVIEW, "i:1", smoke, seconds=31.4, kubeconfig=place)
    for part in (
        "is up after 31 s",
        "Sent after 0.4 s",
        "abababababab",
        "i:1",
        "the cluster of dev",
        str(place),
    ):
        assert part in text
    assert "expires  2026-03-01 12:00 UTC" in text
    silent = Smoke(phase="Pending", seconds=30, message="")
    text = preview_up.summary(PREVIEW, "i:1", silent, seconds=60, kubeconfig=place)
    assert "does not deliver" in text
    assert "no operator has processed it" in text
