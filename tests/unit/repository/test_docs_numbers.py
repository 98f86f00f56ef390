"""Numbers in the pages for operators: each is written from the constant of the code that it states."""

from __future__ import annotations

import pytest

from notification_domain import error_text
from notification_domain.flow_control.breaker import CROWD, MOST_RESULTS
from notification_domain.rendering.markup import markdown
from notification_operator.app import SILENCE, STALLED
from notification_operator.controller import external_heartbeat
from notification_operator.endpoints.circuit import WAKES_PER_SECOND
from notification_operator.observers.audit import store, writer
from notification_operator.watch.supervisor import UNAVAILABLE_AFTER
from notification_runtime.delivery.local.file_storage import CLEARED_SHARE, FULL_SHARE, MOST_FILES
from notification_runtime.delivery.local.messages import LINE_BYTES
from notification_runtime.kube.events import BUFFER, PER_NAMESPACE, QUIET
from notification_runtime.rendering import slack_text
from notification_runtime.rendering.compose import MAX_INLINE
from notification_runtime.rendering.worker import MAX_WAITING
from notification_runtime.telemetry.metrics import MAX_RECEIVERS
from platform_infra.settings.model import PATHS, default_of
from tests.unit.repository.test_docs import page

CPU, MEMORY, MEMORY_LIMIT = (
    default_of(PATHS[f"operator{name}"]) for name in ("CpuRequest", "MemoryRequest", "MemoryLimit")
)
STATED = {
    "flow-control": (
        f"{WAKES_PER_SECOND:g} per second",
        f"the first {error_text.LIMIT} characters of the body",
        f"half of the latest {MOST_RESULTS} results",
        f"more than {CROWD} notifications wait",
    ),
    "audit": (
        f"about {writer.BATCH_BYTES / 1e6:g} MB",
        f"at most {writer.MAX_BYTES / 2**20:g} MiB",
        f"none within {store.RESPONSE_SECONDS:g} s",
        f"after {writer.RETRY_DELAYS[0]:g} s, doubling up to {writer.RETRY_DELAYS[-1]:g} s",
        f"`Retry-After` up to {writer.MAX_RETRY_AFTER:g} s",
    ),
    "telemetry": (
        f"within the last {SILENCE:g} s",
        f"neither open nor retried for {STALLED:g} s",
        f"refused for {UNAVAILABLE_AFTER:g} s",
        f"a buffer of {BUFFER}, at most {PER_NAMESPACE} per namespace",
        f"one every {QUIET.total_seconds() / 60:g} minutes",
        f"At most {MAX_RECEIVERS:,} receivers",
    ),
    "channels": (
        f"more than {markdown.MAX_MARKDOWN:,} characters, {markdown.MAX_CELLS:,} table cells",
        f"{markdown.MAX_MARKS:,} special characters",
        f"exceed {markdown.MAX_RENDERED:,} characters",
    ),
    "settings-channels": (
        f"at most {LINE_BYTES / 1024:g} KiB",
        f"When files take {FULL_SHARE:.0%}".replace("%", " %"),
        f"there are {FULL_SHARE * MOST_FILES:,.0f} of them",
        f"down to {CLEARED_SHARE:.0%}".replace("%", " %"),
        f"of {slack_text.MAX_HEADER} characters each",
        f"of {slack_text.MAX_SECTION} characters each",
        f"More than {slack_text.MAX_BLOCKS} blocks",
    ),
    "drills": (f"within {external_heartbeat.SECONDS:g} seconds",),
    "scale": (
        f"{CPU} requested",
        f"{MEMORY.removesuffix('Mi')} MiB requested, {MEMORY_LIMIT.removesuffix('Mi')} MiB limit",
    ),
    "runbooks/NotificationOperatorRenderingFailing": (
        f"its first {MAX_INLINE:,} characters",
        f"{MAX_WAITING} of its texts wait",
    ),
}
"""Texts of each page."""


@pytest.mark.parametrize("name", STATED)
def test_page_states_the_numbers_of_the_code(name: str) -> None:
    text = " ".join(page(f"{name}.md").replace("\n>", "\n").split())
    assert [each for each in STATED[name] if each not in text] == []
