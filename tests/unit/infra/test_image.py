"""The name of the operator image, which identifies its content."""

from __future__ import annotations

import contextlib
import io
import re
import tarfile
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest
from docker.errors import ImageNotFound
from urllib3.exceptions import ReadTimeoutError

from platform_infra import names
from platform_infra.docker_client import DockerError, DockerUnavailableError
from platform_infra.image import base as base_images
from platform_infra.image import build as image_build
from platform_infra.image import wheelhouse
from platform_infra.image.build import ImageError
from platform_infra.image.operator_image import OperatorImageProvider

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


DIGEST = f"sha256:{'1' * 64}"
OTHER_DIGEST = f"sha256:{'2' * 64}"
DEFAULT_BASE = f"python:3.13-slim@{DIGEST}"
DEFAULT_REFERENCE = f"python@{DIGEST}"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the files of an image."""
    (tmp_path / "operator" / "package").mkdir(parents=True)
    (tmp_path / "operator" / "package" / "module.py").write_text("x = 1\n")
    (tmp_path / "Dockerfile").write_text(f"ARG BASE={DEFAULT_BASE}\nFROM scratch\n")
    (tmp_path / "README.md").write_text("words\n")
    return tmp_path


def test_same_content_has_the_same_image_name(checkout: Path) -> None:
    assert image_build.image_name("", checkout) == image_build.image_name("", checkout)


@pytest.mark.parametrize("changed", ["operator/package/module.py", "operator/package/new.py", "Dockerfile"])
def test_changed_source_changes_the_image_name(checkout: Path, changed: str) -> None:
    before = image_build.image_name("", checkout)
    with (checkout / changed).open("a") as file:
        file.write("# changed\n")
    assert image_build.image_name("", checkout) != before


def test_change_of_a_package_outside_the_image_keeps_its_name(checkout: Path) -> None:
    before = image_build.image_name("", checkout)
    for package in image_build.LEFT_OUT:
        file = checkout / package / "module.py"
        file.parent.mkdir(parents=True)
        file.write_text("changed = True\n", "utf-8")
        assert package.as_posix() in (image_build.ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert image_build.image_name("", checkout) == before


@pytest.mark.parametrize("changed", [f"python:3.13-slim@{OTHER_DIGEST}", f"python:3.14-slim@{DIGEST}"])
def test_changed_base_changes_the_image_name(checkout: Path, changed: str) -> None:
    assert image_build.image_name(changed, checkout) != image_build.image_name(DEFAULT_BASE, checkout)


def test_image_name_contains_the_whole_hash(checkout: Path) -> None:
    assert re.fullmatch(rf"{names.IMAGE_REPOSITORY}:[0-9a-f]{{64}}", image_build.image_name("", checkout))


def test_dockerfile_names_its_base_by_digest() -> None:
    assert base_images.default(image_build.ROOT).published


@pytest.mark.parametrize(
    ("dockerfile", "message"),
    [
        ("ARG BASE=python:3.13-slim\n", r"python:3\.13-slim has no digest: append @sha256"),
        ("FROM scratch\n", "no line `ARG BASE="),
    ],
)
def test_dockerfile_without_a_digest_is_rejected(checkout: Path, dockerfile: str, message: str) -> None:
    (checkout / "Dockerfile").write_text(dockerfile)
    with pytest.raises(ImageError, match=message):
        base_images.default(checkout)


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("python:3.13-slim", "python"),
        ("registry.example:5000/base/python", "registry.example:5000/base/python"),
        ("registry.example:5000/base/python:1", "registry.example:5000/base/python"),
    ],
)
def test_published_base_is_referenced_by_digest_without_its_tag(name: str, reference: str) -> None:
    assert base_images.pinned(f"{name}@{DIGEST}").reference == f"{reference}@{DIGEST}"


def test_base_without_digest_needs_docker(checkout: Path) -> None:
    with pytest.raises(ImageError, match=r"python:3\.13-slim has no digest, and the Docker daemon"):
        image_build.image_name("python:3.13-slim", checkout)


@pytest.mark.parametrize(
    "untouched", ["README.md", "operator/package/__pycache__/m.pyc", "operator/x.egg-info/PKG-INFO"]
)
def test_excluded_files_do_not_change_the_image_name(checkout: Path, untouched: str) -> None:
    before = image_build.image_name("", checkout)
    (checkout / untouched).parent.mkdir(parents=True, exist_ok=True)
    (checkout / untouched).write_text("noise\n")
    assert image_build.image_name("", checkout) == before


@pytest.mark.parametrize("news", [{"image": "i2"}, {"node": "n2"}, {"container": "c2"}])
def test_changed_image_or_node_loads_the_image_in_place(
    news: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[tuple[str, str]] = []
    monkeypatch.setattr(image_build, "build", lambda **_: None)
    monkeypatch.setattr(
        "platform_infra.cluster.local.images.load_image", lambda *target: loaded.append(target)
    )
    olds = {"image": "i", "container": "c", "node": "n", "base": ""}
    result = OperatorImageProvider().diff("id", olds, {**olds, **news})
    assert (result.changes, result.replaces) == (True, None)
    OperatorImageProvider().update("id", olds, {**olds, **news})
    assert loaded == [(news.get("container", "c"), news.get("image", "i"))]


def test_unchanged_image_and_node_change_nothing() -> None:
    olds = {"image": "i", "container": "c", "node": "n", "base": ""}
    assert not OperatorImageProvider().diff("id", olds, {**olds, "base": "another"}).changes


@pytest.fixture
def docker(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Mock:
    """A Docker client without images, whose base images have Python 3.13, and a folder with one wheel."""
    client = Mock()
    client.images.get.side_effect = ImageNotFound("no such image")
    client.containers.run.return_value = b"3.13\n"
    client.version.return_value = {"Arch": "arm64"}
    client.api.build.return_value = iter([{"stream": "done"}, {"aux": {"ID": "sha256:built"}}])
    monkeypatch.setattr(image_build, "connected", lambda **_options: contextlib.nullcontext(client))
    wheels = checkout / "wheels"
    wheels.mkdir()
    (wheels / "a.whl").write_bytes(b"wheel")
    monkeypatch.setattr(wheelhouse, "fetch", Mock(return_value=wheels))
    monkeypatch.setattr(wheelhouse, "cache_folder", lambda: checkout / "cache")
    return client


def store(docker: Mock, images: dict[str, str]) -> None:
    """Make Docker have exactly these images, by name and ID."""

    def get(name: str) -> Mock:
        if name not in images:
            raise ImageNotFound("no such image")
        return Mock(id=images[name])

    docker.images.get.side_effect = get


def build(checkout: Path, base: str = "") -> None:
    image_build.build(image=image_build.image_name(base, checkout), base=base, root=checkout)


def built(docker: Mock) -> dict[str, Any]:
    """Return the arguments of the build."""
    (call,) = docker.api.build.call_args_list
    return dict(call.kwargs)


def test_context_contains_sources_and_wheels_only(checkout: Path, docker: Mock) -> None:
    contexts: list[bytes] = []

    def read(**arguments: Any) -> Iterator[dict[str, str]]:
        contexts.append(arguments["fileobj"].read())
        return iter([])

    docker.api.build.side_effect = read
    build(checkout)
    with tarfile.open(fileobj=io.BytesIO(contexts[0])) as tar:
        assert tar.getnames() == ["Dockerfile", "operator/package/module.py", "wheelhouse/a.whl"]


def test_wheels_match_python_and_architecture_of_the_base(checkout: Path, docker: Mock) -> None:
    store(docker, {"base:1": DIGEST})
    build(checkout, "base:1")
    assert docker.containers.run.call_args.args[0] == "base:1"
    (fetch,) = image_build.wheelhouse.fetch.call_args_list  # type: ignore[attr-defined]
    assert fetch.kwargs == {"python": "3.13", "architecture": "arm64"}
    assert built(docker)["buildargs"] == {"BASE": "base:1"}


def test_local_base_is_preferred_to_the_published_one(checkout: Path, docker: Mock) -> None:
    store(docker, {base_images.CURRENT: DIGEST})
    build(checkout)
    assert built(docker)["buildargs"] == {"BASE": base_images.CURRENT}
    docker.images.pull.assert_not_called()


def test_other_content_of_a_local_base_changes_the_image_name(checkout: Path, docker: Mock) -> None:
    store(docker, {base_images.CURRENT: DIGEST})
    before = image_build.image_name("", checkout)
    store(docker, {base_images.CURRENT: OTHER_DIGEST})
    assert image_build.image_name("", checkout) != before


def test_base_that_changed_since_the_preview_is_rejected(checkout: Path, docker: Mock) -> None:
    store(docker, {"base:1": DIGEST})
    name = image_build.image_name("base:1", checkout)
    store(docker, {"base:1": OTHER_DIGEST})
    with pytest.raises(ImageError, match=r"the base image has changed since the preview"):
        image_build.build(image=name, base="base:1", root=checkout)


@pytest.mark.usefixtures("docker")
def test_missing_base_without_digest_is_rejected_with_the_next_step(checkout: Path) -> None:
    with pytest.raises(ImageError, match=r"Docker does not have it: pull it, or append @sha256"):
        image_build.image_name("base:1", checkout)


def test_published_base_is_pulled_if_there_is_no_local_one(checkout: Path, docker: Mock) -> None:
    build(checkout)
    docker.images.pull.assert_called_once_with("python", tag=DIGEST)
    assert built(docker)["buildargs"] == {"BASE": DEFAULT_REFERENCE}


def test_existing_image_is_not_built(checkout: Path, docker: Mock) -> None:
    docker.images.get.side_effect = None
    build(checkout)
    docker.api.build.assert_not_called()


def test_image_has_the_labels_of_the_oci_specification(checkout: Path, docker: Mock) -> None:
    build(checkout)
    assert built(docker)["labels"] == {
        "org.opencontainers.image.base.name": "python:3.13-slim",
        "org.opencontainers.image.base.digest": DIGEST,
    }


@pytest.mark.usefixtures("docker")
def test_changed_checkout_is_rejected_with_the_command_to_run(checkout: Path) -> None:
    with pytest.raises(
        ImageError, match=r"operator/ or the base image has changed since the preview; run `pulumi up` again"
    ):
        image_build.build(image="other:1", base="", root=checkout)


@pytest.mark.parametrize(
    "error", [TimeoutError("timed out"), ReadTimeoutError(Mock(), "", "Read timed out.")]
)
def test_timed_out_build_names_limit_and_next_step(checkout: Path, docker: Mock, error: Exception) -> None:
    docker.api.build.side_effect = error
    with pytest.raises(ImageError) as caught:
        build(checkout)
    assert str(caught.value) == "docker build timed out after 900 s; check that the Docker daemon is healthy"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            DockerUnavailableError("the Docker daemon does not answer"),
            "does not answer; start Docker, or set operatorImage",
        ),
        (DockerError("no space left"), "the operator image cannot be built: no space left"),
        (ConnectionResetError("reset"), "docker build failed: reset"),
    ],
)
def test_docker_error_becomes_an_image_error(
    checkout: Path, docker: Mock, error: Exception, message: str
) -> None:
    docker.api.build.side_effect = error
    with pytest.raises(ImageError, match=message):
        build(checkout)
