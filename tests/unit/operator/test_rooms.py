"""The rooms of the operator stay small enough to be read at a glance (DD-LAYOUT-002)."""

from pathlib import Path

import notification_operator

ROOT = Path(notification_operator.__file__).parent
MOST_AT_THE_TOP = 8
MOST = 12


def modules(room: Path) -> list[str]:
    return sorted(file.name for file in room.glob("*.py") if file.name != "__init__.py")


def test_no_room_holds_more_than_twelve_modules() -> None:
    rooms = {file.parent for file in ROOT.rglob("__init__.py")} - {ROOT}
    full = {str(room.relative_to(ROOT)): modules(room) for room in rooms if len(modules(room)) > MOST}
    assert not full, "divide them by subject"


def test_at_most_eight_modules_lie_at_the_top() -> None:
    assert len(modules(ROOT)) <= MOST_AT_THE_TOP
