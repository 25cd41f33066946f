"""Text on primary buttons is legible in both themes: WCAG 2.2, success criterion 1.4.3."""

import tomllib
from pathlib import Path

import pytest

from customstudio import leaderboard
from customstudio.leaderboard import buttons, shell
from customstudio.leaderboard.votes import screen

AA = 4.5


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2.2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """From 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize(
    ("theme", "text"), [("light", buttons.ON_LIGHT), ("dark", buttons.ON_DARK)]
)
def test_text_on_primary_buttons_is_legible(theme: str, text: str) -> None:
    config = Path(str(leaderboard.__file__)).with_name(".streamlit") / "config.toml"
    colour = tomllib.loads(config.read_text())["theme"][theme]["primaryColor"]
    assert contrast(text, colour) >= AA


def test_both_apps_have_the_style() -> None:
    assert buttons.STYLE in shell.LOOK
    assert buttons.STYLE in screen._LOOK
