"""Every table of the operator and the gateway is bounded in bytes and by namespace (DD-TABLE-001)."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Final

import pytest
import yaml

from notification_contract.quantity import amount
from platform_infra.settings.sections.deployment import Operator
from platform_infra.settings.sections.gateway import Gateway
from tests.unit.tables import filling
from tests.unit.tables.found import tables
from tools.platform.pulumi.environment import ROOT

REGISTER: Final[dict[str, dict[str, dict[str, str]]]] = yaml.safe_load(
    Path(__file__).with_name("tables.yaml").read_text("utf-8")
)
HINT: Final = "add it to tests/unit/tables/tables.yaml: fixed, work, follows, small, or filled with a method that fills it"
LIMITS: Final = {"operator": Operator().memory_limit, "gateway": Gateway().memory_limit}
GAP: Final = 0.5
"""Seconds of the processor for which the event loop may run nothing else."""
SMALL: Final = 16 * 1024 * 1024
"""Bytes of a small table."""


def registered(kind: str) -> dict[str, str]:
    """Return the tables of a kind, each with its text."""
    return {
        f"{module}:{name}": text for module, names in REGISTER[kind].items() for name, text in names.items()
    }


def test_table_without_an_entry_is_found() -> None:
    listed = {name for kind in REGISTER for name in registered(kind)}

    assert [f"{place}: {name}: {HINT}" for name, place in tables().items() if name not in listed] == []


def test_entry_whose_table_is_gone_is_found() -> None:
    lines = [name for kind in REGISTER for name in registered(kind)]

    assert sorted(lines) == sorted(set(lines) & tables().keys())


def test_table_that_follows_another_names_a_listed_one() -> None:
    others = {name.partition(":")[2] for kind in REGISTER for name in registered(kind)}

    assert set(registered("follows").values()) - others == set()


@pytest.mark.parametrize(("name", "bound"), registered("small").items())
def test_small_table_has_few_entries_of_few_bytes(name: str, bound: str) -> None:
    most, size = bound.split(" x ")

    assert getattr(import_module(name.partition(":")[0]), most) * int(size) <= SMALL


@pytest.mark.parametrize("program", LIMITS)
def test_filled_table_has_a_method_that_fills_it(program: str) -> None:
    named = {
        text
        for name, text in registered("filled").items()
        if name.startswith("notification_gateway.") == (program == "gateway")
    }

    assert named == set(filling.fillings(program))


@pytest.mark.slow
@pytest.mark.parametrize("program", LIMITS)
def test_full_tables_leave_memory_and_another_namespace(program: str) -> None:
    command = [sys.executable, "-m", filling.__name__, program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    found = json.loads(done.stdout or "{}")

    assert found, done.stderr
    assert [name for name, each in found.items() if not each["served"] or each["gap"] >= GAP] == []
    assert max(each["memory"] for each in found.values()) * 1024 * 1024 < amount(LIMITS[program]), found
