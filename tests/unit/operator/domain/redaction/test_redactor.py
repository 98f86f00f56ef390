"""The redactor of the process: the configured rules, and the counts by rule."""

from collections import Counter

from notification_contract.settings import Redaction as Settings
from notification_domain.model import Content
from notification_domain.redaction.redactor import Redactor, rules

CONTENT = Content(
    type="simple",
    priority="low",
    subject="a@example.com at 10.0.0.1",
    body="password: hunter2x",
    metadata={"owner": "b@example.com"},
)


def test_settings_enable_the_rules_for_addresses() -> None:
    redacted = Redactor(rules(Settings())).content(CONTENT)
    assert redacted.subject == "[REDACTED] at [REDACTED]"
    public = Redactor(rules(Settings(ip_addresses="public")))
    assert public.text("10.0.0.1 and 203.0.113.7") == "10.0.0.1 and [REDACTED]"
    partial = Redactor(rules(Settings(emails=False, ip_addresses=False))).content(CONTENT)
    assert (partial.subject, partial.body) == (CONTENT.subject, "password: [REDACTED]")
    assert Redactor(rules(Settings(emails=False))).text(CONTENT.subject) == "a@example.com at [REDACTED]"


def test_redactor_counts_secrets_by_rule_name() -> None:
    counts: Counter[str] = Counter()
    redactor = Redactor(count=counts.update)
    redactor.content(CONTENT)
    assert counts == {"email": 2, "ipv4": 1, "password": 1}
    redactor.text("token=abcdefgh")
    assert counts["token"] == 1
