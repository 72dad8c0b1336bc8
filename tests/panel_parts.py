"""What the tests of the request panel share."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QScrollBar,
    QTextEdit,
    QWidget,
)

from jukebox_studio.clip import Clip
from jukebox_studio.licences import CC_BY_SA_4
from jukebox_studio.tempo import SongTime
from ui.draft import ModelSummary

RATE_HZ = 48_000
CONTROLS = (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QTextEdit,
)


def a_clip(lyrics: str = "", name: str = "Chorus", path: str = "/music/a clip.wav") -> Clip:
    """Four bars of 2 s from bar 3 on."""
    return Clip(
        Path(path),
        0,
        8 * RATE_HZ,
        RATE_HZ,
        SongTime.steady(120),
        RATE_HZ,
        position_samples=4 * RATE_HZ,
        name=name,
        lyrics=lyrics,
    )


def a_model(name: str = "tiny", *, sings: bool = True, artists: int = 6) -> ModelSummary:
    return ModelSummary(
        name=name,
        folder=Path("/models") / name,
        licence=CC_BY_SA_4,
        levels=2,
        artists=("ada", "bo_diddle", "cy", "dee", "eve", "fay")[:artists],
        genres=("hum", "rock"),
        version="v2",
        lyric_tokens=40 if sings else 0,
        window_seconds=4.0,
        longest_seconds=600.0,
    )


def unnamed(root: QWidget) -> list[str]:
    """Controls of a widget that a screen reader could not name, or that have no tooltip."""
    found = []
    for control in root.findChildren(QWidget):
        if not isinstance(control, CONTROLS) or isinstance(control, QScrollBar):
            continue
        if control.window() is not root.window():
            continue  # the list of a closed combo box
        parent = control.parentWidget()
        if isinstance(parent, QAbstractSpinBox | QComboBox | QLineEdit | QAbstractItemView):
            continue  # a part of another control
        if control.objectName().startswith("qt_"):
            continue
        if not (control.accessibleName() and control.toolTip()):
            found.append(f"{type(control).__name__} {control.objectName()} {control.toolTip()}")
    return found
