"""A registry on this machine, without users, which also deletes images."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import yaml

from tests.harness.eventually import eventually
from tools.localcluster.toolchain import ensure
from tools.platform.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def local_registry(folder: Path) -> Iterator[str]:
    """Run a registry that keeps its images in a folder, and yield its address."""
    address = f"127.0.0.1:{free_port()}"
    file = folder / "registry.yml"
    storage = {"filesystem": {"rootdirectory": str(folder / "images")}, "delete": {"enabled": True}}
    file.write_text(yaml.safe_dump({"version": 0.1, "storage": storage, "http": {"addr": address}}))
    program = ensure(["registry"]).program("docker-registry")
    with (folder / "registry.log").open("w") as log:
        process = subprocess.Popen([str(program), "serve", str(file)], stdout=log, stderr=log)
        try:
            eventually(lambda: "listening on" in (folder / "registry.log").read_text(), bool, within=30)
            yield address
        finally:
            process.terminate()
            process.wait()
