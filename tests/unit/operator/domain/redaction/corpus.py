"""A corpus of secrets in the forms that reach a notification, generated from random values, and of harmless texts.

`python -m tests.unit.operator.domain.redaction.corpus` prints what is caught per group, and what is missed. A secret counts as
caught if no part of it is left. Values are made at run time, so that no scanner takes this file for a leak.
"""

from __future__ import annotations

import base64
import json
import random
import re
import string
import sys
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from notification_domain.redaction.redact import redact_counted
from tests.unit.operator.domain.redaction.secret_forms import COMMANDS, DATA_SOURCES, HEADERS, MANIFESTS, URLS
from tests.unit.operator.domain.redaction.token_formats import FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterator

HEX = "0123456789abcdef"
ALNUM = string.ascii_letters + string.digits
UPPER = string.ascii_uppercase + string.digits
URL_SAFE = f"{ALNUM}-_"
BASE64 = f"{ALNUM}+/"
ALPHABETS: Final = {
    "alnum": ALNUM,
    "base64": BASE64,
    "bech32": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
    "digits": string.digits,
    "hex": HEX,
    "nine": "123456789",
    "upper": UPPER,
    "url": URL_SAFE,
}
PART: Final = 8
"""Characters of a long secret that must not stay together."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A text with a planted secret."""

    group: str
    text: str
    planted: str

    @property
    def caught(self) -> bool:
        """Whether redaction leaves no part of the secret."""
        redacted, _ = redact_counted(self.text)
        if len(self.planted) < 2 * PART:
            return self.planted not in redacted
        return not any(self.planted[i : i + PART] in redacted for i in range(len(self.planted) - PART + 1))


class Generator:
    """Random values in true formats; the seed makes a run reproducible."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - made-up secrets protect nothing

    def text(self, alphabet: str, length: int) -> str:
        """Return random characters, a digit and a letter among them where the alphabet has some."""
        characters = self._random.choices(alphabet, k=length)
        places = self._random.sample(range(length), min(length, 2))
        kinds = [[c for c in alphabet if c.isdigit()], [c for c in alphabet if c.isalpha()]]
        for place, kind in zip(places, filter(None, kinds), strict=False):
            characters[place] = self._random.choice(kind)
        return "".join(characters)

    def password(self) -> str:
        """Return a password as people and generators make them."""
        return self.text(ALNUM, 6) + self._random.choice("!$%+*~^.") + self.text(ALNUM, 6)

    def fill(self, form: str) -> str:
        """Return the format with random characters in its gaps, such as `<hex:32>`."""
        return re.sub(r"<(\w+):(\d+)>", lambda gap: self.text(ALPHABETS[gap[1]], int(gap[2])), form)

    def jwt(self) -> str:
        """Return a signed token."""
        head = base64.urlsafe_b64encode(b'{"alg":"RS256","typ":"JWT"}').decode().rstrip("=")
        claims = base64.urlsafe_b64encode(f'{{"sub":"{self.text(ALNUM, 12)}"}}'.encode()).decode().rstrip("=")
        return f"{head}.{claims}.{self.text(URL_SAFE, 86)}"

    def uuid(self) -> str:
        """Return a random UUID."""
        return "-".join(self.text(HEX, length) for length in (8, 4, 4, 4, 12))

    def lines(self, count: int, width: int = 64) -> str:
        """Return lines of base64."""
        return "\n".join(self.text(BASE64, width) for _ in range(count))


SENTENCES = (
    "the job failed with {}",
    "token {} was refused",
    '{{"output": "{}"}}',
    "{}",
    "export X='{}'",
    "got <{}> from the store",
)


def vendors(g: Generator) -> Iterator[Secret]:
    """Yield vendor tokens in sentences."""
    for number, token in enumerate(map(g.fill, FORMATS)):
        yield Secret("vendor tokens", SENTENCES[number % len(SENTENCES)].format(token), token)


def keys(g: Generator) -> Iterator[Secret]:
    """Yield PEM blocks, whole, wrapped, escaped and cut, and other keys."""
    dashes = "-" * 5
    for label in (
        "RSA PRIVATE KEY",
        "EC PRIVATE KEY",
        "PRIVATE KEY",
        "OPENSSH PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
        "CERTIFICATE",
    ):
        body = g.lines(6)
        first = body.split("\n", 1)[0]
        block = f"{dashes}BEGIN {label}{dashes}\n{body}\n{dashes}END {label}{dashes}"
        yield Secret("keys", f"key is\n{block}\nand more", first)
        yield Secret("keys", json.dumps({"tls": block}), first)
        yield Secret(
            "keys", "data:\n  tls.key: |\n" + "\n".join(f"    {line}" for line in block.split("\n")), first
        )
        yield Secret("keys", block[: len(block) // 2], first)
        yield Secret("keys", block[40:], body[80:120].replace("\n", "")[:20])
        yield Secret(
            "keys",
            f"b64 {base64.b64encode(block.encode()).decode()}",
            base64.b64encode(block.encode()).decode()[60:120],
        )
    body = g.lines(5)
    for label in ("PGP PRIVATE KEY BLOCK", "PGP MESSAGE"):
        yield Secret(
            "keys", f"{dashes}BEGIN {label}{dashes}\n\n{body}\n=ab12\n{dashes}END {label}{dashes}", body[:64]
        )
    yield Secret(
        "keys", f"PuTTY-User-Key-File-3: ssh-rsa\nPrivate-Lines: 5\n{body}\nPrivate-MAC: 12", body[:64]
    )
    yield Secret("keys", f"root:$6${g.text(ALNUM, 16)}${(h := g.text(ALNUM, 86))}:19000:0:99999:7:::", h)
    yield Secret("keys", f"admin:$apr1${g.text(ALNUM, 8)}${(h := g.text(ALNUM, 22))}", h)
    yield Secret("keys", f"bcrypt $2b$12${(h := g.text(ALNUM, 53))}", h)


def tokens(g: Generator) -> Iterator[Secret]:
    """Yield JSON web tokens, and headers and cookies that carry tokens."""
    for form in (
        "got {}",
        "Authorization: Bearer {}",
        '{{"jwt": "{}"}}',
        "Cookie: id_token={}; Path=/",
        "https://h/cb?id_token={}",
    ):
        yield Secret("JWT", form.format(token := g.jwt()), token)
    for form in HEADERS:
        yield Secret(
            "headers",
            f"> POST / HTTP/1.1\n> {form.replace('@@', value := g.text(ALNUM, 40))}\n> Host: h",
            value,
        )


def urls(g: Generator) -> Iterator[Secret]:
    """Yield URLs with credentials, signatures or secret paths."""
    for form in URLS:
        yield Secret("URLs", f"see {form.replace('@@', value := g.text(ALNUM, 32))} for more", value)


def data_sources(g: Generator) -> Iterator[Secret]:
    """Yield data source names."""
    for form in DATA_SOURCES:
        value = g.text(ALNUM, 24)
        yield Secret("data sources", form.replace("@@", value), value)
        if "://" in form and ":@@@" in form and "http" not in form:
            value = f"{g.text(ALNUM, 8)}/{g.text(ALNUM, 8)}#{g.text(ALNUM, 4)}"
            yield Secret("data sources", f"cannot connect to {form.replace('@@', value)}: refused", value)


def manifests(g: Generator) -> Iterator[Secret]:
    """Yield kubeconfigs, Secrets, registries' credentials and lists of environment variables."""
    for form in MANIFESTS:
        yield Secret("manifests", form.replace("@@", value := g.text(ALNUM, 40)), value)


NAMES = (
    *(
        "DB_PASSWORD",
        "DB_PASS",
        "MYSQL_ROOT_PASSWORD",
        "PGPASSWORD",
        "REDIS_PASSWORD",
        "db.password",
        "spring.datasource.password",
    ),
    *(
        "SSH_PASSPHRASE",
        "GITHUB_TOKEN",
        "VAULT_TOKEN",
        "MY_ACCESS_TOKEN",
        "api_token",
        "SLACK_BOT_TOKEN",
        "NPM_TOKEN",
        "auth_token",
    ),
    *(
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "aws_secret_access_key",
        "access_key",
        "secret_key",
        "SECRET_KEY_BASE",
    ),
    *(
        "DJANGO_SECRET_KEY",
        "ENCRYPTION_KEY",
        "SIGNING_KEY",
        "CLIENT_SECRET",
        "clientSecret",
        "client-secret",
        "JWT_SECRET",
        "APP_SECRET",
    ),
    *(
        "apiKey",
        "X_API_KEY",
        "ALGOLIA_API_KEY",
        "SERVICE_CREDENTIALS",
        "storage_account_key",
        "PRIVATE_KEY",
        "masterKey",
        "refreshToken",
    ),
    *(
        "accessToken",
        "webhookSecret",
        "SMTP_PASS",
        "passwd",
        "pwd",
        "passphrase",
        "TOKEN_PROD",
        "PASSWORD_1",
        "wifi_psk",
        "bot-token",
    ),
)
FORMS = ("{}={}", "{}: {}", '{} = "{}"', "export {}='{}'", '"{}": "{}"', "'{}': '{}'", "{}:{}", "{} := {}")


def assigned(g: Generator) -> Iterator[Secret]:
    """Yield values that have a telling name."""
    for number, name in enumerate(NAMES):
        for offset in (0, 3, 4):
            value = g.text(ALNUM, 20)
            yield Secret(
                "assignments", "saw " + FORMS[(number + offset) % len(FORMS)].format(name, value), value
            )
    for form in COMMANDS:
        yield Secret("command lines", form.replace("@@", value := g.text(ALNUM, 16)), value)


def encodings(g: Generator) -> Iterator[Secret]:
    """Yield secrets in JSON of any depth, in markup, and behind characters that hide them."""
    value = g.password
    document = json.dumps({"password": (secret := g.text(ALNUM, 16))})
    for _ in range(4):
        document = json.dumps({"log": document})
        yield Secret("encodings", document, secret)
    forms = (
        "<password>{}</password>",
        "<ns:dbPassword attr='1'>{}</ns:dbPassword>",
        "<apiKey>{}</apiKey>",
        "<token>{}</token>",
        '<add key="DbPassword" value="{}"/>',
        '<property name="hibernate.connection.password" value="{}"/>',
        '<server password="{}"/>',
        "&quot;password&quot;:&quot;{}&quot;",
        "&#34;token&#34;: &#34;{}&#34;",
        r"\u0022password\u0022:\u0022{}\u0022",
        "**password**: {}",
        "**Password:** {}",
        "`token`: `{}`",
        "| password | {} |",
        "*secret*: {}",
        "- **API key**: x, **apiKey**: {}",
        "password\u00a0: {}",
        "pass\u200bword: {}",
        "password\uff1a{}",
        "password\uff1d{}",
        "p\u0430ssword: {}",
        "\x1b[1mpassword\x1b[0m: {}",
        "password=\x1b[31m{}\x1b[0m",
        "pass\u00adword={}",
        "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44: {}",
        "tok\u200den={}",
        "\u201cpassword\u201d: \u201c{}\u201d",
        "password%3D{}",
        "password => {}",
        '{{:password=>"{}"}}',
        "['password' => '{}']",
    )
    for form in forms:
        yield Secret("encodings", form.format(secret := g.text(ALNUM, 18)), secret)
    yield Secret(
        "encodings", f"body=%7B%22password%22%3A%22{quote(secret := g.text(ALNUM, 16))}%22%7D", secret
    )
    for form in ("password={}", "password: {}", '{{"password": "{}"}}', "https://u:{}@h/"):
        yield Secret("encodings", form.format(secret := value()), secret)


def limits(g: Generator) -> Iterator[Secret]:
    """Yield what cannot be distinguished from its surroundings, and what earlier decisions leave; most of it is missed."""
    yield Secret("known limits", f"password: correct horse {(value := g.text(ALNUM, 12))}", value)
    yield Secret("known limits", f"password={g.text(ALNUM, 4)},{(value := g.text(ALNUM, 12))}", value)
    yield Secret("known limits", f'password = "cut off {(value := g.text(ALNUM, 12))}', value)
    yield Secret("known limits", f"log in with {(value := g.text(ALNUM, 12))}", value)
    yield Secret("known limits", f"key material {(value := g.text(HEX, 64))}", value)
    yield Secret("known limits", f"snyk {(value := g.uuid())}", value)


def secrets(seed: int = 13) -> list[Secret]:
    """Return the whole corpus."""
    g = Generator(seed)
    groups = (limits, vendors, keys, tokens, urls, data_sources, manifests, assigned, encodings)
    return [secret for group in groups for secret in group(g)]


def main() -> None:
    """Print the figures per group, the secrets that are missed, and the harmless texts that are changed."""
    from tests.unit.operator.domain.redaction.harmless import HARMLESS  # noqa: PLC0415 - only the command needs it

    everything = secrets(int(sys.argv[1]) if len(sys.argv) > 1 else 13)
    total, caught = Counter(s.group for s in everything), Counter(s.group for s in everything if s.caught)
    for group, count in total.items():
        print(f"{group:<16} {caught[group]:4} of {count}")  # noqa: T201 - the output of a command
    touched = [text for text in HARMLESS if redact_counted(text)[0] != text]
    report = [
        f"all {caught.total()} of {total.total()}; harmless texts changed: {len(touched)} of {len(HARMLESS)}"
    ]
    report += [
        f"missed {s.group}: {s.text!r} -> {redact_counted(s.text)[0]!r}" for s in everything if not s.caught
    ]
    report += [f"changed {text!r} -> {redact_counted(text)[0]!r}" for text in touched]
    print(*report, sep="\n")  # noqa: T201 - the output of a command


if __name__ == "__main__":
    main()
