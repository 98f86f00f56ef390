"""What is written during operations: the secrets and the harmless texts of `field_secrets` and `field_texts`, with random values.

A third of both was held back while the rules were mended, so that its figures tell how the rules do on texts that were not looked at.
`python -m tests.unit.operator.domain.redaction.field` prints the figures.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Final, TypeVar

from notification_domain.redaction.redact import ALL_RULES, Rules, redact
from tests.unit.operator.domain.redaction import field_secrets, field_texts
from tests.unit.operator.domain.redaction.corpus import ALNUM, Generator, Secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PUBLIC: Final = Rules(ipv4="public")
SET_ASIDE: Final = 3
"""Every third line was held back."""
KINDS: Final = {"key": "<alnum:32>", "hex": "<hex:40>", "b64": "<base64:43>=", "url": "<url:40>"}
WORDS: Final = (
    "Sommer",
    "Winter",
    "dragon",
    "Hamburg",
    "monkey",
    "Start",
    "grafana",
    "Welcome",
    "qwertz",
    "letmein",
)
SECRETS: Final = {
    "databases": field_secrets.DATABASES,
    "clouds": field_secrets.CLOUDS,
    "vendors": field_secrets.VENDORS,
    "shells": field_secrets.SHELLS,
    "files": field_secrets.FILES,
    "prose": field_secrets.PROSE,
}
TEXTS: Final = (field_texts.OPERATIONS, field_texts.CODE, field_texts.PEOPLE)


def lines(table: str) -> list[str]:
    """Return the lines of a table, with their line breaks."""
    return [line.replace("\\n", "\n").replace("\\uff1a", "\uff1a") for line in table.strip("\n").splitlines()]


class People(Generator):
    """Also makes up passwords as people do."""

    def chosen(self) -> str:
        """Return a password that somebody chose: words and numbers, or random characters."""
        word, other = self._random.sample(WORDS, 2)
        return self._random.choice(
            (
                f"{word}{self._random.randint(10, 9999)}{self._random.choice('!.*+?')}",
                f"{word}-{other}-{self._random.randint(1, 99)}",
                f"{word}_{self._random.randint(100, 999)}",
                self.text(ALNUM, 12),
                self.password(),
            )
        ).rstrip(".")  # fmt: skip

    def secret(self, kind: str) -> str:
        """Return a secret of a kind; see `field_secrets`."""
        if kind == "pw":
            return self.chosen()
        return self.uuid() if kind == "uuid" else self.fill(KINDS.get(kind, kind))


def field_corpus(seed: int = 5) -> list[Secret]:
    """Return the secrets in their forms, in the order of the tables."""
    g = People(seed)
    corpus = []
    for group, table in SECRETS.items():
        for line in lines(table):
            kind, form = line.split(" ", 1)
            planted = g.secret(kind)
            corpus.append(Secret(group, g.fill(form.replace("@@", planted)), planted))
    return corpus


def harmless(seed: int = 5, tables: Iterable[str] = TEXTS) -> list[str]:
    """Return the harmless texts, in the order of the tables."""
    g = Generator(seed)
    return [g.fill(line) for table in tables for line in lines(table)]


def changed(texts: Iterable[str], rules: Rules = ALL_RULES) -> list[str]:
    """Return the texts that redaction changes."""
    return [text for text in texts if redact(text, rules) != text]


Value = TypeVar("Value")


def known(values: Sequence[Value]) -> list[Value]:
    """Return what was looked at while the rules were mended."""
    return [value for number, value in enumerate(values) if number % SET_ASIDE != SET_ASIDE - 1]


def held_back(values: Sequence[Value]) -> Sequence[Value]:
    """Return what was not looked at."""
    return values[SET_ASIDE - 1 :: SET_ASIDE]


def report(name: str, secrets: Sequence[Secret], texts: Sequence[str]) -> str:
    """Return how many of some secrets are caught, and how many harmless texts are changed."""
    caught, touched = [secret for secret in secrets if secret.caught], changed(texts)
    groups, hits = Counter(s.group for s in secrets), Counter(s.group for s in caught)
    return (
        f"{name:<10} caught {len(caught)} of {len(secrets)} ({len(caught) / len(secrets):.1%}), changed {len(touched)} of {len(texts)}"
        f" ({len(touched) / len(texts):.1%}); "
        + ", ".join(f"{group} {hits[group]}/{groups[group]}" for group in groups)
    )


def main() -> None:
    """Print the figures, and with `-v` what is missed or changed outside the part that was held back."""
    secrets, texts, nodes = field_corpus(), harmless(), harmless(tables=[field_texts.NODES])
    output = [
        report("known", known(secrets), known(texts)),
        report("held back", held_back(secrets), held_back(texts)),
        f"addresses  changed {len(changed(nodes))} of {len(nodes)}, {len(changed(nodes, PUBLIC))} with public ones only",
    ]
    if "-v" in sys.argv:
        missed = [secret for secret in known(secrets) if not secret.caught]
        output += [f"missed {each.group}: {each.text!r} -> {redact(each.text)!r}" for each in missed]
        output += [f"changed {text!r} -> {redact(text)!r}" for text in changed(known(texts))]
    print(*output, sep="\n")  # noqa: T201 - the output of a command


if __name__ == "__main__":
    main()
