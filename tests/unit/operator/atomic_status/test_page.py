"""The kit's page is true: its examples run, its tables are those of the code."""

import inspect
import re
from typing import Any

import atomic_status
from atomic_status import KubeStatusStore, apply
from atomic_status.testing import PROMISES, TROUBLE_PROMISES, MemoryBench
from tools.platform.pulumi.environment import ROOT

PAGE = (ROOT / "docs" / "atomic-status.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def run(example: str) -> dict[str, Any]:
    made: dict[str, Any] = {}
    exec(compile(example, "docs/atomic-status.md", "exec"), made)  # noqa: S102 - the page's own example
    return made


async def test_the_example_of_a_controller_writes_once_and_keeps_foreign_fields() -> None:
    made = run(EXAMPLES[0])
    bench = MemoryBench()
    items = [{"price": 3}, {"price": 4}]
    order = await bench.create("order", spec={"items": items}, status={"foreign": True})
    for _ in range(2):
        await apply(bench.store, order, made["next_status"])
    assert bench.memory.peek(order)["status"] == {"foreign": True, "total": 7}
    assert [verb for verb, _ in bench.memory.calls] == ["GET", "PUT", "GET"]


async def test_the_example_of_a_conformance_test_runs_every_promise() -> None:
    made = run(EXAMPLES[1])
    test = made["test_my_store_keeps_every_promise"]
    (mark,) = test.pytestmark
    _, promises = mark.args
    assert promises == [*PROMISES, *TROUBLE_PROMISES]
    for promise in promises:
        await test(promise)


def test_the_table_of_promises_is_the_code_s() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", PAGE.partition("## Bring another store")[2], re.MULTILINE)
    assert rows == [(promise.__name__, promise.__doc__) for promise in (*PROMISES, *TROUBLE_PROMISES)]


def test_the_table_of_errors_names_all_of_them() -> None:
    errors = {
        name
        for name in atomic_status.__all__
        if inspect.isclass(value := getattr(atomic_status, name)) and issubclass(value, Exception)
    }
    assert set(re.findall(r"^\| `(\w+)` \| ", PAGE.partition("| error |")[2], re.MULTILINE)) >= errors - {
        "StatusError"
    }


def test_the_defaults_that_it_names_are_the_code_s() -> None:
    shown = ", ".join(
        f"{part.name}={part.default}"
        for part in inspect.signature(apply).parameters.values()
        if part.kind is part.KEYWORD_ONLY
    )
    assert f"`apply(store, ref, change, {shown})`" in PAGE
    timeout = inspect.signature(KubeStatusStore).parameters["timeout"].default
    assert f"`KubeStatusStore(client, resource, timeout={timeout})`" in PAGE
