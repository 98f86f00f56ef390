"""The parts of a release: archives whose bytes follow from their files, bills of materials, and signatures that policies verify."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256

from platform_policy import signatures
from platform_policy.signatures import SignatureError, image_signed, signs
from tests.kit.http_server import QuietHandler, running
from tools.platform.errors import PlatformError
from tools.platform.pulumi.environment import ROOT
from tools.platform.release import publish, signing
from tools.platform.release.archives import compressed, normalized, packed
from tools.platform.release.image import PlatformImage, PublishedImage, Source
from tools.platform.release.oci import Repository
from tools.platform.release.sbom import bill

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

TIME = 1_700_000_000
DIGEST = f"sha256:{'a' * 64}"
IMAGE = f"registry.example.com/operator@{DIGEST}"
SIGNATURES = f"{DIGEST.replace(':', '-')}.sig"
SOURCE = Source(root=ROOT, version="7.8.9", commit="c" * 40, time=TIME)
KEY = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())


def pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def public(key: ec.EllipticCurvePrivateKey) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def archive(names: list[str], *, time: int, owner: int) -> tarfile.TarFile:
    """Return a tar with a file of each name, which holds the name."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as target:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.uid = len(name), time, owner
            target.addfile(member, io.BytesIO(name.encode()))
    buffer.seek(0)
    return tarfile.open(fileobj=buffer)


def test_order_times_and_owners_of_a_build_do_not_change_a_layer() -> None:
    first = normalized(archive(["b", "a"], time=1, owner=0), time=TIME)
    second = normalized(archive(["a", "b"], time=2, owner=1000), time=TIME)
    assert compressed(first) == compressed(second)


def test_content_of_a_file_changes_a_layer() -> None:
    assert packed([("a", b"1")], time=TIME) != packed([("a", b"2")], time=TIME)


def test_bill_of_materials_lists_debian_and_python_packages() -> None:
    files = [
        (
            "app/lib/kopf-1.45.2.dist-info/METADATA",
            b"Metadata-Version: 2.4\nName: kopf\nVersion: 1.45.2\n\nText: no\n",
        ),
        ("var/lib/dpkg/status.d/libc6", b"Package: libc6\nVersion: 2.41-12\nMaintainer: Debian\n"),
        ("usr/local/bin/python3.13", b""),
        ("app/notification_operator/app.py", b""),
    ]
    image = PlatformImage(architecture="arm64", config=b"", layers=[packed(files, time=TIME)])
    document = bill(SOURCE, image, DIGEST)
    assert {each["purl"] for each in document["components"]} == {
        "pkg:pypi/kopf@1.45.2",
        "pkg:deb/debian/libc6@2.41-12",
        "pkg:generic/python@3.13",
    }
    assert document["metadata"]["component"]["version"] == "7.8.9"
    assert document == bill(SOURCE, image, DIGEST)


Layers = dict[str, list[tuple[str, bytes, "Mapping[str, str]"]]]


@pytest.fixture
def pushed(monkeypatch: pytest.MonkeyPatch) -> Layers:
    """What the registry has, by tag: media type, content and annotations of each layer."""
    layers: Layers = {}

    def push(_repository: Repository, artifact: Any, tag: str) -> bytes:
        layers[tag] = artifact.layers
        return b""

    monkeypatch.setattr(Repository, "push", push)
    monkeypatch.setattr(Repository, "layers", lambda _repository, tag: layers.get(tag, []))
    return layers


def test_signature_is_verified_by_its_public_key_alone(
    pushed: Layers, monkeypatch: pytest.MonkeyPatch
) -> None:
    signing.sign(IMAGE, KEY)
    ((kind, payload, annotations),) = pushed[SIGNATURES]
    assert kind == signatures.PAYLOAD
    signature = annotations[signatures.ANNOTATION]
    monkeypatch.setattr(signatures, "fetch", lambda *_: [(payload, signature)])
    signatures.verify_image(IMAGE, public(KEY))
    with pytest.raises(SignatureError, match="none of its 1 signatures"):
        signatures.verify_image(IMAGE, public(OTHER))
    assert not signs(KEY.public_key(), f"sha256:{'b' * 64}", payload, signature)
    assert not signs(KEY.public_key(), DIGEST, payload.replace(b"a" * 64, b"b" * 64), signature)


def test_signature_of_another_identity_stays(pushed: Layers) -> None:
    keyless = (
        signatures.PAYLOAD,
        b"{}",
        {signatures.ANNOTATION: "s", "dev.sigstore.cosign/certificate": "c"},
    )
    pushed[SIGNATURES] = [keyless]
    signing.sign(IMAGE, KEY)
    first, second = pushed[SIGNATURES]
    assert first == keyless
    assert signs(KEY.public_key(), DIGEST, second[1], second[2][signatures.ANNOTATION])


class _Registry(QuietHandler):
    """A registry with the signatures of one image."""

    def do_GET(self) -> None:  # noqa: N802 - the name in the base class
        layer = {"mediaType": signatures.PAYLOAD, "digest": DIGEST, "size": 2, "annotations": {"a": "b"}}
        answers = {
            f"/v2/operator/manifests/{SIGNATURES}": json.dumps({"layers": [layer]}).encode(),
            f"/v2/operator/blobs/{DIGEST}": b"{}",
        }
        body = answers.get(self.path, b"")
        self.answer(body, status=200 if body else 404)


def test_layers_are_read_from_the_registry() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Registry)
    with running(server):
        repository = Repository(f"127.0.0.1:{server.server_address[1]}/operator")
        assert repository.layers(SIGNATURES) == [(signatures.PAYLOAD, b"{}", {"a": "b"})]
        assert repository.layers("another") == []


def test_attestation_is_a_signed_statement_about_the_image(pushed: Layers) -> None:
    signing.attest("registry.example.com/operator", DIGEST, {"components": []}, KEY)
    ((kind, content, annotations),) = pushed[f"{DIGEST.replace(':', '-')}.att"]
    assert (kind, annotations["predicateType"]) == (signing.ENVELOPE, "https://cyclonedx.org/bom")
    envelope = json.loads(content)
    payload = base64.b64decode(envelope["payload"])
    assert json.loads(payload)["subject"][0]["digest"] == {"sha256": "a" * 64}
    signed = f"DSSEv1 28 {envelope['payloadType']} {len(payload)} ".encode() + payload
    KEY.public_key().verify(base64.b64decode(envelope["signatures"][0]["sig"]), signed, ec.ECDSA(SHA256()))


@pytest.mark.parametrize("kind", ["text", "another"])
def test_unusable_signing_key_is_refused(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    another = kind == "another"
    monkeypatch.setenv(
        "RELEASE_SIGNING_KEY", pem(ed25519.Ed25519PrivateKey.generate()) if another else "text"
    )
    with pytest.raises(PlatformError, match="of another kind" if another else "no key in PEM"):
        signing.signing_key()


def pod(image: str) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [{"name": "operator", "image": image}]}}}}


def refusing(_image: str, _key: str) -> None:
    raise SignatureError("it has no signature")


@pytest.mark.parametrize(
    ("configuration", "count"),
    [
        ({}, 0),
        ({"publicKey": "pem"}, 1),
        ({"publicKey": "pem", "images": ["registry.example.com/"]}, 1),
        ({"publicKey": "pem", "images": ["ghcr.io/"]}, 0),
    ],
)
def test_rule_reports_unsigned_images_that_it_applies_to(configuration: dict[str, Any], count: int) -> None:
    found = list(image_signed("Deployment", pod(IMAGE), configuration, refusing))
    assert len(found) == count
    assert all(f"container operator: the image {IMAGE} is not verified" in each for each in found)


def test_image_without_digest_is_not_verified() -> None:
    with pytest.raises(SignatureError, match="no digest"):
        signatures.verify_image("registry.example.com/operator:1", public(KEY))


@pytest.fixture
def checkout(tmp_path: Path) -> Callable[[str], Source]:
    def write(changelog: str) -> Source:
        (tmp_path / "CHANGELOG.md").write_text(changelog)
        return Source(root=tmp_path, version="0.2.0", commit="c" * 40, time=TIME)

    return write


PUBLISHED = PublishedImage(name=IMAGE, platforms={"amd64": DIGEST}, size={"amd64": 45_600_000})


def test_notes_are_the_section_of_the_version(checkout: Callable[[str], Source]) -> None:
    source = checkout(
        "# Changelog\n\n## [0.2.0] - 2026-12-01\n\n### Added\n\n- New.\n\n## [0.1.0] - 2026-11-01\n\n- Old.\n"
    )
    text = publish.notes(source, PUBLISHED)
    assert "- New." in text
    assert "- Old." not in text
    assert f"| amd64 | `{DIGEST}` | 46 MB |" in text


def test_release_without_a_section_of_the_changelog_is_refused(checkout: Callable[[str], Source]) -> None:
    with pytest.raises(PlatformError, match=r"no section 0\.2\.0"):
        publish.notes(checkout("# Changelog\n"), PUBLISHED)


def test_chart_installs_the_image_of_the_release() -> None:
    values = (ROOT / publish.CHART / "values.yaml").read_text("utf-8")
    assert f"\noperatorImage: {IMAGE}\n" in publish.with_image(values, IMAGE)
    with pytest.raises(ValueError, match="has 0 lines"):
        publish.with_image("replicas: 1\n", IMAGE)
