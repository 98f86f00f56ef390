"""The owners of receivers: they create, change and delete them, and rotate their credentials."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from notification_contract import names
from notification_domain.json_values import format_time
from tests.simulation.cluster import NAMESPACE
from tests.simulation.environment import now
from tests.simulation.receivers.api_objects import ApiObjects, Kind, Place, secret_data
from tests.simulation.receivers.far_ends import UNUSABLE, FarEnds
from tests.simulation.receivers.seen import HOME
from tests.simulation.receivers.specs import (
    CHAT,
    DECLARATIONS,
    INVALID,
    KEYS,
    LABELS,
    OTHER_NAMESPACE,
    Declaration,
    describe,
    new_spec,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from tests.simulation.choices import Choices

ORDERS: Final = ("both accepted", "Secret first", "far end first")
"""How a credential is rotated."""
ROTATION_SECONDS: Final = (0.5, 3.0, 10.0)
"""Seconds between the two steps of a rotation."""
BUSY_SECONDS: Final = (4.0, 15.0, 70.0)


class Owners:
    """What exists, and what they do to it."""

    def __init__(
        self,
        objects: ApiObjects,
        far_ends: FarEnds,
        choices: Choices,
        *,
        log: Callable[[str], None],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._objects = objects
        self._far_ends = far_ends
        self._choices = choices
        self._log = log
        self._spawn = spawn
        self._versions: Counter[Place] = Counter()
        self.tests: dict[Place, str] = {}
        """The latest request for a test message of each receiver that exists."""

    def begin(self) -> None:
        """Create the namespaces, and some receivers."""
        for name in (HOME, NAMESPACE, OTHER_NAMESPACE):
            self._objects.create(Place(kind=Kind.NAMESPACES, name=name))
            if self._choices.chance(50):
                self._objects.change(Place(kind=Kind.NAMESPACES, name=name), _toggle_labels)
        for declaration in DECLARATIONS:
            if not self._choices.chance(20):
                self._create(declaration)

    def disturb(self) -> None:
        """Do one of the things that they do."""
        actions: tuple[Callable[[Declaration], None], ...] = (
            self._rotate,
            self._suspend_or_resume,
            self._suspend_or_resume,
            self._delete_or_create,
            self._change_spec,
            self._replace,
            self._revoke,
            self._be_busy,
            self._lose_secret,
            self._spoil_secret,
            self._invalidate,
            self._relabel,
            self._change_default,
            self._request_test,
        )
        self._choices.pick(actions)(self._choices.pick(DECLARATIONS))

    def restore(self, *, resume: bool) -> None:
        """Let every receiver that exists be valid and ready, and every far end accept its credential."""
        for declaration in DECLARATIONS:
            self._restore_secret(declaration)
            self._far_ends[declaration.place].busy_until = 0.0
            if declaration.place in self._objects:
                self._objects.change(declaration.place, _resume if resume else _validate)

    def restore_none(self) -> None:
        """Let everything be as it is, except that nobody asks for a pause."""
        for far_end in self._far_ends.values():
            far_end.busy_until = 0.0

    def _create(self, declaration: Declaration, *, kind: str = "") -> None:
        """Create a receiver and its Secret, which its far end accepts."""
        spec = new_spec(self._choices, declaration, kind=kind)
        self._restore_secret(declaration)
        self._objects.create(declaration.place, spec=spec)
        if declaration is CHAT and not self._choices.chance(20):
            self._objects.change(declaration.place, _toggle_default)
        self._log(f"receiver {declaration.place} is created: {describe(spec)}")

    def _rotate(self, declaration: Declaration) -> None:
        order, seconds = self._choices.pick(ORDERS), self._choices.pick(ROTATION_SECONDS)
        self._versions[declaration.place] += 1
        value, far_end = self._credential(declaration), self._far_ends[declaration.place]
        self._log(f"{declaration.secret}: {value} replaces the credential, {order}")
        match order:
            case "Secret first":
                self._put_secret(declaration, value)
                self._spawn(self._accept_later(declaration, value, seconds))
            case "far end first":
                far_end.accepted = {value}
                self._spawn(self._put_later(declaration, value, seconds))
            case _:
                far_end.accepted.add(value)
                self._put_secret(declaration, value)
                self._spawn(self._accept_later(declaration, value, seconds))

    async def _accept_later(self, declaration: Declaration, value: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._far_ends[declaration.place].accepted = {value}

    async def _put_later(self, declaration: Declaration, value: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._put_secret(declaration, value)

    def _suspend_or_resume(self, declaration: Declaration) -> None:
        if declaration.place in self._objects:
            self._objects.change(declaration.place, _toggle_suspend)
            suspended = self._objects.read(declaration.place)["spec"].get("suspend", False)
            self._log(f"receiver {declaration.place} is {'suspended' if suspended else 'resumed'}")

    def _delete_or_create(self, declaration: Declaration) -> None:
        if declaration.place in self._objects:
            self._delete(declaration)
        else:
            self._create(declaration)

    def _replace(self, declaration: Declaration) -> None:
        """Delete a receiver, and create another one of the same name."""
        self._delete(declaration)
        self._create(declaration, kind=self._choices.pick(("", "", "webhook", "mattermost", "console")))

    def _delete(self, declaration: Declaration) -> None:
        self.tests.pop(declaration.place, None)
        if declaration.place in self._objects:
            self._log(f"receiver {declaration.place} is deleted")
            self._objects.delete(declaration.place)

    def _change_spec(self, declaration: Declaration) -> None:
        if declaration.place in self._objects:
            spec = new_spec(self._choices, declaration)
            self._objects.change(declaration.place, lambda obj: obj.update(spec=spec))
            self._log(f"receiver {declaration.place} is changed: {describe(spec)}")

    def _revoke(self, declaration: Declaration) -> None:
        self._log(f"receiver {declaration.place}: its far end accepts no credential")
        self._far_ends[declaration.place].accepted = set()

    def _be_busy(self, declaration: Declaration) -> None:
        seconds = self._choices.pick(BUSY_SECONDS)
        self._log(f"receiver {declaration.place}: its far end answers 429 for {seconds:g} s")
        self._far_ends[declaration.place].busy_until = asyncio.get_running_loop().time() + seconds

    def _lose_secret(self, declaration: Declaration) -> None:
        if declaration.secret in self._objects:
            self._log(f"Secret {declaration.secret} is deleted")
            self._objects.delete(declaration.secret)
        else:
            self._log(f"Secret {declaration.secret} is restored")
            self._restore_secret(declaration)

    def _spoil_secret(self, declaration: Declaration) -> None:
        self._log(f"Secret {declaration.secret} gets a value that no channel can use")
        self._put_secret(declaration, UNUSABLE)

    def _invalidate(self, declaration: Declaration) -> None:
        if declaration.place in self._objects:
            self._log(f"receiver {declaration.place} gets an invalid spec")
            self._objects.change(declaration.place, lambda obj: obj["spec"].update(INVALID))

    def _relabel(self, _declaration: Declaration) -> None:
        namespace = self._choices.pick((OTHER_NAMESPACE, NAMESPACE, HOME))
        self._log(f"namespace {namespace} gets other labels")
        self._objects.change(Place(kind=Kind.NAMESPACES, name=namespace), _toggle_labels)

    def _change_default(self, _declaration: Declaration) -> None:
        if CHAT.place in self._objects:
            self._log(f"receiver {CHAT.place} becomes the default, or no longer is")
            self._objects.change(CHAT.place, _toggle_default)

    def _request_test(self, declaration: Declaration) -> None:
        if declaration.place in self._objects:
            requested = self.tests[declaration.place] = format_time(now())
            self._log(f"receiver {declaration.place}: a test message is requested")
            self._objects.change(
                declaration.place,
                lambda obj: obj["metadata"]["annotations"].update({names.TEST_ANNOTATION: requested}),
            )

    def _credential(self, declaration: Declaration) -> str:
        return f"credential-{self._versions[declaration.place]}"

    def _restore_secret(self, declaration: Declaration) -> None:
        value = self._credential(declaration)
        self._far_ends[declaration.place].accepted = {value}
        self._put_secret(declaration, value)

    def _put_secret(self, declaration: Declaration, value: str) -> None:
        data = secret_data(dict.fromkeys(KEYS, value))
        if declaration.secret not in self._objects:
            self._objects.create(declaration.secret, type="Opaque", data=data)
        elif self._objects.read(declaration.secret)["data"] != data:
            self._objects.change(declaration.secret, lambda obj: obj.update(data=data))


def _toggle_labels(obj: dict[str, Any]) -> None:
    obj["metadata"]["labels"] = {} if obj["metadata"]["labels"] else dict(LABELS)


def _toggle_suspend(obj: dict[str, Any]) -> None:
    obj["spec"]["suspend"] = not obj["spec"].get("suspend", False)


def _toggle_default(obj: dict[str, Any]) -> None:
    annotations = obj["metadata"]["annotations"]
    default = annotations.get(names.DEFAULT_RECEIVER_ANNOTATION) == "true"
    annotations[names.DEFAULT_RECEIVER_ANNOTATION] = "false" if default else "true"


def _validate(obj: dict[str, Any]) -> None:
    allowed = obj["spec"]["allowedNamespaces"]
    if allowed == INVALID["allowedNamespaces"]:
        obj["spec"]["allowedNamespaces"] = {"from": "All"}


def _resume(obj: dict[str, Any]) -> None:
    _validate(obj)
    obj["spec"].pop("suspend", None)
