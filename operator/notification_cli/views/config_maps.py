"""The ConfigMaps with the templates of a receiver and of notifications, from files and from the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from notification_contract import names
from notification_domain.json_values import mapping, text
from notification_domain.template_ref import TemplateUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from notification_domain.receivers.catalog import Receiver
    from notification_domain.template_ref import TemplateRef


class Place(NamedTuple):
    namespace: str
    name: str


class ConfigMaps:
    """ConfigMaps by their places; objects without a namespace are in `namespace`."""

    def __init__(self, documents: Iterable[Mapping[str, Any]], *, namespace: str) -> None:
        self._namespace = namespace
        self._data = {
            self._place(each, text(mapping(each.get("metadata")).get("name"))): mapping(each.get("data"))
            for each in documents
            if each.get("kind") == "ConfigMap"
        }

    def missing(self, receiver: Mapping[str, Any], documents: Sequence[Mapping[str, Any]]) -> Sequence[Place]:
        """Return the ConfigMaps that a receiver and the notifications refer to, and that are not here."""
        wanted = [*self._used(receiver, "configMapRef")]
        for each in documents:
            if each.get("kind") == names.KIND:
                wanted += self._used(each, "configMapKeyRef")
        return [place for place in dict.fromkeys(wanted) if place not in self._data]

    def add(self, place: Place, data: Mapping[str, Any]) -> None:
        self._data[place] = data

    def templates(self, receiver: Receiver) -> Mapping[str, str]:
        template = receiver.spec.template
        if template is None:
            return {}
        if template.inline is not None:
            return {"subject": template.inline.subject, "body": template.inline.body}
        name = template.config_map_ref.name if template.config_map_ref else ""
        data = self._data.get(Place(receiver.key.namespace, name), {})
        return {key: text(data.get(key)) for key in ("subject", "body")}

    async def source(self, namespace: str, ref: TemplateRef) -> str:
        """Return the template of a notification, as the operator reads it.

        Raises:
            TemplateUnavailableError: it does not exist.
        """
        data = self._data.get(Place(namespace, ref.config_map))
        if data is None:
            raise TemplateUnavailableError(
                f"there is no such ConfigMap in namespace {namespace}; add it to the files"
            )
        if ref.key not in data:
            raise TemplateUnavailableError(f"there is no such key, but {', '.join(sorted(data)) or 'none'}")
        return text(data[ref.key])

    def _used(self, obj: Mapping[str, Any], field: str) -> Iterator[Place]:
        template = mapping(mapping(obj.get("spec")).get("template"))
        name = text(mapping(template.get(field)).get("name"))
        if name:
            yield self._place(obj, name)

    def _place(self, obj: Mapping[str, Any], name: str) -> Place:
        return Place(text(mapping(obj.get("metadata")).get("namespace")) or self._namespace, name)
