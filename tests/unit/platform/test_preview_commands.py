"""`preview`: what the commands take down, what they reject, and that no other stack changes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from tests.unit.platform.preview_backend import Backend
from tests.unit.platform.preview_samples import NOW, OWNER, one
from tools.platform.cli import app
from tools.platform.errors import PlatformError
from tools.platform.preview import stacks as preview_stacks
from tools.platform.preview.model import Access, PreviewError
from tools.platform.preview.registry import PreviewRepository
from tools.platform.preview.stacks import access_to
from tools.platform.pulumi.removal import takedown as down

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Backend:
    return Backend(monkeypatch)


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["preview", *arguments])
    return result.exit_code, result.output


def test_reap_lists_first_and_takes_down_only_expired_previews(backend: Backend) -> None:
    code, text = run("reap", "--closed", "4")
    assert code == 0
    assert "pr-1 (me): expired" in text
    assert "pr-4 (me): its pull request is closed; would be taken down" in text
    assert backend.operations == []
    run("reap", "--dry-run", "--closed", "4")
    assert backend.operations == []
    assert run("reap", "--yes", "--closed", "4", "--closed", "3")[0] == 0
    assert backend.removed == ["pr-1", "pr-4", "pr-6"]


def test_preview_of_a_killed_up_is_reaped_with_its_namespace(backend: Backend) -> None:
    del backend.outputs["pr-1"]
    run("reap", "--yes")
    first = [(what, name) for what, name in backend.operations if name == "pr-1"]
    assert first == [("destroy", "pr-1"), ("delete namespace", "pr-1"), ("remove", "pr-1")]
    assert ("node", "pr-6") in backend.operations, "its own cluster is deleted too"


def test_failed_take_down_does_not_stop_the_others(backend: Backend) -> None:
    backend.stuck = {"pr-1"}
    code, text = run("reap", "--yes")
    assert code == 1
    assert "pr-1 was not taken down: the API server does not answer" in text
    assert backend.removed == ["pr-6"]


def test_preview_that_was_renewed_meanwhile_is_not_reaped(backend: Backend) -> None:
    backend.renewed_meanwhile = {"pr-6"}
    code, text = run("reap", "--yes")
    assert (code, backend.removed) == (0, ["pr-1"])
    assert "pr-6 was renewed or taken down by another command" in text


def test_images_that_are_left_do_not_stop_the_others(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_repository: PreviewRepository, number: int) -> list[str]:
        raise PreviewError(f"the tags of pr-{number} cannot be read")

    monkeypatch.setattr(PreviewRepository, "delete", refuse)
    code, text = run("reap", "--yes", "--registry", "registry.example.com/previews")
    assert (code, backend.removed) == (1, ["pr-1", "pr-6"])
    assert "not taken down" not in text
    command = "`tools/notif-platform preview down 1 --registry registry.example.com/previews`"
    assert f"pr-1 is down, but its images are left; delete them with {command}: the tags of pr-1" in text


def test_preview_of_a_deleted_cluster_is_only_removed(backend: Backend) -> None:
    del backend.tags["dev"]
    backend.lost = {"pr-1"}
    run("down", "1")
    assert backend.operations == [("forget", "pr-1")]
    backend.operations.clear()
    assert run("down", "2")[0] == 0
    cleared = [("destroy", "pr-2"), ("delete namespace", "pr-2"), ("remove", "pr-2")]
    assert backend.operations == cleared, "a cluster that answers is cleaned up, whoever owns it now"


def test_list_shows_expiry_and_health_and_a_hint_for_expired_ones(backend: Backend) -> None:
    del backend.outputs["pr-4"]
    code, text = run("list")
    rows = {line.split()[0]: line for line in text.splitlines() if line.startswith(" pr-")}
    assert (code, sorted(rows)) == (0, ["pr-1", "pr-2", "pr-4", "pr-6"])
    assert "ready" in rows["pr-2"]
    assert "some[bot]" in rows["pr-2"]
    assert "up was interrupted" in rows["pr-4"]
    assert "its own cluster" in rows["pr-6"]
    assert "expired 1 h ago" in rows["pr-1"]
    assert "expired: pr-1, pr-6; `tools/notif-platform preview up …` renews one" in text


def test_preview_without_a_readable_state_does_not_hide_the_others(backend: Backend) -> None:
    backend.vanished = {"pr-2"}
    backend.undecryptable = {"pr-4"}
    code, text = run("list")
    rows = {line.split()[0]: line for line in text.splitlines() if line.startswith(" pr-")}
    assert (code, sorted(rows)) == (0, ["pr-1", "pr-4", "pr-6"])
    assert "incorrect passphrase" in rows["pr-4"]
    assert run("reap", "--yes")[0] == 0
    assert backend.removed == ["pr-1", "pr-6"]


def test_list_as_a_document_has_each_preview(backend: Backend) -> None:  # noqa: ARG001 - its patches
    code, text = run("list", "-o", "json")
    entries = {each["stack"]: each for each in json.loads(text)["previews"]}
    assert (code, sorted(entries)) == (0, ["pr-1", "pr-2", "pr-4", "pr-6"])
    assert [name for name, each in entries.items() if each["expired"]] == ["pr-1", "pr-6"]
    keys = ["stack", "number", "owner", "commit", "base", "created", "expires", "expired", "health"]
    assert list(entries["pr-2"]) == keys
    assert (entries["pr-2"]["number"], entries["pr-2"]["base"], entries["pr-6"]["base"]) == (2, "dev", "")


def test_stack_without_preview_tags_is_never_changed(
    backend: Backend,
) -> None:
    for command in ("down", "up"):
        code, text = run(command, "3")
        assert code == 1
        assert "has no preview tags" in text
    assert backend.operations == []
    with pytest.raises(PreviewError, match="has no preview tags"):
        preview_stacks.find("pr-3")


def test_stack_without_tags_and_outputs_can_be_taken_down(backend: Backend) -> None:
    assert run("down", "5")[0] == 0
    assert backend.removed == ["pr-5"]


def test_missing_preview_is_no_error(backend: Backend) -> None:
    code, text = run("down", "99")
    assert (code, backend.removed) == (0, [])
    assert "pr-99 is not up" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--own-cluster"], "pr-2 lives in the cluster of dev and cannot move to its own cluster"),
        (["--base", "staging"], "cannot move to the cluster of staging"),
    ],
)
def test_preview_cannot_move_to_another_cluster(backend: Backend, options: list[str], message: str) -> None:
    code, text = run("up", "2", *options)
    assert code == 1
    assert message in text
    assert "`tools/notif-platform preview down 2`" in text
    assert backend.operations == []


def test_base_without_outputs_or_node_is_named(backend: Backend) -> None:
    code, text = run("up", "8", "--base", "staging")
    assert code == 1
    assert "the stack staging, whose cluster the preview would use, is not up" in text
    backend.tags["staging"], backend.outputs["staging"] = {}, {"previewKubeconfig": "text"}
    code, text = run("up", "8", "--base", "staging")
    assert code == 1
    assert "pass --registry or --image" in text


def test_shared_base_without_an_account_for_previews_is_rejected(backend: Backend) -> None:
    backend.tags["staging"] = {}
    for outputs in ({"context": "staging"}, {"context": "staging", "kubeconfig": "of the administrator"}):
        backend.outputs["staging"] = outputs
        code, text = run("up", "8", "--base", "staging", "--image", "i:1")
        assert code == 1
        assert "the stack staging has no account for previews" in text
        assert "set previewBase to true in stacks/Pulumi.staging.yaml" in text
    assert backend.operations == []


def test_access_is_the_account_of_the_base_or_its_local_node(backend: Backend, tmp_path: Path) -> None:
    assert access_to("", None) == Access()
    assert access_to("dev", None) == Access()
    backend.outputs["dev"] = OWNER | {"previewKubeconfig": "text"}
    assert access_to("dev", None) == Access(restricted=True)
    file = tmp_path / "previews"
    assert access_to("anywhere", file) == Access(restricted=True, kubeconfig=str(file))


def test_preview_of_a_separate_backend_is_taken_down_with_its_kubeconfig(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    separate = replace(one(7, NOW, base="staging"), separate=True)
    backend.tags["pr-7"] = separate.tags()
    backend.lost = {"pr-7"}
    code, text = run("down", "7")
    assert code == 1
    assert "its backend does not name its cluster" in text
    assert backend.operations == []

    file = tmp_path / "previews"
    file.write_text("text")
    monkeypatch.setenv("PREVIEW_KUBECONFIG", str(file))
    assert run("down", "7")[0] == 0
    removed = [("destroy", "pr-7"), ("delete namespace", "pr-7"), ("remove", "pr-7")]
    assert backend.operations == removed, "the base is in another backend, so its cluster is not gone"


def test_base_with_previews_is_not_destroyed(monkeypatch: pytest.MonkeyPatch) -> None:
    users = [
        one(1, NOW),
        one(2, NOW, base="staging"),
        one(3, NOW, base="acme/other/dev"),
        one(4, NOW, base="acme/notification-platform/dev"),
    ]
    monkeypatch.setattr(down, "exists", lambda _name: True)
    monkeypatch.setattr(down, "previews", lambda: users)
    monkeypatch.setattr(down, "open_with_settings", lambda _name: pytest.fail("nothing may be changed"))
    with pytest.raises(PlatformError, match=r"pr-1, pr-4 live\(s\) in the cluster of dev"):
        down.take_down("dev")
