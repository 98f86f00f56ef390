"""A wrong contract: what the API server takes, refuses, fills in and leaves out."""

from __future__ import annotations

from typing import Final

from tests.mutations.mutation import CONTRACT, Edit, Mutation

SPEC_RULES: Final = "              x-kubernetes-validations:\n                - rule: self == oldSelf\n"
PRIORITIES: Final = "                  enum: [critical, high, medium, low]\n"
LABEL: Final = "                      label:\n                        type: string\n"
NAMED: Final = "          required: [spec]\n"

ADMITTING: Final = (
    Mutation(
        name="subject without bounds",
        breaks="a subject of no letter is taken, and one of any length",
        operator="shipped",
        checks=("data-01", "data-06"),
        edits=(
            Edit(
                file=CONTRACT,
                old="                  minLength: 1\n                  maxLength: 500\n",
                new="                  minLength: 0\n                  maxLength: 5000\n",
            ),
        ),
    ),
    Mutation(
        name="a word more",
        breaks="a priority that no rule knows is taken",
        operator="shipped",
        checks=("data-07",),
        edits=(Edit(file=CONTRACT, old=PRIORITIES, new=PRIORITIES.replace("low]", "low, urgent]")),),
    ),
    Mutation(
        name="no priority by default",
        breaks="a notification that leaves its priority out is refused",
        operator="shipped",
        checks=("prio-05",),
        edits=(Edit(file=CONTRACT, old=PRIORITIES + "                  default: medium\n", new=PRIORITIES),),
    ),
    Mutation(
        name="another default",
        breaks="a notification is kept for a day more than is written",
        operator="shipped",
        checks=("crd-01",),
        edits=(
            Edit(
                file=CONTRACT,
                old="                  maximum: 90\n                  default: 7\n",
                new="                  maximum: 90\n                  default: 8\n",
            ),
        ),
    ),
    Mutation(
        name="a field left out",
        breaks="the text of a link is dropped when the object is stored",
        operator="shipped",
        checks=("crd-02",),
        edits=(
            Edit(file=CONTRACT, old="                    required: [service, url, label]\n", new=""),
            Edit(file=CONTRACT, old=LABEL, new=LABEL.replace("label:", "caption:")),
        ),
    ),
    Mutation(
        name="names of one word only",
        breaks="an object whose name has a dash is refused",
        operator="shipped",
        checks=("crd-05",),
        edits=(
            Edit(
                file=CONTRACT,
                old=NAMED,
                new=NAMED + "          x-kubernetes-validations:\n"
                "            - rule: \"!self.metadata.name.contains('-')\"\n",
            ),
        ),
    ),
    Mutation(
        name="spec can be changed",
        breaks="what was asked for can become something else after it was delivered",
        operator="shipped",
        checks=("crd-10",),
        edits=(
            Edit(file=CONTRACT, old=SPEC_RULES, new=SPEC_RULES.replace("self == oldSelf", "self == self")),
        ),
    ),
)
"""The CRD."""
