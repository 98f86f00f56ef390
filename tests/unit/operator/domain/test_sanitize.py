"""Secrets go, everything else stays, whatever the text."""

from collections import Counter

import pytest

from notification_operator.domain.model import Content
from notification_operator.domain.sanitize import (
    Rules,
    redact,
    redact_content,
    sanitize,
    sanitize_content,
)
from notification_operator.domain.secret_rules import RULES

GITHUB = "ghp_" + "a1B2" * 9
AWS_ID = "AKIAIOSFODNN7EXAMPLE"
AWS_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def pem(label: str) -> str:
    return f"-----BEGIN {label}-----\nMIIBszCCAV2g\nAwIBAgIUQ+/=\n-----END {label}-----"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (
            "DB login refused, password: hunter2xyz given",
            "DB login refused, password: [REDACTED] given",
        ),
        (
            "dump: password: alpha999 apiKey: sk-live-beta77 token: ghp_gamma55",
            "dump: password: [REDACTED] apiKey: [REDACTED] token: [REDACTED]",
        ),
        (
            "Pod cart-7 stopped: login failed, password: leak4u at 2025-11-29T14:30:00Z",
            "Pod cart-7 stopped: login failed, password: [REDACTED] at 2025-11-29T14:30:00Z",
        ),
        (
            "Hook leaked: https://api.example.com/hook?apiKey=sk-abc12345&token=zz99",
            "Hook leaked: https://api.example.com/hook?apiKey=[REDACTED]&token=[REDACTED]",
        ),
        ("https://user:pw9@host/", "https://user:[REDACTED]@host/"),
    ],
    ids=["data-11", "data-12", "data-13", "data-14", "data-14 credentials"],
)
def test_the_catalogue_s_texts_are_masked_to_the_letter(text: str, clean: str) -> None:
    assert sanitize(text) == clean


CASES: dict[str, list[tuple[str, str]]] = {
    "certificate": [
        (f"cert {pem('CERTIFICATE')} end", "cert [REDACTED] end"),
        ("cut: -----BEGIN CERTIFICATE-----\nMIIB", "cut: [REDACTED]"),
        (f"password: {pem('TRUSTED CERTIFICATE')}", "password: [REDACTED]"),
    ],
    "private_key": [
        (pem("PRIVATE KEY"), "[REDACTED]"),
        (f"{pem('RSA PRIVATE KEY')}\n{pem('EC PRIVATE KEY')}", "[REDACTED]\n[REDACTED]"),
    ],
    "generator_url": [
        (
            '{"generatorURL":"http://prom/graph?g0.expr=up","status":"firing"}',
            '{"generatorURL":"[REDACTED]","status":"firing"}',
        ),
    ],
    "annotations": [
        (
            '{"annotations": {"a": "}", "b": {"c": "d"}}, "z": 1}',
            '{"annotations": [REDACTED], "z": 1}',
        ),
        ('{"annotations": ["a", "]"], "z": 1}', '{"annotations": [REDACTED], "z": 1}'),
        ('{"annotations": "text", "z": 1}', '{"annotations": "[REDACTED]", "z": 1}'),
        (r"{\"annotations\": {\"a\": \"b\"}, \"z\": 1}", r"{\"annotations\": [REDACTED], \"z\": 1}"),
    ],
    "password_json": [
        ('{"password":"a, b} c","user":"me"}', '{"password":"[REDACTED]","user":"me"}'),
        ('{"db_Password" : "a\\"b"}', '{"db_Password" : "[REDACTED]"}'),
        ("{'passwd': 'x y'}", "{'passwd': '[REDACTED]'}"),
        (r"{\"pwd\":\"x y\",\"n\":1}", r"{\"pwd\":\"[REDACTED]\",\"n\":1}"),
        ('{"password": 12345, "n": 1}', '{"password": [REDACTED], "n": 1}'),
        ('{"password" => "x"}', '{"password" => "[REDACTED]"}'),
        ('{"password": "cut off', '{"password": "[REDACTED]'),
        ('"password": "cut off\nnext line', '"password": "[REDACTED]\nnext line'),
    ],
    "password": [
        ("PassWord=abc", "PassWord=[REDACTED]"),
        ("passwd : abc", "passwd : [REDACTED]"),
        ("db_pwd:abc,next", "db_pwd:[REDACTED],next"),
        ("{password: abc}", "{password: [REDACTED]}"),
        ('password: "two words", next', 'password: "[REDACTED]", next'),
        ("password='it\\'s' next", "password='[REDACTED]' next"),
        ("password: 'unclosed next", "password: '[REDACTED] next"),
        ("password := abc", "password := [REDACTED]"),
        ("password => abc", "password => [REDACTED]"),
        ("password%3Dabc", "password%3D[REDACTED]"),
        ("password: p&ss#word", "password: [REDACTED]"),
        ("https://h/?my_password=a&b=c#d", "https://h/?my_password=[REDACTED]&b=c#d"),
        ("https://h/#password=a#b", "https://h/#password=[REDACTED]#b"),
        (r'{"msg": "password: abc"}', r'{"msg": "password: [REDACTED]"}'),
        (r"{\"msg\": \"password: abc\"}", r"{\"msg\": \"password: [REDACTED]\"}"),
        ("password: Bearer abc", "password: [REDACTED]"),
    ],
    "url_credentials": [
        ("amqp://u:p@ss@host:5672/v", "amqp://u:[REDACTED]@host:5672/v"),
        ("ftp://:pw@h", "ftp://:[REDACTED]@h"),
    ],
    "api_key_json": [('{"x-api-key": "abc"}', '{"x-api-key": "[REDACTED]"}')],
    "api_key": [
        ("api_key=abc", "api_key=[REDACTED]"),
        ("API-KEY: abc", "API-KEY: [REDACTED]"),
        ("apikey=abc def", "apikey=[REDACTED] def"),
    ],
    "sk_key": [
        ("use sk-live-abc_1 now", "use [REDACTED] now"),
        ("(sk-abcd)", "([REDACTED])"),
    ],
    "bearer": [
        ("sent Bearer abc.DEF-1_2~+/== there", "sent Bearer [REDACTED] there"),
        ("bearer token=abc", "bearer [REDACTED]"),
    ],
    "github_token": [(f"with {GITHUB}!", "with [REDACTED]!"), (GITHUB.replace("p", "s", 1), "[REDACTED]")],
    "token_json": [
        ('{"access_token": "abc"}', '{"access_token": "[REDACTED]"}'),
        ('{"token": "abc"}', '{"token": "[REDACTED]"}'),
    ],
    "token": [
        ("token=abc", "token=[REDACTED]"),
        ("access_token: abc", "access_token: [REDACTED]"),
        ("x-auth-token: abc", "x-auth-token: [REDACTED]"),
        ("Bearer token: abc", "Bearer token: [REDACTED]"),
        ("password: token: abc", "password: token: [REDACTED]"),
    ],
    "secret_json": [('{"client_secret":"a b"}', '{"client_secret":"[REDACTED]"}')],
    "secret": [("clientSecret=abc", "clientSecret=[REDACTED]"), ("secret: abc", "secret: [REDACTED]")],
    "authorization": [
        ("Authorization: Basic dXNlcjpwYXNz rest", "Authorization: [REDACTED] rest"),
        ("-H 'authorization: abc' x", "-H 'authorization: [REDACTED]' x"),
        ('{"Authorization": "Basic abc=="}', '{"Authorization": "[REDACTED]"}'),
        ('Authorization: Digest username="u", response="r"\nHost: h', "Authorization: [REDACTED]\nHost: h"),
    ],
    "aws_access_key_id": [
        (f"aws_access_key_id={AWS_ID}", "aws_access_key_id=[REDACTED]"),
        (f'AWS_ACCESS_KEY_ID: "{AWS_ID}"', 'AWS_ACCESS_KEY_ID: "[REDACTED]"'),
    ],
    "aws_secret_access_key": [
        (f"aws_secret_access_key = {AWS_SECRET}", "aws_secret_access_key = [REDACTED]"),
    ],
    "postgresql": [("postgresql://u:p/w#1@h/db", "postgresql://u:[REDACTED]@h/db")],
    "mysql": [("mysql+pymysql://u:p?w@h/db", "mysql+pymysql://u:[REDACTED]@h/db")],
    "mongodb": [("mongodb+srv://u:p/w@h", "mongodb+srv://u:[REDACTED]@h")],
    "redis": [("rediss://:p/w@h:6379/0", "rediss://:[REDACTED]@h:6379/0")],
    "secret_line": [
        ("data:\n  username: YWRtaW5pc3RyYXRvcg==\n", "data:\n  username: [REDACTED]\n"),
        ("- key: YWJjZGVmZ2g=\r\nnext", "- key: [REDACTED]\r\nnext"),
    ],
    "email": [
        ("mail jörg.m+x@example.co.uk.", "mail [REDACTED]."),
        ("<a@b.io>", "<[REDACTED]>"),
    ],
    "ipv4": [
        ("from 10.0.0.1:8080 to 192.168.100.254/24.", "from [REDACTED]:8080 to [REDACTED]/24."),
    ],
}


@pytest.mark.parametrize(
    ("name", "text", "clean"), [(name, *case) for name, cases in CASES.items() for case in cases]
)
def test_a_secret_goes_and_its_surroundings_stay(name: str, text: str, clean: str) -> None:
    found, counts = redact(text)
    assert found == clean
    assert counts[name] >= 1


def test_every_rule_has_a_case_and_a_name_of_its_own() -> None:
    names = [rule.name for rule in RULES]
    assert len(names) == len(set(names)) == 26
    assert set(CASES) == set(names)


@pytest.mark.parametrize(
    "text",
    [
        "disk-pressure and risk-based eviction of task-1",
        "the token is missing; no password given",
        "Enter your password:\nThen press enter",
        "max_token: 4096",
        '{"token": null, "password": "", "secret": {"name": "x"}}',
        'password: ""',
        "version 1.2.3, v1.2.3.4, 1.2.3.4.5, 999.1.1.1",
        "user@localhost, @here, a@b",
        "https://example.com:8080/path?x=1#y",
        "postgresql://host:5432/db?contact=a",
        "sk-abc is short, ask-later is none",
        "-----BEGIN PUBLIC KEY-----",
        "token://scheme",
        "username: two words",
        "<script>alert('x')</script> Robert'); DROP TABLE s;-- & `rm -rf /`",
        "日本語 🚨 العربية",
        "",
    ],
)
def test_harmless_text_stays_as_it_is(text: str) -> None:
    assert redact(text) == (text, Counter())


def test_addresses_can_be_left_alone_and_secrets_cannot() -> None:
    text = "a@b.io 10.0.0.1 password=x"
    assert sanitize(text, Rules(emails=False)) == "a@b.io [REDACTED] password=[REDACTED]"
    assert sanitize(text, Rules(ipv4=False)) == "[REDACTED] 10.0.0.1 password=[REDACTED]"
    assert sanitize(text, Rules(emails=False, ipv4=False)) == "a@b.io 10.0.0.1 password=[REDACTED]"


def test_what_was_masked_is_counted_by_rule_and_what_was_masked_before_is_not() -> None:
    text = "password=x password=y mail a@b.io"
    clean, counts = redact(text)
    assert counts == Counter(password=2, email=1)
    assert redact(clean) == (clean, Counter())


MEGABYTE = 1_000_000
HOSTILE_HEADS = ("", '"password":"', '"annotations":{', "password=", "?", "postgresql://a:", "a@")
HOSTILE_REPEATS = (
    *("a", "a.", "1.", " ", "\n", "\\", '"', "'", "=", ":", "-", "@", "?", "&", "{", "["),
    *('"password":"', "'password':'", r"\"password\":\"", '"password":', "password=", "password: token "),
    *('"annotations":{', '"annotations":{"', '"annotations":[', '"annotations":{"a":{}'),
    *("://", "://a:", "postgresql://a:", "postgresql://a:b", "redis://a:b:", "a@", "a@b."),
    *("-----BEGIN CERTIFICATE-----", "-----BEGIN ", "Bearer ", "bearer bearer:", "sk-", "ghp_a"),
    *("authorization:", "username:abcdefgh ", "aws_access_key_id=", "%3d", "[REDACTED]", "&password"),
)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("repeat", HOSTILE_REPEATS)
def test_a_megabyte_made_to_be_slow_is_not(repeat: str) -> None:
    """Quadratic time would be hours: that this ends at all within the suite is the proof."""
    for head in HOSTILE_HEADS:
        sanitize(head + repeat * (MEGABYTE // len(HOSTILE_HEADS) // len(repeat)))


@pytest.mark.timeout(120)
def test_a_whole_megabyte_of_each_kind_of_trap_at_once_is_not_slow() -> None:
    sanitize(
        "".join(repeat * (MEGABYTE // len(HOSTILE_REPEATS) // len(repeat)) for repeat in HOSTILE_REPEATS)
    )


@pytest.mark.parametrize("text", ["\0password=\0\0", "\ud800 token=\udfff", "password: \ud83d", "\x1b[31m"])
def test_text_that_cannot_be_encoded_is_no_obstacle(text: str) -> None:
    assert "[REDACTED]" in sanitize(text) or sanitize(text) == text


def content(**parts: object) -> Content:
    plain = {"type": "simple", "priority": "low", "subject": "s", "body": "b"}
    return Content(**{**plain, **parts})  # type: ignore[arg-type]


def test_every_text_of_a_content_is_sanitised() -> None:
    raw = content(
        subject="password=s1",
        body="password=s2",
        metadata={"note": "token=s3", "cluster": "prod"},
        labels={"l": "sk-secret4"},
        annotations={"a": "secret: s5"},
        action_links=({"service": "g", "url": "https://g/?token=s6&x=1", "label": "password=s7"},),
        recipients=({"email": "a@b.io"},),
        remediation_ref="rr-1",
    )
    clean, counts = redact_content(raw)
    assert clean == content(
        subject="password=[REDACTED]",
        body="password=[REDACTED]",
        metadata={"note": "token=[REDACTED]", "cluster": "prod"},
        labels={"l": "[REDACTED]"},
        annotations={"a": "secret: [REDACTED]"},
        action_links=(
            {"service": "g", "url": "https://g/?token=[REDACTED]&x=1", "label": "password=[REDACTED]"},
        ),
        recipients=({"email": "a@b.io"},),
        remediation_ref="rr-1",
    )
    assert counts == Counter(password=3, token=2, sk_key=1, secret=1)
    assert sanitize_content(raw) == clean
    assert redact_content(clean) == (clean, Counter())


def test_the_content_given_is_not_changed() -> None:
    raw = content(metadata={"password": "x"}, body="password=x")
    sanitize_content(raw)
    assert raw == content(metadata={"password": "x"}, body="password=x")


@pytest.mark.parametrize(
    "key", ["password", "DB_PASSWORD", "apiKey", "x-api-key", "access_token", "clientSecret", "Authorization"]
)
def test_a_value_whose_key_says_that_it_is_secret_goes_as_a_whole(key: str) -> None:
    clean, counts = redact_content(content(metadata={key: "plain words"}))
    assert clean.metadata == {key: "[REDACTED]"}
    assert counts == Counter(keyed_value=1)


@pytest.mark.parametrize(("key", "value"), [("secretName", "x"), ("password_hint", "x"), ("token", "")])
def test_other_keys_do_not_hide_their_values(key: str, value: str) -> None:
    assert sanitize_content(content(metadata={key: value})).metadata == {key: value}


def test_the_switches_reach_the_whole_content() -> None:
    raw = content(subject="10.0.0.1", metadata={"mail": "a@b.io"})
    assert sanitize_content(raw, Rules(emails=False, ipv4=False)) == raw
