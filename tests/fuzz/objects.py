"""Strategies for notifications: mostly valid ones with hostile contents, and nearly valid ones."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from notification_contract.bounds import METADATA_NAME
from tests.fuzz.schema import definition
from tests.property.strategies import FRAGMENTS

SPEC = definition()["properties"]["spec"]["properties"]
POLICY = SPEC["retryPolicy"]["properties"]
CHANNELS = tuple(SPEC["channels"]["items"]["enum"])
SEVERITIES = ("critical", "warning", "info", "")
LABELS = ("kubernaut.ai/severity", "kubernaut.ai/environment", "kubernaut.ai/skip-reason", "app", "a.b/c")

texts = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=40),
    st.lists(st.sampled_from([each for each in FRAGMENTS if each.isprintable()]), max_size=8).map("".join),
    st.sampled_from(
        ("", " ", "\0", "\r\n\x1b[31m", "<!channel> &lt;", "{{x}}", "x" * 3001, "\u202e\u0301\ufeff", "```")
    ),
)
present = texts.map(lambda text: text or "x")
label_values = st.sampled_from((*SEVERITIES, "production", "staging", "a" * 63, "x.y_z-1"))


def _fits(policy: dict[str, int]) -> bool:
    """Return whether a policy meets the rule of the schema, which only the API server evaluates."""
    whole = {name: schema["default"] for name, schema in POLICY.items()} | policy
    return whole["initialBackoffSeconds"] <= whole["maxBackoffSeconds"]


def _fields(properties: dict[str, Any]) -> dict[str, st.SearchStrategy[str]]:
    """Return by field the texts that are not too long for it."""
    return {name: _cut(texts, schema["maxLength"]) for name, schema in properties.items()}


def _cut(some: st.SearchStrategy[str], length: int) -> st.SearchStrategy[str]:
    return some.map(lambda text: text[:length])


subjects = _cut(present, SPEC["subject"]["maxLength"])
policies = st.fixed_dictionaries(
    {},
    optional={
        "maxAttempts": st.integers(1, 10),
        "initialBackoffSeconds": st.integers(1, 300),
        "backoffMultiplier": st.integers(1, 10),
        "maxBackoffSeconds": st.integers(60, 3600),
    },
).filter(_fits)
recipients = st.fixed_dictionaries({}, optional=_fields(SPEC["recipients"]["items"]["properties"]))
links = st.fixed_dictionaries(_fields(SPEC["actionLinks"]["items"]["properties"]))
references = st.fixed_dictionaries({}, optional=_fields(SPEC["remediationRequestRef"]["properties"]))
metadata_names = _cut(texts, METADATA_NAME)
"""The schema limits them by a rule, which only the API server evaluates."""

specs = st.fixed_dictionaries(
    {
        "type": st.sampled_from(SPEC["type"]["enum"]),
        "priority": st.sampled_from(SPEC["priority"]["enum"]) | st.none(),
        "subject": subjects,
        "body": present,
    },
    optional={
        "channels": st.lists(st.sampled_from(CHANNELS), max_size=4),
        "recipients": st.lists(recipients, max_size=2),
        "metadata": st.dictionaries(metadata_names, texts, max_size=3),
        "actionLinks": st.lists(links, max_size=2),
        "remediationRequestRef": references,
        "retryPolicy": policies,
        "retentionDays": st.integers(1, 90),
        "unknownField": st.integers(),
    },
)
"""Specs that the schema admits."""

values: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.floats(allow_nan=False, allow_infinity=False),
    texts,
    st.lists(texts, max_size=2),
    st.dictionaries(texts, texts, max_size=2),
)


@st.composite
def nearly_valid_specs(draw: st.DrawFn) -> dict[str, Any]:
    """Return a spec with one field replaced by something else, or without it."""
    spec = draw(specs)
    name = draw(st.sampled_from(sorted(spec)))
    if draw(st.booleans()):
        spec[name] = draw(values)
    else:
        del spec[name]
    return spec


objects = st.fixed_dictionaries(
    {
        "spec": specs,
        "labels": st.dictionaries(st.sampled_from(LABELS), label_values, max_size=3),
        "annotations": st.dictionaries(st.just("example.com/note"), texts, max_size=1),
    }
)
