"""Every control of the window and of its dialogs has a name for those who do not see it.

`test_screen_reader.py` asks the same of the running program; this is the quick half.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QScrollBar,
    QWidget,
)
from pytestqt.qtbot import QtBot
from ui_parts import sound

from jukebox_studio.bundle import Found, open_bundle
from jukebox_studio.licences import OPENAI_JUKEBOX
from ui.preset_menu import SavePresetDialog
from ui.window import MainWindow

CONTROLS = (
    QAbstractButton, QAbstractItemView, QAbstractSlider, QAbstractSpinBox, QComboBox, QLineEdit,
    QPlainTextEdit,
)  # fmt: skip


def nameless(root: QWidget) -> list[QWidget]:
    """Controls, hidden ones too, that a screen reader cannot name. A tip names nothing."""
    labelled = {label.buddy() for label in root.findChildren(QLabel)}
    for form in root.findChildren(QFormLayout):
        for row in range(form.rowCount()):
            field = form.itemAt(row, QFormLayout.ItemRole.FieldRole)
            label = form.itemAt(row, QFormLayout.ItemRole.LabelRole)
            if field is not None and label is not None:
                text = label.widget().text() if isinstance(label.widget(), QLabel) else ""
                labelled |= {field.widget()} if text else set()
    found = []
    for kind in CONTROLS:
        for widget in root.findChildren(kind):
            inner = isinstance(widget.parent(), QAbstractSpinBox | QComboBox)
            unreachable = widget.focusPolicy() == Qt.FocusPolicy.NoFocus
            of_qt = widget.objectName().startswith("qt_") or isinstance(widget, QScrollBar)
            popup = widget.window().windowType() == Qt.WindowType.Popup
            if inner or of_qt or popup or (unreachable and not isinstance(widget, QAbstractButton)):
                continue
            text = widget.text() if isinstance(widget, QAbstractButton) else ""
            if not (widget.accessibleName() or text or widget in labelled):
                found.append(widget)
    return found


def test_of_the_window(window: MainWindow, tmp_path: Path, qtbot: QtBot) -> None:
    window.add_files([sound(tmp_path / "beat 120bpm.wav")])
    qtbot.waitUntil(lambda: window.clip_id is not None, timeout=20_000)
    assert nameless(window) == []
    assert all(isinstance(action, QAction) and action.text() for action in window.actions())
    window.transport.play.setAccessibleName("")
    assert nameless(window) == [window.transport.play]


def show_settings(window: MainWindow) -> QWidget | None:
    window.pages.show_settings()
    return window.pages.settings


def show_keys(window: MainWindow) -> QWidget | None:
    window.pages.show_keys()
    return window.pages.keys


def show_tour(window: MainWindow) -> QWidget | None:
    window.pages.show_tour()
    return window.pages.tour


def show_save_preset(window: MainWindow) -> QWidget | None:
    dialog = SavePresetDialog(["taken"], window)
    dialog.open()
    return dialog


@pytest.mark.parametrize("show", [show_settings, show_keys, show_tour, show_save_preset])
def test_of_every_dialog(
    window: MainWindow, show: Callable[[MainWindow], QWidget | None], qtbot: QtBot
) -> None:
    shown = show(window)
    assert shown is not None
    assert nameless(shown) == []
    qtbot.waitUntil(lambda: shown.isAncestorOf(QApplication.focusWidget()), timeout=20_000)
    shown.close()


def test_of_the_models_page(window: MainWindow, tiny_bundle: Path) -> None:
    bundle = open_bundle(tiny_bundle)
    manifest = bundle.manifest.model_copy(update={"licence": OPENAI_JUKEBOX})
    window.models = [Found("tiny", tiny_bundle, type(bundle)(tiny_bundle, manifest))]
    window.pages.show_models()
    page = window.pages.models
    assert page is not None
    assert page.accept_box is not None
    assert nameless(page) == []
    page.close()
