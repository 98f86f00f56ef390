"""Shows what notifications look like for a receiver: from files, and from the cluster what the files do not have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from notification_cli.actions.checks import receiver_filter, usage
from notification_cli.actions.linting import read_content
from notification_cli.clock import now
from notification_cli.errors import CliError, ExitCode
from notification_cli.output.documents import document
from notification_cli.output.rendered import write
from notification_cli.views.config_maps import ConfigMaps
from notification_cli.views.explaining.known import declared
from notification_cli.views.format import Output
from notification_cli.views.lint.files import NotYamlError, check
from notification_cli.views.plain import plain
from notification_contract import names
from notification_domain.json_values import format_time, mapping, text
from notification_domain.model import parse
from notification_domain.receivers.catalog import ReceiverKey
from notification_domain.receivers.targets import address_of, addressed
from notification_domain.routing import RoutingState

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from notification_cli.output.screen import Screen
    from notification_cli.session import Session
    from notification_cli.views.explaining.known import Known
    from notification_cli.views.rows import ReceiverFilter
    from notification_domain.model import Notification
    from notification_domain.receivers.catalog import Receiver

UID: Final = "00000000-0000-0000-0000-000000000000"
"""A uid that stands for the one that the API server would give."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """What to show for whom.

    Args:
        files: paths of notifications; receivers and ConfigMaps in them come before those of the cluster.
        receiver: `NAME` or `NAMESPACE/NAME`.
        home: the operator's namespace.
        namespace: that of objects without one; empty for that of the kubeconfig.
        output: the format.
    """

    files: Sequence[str]
    receiver: str
    home: str
    namespace: str = ""
    output: Output = Output.TABLE

    def documents(self) -> list[Mapping[str, Any]]:
        """Return the documents of all files.

        Raises:
            CliError: a file cannot be read, is no YAML, or nothing is to be shown.
        """
        documents: list[Mapping[str, Any]] = []
        for file in self.files:
            content = read_content(file)
            if isinstance(content, NotYamlError):
                raise CliError(f"{file} is not YAML: {content}")
            documents += map(mapping, content)
        if not any(each.get("kind") == names.KIND for each in documents):
            raise usage(f"--filename {', '.join(self.files)}: there is no {names.KIND}; name a file with one")
        self._wanted()
        return documents

    def local(self, documents: Sequence[Mapping[str, Any]]) -> bool:
        """Return whether the files have all that is needed."""
        namespace = self.namespace or "default"
        obj = _receiver(documents, self._wanted(), namespace)
        config_maps = ConfigMaps(documents, namespace=namespace)
        return obj is not None and not config_maps.missing(_placed(obj, namespace), documents)

    async def run(self, session: Session, documents: Sequence[Mapping[str, Any]]) -> int:
        namespace, wanted = self.namespace or session.namespace, self._wanted()
        obj = _receiver(documents, wanted, namespace)
        if obj is None:
            obj = await session.receivers.get(wanted.namespace or namespace, wanted.name)
        config_maps = ConfigMaps(documents, namespace=namespace)
        for place in config_maps.missing(_placed(obj, namespace), documents):
            config_map = await session.notifications.config_map(place.namespace, place.name)
            config_maps.add(place, mapping(config_map.get("data")))
        return await self.write(session.screen, documents, obj, config_maps, namespace)

    async def offline(self, screen: Screen, documents: Sequence[Mapping[str, Any]]) -> int:
        namespace = self.namespace or "default"
        obj = _receiver(documents, self._wanted(), namespace)
        assert obj is not None, "the caller has looked"
        config_maps = ConfigMaps(documents, namespace=namespace)
        return await self.write(screen, documents, obj, config_maps, namespace)

    async def write(
        self,
        screen: Screen,
        documents: Sequence[Mapping[str, Any]],
        obj: Mapping[str, Any],
        config_maps: ConfigMaps,
        namespace: str,
    ) -> int:
        # The channels and their libraries take long to load, and no other command needs them.
        from notification_cli.actions.capturing import capture  # noqa: PLC0415

        key = _key(obj, namespace)
        known = declared({key: _placed(obj, namespace)}, home=self.home)
        receiver = known.catalog.get(key)
        if receiver is None:
            problems = "; ".join(known.problems.get(key, ()))
            raise CliError(f"the spec of receiver {key} is refused: {problems}")
        results = []
        for each in _notifications(documents, namespace):
            notification = parse(_addressed(each, key))
            for note in _notes(notification, receiver, known):
                screen.note(f"{notification.name}: {note}")
            targets = _targets(notification, receiver)
            results += await capture(notification, receiver, config_maps, targets)
        if self.output.is_table:
            write(screen, results)
        else:
            names_of = "\n".join(each.target for each in results)
            document(screen, self.output, {"rendered": plain(results)}, name=names_of)
        return ExitCode.OK

    def _wanted(self) -> ReceiverFilter:
        return receiver_filter(self.receiver)


def _receiver(
    documents: Sequence[Mapping[str, Any]], wanted: ReceiverFilter, namespace: str
) -> Mapping[str, Any] | None:
    for each in documents:
        if each.get("kind") == names.RECEIVER_KIND and wanted.matches([_key(each, namespace)]):
            return each
    return None


def _notifications(documents: Sequence[Mapping[str, Any]], namespace: str) -> Iterator[Mapping[str, Any]]:
    """Yield the valid notifications of the files, as the API server would store them.

    Raises:
        CliError: one is not valid.
    """
    notifications = [each for each in documents if each.get("kind") == names.KIND]
    for checked in check(notifications):
        if checked.problems:
            raise CliError(f"{checked.what}: {'; '.join(checked.problems)}")
    for each in notifications:
        meta = {"uid": UID, "generation": 1, "creationTimestamp": format_time(now()), "resourceVersion": "1"}
        yield {**_placed(each, namespace), "metadata": {**meta, **_placed(each, namespace)["metadata"]}}


def _addressed(obj: Mapping[str, Any], key: ReceiverKey) -> dict[str, Any]:
    """Return a notification that goes to this receiver alone, before its first attempt."""
    spec = {name: value for name, value in obj["spec"].items() if name not in {"channels", "receiverRefs"}}
    spec["receiverRefs"] = [{"name": key.name, "namespace": key.namespace}]
    return {**obj, "spec": spec, "status": {"phase": "Pending"}}


def _targets(notification: Notification, receiver: Receiver) -> Mapping[str, str]:
    """Return the recipient of each target of the receiver; those that it suppresses or refuses are among them."""
    mine = tuple(addressed(receiver, notification))
    if receiver.spec.addresses_people and not any("#" in each for each in mine):
        raise CliError(
            f"receiver {receiver.key} lists no recipients, and accepts none of notification {notification.name}"
        )
    return {
        each: address_of(each, receiver, notification.content, mine) if "#" in each else "" for each in mine
    }


def _notes(notification: Notification, receiver: Receiver, known: Known) -> Iterator[str]:
    """Yield why the operator would not send it now."""
    key = receiver.key
    rules = RoutingState().route(notification, known.resolver).rules
    if receiver.spec.suspend:
        yield f"receiver {key} is suspended, so it would wait"
    if any(each.muted for each in rules.values()):
        yield f"receiver {key} does not accept the priority {notification.content.priority}, so it would be suppressed"
    if not known.catalog.is_undecided(receiver, notification.namespace) and not known.catalog.allows(
        receiver, notification.namespace
    ):
        yield f"receiver {key} is not for namespace {notification.namespace}, so it would be refused"


def _key(obj: Mapping[str, Any], namespace: str) -> ReceiverKey:
    meta = mapping(obj.get("metadata"))
    return ReceiverKey(text(meta.get("namespace")) or namespace, text(meta.get("name")))


def _placed(obj: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    return {**obj, "metadata": {"namespace": namespace, **mapping(obj.get("metadata"))}}
