"""Rooms stay small enough to be read at a glance (DD-LAYOUT-002)."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
OPERATOR = ROOT / "operator/notification_operator"
MOST_AT_THE_TOP = 8
MOST = 12


def modules(room: Path) -> list[str]:
    return sorted(file.name for file in room.glob("*.py") if file.name != "__init__.py")


@pytest.mark.parametrize("folder", ["operator", "infra", "tools"])
def test_no_room_holds_more_than_twelve_modules(folder: str) -> None:
    rooms = {file.parent for file in (ROOT / folder).rglob("__init__.py")}
    full = {str(room.relative_to(ROOT)): modules(room) for room in rooms if len(modules(room)) > MOST}
    assert rooms
    assert not full, "divide them by subject"


def test_at_most_eight_modules_lie_at_the_top_of_the_operator() -> None:
    assert len(modules(OPERATOR)) <= MOST_AT_THE_TOP
