"""What a NotificationReceiver declares: the spec in force, the problems of a refused one, and its annotations."""

from __future__ import annotations

from typing import Any

import pytest

from notification_domain.receivers import declared as declared_module
from notification_domain.receivers.declared import MOST_PROBLEMS, Declared, declare, examine
from tests.unit.operator.domain.receivers.builders import HOME, INVALID, RESTRICTED, SLACK, stored_receiver


def declared(before: Declared | None = None, **changes: Any) -> Declared:
    return declare(stored_receiver(**changes), before, home=HOME)


def test_valid_spec_is_in_force() -> None:
    result = declared(generation=3, default=True, test="2026-03-01T12:00:00Z")
    assert (str(result.key), result.uid, result.generation) == ("shop/on-call", "uid-on-call", 3)
    assert result.receiver is not None
    assert (result.receiver.generation, result.receiver.is_default) == (3, True)
    assert result.receiver.spec.type == "slack"
    assert (result.problems, result.test_requested_at) == ((), "2026-03-01T12:00:00Z")


def test_refused_spec_leaves_the_last_valid_one_in_force() -> None:
    valid = declared(generation=1)
    refused = declared(valid, generation=2, spec=INVALID)
    assert (refused.generation, refused.receiver) == (2, valid.receiver)
    assert refused.problems == (
        "spec: slack is missing although type is slack; set exactly the block of that name",
    )
    repaired = declared(refused, generation=3, spec={**SLACK, "suspend": True})
    assert repaired.receiver is not None
    assert (repaired.receiver.generation, repaired.receiver.spec.suspend, repaired.problems) == (3, True, ())


def test_first_spec_that_is_refused_leaves_nothing_in_force() -> None:
    refused = declared(spec=INVALID)
    assert refused.receiver is None
    assert refused.problems
    assert not refused.selects_namespaces


def test_last_valid_spec_of_another_incarnation_is_not_in_force() -> None:
    assert declared(declared(), spec=INVALID, uid="uid-2").receiver is None


def test_restricted_field_is_refused_outside_of_the_operators_namespace() -> None:
    refused = declared(spec=RESTRICTED)
    assert refused.receiver is None
    assert refused.problems == (
        "apprise: only receivers in the operator's namespace platform may have this field",
    )
    assert declared(spec=RESTRICTED, namespace=HOME).problems == ()
    assert examine(RESTRICTED, namespace="shop", home=HOME).not_allowed
    assert not examine(INVALID, namespace="shop", home=HOME).not_allowed


@pytest.mark.parametrize("types", [("console", "log"), ()])
def test_type_is_refused_outside_of_the_operators_namespace(types: tuple[str, ...]) -> None:
    refused = declare(stored_receiver(), None, home=HOME, types_elsewhere=types)
    assert refused.receiver is None
    assert refused.problems == (
        (
            "type: outside of the operator's namespace platform a receiver can have the types "
            f"{', '.join(types) or 'none'}; use one of them, or ask an administrator of the operator to add slack to its "
            "setting receivers.types_elsewhere (receiversTypesElsewhere of a stack)"
        ),
    )
    assert examine(SLACK, namespace="shop", home=HOME, types_elsewhere=types).not_allowed
    assert examine(SLACK, namespace=HOME, home=HOME, types_elsewhere=types).spec
    assert examine(SLACK, namespace="shop", home=HOME, types_elsewhere=("log", "slack")).spec


def test_type_and_restricted_field_are_named_together() -> None:
    examined = examine(RESTRICTED, namespace="shop", home=HOME, types_elsewhere=("log",))
    assert [problem.partition(":")[0] for problem in examined.problems] == ["type", "apprise"]


def test_event_without_news_declares_the_same_object() -> None:
    before = declared()
    written = stored_receiver(status={"lastError": "503"}, resourceVersion="9", labels={"a": "b"})
    assert declare(written, before, home=HOME) is before
    refused = declared(spec=INVALID)
    assert declared(refused, spec=INVALID) is refused


@pytest.mark.parametrize("change", [{"default": True}, {"test": "2026-03-01T12:00:00Z"}], ids=str)
def test_changed_annotation_takes_effect_without_a_new_generation(change: dict[str, Any]) -> None:
    before = declared()
    after = declared(before, **change)
    assert before.receiver is not None
    assert after.receiver is not None
    assert after != before
    assert after.receiver.spec is before.receiver.spec
    assert after.receiver.is_default == ("default" in change)


def test_default_annotation_of_a_refused_spec_takes_effect() -> None:
    refused = declared(declared(), generation=2, spec=INVALID)
    after = declared(refused, generation=2, spec=INVALID, default=True)
    assert after.receiver is not None
    assert (after.receiver.generation, after.receiver.is_default) == (1, True)


def test_object_without_a_generation_is_examined_each_time() -> None:
    before = declared(generation=0)
    assert declared(before, generation=0, spec=INVALID).problems


@pytest.mark.parametrize("spec", [None, [], "text", {"type": 7}, {"type": "slack", "slack": 1}], ids=str)
def test_spec_of_any_shape_is_refused_with_a_reason(spec: object) -> None:
    assert examine(spec, namespace="shop", home=HOME).problems


def test_number_and_length_of_problems_are_bounded() -> None:
    many = examine({"type": "slack", **{f"k{n}" * 400: n for n in range(60)}}, namespace="shop", home=HOME)
    assert len(many.problems) == MOST_PROBLEMS
    assert max(map(len, many.problems)) <= 512


def test_unexpected_error_of_one_spec_is_a_problem_of_that_spec(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_spec: object) -> None:
        raise ZeroDivisionError("odd")

    monkeypatch.setattr(declared_module, "parse_spec", fail)
    assert declared().problems == ("the spec cannot be used: odd",)


def test_only_a_selector_needs_the_labels_of_namespaces() -> None:
    selector = {"from": "Selector", "selector": {"matchLabels": {"tier": "prod"}}}
    assert declared(spec={**SLACK, "allowedNamespaces": selector}).selects_namespaces
    assert not declared(spec={**SLACK, "allowedNamespaces": {"from": "All"}}).selects_namespaces


def test_spec_of_one_receiver_too_many_is_not_read_until_it_moves_up() -> None:
    before = declared()
    excess = declare(stored_receiver(), before, home=HOME, excess="too many receivers: 3")
    assert (excess.receiver, excess.problems, excess.is_excess) == (None, ("too many receivers: 3",), True)
    assert excess == before.without_spec("too many receivers: 3")
    assert declare(stored_receiver(), excess, home=HOME, excess="too many receivers: 3") is excess
    assert declare(stored_receiver(), excess, home=HOME) == before
