"""The sanitiser as it is set: what the settings leave alone, and what is counted."""

from collections import Counter

from notification_contract.settings.operator import Sanitizer as Settings
from notification_operator.domain.model import Content
from notification_operator.domain.redaction.redactor import Redactor, rules

CONTENT = Content(
    type="simple",
    priority="low",
    subject="a@example.com at 10.0.0.1",
    body="password: hunter2x",
    metadata={"owner": "b@example.com"},
)


def test_addresses_are_masked_unless_the_settings_leave_them_alone() -> None:
    redacted = Redactor(rules(Settings())).content(CONTENT)
    assert redacted.subject == "[REDACTED] at [REDACTED]"
    left = Redactor(rules(Settings(emails=False, ip_addresses=False))).content(CONTENT)
    assert (left.subject, left.body) == (CONTENT.subject, "password: [REDACTED]")
    assert Redactor(rules(Settings(emails=False))).text(CONTENT.subject) == "a@example.com at [REDACTED]"


def test_what_is_masked_is_counted_by_the_name_of_its_rule() -> None:
    found: Counter[str] = Counter()
    redactor = Redactor(count=found.update)
    redactor.content(CONTENT)
    assert found == {"email": 2, "ipv4": 1, "password": 1}
    redactor.text("token=abcdefgh")
    assert found["token"] == 1
