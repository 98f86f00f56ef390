"""Redaction of a text: secrets are removed, everything else stays."""

from collections import Counter

import pytest

from notification_domain.redaction.redact import LIMIT, Rules, redact, redact_counted
from notification_domain.redaction.rules import PUBLIC, RULES, Rule

GITHUB = "ghp_" + "a1B2" * 9
AWS_ID = "AKIAIOSFODNN7EXAMPLE"
AWS_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def pem(label: str) -> str:
    return f"-----BEGIN {label}-----\nMIIBszCCAV2g\nAwIBAgIUQ+/=\n-----END {label}-----"


@pytest.mark.parametrize(
    ("text", "redacted"),
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
def test_texts_of_the_catalogue_are_redacted_to_the_letter(text: str, redacted: str) -> None:
    assert redact(text) == redacted


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
    ("name", "text", "redacted"), [(name, *case) for name, cases in CASES.items() for case in cases]
)
def test_secret_is_redacted_and_its_surroundings_stay(name: str, text: str, redacted: str) -> None:
    result, counts = redact_counted(text)
    assert result == redacted
    assert counts[name] >= 1


def test_every_rule_of_the_catalogue_has_a_case_and_a_unique_name() -> None:
    names = [rule.name for rule in RULES]
    assert len(names) == len(set(names))
    assert len(CASES) == 26
    assert set(CASES) < set(names)


@pytest.mark.parametrize(
    "text",
    [
        "disk-pressure and risk-based eviction of task-1",
        'secret: "db-credentials" not found in namespace shop',
        "authorization: RBAC enabled",
        "x-api-key: required header",
        "if password == other.password: return",
        '"secrets": ["db-credentials"], "tokens": {"used": 4096}, "passwords": []',
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
def test_harmless_text_stays_unchanged(text: str) -> None:
    assert redact_counted(text) == (text, Counter())


def test_rules_for_addresses_can_be_disabled() -> None:
    text = "a@b.io 10.0.0.1 password=x"
    assert redact(text, Rules(emails=False)) == "a@b.io [REDACTED] password=[REDACTED]"
    assert redact(text, Rules(ipv4=False)) == "[REDACTED] 10.0.0.1 password=[REDACTED]"
    assert redact(text, Rules(emails=False, ipv4=False)) == "a@b.io 10.0.0.1 password=[REDACTED]"


@pytest.mark.parametrize("rule", PUBLIC, ids=lambda rule: rule.name)
def test_addresses_of_private_networks_stay_by_a_setting(rule: Rule) -> None:
    only_public = Rules(ipv4="public")
    assert "[REDACTED]" in redact(rule.example, only_public)
    assert redact(rule.counter_example, only_public) == rule.counter_example
    assert "[REDACTED]" in redact(rule.counter_example)


def test_secrets_are_counted_by_rule_and_only_once() -> None:
    text = "password=x password=y mail a@b.io"
    redacted, counts = redact_counted(text)
    assert counts == Counter(password=2, email=1)
    assert redact_counted(redacted) == (redacted, Counter())


@pytest.mark.parametrize("text", ["\0password=\0\0", "\ud800 token=\udfff", "password: \ud83d", "\x1b[31m"])
def test_text_that_cannot_be_encoded_is_redacted(text: str) -> None:
    assert "[REDACTED]" in redact(text) or redact(text) == text


def test_text_with_too_many_secrets_ends_after_the_last_redacted_one() -> None:
    redacted, counts = redact_counted("pwd=a " * (LIMIT + 10) + "rest hunter2x")
    assert redacted == "pwd=[REDACTED] " * (LIMIT - 1) + "pwd=[REDACTED]\n[REDACTED]"
    assert counts == Counter(password=LIMIT)
    assert redact_counted(redacted)[0] == redacted


def test_text_with_exactly_the_limit_of_secrets_stays_whole() -> None:
    text = ("pwd=a " * LIMIT).rstrip()
    assert redact(text) == ("pwd=[REDACTED] " * LIMIT).rstrip()


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("GITHUB_TOKEN=abcdefgh next", "GITHUB_TOKEN=[REDACTED] next"),
        ('{"passwords": ["opensesame", "b"], "a": [1]}', '{"passwords": [REDACTED], "a": [1]}'),
        ('{"secret": {"value": "open"}, "a": {}}', '{"secret": [REDACTED], "a": {}}'),
        ('secret: "db-credentials" is wrong', 'secret: "[REDACTED]" is wrong'),
        ("if password == hunter2xyz:", "if password == [REDACTED]"),
        ("password: |\n  two words\n  more\nuser: me", "password: |\n  [REDACTED]\nuser: me"),
        ("secret:\n    s3same-open\nuser: me", "secret:\n    [REDACTED]\nuser: me"),
        ("| password | s3same-open |", "| password | [REDACTED] |"),
        ("Authorization: Splunk a1b2 c3\nHost: h", "Authorization: [REDACTED]\nHost: h"),
        ("Cookie: a=b; c=d\nHost: h", "Cookie: [REDACTED]\nHost: h"),
        (
            '- name: DB_PASSWORD\n  value: "x"\n- name: A',
            '- name: DB_PASSWORD\n  value: "[REDACTED]"\n- name: A',
        ),
    ],
)
def test_value_is_redacted_to_its_end_and_no_further(text: str, redacted: str) -> None:
    assert redact(text) == redacted
