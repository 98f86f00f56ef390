"""The rule for signatures: an image has one of the release's key. It is the only rule that asks a registry, and needs the public key."""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from platform_policy.pods import DIGEST, containers_of, pod_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

NAME: Final = "image-signed"
DESCRIPTION: Final = "Images are signed with the key of the release."
PUBLIC_KEY: Final = "publicKey"
IMAGES: Final = "images"
ANNOTATION: Final = "dev.cosignproject.cosign/signature"
PAYLOAD: Final = "application/vnd.dev.cosign.simplesigning.v1+json"
MANIFESTS: Final = (
    "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
)
LOCAL: Final = ("127.0.0.1", "localhost")


class SignatureError(Exception):
    """An image is not signed; the message says why."""


def image_signed(
    kind: str,
    properties: Mapping[str, Any],
    configuration: Mapping[str, Any],
    verify: Callable[[str, str], None],
) -> Iterator[str]:
    """Yield each container whose image is not signed with `publicKey`; `images` limits the rule to names with these beginnings."""
    key = str(configuration.get(PUBLIC_KEY) or "")
    prefixes = tuple(configuration.get(IMAGES) or ("",))
    for container in containers_of(pod_of(kind, properties) or {}) if key else ():
        image = str(container.get("image") or "")
        # A preview does not know every image.
        if image and image.startswith(prefixes):
            try:
                verify(image, key)
            except SignatureError as error:
                yield f"container {container.get('name')}: the image {image} is not verified: {error}"


@cache
def verify_image(image: str, key: str) -> None:
    """Verify a signature of `cosign sign --key`, which is in the image's repository.

    Raises:
        SignatureError: there is none of the key, or the registry does not return it.
    """
    match = DIGEST.search(image)
    if match is None:
        raise SignatureError("it has no digest; reference it by @sha256:…")
    digest = match[0].removeprefix("@")
    public = load_pem_public_key(key.encode())
    if not isinstance(public, EllipticCurvePublicKey):
        raise SignatureError(f"{PUBLIC_KEY} is no ECDSA key")
    signatures = fetch(image.partition("@")[0], digest)
    if not any(signs(public, digest, payload, signature) for payload, signature in signatures):
        raise SignatureError(f"none of its {len(signatures)} signatures is of {PUBLIC_KEY}")


def signs(key: EllipticCurvePublicKey, digest: str, payload: bytes, signature: str) -> bool:
    """Return whether the payload names the digest and is signed with the key."""
    try:
        key.verify(base64.b64decode(signature), payload, ECDSA(SHA256()))
        named = json.loads(payload)["critical"]["image"]["docker-manifest-digest"]
    except (InvalidSignature, ValueError, KeyError, TypeError):
        return False
    return bool(named == digest)


def fetch(name: str, digest: str) -> Sequence[tuple[bytes, str]]:
    """Return payload and signature of each signature of an image, with the credentials of `docker login`.

    Raises:
        SignatureError: the registry does not return them.
    """
    # Only this rule needs the library.
    import requests  # noqa: PLC0415
    from oras.provider import Registry  # noqa: PLC0415

    path, separator, last = name.rpartition("/")
    repository = f"{path}{separator}{last.partition(':')[0]}"
    registry = Registry(insecure=name.partition("/")[0].partition(":")[0] in LOCAL)
    container = registry.get_container(repository)
    registry.auth.load_configs(container)
    # Without the library's retries, which take two minutes where no registry answers.
    call = type(registry).do_request.__wrapped__

    def get(url: str) -> bytes:
        try:
            answer = call(registry, f"{registry.prefix}://{url}", headers={"Accept": f"{MANIFESTS}, */*"})
        except (requests.RequestException, ValueError) as error:
            raise SignatureError(f"the registry does not answer: {error}") from error
        if answer.status_code == requests.codes.not_found:
            raise SignatureError("it has no signature; sign it with `cosign sign --key`")
        if not answer.ok:
            raise SignatureError(f"the registry answered {answer.status_code}")
        return bytes(answer.content)

    manifest = json.loads(get(container.manifest_url(f"{digest.replace(':', '-')}.sig")))
    return [
        (get(container.get_blob_url(layer["digest"])), layer.get("annotations", {}).get(ANNOTATION, ""))
        for layer in manifest["layers"]
        if layer["mediaType"] == PAYLOAD
    ]
