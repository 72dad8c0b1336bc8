"""Sentences above the waveforms."""

from __future__ import annotations

from PyQt6.QtGui import QColor
from PyQt6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from ui.messages import MessageBar
from ui.theme import DARK, LIGHT, apply_theme, dress


def test_a_sign_that_is_seen_follows_the_theme(qapp: QApplication, qtbot: QtBot) -> None:
    apply_theme(qapp, DARK)
    bar = MessageBar()
    qtbot.addWidget(bar)
    dress(bar)
    bar.say("No room.", "error")
    bar.show()
    [message] = bar.messages

    def color() -> QColor:
        image = message.sign.pixmap().toImage()
        pixels = [image.pixelColor(x, y) for x in range(16) for y in range(16)]
        return max(pixels, key=QColor.alpha)

    assert alike(color(), DARK.error)
    apply_theme(qapp, LIGHT)
    assert alike(color(), LIGHT.error)


def alike(color: QColor, wanted: str) -> bool:
    """But for what is left of a colour where it does not cover a pixel."""
    pairs = zip(color.getRgb()[:3], QColor(wanted).getRgb()[:3], strict=True)
    return all(abs(one - other) < 8 for one, other in pairs)
