"""Rules for values whose name says that they are secret: assignments, members of JSON, flags, XML and YAML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from notification_domain.redaction.rule import (
    ASSIGNMENT_REACH,
    REAL,
    SEPARATOR,
    Hints,
    Rule,
    assignment,
    member,
    rule,
    sample,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

_TOKENS = (
    r"(?=[oOcCuUeEdD])(?<!\w.)"
    r"(?:(?<=t)oken|(?<=a)(?:ccess|uth)[_-]?token|(?<=r)efresh[_-]?token|(?<=i)d[_-]?token)"
)
_PASSES = r"(?:assword|asswd|wd(?!(?-i:(?<=PWD))=/))"
FIRST = "pPsStTcCaAeEmM"
WORD = (
    r"(?:[aA](?=[sS])(?i:(?<=pa)ss(?:wo?r?d|phrase|code|(?![a-z]))|ster[_-]?key)|[wW][dD](?<=[pP]..)|[sS][kK](?<=[pP]..)(?![a-z])"
    r"|[eE](?<=[sS].)(?i:cret)|[iI](?i:gning[_-]?key)|[oO](?<=[tT].)(?i:ken)|[rR](?i:(?<=c.)edentials?|ivate[_-]?key)"
    r"|[pP](?i:i[_-]?key)|[cC](?i:(?:cess|count)[_-]?key)|[uU](?i:th(?:[_-]?key|tok(?![a-z])))|[nN](?i:cryption[_-]?key))"
)
"""The words that name a secret, after a character of `FIRST`."""
_ENDINGS = (
    *(
        "name",
        "names",
        "ref",
        "refs",
        "path",
        "file",
        "dir",
        "url",
        "uri",
        "endpoint",
        "type",
        "version",
        "expiry",
        "expires",
    ),
    *(
        "expiration",
        "ttl",
        "age",
        "at",
        "time",
        "date",
        "count",
        "size",
        "length",
        "limit",
        "policy",
        "hint",
        "field",
        "label",
    ),
    *(
        "class",
        "arn",
        "mount",
        "namespace",
        "provider",
        "bucket",
        "enabled",
        "mode",
        "status",
        "state",
        "stdin",
        "reset",
    ),
    *(
        "rotation",
        "manager",
        "store",
        "format",
        "prefix",
        "index",
        "column",
        "table",
        "template",
        "issuer",
        "audience",
    ),
    *(
        "usage",
        "budget",
        "header",
        "headers",
        "algorithm",
        "hasher",
        "backend",
        "lifetime",
        "method",
        "source",
        "location",
    ),
    *(
        "kind",
        "alias",
        "owner",
        "host",
        "port",
        "server",
        "service",
        "scope",
        "scopes",
        "role",
        "region",
        "lookup",
        "variable",
    ),
    *(
        "strategy",
        "pattern",
        "regex",
        "interval",
        "timeout",
        "generator",
        "controller",
        "operator",
        "driver",
        "cache",
    ),
    *(
        "hash",
        "digest",
        "checksum",
        "fingerprint",
        "thumbprint",
        "serial",
        "revision",
        "token_id",
        "tokenid",
        "token-id",
    ),
)


def _not_ending_with(words: Iterable[str]) -> str:
    """Return a pattern that matches, without a character, where none of these words ends; it goes by their last letter first."""
    by_last: dict[str, list[str]] = {}
    for word in words:
        by_last.setdefault(word[-1], []).append(word)
    branches = (
        f"(?<={last})" + "".join(f"(?<!{word})" for word in endings) for last, endings in by_last.items()
    )
    return f"(?:(?<![{''.join(by_last)}])|{'|'.join(branches)})"


NO_SECRET = _not_ending_with(_ENDINGS)
"""Excludes names such as `secretName` and `token_ttl`."""
_SOON = r"(?=[\w.-]{0,48}+(?:\\{0,15}+[\"'])?+[*`_]{0,3}+[ \t]*+[:=|%](?![ \t]?\[REDACTED\]))"
"""A separator that follows soon: most words of a text have none, and the check is short."""
NAME = rf"[{FIRST}]{WORD}{_SOON}(?:s?(?:[_.-][\w.-]{{0,32}}+|[0-9A-Z][\w-]{{0,32}}+)?)(?i:{NO_SECRET})"
MIXED = r"(?=[^\s\"'`,;<>&0-9]{0,128}+[0-9])(?=[^\s\"'`,;<>&A-Za-z]{0,128}+[A-Za-z])"
NO_FACT = (
    r"(?![0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9.]+(?:[munµ]?s|m|h|d|[KMGTkmgt]i?[bB]?)?(?:[\s\"',;}&]|$)|v?[0-9]{1,4}\.[0-9]{1,6}(?:\.[0-9]{1,6}){0,2}(?:[-+.][\w.+-]{0,24}+)?(?:[\s\"',;}&]|$)|https?://|arn:|vault:|op://"
    r"|\.{0,2}/[a-z.]+[/\s])"
)

_HARMLESS_KEYS = "".join(
    rf"(?<!(?i:{word})[_-]...)(?<!(?i:{word})...)"
    for word in (
        "public",
        "cache",
        "sort",
        "primary",
        "idempotency",
        "partition",
        "group",
        "object",
        "routing",
    )
)

_OBJECT = (
    r"(?-i:ecret)(?:(?:(?<![\w.-].ecret)|(?<=existing.ecret)|(?<=tls.ecret)|(?<=pull.ecret)):[ \t]++[a-z]{1,63}+(?:[/-][a-z]{1,63}+){1,8}+(?=[\s\"',;)}]|$)"
    r"|(?<=[0-9]:secret):[\w/+=.@-])"
)
"""The name of an object after the word for its kind, and the path in an ARN."""
_STATED = (
    r"(?:ecret|oken):[ \t]++\\{0,15}(?P<stated>[\"'])[a-z]{1,63}+(?:[/.-][a-z]{1,63}+){0,8}+\\{0,15}(?P=stated)[ \t]++"
    r"(?:not (?:found|synced)|does not exist|already exists|is (?:forbidden|missing)|was (?:not|created|deleted)|(?:in|of) namespace)\b"
)
"""The quoted name of an object, and its state."""
_FLAT = r"[^\[\]{}]"
_STRING = r"\\{0,15}[\"']"
_IS_STRING = rf"{_STRING}\s*+(?::|=>?+)\s*+{_STRING}"
_STRONG = rf"{NO_FACT}{MIXED}{REAL}[^\s\"'`,;<>&]{{6}}"
_BELOW = (
    rf"(?:\[(?={_FLAT}*?{_STRING}(?(pass)[\w!-~](?<![\"'\\$<{{*])|{_STRONG}))"
    rf"|\{{(?={_FLAT}*?{_STRING}(?:(?:value|data|plaintext)(?={_IS_STRING}{REAL})"
    rf"|[\w-]{{1,64}}+(?i:{NO_SECRET})(?<!key)(?<!id)(?={_IS_STRING}{_STRONG}))))"
)
"""A list or an object without further ones that holds a secret."""

PASSWORDS: Final[tuple[Rule, ...]] = (
    rule(
        "password_json",
        "passw pwd",
        member("pP", r"(?:assword|asswd|wd)"),
        example='{"db_password":"a, b} c"}',
        counter_example='{"password": null, "passwordless": "yes"}',
    ),
    rule(
        "password",
        Hints("passw pwd", reach=ASSIGNMENT_REACH),
        assignment("pP", "aAwW", _PASSES, query=r"(?:password|passwd|pwd)"),
        example="password: hunter2xyz",
        counter_example="PWD=/home/app password: ${DB_PASSWORD}",
    ),
)
API_KEYS: Final[tuple[Rule, ...]] = (
    rule(
        "api_key_json",
        Hints("key", reach=4),
        member("aA", r"(?-i:[pP])i[_-]?key"),
        example='{"x-api-key": "abc"}',
        counter_example='{"apiKeyName": "abc"}',
    ),
    rule(
        "api_key",
        Hints("key", reach=ASSIGNMENT_REACH),
        assignment("aA", "pP", r"(?-i:[pP])i[_-]?key", query=r"api[_-]?key"),
        example="API-KEY: abc",
        counter_example="the api key is missing",
    ),
    rule(
        "sk_key",
        "sk-",
        r"sk-(?<!\wsk-)(?!(?:learn|container|item|estimator|toggleable|serial|parallel|label|text|diagram|spinner|circle|cube"
        r"|bounce|chase|fold|folding|grid|fade|fading|wave|button|input)\b)[\w-]{4,}+",
        example="use sk-live-abc_1 now",
        counter_example="disk-pressure and sk-learn",
    ),
)
TOKENS: Final[tuple[Rule, ...]] = (
    rule(
        "token_json",
        Hints("token", reach=8),
        member("tTaArRiI", _TOKENS),
        example='{"access_token": "abc"}',
        counter_example='{"token": null, "tokens": "abc"}',
    ),
    rule(
        "token",
        Hints("token", reach=ASSIGNMENT_REACH),
        assignment(
            "tTaArRiI",
            "oOcCuUeEdD",
            rf"(?!{_STATED}){_TOKENS}",
            query=r"\b(?:(?:access|refresh|auth|id)[_-]?)?token",
        ),
        example="access_token: abc",
        counter_example="token: invalid signature",
    ),
    rule(
        "secret_json",
        "secret",
        member("sS", "ecret"),
        example='{"client_secret":"a b"}',
        counter_example='{"secretName":"web"}',
    ),
    rule(
        "secret",
        Hints("secret", reach=ASSIGNMENT_REACH),
        assignment("sS", "eE", rf"(?!{_OBJECT}|{_STATED})ecret", query="secret"),
        example="clientSecret=abc",
        counter_example="secretName: web, existingSecret: web-tls, arn:aws:secretsmanager:eu:1234:secret:shop/db",
    ),
)
CLOUD_KEYS: Final[tuple[Rule, ...]] = (
    rule(
        "aws_access_key_id",
        "aws",
        rf"(?P<keep>[aA](?i:ws_?access_?key_?id)[\"']?(?i:{SEPARATOR})[\"']?)[A-Za-z0-9]{{16,}}+(?!\w)",
        example="aws_access_key_id=" + sample(20, "A1B2"),
        counter_example="aws_access_key_id is unset",
    ),
    rule(
        "aws_secret_access_key",
        "aws",
        rf"(?P<keep>[aA](?i:ws_?secret_?access_?key)[\"']?(?i:{SEPARATOR})[\"']?)[A-Za-z0-9/+=]{{40,}}+(?!\w)",
        example="aws_secret_access_key = " + sample(40),
        counter_example="aws_secret_access_key is unset",
    ),
)
NAMED: Final[tuple[Rule, ...]] = (
    rule(
        "named_secret",
        Hints("pass pwd psk secret token credent key authtok", reach=12),
        rf"(?m:(?P<keep>{NAME}(?:\\{{0,15}}[\"'])?(?:(?P<block>:[ \t]*[|>][-+0-9]{{0,2}}[ \t]*\r?\n(?P<indent>[ \t]+))"
        rf"|(?P<line>:[ \t]*\r?\n[ \t]+[\"']?)|(?P<cell>[*_`]{{0,3}}[ \t]*\|[ \t]*`?)|(?i:{SEPARATOR})(?:\\{{0,15}}[\"'`])?))"
        r"(?!\[REDACTED\])(?(block)[^\s][^\r\n]*+(?:\r?\n(?P=indent)[^\r\n]*+)*+"
        rf"|(?:(?<=[A-Z]=)|(?<=[A-Z]=[\"'])|{MIXED}){REAL}{NO_FACT}"
        r"(?(cell)[^\s\"'`|]{6,}+(?=`?[ \t]*\|)|(?(line)[^\s\"':,]{6,}+(?=[\"']?[ \t]*\r?$)|[^\s\"'`,;<>&}\\]{8,}+))))",
        example="GITHUB_TOKEN=" + sample(24),
        counter_example="max_tokens: 4096, secretName: registry-2024a, token_expires_at: 2025-11-29T14:30:00Z",
    ),
    rule(
        "secrets_below",
        Hints("pass pwd psk secret token credent key authtok", reach=12),
        rf"(?P<keep>[{FIRST}](?:(?P<pass>(?<=[pP])(?i:asswords?|asswds?|wds?))|{WORD}s?)(?:{_STRING})?\s*+(?::|=>?+)\s*+){_BELOW}"
        rf"{_FLAT}*+[\]}}]?",
        example='{"api_keys": {"current": "' + sample(24) + '"}}',
        counter_example='{"secret": {"name": "db-1a"}, "secrets": ["db-credentials"], "tokens": {"used": 4096}}',
    ),
    rule(
        "named_key",
        "key",
        rf"(?P<keep>[kK](?:(?<=[_-].)|(?<=[a-z]K))(?i:ey){_HARMLESS_KEYS}"
        rf"(?:[_-](?i:id|data|base|value|[0-9]))?(?:\\{{0,15}}[\"'])?(?i:{SEPARATOR})(?:\\{{0,15}}[\"'`])?){NO_FACT}(?=[A-Za-z+/_-]{{0,64}}+[0-9])(?=[0-9+/_-]{{0,64}}+[A-Za-z])"
        r"[A-Za-z0-9+/_-]{20,}+=*+(?![\w.:\[])",
        example="storage_key=" + sample(44),
        counter_example="public_key=" + sample(44),
    ),
    rule(
        "routing_key",
        "routing",
        rf"(?P<keep>[rR]outing[_-]?[kK]ey(?:\\{{0,15}}[\"'])?(?i:{SEPARATOR})(?:\\{{0,15}}[\"'`])?){MIXED}[A-Za-z0-9]{{32,}}+(?![\w.:-])",
        example="routing_key: " + sample(32),
        counter_example="routing_key=orders.created.v2",
    ),
    rule(
        "personal_access_token",
        "_pat",
        rf"(?P<keep>_(?:PAT|pat)(?:\\{{0,15}}[\"'])?(?i:{SEPARATOR})(?:\\{{0,15}}[\"'`])?){NO_FACT}{MIXED}{REAL}(?!\[REDACTED\])[A-Za-z0-9_-]{{16,}}+",
        example="AZURE_DEVOPS_EXT_PAT=" + sample(52),
        counter_example="LD_LIBRARY_PATH=/usr/lib/x86_64-linux-gnu",
    ),
    rule(
        "session_id",
        "sess",
        rf"(?P<keep>[sS](?i:ess(?:ion)?[_-]?id)(?:\\{{0,15}}[\"'])?(?i:{SEPARATOR})(?:\\{{0,15}}[\"'`])?){MIXED}[A-Za-z0-9%._~+/]{{20,}}+",
        example="JSESSIONID=" + sample(32),
        counter_example="session id 0a1b2c3d",
    ),
    rule(
        "secret_line",
        Hints("username password token key secret credent", reach=130),
        r"(?m:(?P<keep>^[ \t-]{0,120}+(?i:username|password|token|key|secret|credential)[ \t]*:(?!//)[ \t]*)"
        r"(?=[A-Za-z+/]*[0-9=+/]|[a-z]+[A-Z]|[A-Z]+[a-z]+[A-Z])(?=(?:[A-Za-z0-9+/]{4})*+(?:[A-Za-z0-9+/]{2,3}=|[ \t\r]|$))"
        r"[A-Za-z0-9+/]{8,}+=*+(?=[ \t]*\r?$))",
        example="data:\n  username: YWRtaW5pc3RyYXRvcg==\n",
        counter_example="- key: dedicated\nkey: application\nusername: administrator",
    ),
)
