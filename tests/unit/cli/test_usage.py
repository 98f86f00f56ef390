"""Wrong usage: exit code 2 and one line that names the argument, its value and the hint, before any connection."""

from __future__ import annotations

import shlex

import pytest

from tests.unit.cli.test_command_line import run_here

FOREIGN = (
    "Traceback",
    "pydantic",
    "click",
    "Usage:",
    "Input should",
    "Error:",
    "Invalid value",
    "Missing option",
)
"""Texts of the libraries."""
LINES = {
    "nope": "there is no command 'nope'; notif --help lists the commands",
    "lss": "there is no command 'lss'; did you mean ls? notif --help lists the commands",
    "get": "there is no command 'get'; notif ls lists notifications, and notif show NAME -o yaml writes one",
    "describe order-1": (
        "there is no command 'describe'; notif show NAME shows a notification, and notif why NAME explains it"
    ),
    "delete order-1": (
        "there is no command 'delete'; notif cancel NAME deletes a notification that is still open, "
        "and kubectl delete notif NAME any"
    ),
    "source lst": "there is no command 'lst'; did you mean ls? notif source --help lists the commands",
    "ls --phas Failed": "there is no option --phas; did you mean --phase? notif ls --help lists the options",
    "ls -Z": "there is no option -Z; notif ls --help lists the options",
    "ls --phase": "--phase needs a value; write --phase VALUE",
    "ls --watch=3": "--watch takes no value; leave out what follows =",
    "ls order-1": "unexpected argument 'order-1'; notif ls takes no arguments; notif ls --help lists the options",
    "show a b": "unexpected argument 'b'; notif show takes NAME; notif show --help lists the options",
    "show": "NAME is missing; write notif show NAME",
    "send": "--subject is missing; add --subject TEXT, or name a file with --filename FILE",
    "send -f /absent": (
        "/absent cannot be read: No such file or directory; name a file, or - for standard input"
    ),
    "send -f /dev/null": "--filename /dev/null: it has 0 NotificationRequests; name a file with one",
    "send -f - -b -": "--filename - and --body - exclude each other: both read standard input",
    "send -s x --name a --once b": (
        "--name and --once exclude each other; --once names the notification by its key"
    ),
    "send -s x --metadata a": "--metadata: 'a' has no name and value; write NAME=VALUE",
    "send -s x --about web": "--about: 'web' names no object; write KIND/NAME",
    "send -s x --max-attempts 11": "--max-attempts: '11' is not allowed; use a whole number from 1 to 10",
    "send -s x --wait --dry-run client": (
        "--wait and --dry-run exclude each other: nothing is delivered; leave out one of them"
    ),
    "send -s x --dry-run all": "--dry-run: 'all' is not allowed; use one of none, client, server",
    "drill -A": "--yes is missing, and there is no terminal to ask at; add --yes",
    "replay a": "--yes is missing, and there is no terminal to ask at; add --yes",
    "cancel a": "--yes is missing, and there is no terminal to ask at; add --yes",
    "suspend a/b/c": "RECEIVER: 'a/b/c' is no receiver; write NAME or NAMESPACE/NAME",
    "render -f examples/simple.yaml": (
        "--receiver is missing; add --receiver RECEIVER: Receiver of the files or of the cluster, as NAME or NAMESPACE/NAME."
    ),
    "ls --limit -1": "--limit: '-1' is not allowed; use a whole number of at least 0",
    "ls --limit many": "--limit: 'many' is not allowed; use a whole number of at least 0",
    "web --port 70000": "--port: '70000' is not allowed; use a whole number from 0 to 65535",
    "send -s x --event nope": "--event: 'nope' is not allowed; use one of Trigger, Acknowledge, Resolve",
    "ls -o xml": (
        "--output: 'xml' is no format; use one of table, wide, json, yaml, name, or kubectl, or jq on -o json, "
        "for another one"
    ),
    "ls --sort-by 'a b'": "--sort-by: 'a b' is no field; write a path such as .metadata.creationTimestamp",
    "ls -w --sort-by .a": "--sort-by and --watch exclude each other; leave out one of them",
    "ls -n Shop": "--namespace: 'Shop' is no namespace; use lower-case letters, digits and -",
    "show Order_1": (
        "NAME: 'Order_1' is no name of an object; use lower-case letters, digits, - and . "
        "(kubectl get notif shows names)"
    ),
    "ls -l 'a b'": (
        "--selector: 'a b' is no requirement; write key=value, key!=value, 'key in (a,b)', 'key notin (a,b)', "
        "key or '!key'"
    ),
    "ls --since soon": "--since: 'soon' is not a duration; write it like 90s, 15m, 2h or 7d",
    "ls --since 99999d": "--since: '99999d' is longer than ten years; use a shorter one",
    "ls --receiver a/b/c": "--receiver: 'a/b/c' is no receiver; write NAME or NAMESPACE/NAME",
    "receivers a/b/c": "RECEIVER: 'a/b/c' is no receiver; write NAME or NAMESPACE/NAME",
    "receivers a -A": "--all-namespaces and NAME 'a' exclude each other; leave out one of them",
    "test a --timeout soon": "--timeout: 'soon' is not a duration; write it like 90s, 15m, 2h or 7d",
    "drill -n shop,bank --receiver chat": (
        "--receiver chat: shop,bank are several namespaces; write NAMESPACE/chat"
    ),
    "drill -n shop,": "--namespace: ',' is no namespace; use lower-case letters, digits and -",
    "redrive --batch 'a b'": (
        "--batch: 'a b' cannot be a label; use letters, digits, -, _ and ., at most 63 characters"
    ),
    "redrive --since x": "--since: 'x' is not a duration; write it like 90s, 15m, 2h or 7d",
    "send -s x --not-before later": (
        "--not-before: 'later' is no time; write it like 2026-01-31T12:00:00Z, or like 15m for a time from now"
    ),
    "send -s x --link Graph": "--link: 'Graph' has no http or https URL; write URL or TEXT=URL",
    "send -s x --label a": "--label: 'a' is not a label; write them like a=b,c=d",
    "send -s x --template a": "--template: 'a' names no key; write CONFIGMAP/KEY",
    "beat": "NAME is missing; name a source, or give its whole URL with --url",
    "beat --url example.com a": "--url: it is no URL; write it like https://notifications.example.com",
    "beat a --token-file /absent": (
        "/absent cannot be read: No such file or directory; name a file, or - for standard input"
    ),
    "route test": "--labels is missing; write --labels a=b, or --file FILE with expectations",
    "route test --labels a": "--labels: 'a' is not a label; write them like a=b,c=d",
    "why a --rules /absent": (
        "/absent cannot be read: No such file or directory; name a file, or - for standard input"
    ),
    "lint": "FILE... is missing; write notif lint FILE...",
    "lint /absent": "/absent cannot be read: No such file or directory; name a file, or - for standard input",
    "render -f examples/receivers/slack.yaml --receiver a/b/c": None,
    "source test -f /absent a": (
        "/absent cannot be read: No such file or directory; name a file, or - for standard input"
    ),
    "source test -f /dev/null": "NAME is missing; name a source, or give one with --spec FILE or --type TYPE",
    "source test -f /dev/null --type pager": None,
    "source test -f /dev/null a -H x": (
        "--header: 'x' is no header; write it like 'Content-Type: application/json'"
    ),
}
"""Wrong usage, and its line; None where the line lists what changes elsewhere."""


@pytest.mark.parametrize("command", LINES)
def test_wrong_usage_is_one_line_with_argument_value_and_remedy(command: str) -> None:
    # Without a kubeconfig, a connection would be refused with another exit code.
    code, out, err = run_here(*shlex.split(command))
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert not [word for word in FOREIGN if word in err], err
    assert LINES[command] is None or err == f"notif: {LINES[command]}\n"


@pytest.mark.parametrize(
    "selector",
    [
        "a=b",
        "a==b,c!=d",
        "kubernaut.ai/severity=critical",
        "a in (b,c),!d",
        "a notin ( b , c )",
        "a",
        "a=",
        "x>3",
    ],
)
def test_selector_of_kubectl_is_no_wrong_usage(selector: str) -> None:
    assert run_here("ls", "-l", selector)[0] == 3


@pytest.mark.parametrize("command", ["", "route", "source"])
def test_group_without_a_command_shows_its_help(command: str) -> None:
    code, _, err = run_here(*command.split())
    assert (code, err.startswith("Usage: notif")) == (2, True)
