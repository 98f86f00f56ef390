"""What bad input gets, by the real engine: docs/operations.md shows the same. No cluster is asked."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from platform_infra.names import PROJECT
from tools.platform.pulumi.environment import LOCAL_PASSPHRASE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.engine.checkout import Checkout

STACK = "trial"
KNOWN = {"PULUMI_CONFIG_PASSPHRASE": LOCAL_PASSPHRASE}


def existing(checkout: Checkout) -> dict[str, Any]:
    """Settings of a stack in a cluster where nobody listens."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "there", "context": {"cluster": "c", "user": "u"}}],
    }
    file = checkout.place / "kubeconfig"
    file.write_text(yaml.safe_dump(document))
    return {
        "clusterKind": "existing",
        "clusterKubeconfig": str(file),
        "clusterContext": "there",
        "operatorImage": "i:1",
    }


@pytest.fixture
def stack(checkout: Checkout) -> Checkout:
    """A checkout with a stack that the backend knows, encrypted with the well-known passphrase."""
    assert checkout.pulumi("stack", "init", STACK, **KNOWN).code == 0
    checkout.write_stack(STACK, **existing(checkout))
    return checkout


def resources(checkout: Checkout) -> list[str]:
    """Return the types of all that the stack's state holds, but for the stack itself."""
    state = json.loads(checkout.pulumi("stack", "export", "--stack", STACK, **KNOWN).text)
    found = [entry["type"] for entry in state["deployment"].get("resources") or []]
    return [kind for kind in found if kind != "pulumi:pulumi:Stack"]


def test_a_wrong_type_and_an_unknown_key_are_told_at_once_and_nothing_is_touched(stack: Checkout) -> None:
    stack.write_stack(STACK, **existing(stack), operatorReplicas="many", operatorWorker=3)
    for said in (stack.verb("up", STACK), stack.verb("pulumi", "preview", "--stack", STACK)):
        assert said.code == 1
        assert "2 problem(s) in the stack's configuration:" in said.text
        assert "operatorReplicas is 'many', but should be a valid integer" in said.text
        assert "operatorWorker is not a setting; did you mean operatorWorkers?" in said.text
    assert resources(stack) == []


def test_plain_pulumi_stops_at_a_wrong_type_by_itself_and_the_program_tells_an_unknown_key(
    stack: Checkout,
) -> None:
    stack.write_stack(STACK, **existing(stack), operatorReplicas="many")
    said = stack.pulumi("preview", "--stack", STACK, **KNOWN)
    assert "'operatorReplicas' must be of type 'integer'" in said.text
    stack.write_stack(STACK, **existing(stack), operatorWorker=3)
    said = stack.pulumi("preview", "--stack", STACK, **KNOWN)
    assert said.code != 0
    assert "operatorWorker is not a setting; did you mean operatorWorkers?" in said.text


def test_a_cluster_that_does_not_answer_is_named_and_nothing_is_made(stack: Checkout) -> None:
    said = stack.verb("up", STACK)
    assert said.code == 1
    told = said.text.partition("error: ")[2]
    assert told.startswith("the API server https://127.0.0.1:1 (context 'there') does not answer: ")
    assert "check it with `kubectl --context there version`" in told
    assert len(told.strip().splitlines()) == 1
    assert resources(stack) == []


def test_a_wrong_passphrase_is_told_with_the_variable_that_holds_it(stack: Checkout) -> None:
    said = stack.verb("up", STACK, PULUMI_CONFIG_PASSPHRASE="another")
    assert said.code == 1
    assert "incorrect passphrase" in said.text
    assert "set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE" in said.text


def locked(checkout: Checkout) -> Path:
    """Lock the stack as an engine does that was killed."""
    place = checkout.place / ".pulumi-state" / ".pulumi" / "locks" / "organization" / PROJECT / STACK
    place.mkdir(parents=True, exist_ok=True)
    owner = {"pid": 4711, "username": "ann", "hostname": "desk", "timestamp": "2026-03-01T12:00:00Z"}
    (place / "left.json").write_text(json.dumps(owner))
    return place


@pytest.mark.parametrize("verb", ["up", "down"])
def test_a_locked_state_is_told_with_who_locked_it_and_how_to_unlock_it(stack: Checkout, verb: str) -> None:
    locked(stack)
    said = stack.verb(verb, STACK)
    assert said.code == 1
    assert "created by ann@desk (pid 4711)" in said.text
    (command,) = re.findall(r'`make pulumi ARGS="(.*?)"`', said.text)
    assert stack.verb("pulumi", *command.replace("NAME", STACK).split()).code == 0
    assert "locked" not in stack.verb(verb, STACK).text


def test_the_lasting_stacks_want_a_passphrase_of_their_own(checkout: Checkout) -> None:
    said = checkout.verb("up", "prod")
    assert said.code == 1
    assert "prod: its secrets would be encrypted with a passphrase that everybody knows" in said.text


def test_going_back_where_nothing_ran_says_so(stack: Checkout) -> None:
    assert "nothing has been deployed yet" in stack.verb("rollback", STACK).text
    assert "none is not up, so there is nothing to go back from" in stack.verb("rollback", "none").text
