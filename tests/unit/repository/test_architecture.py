"""docs/contributing/architecture.md: its modules, layers and imports are those of the source tree, and each claim about the only one holds."""

from __future__ import annotations

import ast
import re
import tomllib
from functools import cache
from typing import TYPE_CHECKING

import pytest

from tests.unit.repository.test_docs import page
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

OPERATOR, INFRA = ROOT / "operator", ROOT / "infra"
BASES = (
    *(ROOT, OPERATOR, INFRA, INFRA / "platform_infra"),
    *(OPERATOR / f"notification_{layer}" for layer in ("operator", "runtime", "domain")),
)
"""The folders that a path in a sentence can start from."""
PACKAGES = {folder.name: folder for base in (OPERATOR, INFRA) for folder in base.iterdir() if folder.is_dir()}
PATH = re.compile(r"`([\w./]+(?:\.py|/))`")
CLAIM = re.compile(r"\bthe only (?:kind|module|place|reader)s?\b")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
WALL_CLOCK = {"datetime.now", "datetime.today", "datetime.utcnow", "date.today", "time.time"}


def tables() -> Iterator[tuple[str, list[str]]]:
    """Yield each table whose head names a package, with the first cells of its rows."""
    for head, rows in re.findall(
        r"^\| (.*?) \|.*\n\|---\|.*\n((?:\|.*\n)+)", page("contributing/architecture.md"), re.MULTILINE
    ):
        names = re.findall(r"`(\w+)`", head)
        if names and names[0] in PACKAGES:
            yield names[0], [row.split(" | ")[0] for row in rows.splitlines()]


TABLES = dict(tables())


def test_every_package_of_the_operator_and_of_the_program_has_a_table() -> None:
    packages = {name for name, folder in PACKAGES.items() if (folder / "__init__.py").exists()}
    assert set(TABLES) == packages


@pytest.mark.parametrize("package", TABLES)
def test_table_of_a_package_names_its_modules_and_folders(package: str) -> None:
    folder = PACKAGES[package]
    named = {path for cell in TABLES[package] for path in PATH.findall(cell)}
    there = {f"{entry.parent.name}/" for entry in folder.glob("*/__init__.py")} | {
        entry.name for entry in folder.glob("*.py") if not entry.name.startswith("__")
    }
    assert [path for path in named if not exists(folder / path)] == []
    assert sorted(there - named) == []


@pytest.mark.parametrize("document", ["docs/contributing/architecture.md", "CONTRIBUTING.md"])
def test_every_path_in_the_page_exists(document: str) -> None:
    for line in (ROOT / document).read_text("utf-8").splitlines():
        # A name to choose stands in brackets: its folder is there.
        paths = PATH.findall(re.sub(r"(`[\w./]+/)<\w+>\.py`", r"\1`", line))
        # A path in a row of a table can be inside a folder of its row, or next to it.
        bases = {
            *BASES,
            *PACKAGES.values(),
            *(base / path for base in (*BASES, *PACKAGES.values()) for path in paths),
        }
        assert [path for path in paths if not any(exists(base / path) for base in bases)] == [], line


def exists(path: Path) -> bool:
    """Return whether a module or a folder is there; an empty folder that git does not know is none."""
    return path.is_file() or (path.is_dir() and any(each.suffix != ".pyc" for each in path.rglob("*.*")))


def test_layers_are_those_of_the_import_contract() -> None:
    blocks = re.findall(
        r"^```text\n(.*?)^```", page("contributing/architecture.md"), re.DOTALL | re.MULTILINE
    )
    layers = [each["layers"] for each in CONTRACTS if each["name"] in {"operator layers", "runtime layers"}]
    assert [block for block in map(str.splitlines, blocks) if block in layers] == layers


def test_pure_packages_are_those_of_the_import_contract() -> None:
    (sentence,) = re.findall(
        r"^- (`notification_contract` and .* import neither .*)\.$",
        page("contributing/architecture.md"),
        re.MULTILINE,
    )
    (pure,) = (each for each in CONTRACTS if each["name"] == "contract, domain and views are pure")
    assert set(re.findall(r"`(\w+)`", sentence)) <= set(pure["source_modules"])
    forbidden = {"pulumi", *pure["forbidden_modules"]}
    assert set(re.findall(r"\w+", sentence.partition("neither")[2])) - {"nor"} <= forbidden


def test_tree_of_the_program_names_every_component() -> None:
    (tree,) = re.findall(
        r"^```text\n(Bundle .*?)^```", page("contributing/architecture.md"), re.DOTALL | re.MULTILINE
    )
    source = "".join(file.read_text("utf-8") for file in sources(INFRA / "platform_infra"))
    components = set(re.findall(r"^class (\w+)\(pulumi\.ComponentResource\)", source, re.MULTILINE))
    assert len(components) > 10
    assert components - {"NotificationPlatform"} - set(re.findall(r"\w+", tree)) == set()
    bundle = (INFRA / "platform_infra" / "bundle.py").read_text("utf-8")
    named = re.findall(r"\b([A-Z]\w+)\(\s*(?:self\._child|outside)\.name\(\"([\w-]+)\"\)", bundle)
    assert len(named) > 10
    assert set(named) - set(re.findall(r"(\w+) platform-([\w-]+)", tree)) == set()


def test_packages_import_what_the_table_of_imports_says() -> None:
    (rows,) = re.findall(
        r"^\| package \| imports \|\n.*\n((?:\|.*\n)+)", page("contributing/architecture.md"), re.MULTILINE
    )
    documented = {
        package: set(re.findall(r"`([\w.]+)`", cell))
        for package, cell in re.findall(r"^\| `(\w+)` \| (.*) \|$", rows, re.MULTILINE)
    }
    assert documented == {package: set(imports_of(package)) for package in TABLES}


def imports_of(package: str) -> Iterator[str]:
    """Yield the packages that a package imports."""
    ours = {*PACKAGES, "tools", "tests"} - {package}
    for file in sources(PACKAGES[package]):
        for module in imported(file):
            if (package_of := module.partition(".")[0]) in ours:
                yield package_of


@cache
def sources(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(folder.rglob("*.py")))


@cache
def tree(file: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(file.read_text("utf-8"))))


def imported(file: Path) -> Iterator[str]:
    for node in tree(file):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def expressions(file: Path) -> set[str]:
    """Return the dotted names that a module uses, such as `datetime.now`."""
    return {ast.unparse(node) for node in tree(file) if isinstance(node, ast.Attribute)}


def modules(folder: Path, holds: Callable[[Path], object]) -> set[str]:
    return {file.relative_to(ROOT).as_posix() for file in sources(folder) if holds(file)}


def importing_kopf() -> set[str]:
    return modules(OPERATOR, lambda file: any(name.split(".")[0] == "kopf" for name in imported(file)))


def reading_the_wall_clock() -> set[str]:
    programs = (OPERATOR / "notification_operator", OPERATOR / "notification_runtime")
    return {
        name for folder in programs for name in modules(folder, lambda file: WALL_CLOCK & expressions(file))
    }


def retrying_a_conflict() -> set[str]:
    return modules(OPERATOR, lambda file: any(catches(node, "Conflict") for node in tree(file)))


def catches(node: ast.AST, error: str) -> bool:
    caught = node.type if isinstance(node, ast.ExceptHandler) else None
    return caught is not None and error in {
        name.id for name in ast.walk(caught) if isinstance(name, ast.Name)
    }


def calling_a_status_endpoint() -> set[str]:
    def holds(file: Path) -> bool:
        texts = (node.value for node in tree(file) if isinstance(node, ast.Constant))
        return any(isinstance(text, str) and text.endswith("/status") for text in texts)

    return modules(OPERATOR, holds)


def reading_pulumis_configuration() -> set[str]:
    return modules(INFRA / "platform_infra", lambda file: "pulumi.Config" in expressions(file))


def handlers_of_objects() -> set[str]:
    kinds = {name for file in sources(OPERATOR) for name in expressions(file) if name.startswith("kopf.on.")}
    return kinds - {"kopf.on.startup", "kopf.on.login", "kopf.on.cleanup"}


CLAIMS: Mapping[str, Callable[[], set[str]]] = {
    "module that imports kopf": importing_kopf,
    "modules that read the wall clock": reading_the_wall_clock,
    "place that retries a conflict": retrying_a_conflict,
    "module that calls a status endpoint": calling_a_status_endpoint,
    "reader of Pulumi's configuration": reading_pulumis_configuration,
    "kind of handler for objects": handlers_of_objects,
}
"""What is the only one of its kind, and how the source shows it."""


def statements() -> list[str]:
    """Return the sentences and rows that claim to name the only one of a kind."""
    text = re.sub(r"(?<=[^|\n])\n(?=[^|\n])", " ", page("contributing/architecture.md"))
    return [part for part in re.split(r"\n|(?<=\.) ", text) if CLAIM.search(part)]


def test_every_claim_about_the_only_one_is_verified() -> None:
    claimed = [[claim for claim in CLAIMS if f"the only {claim}" in statement] for statement in statements()]
    assert sorted(claimed) == sorted([claim] for claim in CLAIMS)


@pytest.mark.parametrize("claim", CLAIMS)
def test_the_only_one_of_a_kind_is_the_only_one(claim: str) -> None:
    (statement,) = (each for each in statements() if f"the only {claim}" in each)
    named = set(re.findall(r"`((?:[\w./]+(?:\.py|/))|kopf\.on\.\w+)`", statement))
    shown = CLAIMS[claim]()
    assert [each for each in shown if not any(names(name, each) for name in named)] == []
    assert [name for name in named if not any(names(name, each) for each in shown)] == []


def names(name: str, each: str) -> bool:
    """Return whether a name in the page is that of a module, or of a folder around it."""
    return name in (each, each[-len(name) :]) or (name.endswith("/") and f"/{name}" in each)
