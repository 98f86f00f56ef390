"""Characters that hide a secret: they are resolved only where that reveals one."""

from collections import Counter

import pytest

from notification_domain.redaction.redact import redact, redact_counted, reveal


@pytest.mark.parametrize(
    "text",
    [
        "pass\u200bword: hunter2x",
        "password\uff1a hunter2x",
        "p\u0430ssword=hunter2x",
        "tok\u00aden\u00a0= hunter2x",
        "\x1b[1mpassword\x1b[0m: hunter2x",
        "\uff50\uff41\uff53\uff53\uff57\uff44=hunter2x",
    ],
)
def test_hidden_secret_is_redacted_and_counted(text: str) -> None:
    redacted, counts = redact_counted(text)
    assert "hunter2x" not in redacted
    assert counts.total() == 1
    assert redact_counted(redacted) == (redacted, Counter())


@pytest.mark.parametrize(
    "text", ["\U0001f468\u200d\U0001f469 at home", "\x1b[32mok\x1b[0m", "привет, мир", "a\u00a0b"]
)
def test_text_without_a_hidden_secret_keeps_its_characters(text: str) -> None:
    assert redact(text) == text


def test_visible_secret_leaves_other_characters_as_they_are() -> None:
    assert (
        redact("\U0001f468\u200d\U0001f469 password: x") == "\U0001f468\u200d\U0001f469 password: [REDACTED]"
    )


def test_reveal_resolves_sequences_and_look_alikes_once() -> None:
    text = "\x1b]0;title\x07a\u200b\x1b\x1b[[31mb\uff1dc"
    assert reveal(reveal(text)) == reveal(text)
    assert "\x1b" not in reveal(text)
    assert reveal("plain") == "plain"
    assert reveal("é") == "é"
