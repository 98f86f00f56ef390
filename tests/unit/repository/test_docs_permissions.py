"""The tables of permissions: each row is granted by a program, and each grant has a row, whatever is set."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from platform_infra.crd.user_roles import user_roles
from platform_infra.preview import grants
from platform_infra.workload import drills, rbac
from platform_infra.workload.gateway import account
from platform_infra.workload.rbac import Grant
from tests.runner.permissions import DOCUMENT, HOME, SMALLEST, SWITCHES, document, recorded, rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ALL: Mapping[str, str] = {
    **SMALLEST,
    **{key: value for switch in SWITCHES for key, value in {**switch.needs, **switch.values}.items()},
    "operatorShards": "2",
    "watchNamespaceSelector": "",
}
"""Every setting that adds permissions, as far as they go together."""


def test_tables_are_those_of_the_programs() -> None:
    text = DOCUMENT.read_text("utf-8")
    assert document(text) == text, "run `make generate`"


@pytest.mark.parametrize(
    "changed",
    [
        {"watchNamespaces": json.dumps(["shop", HOME])},
        {"watchNamespaces": json.dumps(["shop", "bank"])},
        {
            "watchNamespaces": "[]",
            "watchNamespaceSelector": "!kubernaut.ai/preview",
            "gatewayTenantSources": "false",
        },
    ],
    ids=["home-watched", "others-watched", "everywhere"],
)
def test_each_permission_of_all_settings_together_has_a_row(changed: Mapping[str, str]) -> None:
    listed = {each for _, each in rows()}
    granted = recorded({**ALL, **changed})
    assert len(granted) > 50
    assert granted - listed - {each.widened() for each in listed} == set()


def test_each_switch_adds_a_row() -> None:
    assert {label for label, _ in rows()} == {"", *(switch.label for switch in SWITCHES)}


def declared() -> Iterator[Grant]:
    """Yield the grants that the program declares as constants."""
    for module in (rbac, account, drills, grants):
        values: list[Any] = [value for value in vars(module).values() if isinstance(value, tuple)]
        yield from (each for value in values for each in value if isinstance(each, Grant))


def test_each_declared_grant_has_a_row() -> None:
    listed = {(each.group, each.resource, each.verbs) for _, each in rows()}
    grants_declared = list(declared())
    assert len(grants_declared) > 40
    assert [each for each in grants_declared if (each.group, each.resource, each.verbs) not in listed] == []


def test_each_role_of_users_has_a_row() -> None:
    text = DOCUMENT.read_text("utf-8").partition("\n## Users\n")[2]
    names = [each.name for each in user_roles(edit_includes_receivers=False, gateway=True)]
    assert [name for name in names if f"\n| `{name}` |" not in text] == []
