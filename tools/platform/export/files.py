"""The files of an export: one per object, `crds/` apart, and one that installs them together."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from notification_cli.output.yaml_text import dump
from tools.platform.errors import PlatformError
from tools.platform.export.objects import rank

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tools.platform.export.objects import Document

DEFINITION: Final = "CustomResourceDefinition"
HEADER: Final = "# Written by `notif-platform export`; the next export of the folder replaces this file.\n"


class Format(StrEnum):
    """The file that installs all objects together."""

    YAML = "yaml"
    KUSTOMIZE = "kustomize"


def contents(documents: Sequence[Document], form: Format) -> dict[str, str]:
    """Return the text of each file by its path. The same objects have the same bytes."""
    texts = {_path(each): dump(each) for each in documents}
    if form == Format.YAML:
        return {**texts, "install.yaml": "---\n".join(texts.values())}
    resources = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    return {**texts, "kustomization.yaml": dump({**resources, "resources": list(texts)})}


def write(folder: Path, texts: Mapping[str, str]) -> None:
    """Write the files, and remove those of an earlier export that are not among them. These stay unless all can be written.

    Raises:
        PlatformError: the folder has YAML files that no export has written; nothing is changed.
    """
    present = [*folder.glob("*.yaml"), *(folder / "crds").glob("*.yaml")]
    foreign = [file for file in present if not file.read_text("utf-8").startswith(HEADER)]
    if foreign:
        raise PlatformError(
            f"--to {folder}: {foreign[0]} was not written by an export",
            hint="name an empty folder, or one of an earlier export",
        )
    (folder / "crds").mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".export-", dir=folder) as name:
        new = Path(name)
        (new / "crds").mkdir()
        for path, text in texts.items():
            (new / path).write_text(HEADER + text, "utf-8")
        for file in present:
            file.unlink()
        for path in texts:
            (new / path).replace(folder / path)
    if not any((folder / "crds").iterdir()):
        (folder / "crds").rmdir()


def _path(document: Document) -> str:
    metadata = document["metadata"]
    if document["kind"] == DEFINITION:
        return f"crds/{metadata['name']}.yaml"
    place = [document["kind"].lower(), metadata.get("namespace", ""), metadata["name"]]
    return f"{rank(document):02}-{'-'.join(filter(None, place))}.yaml"
