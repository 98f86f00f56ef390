"""The publish command, with a Docker command line that keeps its images in files."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from platform_infra.image import build as image_build
from platform_infra.image.build import BuiltImage, ImageError
from tools.platform.commands.repository import publish as command
from tools.platform.commands.repository.publish import publish, without_credentials
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from pathlib import Path

REPOSITORY = "registry.example/operator"
NAME = f"notification-platform/operator:{'a' * 64}"
# tags/<tag> contains an ID; pushed/<ID> contains the digests that the registry gave to this image.
DOCKER = """#!/bin/sh
set -eu
cd "${0%/*}/state"
file() { echo "$1" | tr / _; }
case $1 in
  tag) if [ -e "tags/$(file "$2")" ]; then cat "tags/$(file "$2")"; else echo "$2"; fi >"tags/$(file "$3")" ;;
  push) if [ -e move ]; then cp move "tags/$(file "$3")"; fi
        id=$(cat "tags/$(file "$3")"); echo "${3%:*}@sha256:of-$id" >>"pushed/$id" ;;
  image) printf '['; if [ -e "pushed/$5" ]; then printf '"%s"' "$(cat "pushed/$5")"; fi; echo ']' ;;
esac
"""


@dataclass(frozen=True, slots=True)
class FakeDocker:
    """The state of the Docker command line."""

    state: Path

    def plant(self, tag: str, image: str) -> None:
        """Give a tag to an image."""
        (self.state / "tags" / tag.replace("/", "_")).write_text(image)

    def move_tags_at_push(self, image: str) -> None:
        """Give the tag of each push to this image, immediately before the push."""
        (self.state / "move").write_text(image)


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeDocker:
    """Replace the Docker command line, and the build, which results in the image `good`."""
    program = tmp_path / "docker"
    program.write_text(DOCKER)
    program.chmod(0o755)
    for folder in ("tags", "pushed"):
        (tmp_path / "state" / folder).mkdir(parents=True)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def build(**_arguments: object) -> BuiltImage:
        return BuiltImage(name=NAME, id="good")

    monkeypatch.setattr(image_build, "build_from_scratch", build)
    return FakeDocker(tmp_path / "state")


@pytest.mark.usefixtures("docker")
def test_published_image_is_returned_by_digest() -> None:
    assert publish(REPOSITORY) == f"{REPOSITORY}@sha256:of-good"


def test_image_planted_under_the_content_name_is_not_published(docker: FakeDocker) -> None:
    docker.plant(NAME, "evil")
    assert publish(REPOSITORY) == f"{REPOSITORY}@sha256:of-good"


def test_tag_that_moves_before_the_push_is_an_error(docker: FakeDocker) -> None:
    docker.move_tags_at_push("evil")
    with pytest.raises(ImageError, match="gave the image no digest"):
        publish(REPOSITORY)


@pytest.mark.usefixtures("docker")
def test_build_without_an_image_id_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_build, "build_from_scratch", lambda **_: BuiltImage(name=NAME, id=""))
    with pytest.raises(ImageError, match="reported no image ID"):
        publish(REPOSITORY)


def test_base_without_digest_is_rejected() -> None:
    with pytest.raises(ImageError, match=r"python:3\.13-slim has no digest: append @sha256"):
        publish(REPOSITORY, base="python:3.13-slim")


@pytest.mark.parametrize(
    ("variables", "source"),
    [
        (
            {"GITHUB_SERVER_URL": "https://git.example", "GITHUB_REPOSITORY": "a/b"},
            "https://git.example/a/b",
        ),
        ({"CI_PROJECT_URL": "https://gitlab.example/a/b"}, "https://gitlab.example/a/b"),
    ],
)
def test_origin_names_the_repository_of_the_pipeline(variables: dict[str, str], source: str) -> None:
    origin = command.origin(variables)
    revision = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=ROOT, text=True).strip()
    assert (origin.source, origin.revision.removesuffix("-dirty")) == (source, revision)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("https://ci-token:secret@gitlab.example/a/b.git", "https://gitlab.example/a/b.git"),
        ("https://git.example:8443/a", "https://git.example:8443/a"),
        ("git@git.example:a/b.git", "git@git.example:a/b.git"),
    ],
)
def test_source_contains_no_credentials(address: str, public: str) -> None:
    assert without_credentials(address) == public
