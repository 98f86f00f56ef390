"""A backend for previews: stacks with tags and outputs in memory, and a record of every operation."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pulumi.automation import CommandError, CommandResult, StackNotFoundError

from tests.unit.platform.preview_samples import OWNER, one
from tools.platform.preview import lifecycle
from tools.platform.preview import stacks as preview_stacks

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


SOON = timedelta(hours=1)


class Backend:
    """Stacks with their tags and outputs, in place of the engine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = datetime.now(UTC)
        self.tags: dict[str, dict[str, str]] = {
            "dev": one(1, now - SOON).tags(),
            "pr-1": one(1, now - SOON).tags(),
            "pr-2": replace(one(2, now + SOON), owner="some[bot]").tags(),
            "pr-3": {"owner": "other"},
            "pr-4": one(4, now + SOON).tags(),
            "pr-5": {},
            "pr-6": one(6, now - SOON, base="").tags(),
        }
        self.outputs: dict[str, dict[str, Any]] = dict.fromkeys(("pr-1", "pr-2", "pr-4", "dev"), OWNER)
        self.outputs["pr-3"] = {"context": "other"}
        self.stuck: set[str] = set()
        self.lost: set[str] = set()
        self.vanished: set[str] = set()
        """Previews that another command removes after they were listed."""
        self.undecryptable: set[str] = set()
        self.renewed_meanwhile: set[str] = set()
        """Previews that another command renews while one is destroyed."""
        self.operations: list[tuple[str, str]] = []
        for name, stand_in in {
            "known_stacks": lambda: set(self.tags),
            "exists": lambda name: name in self.tags,
            "tags": self._tags,
            "outputs_of": self._outputs,
            "open_stack": lambda name, **_more: name,
            "delete_resources": lambda name, **_more: self._destroy(name),
            "remove": lambda name, *, force=False, **_more: self.record("forget" if force else "remove")(
                name
            ),
            "drop_kubeconfig": lambda _name: None,
            "namespace_of": lambda name, _values: self.namespace(name),
        }.items():
            monkeypatch.setattr(preview_stacks, name, stand_in)
        monkeypatch.setattr("platform_infra.cluster.local.node.delete", self.record("node"))
        monkeypatch.setattr(lifecycle, "exists", lambda name: name in self.tags)
        monkeypatch.setattr(lifecycle, "use_backend_of", lambda _base: None)

    def record(self, what: str) -> Callable[[str], None]:
        return lambda name: self.operations.append((what, name))

    def _tags(self, name: str) -> dict[str, str]:
        if name in self.vanished:
            raise StackNotFoundError(CommandResult("", f"error: no stack named '{name}' found", 255))
        return self.tags[name]

    def _outputs(self, name: str) -> dict[str, Any]:
        if name in self.undecryptable:
            raise CommandError(CommandResult("", "error: incorrect passphrase", 255))
        return self.outputs.get(name, {})

    def _destroy(self, name: str) -> None:
        if name in self.stuck:
            raise CommandError(CommandResult("", "the API server does not answer", 255))
        self.operations.append(("destroy", name))
        for other in self.renewed_meanwhile:
            renewed = one(int(other.removeprefix("pr-")), datetime.now(UTC) + SOON, base="")
            self.tags[other] = renewed.tags()

    def namespace(self, name: str) -> Any:
        delete, backend = self.record("delete namespace"), self

        class Place:
            def health(self) -> str:
                return "ready" if name in backend.outputs else "gone"

            def answers(self) -> bool:
                return name not in backend.lost

            def delete(self, number: int) -> None:
                delete(f"pr-{number}")

        return Place()

    @property
    def removed(self) -> list[str]:
        return [name for what, name in self.operations if what == "remove"]
