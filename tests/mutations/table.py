"""The mutations: each breaks one promise of the product, and names the checks that have to notice."""

from __future__ import annotations

from typing import Final

from tests.mutations.admission import ADMITTING
from tests.mutations.deliveries import DECIDING
from tests.mutations.processes import STOPPING, TAKING
from tests.mutations.records import STATUS, TELLING
from tests.mutations.texts import EXPLAINING, LEADING, MASKING, SHOWING

MUTATIONS: Final = (
    *DECIDING,
    *MASKING,
    *SHOWING,
    *EXPLAINING,
    *LEADING,
    *STATUS,
    *TELLING,
    *STOPPING,
    *TAKING,
    *ADMITTING,
)
