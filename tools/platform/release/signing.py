"""Signatures that `cosign verify --key` accepts: a signed payload in the repository, under a tag that names the digest."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tools.platform.errors import PlatformError
from tools.platform.release.oci import CONFIG, Artifact, Repository, digest, document

if TYPE_CHECKING:
    from collections.abc import Mapping

PAYLOAD: Final = "application/vnd.dev.cosign.simplesigning.v1+json"
ENVELOPE: Final = "application/vnd.dsse.envelope.v1+json"
STATEMENT: Final = "application/vnd.in-toto+json"
ANNOTATION: Final = "dev.cosignproject.cosign/signature"
CYCLONEDX: Final = "https://cyclonedx.org/bom"
KEY_VARIABLE: Final = "RELEASE_SIGNING_KEY"
PASSWORD_VARIABLE: Final = "RELEASE_SIGNING_PASSWORD"  # noqa: S105 - a name


def signing_key() -> EllipticCurvePrivateKey | None:
    """Return the key in the variables, or None without one.

    Raises:
        PlatformError: the value is no such key, or the password does not fit.
    """
    pem = os.environ.get(KEY_VARIABLE)
    if not pem:
        return None
    password = os.environ.get(PASSWORD_VARIABLE) or None
    try:
        key = load_pem_private_key(pem.encode(), password.encode() if password else None)
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        raise PlatformError(
            f"{KEY_VARIABLE}: no key in PEM, or {PASSWORD_VARIABLE} does not fit: {error}"
        ) from error
    if not isinstance(key, EllipticCurvePrivateKey):
        raise PlatformError(
            f"{KEY_VARIABLE}: the key is of another kind than ECDSA",
            hint="use a key of `cosign import-key-pair`",
        )
    return key


def sign(image: str, key: EllipticCurvePrivateKey) -> None:
    """Sign the image that `image` names by its digest."""
    repository, _, name = image.partition("@")
    identity = {"docker-reference": repository}
    content = {
        "critical": {
            "identity": identity,
            "image": {"docker-manifest-digest": name},
            "type": "cosign container image signature",
        },
        "optional": None,
    }
    payload = document(content)
    _attach(repository, _tag(name, "sig"), PAYLOAD, payload, {ANNOTATION: _signature(key, payload)})


def attest(repository: str, name: str, bill: Mapping[str, object], key: EllipticCurvePrivateKey) -> None:
    """Attest that an image, by its digest, consists of what the CycloneDX document `bill` lists."""
    statement = document(
        {
            "_type": "https://in-toto.io/Statement/v0.1",
            "predicateType": CYCLONEDX,
            "subject": [{"name": repository, "digest": {"sha256": name.removeprefix("sha256:")}}],
            "predicate": bill,
        }
    )
    signed = b"DSSEv1 %d %s %d %s" % (len(STATEMENT), STATEMENT.encode(), len(statement), statement)
    envelope = {
        "payloadType": STATEMENT,
        "payload": base64.b64encode(statement).decode(),
        "signatures": [{"keyid": "", "sig": _signature(key, signed)}],
    }
    annotations = {ANNOTATION: "", "predicateType": CYCLONEDX}
    _attach(repository, _tag(name, "att"), ENVELOPE, document(envelope), annotations)


def _tag(name: str, kind: str) -> str:
    return f"{name.replace(':', '-')}.{kind}"


def _signature(key: EllipticCurvePrivateKey, content: bytes) -> str:
    return base64.b64encode(key.sign(content, ECDSA(SHA256()))).decode()


def _attach(repository: str, tag: str, kind: str, content: bytes, annotations: Mapping[str, str]) -> None:
    """Push a manifest with one layer more, as cosign does: those of other keys and identities stay."""
    target = Repository(repository)
    layers = [*target.layers(tag), (kind, content, annotations)]
    contents = [digest(each) for _, each, _ in layers]
    config = document(
        {
            "architecture": "",
            "os": "",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": contents},
        }
    )
    target.push(Artifact(config=(CONFIG, config), layers=layers), tag)
