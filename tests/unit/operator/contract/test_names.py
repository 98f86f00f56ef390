"""The shared names are those of the packaged CRD."""

from __future__ import annotations

from notification_contract import names
from notification_contract.crds import notification_request


def test_names_are_those_of_the_crd() -> None:
    definition = notification_request()
    spec = definition["spec"]
    assert definition["metadata"]["name"] == names.CRD
    assert spec["group"] == names.GROUP
    assert [version["name"] for version in spec["versions"]] == [names.VERSION]
    assert spec["names"] == {
        "kind": names.KIND,
        "listKind": f"{names.KIND}List",
        "plural": names.PLURAL,
        "singular": names.SINGULAR,
        "shortNames": list(names.SHORT_NAMES),
    }


def test_each_call_returns_a_new_definition() -> None:
    first, second = notification_request(), notification_request()
    first["spec"].clear()
    assert second["spec"]
