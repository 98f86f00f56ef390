"""Preview stacks: what they are set to, which are ours, which may go, and that nothing else is touched."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from platform_infra.settings import SettingsError, parse
from tests.unit.infra.recording import record_settings
from tools import preview
from tools.engine import ROOT
from tools.previews import Preview, Source, due, recognised, remaining, stack_name, values
from tools.stack_file import _text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from platform_infra.settings import Settings
    from tests.unit.infra.recording import Recording

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TEMPLATE = yaml.safe_load(preview.TEMPLATE.read_text("utf-8"))
OWNER = {"kubeconfig": "apiVersion: v1\nkind: Config\n", "context": "shared", "node": "the-node"}


def settings_of(number: int) -> Settings:
    source = Source(number=number, owner="me", commit="ab" * 20, image="i:1", base="dev")
    given = values(TEMPLATE, source, expires=NOW)
    return parse({key: _text(value) for key, value in given.items()})


def recorded(number: int) -> Recording:
    return record_settings(settings_of(number), owner=OWNER)


def told(number: int = 1, **more: Any) -> dict[str, Any]:
    """What a preview's stack gives out about itself."""
    return {
        "preview": {"number": number, "owner": "me", "commit": "ab", "expires": "2026-03-01T12:00:00Z"} | more
    }


def one(number: int, expires: datetime) -> Preview:
    return Preview(number=number, owner="me", commit="ab", expires=expires)


def test_the_template_makes_settings_that_are_valid_and_tell_whose_the_preview_is() -> None:
    settings = settings_of(7)
    assert settings.cluster.stack == "organization/notification-platform/dev"
    assert settings.crd.managed is False
    assert settings.preview.output() == {
        "number": 7,
        "owner": "me",
        "commit": "ab" * 20,
        "expires": "2026-03-01T12:00:00Z",
    }
    assert recognised("pr-7", {"preview": settings.preview.output()}) == Preview(
        number=7, owner="me", commit="ab" * 20, expires=NOW
    )


def test_a_base_of_another_organization_is_taken_as_it_is() -> None:
    source = Source(number=1, owner="", commit="", image="i", base="acme/platform/shared")
    assert values(TEMPLATE, source, expires=NOW)["clusterStack"] == "acme/platform/shared"


def test_a_preview_claims_nothing_that_is_the_cluster_s() -> None:
    recording = recorded(7)
    kinds = {entry.kind for entry in recording.registered}
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


def test_the_namespace_carries_the_label_that_the_shared_operator_goes_by() -> None:
    labels = recorded(7).one("Namespace").inputs["metadata"]["labels"]
    assert labels["kubernaut.ai/preview"] == "7"
    dev = yaml.safe_load((ROOT / "stacks" / "Pulumi.dev.yaml").read_text("utf-8"))["config"]
    assert dev["notification-platform:watchNamespaceSelector"] == "!kubernaut.ai/preview"


def test_a_preview_that_would_serve_every_namespace_is_refused() -> None:
    with pytest.raises(SettingsError, match="watchNamespaces is empty, but a preview"):
        parse({"previewNumber": "7"})


@pytest.mark.parametrize("number", [0, -1, 10**9])
def test_a_number_that_is_none_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="no number of a pull request"):
        stack_name(number)


@pytest.mark.parametrize(
    ("stack", "outputs"),
    [
        ("dev", told()),
        ("pr-1", {}),
        ("pr-1", {"preview": None}),
        ("pr-1", told(2)),
        ("pr-01", told()),
        ("pr-1-mine", told()),
        ("pr-1", told(expires="soon")),
        ("pr-1", told(expires="")),
    ],
)
def test_what_does_not_say_that_it_is_a_preview_is_not_ours(stack: str, outputs: Mapping[str, Any]) -> None:
    assert recognised(stack, outputs) is None


def test_what_is_past_its_time_or_closed_may_go_and_the_reason_is_told() -> None:
    old, new, closed = one(1, NOW - timedelta(hours=30)), one(2, NOW + timedelta(minutes=5)), one(3, NOW)
    chosen = due([old, new, closed], now=NOW, closed=[3])
    assert chosen == [(old, "expired 1 d ago"), (closed, "its pull request is closed")]
    assert remaining(new, NOW) == "5 min left"
    assert remaining(old, NOW) == "expired 1 d ago"


@given(
    st.dictionaries(st.integers(1, 50), st.integers(-10_000, 10_000)),
    st.sets(st.integers(1, 50)),
)
def test_exactly_what_is_expired_or_closed_may_go(minutes: dict[int, int], closed: set[int]) -> None:
    previews = [one(number, NOW + timedelta(minutes=left)) for number, left in minutes.items()]
    chosen = {entry.number for entry, _ in due(previews, now=NOW, closed=closed)}
    assert chosen == {number for number, left in minutes.items() if left <= 0 or number in closed}


class Backend:
    """Stacks with their outputs, in place of the engine's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, stacks: dict[str, dict[str, Any]]) -> None:
        self.gone: list[str] = []
        monkeypatch.setattr(preview, "ensure", lambda *_groups: None)
        monkeypatch.setattr(preview, "known_stacks", lambda *_toolchain: set(stacks))
        monkeypatch.setattr(preview, "exists", lambda name: name in stacks)
        monkeypatch.setattr(preview, "open_stack", lambda name, **_more: name)
        monkeypatch.setattr(preview, "outputs", lambda name: stacks[name])
        monkeypatch.setattr(preview, "destroy", self.gone.append)
        monkeypatch.setattr(preview, "remove", lambda _name: None)


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Backend:
    soon = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    stacks = {
        "dev": OWNER | told(1),
        "pr-1": told(1),
        "pr-2": told(2, expires=soon),
        "pr-3": {"context": "somebody's own"},
        "pr-4": told(4, expires=soon),
        "pr-5": {},
    }
    return Backend(monkeypatch, stacks)


def said(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(preview.app, arguments)
    return result.exit_code, result.output


def test_reaping_lists_first_and_takes_only_what_is_ours_and_due(backend: Backend) -> None:
    code, text = said("reap", "--closed", "4")
    assert code == 0
    assert "pr-1 (me): expired" in text
    assert "pr-4 (me): its pull request is closed; would go" in text
    assert backend.gone == []
    said("reap", "--dry-run", "--closed", "4")
    assert backend.gone == []
    said("reap", "--yes", "--closed", "4", "--closed", "3")
    assert backend.gone == ["pr-1", "pr-4"]


def test_a_stack_of_that_name_that_is_no_preview_is_not_taken_down(backend: Backend) -> None:
    code, _ = said("down", "3")
    assert code == 1
    assert backend.gone == []


def test_what_an_interrupted_up_has_left_can_be_taken_down(backend: Backend) -> None:
    assert said("down", "5")[0] == 0
    assert backend.gone == ["pr-5"]


def test_a_preview_that_is_not_there_is_down_already(backend: Backend) -> None:
    code, text = said("down", "99")
    assert (code, backend.gone) == (0, [])
    assert "pr-99 is not up" in text


def test_a_base_that_is_not_up_or_has_no_node_here_is_named() -> None:
    with pytest.raises(ValueError, match="give --registry or --image"):
        preview._image("staging", {"node": None}, "")
