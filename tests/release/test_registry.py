"""What a release pushes to a registry on this machine, with an image of one small file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from platform_policy.signatures import SignatureError, verify_image
from tests.harness.local_registry import local_registry
from tools.platform.errors import PlatformError
from tools.platform.release.archives import compressed, packed
from tools.platform.release.oci import CONFIG, LAYER, Artifact, Repository, digest, document
from tools.platform.release.signing import attest, sign

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())


def public(key: ec.EllipticCurvePrivateKey) -> str:
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return key.public_key().public_bytes(*form).decode()


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with local_registry(tmp_path_factory.mktemp("registry")) as address:
        yield address


def push(repository: str) -> str:
    """Push an image, and return it by its digest."""
    config = document({"os": "linux", "architecture": "amd64", "config": {}})
    layers: list[tuple[str, bytes, dict[str, str]]] = [
        (LAYER, compressed(packed([("file", b"content")], time=0)), {})
    ]
    return f"{repository}@{digest(Repository(repository).push(Artifact(config=(CONFIG, config), layers=layers)))}"


def test_policy_verifies_the_signature_that_the_registry_returns(registry: str) -> None:
    image = push(f"{registry}/signed")
    sign(image, KEY)
    verify_image(image, public(KEY))
    with pytest.raises(SignatureError, match="none of its 1 signatures is of publicKey"):
        verify_image(image, public(OTHER))


def test_image_without_signature_is_not_verified(registry: str) -> None:
    image = push(f"{registry}/unsigned")
    repository, _, name = image.partition("@")
    attest(repository, name, {"components": []}, KEY)
    with pytest.raises(SignatureError, match="it has no signature"):
        verify_image(image, public(KEY))


def test_missing_manifest_is_an_error_that_names_the_repository(registry: str) -> None:
    with pytest.raises(PlatformError, match=rf"{registry}/unknown: the registry answered 404"):
        Repository(f"{registry}/unknown").manifest("1")
