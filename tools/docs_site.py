"""The documentation site: `python -m tools.docs_site` builds it strictly, `--serve` previews it.

The pages and the files that they link to are copied under their paths in the repository, so that links work in a
checkout, on a code host and on the site alike. Zensical fails the build on a broken link or a missing anchor.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "build" / "docs" / "pages"
FOLDERS = ("docs", "stacks", "examples", "tools", "changelog.d")
ZENSICAL = str(Path(sys.executable).parent / "zensical")
COLOR = re.compile(r"\x1b\[[0-9;]*m")
LINK = re.compile(r"\]\((?![a-z]+:)([^)#\s]+)")


def pages() -> list[Path]:
    """Return the Markdown files of the site; changelog fragments, whose names begin with a plus, are no pages."""
    in_folders = (page for folder in FOLDERS for page in (ROOT / folder).rglob("[!+]*.md"))
    return sorted({*ROOT.glob("*.md"), *in_folders})


def linked_files(page: Path) -> Iterator[Path]:
    """Yield the files in the repository that a page links to and that are not pages themselves."""
    for link in LINK.findall(page.read_text("utf-8")):
        target = (page.parent / link).resolve()
        if target.is_file() and target.is_relative_to(ROOT) and target.suffix != ".md":
            yield target


def copy() -> None:
    """Copy the pages and the files that they link to."""
    shutil.rmtree(PAGES, ignore_errors=True)
    sources = pages()
    for source in {*sources, *(file for page in sources for file in linked_files(page))}:
        target = PAGES / source.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def build() -> int:
    """Build the site and return the exit code of the build."""
    arguments = [ZENSICAL, "build", "--strict", "--clean", "--config-file", "mkdocs.yml"]
    completed = subprocess.run(
        arguments, cwd=ROOT, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    # In strict mode a warning ends in a traceback, which says nothing that the warnings do not say.
    print(COLOR.sub("", completed.stdout).partition("Traceback (most recent call last)")[0].strip())
    return completed.returncode


def main(
    *,
    serve: Annotated[bool, typer.Option(help="Serve the site on localhost instead of building it.")] = False,
) -> None:
    """Build the documentation site into build/docs/site. Fails on a broken link or a missing anchor."""
    copy()
    if serve:
        raise typer.Exit(
            subprocess.run(
                [ZENSICAL, "serve", "--config-file", "mkdocs.yml"], cwd=ROOT, check=False
            ).returncode
        )
    raise typer.Exit(build())


if __name__ == "__main__":
    typer.run(main)
