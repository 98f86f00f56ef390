"""The shared names are those of the packaged CRDs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from notification_contract import names
from notification_contract.crds import notification_receiver, notification_request

if TYPE_CHECKING:
    from collections.abc import Callable

CRDS = {
    names.CRD: (notification_request, names.KIND, names.PLURAL, names.SHORT_NAMES),
    names.RECEIVER_CRD: (
        notification_receiver,
        names.RECEIVER_KIND,
        names.RECEIVER_PLURAL,
        names.RECEIVER_SHORT_NAMES,
    ),
}


@pytest.mark.parametrize("name", CRDS)
def test_names_are_those_of_the_crd(name: str) -> None:
    read, kind, plural, short_names = CRDS[name]
    definition = read()
    spec = definition["spec"]
    assert definition["metadata"]["name"] == name
    assert spec["group"] == names.GROUP
    assert spec["scope"] == "Namespaced"
    assert [version["name"] for version in spec["versions"]] == [names.VERSION]
    assert spec["names"] == {
        "kind": kind,
        "listKind": f"{kind}List",
        "plural": plural,
        "singular": kind.lower(),
        "shortNames": list(short_names),
        "categories": [names.CATEGORY],
    }


@pytest.mark.parametrize("read", [notification_request, notification_receiver])
def test_each_call_returns_a_new_definition(read: Callable[[], dict[str, Any]]) -> None:
    first, second = read(), read()
    first["spec"].clear()
    assert second["spec"]
