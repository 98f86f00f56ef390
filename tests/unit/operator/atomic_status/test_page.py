"""The page of the kit: its examples run, and its tables match the code."""

import inspect
import re
from typing import Any

import atomic_status
from atomic_status import KubeStatusStore, apply
from atomic_status.testing import CONFORMANCE, FAULT_CONFORMANCE, MemoryHarness
from tools.platform.pulumi.environment import ROOT

PAGE = (ROOT / "docs" / "contributing" / "atomic-status.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def run(example: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(example, "docs/contributing/atomic-status.md", "exec"), names)  # noqa: S102 - the page's own example
    return names


async def test_controller_example_writes_once_and_keeps_foreign_fields() -> None:
    names = run(EXAMPLES[0])
    harness = MemoryHarness()
    items = [{"price": 3}, {"price": 4}]
    order = await harness.create("order", spec={"items": items}, status={"foreign": True})
    for _ in range(2):
        await apply(harness.store, order, names["next_status"])
    assert harness.memory.peek(order)["status"] == {"foreign": True, "total": 7}
    assert [verb for verb, _ in harness.memory.calls] == ["GET", "PUT", "GET"]


async def test_conformance_example_runs_every_check() -> None:
    names = run(EXAMPLES[1])
    test = names["test_my_store_conforms"]
    (mark,) = test.pytestmark
    _, checks = mark.args
    assert checks == [*CONFORMANCE, *FAULT_CONFORMANCE]
    for check in checks:
        await test(check)


def test_table_of_checks_matches_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", PAGE.partition("## Bring another store")[2], re.MULTILINE)
    assert rows == [(check.__name__, check.__doc__) for check in (*CONFORMANCE, *FAULT_CONFORMANCE)]


def test_table_of_errors_is_complete() -> None:
    errors = {
        name
        for name in atomic_status.__all__
        if inspect.isclass(value := getattr(atomic_status, name)) and issubclass(value, Exception)
    }
    assert set(re.findall(r"^\| `(\w+)` \| ", PAGE.partition("| error |")[2], re.MULTILINE)) >= errors - {
        "StatusError"
    }


def test_documented_defaults_match_the_code() -> None:
    shown = ", ".join(
        f"{part.name}={part.default}"
        for part in inspect.signature(apply).parameters.values()
        if part.kind is part.KEYWORD_ONLY
    )
    assert f"`apply(store, ref, change, {shown})`" in PAGE
    timeout = inspect.signature(KubeStatusStore).parameters["timeout"].default
    assert f"`KubeStatusStore(client, resource, timeout={timeout})`" in PAGE
