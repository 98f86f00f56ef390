"""Preview stacks: what they are set to and marked by, which are ours, which may go, and that nothing else is touched."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pulumi.automation import CommandError, CommandResult
from typer.testing import CliRunner

from platform_infra.settings import SettingsError, parse
from tests.unit.infra.recording import record_settings
from tools import down, preview, preview_stacks, preview_up
from tools.engine import ROOT
from tools.kubeconfig import namespaced
from tools.preview_cluster import Smoke
from tools.preview_stacks import NotOursError
from tools.previews import Preview, due, recognised, remaining, span, stack_name, values
from tools.stack_file import _text

if TYPE_CHECKING:
    from collections.abc import Callable

    from platform_infra.settings import Settings
    from tests.unit.infra.recording import Recording

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TEMPLATE = yaml.safe_load(preview_up.TEMPLATE.read_text("utf-8"))
OWNER = {"kubeconfig": "apiVersion: v1\nkind: Config\n", "context": "shared", "node": "the-node"}
PREVIEW = Preview(
    number=7, owner="me", commit="ab" * 20, base="dev", created=NOW - timedelta(days=1), expires=NOW
)


def settings_of(number: int, *, base: str = "dev", image: str = "i:1") -> Settings:
    one = replace(PREVIEW, number=number, base=base)
    return parse({key: _text(value) for key, value in values(TEMPLATE, one, image=image).items()})


def recorded(number: int) -> Recording:
    return record_settings(settings_of(number), owner=OWNER)


def one(number: int, expires: datetime, *, base: str = "dev") -> Preview:
    return replace(PREVIEW, number=number, base=base, expires=expires)


def test_the_template_makes_settings_that_are_valid() -> None:
    settings = settings_of(7)
    assert settings.cluster.stack == "organization/notification-platform/dev"
    assert settings.crd.managed is False
    assert settings.watch.namespaces == ("pr-7",)
    assert settings.operator.image == "i:1"


def test_a_base_of_another_organization_is_taken_as_it_is() -> None:
    assert settings_of(7, base="acme/platform/shared").cluster.stack == "acme/platform/shared"


def test_in_a_cluster_of_its_own_a_preview_has_node_crd_and_image_of_its_own() -> None:
    settings = settings_of(7, base="", image="")
    assert (settings.cluster.kind, settings.cluster.stack) == ("local", "")
    recording = record_settings(settings)
    for kind in ("Node", "CustomResourceDefinition", "OperatorImage"):
        assert len(recording.of(kind)) == 1
    assert recording.of("StackReference") == []


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


def test_a_preview_claims_nothing_that_is_the_cluster_s() -> None:
    kinds = {entry.kind for entry in recorded(7).registered}
    assert kinds.isdisjoint({"CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "Node"})


def test_ten_previews_share_no_object_and_none_may_look_into_another() -> None:
    places = [
        {
            (entry.kind, entry.inputs["metadata"].get("namespace"), entry.inputs["metadata"]["name"])
            for entry in recorded(number).registered
            if "metadata" in entry.inputs
        }
        for number in range(1, 11)
    ]
    assert len(set.union(*places)) == sum(map(len, places))
    for number, mine in enumerate(places, start=1):
        assert {namespace for kind, namespace, _ in mine if kind != "Namespace"} == {f"pr-{number}"}


def test_the_namespace_says_whose_it_is_and_carries_the_label_that_the_shared_operator_goes_by() -> None:
    metadata = recorded(7).one("Namespace").inputs["metadata"]
    assert metadata["labels"]["kubernaut.ai/preview"] == "7"
    assert metadata["annotations"] == {
        "kubernaut.ai/preview-owner": "me",
        "kubernaut.ai/preview-commit": "ab" * 20,
        "kubernaut.ai/preview-expires": "2026-03-01T12:00:00Z",
    }
    dev = yaml.safe_load((ROOT / "stacks" / "Pulumi.dev.yaml").read_text("utf-8"))["config"]
    assert dev["notification-platform:watchNamespaceSelector"] == "!kubernaut.ai/preview"


def test_a_preview_that_would_serve_every_namespace_is_refused() -> None:
    with pytest.raises(SettingsError, match="watchNamespaces is empty, but a preview"):
        parse({"previewNumber": "7"})


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


SOON = timedelta(hours=1)


class Backend:
    """Stacks with their tags and outputs, in place of the engine's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = datetime.now(UTC)
        self.tags: dict[str, dict[str, str]] = {
            "dev": one(1, now - SOON).tags(),
            "pr-1": one(1, now - SOON).tags(),
            "pr-2": replace(one(2, now + SOON), owner="some[bot]").tags(),
            "pr-3": {"owner": "somebody else"},
            "pr-4": one(4, now + SOON).tags(),
            "pr-5": {},
            "pr-6": one(6, now - SOON, base="").tags(),
        }
        self.outputs: dict[str, dict[str, Any]] = dict.fromkeys(("pr-1", "pr-2", "pr-4", "dev"), OWNER)
        self.outputs["pr-3"] = {"context": "somebody's own"}
        self.stuck: set[str] = set()
        self.lost: set[str] = set()
        self.done: list[tuple[str, str]] = []
        for name, stand_in in {
            "ensure": lambda *_groups: None,
            "known_stacks": lambda *_toolchain: set(self.tags),
            "exists": lambda name: name in self.tags,
            "tags": lambda name, *_toolchain: self.tags[name],
            "outputs_of": lambda name, *_toolchain: self.outputs.get(name, {}),
            "open_stack": lambda name, **_more: name,
            "destroy": self._destroy,
            "remove": lambda name, *, force=False: self.note("forget" if force else "remove")(name),
            "drop_kubeconfig": lambda _name: None,
            "place": lambda name, _given: self.namespace(name),
        }.items():
            monkeypatch.setattr(preview_stacks, name, stand_in)
        monkeypatch.setattr("platform_infra.cluster.local.node.delete", self.note("node"))
        monkeypatch.setattr(preview, "exists", lambda name: name in self.tags)

    def note(self, what: str) -> Callable[[str], None]:
        return lambda name: self.done.append((what, name))

    def _destroy(self, name: str) -> None:
        if name in self.stuck:
            raise CommandError(CommandResult("", "the API server does not answer", 255))
        self.done.append(("destroy", name))

    def namespace(self, name: str) -> Any:
        sweep, backend = self.note("sweep"), self

        class Place:
            def health(self) -> str:
                return "ready" if name in backend.outputs else "gone"

            def answers(self) -> bool:
                return name not in backend.lost

            def sweep(self, number: int) -> None:
                sweep(f"pr-{number}")

        return Place()

    @property
    def gone(self) -> list[str]:
        return [name for what, name in self.done if what == "remove"]


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
