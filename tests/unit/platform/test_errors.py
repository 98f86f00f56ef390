"""Messages of a failed engine operation, and the hints for known problems."""

from __future__ import annotations

import errno

import pytest
import typer
from kubernetes.client.exceptions import ApiException
from pulumi.automation import CommandError, CommandResult, ConcurrentUpdateError
from pulumi.automation.events import EngineEvent

from tools.platform.errors import ExitCode, PlatformError, error_boundary, explain
from tools.platform.pulumi.events import EngineError, EventLog


def failure(stdout: str = "", stderr: str = "") -> CommandError:
    return CommandError(CommandResult(stdout, stderr, 1))


URN = "urn:pulumi:prod::notification-platform"


def diagnostic(message: str, severity: str = "error", urn: str = "") -> EngineEvent:
    event = {"message": f"{message}\n", "color": "never", "severity": severity, "urn": urn}
    return EngineEvent.from_json({"diagnosticEvent": event})


def failed_operation(*messages: str) -> CommandError:
    """Return the error of an operation that reports these errors and then fails."""
    log = EventLog()
    with pytest.raises(CommandError) as caught, log.operation():  # noqa: PT012 - events arrive while it runs
        for message in messages:
            log.on_event(diagnostic(message))
        raise failure("the whole output of the engine")
    return caught.value


def test_each_error_is_reported_once_with_its_lines() -> None:
    error = failed_operation(
        "2 problem(s):\n  - one\n  - two",
        "an unhandled error occurred: program exited with non-zero exit code: 1",
        "1 error occurred:\n    * it failed",
        "1 error occurred:\n    * it failed",
    )
    assert isinstance(error, EngineError)
    assert explain(error).splitlines() == [
        "2 problem(s):",
        "  - one",
        "  - two",
        "1 error occurred:",
        "    * it failed",
    ]


def test_error_names_its_resources_once_unless_it_does_so_itself() -> None:
    log = EventLog()
    for number in range(5):
        log.on_event(diagnostic("timed out", urn=f"{URN}::kubernetes:core/v1:Namespace::n{number}"))
    own = f"{URN}::kubernetes:core/v1:Secret::s"
    log.on_event(diagnostic(f"resource {own} failed", urn=own))
    log.on_event(diagnostic("2 problem(s)", urn=f"{URN}::pulumi:pulumi:Stack::notification-platform-prod"))
    assert log.errors == [
        "Namespace n0, Namespace n1, Namespace n2 and 2 more: timed out",
        f"resource {own} failed",
        "2 problem(s)",
    ]


def test_summary_is_reported_only_without_a_cause() -> None:
    assert explain(failed_operation("cluster is unreachable", "preview failed")) == "cluster is unreachable"
    assert explain(failed_operation("preview failed")) == "preview failed"


def test_full_disk_is_an_error_without_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as caught, error_boundary():
        raise OSError(errno.ENOSPC, "No space left on device", "/state/x")
    assert caught.value.exit_code == ExitCode.FAILED
    assert capsys.readouterr().err == "error: [Errno 28] No space left on device: '/state/x'\n"
    with pytest.raises(PermissionError), error_boundary():
        raise PermissionError(errno.EACCES, "Permission denied", "/state/x")


def test_warnings_are_not_errors() -> None:
    log = EventLog()
    log.on_event(diagnostic("slow", "warning"))
    assert log.errors == []


def test_failure_without_events_is_reported_whole() -> None:
    assert "the whole output of the engine" in explain(failed_operation())
    assert explain(ValueError("a word")) == "a word"


def test_standard_error_is_reported_without_the_output() -> None:
    assert explain(failure("noise", "error: no stack named 'x' found")) == "no stack named 'x' found"


def test_lock_conflict_keeps_its_type() -> None:
    log = EventLog()
    with pytest.raises(ConcurrentUpdateError), log.operation():
        raise ConcurrentUpdateError(
            CommandResult("", "error: the stack is currently locked by 1 lock(s).", 1)
        )


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        (
            failure(stderr="error: get stack secrets manager: incorrect passphrase"),
            "set PULUMI_CONFIG_PASSPHRASE",
        ),
        (failure(stderr="error: the stack is currently locked by 1 lock(s)."), "cancel --yes --stack"),
        (failure(stderr="[409] Conflict: Another update is currently in progress."), "cancel --yes --stack"),
        (EngineError(["[ErrImagePull] no such host"]), "correct operatorImage"),
        (EngineError(["conflict: .metadata.annotations.kubernaut.ai/owner"]), "set crdManaged to"),
        (
            EngineError(
                ['Apply failed with 1 conflict: conflict with "kubectl-edit" using v1: .spec.replicas']
            ),
            "up NAME --refresh",
        ),
        (
            EngineError(['was not created: Patch "https://1.2.3.4:6443/api/v1/x": EOF']),
            "run the same command",
        ),
        (EngineError(["configured Kubernetes cluster is unreachable"]), "down NAME --cluster-gone"),
    ],
)
def test_known_problem_has_a_hint(error: CommandError, hint: str) -> None:
    message, last = explain(error).splitlines()
    assert message
    assert last.startswith("hint: ")
    assert hint in last


@pytest.mark.parametrize(
    "message",
    [
        'Apply failed with 1 conflict: conflict with "x": .metadata.annotations.kubernaut.ai/owner',
        '[ErrImagePull] Get "https://registry.example.com/v2/": dial tcp: no such host',
    ],
)
def test_problem_has_only_its_own_hint(message: str) -> None:
    assert explain(EngineError([message])).count("hint: ") == 1


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"message": "namespaces \\"x\\" not found"}', 'namespaces "x" not found'),
        ("<html>", "<html>"),
        (None, "no message"),
    ],
)
def test_api_error_is_one_line(body: str | None, message: str) -> None:
    error = ApiException(status=404, reason="Not Found")
    error.body = body
    assert explain(error) == f"the API server answered 404 Not Found: {message}"


def test_hint_of_an_expected_error_follows_its_message() -> None:
    assert explain(PlatformError("x is not up", hint="run `make up`")) == "x is not up\nhint: run `make up`"
