"""The bill of materials of an image: its Debian and Python packages as a CycloneDX document, read from its files."""

from __future__ import annotations

import json
import re
from email.parser import HeaderParser
from typing import TYPE_CHECKING, Any, Final
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.contact import OrganizationalEntity
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from tools.platform.release.archives import members

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.platform.release.image import PlatformImage, Source

NAME: Final = "notification-platform/operator"
WHEEL: Final = re.compile(r"app/lib/[^/]+\.dist-info/METADATA")
DEBIAN: Final = re.compile(r"var/lib/dpkg/status\.d/[^/]+")
PYTHON: Final = re.compile(r"usr/(?:local/)?bin/python(3\.\d+)")


def bill(source: Source, image: PlatformImage, name: str) -> dict[str, Any]:
    """Return the document of one platform's image, whose manifest has the digest `name`."""
    bom = Bom(serial_number=uuid5(NAMESPACE_URL, name), components=list(_components(image)))
    bom.metadata.timestamp = source.date
    bom.metadata.component = Component(
        type=ComponentType.CONTAINER,
        name=NAME,
        version=source.version,
        bom_ref=name,
        purl=PackageURL("oci", None, "operator", name, {"arch": image.architecture}),
    )
    bom.register_dependency(bom.metadata.component, bom.components)
    document: dict[str, Any] = json.loads(JsonV1Dot6(bom).output_as_string())
    return document


def _components(image: PlatformImage) -> Iterator[Component]:
    for path, content in members(image.layers):
        if WHEEL.fullmatch(path) or DEBIAN.fullmatch(path):
            fields = HeaderParser().parsestr(content.decode("utf-8"))
            kind = "pypi" if WHEEL.fullmatch(path) else "deb"
            yield _component(
                kind, fields["Name"] or fields["Package"], fields["Version"], fields["Maintainer"]
            )
        elif found := PYTHON.fullmatch(path):
            yield _component("generic", "python", found[1], None)


def _component(kind: str, name: str, version: str, supplier: str | None) -> Component:
    purl = PackageURL(kind, "debian" if kind == "deb" else None, name, version)
    return Component(
        type=ComponentType.LIBRARY,
        name=name,
        version=version,
        bom_ref=purl.to_string(),
        purl=purl,
        supplier=OrganizationalEntity(name=supplier) if supplier else None,
    )
