"""Views of what the channels send: small pages that look like the services."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tools.pictures.channels.markup import card, chat, mrkdwn, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tools.pictures.channels.capture import Sent

STYLE: Final = Path(__file__).with_name("page.css")
PAGE: Final = """\
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><style>{style}</style></head>
<body class="{name}">{content}
<script>
document.documentElement.dataset.height = Math.ceil(document.body.getBoundingClientRect().height)
</script></body></html>
"""
MAIL: Final = re.compile(r'<body style="([^"]*)">(.*)</body>', re.DOTALL)

Json = dict[str, Any]


def pages(sent: Mapping[str, Sent]) -> dict[str, str]:
    """Return a page per channel, by the name of its picture."""
    style = STYLE.read_text("utf-8")
    return {
        name: PAGE.format(style=style, name=name, content=view(sent[name])) for name, view in VIEWS.items()
    }


def _email(sent: Sent) -> str:
    mail = sent.mail
    html = mail.get_body(("html",))
    match = MAIL.search(html.get_content() if html else "")
    if match is None:
        raise ValueError("the mail has no page")
    rows = "".join(
        f"<div><span>{name}</span> {escape(str(mail[name]))}</div>" for name in ("From", "To", "Date")
    )
    head = f"<header><h2>{escape(str(mail['Subject']))}</h2>{rows}</header>"
    return f'{head}<article style="{match[1]}">{match[2]}</article>'


def _slack(sent: Sent) -> str:
    blocks = "".join(SLACK_BLOCKS[block["type"]](block) for block in sent.json["blocks"])
    return _posted("N", "Notifications", blocks)


def _posted(letter: str, author: str, content: str) -> str:
    """Return a message of a chat with its author."""
    head = f'<div class="author">{author} <small>APP</small> <time>14:35</time></div>'
    return f'<div class="avatar">{letter}</div><main>{head}{content}</main>'


def _text(part: Json) -> str:
    return mrkdwn(part["text"]) if part["type"] == "mrkdwn" else escape(part["text"])


def _section(block: Json) -> str:
    if "fields" in block:
        return f'<div class="fields">{_all("<div>{}</div>", map(_text, block["fields"]))}</div>'
    return f"<div>{_text(block['text'])}</div>"


def _buttons(block: Json) -> str:
    return (
        f'<div class="buttons">{_all("<b>{}</b>", (_text(part["text"]) for part in block["elements"]))}</div>'
    )


def _context(block: Json) -> str:
    return f'<div class="context">{_all("<span>{}</span>", map(_text, block["elements"]))}</div>'


SLACK_BLOCKS: Final[Mapping[str, Callable[[Json], str]]] = {
    "header": lambda block: f"<h3>{_text(block['text'])}</h3>",
    "section": _section,
    "actions": _buttons,
    "context": _context,
}


def _teams(sent: Sent) -> str:
    content = sent.json["attachments"][0]["content"]
    body = "".join(CARD_ELEMENTS[element["type"]](element) for element in content["body"])
    actions = _all("<b>{}</b>", (escape(action["title"]) for action in content["actions"]))
    return _posted(
        "N", "Notifications", f'<div class="card">{body}<div class="buttons">{actions}</div></div>'
    )


def _block(element: Json) -> str:
    names = [element.get(name, "default") for name in ("weight", "size", "fontType")]
    names += [f"spacing-{element.get('spacing', 'default')}", "subtle" if element.get("isSubtle") else ""]
    return f'<div class="{" ".join(names)}">{card(element["text"])}</div>'


def _facts(element: Json) -> str:
    rows = (
        f"<tr><th>{escape(fact['title'])}</th><td>{card(fact['value'])}</td></tr>"
        for fact in element["facts"]
    )
    return f"<table>{''.join(rows)}</table>"


CARD_ELEMENTS: Final[Mapping[str, Callable[[Json], str]]] = {"TextBlock": _block, "FactSet": _facts}


def _discord(sent: Sent) -> str:
    embed = sent.json["embeds"][0]
    fields = "".join(
        f"<div><b>{escape(field['name'])}</b>{chat(field['value'], tables=False)}</div>"
        for field in embed["fields"]
    )
    content = (
        f'<div class="embed" style="border-color:#{embed["color"]:06x}">'
        f"<h3>{chat(embed['title'], tables=False)}</h3>{chat(embed['description'], tables=False)}{fields}"
        f"<footer>{escape(embed['footer']['text'])} · today at 14:35</footer></div>"
    )
    return _posted("N", "Notifications", content)


def _mattermost(sent: Sent) -> str:
    return _posted("N", "notifications", chat(sent.json["text"], tables=True))


def _pagerduty(sent: Sent) -> str:
    event = sent.json
    payload = event["payload"]
    details = payload["custom_details"]
    facts = {
        "Severity": payload["severity"],
        "Source": payload["source"],
        "Component": payload["component"],
        "Group": payload["group"],
        "Class": payload["class"],
        "Alert key": event["dedup_key"],
    }
    links = _all("<a>{}</a>", (escape(link["text"]) for link in event["links"]))
    return (
        f"<h2><i>Triggered</i> {escape(payload['summary'])}</h2>{_rows(facts)}"
        f"<h4>Custom details</h4>{_rows(_flat(details))}<h4>Links</h4><div>{links}</div>"
        f"<footer>{escape(event['client'])}</footer>"
    )


def _flat(details: Json, prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in details.items():
        flat |= _flat(value, f"{key}.") if isinstance(value, dict) else {f"{prefix}{key}": str(value)}
    return flat


def _rows(facts: Mapping[str, str]) -> str:
    rows = (f"<tr><th>{escape(name)}</th><td>{plain(value)}</td></tr>" for name, value in facts.items())
    return f"<table>{''.join(rows)}</table>"


def _sms(sent: Sent) -> str:
    form = sent.form
    return f'<time>{form["From"]} · 14:35</time><div class="bubble">{plain(form["Body"])}</div>'


def _console(sent: Sent) -> str:
    command = "<b>$</b> kubectl logs -n notification-system deploy/notification-operator"
    return f"<div>{command}</div><div>{escape(sent.body.decode().strip())}</div>"


def _all(form: str, texts: Iterable[str]) -> str:
    return "".join(form.format(text) for text in texts)


VIEWS: Final[Mapping[str, Callable[[Sent], str]]] = {
    "email": _email,
    "slack": _slack,
    "slack-settings": _slack,
    "teams": _teams,
    "discord": _discord,
    "mattermost": _mattermost,
    "pagerduty": _pagerduty,
    "sms": _sms,
    "console": _console,
}
