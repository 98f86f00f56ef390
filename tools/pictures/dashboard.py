"""The dashboard as a picture: its panels, with the curves of an invented hour in which Slack refuses messages for twelve minutes."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, Final

from platform_infra.monitoring.dashboard import COLUMNS, VIEWER
from platform_infra.monitoring.panels import Unit, panels
from platform_infra.monitoring.queries import MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from platform_infra.monitoring.panels import Panel

    Curve = Callable[[float], float]
    """The value at a minute of the hour."""

MINUTES: Final = range(61)
"""The minutes at which a curve is drawn."""
AWAY, BACK, DRAINED = 20, 32, 36
"""Minutes: Slack refuses messages, accepts them again, and has all that waited."""
PER_MINUTE: Final = 24
"""Messages for the receiver in Slack."""
BACKLOG: Final = PER_MINUTE * (BACK - AWAY)
ON_CALL, MAIL = "ops/on-call", "shop/mail"
POD: Final = "notification-operator-0"

WIDTH, HEIGHT, MARGIN = 480, 150, 10
"""Size of a panel and the space around it, in pixels."""
LEFT, TOP, BOTTOM = 56, 34, 34
"""Space in a panel for the values, the title and the legend."""
COLORS: Final = ("#2563eb", "#dc2626", "#059669", "#d97706")
FRAME: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="#f4f5f5"/>
{panels}</svg>
"""
PANEL: Final = """\
<g transform="translate({x} {y})">
<rect width="{width}" height="{height}" fill="#fff" stroke="#ddd"/>
<text x="10" y="20" font-size="13" font-weight="bold">{title}</text>
<path d="M{left} {top}H{right}M{left} {bottom}H{right}" stroke="#e5e5e5"/>
<text x="{label}" y="{top}" text-anchor="end" dominant-baseline="middle" fill="#555">{highest}</text>
<text x="{label}" y="{bottom}" text-anchor="end" dominant-baseline="middle" fill="#555">0</text>
{curves}
<text x="{left}" y="{legends_at}">{legends}</text>
</g>
"""
CURVE: Final = '<polyline points="{points}" fill="none" stroke="{color}" stroke-width="1.5"/>'
LEGEND: Final = '<tspan dx="{space}" fill="{color}">{text}</tspan>'
FORMATS: Final[Mapping[Unit, Callable[[float], str]]] = {
    Unit.COUNT: "{:.0f}".format,
    Unit.PER_SECOND: "{:.2g}/s".format,
    Unit.SHARE: "{:.0%}".format,
    Unit.SECONDS: lambda value: f"{value / MINUTE:.0f} min" if value >= MINUTE else f"{value:.2g} s",
    Unit.BYTES: lambda value: f"{value / 1e6:.0f} MB",
}


def steady(value: float, *, swing: float = 0.1) -> Curve:
    return lambda minute: value * (1 + swing * math.sin(1.7 * minute))


def is_away(minute: float) -> bool:
    return AWAY <= minute < BACK


def is_catching_up(minute: float) -> bool:
    return BACK <= minute < DRAINED


def waiting(minute: float) -> float:
    if is_away(minute):
        return PER_MINUTE * (minute - AWAY)
    return BACKLOG * (DRAINED - minute) / (DRAINED - BACK) if is_catching_up(minute) else 0


def age(minute: float) -> float:
    """Return the age of the oldest message that waits, in seconds."""
    return MINUTE * waiting(minute) / PER_MINUTE


def delivered(minute: float) -> float:
    """Return the messages to Slack per second."""
    late = BACKLOG / (DRAINED - BACK) if is_catching_up(minute) else 0
    return 0 if is_away(minute) else (steady(PER_MINUTE)(minute) + late) / MINUTE


def refused(minute: float) -> float:
    """Return the refused messages per second: at first all of them, then those by which the circuit breaker probes."""
    if not is_away(minute):
        return 0
    return PER_MINUTE / MINUTE if minute < AWAY + 1 else 1 / MINUTE


def breaker(minute: float) -> float:
    if AWAY + 1 <= minute < BACK:
        return 2
    return 1 if BACK <= minute < BACK + 1 else 0


def since_delivery(minute: float) -> float:
    return MINUTE * (minute - AWAY) if is_away(minute) else MINUTE / PER_MINUTE


CURVES: Final[Mapping[str, Mapping[str, Curve]]] = {
    "Delivery attempts by channel": {
        "slack success": delivered,
        "slack failure": refused,
        "email success": steady(0.1),
    },
    "Delivery failure ratio by channel": {"slack": is_away, "email": lambda _: 0},
    "Attempt duration (p95)": {"slack": steady(0.25), "email": steady(0.6)},
    "Circuit breaker state by channel": {"slack": breaker, "email": lambda _: 0},
    "Delivery attempts by receiver": {
        f"{ON_CALL} success": delivered,
        f"{ON_CALL} failure": refused,
        f"{MAIL} success": steady(0.1),
    },
    "Usable receivers": {ON_CALL: lambda _: 1, MAIL: lambda _: 1},
    "Waiting messages by receiver": {f"{ON_CALL} CircuitOpen": waiting, f"{MAIL} Delivering": steady(0.1)},
    "Age of the oldest waiting message by receiver": {ON_CALL: age},
    "Time since the last delivery by receiver": {ON_CALL: since_delivery, MAIL: steady(10, swing=0.5)},
    "Time since the last drill by receiver": {
        ON_CALL: lambda minute: 7200 + MINUTE * minute,
        MAIL: lambda minute: 3600 + MINUTE * minute,
    },
    "Active notifications by phase": {"Sending": waiting, "Pending": steady(0.2)},
    "Work queue": {
        "queued": steady(0.3, swing=0.5),
        "reconciling": steady(0.5, swing=0.5),
        "delayed": waiting,
        "attempts in flight": steady(1, swing=0.5),
    },
    "Age of the oldest queued notification": {"oldest": steady(0.03, swing=0.5)},
    "Active shards by pod": {POD: lambda _: 1},
    "Status write conflicts and errors": {
        "conflicts/s": lambda _: 0,
        "errors/s": lambda _: 0,
        "unrecorded attempts": lambda _: 0,
    },
    "Audit events": {
        "written": lambda minute: delivered(minute) + refused(minute) + steady(0.1)(minute),
        "dropped": lambda _: 0,
    },
    "Reconciliation duration (p50, p95, p99)": {
        "p50": steady(0.01),
        "p95": steady(0.03),
        "p99": steady(0.06),
    },
    "Resident memory by pod": {POD: lambda minute: 74e6 + 10e3 * waiting(minute)},
}
"""The curves of each panel by their legends."""


def picture() -> str:
    """Return the dashboard of a stack without the gateway as an SVG."""
    shown = panels(VIEWER)
    rows = math.ceil(len(shown) / COLUMNS)
    return FRAME.format(
        width=MARGIN + COLUMNS * (WIDTH + MARGIN),
        height=MARGIN + rows * (HEIGHT + MARGIN),
        panels="".join(_panel(number, panel) for number, panel in enumerate(shown)),
    )


def _panel(number: int, panel: Panel) -> str:
    row, column = divmod(number, COLUMNS)
    curves = CURVES[panel.title]
    colors = dict(zip(curves, COLORS, strict=False))
    highest = max(curve(minute) for curve in curves.values() for minute in MINUTES) or 1
    return PANEL.format(
        x=MARGIN + column * (WIDTH + MARGIN),
        y=MARGIN + row * (HEIGHT + MARGIN),
        width=WIDTH,
        height=HEIGHT,
        title=escape(panel.title),
        left=LEFT,
        right=WIDTH - MARGIN,
        top=TOP,
        bottom=HEIGHT - BOTTOM,
        label=LEFT - 6,
        highest=FORMATS[panel.unit](highest),
        legends_at=HEIGHT - 12,
        curves="\n".join(
            CURVE.format(points=_points(curve, highest), color=colors[legend])
            for legend, curve in curves.items()
        ),
        legends="".join(
            LEGEND.format(space=12 if position else 0, color=color, text=escape(legend))
            for position, (legend, color) in enumerate(colors.items())
        ),
    )


def _points(curve: Curve, highest: float) -> str:
    wide, high = WIDTH - MARGIN - LEFT, HEIGHT - BOTTOM - TOP
    return " ".join(
        f"{LEFT + wide * minute / MINUTES[-1]:.0f},{TOP + high * (1 - curve(minute) / highest):.0f}"
        for minute in MINUTES
    )
