"""The language of templates: a small part of Jinja, in which no Python attribute can be reached.

Jinja's sandbox refuses dangerous attributes. Here no attribute exists at all: a dot reads a key of a
mapping, nothing but `range` can be called, and only listed statements, filters and tests are accepted.
Every loop, filter and operator spends from the budget of the rendering.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from jinja2 import StrictUndefined, Undefined, nodes, pass_context
from jinja2.exceptions import TemplateSyntaxError
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from notification_domain.rendering.templating.budget import (
    TemplateRenderError,
    limited_range,
    number,
)
from notification_domain.rendering.templating.filters import FILTERS, budget_of

if TYPE_CHECKING:
    from jinja2.runtime import Context

MAX_DEPTH: Final = 50
TICK: Final = "_tick"
CONCAT: Final = "_concat"
EACH: Final = "_each"
SLICE: Final = "_slice"

LOOP: Final = frozenset({"first", "index", "index0", "last", "length", "revindex", "revindex0"})
TESTS: Final = (
    "defined",
    "undefined",
    "none",
    "string",
    "number",
    "mapping",
    "sequence",
    "odd",
    "even",
    "in",
)
PRINTABLE: Final = (str, int, float, type(None), list, tuple, dict, Undefined)
"""What a template can print; an undefined value raises an error then."""
STATEMENTS: Final = (nodes.Template, nodes.Output, nodes.TemplateData, nodes.If, nodes.For, nodes.Assign)
EXPRESSIONS: Final = (
    nodes.Literal,
    nodes.Name,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Slice,
    nodes.Filter,
    nodes.Test,
    nodes.Call,
    nodes.Compare,
    nodes.Operand,
    nodes.CondExpr,
    nodes.Concat,
    nodes.BinExpr,
    nodes.UnaryExpr,
    nodes.Pair,
    nodes.Keyword,
)


class Sandbox(ImmutableSandboxedEnvironment):
    """Compiles and runs templates; no value is escaped."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def __init__(self) -> None:
        def finalize(context: Context, value: object) -> str:
            if not isinstance(value, PRINTABLE):
                raise TemplateRenderError(f"a template cannot print a value of type {type(value).__name__}")
            text = str(value)
            budget_of(context).limit(len(text))
            return text

        super().__init__(
            undefined=StrictUndefined,
            finalize=pass_context(finalize),
            autoescape=False,
            optimized=False,
            cache_size=0,
            keep_trailing_newline=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.filters = dict(FILTERS)
        self.tests = {name: self.tests[name] for name in (*TESTS, "eq", "ne", "lt", "le", "gt", "ge")}
        self.globals = {"range": limited_range}

    def getattr(self, obj: object, attribute: str) -> object:
        """Read a key of a mapping, or a property of the loop; nothing else has attributes."""
        if isinstance(obj, Undefined):
            return getattr(obj, attribute)
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        if isinstance(obj, LoopContext) and attribute in LOOP:
            return getattr(obj, attribute)
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: object, argument: Any) -> object:  # noqa: ANN401 - Jinja's own signature
        """Read a key of a mapping, or an index or slice of a sequence."""
        if isinstance(obj, Undefined):
            return obj[argument]
        if isinstance(obj, Mapping | Sequence):
            try:
                return obj[argument]
            except (LookupError, TypeError, ValueError):
                pass
        return self.undefined(obj=obj, name=argument)

    def call_binop(self, context: Context, operator: str, left: object, right: object) -> object:
        """Calculate with numbers; `+` also joins two texts."""
        budget = budget_of(context)
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            budget.limit(len(left) + len(right))
            return left + right
        budget.check()
        if operator == "**":
            raise TemplateRenderError("a template cannot use the operator **")
        return number(super().call_binop(context, operator, number(left), number(right)))


class Checked(NodeTransformer):
    """Refuses whatever the language does not have, and inserts the checks of the budget."""

    def __init__(self, environment: Sandbox) -> None:
        self._environment = environment
        self._depth = 0

    def visit(self, node: nodes.Node, *args: object, **kwargs: object) -> object:
        """Check one node and those below it.

        Raises:
            TemplateSyntaxError: the language has no such node.
        """
        self._depth += 1
        if self._depth > MAX_DEPTH:
            _refuse(node, f"the template is nested more than {MAX_DEPTH} levels deep")
        if not isinstance(node, (*STATEMENTS, *EXPRESSIONS)):
            _refuse(node, f"a template cannot use {_name_of(node)}")
        if _named(node).startswith("__"):
            _refuse(node, f"a template cannot use the name {_named(node)}")
        self._check_names(node)
        result = super().visit(node, *args, **kwargs)
        self._depth -= 1
        return result

    def _check_names(self, node: nodes.Node) -> None:
        if isinstance(node, nodes.Name) and node.name.startswith("_"):
            _refuse(node, f"a name cannot start with an underscore: {node.name}")
        if isinstance(node, nodes.Filter) and node.name not in self._environment.filters:
            _refuse(
                node, f"there is no filter {node.name!r}; available: {', '.join(self._environment.filters)}"
            )
        if isinstance(node, nodes.Test) and node.name not in self._environment.tests:
            _refuse(node, f"there is no test {node.name!r}; available: {', '.join(TESTS)}")
        if isinstance(node, nodes.Call) and not (
            isinstance(node.node, nodes.Name) and node.node.name == "range" and node.dyn_args is None
        ):
            _refuse(node, "a template can call nothing but range()")
        if isinstance(node, nodes.For) and node.recursive:
            _refuse(node, "a loop cannot be recursive")
        if isinstance(node, nodes.List | nodes.Tuple | nodes.Dict) and not _is_flat(node):
            _refuse(node, "a list or mapping can contain constants only")
        if isinstance(node, nodes.Assign) and not isinstance(node.target, nodes.Name | nodes.Tuple):
            _refuse(node, "a template can set plain names only")

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - Jinja's own name
        """Check what a loop is over, and the time in each round."""
        self.generic_visit(node)
        node.iter = _call(EACH, [node.iter], node.lineno)
        call = _call(TICK, [], node.lineno)
        node.body.insert(0, nodes.ExprStmt(call, lineno=node.lineno))
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 - likewise
        """Join texts with `~` through a function that counts them."""
        self.generic_visit(node)
        return _call(CONCAT, node.nodes, node.lineno)

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802 - likewise
        """Take a part of a text or list through a function that counts it."""
        self.generic_visit(node)
        if not isinstance(node.arg, nodes.Slice):
            return node
        part = node.arg
        none = nodes.Const(None, lineno=node.lineno)
        return _call(
            SLICE, [node.node, *(each or none for each in (part.start, part.stop, part.step))], node.lineno
        )


def _named(node: nodes.Node) -> str:
    """Return the name that a node reads; empty for one that reads none, or that only the context decides."""
    match node:
        case nodes.Getattr(attr=str(name)) | nodes.Getitem(arg=nodes.Const(value=str(name))):
            return name
        case nodes.Name(name=str(name)):
            return name
        case _:
            return ""


def _is_flat(node: nodes.List | nodes.Tuple | nodes.Dict) -> bool:
    """Return whether a literal contains constants only: nested in variables, it would grow exponentially."""
    if isinstance(node, nodes.Dict):
        return all(isinstance(pair.value, nodes.Const) for pair in node.items)
    kinds = nodes.Name if isinstance(node, nodes.Tuple) and node.ctx == "store" else nodes.Const
    return all(isinstance(item, kinds) for item in node.items)


def _call(name: str, arguments: Sequence[nodes.Node], lineno: int) -> nodes.Call:
    target = nodes.Name(name, "load", lineno=lineno)
    return nodes.Call(target, list(arguments), [], None, None, lineno=lineno)


def _name_of(node: nodes.Node) -> str:
    return f"the statement or expression {type(node).__name__.lower()!r}"


def _refuse(node: nodes.Node, message: str) -> None:
    raise TemplateSyntaxError(message, node.lineno)
