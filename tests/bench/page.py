"""Update docs/performance.md, its plots and its figures.

`python -m tests.bench.page [build/bench/FILE.json …]`; without a file from the committed figures. Several runs
on one machine are merged.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench import tables
from tests.bench.figures import load, save, together
from tests.bench.plots import draw
from tools.generate.artifacts import replace_block
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from tests.bench.figures import Figures

DOCUMENT = ROOT / "docs" / "performance.md"
FIGURES = ROOT / "docs" / "performance.json"
IMAGES = ROOT / "docs" / "images"
BY = "by make generate"


def document(text: str, figures: Figures) -> str:
    """Return the page with the tables of these figures."""
    blocks = {"run": _run(figures)} | {
        make.__name__: make(figures).markdown()
        for make in (tables.bars, tables.speed, tables.cost, tables.calls, tables.sinks)
    }
    for name, content in blocks.items():
        text = replace_block(text, f"{name}, {BY}", content)
    return text


def _run(figures: Figures) -> str:
    machine = figures.machine
    return (
        f"Measured on {figures.at:%Y-%m-%d} at {_commits(figures.commit)}: {machine.processors} processors "
        f"({machine.model}), {machine.memory_gb:g} GB, {machine.system}, Python {machine.python}, "
        f"Kubernetes {machine.kubernetes}. API server, etcd, controller, sink and load generator share the machine."
    )


def _commits(commits: str) -> str:
    names = commits.split(", ")
    return f"commit{'s' if len(names) > 1 else ''} {', '.join(f'`{one}`' for one in names)}"


def main(arguments: list[str]) -> int:
    figures = together([load(Path(name)) for name in arguments or [str(FIGURES)]])
    save(figures, FIGURES)
    draw(figures, IMAGES)
    DOCUMENT.write_text(document(DOCUMENT.read_text("utf-8"), figures), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
