"""The palettes can be read by eyes that are not the best, and everything follows them."""

from __future__ import annotations

import re

import pytest
from PyQt6.QtCore import QSize
from PyQt6.QtGui import QColor, QIcon, QPalette
from PyQt6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QDialog,
    QLabel,
    QPushButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from ui import theme as module
from ui.theme import DARK, ICON_NAMES, LIGHT, Theme, apply_theme, current_theme, dress, icon

BOTH = pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio of two colours: 1 to 21."""

    def luminance(color: str) -> float:
        made = QColor(color)
        parts = (
            value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
            for value in (made.redF(), made.greenF(), made.blueF())
        )
        return sum(w * part for w, part in zip((0.2126, 0.7152, 0.0722), parts, strict=True))

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@BOTH
def test_text_stands_out_on_every_ground(theme: Theme) -> None:
    for ground in (theme.window, theme.panel, theme.raised, theme.field):
        assert contrast(theme.text, ground) >= 7.0
        for color in (theme.text_dim, theme.error, theme.warning, theme.good):
            assert contrast(color, ground) >= 4.5, (color, ground)
    assert contrast(theme.accent_text, theme.accent_strong) >= 4.5
    assert contrast(theme.accent, theme.panel) >= 4.5  # it is written in too


@BOTH
def test_what_is_drawn_stands_out(theme: Theme) -> None:
    for color in (theme.accent, theme.wave, theme.seam, *theme.series):
        for ground in (theme.window, theme.panel):
            assert contrast(color, ground) >= 3.0, (color, ground)
    # What is heard differs from what is not by more than its hue.
    assert contrast(theme.wave, theme.wave_peak) > 1.3
    assert contrast(theme.accent, theme.accent_peak) > 1.3


def test_applied_everywhere(qapp: QApplication, qtbot: QtBot) -> None:
    window = QWidget()
    dialog = QDialog(window)
    qtbot.addWidget(window)
    dress(window)
    button = QPushButton(dialog)
    button.ensurePolished()
    for theme in (LIGHT, DARK):
        apply_theme(qapp, theme)
        assert current_theme() is theme
        role = QPalette.ColorRole.WindowText
        assert QLabel().palette().color(role) == QColor(theme.text)
        assert window.styleSheet().count(theme.accent) > 5
        ground = button.grab().toImage().pixelColor(button.width() // 2, 5)
        assert ground == QColor(theme.raised)  # by the sheet of what it is in


def test_a_sheet_is_the_windows_and_not_the_applications(qapp: QApplication) -> None:
    apply_theme(qapp, DARK)
    assert not qapp.styleSheet()  # which Qt takes long to change
    apply_theme(qapp, LIGHT)
    style = qapp.style()
    assert style is not None
    before = style
    apply_theme(qapp, DARK)
    assert qapp.style() is before


@BOTH
def test_the_sheet_is_whole(theme: Theme) -> None:
    sheet = module._sheet(theme)
    assert sheet.count("{") == sheet.count("}")
    assert set(re.findall(r"#[0-9a-f]{6}", sheet)) <= set(vars(theme).values()) - {theme.series}


@pytest.mark.parametrize("name", sorted(ICON_NAMES))
def test_every_icon_is_there(qapp: QApplication, name: str) -> None:
    apply_theme(qapp, DARK)
    image = icon(name).pixmap(32, 32).toImage()
    inked = [
        image.pixelColor(x, y)
        for x in range(image.width())
        for y in range(image.height())
        if image.pixelColor(x, y).alpha() > 200
    ]
    assert len(inked) > 8
    assert all(alike(color, DARK.text) for color in inked)


def alike(color: QColor, expected: str) -> bool:
    """But for the rounding of what is half transparent."""
    wanted = QColor(expected)
    return all(
        abs(one - other) <= 2
        for one, other in zip(color.getRgb()[:3], wanted.getRgb()[:3], strict=True)
    )


def test_icons_follow_the_theme(qapp: QApplication) -> None:
    apply_theme(qapp, DARK)
    stop = icon("stop")
    apply_theme(qapp, LIGHT)
    image = stop.pixmap(32, 32).toImage()
    assert image.pixelColor(16, 16).name() == LIGHT.text
    red = icon("stop", "#ff0000").pixmap(32, 32).toImage()
    assert red.pixelColor(16, 16).name() == "#ff0000"


def test_icons_tell_what_is_on_and_what_is_off(qapp: QApplication) -> None:
    apply_theme(qapp, DARK)
    size = QSize(32, 32)
    for mode, state, color in (
        (QIcon.Mode.Normal, QIcon.State.On, DARK.accent),
        (QIcon.Mode.Disabled, QIcon.State.Off, DARK.text_off),
        (QIcon.Mode.Selected, QIcon.State.Off, DARK.accent_text),
    ):
        image = icon("stop").pixmap(size, mode, state).toImage()
        assert image.pixelColor(16, 16).name() == color


def test_an_icon_without_a_meaning_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        icon("nonsense")


def test_small_text_keeps_to_the_system(qapp: QApplication) -> None:
    font = qapp.font()
    small = module.small_font(font)
    assert small.family() == font.family()
    assert small.pointSizeF() == pytest.approx(font.pointSizeF() * 6 / 7)
    font.setPixelSize(21)
    assert module.small_font(font).pixelSize() == 18


@BOTH
def test_what_opens_and_what_is_on_shows_it(qapp: QApplication, theme: Theme) -> None:
    apply_theme(qapp, theme)
    combo, check = QComboBox(), QCheckBox()
    check.setChecked(True)
    for widget, ground in ((combo, theme.raised), (check, theme.accent_strong)):
        dress(widget)
        widget.resize(120 if widget is combo else 20, 28)
        image = widget.grab().toImage()
        size = image.size()
        left = size.width() - 20 if widget is combo else 4
        colors = {
            image.pixelColor(x, y).name()
            for x in range(left, left + 12)
            for y in range(size.height() // 2 - 4, size.height() // 2 + 4)
        }
        assert QColor(ground).name() in colors
        assert max(contrast(color, ground) for color in colors) >= 3.0


def test_a_theme_is_changed_in_steps(qapp: QApplication, qtbot: QtBot) -> None:
    apply_theme(qapp, DARK)
    parts = [QWidget(), QWidget()]
    for part in parts:
        qtbot.addWidget(part)
    dress(*parts)
    steps = module.theme_steps(qapp, LIGHT)
    changed = set()
    for _ in steps:
        now = [LIGHT.accent in part.styleSheet() for part in parts]
        changed.add(sum(now))
    assert changed >= {0, 1}  # one after the other
    assert all(LIGHT.accent in part.styleSheet() for part in parts)
