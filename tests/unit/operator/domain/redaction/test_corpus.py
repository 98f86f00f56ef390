"""The corpus: how much of it redaction catches, and how few harmless texts it changes (DD-REDACT-001)."""

from collections import Counter

import pytest

from notification_domain.redaction.redact import FALLBACK, Rules, redact_counted
from tests.unit.operator.domain.redaction.corpus import secrets
from tests.unit.operator.domain.redaction.field import changed, field_corpus, harmless
from tests.unit.operator.domain.redaction.field_texts import NODES
from tests.unit.operator.domain.redaction.harmless import HARMLESS

SECRETS_AT_LEAST = 300
HARMLESS_AT_LEAST = 150
CAUGHT_SHARE = 0.97
CHANGED_SHARE = 0.04
FIELD_AT_LEAST = 400
FIELD_CAUGHT_SHARE = 0.95
FIELD_CHANGED_SHARE = 0.05


@pytest.mark.parametrize("seed", range(3))
def test_corpus_of_secrets_is_caught_to_its_floor(seed: int) -> None:
    corpus = secrets(seed)
    missed = [secret.text for secret in corpus if not secret.caught]
    assert len(corpus) >= SECRETS_AT_LEAST
    assert len(missed) <= (1 - CAUGHT_SHARE) * len(corpus), missed


def test_every_group_is_caught_to_its_floor() -> None:
    corpus = [secret for secret in secrets() if secret.group != "known limits"]
    missed = Counter(secret.group for secret in corpus if not secret.caught)
    total = Counter(secret.group for secret in corpus)
    assert {group for group, count in missed.items() if count > 0.1 * total[group]} == set()


def test_harmless_texts_stay_unchanged_to_their_ceiling() -> None:
    changed = [text for text in HARMLESS if redact_counted(text)[0] != text]
    assert len(HARMLESS) >= HARMLESS_AT_LEAST
    assert len(changed) <= CHANGED_SHARE * len(HARMLESS), changed


def test_redaction_of_the_corpus_is_idempotent_and_never_falls_back() -> None:
    for text in (*(secret.text for secret in secrets(4)), *HARMLESS):
        redacted, counts = redact_counted(text)
        assert FALLBACK not in counts
        assert redact_counted(redacted) == (redacted, Counter())


def test_secrets_of_the_field_are_caught_to_their_floor() -> None:
    corpus = [secret for seed in range(3) for secret in field_corpus(seed)]
    missed = [secret.text for secret in corpus if not secret.caught]
    assert len(corpus) >= 3 * FIELD_AT_LEAST
    assert len(missed) <= (1 - FIELD_CAUGHT_SHARE) * len(corpus), missed


def test_texts_of_the_field_stay_unchanged_to_their_ceiling() -> None:
    texts = harmless()
    assert len(texts) >= FIELD_AT_LEAST
    assert len(changed(texts)) <= FIELD_CHANGED_SHARE * len(texts), changed(texts)


def test_addresses_of_nodes_stay_where_only_public_ones_are_redacted() -> None:
    nodes = harmless(tables=[NODES])
    assert changed(nodes, Rules(ipv4="public")) == []
    assert changed(nodes) == nodes


def test_redaction_of_the_field_is_idempotent_and_never_falls_back() -> None:
    for text in (*(secret.text for secret in field_corpus(4)), *harmless(4)):
        redacted, counts = redact_counted(text)
        assert FALLBACK not in counts
        assert redact_counted(redacted) == (redacted, Counter())
