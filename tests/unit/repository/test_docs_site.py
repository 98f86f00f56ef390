"""The documentation site builds strictly, and a broken link or a missing anchor fails the build."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tools import docs_site

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with two pages and a linked file."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text("# Home\n\n[guide](docs/guide.md#part), [licence](LICENSE)\n")
    (tmp_path / "docs" / "guide.md").write_text("# Guide\n\n## Part\n")
    (tmp_path / "LICENSE").write_text("text\n")
    shutil.copyfile(docs_site.ROOT / "mkdocs.yml", tmp_path / "mkdocs.yml")
    config = (tmp_path / "mkdocs.yml").read_text("utf-8")
    (tmp_path / "mkdocs.yml").write_text(config.partition("\nnav:")[0])
    monkeypatch.setattr(docs_site, "ROOT", tmp_path)
    monkeypatch.setattr(docs_site, "PAGES", tmp_path / "build" / "docs" / "pages")
    return tmp_path


def test_pages_and_linked_files_are_built(checkout: Path) -> None:
    docs_site.copy()
    assert docs_site.build() == 0
    site = checkout / "build" / "docs" / "site"
    assert {"index.html", "LICENSE"} <= {file.name for file in site.iterdir()}
    assert (site / "docs" / "guide" / "index.html").is_file()


@pytest.mark.parametrize(
    ("link", "message"),
    [("docs/gone.md", "page does not exist"), ("docs/guide.md#gone", "anchor does not exist")],
)
def test_broken_link_fails_the_build_and_is_named(
    checkout: Path, capsys: pytest.CaptureFixture[str], link: str, message: str
) -> None:
    (checkout / "README.md").write_text(f"# Home\n\n[broken]({link})\n")
    docs_site.copy()
    assert docs_site.build() == 1
    output = capsys.readouterr().out
    assert message in output
    assert link in output
    assert "Traceback" not in output


def test_every_page_of_the_navigation_exists() -> None:
    pages = {page.relative_to(docs_site.ROOT).as_posix() for page in docs_site.pages()}
    navigation = (docs_site.ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:")[2]
    listed = {line.split()[-1] for line in navigation.splitlines() if line.endswith(".md")}
    assert listed == pages
