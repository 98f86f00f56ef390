"""Strategies for routing documents: valid ones, damaged ones, and texts that are none."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import strategies as st

from notification_contract.routing.document import render
from tests.fuzz.objects import CHANNELS, LABELS, label_values, texts, values

RECEIVERS = ("team", "oncall", "nobody")
EXPRESSIONS = ("critical|high", "([a-z]+-?)+", "(?i)PROD.*", "[", "(a{1000}){1000}", ".*", "(?=x)", "\\1", "")

channels = st.sampled_from(CHANNELS)
targets = st.one_of(
    channels, st.dictionaries(channels, st.dictionaries(texts, texts, max_size=1), max_size=1)
)
receivers = st.one_of(
    st.fixed_dictionaries({"name": st.sampled_from(RECEIVERS), "channels": st.lists(targets, max_size=3)}),
    st.fixed_dictionaries(
        {"name": st.sampled_from(RECEIVERS), "slack_configs": st.just([{"channel": "#a"}])}
    ),
)
conditions = st.builds(
    '{}{}"{}"'.format,
    st.sampled_from(LABELS),
    st.sampled_from(("=", "!=", "=~", "!~")),
    st.one_of(label_values, st.sampled_from(EXPRESSIONS)),
)
leaves: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "receiver": st.sampled_from(RECEIVERS),
        "matchers": st.lists(conditions, max_size=2),
        "match": st.dictionaries(st.sampled_from(LABELS), label_values, max_size=1),
        "match_re": st.dictionaries(st.sampled_from(LABELS), st.sampled_from(EXPRESSIONS), max_size=1),
        "continue": st.booleans(),
        "name": texts,
    },
)
rules = st.recursive(
    leaves,
    lambda inner: st.builds(
        lambda rule, routes: {**rule, "routes": routes}, leaves, st.lists(inner, max_size=3)
    ),
    max_leaves=6,
)
documents = st.builds(
    lambda route, extra: {
        "route": {**route, "receiver": "team"},
        "receivers": [{"name": name, "channels": []} for name in RECEIVERS[1:]] + [{**extra, "name": "team"}],
    },
    rules,
    receivers,
)
"""Mostly valid ones."""


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """Return the text of a document with a value replaced, or a few characters changed."""
    document = draw(documents)
    if draw(st.booleans()):
        document[draw(st.sampled_from(("route", "receivers", "global", "x")))] = draw(values)
        return yaml.safe_dump(document, allow_unicode=True)
    text = render(document)
    start = draw(st.integers(0, len(text)))
    return text[:start] + draw(texts) + text[start + draw(st.integers(0, 8)) :]


HOSTILE = (
    "",
    "- a",
    "route: 0x" + "F" * 6000,
    "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]",
    "route: !!python/object:os.system {}",
    "[" * 400,
    "route: {receiver: a, routes: " + "[{routes: " * 100,
    "route: 2026-99-99\nreceivers: .nan",
    "? {a: b}\n: c",
    "\t",
    "%YAML 9.9\n---\n",
)
texts_of_documents = st.one_of(
    documents.map(render), documents.map(render), damaged(), st.sampled_from(HOSTILE), texts
)
