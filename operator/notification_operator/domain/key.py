"""The key of an object: what queues, budgets and observers know it by."""

from __future__ import annotations

from typing import NamedTuple


class Key(NamedTuple):
    """One incarnation of an object: a new object of the same name has another uid."""

    namespace: str
    name: str
    uid: str
