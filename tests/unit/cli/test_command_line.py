"""The command line as a process: help, completion, usage errors, and offline verbs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from notification_cli.actions.composing import _link
from notification_cli.actions.listing import phase_selector
from notification_cli.actions.routing import parse_labels
from notification_cli.app import COMMANDS as SUMMARIES
from notification_cli.app import app
from notification_cli.boundary import exit_code
from notification_cli.errors import CliError, ExitCode
from notification_cli.kube.refusals import explain
from notification_contract.routing.reach import ONLY_LOGGED, Reach
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = (sys.executable, "-m", "notification_cli")
COMMANDS = list(SUMMARIES)


def run(
    *arguments: str, module: str = "notification_cli", text: str = "", **environment: str
) -> tuple[int, str, str]:
    """Run the command line; return exit code, output and errors."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT / "operator"), **environment},
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def run_here(*arguments: str) -> tuple[int, str, str]:
    """Run the command line in this process, which is already loaded, without a cluster."""
    done = CliRunner().invoke(app, arguments, env={"KUBECONFIG": "/absent"})
    return done.exit_code, done.stdout, done.stderr


def test_help_lists_the_verbs_that_exist() -> None:
    code, out, _ = run("--help")
    assert code == 0
    listed = [
        line.split()[0]
        for line in out.partition("Commands:")[2].partition("Exit codes")[0].splitlines()
        if line.strip()
    ]
    assert sorted(listed) == sorted(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_line_of_a_command_is_the_first_one_of_its_own_help(command: str) -> None:
    described = " ".join(run_here(command, "--help")[1].partition("\n\n")[2].split("\n\n")[0].split())
    assert described == SUMMARIES[command][1]
    assert len(described) <= 62


@pytest.mark.parametrize("command", COMMANDS)
def test_every_verb_explains_itself(command: str) -> None:
    code, out, _ = run_here(command, "--help")
    assert code == 0
    assert out.startswith("Usage: notif")
    assert "`" not in out
    assert not re.search(r" <\w", out), "types of Python"
    assert run_here(command, "-h")[:2] == (0, out)


def test_examples_in_the_help_of_a_verb_are_told_apart() -> None:
    for words in (("ls",), ("source", "test")):
        text = " ".join(run_here(*words, "--help")[1].split())
        assert "`" not in text
        examples = text.partition("Examples: ")[2].partition(" Options:")[0]
        assert examples.count("; notif") >= 2


def test_short_option_of_help_works_in_groups_and_at_the_top() -> None:
    for words in ((), ("source", "ls"), ("route", "test")):
        assert run_here(*words, "-h")[:2] == (0, run_here(*words, "--help")[1])


def test_help_loads_neither_the_kubernetes_client_nor_yaml() -> None:
    code = "import sys, notification_cli.app, notification_cli.completion; print({'kubernetes', 'aiohttp', 'yaml', 're2', 'rich'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "operator", capture_output=True, text=True, check=False
    )
    assert done.stdout == "set()\n"


def test_completion_of_kubectl_offers_options_and_values() -> None:
    assert run("ls", "--ph", module="notification_cli.completion")[1] == "--phase\n:0\n"
    values = run("ls", "--phase", "", module="notification_cli.completion")[1].split()
    assert values == ["Pending", "Sending", "Retrying", "Sent", "PartiallySent", "Failed", "Suppressed", ":0"]


@pytest.mark.slow
def test_absent_kubeconfig_is_one_line() -> None:
    code, out, err = run("ls", KUBECONFIG="/absent/config")
    assert (code, out) == (3, "")
    assert err == "notif: there is no kubeconfig at /absent/config; set KUBECONFIG or --kubeconfig\n"


def test_lint_of_several_files_names_each_problem(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [", "utf-8")
    good, bad = ROOT / "examples" / "simple.yaml", ROOT / "examples" / "refused.yaml"
    code, out, _ = run_here("lint", str(good), str(bad), str(broken), "-")
    lines = out.splitlines()
    assert code == 1
    assert lines[0].endswith("simple: ok")
    assert "spec.priority: unsupported value 'urgent'" in lines[1]
    assert "it is not YAML" in lines[2]
    assert lines[3].startswith("-: nothing to check")
    assert run_here("lint", str(good))[0] == 0


def test_route_test_with_a_file_of_rules_needs_no_cluster(tmp_path: Path) -> None:
    rules, tests = tmp_path / "rules.yaml", tmp_path / "tests.yaml"
    rules.write_text("route: {receiver: a}\nreceivers: [{name: a, channels: [log]}]", "utf-8")
    tests.write_text("tests: [{name: all, labels: {a: b}, channels: [log], receivers: [a]}]", "utf-8")
    code, out, err = run_here("route", "test", "--rules", str(rules), "--file", str(tests))
    assert (code, out.splitlines()[1].split()) == (0, ["ok", "all", "log"])
    assert "1 of 1 expectations hold" in err
    tests.write_text("tests: [{labels: {a: b}, channels: [slack]}]", "utf-8")
    code, out, _ = run_here("route", "test", "--rules", str(rules), "--file", str(tests))
    assert (code, "expected slack, got log" in out) == (1, True)
    tests.write_text("tests: [{labels: {a: 1}}]", "utf-8")
    assert (
        "tests[0].labels: must be a mapping of strings"
        in run_here("route", "test", "--rules", str(rules), "--file", str(tests))[2]
    )
    rules.write_text("route: {receiver: b}", "utf-8")
    code, _, err = run_here("route", "test", "--rules", str(rules), "--labels", "a=b")
    assert (code, "is not a valid routing document" in err) == (1, True)


@pytest.mark.parametrize(("labels", "logged"), [("team=web", True), ("team=shop", False)])
def test_route_test_says_when_only_the_log_gets_a_message(tmp_path: Path, labels: str, logged: bool) -> None:  # noqa: FBT001
    rules = tmp_path / "rules.yaml"
    route = "{receiver: a, routes: [{receiver: a, matchers: ['team=\"shop\"']}]}"
    rules.write_text(f"route: {route}\nreceivers: [{{name: a, channels: [log]}}]", "utf-8")
    code, out, _ = run_here("route", "test", "--rules", str(rules), "--labels", labels)
    assert (code, ONLY_LOGGED in " ".join(out.split())) == (0, logged)


@pytest.mark.parametrize(
    ("refs", "rule", "reach"),
    [
        ("[]", "{receiver: a}", Reach.REACHES_NOBODY),
        ("[]", "{receiver: a, routes: [{receiver: a, matchers: ['a=b']}]}", Reach.DEPENDS),
        ("[{name: oncall}]", "{receiver: a}", Reach.ROUTED),
    ],
)
def test_lint_says_when_only_the_log_gets_the_messages_of_a_source(
    tmp_path: Path, refs: str, rule: str, reach: Reach
) -> None:
    source, rules = tmp_path / "source.yaml", tmp_path / "rules.yaml"
    spec = f"{{type: generic, auth: {{bearerSecretRef: {{name: s, key: t}}}}, receiverRefs: {refs}}}"
    head = "apiVersion: kubernaut.ai/v1alpha1\nkind: NotificationSource\nmetadata: {name: alerts}"
    source.write_text(f"{head}\nspec: {spec}", "utf-8")
    rules.write_text(f"route: {rule}\nreceivers: [{{name: a, channels: [log]}}]", "utf-8")
    code, out, _ = run_here("lint", str(source), str(rules))
    note = f" ({reach.message})" if reach.message else ""
    assert (code, out.splitlines()[0]) == (0, f"{source}: NotificationSource alerts: ok{note}")


def test_selector_of_several_phases_excludes_the_others() -> None:
    assert phase_selector([]) == ""
    assert phase_selector(["Failed"]) == "status.phase=Failed"
    selector = phase_selector(["Failed", "PartiallySent"])
    assert (
        selector
        == "status.phase!=Pending,status.phase!=Sending,status.phase!=Retrying,status.phase!=Sent,status.phase!=Suppressed"
    )


def test_labels_and_links_are_read_or_refused_with_their_form() -> None:
    assert parse_labels("a=b,c/d=") == {"a": "b", "c/d": ""}
    for text in ("a", "=b"):
        with pytest.raises(CliError, match="write them like a=b,c=d"):
            parse_labels(text)
    assert _link("Graph=https://g.example/a?b=c").label == "Graph"
    assert _link("https://g.example/a?b=c").label == "g.example"
    for text in ("Graph", "javascript:alert(1)", "x=ftp://a", "http://["):
        with pytest.raises(CliError, match="write URL or TEXT=URL"):
            _link(text)


def test_refusals_name_what_is_missing() -> None:
    message = 'notificationrequests.kubernaut.ai is forbidden: User "ann" cannot list resource "notificationrequests" in API group "kubernaut.ai" at the cluster scope'
    assert explain("dev", 403, {"message": message}) == (
        "missing right: user ann may not list notificationrequests.kubernaut.ai in all namespaces; use -n NAMESPACE where you may"
    )
    assert "log in again" in explain("dev", 401, {})
    assert "is not installed" in explain("dev", 404, {})
    assert "overloaded" in explain("dev", 429, {})
    unselectable = {"message": "field label not supported: status.phase"}
    assert "cannot select by phase" in explain("dev", 400, unselectable)
    assert (
        explain("dev", 403, {"message": "by policy\nno"})
        == "the API server refuses the request: by policy no"
    )
    assert explain("dev", 500, {}) == "the API server of dev answered 500: without a reason"


def test_error_boundary_returns_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> int:
        raise CliError("it \x1b[2Jfailed", code=ExitCode.TIMEOUT)

    def interrupted() -> int:
        raise KeyboardInterrupt

    assert (exit_code(fail), exit_code(interrupted), exit_code(lambda: 1)) == (4, 130, 1)
    assert capsys.readouterr().err == "notif: it \ufffd[2Jfailed\n"
