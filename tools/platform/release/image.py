"""The image of a release: one for each platform, built by the Dockerfile without a program of the other platform, and their index.

The layers contain the files of the build, sorted and with the time of the commit. So the same commit and base result in the same
digests on every machine with the same versions of zlib and pip.
"""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from platform_infra.docker_client import (
    BUILD_SECONDS,
    BuildOptions,
    DockerError,
    build_image,
    connected,
)
from platform_infra.image import wheelhouse
from platform_infra.image.base import BaseImage, default, pinned
from platform_infra.image.build import context, python_of
from tools.platform.errors import PlatformError
from tools.platform.release.archives import compressed, normalized
from tools.platform.release.oci import (
    CONFIG,
    INDEX,
    LAYER,
    MANIFEST,
    Artifact,
    Repository,
    descriptor,
    digest,
    document,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from docker import DockerClient

ARCHITECTURES: Final = ("amd64", "arm64")
KEPT: Final = ("Cmd", "Entrypoint", "Env", "ExposedPorts", "Labels", "User", "WorkingDir")
"""What an image's configuration has of the build's."""
_LABEL: Final = "org.opencontainers.image"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The commit that a release is built from."""

    root: Path
    version: str
    commit: str
    time: int
    """Seconds since 1970 of the commit, which all files of the release have."""
    url: str = ""

    @property
    def date(self) -> datetime:
        return datetime.fromtimestamp(self.time, UTC)

    def labels(self, base: BaseImage) -> dict[str, str]:
        """Return the labels that the OCI image specification defines."""
        labels = {
            "base.name": base.name,
            "base.digest": base.digest,
            "created": self.date.isoformat(),
            "licenses": "Apache-2.0",
            "revision": self.commit,
            "version": self.version,
            **({"source": self.url} if self.url else {}),
        }
        return {f"{_LABEL}.{name}": value for name, value in labels.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformImage:
    """The image of one platform: its configuration and its layers, uncompressed."""

    architecture: str
    config: bytes
    layers: Sequence[bytes] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedImage:
    name: str
    """The name by the digest of the index."""
    platforms: Mapping[str, str]
    """The digest of each platform's manifest."""
    size: Mapping[str, int]
    """The bytes of each platform's compressed layers."""


def build(source: Source, *, base: str = "") -> list[PlatformImage]:
    """Build the image of each platform.

    Raises:
        PlatformError: Docker does not answer, or a build failed.
        ImageError: the base has no digest.
    """
    image = pinned(base) if base else default(source.root)
    try:
        with connected(seconds=BUILD_SECONDS) as client:
            native = str(client.version()["Arch"])
            bases = {
                architecture: _pulled(client, image, architecture)
                for architecture in {native, *ARCHITECTURES}
            }
            python = python_of(client, bases[native])
            return [
                _build(client, source, image, architecture, python, bases[native], bases[architecture])
                for architecture in ARCHITECTURES
            ]
    except DockerError as error:
        raise PlatformError(f"the image cannot be built: {error}") from error


def push(source: Source, images: Sequence[PlatformImage], repository: str) -> PublishedImage:
    """Push the images and their index, under the version and the commit."""
    target = Repository(repository)
    entries, size = [], {}
    for image in images:
        layers: list[tuple[str, bytes, dict[str, str]]] = [
            (LAYER, compressed(layer), {}) for layer in image.layers
        ]
        manifest = target.push(Artifact(config=(CONFIG, image.config), layers=layers))
        size[image.architecture] = sum(len(content) for _, content, _ in layers)
        platform = {"os": "linux", "architecture": image.architecture}
        entries.append(descriptor(manifest, MANIFEST, platform=platform))
    labels = json.loads(images[0].config)["config"]["Labels"]
    annotations = {name: value for name, value in labels.items() if name.startswith(_LABEL)}
    index = document(
        {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries, "annotations": annotations}
    )
    for tag in (source.commit, source.version):
        target.push_manifest(index, INDEX, tag)
    return PublishedImage(
        name=f"{repository}@{digest(index)}",
        platforms={entry["platform"]["architecture"]: entry["digest"] for entry in entries},
        size=size,
    )


def _pulled(client: DockerClient, base: BaseImage, architecture: str) -> str:
    """Pull the base for one architecture by its own digest, because Docker keeps one image per digest; return the ID."""
    listed = Repository(_on_registry(base.repository)).manifest(base.digest).get("manifests", ())
    platforms = {
        entry["platform"]["architecture"]: entry["digest"]
        for entry in listed
        if entry["platform"]["os"] == "linux"
    }
    if architecture not in platforms:
        raise PlatformError(
            f"the base image {base.reference} has no image for linux/{architecture}",
            hint="name it by the digest of an index that has an image for each platform",
        )
    return str(client.images.pull(base.repository, tag=platforms[architecture]).id)


def _on_registry(repository: str) -> str:
    """Return the repository with its host, which Docker leaves out for its own registry."""
    host, separator, _ = repository.partition("/")
    if separator and (set(host) & set(".:") or host == "localhost"):
        return repository
    return f"registry-1.docker.io/{repository if separator else f'library/{repository}'}"


def _build(  # noqa: PLR0913, PLR0917 - one caller
    client: DockerClient,
    source: Source,
    base: BaseImage,
    architecture: str,
    python: str,
    native: str,
    target: str,
) -> PlatformImage:
    """Build without cache: a layer of this machine may contain anything."""
    wheels = wheelhouse.fetch(source.root / "operator", python=python, architecture=architecture)
    log = wheelhouse.cache_folder() / "logs" / f"release-{architecture}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    machine = wheelhouse.MACHINES[architecture]
    arguments = {"BASE": native, "TARGET_BASE": target, "MACHINE": machine}
    tag = f"notification-platform/release:{source.commit}-{architecture}"
    options = BuildOptions(arguments=arguments, labels=source.labels(base), cached=False)
    build_image(client, io.BytesIO(context(source.root, wheels)), tag=tag, options=options, log=log)
    saved = io.BytesIO(b"".join(client.images.get(tag).save(named=False)))
    client.images.remove(tag)
    return normalized_image(saved, architecture, source)


def normalized_image(saved: io.BytesIO, architecture: str, source: Source) -> PlatformImage:
    """Return the image of an archive of `docker save`."""
    with tarfile.open(fileobj=saved) as archive:

        def read(name: str) -> bytes:
            file = archive.extractfile(name)
            assert file is not None
            return file.read()

        (entry,) = json.loads(read("manifest.json"))
        built: dict[str, Any] = json.loads(read(entry["Config"]))["config"]
        layers: list[bytes] = []
        for name in entry["Layers"]:
            with tarfile.open(fileobj=io.BytesIO(read(name))) as layer:
                layers.append(normalized(layer, time=source.time))
    config = {
        "architecture": architecture,
        "os": "linux",
        "created": source.date.isoformat(),
        "config": {key: built[key] for key in KEPT if built.get(key)},
        "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]},
        "history": [{"created": source.date.isoformat(), "created_by": "Dockerfile"} for _ in layers],
    }
    return PlatformImage(architecture=architecture, config=document(config), layers=layers)
