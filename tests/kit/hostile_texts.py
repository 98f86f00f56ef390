"""Units of hostile texts: redaction may take no more than linear time for any repetition of them."""

from __future__ import annotations

from typing import Final

UNITS: Final = (
    *("a", "a ", "a.", "1.", " ", "\n", "\\", '"', "'", "=", ":", "-", "@", "?", "&", "{", "[", "<", "|"),
    *("$", "~", "*", "`", "pwd=a ", "1.1.1.1 ", "a@b.io ", "token=a1 ", "key: ", "key=a1", "secret "),
    *("password ", "token ", "://", "://a:", "://a:b@", '"password":"', '\\"password\\":\\"'),
    *('"annotations":{', '"annotations":{"a":{}', '"annotations":[', "postgresql://a:", "redis://a:b:"),
    *("-----BEGIN CERTIFICATE-----", "-----BEGIN ", "-----END PRIVATE KEY-----", "Bearer "),
    *("Authorization: ", "Cookie: a=", "name: password\n", "value: ", "<password>", "<a"),
    *("&quot;password", "**password", "%3d", "eyJ", "_eyJ", "-eyJ", "eyJhbGciOiJ9.", "AKIA"),
    *("AKIAA1B2C3D4A1B2C3D4 ", "ghp_", "xoxb-", "sk-", "hooks.slack.com/services/", "--password "),
    *("-u a:", "mysql ", "login ", "a_key=", "password:\n ", "password: |\n ", "key: a\n", "::", "1:"),
    *("f:", "-us", "AAAAAAAAAAAAAAAAAAAA", "YWJj", "login -p ", "[REDACTED]", "&password", "?token=a"),
    *("stringData:\n ", "\n  ", "é", "\u200b", "\x1b[0m", "e\u200b ", "0a1b2c3d", "\u0430"),
)


def filled(unit: str, length: int) -> str:
    """Return a text of this length that repeats the unit."""
    return (unit * (length // len(unit) + 1))[:length]
