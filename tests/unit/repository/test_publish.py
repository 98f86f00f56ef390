"""tools/publish, with a Docker command line that records its arguments."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from pathlib import Path

REPOSITORY = "registry.example/operator"
DIGEST = f"sha256:{'1' * 64}"
DOCKER = """#!/bin/sh
printf '%s\\n' "$@" >"${0%/*}/arguments"
echo '{"containerimage.digest": "DIGEST"}' >build/image.json
"""


def publish(folder: Path, *more: str, **variables: str) -> tuple[str, list[str]]:
    """Return the name of the published image, and Docker's arguments."""
    docker = folder / "docker"
    docker.write_text(DOCKER.replace("DIGEST", DIGEST))
    docker.chmod(0o755)
    command = [str(ROOT / "tools" / "publish"), REPOSITORY, *more]
    environment = {"PATH": f"{folder}:{os.environ['PATH']}", **variables}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), (folder / "arguments").read_text().splitlines()


def test_published_image_is_printed_by_digest(tmp_path: Path) -> None:
    name, arguments = publish(tmp_path)
    assert name == f"{REPOSITORY}@{DIGEST}"
    assert arguments[:2] == ["buildx", "build"]
    assert {"--pull", "--no-cache", "--push"} <= set(arguments)
    (base,) = re.findall(r"^ARG BASE=(.*)$", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert f"BASE={base}" in arguments


def test_published_image_has_the_labels_of_the_oci_specification(tmp_path: Path) -> None:
    pipeline = {"GITHUB_SERVER_URL": "https://git.example", "GITHUB_REPOSITORY": "a/b"}
    _, arguments = publish(tmp_path, f"python:1@{DIGEST}", **pipeline)
    labels = dict(each.split("=", 1) for each in arguments if each.startswith("org.opencontainers.image."))
    head = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=ROOT, text=True).strip()
    assert labels.pop("org.opencontainers.image.revision").removesuffix("-dirty") == head
    assert re.fullmatch(r"\d+\.\d+\.\d+", labels.pop("org.opencontainers.image.version"))
    assert labels == {
        "org.opencontainers.image.base.name": "python:1",
        "org.opencontainers.image.base.digest": DIGEST,
        "org.opencontainers.image.source": "https://git.example/a/b",
    }


def test_source_of_a_gitlab_pipeline_is_its_project(tmp_path: Path) -> None:
    _, arguments = publish(tmp_path, CI_PROJECT_URL="https://gitlab.example/a/b")
    assert "org.opencontainers.image.source=https://gitlab.example/a/b" in arguments


@pytest.mark.parametrize(
    ("arguments", "message"),
    [([], "usage: tools/publish"), ([REPOSITORY, "python:3.13-slim"], "has no digest: append @sha256")],
)
def test_wrong_arguments_are_named(arguments: list[str], message: str) -> None:
    command = [str(ROOT / "tools" / "publish"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert message in done.stderr
