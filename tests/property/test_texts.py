"""Texts that leave the operator: redacted texts and error texts, for any input."""

from collections import Counter
from dataclasses import replace
from functools import reduce

from hypothesis import example, given
from hypothesis import strategies as st

from notification_domain.error_text import LIMIT, describe
from notification_domain.redaction.redact import Rules, redact, redact_counted
from notification_domain.redaction.rules import RULES
from tests.property.strategies import anything, secretive_texts
from tests.unit.operator.domain.redaction.corpus import secrets

rules = st.builds(Rules, emails=st.booleans(), ipv4=st.sampled_from([True, False, "public"]))
words = st.text("abcdefghjkmnopqrstuvwxyz0123456789", min_size=6, max_size=12).map(lambda word: f"zq{word}")
"""Values that the surrounding text does not contain by chance."""


@given(secretive_texts | anything, rules)
@example('"password": ""', Rules())
@example("password=-----BEGIN CERTIFICATE-----x-----END CERTIFICATE-----/y", Rules())
@example("postgresql://u:a/b@@h", Rules())
@example("https://h/?10.0.0.1-password=a&b", Rules())
@example("https://api_key://,@x://y", Rules())
def test_redaction_is_idempotent(text: str, which: Rules) -> None:
    clean, _ = redact_counted(text, which)
    assert redact_counted(clean, which) == (clean, Counter())


@given(st.integers(0, 2**32), st.data())
def test_no_part_of_a_planted_secret_is_left(seed: int, data: st.DataObject) -> None:
    corpus = [secret for secret in secrets(seed) if secret.group != "known limits"]
    secret = data.draw(st.sampled_from(corpus))
    before, after = (
        data.draw(st.sampled_from(["", "see:\n", "at 10:00 "])),
        data.draw(st.sampled_from(["", "\nnext"])),
    )
    assert replace(secret, text=f"{before}{secret.text}{after}").caught


@given(
    st.lists(
        st.sampled_from([rule.example for rule in RULES] + [rule.counter_example for rule in RULES]),
        max_size=4,
    )
)
def test_redaction_of_joined_examples_is_idempotent(texts: list[str]) -> None:
    for separator in ("\n", " ", ", "):
        clean, _ = redact_counted(separator.join(texts))
        assert redact_counted(clean) == (clean, Counter())


@given(st.text("\u200b\u00ad\u0430\uff1a:= \x1b[0mpasword1", max_size=40))
def test_redaction_of_hidden_secrets_is_idempotent(text: str) -> None:
    clean, _ = redact_counted(text)
    assert redact_counted(clean) == (clean, Counter())


@given(secretive_texts | anything)
def test_hints_never_change_the_result_of_the_rules(text: str) -> None:
    thorough = reduce(lambda rest, rule: rule.pattern.sub(rule.replacement, rest), RULES, text)
    assert redact(text) == thorough


@given(
    st.sampled_from(
        ["password", "DB_PASSWORD", "pwd", "api-key", "apiKey", "token", "access_token", "clientSecret"]
    ),
    st.sampled_from(
        ["{key}: {value}", "{key}={value}", '"{key}": "{value}"', "'{key}': '{value}'", "{key} = {value}"]
    ),
    words,
    st.text("abcXYZ ,.\n(){{}}日", max_size=10),
    st.sampled_from(["", " ", "\n", ", ", " next", "}"]),
)
def test_secret_under_a_known_key_is_redacted(
    key: str, form: str, value: str, before: str, after: str
) -> None:
    clean = redact(f"{before} {form.format(key=key, value=value)}{after}")
    assert value not in clean
    assert "[REDACTED]" in clean


@given(st.text(st.characters(exclude_characters=":=\"'@-./\\"), max_size=200))
def test_text_without_a_hint_of_a_secret_stays(text: str) -> None:
    if not any(hint in text.casefold() for hint in ("bearer", "_", "%3", "|", "<", "&", "~", "*", "`", "$")):
        assert redact(text) == text


@given(
    anything | secretive_texts | st.text(min_size=LIMIT - 50, max_size=LIMIT + 50),
    st.sampled_from(["", "mark: "]),
)
def test_error_text_is_bounded_and_can_be_stored(message: str, mark: str) -> None:
    text = describe(ValueError(message), mark=mark)
    assert mark < text
    assert text.startswith(mark)
    assert len(text) <= LIMIT
    text.encode()
    assert "\0" not in text
