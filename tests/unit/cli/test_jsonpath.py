"""JSONPath as kubectl has it: what a template writes, and the column of a fault."""

from __future__ import annotations

import pytest

from notification_cli.views.format import Output
from notification_cli.views.jsonpath import JsonPathError, Path, Template

LIST = {
    "items": [
        {"metadata": {"name": "a", "labels": {"kubernaut.ai/severity": "high"}}, "n": 1, "to": ["x", "y"]},
        {"metadata": {"name": "b"}, "n": 2.5, "ok": True, "to": []},
        {"metadata": {"name": "c"}, "n": 10, "when": None},
    ]
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{.items[*].metadata.name}", "a b c"),
        ("{$.items[0].metadata.name}", "a"),
        ("{.items[-1].metadata.name}", "c"),
        ("{.items[7].metadata.name}", ""),
        ("{.items[0:2].metadata.name}", "a b"),
        ("{.items[::2].metadata.name}", "a c"),
        ("{.items[0,2]['metadata']['name']}", "a c"),
        (r"{.items[0].metadata.labels.kubernaut\.ai/severity}", "high"),
        ('{.items[0].metadata.labels["kubernaut.ai/severity"]}', "high"),
        ("{.items[0].metadata['name','labels']}", 'a {"kubernaut.ai/severity":"high"}'),
        ("{.items[0].to}", '["x","y"]'),
        ("{.items[1].ok} {.items[1].n} {.items[2].when}", "true 2.5 null"),
        ("{.items[0].absent.more}", ""),
        ("{.items[0].metadata.*}", 'a {"kubernaut.ai/severity":"high"}'),
        ('{range .items[*]}{.metadata.name}{"\\t"}{.n}{"\\n"}{end}', "a\t1\nb\t2.5\nc\t10\n"),
        ("{range .items[*]}{range .to[*]}{@}={$.items[0].n} {end}{end}", "x=1 y=1 "),
        ("{.items[?(@.n>1)].metadata.name}", "b c"),
        ("{.items[?(@.n >= 1)].metadata.name}", "a b c"),
        ('{.items[?(@.metadata.name=="b")].n}', "2.5"),
        ("{.items[?(@.metadata.name!='b')].n}", "1 10"),
        ("{.items[?(@.ok)].metadata.name}", "b"),
        ("{.items[?(@.ok==true)].metadata.name}", "b"),
        ("{.items[?(@.n<@.metadata.name)].n}", ""),
        ("{.items[?(@.n==$.items[2].n)].metadata.name}", "c"),
        ("first {.items[0].n}, 'last' { .items[2].n }", "first 1, 'last' 10"),
        ('{"a \\"quoted\\" text"}', 'a "quoted" text'),
        ("{.items[*].metadata.name[0]}", ""),
        ("{.items.name}", ""),
    ],
)
def test_template_writes_what_kubectl_writes(template: str, text: str) -> None:
    assert Template.parse(template).render(LIST) == text


def test_object_itself_is_a_dot() -> None:
    assert Template.parse("{.}").render({"a": 1}) == Template.parse("{@}").render({"a": 1}) == '{"a":1}'


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        (
            ".metadata.name",
            "'.metadata.name' has no expression; write it in braces, such as {.metadata.name}",
        ),
        ("{.metadata", "column 11 of '{.metadata': a brace is not closed; add }"),
        ("{.a[}", "column 5 of '{.a[}': write an index, *, a slice"),
        ("{.a[0}", "column 6 of '{.a[0}': a bracket is not closed; add ]"),
        ("{.a[0::0]}", "a slice has no step of 0; use another one"),
        ("{.a['b]}", "column 5 of \"{.a['b]}\": a quoted text is not closed; add '"),
        ("{..name}", "column 3 of '{..name}': recursive descent (..) is not supported; write the whole path"),
        ("{.a!}", "column 4 of '{.a!}': write a path such as .metadata.name, a quoted text"),
        ("{.(}", "column 3 of '{.(}': write the name of a field"),
        ("{name}", "column 2 of '{name}': write a path such as .metadata.name"),
        ("{.a}{end}", "there is no range before this end"),
        ("{range .items[*]}{.a}", "column 22 of '{range .items[*]}{.a}': a range is not closed; add {end}"),
        ("{.a[?(@.b=='c']}", "a filter is not closed; add )"),
        ("{.a[?(b)]}", "column 7 of '{.a[?(b)]}': write a path such as .metadata.name"),
    ],
)
def test_fault_of_a_template_is_named_with_its_column(template: str, fault: str) -> None:
    with pytest.raises(JsonPathError) as error:
        Template.parse(template)
    assert fault in str(error.value)


@pytest.mark.parametrize("text", [".metadata.name", "metadata.name", "{.metadata.name}"])
def test_path_may_lack_its_braces_and_first_dot(text: str) -> None:
    assert Path.parse(text).find(LIST["items"][0]) == ["a"]


@pytest.mark.parametrize(("text", "column"), [("metadata.", None), ("a b", 2), (".a[", 4), ("{.a b}", 4)])
def test_fault_of_a_path_is_named_with_its_column(text: str, column: int | None) -> None:
    if column is None:
        assert Path.parse(text).find({"metadata": 1}) == [1]
        return
    with pytest.raises(JsonPathError, match=f"column {column} of"):
        Path.parse(text)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "xml",
            "'xml' is no format; use one of table, wide, json, yaml, name, jsonpath=TEMPLATE or custom-columns",
        ),
        ("jsonpath", "'jsonpath' is no format"),
        ("json=x", "'json=x' is no format"),
        ("custom-columns=", "'' is no column; write TITLE:PATH, such as NAME:.metadata.name"),
        ("custom-columns=A", "'A' is no column"),
        ("custom-columns=A:.a[", "column 4 of '.a['"),
        ("jsonpath={.a", "column 4 of '{.a': a brace is not closed"),
    ],
)
def test_format_that_does_not_exist_is_refused(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=r".+") as error:
        Output.of(text)
    assert fault in str(error.value)


def test_order_is_missing_values_then_numbers_then_natural_texts() -> None:
    values = ["n10", 3, "n9", None, 2.5, "2026-03-01T12:00:00Z", "2026-02-01T12:00:00Z"]
    output = Output.of("table", sort_by=".v")
    ordered = [each["v"] for each in output.sort({"v": each} for each in values)]
    assert ordered == [None, 2.5, 3, "2026-02-01T12:00:00Z", "2026-03-01T12:00:00Z", "n9", "n10"]
