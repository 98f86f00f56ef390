"""The pipelines of the documentation that select notifications or log records: each selects what its page promises.

They run in a shell, with a `kubectl` that lists one notification per phase and one log record per documented event. The same
program is `notif`.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from notification_contract.kinds.choices import Phase
from platform_infra.names import OPERATOR, selector
from tests.unit.repository.test_docs import DOCUMENTS
from tests.unit.repository.test_docs_telemetry import of_operator
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

NAMESPACES = {Phase.PENDING: "failed", Phase.SENDING: "failed", Phase.RETRYING: "sent"}
"""Namespaces of notifications that are not final. They, and the names, contain the words of other phases."""
KUBECTL = f"""#!{sys.executable}
import json, sys
from pathlib import Path

words = sys.argv[1:]
here = Path(__file__).parent
if "logs" in words:
    # Of a Deployment, kubectl reads a single pod; of a selector, ten lines unless --tail says otherwise.
    logs = json.loads((here / "logs.json").read_text("utf-8"))
    assert "--tail=-1" in words or not any(word in words for word in ("-l", "--selector")), "--tail=-1 is missing"
    chosen = logs[:1] if any(word.startswith("deploy/") for word in words) else logs
    print("\\n".join(line for pod in chosen for line in pod))
    raise SystemExit
selectors = words[words.index("--field-selector") + 1].split(",") if "--field-selector" in words else []
rows = json.loads((here / "rows.json").read_text("utf-8"))
for selector in selectors:
    field, unequal, value = selector.partition("!=")
    field, _, value = (field, unequal, value) if unequal else selector.partition("=")
    assert field == "status.phase", field
    rows = [row for row in rows if (row[4] != value) == bool(unequal)]
phases = [words[number + 1] for number, word in enumerate(words) if word == "--phase"]
rows = [row for row in rows if not phases or row[4] in phases]
if "name" in words:
    print("\\n".join("notificationrequest.kubernaut.ai/" + row[1] for row in rows))
    raise SystemExit
if "--no-headers" not in words:
    print("NAMESPACE   NAME   TYPE   PRIORITY   PHASE   ATTEMPTS   AGE")
for row in rows:
    print("   ".join(row))
"""
SELECTED: Mapping[str, Sequence[frozenset[str]]] = {
    "docs/notificationrequest.md": [frozenset({Phase.FAILED})],
    "docs/runbooks/NotificationOperatorDeliveryFailureRateHigh.md": [frozenset({"phase changed"})],
    "docs/runbooks/NotificationOperatorStatusConflictRateHigh.md": [frozenset(Phase)],
    "docs/runbooks/NotificationOperatorEventLoopBlocked.md": [
        frozenset({Phase.PENDING, Phase.SENDING, Phase.RETRYING})
    ],
    "docs/runbooks/NotificationOperatorBacklogFull.md": [frozenset({"2 failed", "1 sent"})],
    "docs/runbooks/NotificationExternalHeartbeatFailing.md": [
        frozenset(
            {
                "external heartbeat not sent; retrying",
                "external heartbeat paused",
                "external heartbeat resumed",
            }
        )
    ],
    "docs/runbooks/NotificationOperatorAuditEventsDropped.md": [
        frozenset(
            {
                "audit batch not accepted; retrying",
                "audit file rotated",
                "audit file closed",
                "audit file was changed by another writer; beginning a new chain",
                "audit batch lost",
                "dropping audit events",
                "audit events lost: the store did not accept them in time",
                "audit batch is too large for the store; halving it",
                "audit store abandoned at shutdown",
                "audit store client failed",
                "oldest audit file deleted",
                "removing an incomplete line from the audit file",
            }
        )
    ],
    "docs/runbooks/NotificationOperatorCircuitBreakerOpen.md": [
        frozenset({"circuit breaker opened", "circuit breaker closed"})
    ],
    "docs/runbooks/NotificationOperatorNoLeader.md": [
        frozenset(
            {
                "watch is closed for longer than a Lease; leaving the work to other replicas",
                "lease acquired",
                "lease lost",
                "abandoned in-flight attempts after losing the shard lease",
                "lease not reached",
                "lease not released",
            }
        )
    ],
    "docs/runbooks/NotificationOperatorRetentionOverdue.md": [
        frozenset({"retention sweep incomplete; retrying"})
    ],
    "docs/runbooks/NotificationOperatorRenderingFailing.md": [
        frozenset({"render worker without a result", "render worker not started"})
    ],
    "docs/runbooks/NotificationOperatorRoutingConfigRejected.md": [
        frozenset(
            {
                "routing document loaded",
                "routing document removed",
                "routing document refused",
                "problem of the routing document not reported",
                "keys of the routing document have no effect",
                "routing document caused an unexpected error",
            }
        )
    ],
    "docs/runbooks/NotificationOperatorAttemptsUnrecorded.md": [
        frozenset(
            {
                "status not written; retrying",
                "status refused by the API server; waiting for a change of the notification",
                "reconciliation fails each time; waiting for a change of the notification",
                "reconciliation failed unexpectedly",
            }
        )
    ],
}
"""What the commands of a page select, in their order: phases, counts per namespace, or log events."""


def commands(document: Path) -> Iterator[str]:
    """Yield the commands of a page that select from a listing of notifications or from the operator's log."""
    text = document.read_text("utf-8")
    blocks = re.findall(r"^ *```(?:sh|shell|bash)\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    rest = re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
    for command in (*re.findall(r"`([^`\n]+)`", rest.replace("\\|", "|")), *lines):
        lists = re.match(r"kubectl .*\bget (notif|notificationrequests)\b|notif ls\b", command)
        selects = re.search(r" \| |--field-selector status\.phase", command)
        if selects and (lists or re.match(r"kubectl .*\blogs ", command)):
            yield command.partition("  #")[0]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A PATH with the `kubectl` above, also as `notif`."""
    folder = tmp_path_factory.mktemp("bin")
    kubectl = folder / "kubectl"
    kubectl.write_text(KUBECTL, "utf-8")
    kubectl.chmod(0o755)
    (folder / "notif").symlink_to(kubectl)
    rows = [
        [NAMESPACES.get(phase, "shop"), f"sent-failed-{phase.lower()}", "simple", "low", phase, "1", "5m"]
        for phase in Phase
    ]
    (folder / "rows.json").write_text(json.dumps(rows), "utf-8")
    documented = ((event, level) for event, levels in of_operator().items() for level in sorted(levels))
    lines = [json.dumps({"event": event, "level": level}) for event, level in documented]
    # Each pod has seen a part of the events.
    (folder / "logs.json").write_text(json.dumps([lines[::2], lines[1::2]]), "utf-8")
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def selected(output: str) -> frozenset[str]:
    """Return what an output selects: log events, counts, or the phases of the notifications in it."""
    lines = [line for line in output.splitlines() if line.strip() and not line.startswith("NAMESPACE")]
    if lines and lines[0].startswith("{"):
        return frozenset(json.loads(line)["event"] for line in lines)
    names = re.findall(r"sent-failed-(\w+)", output)
    if names:
        return frozenset(phase for phase in Phase if phase.lower() in names)
    return frozenset(" ".join(line.split()) for line in lines)


@pytest.mark.parametrize("document", SELECTED)
def test_pipelines_of_a_page_select_what_it_promises(document: str, environment: dict[str, str]) -> None:
    results = []
    for command in commands(ROOT / document):
        done = subprocess.run(
            ["sh", "-c", command], env=environment, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), command
        results.append(selected(done.stdout))
    assert results == SELECTED[document]


def test_every_page_with_such_a_pipeline_has_a_promise() -> None:
    pages = {file.relative_to(ROOT).as_posix() for file in DOCUMENTS if any(commands(file))}
    assert pages == set(SELECTED)


def test_logs_of_the_operator_are_read_from_every_pod() -> None:
    label = "=".join(*selector().items())
    for file in DOCUMENTS:
        for command in re.findall(r"kubectl [^`|\n]*\blogs [^`|\n]*", file.read_text("utf-8")):
            words = shlex.split(command, comments=True)
            assert f"deploy/{OPERATOR}" not in words, f"{file.name}: {command} reads one pod of several"
            assert label not in words or "--tail=-1" in words, f"{file.name}: {command} reads ten lines"
