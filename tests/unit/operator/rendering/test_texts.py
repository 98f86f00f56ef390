"""Texts within the limits of services: segments of text messages, parts of long texts, mentions."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notification_contract.kinds.choices import BodyFormat
from notification_domain.rendering.headline import resolved_after
from notification_domain.rendering.markup.plain import PlainRenderer
from notification_domain.rendering.mentions import neutralize
from notification_domain.rendering.pieces import limited
from notification_domain.rendering.segments import count, fit, is_gsm

ENDING = "\nfrom shop/order-1"


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("", 1),
        ("x" * 160, 1),
        ("x" * 161, 2),
        ("x" * 306, 2),
        ("x" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        (
            "x" * 152 + "€" + "x" * 152,
            3,
        ),  # the sign that takes two places does not fit into the first segment
        ("ж" * 70, 1),
        ("ж" * 71, 2),
        ("ж" * 134, 2),
        ("ж" * 135, 3),
        ("📦" * 35, 1),
        ("📦" * 36, 2),
        ("📦" * 66, 2),
        ("📦" * 67, 3),  # 33 in each segment of 67 units
    ],
)
def test_segments_are_counted_as_the_network_does(text: str, segments: int) -> None:
    assert count(text) == segments


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("Disk full", "Disk full"),
        ("“Disk” — full…", '"Disk" - full...'),
        ("Диск “полон”", "Диск “полон”"),
    ],
)
def test_short_text_is_complete(text: str, result: str) -> None:
    assert fit(text, ending=ENDING, segments=3) == result + ENDING


@given(st.text(max_size=2000), st.sampled_from([ENDING, "\nfrom " + "n" * 63 + "/" + "x" * 253]))
def test_text_fits_and_keeps_its_ending(text: str, ending: str) -> None:
    result = fit(text, ending=ending, segments=3)
    assert count(result) <= 3
    assert result.endswith(ending)


@pytest.mark.parametrize("character", ["x", "ж", "📦", "€"])
def test_long_text_is_shortened_no_more_than_needed(character: str) -> None:
    result = fit(character * 1000, ending=ENDING, segments=3)
    assert count(result) == 3
    longer = result.replace("...", character + "...")
    assert count(longer) > 3


def test_bullets_leave_a_list_in_the_gsm_alphabet() -> None:
    text = PlainRenderer().body("- node-1 is full\n- node-2 is full", BodyFormat.MARKDOWN)
    result = fit(text, ending=ENDING, segments=3)
    assert result == f"- node-1 is full\n- node-2 is full{ENDING}"
    assert is_gsm(result)


def test_gsm_alphabet_has_its_extension() -> None:
    assert is_gsm("Grüße, 5 € {a}~[b]^|\\ @£$¥\n")
    assert not is_gsm("`")


@given(st.text(max_size=500), st.lists(st.integers(40, 80), min_size=1, max_size=4))
def test_parts_are_within_their_limits_and_hold_the_text(text: str, sizes: list[int]) -> None:
    result = limited(text, sizes=sizes, cut="… cut")
    assert 1 <= len(result) <= len(sizes)
    lengths = [len(part.encode("utf-16-le", "surrogatepass")) // 2 for part in result]
    assert all(length <= size for length, size in zip(lengths, sizes, strict=False))
    if not result[-1].endswith("… cut") and "```" not in text:
        assert "".join(result) == text


def test_text_that_is_longer_than_all_parts_says_so() -> None:
    result = limited("word " * 100, sizes=(100, 100), cut="… cut")
    assert len(result) == 2
    assert result[0].endswith("word ")
    assert result[1].endswith("… cut")


def test_block_of_code_is_closed_and_opened_again_between_parts() -> None:
    first, second = limited("```\n" + "code\n" * 30 + "```", sizes=(100, 100), cut="…")
    assert first.count("```") == 2
    assert second.startswith("```")
    assert second.count("```") % 2 == 0


@pytest.mark.parametrize(
    "text", ["@channel", "x@here", "(@all)", "@EVERYONE!", "@oncall", "<!here>", "<@U1>", "<#C1>", "<@&1>"]
)
def test_mention_is_interrupted(text: str) -> None:
    assert "\N{ZERO WIDTH SPACE}" in neutralize(text)


@pytest.mark.parametrize("text", ["a@b.example", "at @ noon", "x < y", "@", "<b>", "mail@allianz.example"])
def test_text_without_mention_stays(text: str) -> None:
    assert neutralize(text) == text


@pytest.mark.parametrize(
    ("lasted", "text"),
    [
        (timedelta(seconds=-3), "0 s"),
        (timedelta(seconds=59.9), "59 s"),
        (timedelta(minutes=12, seconds=59), "12 min"),
        (timedelta(hours=3, minutes=5), "3 h 5 min"),
        (timedelta(days=2, hours=4, minutes=50), "2 d 4 h"),
    ],
)
def test_resolve_says_how_long_the_incident_lasted(lasted: timedelta, text: str) -> None:
    assert resolved_after(lasted) == f"resolved after {text}"
