"""A release of this checkout's commit, prepared and published twice from two clones to a registry on this machine."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from platform_policy.signatures import verify_image
from tests.harness.local_registry import local_registry
from tests.release.registry import docker, push_bases, run
from tools.platform.pulumi.environment import ROOT
from tools.platform.release.oci import Repository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

MACHINES = {"amd64": 0x3E, "arm64": 0xB7}
"""Numbers of processors in the header of a program."""
LARGEST = 160_000_000
FORBIDDEN = ("bin/sh", "bin/bash", "bin/dash", "bin/apt", "bin/dpkg", "bin/pip", "bin/pip3", "bin/perl")
KEY = ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What `release publish` printed, and the folder that it wrote."""

    image: str
    folder: Path
    version: str

    @property
    def repository(self) -> Repository:
        return Repository(self.image.partition("@")[0])

    @property
    def platforms(self) -> dict[str, str]:
        index = self.repository.manifest(self.image.partition("@")[2])
        return {entry["platform"]["architecture"]: entry["digest"] for entry in index["manifests"]}

    def members(self, architecture: str) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
        """Yield each member of a platform's layers, with its content."""
        manifest = self.repository.manifest(self.platforms[architecture])
        for layer in manifest["layers"]:
            with tarfile.open(fileobj=io.BytesIO(self.repository.blob(layer["digest"]))) as archive:
                for member in archive:
                    file = archive.extractfile(member) if member.isreg() else None
                    yield member, file.read() if file else b""


def command(clone: Path, *arguments: str) -> str:
    """Run a command of the clone with its own modules."""
    parts = ("infra", "operator", "infra/policy_pack", "infra/component_package", "")
    private = KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(clone / part) for part in parts),
        "RELEASE_SIGNING_KEY": private.decode(),
        **{
            f"GIT_{role}_{field}": "release@example.com"
            for role in ("AUTHOR", "COMMITTER")
            for field in ("NAME", "EMAIL")
        },
    }
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tools.platform", *arguments],
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Published, Published]]:
    folder = tmp_path_factory.mktemp("release")
    version = (ROOT / "VERSION").read_text().strip()
    forge, first, second = folder / "forge", folder / "first", folder / "second"
    run("git", "clone", "--quiet", "--bare", str(ROOT), str(forge))
    run("git", "clone", "--quiet", str(forge), str(first))
    command(first, "release", "prepare", version)
    run("git", "-C", str(first), "push", "--quiet", "--follow-tags")
    run("git", "clone", "--quiet", str(forge), str(second))
    (folder / "registry").mkdir()
    with local_registry(folder / "registry") as registry:
        base = push_bases(registry)
        results = []
        for clone in (first, second):
            options = ["--registry", f"{registry}/{clone.name}", "--base", base]
            if clone == first:
                options.append("--no-manifests")
            image = command(clone, "release", "publish", f"v{version}", *options)
            results.append(Published(image=image, folder=clone / "build" / "release", version=version))
        yield results[0], results[1]


def test_two_clones_result_in_the_same_digests(published: tuple[Published, Published]) -> None:
    first, second = published
    assert first.platforms == second.platforms
    assert first.platforms.keys() == MACHINES.keys()
    assert first.image.partition("@")[2] == second.image.partition("@")[2]


def test_two_clones_result_in_the_same_wheels(published: tuple[Published, Published]) -> None:
    first, second = (
        {file.name: file.read_bytes() for file in each.folder.glob("*.whl")} for each in published
    )
    assert len(first) == len(list((ROOT / "packages").iterdir()))
    assert first == second


@pytest.mark.parametrize("architecture", MACHINES)
def test_every_program_is_for_the_platform(published: tuple[Published, Published], architecture: str) -> None:
    programs = {
        member.name: struct.unpack_from("<H", content, 18)[0]
        for member, content in published[0].members(architecture)
        if content.startswith(b"\x7fELF")
    }
    assert sum(name.endswith(".so") for name in programs) > 50
    assert {name for name, machine in programs.items() if machine != MACHINES[architecture]} == set()


@pytest.mark.parametrize("architecture", MACHINES)
def test_image_is_small_and_has_no_shell(published: tuple[Published, Published], architecture: str) -> None:
    members = [member for member, _ in published[0].members(architecture)]
    assert [member.name for member in members if member.name.endswith(FORBIDDEN)] == []
    assert sum(member.size for member in members) < LARGEST
    assert {(member.uid, member.gid, member.uname) for member in members} == {(0, 0, "")}


def test_published_image_runs(published: tuple[Published, Published]) -> None:
    image = published[0].image
    try:
        output = docker("run", "--rm", "--read-only", "--network", "none", image, "--version")
        assert output.strip() == f"notification-operator {published[0].version}"
        labels = docker("inspect", "--format", "{{json .Config.Labels}}", image)
        assert f'"org.opencontainers.image.version":"{published[0].version}"' in labels
    finally:
        docker("rmi", image)


def test_policy_pack_verifies_the_signature(published: tuple[Published, Published]) -> None:
    key = KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    verify_image(published[0].image, key.decode())


@pytest.mark.parametrize("architecture", MACHINES)
def test_bill_of_materials_has_every_locked_package(
    published: tuple[Published, Published], architecture: str
) -> None:
    text = (published[0].folder / f"sbom-{architecture}.cdx.json").read_text()
    lines = (ROOT / "operator" / "requirements.lock").read_text().splitlines()
    locked = [Requirement(line.rstrip(" \\")) for line in lines if line[:1].isalpha()]
    for requirement in locked:
        if requirement.marker is None or requirement.marker.evaluate({"sys_platform": "linux"}):
            version = str(requirement.specifier).removeprefix("==")
            assert f"pkg:pypi/{canonicalize_name(requirement.name)}@{version}" in text
    assert "pkg:deb/debian/libc6@" in text


def test_chart_and_manifests_install_the_published_image(published: tuple[Published, Published]) -> None:
    _, second = published
    assert f"image: {second.image}" in (second.folder / "install.yaml").read_text()
    chart = Repository(second.image.replace("/operator@", "/charts/notification-platform@").partition("@")[0])
    (layer,) = chart.manifest(second.version)["layers"]
    with tarfile.open(fileobj=io.BytesIO(chart.blob(layer["digest"]))) as archive:
        values = archive.extractfile("notification-platform/values.yaml")
        assert values is not None
        assert f"operatorImage: {second.image}" in values.read().decode()
    assert (second.folder / f"notification-platform-{second.version}.tgz").is_file()


def test_checksums_are_those_of_every_other_file(published: tuple[Published, Published]) -> None:
    folder = published[1].folder
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    sums = {name: checksum for checksum, name in (line.split("  ") for line in lines)}
    files = {file.name: file for file in folder.iterdir() if file.name != "SHA256SUMS"}
    assert sums == {name: hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files.items()}
