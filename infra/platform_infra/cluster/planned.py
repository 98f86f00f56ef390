"""An object that a program registers, by what the API server calls it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Planned:
    """An object that a program registers; an empty namespace for an object of the whole cluster."""

    version: str
    """The group with its version, such as `apps/v1`."""
    kind: str
    name: str
    namespace: str = ""

    @classmethod
    def of(cls, type_: str, metadata: Any, home: str) -> Planned:  # noqa: ANN401 - a class of the SDK, or a map
        """Return the object of a resource; a namespace that is an output is the operator's, called `home`."""
        _, version, kind = type_.split(":")
        namespace = field_of(metadata, "namespace") or ""
        return cls(
            version=version.removeprefix("core/"),
            kind=kind,
            name=field_of(metadata, "name"),
            namespace=namespace if isinstance(namespace, str) else home,
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


def field_of(metadata: Any, field: str) -> Any:  # noqa: ANN401 - as above
    return metadata.get(field) if isinstance(metadata, dict) else getattr(metadata, field)
