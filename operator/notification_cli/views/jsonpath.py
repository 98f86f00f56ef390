"""The JSONPath of kubectl: fields, quoted keys, indexes, slices, wildcards, filters, and range to end. Pure.

Not supported: recursive descent (`..`), and `&&` and `||`, which kubectl does not have either.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r"}
COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
WORDS: Final = {"true": True, "false": False, "null": None}
NAME: Final = re.compile(r"(?:\\.|[^\\.\[\]{}()\s,=<>!'\"])+")
SLICE: Final = re.compile(r"(-?\d*):(-?\d*)(?::(-?\d*))?")
INDEX: Final = re.compile(r"-?\d+")
LITERAL: Final = re.compile(r"-?\d+(?:\.\d+)?|true\b|false\b|null\b")


class JsonPathError(ValueError):
    """The text is no template or path; the message names the column of the fault."""


@dataclass(frozen=True, slots=True)
class Field:
    name: str

    def apply(self, value: Any, _: Any) -> Iterator[Any]:  # noqa: ANN401 - any JSON
        if isinstance(value, Mapping) and self.name in value:
            yield value[self.name]


@dataclass(frozen=True, slots=True)
class Wildcard:
    def apply(self, value: Any, _: Any) -> Iterator[Any]:  # noqa: ANN401 - any JSON
        if isinstance(value, Mapping):
            yield from value.values()
        elif isinstance(value, list | tuple):
            yield from value


@dataclass(frozen=True, slots=True)
class Elements:
    """An index, or a slice, of a list."""

    at: slice | int

    def apply(self, value: Any, _: Any) -> Iterator[Any]:  # noqa: ANN401 - any JSON
        if not isinstance(value, list | tuple):
            return
        if isinstance(self.at, slice):
            yield from value[self.at]
        elif -len(value) <= self.at < len(value):
            yield value[self.at]


@dataclass(frozen=True, slots=True)
class Union:
    """What each of several steps chooses."""

    steps: Sequence[Step]

    def apply(self, value: Any, root: Any) -> Iterator[Any]:  # noqa: ANN401 - any JSON
        for step in self.steps:
            yield from step.apply(value, root)


@dataclass(frozen=True, slots=True)
class Filter:
    """The elements of a list that have something, or for which a comparison holds."""

    left: Path
    comparison: str = ""
    right: Path | None = None
    literal: Any = None

    def apply(self, value: Any, root: Any) -> Iterator[Any]:  # noqa: ANN401 - any JSON
        for each in value if isinstance(value, list | tuple) else ():
            if self._holds(each, root):
                yield each

    def _holds(self, each: Any, root: Any) -> bool:  # noqa: ANN401 - any JSON
        found = self.left.find(each, root)
        if not self.comparison or not found:
            return bool(found)
        others = self.right.find(each, root) if self.right else [self.literal]
        try:
            return bool(others) and COMPARISONS[self.comparison](found[0], others[0])
        except TypeError:
            # Values of different types have no order.
            return False


Step = Field | Wildcard | Elements | Union | Filter


@dataclass(frozen=True, slots=True)
class Path:
    """Where values are: in the current object, or in the whole one after `$`."""

    steps: Sequence[Step]
    from_root: bool = False

    def find(self, current: Any, root: Any = None) -> list[Any]:  # noqa: ANN401 - any JSON
        values = [root if self.from_root else current]
        for step in self.steps:
            values = [found for each in values for found in step.apply(each, root)]
        return values

    @classmethod
    def parse(cls, text: str) -> Path:
        """Return the path of a text such as `.metadata.name`, `{.metadata.name}` or `metadata.name`.

        Raises:
            JsonPathError: it is no path.
        """
        inner = text.removeprefix("{").removesuffix("}") if text.startswith("{") else text
        relaxed = inner if inner.startswith((".", "[", "$", "@")) else f".{inner}"
        reader = _Reader(relaxed, written=text, shift=len(inner) - len(relaxed) + text.startswith("{"))
        path = reader.path()
        if not reader.over:
            raise reader.fault("a path ends here; leave out the rest")
        return path


@dataclass(frozen=True, slots=True)
class Range:
    """Nodes that are written for each value of a path."""

    path: Path
    nodes: list[Node] = field(default_factory=list)


Node = str | Path | Range


@dataclass(frozen=True, slots=True)
class Template:
    """Texts, and expressions in braces."""

    nodes: Sequence[Node]

    @classmethod
    def parse(cls, text: str) -> Template:
        """Return the template of a text such as `{range .items[*]}{.metadata.name}{end}`.

        Raises:
            JsonPathError: it is no template.
        """
        if "{" not in text:
            raise JsonPathError(f"{text!r} has no expression; write it in braces, such as {{.metadata.name}}")
        return cls(_Reader(text).template())

    def render(self, value: Any) -> str:  # noqa: ANN401 - any JSON
        return "".join(_rendered(self.nodes, value, value))


def _rendered(nodes: Sequence[Node], current: Any, root: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    for node in nodes:
        match node:
            case str():
                yield node
            case Path():
                yield " ".join(map(shown, node.find(current, root)))
            case Range():
                for each in node.path.find(current, root):
                    yield from _rendered(node.nodes, each, root)


def shown(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Return a value as kubectl writes it: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


@dataclass(slots=True)
class _Reader:
    """Reads a text from left to right; the user has written it in another text, from a column on."""

    text: str
    written: str = ""
    shift: int = 0
    at: int = 0

    @property
    def over(self) -> bool:
        return self.at >= len(self.text)

    def fault(self, hint: str) -> JsonPathError:
        return JsonPathError(f"column {self.at + self.shift + 1} of {(self.written or self.text)!r}: {hint}")

    def takes(self, token: str) -> bool:
        """Skip a token if the text goes on with it, and return whether it does."""
        found = self.text.startswith(token, self.at)
        self.at += len(token) if found else 0
        return found

    def demands(self, token: str, hint: str) -> None:
        if not self.takes(token):
            raise self.fault(hint)

    def matches(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return found

    def skip_spaces(self) -> None:
        while not self.over and self.text[self.at].isspace():
            self.at += 1

    def template(self) -> list[Node]:
        nodes: list[Node] = []
        open_nodes = [nodes]
        while not self.over:
            literal = self.text[self.at :].partition("{")[0]
            self.at += len(literal)
            if literal:
                open_nodes[-1].append(literal)
            if self.takes("{"):
                self._block(open_nodes)
        if len(open_nodes) > 1:
            raise self.fault("a range is not closed; add {end}")
        return nodes

    def _block(self, open_nodes: list[list[Node]]) -> None:
        """Read the expressions up to a closing brace."""
        while True:
            self.skip_spaces()
            if self.takes("}"):
                return
            if self.over:
                raise self.fault("a brace is not closed; add }")
            if self.text[self.at] in "\"'":
                open_nodes[-1].append(self._quoted())
            elif self.matches(re.compile(r"range\s+")):
                node = Range(self.path())
                open_nodes[-1].append(node)
                open_nodes.append(node.nodes)
            elif self.matches(re.compile(r"end\b")):
                if len(open_nodes) == 1:
                    raise self.fault(
                        "there is no range before this end; add {range .items[*]}, or leave it out"
                    )
                open_nodes.pop()
            else:
                open_nodes[-1].append(self.path())

    def path(self) -> Path:
        from_root = self.takes("$")
        begins = from_root or self.takes("@")
        steps: list[Step] = []
        while not self.over and self.text[self.at] in ".[":
            steps += self._bracket() if self.takes("[") else self._dot()
            begins = True
        if not begins:
            raise self.fault('write a path such as .metadata.name, a quoted text such as "\\n", range or end')
        return Path(tuple(steps), from_root)

    def _dot(self) -> list[Step]:
        self.at += 1
        if self.takes("*"):
            return [Wildcard()]
        if name := self.matches(NAME):
            return [Field(re.sub(r"\\(.)", r"\1", name[0]))]
        if self.text.startswith(".", self.at):
            raise self.fault("recursive descent (..) is not supported; write the whole path")
        # `{.}` is the object itself, and `.[` is a bracket.
        if not self.over and self.text[self.at] not in "[}) \t":
            raise self.fault(r"write the name of a field; quote other characters, such as ['a.b'] or a\.b")
        return []

    def _bracket(self) -> list[Step]:
        self.skip_spaces()
        if self.takes("?("):
            step: Step = self._filter()
            self.demands(")", "a filter is not closed; add )")
        else:
            steps = [self._choice()]
            self.skip_spaces()
            while self.takes(","):
                self.skip_spaces()
                steps.append(self._choice())
                self.skip_spaces()
            step = steps[0] if len(steps) == 1 else Union(tuple(steps))
        self.skip_spaces()
        self.demands("]", "a bracket is not closed; add ]")
        return [step]

    def _choice(self) -> Step:
        if self.takes("*"):
            return Wildcard()
        if not self.over and self.text[self.at] in "\"'":
            return Field(self._quoted())
        if found := self.matches(SLICE):
            first, last, step = (int(each) if each else None for each in found.groups())
            if step == 0:
                raise self.fault("a slice has no step of 0; use another one")
            return Elements(slice(first, last, step))
        if found := self.matches(INDEX):
            return Elements(int(found[0]))
        raise self.fault(
            "write an index, *, a slice such as 0:2, a quoted key or a filter such as ?(@.a=='b')"
        )

    def _filter(self) -> Filter:
        self.skip_spaces()
        left = self.path()
        self.skip_spaces()
        comparison = next(filter(self.takes, COMPARISONS), "")
        if not comparison:
            return Filter(left)
        self.skip_spaces()
        result = self._compared(left, comparison)
        self.skip_spaces()
        return result

    def _compared(self, left: Path, comparison: str) -> Filter:
        if not self.over and self.text[self.at] in "\"'":
            return Filter(left, comparison, literal=self._quoted())
        if found := self.matches(LITERAL):
            return Filter(
                left, comparison, literal=WORDS.get(found[0]) if found[0] in WORDS else json.loads(found[0])
            )
        return Filter(left, comparison, right=self.path())

    def _quoted(self) -> str:
        quote, start = self.text[self.at], self.at
        self.at += 1
        letters: list[str] = []
        while not self.takes(quote):
            if self.over:
                self.at = start
                raise self.fault(f"a quoted text is not closed; add {quote}")
            escaped = self.takes("\\") and not self.over
            letters.append(
                ESCAPES.get(self.text[self.at], self.text[self.at]) if escaped else self.text[self.at]
            )
            self.at += 1
        return "".join(letters)
