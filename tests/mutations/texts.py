"""Wrong texts and wrong ways: what leaves the operator, and which way it takes."""

from __future__ import annotations

from typing import Final

from tests.mutations.mutation import Edit, Mutation

DISPATCH: Final = "notification_operator/delivery/dispatcher.py"
CONSOLE: Final = "notification_operator/delivery/channels/console.py"
SLACK: Final = "notification_operator/delivery/channels/slack.py"
ERRORTEXT: Final = "notification_operator/domain/text/error_text.py"
ROUTING: Final = "notification_operator/domain/routing/route.py"
RULES: Final = "notification_contract/routing/table.py"
DELIVER: Final = "                await channel.deliver(message)\n"
PAYLOADS: Final = "enumerate(payloads(message.content), start=1)"
ALL_HOLD: Final = "    if not all(condition.holds(labels) for condition in rule.matchers):\n"
DESCRIBED: Final = "        return describe(error, mark=mark, bare=DeliveryError, mask=self._redactor.text)\n"

MASKING: Final = (
    Mutation(
        name="sanitiser off",
        breaks="secrets leave the operator",
        operator="served",
        checks=("data-11", "data-12", "data-14"),
        edits=(
            Edit(
                file="notification_operator/domain/redaction/redact.py",
                old="    for rule in rules.selected():\n",
                new="    for rule in ():\n",
            ),
        ),
    ),
    Mutation(
        name="masking takes the rest of the line",
        breaks="what follows a secret and is none is masked too",
        operator="served",
        checks=("data-13",),
        edits=(
            Edit(
                file="notification_operator/domain/redaction/rules.py",
                old='    _rule("password", "passw pwd", _assignment(_PASSWORDS)),',
                new='    _rule("password", "passw pwd", r"(?P<keep>password: )[^\\n]+"),',
            ),
        ),
    ),
)
"""Secrets."""

SHOWING: Final = (
    Mutation(
        name="long texts cut",
        breaks="what does not fit into one block never arrives",
        operator="served",
        checks=("data-02", "data-03", "edge-02"),
        edits=(Edit(file=SLACK, old="        start = end\n", new="        return\n"),),
    ),
    Mutation(
        name="large messages refused",
        breaks="a body of some thousand characters is not delivered at all",
        operator="served",
        checks=("data-03", "edge-02", "edge-03"),
        edits=(
            Edit(
                file=DISPATCH,
                old=DELIVER,
                new="                if len(message.content.body) > 5_500:\n"
                '                    raise Permanent("too large")\n' + DELIVER,
            ),
        ),
    ),
    Mutation(
        name="texts tidied up",
        breaks="markup is escaped, and letters are written in another way than they came",
        operator="served",
        checks=("data-08", "data-10"),
        edits=(
            Edit(
                file=SLACK,
                old=PAYLOADS,
                new=PAYLOADS.replace("message.content", "_tidied(message.content)"),
            ),
            Edit(
                file=SLACK,
                old="def payloads(",
                new="def _tidied(content):\n"
                "    import html, unicodedata\n"
                "    from dataclasses import replace\n\n"
                "    tidy = lambda text: unicodedata.normalize('NFC', html.escape(text))\n"
                "    return replace(content, subject=tidy(content.subject), body=tidy(content.body))\n\n\n"
                "def payloads(",
            ),
        ),
    ),
    Mutation(
        name="priority not told",
        breaks="the console shows one priority for all",
        operator="served",
        checks=("prio-01", "prio-07", "prio-08"),
        edits=(Edit(file=CONSOLE, old="[{content.priority}]", new="[medium]"),),
    ),
    Mutation(
        name="one sign for all priorities",
        breaks="Slack's headline does not show how urgent a message is",
        operator="served",
        checks=("prio-01", "prio-02", "prio-03", "prio-04", "prio-06"),
        edits=(Edit(file=SLACK, old="EMOJI.get(content.priority, OTHER_EMOJI)", new="OTHER_EMOJI"),),
    ),
    Mutation(
        name="long names cut nowhere",
        breaks="an object's longest name makes a file name that no file system takes",
        operator="served",
        checks=("crd-06",),
        edits=(
            Edit(
                file="notification_operator/delivery/channels/file.py",
                old="LONGEST_NAME = 180",
                new="LONGEST_NAME = 300",
            ),
        ),
    ),
)
"""Messages."""

EXPLAINING: Final = (
    Mutation(
        name="errors flattened",
        breaks="line breaks and tabs of a receiver's answer do not reach the status",
        operator="served",
        checks=("status-05",),
        edits=(Edit(file=ERRORTEXT, old=r"[\x00-\x08\x0b-\x1f", new=r"[\x00-\x1f"),),
    ),
    Mutation(
        name="errors not cut",
        breaks="a receiver's answer of a megabyte comes into the status",
        operator="scripted",
        checks=("error-02",),
        edits=(Edit(file=ERRORTEXT, old="LIMIT: Final = 2048", new="LIMIT: Final = 204800"),),
    ),
    Mutation(
        name="errors as they come",
        breaks="characters that no status can hold are not replaced",
        operator="scripted",
        checks=("error-07",),
        edits=(
            Edit(
                file=ERRORTEXT,
                old="_UNPRINTABLE.sub(_REPLACEMENT, whole[:_LOOKED_AT])",
                new="whole[:_LOOKED_AT]",
            ),
        ),
    ),
    Mutation(
        name="answers not quoted",
        breaks="an error tells the code of an answer and not its words",
        operator="served",
        checks=("error-01",),
        edits=(
            Edit(
                file="notification_operator/delivery/http_client.py",
                old='f"HTTP {status}: {said}" if said else f"HTTP {status}"',
                new='f"HTTP {status}"',
            ),
        ),
    ),
    Mutation(
        name="errors mixed up",
        breaks="an error brings along the words of the one before it",
        operator="scripted",
        checks=("error-09",),
        edits=(
            Edit(
                file=DISPATCH,
                old=DESCRIBED,
                new=DESCRIBED.replace("return ", "self._last = getattr(self, '_last', '')[:200] + ")
                + "        return self._last\n",
            ),
        ),
    ),
)
"""Errors."""

LEADING: Final = (
    Mutation(
        name="routing result dropped",
        breaks="what the rules choose is thrown away, and everything goes to the fallback",
        operator="served",
        checks=("data-05", "skip-01", "skip-02", "skip-03", "skip-04", "skip-05", "skip-07"),
        edits=(Edit(file=ROUTING, old="    if chosen:\n", new="    if chosen is None:\n"),),
    ),
    Mutation(
        name="one matcher is enough",
        breaks="a rule takes what only some of its matchers fit",
        operator="served",
        checks=("skip-06",),
        edits=(
            Edit(
                file=RULES,
                old=ALL_HOLD,
                new=ALL_HOLD.replace("if not all(", "if rule.matchers and not any("),
            ),
        ),
    ),
    Mutation(
        name="labels of any domain steer",
        breaks="a label that only looks like one of ours chooses the receiver",
        operator="served",
        checks=("skip-08",),
        edits=(
            Edit(
                file=RULES,
                old=ALL_HOLD,
                new='    labels = {key.replace(".io/", ".ai/"): value for key, value in labels.items()}\n'
                + ALL_HOLD,
            ),
        ),
    ),
    Mutation(
        name="another fallback",
        breaks="what no rule takes goes to a file nobody reads",
        operator="served",
        checks=("crd-04", "data-04"),
        edits=(
            Edit(
                file="notification_contract/routing/receivers.py",
                old='FALLBACK_CHANNEL: Final = "console"',
                new='FALLBACK_CHANNEL: Final = "file"',
            ),
        ),
    ),
    Mutation(
        name="repeated channels kept",
        breaks="a channel that is named three times delivers three times",
        operator="served",
        checks=("data-09",),
        edits=(
            Edit(
                file="notification_operator/domain/model.py",
                old='tuple(dict.fromkeys(spec.get("channels") or ()))',
                new='tuple(spec.get("channels") or ())',
            ),
        ),
    ),
)
"""Ways."""
