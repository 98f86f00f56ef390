"""Compares answers of the gateway with its OpenAPI description."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator

from tools.platform.pulumi.environment import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

OF_NO_OPERATION = {"401", "404", "405", "413", "415", "503"}
"""The answers to a path or a method that the description does not have."""


@cache
def description() -> Any:
    return json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8"))


def resolved(part: Any) -> Any:
    """Return a part of the description, or what it refers to."""
    while "$ref" in part:
        found = description()
        for key in part["$ref"].removeprefix("#/").split("/"):
            found = found[key]
        part = found
    return part


def operation(method: str, path: str) -> Any:
    """Return the operation of a request; None if there is none."""
    for template, item in description()["paths"].items():
        pattern = re.sub(r"\{\w+\}", "[^/]+", template)
        if re.fullmatch(pattern, path.partition("?")[0]) and method.lower() in item:
            return item[method.lower()]
    return None


@cache
def validator(schema: str) -> Draft202012Validator:
    """Return the validator of a schema, which is given as JSON."""
    return Draft202012Validator({**json.loads(schema), "components": description()["components"]})


def check(method: str, path: str, status: int, headers: Mapping[str, str], text: str) -> None:
    """Check that the description has an answer: its status, its headers, and a body of its schema."""
    found = operation(method, path)
    responses = found["responses"] if found else _refusals()
    assert str(status) in responses, f"{method} {path} is answered with {status}, which is not described"
    response = resolved(responses[str(status)])
    for name, header in response.get("headers", {}).items():
        assert name in headers, f"{status} to {method} {path} has no header {name}"
        validator(json.dumps(header["schema"])).validate(headers[name])
    if method == "HEAD":
        return
    media_type = headers["Content-Type"].partition(";")[0]
    assert media_type in response["content"], (
        f"{status} to {method} {path} is {media_type}, which is not described"
    )
    schema = json.dumps(response["content"][media_type]["schema"])
    validator(schema).validate(json.loads(text) if media_type == "application/json" else text)


def _refusals() -> dict[str, Any]:
    operations = [
        each for item in description()["paths"].values() for each in item.values() if "responses" in each
    ]
    every = {status: response for each in operations for status, response in each["responses"].items()}
    return {status: every[status] for status in OF_NO_OPERATION}
