"""What a release stores in a registry: blobs, manifests and indexes, each identified by its content."""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import requests
from oras.auth import AuthenticationException
from oras.provider import Registry

from tools.platform.errors import PlatformError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Layer = tuple[str, bytes, Mapping[str, str]]

INDEX: Final = "application/vnd.oci.image.index.v1+json"
MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
CONFIG: Final = "application/vnd.oci.image.config.v1+json"
LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
ACCEPTED: Final = (
    INDEX,
    MANIFEST,
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
LOCAL: Final = ("127.0.0.1", "localhost")
"""Hosts of registries without a certificate, as for Docker."""


def document(content: Mapping[str, Any]) -> bytes:
    """Return a manifest's bytes: equal content has one digest."""
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def descriptor(content: bytes, media_type: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    """Return the descriptor by which a manifest or an index refers to `content`."""
    return {"mediaType": media_type, "digest": digest(content), "size": len(content), **more}


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A configuration with layers, as bytes by their media type, and annotations of the manifest."""

    config: tuple[str, bytes]
    layers: Sequence[Layer]
    annotations: Mapping[str, str] = field(default_factory=dict)


class Repository:
    """A repository of a registry, with the credentials of `docker login`."""

    def __init__(self, name: str) -> None:
        self.name = name
        insecure = name.partition("/")[0].partition(":")[0] in LOCAL
        self._registry = Registry(insecure=insecure)
        self._container = self._registry.get_container(name)
        self._registry.auth.load_configs(self._container)

    def push(self, artifact: Artifact, *references: str) -> bytes:
        """Push an artifact under the references, or only by its digest; return its manifest."""
        blobs = [artifact.config, *((kind, content) for kind, content, _ in artifact.layers)]
        for _, content in blobs:
            self._push_blob(content)
        layers = [
            descriptor(content, kind, **({"annotations": dict(annotations)} if annotations else {}))
            for kind, content, annotations in artifact.layers
        ]
        annotations = {"annotations": dict(artifact.annotations)} if artifact.annotations else {}
        kind, content = artifact.config
        manifest = document(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": descriptor(content, kind),
                "layers": layers,
                **annotations,
            }
        )
        for reference in references or (digest(manifest),):
            self.push_manifest(manifest, MANIFEST, reference)
        return manifest

    def push_manifest(self, manifest: bytes, media_type: str, reference: str) -> None:
        url = f"{self._registry.prefix}://{self._container.manifest_url(reference)}"
        self._request(url, "PUT", data=manifest, headers={"Content-Type": media_type})

    def manifest(self, reference: str) -> dict[str, Any]:
        """Return the manifest or the index of a tag or a digest."""
        result: dict[str, Any] = json.loads(self.raw_manifest(reference))
        return result

    def raw_manifest(self, reference: str) -> bytes:
        answer = self._get_manifest(reference)
        self._check(answer)
        content: bytes = answer.content
        return content

    def layers(self, reference: str) -> list[Layer]:
        """Return the layers of a manifest, as an artifact has them; none if there is no such manifest."""
        answer = self._get_manifest(reference)
        if answer.status_code == requests.codes.not_found:
            return []
        self._check(answer)
        return [
            (each["mediaType"], self.blob(each["digest"]), each.get("annotations") or {})
            for each in answer.json()["layers"]
        ]

    def _get_manifest(self, reference: str) -> requests.Response:
        url = f"{self._registry.prefix}://{self._container.manifest_url(reference)}"
        return self._call(self._registry.do_request, url, "GET", headers={"Accept": ", ".join(ACCEPTED)})

    def blob(self, name: str) -> bytes:
        url = f"{self._registry.prefix}://{self._container.get_blob_url(name)}"
        content: bytes = self._request(url, "GET").content
        return content

    def _push_blob(self, content: bytes) -> None:
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            layer = {"digest": digest(content), "size": len(content)}
            self._check(self._call(self._registry.upload_blob, file.name, self._container, layer))

    def _request(self, url: str, method: str, **more: Any) -> requests.Response:  # noqa: ANN401 - the library's
        answer = self._call(self._registry.do_request, url, method, **more)
        self._check(answer)
        return answer

    def _call(self, function: Any, *arguments: Any, **more: Any) -> requests.Response:  # noqa: ANN401 - the library's
        """Call the library; a failure names the repository."""
        try:
            answer: requests.Response = function(*arguments, **more)
        except (requests.RequestException, AuthenticationException, ValueError) as error:
            raise PlatformError(
                f"{self.name}: the registry does not accept the call: {error}",
                hint="log in with `docker login`",
            ) from error
        return answer

    def _check(self, answer: requests.Response) -> None:
        if not answer.ok:
            raise PlatformError(
                f"{self.name}: the registry answered {answer.status_code}: {answer.text.strip()[:500]}"
            )
