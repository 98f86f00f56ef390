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
_BREAK: Final = "=0D=0A"
SUBJECTS: Final = (
    f"=?utf-8?q?Hello{_BREAK}Bcc:_victim@evil.example?=",
    f"=?UTF-8?Q?Hello{_BREAK}Bcc:_victim@evil.example?=",
    "=?utf-8?q?Hello=0ABcc:_victim@evil.example?=",
    "=?utf-8?q?Hello=0DBcc:_victim@evil.example?=",
    f"=?utf-8?q?Hello{_BREAK}{_BREAK}a_body?=",
    f"=?utf-8?q?{_BREAK}From:_boss@example.com{_BREAK}{_BREAK}a_body?=",
    "=?utf-8?b?SGVsbG8NCkJjYzogdmljdGltQGV2aWwuZXhhbXBsZQ==?=",
    "=?utf-8?B?DQpCY2M6IHZpY3RpbQ==?=",
    "=?iso-8859-1?q?Hello=0D=0ABcc:_v@e.example?=",
    "=?us-ascii?q?Hello=0D=0ABcc:_v@e.example?=",
    "=?utf-7?q?Hello+AA0ACg-Bcc:_v@e.example?=",
    "=?utf-16?b?DQoAQgBjAGMAOgA=?=",
    "=?utf-8*en?q?Hello=0D=0ABcc:_v@e.example?=",
    "=?unknown-8bit?q?Hello=0D=0ABcc:_v?=",
    "=?utf-8?q?=0D=0A?= =?utf-8?q?Bcc:_v@e.example?=",
    "=?utf-8?q?a?==?utf-8?q?=0D=0ABcc:v?=",
    "x=?utf-8?q?=0D=0ABcc:v?=y",
    "=?utf-8?q?=?= =?utf-8?q?0D=0ABcc:_v?=",
    "(=?utf-8?q?=0D=0ABcc:v?=)",
    '"=?utf-8?q?=0D=0ABcc:v?="',
    "=?utf-8?q?=E2=80=A8Bcc:_v?=",
    "=?utf-8?q?=C2=85Bcc:_v?=",
    "=?utf-8?q?" + "a" * 200 + "=0D=0ABcc:_v?=",
    "a " * 60 + "=?utf-8?q?=0D=0ABcc:_v?=",
    "Заказ =?utf-8?q?=0D=0ABcc:_v?= 📦",
    "a\r\nBcc: v@e.example",
    "a\x85Bcc: v\u2028Bcc: w\x0bBcc: x\x0cBcc: y\x1cBcc: z",
    "a\x00b\x07c\x7f",
)
"""Subjects that begin a header of a mail for readers that decode them."""


def filled(unit: str, length: int) -> str:
    """Return a text of this length that repeats the unit."""
    return (unit * (length // len(unit) + 1))[:length]
