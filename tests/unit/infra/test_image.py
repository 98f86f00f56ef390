"""The name of the operator image, which identifies its content."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from platform_infra.image import build as image_build
from platform_infra.image.operator_image import OperatorImageProvider

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the files of an image."""
    (tmp_path / "operator" / "package").mkdir(parents=True)
    (tmp_path / "operator" / "package" / "module.py").write_text("x = 1\n")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "README.md").write_text("words\n")
    return tmp_path


def test_same_content_has_the_same_image_name(checkout: Path) -> None:
    assert image_build.image_name("", checkout) == image_build.image_name("", checkout)


@pytest.mark.parametrize("changed", ["operator/package/module.py", "operator/package/new.py", "Dockerfile"])
def test_changed_source_changes_the_image_name(checkout: Path, changed: str) -> None:
    before = image_build.image_name("", checkout)
    (checkout / changed).write_text("y = 2\n")
    assert image_build.image_name("", checkout) != before


def test_changed_base_changes_the_image_name(checkout: Path) -> None:
    assert image_build.image_name("a", checkout) != image_build.image_name("b", checkout)


@pytest.mark.parametrize(
    "untouched", ["README.md", "operator/package/__pycache__/m.pyc", "operator/x.egg-info/PKG-INFO"]
)
def test_excluded_files_do_not_change_the_image_name(checkout: Path, untouched: str) -> None:
    before = image_build.image_name("", checkout)
    (checkout / untouched).parent.mkdir(parents=True, exist_ok=True)
    (checkout / untouched).write_text("noise\n")
    assert image_build.image_name("", checkout) == before


@pytest.mark.parametrize(
    ("news", "replaces"),
    [
        ({}, []),
        ({"image": "i2"}, ["image"]),
        ({"node": "n2"}, ["node"]),
        ({"container": "c2"}, ["container"]),
    ],
)
def test_changed_image_or_node_replaces_the_resource(news: dict[str, str], replaces: list[str]) -> None:
    olds = {"image": "i", "container": "c", "node": "n", "base": ""}
    result = OperatorImageProvider().diff("id", olds, {**olds, **news})
    assert (result.changes, result.replaces) == (bool(replaces), replaces)
