"""Secrets of receivers: whatever is in them, a receiver is ready or says what is wrong, and shows nothing of it."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from notification_domain.receivers.health import ReadyReason
from notification_runtime.delivery.sessions import Sessions
from tests.unit.operator.domain.receivers.entries import receiver
from tests.unit.operator.endpoints.far_ends import factory_of
from tests.unit.operator.endpoints.stage import Stage

KINDS = ["webhook", "email", "teams", "pagerduty", "sms", "slack", "discord", "mattermost"]
SHOWN = 8
"""Characters from which on a part of a value counts as shown."""

pieces = st.sampled_from(
    [
        "https://",
        "http://",
        "hooks.example.com",
        "/services/T0/B0/",
        "whsec_",
        "@",
        ":",
        "[",
        "]",
        "::1",
        "%",
        "#",
        "\n",
    ]
)
values = st.lists(pieces | st.text(max_size=12), min_size=1, max_size=6).map("".join)


@given(st.sampled_from(KINDS), values, values, st.booleans())
@example("webhook", "https://[::1", "k", False)
@example("webhook", "https://exa mple.com", "k", False)
@example("teams", "https://\udcff.example.com", "k", False)
def test_any_value_of_a_secret_is_used_or_refused(kind: str, value: str, other: str, trusted: bool) -> None:  # noqa: FBT001 - drawn
    block: dict[str, object] = {}
    if kind == "webhook":
        block = {
            "url": None,
            "urlSecretRef": {"name": "s", "key": "k"},
            "signingSecretRefs": [{"name": "s", "key": "o"}],
            "headersSecretRef": {"name": "h", "keys": ["X-Token"]},
        }
    elif kind == "email":
        block = {"authSecretRef": {"name": "s"}}
    more: dict[str, Any] = {"tls": {"caSecretRef": {"name": "s", "key": "k"}}} if trusted else {}
    stage = Stage(receiver("r", kind, block=block, **more), factory=factory_of(Sessions()))
    stage.secrets.put("s", k=value, o=other, username=value, password=other)
    stage.secrets.put("h", **{"X-Token": other})
    (entry,) = stage.catalog.receivers.values()
    ready = stage.readiness(entry)
    assert ready.sendable is (ready.reason is ReadyReason.ACCEPTED and not ready.problem)
    assert "see the log of the operator" not in ready.message
    shown = [value[at : at + SHOWN] for at in range(len(value) - SHOWN + 1)]
    # The host of a URL is no secret, and the one part that is shown.
    hidden = [part for part in shown if part.isascii() and part.isprintable() and not _in_host(part, value)]
    assert not [part for part in hidden if part in ready.message]


def _in_host(part: str, value: str) -> bool:
    """Return whether a text can be a part of the scheme or host of a URL."""
    authority = value.strip().partition("://")[2].partition("/")[0]
    return part in value.strip().partition("/")[0] or part in authority or "://" in part
