"""Texts of templates alone: each is rendered, or named with its problem."""

from __future__ import annotations

from notification_domain.rendering.jobs import JOBS
from notification_domain.rendering.texts import render_texts


def test_template_is_rendered_or_named_with_its_problem() -> None:
    values = {"payload": {"n": 7, "list": [1, 2]}}
    templates = {
        "subject": "{{ payload.n }}",
        "body": "{% for each in payload.list %}{{ each }};{% endfor %}",
        "syntax": "{% if %}",
        "value": "{{ payload.a.b }}",
    }
    result = render_texts(templates=templates, values=values)
    assert result["texts"] == {"subject": "7", "body": "1;2;"}
    assert result["problems"].keys() == {"syntax", "value"}
    assert all(text.startswith("line 1: ") for text in result["problems"].values())
    assert result["seconds"] > 0


def test_job_is_one_of_the_render_worker() -> None:
    assert JOBS["render_texts"] is render_texts
