"""Strategies for notifications: mostly valid ones with hostile contents, and nearly valid ones."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.fuzz.schema import definition
from tests.property.strategies import FRAGMENTS

SPEC = definition()["properties"]["spec"]["properties"]
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
subjects = present.map(lambda text: text[:500])
label_values = st.sampled_from((*SEVERITIES, "production", "staging", "a" * 63, "x.y_z-1"))

policies = st.fixed_dictionaries(
    {},
    optional={
        "maxAttempts": st.integers(1, 10),
        "initialBackoffSeconds": st.integers(1, 300),
        "backoffMultiplier": st.integers(1, 10),
        "maxBackoffSeconds": st.integers(60, 3600),
    },
)
recipients = st.dictionaries(st.sampled_from(("email", "slack", "teams", "phone", "webhookURL")), texts)
links = st.fixed_dictionaries({"service": texts, "url": texts, "label": texts})
references = st.dictionaries(
    st.sampled_from(("apiVersion", "kind", "namespace", "name", "uid", "resourceVersion", "fieldPath")), texts
)

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
        "metadata": st.dictionaries(texts, texts, max_size=3),
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
