"""The mutations: each breaks one promise of the operator, and names the checks that have to notice."""

from __future__ import annotations

from typing import Final

from tests.mutation.deliveries import DECIDING, LEAVING
from tests.mutation.processes import STOPPING, TAKING
from tests.mutation.records import TELLING

MUTATIONS: Final = (*DECIDING, *LEAVING, *TELLING, *STOPPING, *TAKING)
