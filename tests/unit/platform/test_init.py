"""The file of a new stack: values from options and answers, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from typer.testing import CliRunner

from notification_contract.routing.document import read_table, render
from tools.platform import cli
from tools.platform.commands import init
from tools.platform.deployment import new_stack
from tools.platform.deployment.first_receiver import FirstReceiver, credential_path
from tools.platform.errors import ExitCode
from tools.platform.pulumi.stack_file import StackFileError, check_stack_file

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result


@pytest.fixture(autouse=True)
def stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(new_stack, "STACKS", tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, ["init", *arguments])


def config(stacks: Path, stack: str) -> dict[str, Any]:
    content = yaml.safe_load((stacks / f"Pulumi.{stack}.yaml").read_text("utf-8"))
    return {key.removeprefix("notification-platform:"): value for key, value in content["config"].items()}


def test_local_stack_needs_one_option_and_gives_the_next_step(stacks: Path) -> None:
    result = run("qa", "--cluster", "kind")
    assert (result.exit_code, config(stacks, "qa")) == (0, {"clusterKind": "kind"})
    assert "tools/notif-platform up qa" in result.stdout
    assert "operatorImage" not in result.stdout
    assert (stacks / "Pulumi.qa.yaml").read_text("utf-8").startswith(new_stack.HEADER)


EXISTING = ("qa", "--cluster", "existing", "--kubeconfig", "~/.kube/config", "--context", "there")


@pytest.mark.parametrize(
    ("kind", "path"),
    [(each, credential_path(each)) for each in FirstReceiver if each != FirstReceiver.NONE],
)
def test_first_receiver_is_valid_with_its_credential(stacks: Path, kind: FirstReceiver, path: str) -> None:
    result = run(*EXISTING, "--receiver", kind)
    assert result.exit_code == 0, result.output
    assert f"pulumi config set --secret --path '{path}' --stack qa" in result.stdout
    with pytest.raises(
        StackFileError, match=f"refers to the Secret '{kind}', which the stack does not create"
    ):
        check_stack_file("qa", stacks)
    file = stacks / "Pulumi.qa.yaml"
    content = yaml.safe_load(file.read_text("utf-8"))
    (receiver,) = content["config"]["notification-platform:receivers"]
    secret, key = path.removeprefix("receivers[0].secrets.").removesuffix('"]').split('["')
    receiver["secrets"] = {secret: {key: {"secure": "v1:x"}}}
    file.write_text(yaml.safe_dump(content), "utf-8")
    settings = check_stack_file("qa", stacks)
    assert [(each.name, each.default) for each in settings.receivers] == [(kind, True)]
    assert read_table(render(settings.routing)).root.receiver.channels == (kind,)


def test_existing_cluster_keeps_its_definitions_and_is_checked_first(stacks: Path) -> None:
    result = run(*EXISTING, "--receiver", "none")
    assert result.exit_code == 0, result.output
    assert config(stacks, "qa") == {
        "clusterKind": "existing",
        "clusterKubeconfig": "~/.kube/config",
        "clusterContext": "there",
        "crdRetain": True,
    }
    assert check_stack_file("qa", stacks).cluster.context == "there"
    assert [line.strip() for line in result.stdout.splitlines() if line.startswith("  ")] == [
        "add `notification-platform:operatorImage: REGISTRY/NAME@sha256:DIGEST` to the file",
        "tools/notif-platform pulumi login BACKEND    # docs/state.md lists the URLs",
        "tools/notif-platform pulumi stack init qa --secrets-provider KEY    # docs/state.md lists the URLs",
        "add a receiver to the file, which `up --policy` requires: docs/stack-receivers.md has an example",
        "tools/notif-platform preflight qa",
        "tools/notif-platform up qa",
    ]


def test_answers_at_a_terminal_complete_the_options(stacks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, str] = {}
    answers = {"Cluster": "stack", "Stack that owns it": "acme/clusters/shared", "First receiver": "none"}

    def prompt(question: str, default: str | None) -> str:
        asked[question] = default or ""
        return next(answer for start, answer in answers.items() if question.startswith(start))

    monkeypatch.setattr(init, "_answer", lambda _option, question, default=None: prompt(question, default))
    assert run("qa").exit_code == 0
    assert config(stacks, "qa")["clusterStack"] == "acme/clusters/shared"
    assert list(asked.values()) == ["local", "", "slack"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["qa"], "--cluster is missing, and there is no terminal"),
        (["qa", "--cluster", "existing", "--kubeconfig", "k"], "--context is missing"),
        ([*EXISTING], "--receiver is missing"),
        (["qa", "--cluster", "k3s"], "k3s"),
        (["../qa", "--cluster", "local"], "is no name of a stack"),
        (["pr-7", "--cluster", "local"], "is the name of a preview"),
        (["old", "--cluster", "local"], "exists already hint: edit it"),
    ],
)
def test_unusable_options_are_wrong_usage(stacks: Path, arguments: list[str], message: str) -> None:
    (stacks / "Pulumi.old.yaml").write_text("config: {}\n")
    result = run(*arguments)
    assert result.exit_code == ExitCode.USAGE
    assert message in " ".join(result.stderr.split())
    assert [file.name for file in stacks.iterdir()] == ["Pulumi.old.yaml"]


def test_values_that_do_not_fit_together_write_nothing(stacks: Path) -> None:
    result = run("qa", "--cluster", "local", "--context", "there")
    assert result.exit_code == ExitCode.FAILED
    assert "clusterContext is set, but clusterKind is not `existing`" in result.stderr
    assert list(stacks.iterdir()) == []
