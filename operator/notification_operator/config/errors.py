"""The error of the operator's configuration."""

from __future__ import annotations


class SettingsError(Exception):
    """The settings are invalid; `problems` lists every problem, one line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
