"""The verbs for previews: what they take down, what they refuse, and that nothing else is touched."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from tests.unit.tools.preview_backend import Backend
from tests.unit.tools.preview_samples import NOW, one
from tools.platform.commands import down, preview
from tools.platform.preview import create as preview_up
from tools.platform.preview import stacks as preview_stacks
from tools.platform.preview.stacks import NotOursError


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Backend:
    return Backend(monkeypatch)


def said(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(preview.app, arguments)
    return result.exit_code, result.output + (str(result.exception) if result.exception else "")


def test_reaping_lists_first_and_takes_only_what_is_ours_and_due(backend: Backend) -> None:
    code, text = said("reap", "--closed", "4")
    assert code == 0
    assert "pr-1 (me): expired" in text
    assert "pr-4 (me): its pull request is closed; would go" in text
    assert backend.done == []
    said("reap", "--dry-run", "--closed", "4")
    assert backend.done == []
    assert said("reap", "--yes", "--closed", "4", "--closed", "3")[0] == 0
    assert backend.gone == ["pr-1", "pr-4", "pr-6"]


def test_one_whose_up_was_killed_is_reaped_with_what_the_engine_never_noted(backend: Backend) -> None:
    del backend.outputs["pr-1"]
    said("reap", "--yes")
    first = [(what, name) for what, name in backend.done if name == "pr-1"]
    assert first == [("destroy", "pr-1"), ("sweep", "pr-1"), ("remove", "pr-1")]
    assert ("node", "pr-6") in backend.done, "the cluster of its own goes too"


def test_one_that_cannot_be_taken_down_does_not_keep_the_others(backend: Backend) -> None:
    backend.stuck = {"pr-1"}
    code, text = said("reap", "--yes")
    assert code == 1
    assert "pr-1 is still there" in text
    assert backend.gone == ["pr-6"]


def test_one_whose_base_and_cluster_are_gone_is_forgotten(backend: Backend) -> None:
    del backend.tags["dev"]
    backend.lost = {"pr-1"}
    said("down", "1")
    assert backend.done == [("forget", "pr-1")]
    backend.done.clear()
    assert said("down", "2")[0] == 0
    cleared = [("destroy", "pr-2"), ("sweep", "pr-2"), ("remove", "pr-2")]
    assert backend.done == cleared, "a cluster that answers is cleared, whoever owns it now"


def test_the_list_tells_age_time_and_health_and_what_to_do_about_expired_ones(backend: Backend) -> None:
    del backend.outputs["pr-4"]
    code, text = said("list")
    rows = {line.split()[0]: line for line in text.splitlines() if line.startswith(" pr-")}
    assert (code, sorted(rows)) == (0, ["pr-1", "pr-2", "pr-4", "pr-6"])
    assert "ready" in rows["pr-2"]
    assert "some[bot]" in rows["pr-2"]
    assert "its up was interrupted" in rows["pr-4"]
    assert "its own cluster" in rows["pr-6"]
    assert "expired 1 h ago" in rows["pr-1"]
    assert "expired: pr-1, pr-6; `make preview PR=…` renews one" in text


def test_a_stack_of_that_name_that_is_no_preview_is_neither_taken_down_nor_taken_over(
    backend: Backend,
) -> None:
    for verb in ("down", "up"):
        code, text = said(verb, "3")
        assert code == 1
        assert "does not say that it is a preview" in text
    assert backend.done == []
    with pytest.raises(NotOursError):
        preview_stacks.find("pr-3")


def test_what_was_interrupted_before_it_was_marked_can_be_taken_down(backend: Backend) -> None:
    assert said("down", "5")[0] == 0
    assert backend.gone == ["pr-5"]


def test_a_preview_that_is_not_there_is_down_already(backend: Backend) -> None:
    code, text = said("down", "99")
    assert (code, backend.gone) == (0, [])
    assert "pr-99 is not up" in text


@pytest.mark.parametrize(
    ("options", "blamed"),
    [
        (["--own-cluster"], "pr-2 lives in the cluster of dev and does not move to a cluster of its own"),
        (["--base", "staging"], "does not move to the cluster of staging"),
    ],
)
def test_a_preview_does_not_change_its_cluster(backend: Backend, options: list[str], blamed: str) -> None:
    code, text = said("up", "2", *options)
    assert code == 1
    assert blamed in text
    assert "`make preview-down PR=2`" in text
    assert backend.done == []


@pytest.mark.usefixtures("backend")
def test_a_base_that_is_not_up_or_has_no_node_here_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    code, text = said("up", "8", "--base", "staging")
    assert code == 1
    assert "the stack staging, whose cluster the preview would use, is not up" in text
    monkeypatch.setattr(preview_up, "base_outputs", lambda _base: {"node": None})
    code, text = said("up", "8", "--base", "staging")
    assert code == 1
    assert "give --registry or --image" in text


def test_a_base_is_not_taken_from_under_its_previews(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    living = [one(1, NOW), one(2, NOW, base="staging"), one(4, NOW)]
    monkeypatch.setattr(down, "exists", lambda _name: True)
    monkeypatch.setattr(down, "previews", lambda: living)
    monkeypatch.setattr(down, "open_stack", lambda _name: pytest.fail("nothing is to be touched"))
    assert down.main(["dev"]) == 1
    assert "pr-1, pr-4 live" in capsys.readouterr().out.replace("\n", " ")
