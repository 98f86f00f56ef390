"""The redaction rules in their order; each is applied to the result of the one before.

Blocks come first, because they contain blanks; then names with their values, which the metrics count by name; then secrets
that are recognizable by themselves; then addresses.
"""

from __future__ import annotations

from typing import Final

from notification_domain.redaction.families import (
    assignments,
    commands,
    headers,
    markup,
    pem,
    urls,
    vendor_tokens,
    words,
)
from notification_domain.redaction.families.urls import EMAIL, IPV4, IPV6, PUBLIC
from notification_domain.redaction.rule import REDACTED, Rule, member, rule, sample

__all__ = ["EMAIL", "IPV4", "IPV6", "PUBLIC", "REDACTED", "RULES", "Rule"]

_JSON_STRING = r'"(?:[^"\\]++|\\.)*+"'
_FLAT = rf"\{{(?:\\.|{_JSON_STRING}|[^\"{{}}\\]++)*+\}}"
_NESTED = rf"\{{(?:\\.|{_JSON_STRING}|[^\"{{}}\\]++|{_FLAT})*+\}}"
_LIST = rf"\[(?:\\.|{_JSON_STRING}|[^\"\[\]\\]++)*+\]"

ALERTS: Final[tuple[Rule, ...]] = (
    rule(
        "generator_url",
        "generatorurl",
        member("gG", "eneratorURL"),
        example='{"generatorURL":"http://prom/graph?g0.expr=up"}',
        counter_example='{"generator":"http://prom/graph"}',
    ),
    rule(
        "annotations",
        "annotat",
        member("aA", "nnotations", whole=rf"(?(open)(?!)|(?:{_NESTED}|{_LIST}))"),
        example='{"annotations": {"a": "}", "b": {"c": "d"}}, "z": 1}',
        counter_example='{"annotation": {"a": "b"}}',
    ),
)
GITHUB: Final = rule(
    "github_token",
    "ghp_ gho_ ghu_ ghs_ ghr_",
    r"gh[pousr]_[A-Za-z0-9]{36,}+",
    example="with ghp_" + sample(36) + "!",
    counter_example="ghp_gamma55",
)

BEFORE_TOKENS: Final[tuple[Rule, ...]] = (
    *pem.RULES,
    *ALERTS,
    headers.COOKIE,
    *markup.FIRST_RULES,
    *assignments.PASSWORDS,
    urls.CREDENTIALS,
    *assignments.API_KEYS,
    headers.BEARER,
    GITHUB,
    *assignments.TOKENS,
    headers.AUTHORIZATION,
    *assignments.CLOUD_KEYS,
    *urls.DATABASES,
    *urls.RULES,
    *headers.RULES,
    *assignments.NAMED,
    *markup.RULES,
    *commands.RULES,
    *words.RULES,
)
AFTER_TOKENS: Final[tuple[Rule, ...]] = (*vendor_tokens.RULES, *urls.ADDRESSES)
RULES: Final[tuple[Rule, ...]] = (*BEFORE_TOKENS, *vendor_tokens.PREFIXED, *AFTER_TOKENS)
