"""The OpenAPI description of the gateway is well-formed, and has every answer; `Shipped.send` compares each one with it."""

from __future__ import annotations

import ast
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

from notification_contract.sources.source import SourceType
from notification_gateway.web import hooks
from tests.unit.gateway import described
from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

METHODS = {"get", "post"}
OPERATIONS = [
    (path, item, item[method])
    for path, item in described.description()["paths"].items()
    for method in METHODS & item.keys()
]


def parts(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object of the description."""
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts(each)


def test_description_is_that_of_openapi_3_1() -> None:
    found = described.description()
    assert re.fullmatch(r"3\.1\.\d", found["openapi"])
    assert {"title", "version"} <= found["info"].keys()
    for name, schema in found["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert re.fullmatch(r"[A-Za-z]+", name)


def test_every_reference_leads_somewhere() -> None:
    references = [each for each in parts(described.description()) if "$ref" in each]
    assert len(references) > 20
    for each in references:
        assert described.resolved(each)


def test_no_two_operations_have_one_name_and_no_two_paths_one_form() -> None:
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    forms = [re.sub(r"\{\w+\}", "{}", path) for path in described.description()["paths"]]
    assert len(set(names)) == len(names)
    assert len(set(forms)) == len(forms)


@pytest.mark.parametrize(
    ("path", "item", "operation"), OPERATIONS, ids=lambda each: each if isinstance(each, str) else ""
)
def test_operation_declares_its_parameters_credentials_and_answers(
    path: str, item: dict[str, Any], operation: dict[str, Any]
) -> None:
    parameters = [*item["parameters"], *operation.get("parameters", ())]
    in_path = {each["name"] for each in parameters if each["in"] == "path" and each["required"]}
    assert in_path == set(re.findall(r"\{(\w+)\}", path))
    for each in parameters:
        Draft202012Validator.check_schema(each["schema"])
    schemes = {name for each in operation["security"] for name in each}
    assert schemes <= described.description()["components"]["securitySchemes"].keys()
    for status, response in operation["responses"].items():
        assert HTTPStatus(int(status))
        assert described.resolved(response)["description"]


def test_description_has_the_statuses_of_the_server_and_no_other() -> None:
    used = {
        HTTPStatus[node.attr]
        for file in (ROOT / "operator" / "notification_gateway" / "web").glob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "HTTPStatus"
    }
    documented = {
        HTTPStatus(int(status)) for _, _, operation in OPERATIONS for status in operation["responses"]
    }
    assert documented == used


def test_description_names_the_types_of_each_status_of_success() -> None:
    described_types = {
        status: {each for each in SourceType if each in response["description"]}
        for _, _, operation in OPERATIONS
        if operation["operationId"] == "sendToSource"
        for status, response in operation["responses"].items()
        if status.startswith("2")
    }
    assert described_types == {"200": set(hooks.OK), "202": set(SourceType) - hooks.OK}


def test_answer_that_is_not_described_is_noticed() -> None:
    headers = {"Content-Type": "application/json"}
    described.check("POST", "/hook/x", 202, headers, '{"created": 1, "duplicates": 0, "filtered": 0}')
    for status, text in (
        (202, '{"created": 1}'),
        (202, '{"created": -1, "duplicates": 0, "filtered": 0}'),
        (418, "{}"),
    ):
        with pytest.raises(Exception, match=r"required|minimum|not described"):
            described.check("POST", "/hook/x", status, headers, text)
    with pytest.raises(AssertionError, match="no header Retry-After"):
        described.check("POST", "/hook/x", 503, headers, '{"error": "busy"}')
    with pytest.raises(AssertionError, match="text/html"):
        described.check("GET", "/unknown", 401, {"Content-Type": "text/html"}, "")
