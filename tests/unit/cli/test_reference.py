"""docs/cli.md and the application have the same commands and options, in both directions."""

from __future__ import annotations

import re

from tests.unit.repository.test_docs import page
from tools.generate.artifacts import ROOT, artifact
from tools.generate.command_line import commands

PAGE = page("cli.md")
FOUND = dict(commands())


def test_reference_on_the_page_is_generated_from_the_application() -> None:
    assert artifact("docs/cli.md").is_current(ROOT)


def test_reference_has_every_command_and_option_and_no_other() -> None:
    sections = dict(
        re.findall(r"^### (notif [^\n]+)\n(.*?)(?=^###? |\Z|^<!--)", PAGE, re.DOTALL | re.MULTILINE)
    )
    assert sections.keys() == FOUND.keys()
    shared = PAGE.partition("### Options of several commands")[2].partition("### notif ls")[0]
    long_names = dict(re.findall(r"`(-\w)`, `(--[\w-]+)`", shared))
    for path, command in FOUND.items():
        also = re.findall(r"`(-[\w-]+)`", "".join(re.findall(r"^Also: (.*)$", sections[path], re.MULTILINE)))
        own = re.findall(
            r"`(--[\w-]+)`", "".join(re.findall(r"^\| (`-[^|]*)\|", sections[path], re.MULTILINE))
        )
        named = {long_names.get(name, name) for name in also} | set(own)
        options = [each.opts for each in command.params if each.param_type_name == "option"]
        assert all(named & set(opts) for opts in options), path
        assert named <= {name for opts in options for name in opts}, path


def test_rights_are_said_of_every_command_once() -> None:
    table = PAGE.partition("## Rights")[2].partition("## Formats")[0]
    named = [
        path
        for cell in re.findall(r"^\| (`notif[^|]*) \|", table, re.MULTILINE)
        for path in re.findall(r"`([^`]+)`", cell)
    ]
    assert sorted(named) == sorted(FOUND)
