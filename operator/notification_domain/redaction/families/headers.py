"""Rules for HTTP headers, cookies, and the tokens that they carry."""

from __future__ import annotations

from typing import Final

from notification_domain.redaction.rule import (
    FRESH,
    NOT_REDACTED,
    OTHER_KEY,
    REAL,
    SLASHES,
    STATES,
    Hints,
    Rule,
    rule,
    sample,
    trie,
)

_OPEN = rf"{SLASHES}[\"']?[ \t]*:[ \t]*+(?:{SLASHES}[\"'])?"
"""The colon of a header, also in JSON."""
_TO_LINE_END = r"[^\r\n\"'\\]++"

COOKIE: Final = rule(
    "cookie",
    "cook",
    rf"(?P<keep>[cC](?i:ookies?2?{_OPEN}))(?=[\w.$%-]{{1,128}}=)(?!\[REDACTED\]){_TO_LINE_END}",
    example="Set-Cookie: session=abc; Path=/; HttpOnly",
    counter_example="Cookie: none",
)

BEARER: Final = rule(
    "bearer",
    "bearer",
    r"(?P<keep>[bB](?<!\w.)(?i:earer)[ \t]++)"
    rf"(?!(?i:realm|error|scope|authorization_uri)=){NOT_REDACTED}(?!{OTHER_KEY})"
    r"(?=[A-Za-z./-]*+[0-9_~+=]|[A-Za-z]{16}|[A-Za-z]++\.[A-Za-z])[A-Za-z0-9._~+/=-]++",
    example="sent Bearer abc.DEF-1 there",
    counter_example="the bearer of this ticket",
)

_JWT = r"[\w-]{8,}+\.[\w-]{8,}+(?:\.[\w-]*+){0,3}"
"""A JSON web token after the first characters of its header."""
MAX_ATTACHED: Final = 128
"""Characters of a name that a JSON web token follows without a separator, such as `id_token_eyJ`."""

_SCHEMES = r"(?i:bearer|basic|token|negotiate|ntlm|apikey|key|bot)[ \t]++"
_VALUE = r"(?:[^\s\"',}\\]|\\(?!\\{0,14}[\"']))++"

_SENTENCE = rf"[A-Za-z]{{1,20}}+[ \t]++(?:{trie(STATES.split())}(?=[\s\"',;.)]|$)|[a-z]{{2,16}}+(?:[ \t]++[a-z]{{1,16}}+){{1,8}}+[.!]?(?=[\r\n\"',;)]|$))"
"""A word and its state, or words in small letters, after the name of the header."""

AUTHORIZATION: Final = rule(
    "authorization",
    "author",
    rf"(?P<keep>[aA](?i:uthorization{_OPEN})){REAL}{NOT_REDACTED}(?!{OTHER_KEY})(?:"
    # These hold several quoted parts.
    r"(?i:digest|aws4-hmac-sha256|oauth|hawk|signature)\b[^\r\n]*+"
    rf"|{_SCHEMES}(?:\[REDACTED\](?![^\s\"',}}&#\\])|(?!{OTHER_KEY}){REAL}{_VALUE})"
    # What follows an unknown scheme is its credential.
    rf"|(?!{_SCHEMES}|{_SENTENCE})[A-Za-z][\w-]*+[ \t]++(?![ \t]){_TO_LINE_END}"
    rf"|(?!{_SENTENCE}){_VALUE})",
    example="Authorization: Splunk " + sample(36),
    counter_example="authorization: required",
)

_HARMLESS = (
    r"(?<!idempotency-)(?<!websocket-)(?<!surrogate-)(?<!partition-)(?<!routing-)(?<!cache-)(?<!sort-)"
)
"""The beginnings of headers whose key or token is no secret."""

RULES: Final[tuple[Rule, ...]] = (
    rule(
        "jwt",
        "eyj",
        # Only the first of a run of such characters: a further beginning in it would reach the same dot.
        rf"eyJ(?<![\w-]eyJ){_JWT}",
        example="token eyJ" + sample(24) + ".eyJ" + sample(24) + "." + sample(32),
        counter_example="eyJ is the beginning of a token",
    ),
    rule(
        "attached_jwt",
        Hints("_eyj -eyj", reach=MAX_ATTACHED),
        # Begins at the start of a run, and atomically takes the first token in it, for the same reason.
        rf"(?P<keep>(?<![\w-])(?>[\w-]{{0,{MAX_ATTACHED}}}?[_-](?=eyJ)))eyJ{_JWT}",
        example="id_token_eyJ" + sample(24) + ".eyJ" + sample(24) + "." + sample(32),
        counter_example="key_eyJ",
    ),
    rule(
        "encoded_jwt",
        "zxlk",
        r"ZXlK[A-Za-z0-9+/]{40,}+=*+",
        example="data ZXlK" + sample(60),
        counter_example="ZXlK",
    ),
    rule(
        "secret_header",
        "-",
        rf"(?P<keep>-(?i:(?:key|token|secret|signature|password|auth|session|credentials?|team(?<=honeycomb-team))s?{_HARMLESS}{_OPEN}))(?<!-\w:)"
        rf"{FRESH}{REAL}(?!(?:true|false|null|none)\b|\$\{{|\{{\{{|<)[A-Za-z0-9._~+/=:-]{{8,}}+",
        example="X-Vault-Auth: " + sample(24),
        counter_example="accept-encoding: identity",
    ),
)
