"""The time that redaction takes: ordinary texts of 10 KB, and hostile texts of 262,144 characters.

Run it with `python -m tests.bench.redaction`; it prints milliseconds of CPU time, the best of three runs.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Final

from notification_operator.domain.redaction.redact import redact_counted
from notification_operator.domain.redaction.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Iterable

LARGEST: Final = 262_144
"""Characters of the largest body that the schema admits."""
ORDINARY: Final = {
    "log lines": "2026-11-25T10:00:00Z INFO pod cart-7 restarted after probe failed, attempts=3 path=/api/v1/items id=42\n",
    "access log": '10.1.2.3 - - [25/Nov/2026:10:00:00 +0000] "GET /api/v1/items?page=2 HTTP/1.1" 200 512 "-" "curl/8.5"\n',
    "JSON alert": '{"labels":{"alertname":"HighLatency","pod":"cart-7"},"annotations":{"summary":"p99 is high"},"n":1}\n',
    "prose": "The database of the cart service refused the login, so that the pod was restarted. Check its settings.\n",
    "secrets": "DB login refused, password: hunter2xyz given, see https://user:pw9@host/ and token=abc123def\n",
    "base64": "TWFuIGlzIGRpc3Rpbmd1aXNoZWQsIG5vdCBvbmx5IGJ5IGhpcyByZWFzb24sIGJ1dCBieSB0aGlz\n",
}
UNITS: Final = (
    *(
        "a",
        "a ",
        "a.",
        "1.",
        " ",
        "\n",
        "\\",
        '"',
        "'",
        "=",
        ":",
        "-",
        "@",
        "?",
        "&",
        "{",
        "[",
        "<",
        "|",
        "$",
        "~",
        "*",
        "`",
    ),
    *(
        "pwd=a ",
        "1.1.1.1 ",
        "a@b.io ",
        "token=a1 ",
        "key: ",
        "key=a1",
        "secret ",
        "password ",
        "token ",
        "://",
        "://a:",
        "://a:b@",
    ),
    *('"password":"', r"\"password\":\"", '"annotations":{', '"annotations":{"a":{}', '"annotations":['),
    *(
        "postgresql://a:",
        "redis://a:b:",
        "-----BEGIN CERTIFICATE-----",
        "-----BEGIN ",
        "-----END PRIVATE KEY-----",
        "Bearer ",
    ),
    *(
        "Authorization: ",
        "Cookie: a=",
        "name: password\n",
        "value: ",
        "<password>",
        "<a",
        "&quot;password",
        "**password",
        "%3d",
    ),
    *(
        "eyJ",
        "_eyJ",
        "-eyJ",
        "eyJhbGciOiJ9.",
        "AKIA",
        "AKIAA1B2C3D4A1B2C3D4 ",
        "ghp_",
        "xoxb-",
        "sk-",
        "hooks.slack.com/services/",
        "--password ",
        "-u a:",
    ),
    *(
        "mysql ",
        "login ",
        "a_key=",
        "password:\n ",
        "password: |\n ",
        "key: a\n",
        "::",
        "1:",
        "f:",
        "-us",
        "A" * 20,
        "YWJj",
        "login -p ",
    ),
    *(
        "[REDACTED]",
        "&password",
        "?token=a",
        "stringData:\n ",
        "\n  ",
        "é",
        "\u200b",
        "\x1b[0m",
        "e\u200b ",
        "0a1b2c3d",
        "\u0430",
    ),
)


def milliseconds(text: str, *, runs: int = 3) -> float:
    """Return the CPU time of one redaction, the best of some."""
    times = []
    for _ in range(runs):
        start = time.process_time()
        redact_counted(text)
        times.append(time.process_time() - start)
    return 1000 * min(times)


def filled(unit: str, length: int) -> str:
    """Return a text of this length that repeats the unit."""
    return (unit * (length // len(unit) + 1))[:length]


def hostile() -> Iterable[tuple[str, str]]:
    """Yield hostile texts with their names: one unit; every hint, or an example of every rule, before one unit; random mixtures."""
    hints = " ".join(hint for rule in RULES for hint in rule.hints)
    examples = "\n".join(rule.example for rule in RULES)
    for unit in UNITS:
        yield repr(unit), filled(unit, LARGEST)
        yield f"all hints, {unit!r}", (hints + filled(unit, LARGEST))[:LARGEST]
        yield f"all examples, {unit!r}", (examples + filled(unit, LARGEST))[:LARGEST]
    yield "all hints", filled(f"{hints} ", LARGEST)
    yield "examples", filled(examples, LARGEST)
    yield "counter-examples", filled("\n".join(rule.counter_example for rule in RULES), LARGEST)
    choices = random.Random(13)  # noqa: S311 - a reproducible mixture
    for number in range(20):
        yield f"mixture {number}", filled("".join(choices.choices(UNITS, k=400)), LARGEST)


def main() -> None:
    """Print the figures."""
    for name, line in ORDINARY.items():
        small, large = milliseconds(filled(line, 10_240)), milliseconds(filled(line, LARGEST))
        print(f"{name:<12} 10 KB {small:6.1f} ms   262,144 characters {large:7.1f} ms")  # noqa: T201 - the output of a command
    figures = sorted(((milliseconds(text, runs=2), name) for name, text in hostile()), reverse=True)
    for figure, name in figures[:15]:
        print(f"hostile      {figure:7.1f} ms   {name}")  # noqa: T201 - the output of a command


if __name__ == "__main__":
    main()
