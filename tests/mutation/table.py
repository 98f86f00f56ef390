"""The mutations: each breaks one promise of the product, and names the checks that have to notice."""

from __future__ import annotations

from typing import Final

from tests.mutation.admission import ADMITTING
from tests.mutation.deliveries import DECIDING
from tests.mutation.processes import STOPPING, TAKING
from tests.mutation.records import STATUS, TELLING
from tests.mutation.texts import EXPLAINING, LEADING, MASKING, SHOWING

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
