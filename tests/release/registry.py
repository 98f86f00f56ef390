"""The base images of a release in a registry: an index for two architectures, of which no program is run."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import tarfile
from typing import TYPE_CHECKING

from tools.localcluster.image.base import base_tag, published
from tools.localcluster.image.debian import PACKAGES, SUITE
from tools.localcluster.image.images import ensure_base_image
from tools.localcluster.toolchain import cache_dir
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
    from pathlib import Path

FOREIGN = "arm64"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CERTIFICATES = "usr/share/ca-certificates/mozilla"


def push_bases(registry: str) -> str:
    """Push the local base, and one of another architecture; return their index by its digest.

    Where the local base is the published one, that has both.
    """
    ensure_base_image()
    python = docker(
        "run", "--rm", "--entrypoint", "python3", base_tag(), "-c", "import sys; print(sys.executable)"
    )
    if not python.startswith("/usr/bin/"):
        return f"{published().name}@{published().digest}"
    name = f"{registry}/base"
    repository = Repository(name)
    native = push_base(name, "native")
    foreign = repository.push(_image(foreign_base().read_bytes()))
    index = document(
        {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [
                descriptor(native, DOCKER_MANIFEST, platform={"os": "linux", "architecture": "amd64"}),
                descriptor(foreign, MANIFEST, platform={"os": "linux", "architecture": FOREIGN}),
            ],
        }
    )
    repository.push_manifest(index, INDEX, "latest")
    return f"{name}:latest@{digest(index)}"


def push_base(name: str, tag: str) -> bytes:
    """Push the local base under a name and a tag, and return its manifest."""
    docker("tag", base_tag(), f"{name}:{tag}")
    docker("push", "--quiet", f"{name}:{tag}")
    docker("rmi", f"{name}:{tag}")
    return Repository(name).raw_manifest(tag)


def _image(layer: bytes) -> Artifact:
    """Return an image of one layer; `docker import` would give it the architecture of this machine."""
    rootfs = {"type": "layers", "diff_ids": [digest(layer)]}
    config = document({"os": "linux", "architecture": FOREIGN, "config": {}, "rootfs": rootfs})
    return Artifact(config=(CONFIG, config), layers=[(LAYER, gzip.compress(layer, 1, mtime=0), {})])


def foreign_base() -> Path:
    """Return the file system of Debian with Python for the other architecture: its packages, unpacked and not configured."""
    archive = cache_dir() / "node" / f"base-{base_tag().rpartition(':')[2]}-{FOREIGN}.tar"
    if not archive.exists():
        root = archive.with_suffix(".root")
        shutil.rmtree(root, ignore_errors=True)
        include = ",".join(PACKAGES)
        run(
            "debootstrap",
            f"--arch={FOREIGN}",
            "--foreign",
            "--variant=minbase",
            f"--include={include}",
            SUITE,
            str(root),
        )
        for package in sorted((root / "var/cache/apt/archives").glob("*.deb")):
            _unpack(package, root)
        # An unpacked folder takes the place of the link to usr/lib.
        if not (root / "lib").is_symlink():
            run("cp", "--archive", "--force", f"{root}/lib/.", f"{root}/usr/lib")
        shutil.rmtree(root / "usr/share/doc")
        certificates = "".join(file.read_text() for file in sorted((root / CERTIFICATES).glob("*.crt")))
        (root / "etc/ssl/certs").mkdir(parents=True, exist_ok=True)
        (root / "etc/ssl/certs/ca-certificates.crt").write_text(certificates)
        with tarfile.open(archive.with_suffix(".partial"), "w") as target:
            for part in ("usr", "etc", "var/lib/dpkg"):
                target.add(root / part, part)
        shutil.rmtree(root)
        archive.with_suffix(".partial").rename(archive)
    return archive


def _unpack(package: Path, root: Path) -> None:
    """Unpack a package, and record it as dpkg does."""
    run("dpkg-deb", "--extract", str(package), str(root))
    fields = run("dpkg-deb", "--field", str(package))
    name = fields.partition("\n")[0].removeprefix("Package: ")
    listed = [line.split()[5][1:] for line in run("dpkg-deb", "--contents", str(package)).splitlines()]
    info = root / "var/lib/dpkg/info"
    info.mkdir(parents=True, exist_ok=True)
    (info / f"{name}.list").write_text("\n".join(listed) + "\n")
    with (info.parent / "status").open("a") as status:
        status.write(f"\n{fields.strip()}\n")


def docker(*arguments: str) -> str:
    return run("docker", *arguments)


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
    return done.stdout
