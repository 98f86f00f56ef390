"""Finds the tables of the operator and the gateway in their source: what an object, a class or a module keeps and what can grow."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCES: Final = ROOT / "operator"
PROGRAMS: Final = (
    "atomic_status",
    *(f"notification_{part}" for part in ("contract", "domain", "gateway", "operator", "runtime")),
)
CONTAINERS: Final = frozenset(
    {
        *(
            "dict",
            "list",
            "set",
            "frozenset",
            "deque",
            "defaultdict",
            "Counter",
            "Counts",
            "OrderedDict",
            "Queue",
        ),
        *("WeakSet", "WeakKeyDictionary", "WeakValueDictionary"),
        *("LruMap", "SharedMap", "FairQueue", "FairSemaphore", "SharedRoom"),
    }
)
CACHES: Final = ("cache", "lru_cache")


def tables() -> dict[str, str]:
    """Return the tables by module, class and name, each with the file and the line that makes it."""
    return {
        f"{'.'.join(file.relative_to(SOURCES).with_suffix('').parts)}:{name}": f"{file.relative_to(ROOT)}:{line}"
        for program in PROGRAMS
        for file in sorted((SOURCES / program).rglob("*.py"))
        if "testing" not in file.parts
        for name, line in _of_module(ast.parse(file.read_text("utf-8")))
    }


def _of_module(module: ast.Module) -> Iterator[tuple[str, int]]:
    for node in module.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=value)
            ) if _is_cache(value) or (_grows(value) and not _is_constant(node)):
                yield name, node.lineno
    for owner in ast.walk(module):
        if isinstance(owner, ast.ClassDef) and not _is_frozen(owner):
            yield from ((f"{owner.name}.{name}", line) for name, line in _of_class(owner))
        if isinstance(owner, ast.FunctionDef) and any(map(_is_cache, owner.decorator_list)):
            yield owner.name, owner.lineno


def _of_class(owner: ast.ClassDef) -> Iterator[tuple[str, int]]:
    for node in ast.walk(owner):
        match node:
            case (
                ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)], value=value)
                | ast.AnnAssign(target=ast.Attribute(value=ast.Name(id="self"), attr=name), value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.Call(func=ast.Name(id="field")) as value)
            ) if _grows(value):
                yield name, node.lineno


def _grows(value: ast.expr | None) -> bool:
    """Return whether a value is a container: an empty one, one that a comprehension fills, or the default of a field."""
    match value:
        case ast.Dict(keys=[]) | ast.List(elts=[]) | ast.DictComp() | ast.ListComp() | ast.SetComp():
            return True
        case ast.Call(func=ast.Name(id="field"), keywords=keywords):
            return any(
                each.arg == "default_factory" and ast.unparse(each.value) in CONTAINERS for each in keywords
            )
        case ast.Call(func=ast.Name(id="frozenset"), args=arguments):
            return not arguments
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in CONTAINERS
    return False


def _is_cache(value: ast.expr | None) -> bool:
    """Return whether an expression makes a function remember its results."""
    return value is not None and ast.unparse(value).replace("functools.", "").split("(")[0] in CACHES


def _is_constant(node: ast.Assign | ast.AnnAssign) -> bool:
    """Return whether a module adds nothing to what it keeps, as far as its value or its type tells."""
    is_full = isinstance(node.value, ast.DictComp | ast.ListComp | ast.SetComp) or bool(
        getattr(node.value, "args", ())
    )
    return is_full or (isinstance(node, ast.AnnAssign) and "Mapping" in ast.unparse(node.annotation))


def _is_frozen(owner: ast.ClassDef) -> bool:
    """Return whether the instances are values, which belong to the table that holds them."""
    return any("frozen=True" in ast.unparse(each) for each in owner.decorator_list)
