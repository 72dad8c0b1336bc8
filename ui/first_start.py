"""Where projects are, the demo clip of the first one, and a short tour of the window."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import platformdirs
from PyQt6.QtCore import QEvent, QObject, QPoint, QRect, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QKeyEvent, QPainter, QPaintEvent
from PyQt6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from jukebox_studio.presets import presets_folder
from jukebox_studio.session_schema import DATABASE
from ui.theme import GRID_PX, current_theme, dress

PROJECTS_FOLDER = "Jukebox Studio Projects"
FIRST_PROJECT = "My first song"


def projects_folder(named: str = "") -> Path:
    """Where new projects go: what the settings name, or a folder among the documents."""
    return Path(named) if named else platformdirs.user_documents_path() / PROJECTS_FOLDER


def is_project(folder: Path) -> bool:
    return (folder / DATABASE).is_file()


def unused(folder: Path) -> Path:
    """`folder`, or with a number where there is something already."""
    number, free = 2, folder
    while free.exists():
        free = folder.with_name(f"{folder.name} {number}")
        number += 1
    return free


def demo_clip() -> Path:
    """The clip that ships. Raises JukeboxError where the program is not whole."""
    return presets_folder() / "demo" / "industrial-120bpm.flac"


class Tour(QWidget):
    """A few words on each part of the window, the part in the light and the rest in the shade.

    Return or a click goes on, Escape ends it.
    """

    ended = pyqtSignal()

    def __init__(self, window: QWidget, steps: Sequence[tuple[QWidget, str, str]]) -> None:
        """steps: a part of the window, a heading, a text."""
        super().__init__(window)
        self._steps = list(steps)
        self.step = 0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Tour"))
        self.card = QFrame(self)
        self.card.setObjectName("card")
        dress(self.card)
        column = QVBoxLayout(self.card)
        column.setContentsMargins(4 * GRID_PX, 3 * GRID_PX, 4 * GRID_PX, 3 * GRID_PX)
        column.setSpacing(2 * GRID_PX)
        self.heading = QLabel()
        self.heading.setProperty("role", "title")
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.count = QLabel()
        self.count.setProperty("role", "dim")
        self.skip = QPushButton(self.tr("End the tour"))
        self.skip.clicked.connect(self.end)
        self.next = QPushButton()
        self.next.setProperty("primary", True)
        self.next.clicked.connect(self.go_on)
        row = QHBoxLayout()
        row.addWidget(self.count, 1)
        row.addWidget(self.skip)
        row.addWidget(self.next)
        column.addWidget(self.heading)
        column.addWidget(self.text)
        column.addLayout(row)
        self.card.setFixedWidth(320)
        window.installEventFilter(self)
        self.setGeometry(window.rect())
        self._show_step()
        self.show()
        self.raise_()
        self.next.setFocus()

    def go_on(self) -> None:
        self.step += 1
        if self.step >= len(self._steps):
            self.end()
        else:
            self._show_step()

    def end(self) -> None:
        if window := self.parentWidget():
            window.removeEventFilter(self)
        self.hide()
        self.deleteLater()
        self.ended.emit()

    def _lit(self) -> QRect:
        part = self._steps[min(self.step, len(self._steps) - 1)][0]
        window = self.parentWidget()
        assert window is not None
        return QRect(part.mapTo(window, QPoint(0, 0)), part.size())

    def _show_step(self) -> None:
        _, heading, text = self._steps[self.step]
        self.heading.setText(heading)
        self.text.setText(text)
        total = len(self._steps)
        self.count.setText(self.tr("{n} of {total}").format(n=self.step + 1, total=total))
        self.next.setText(self.tr("Next") if self.step + 1 < total else self.tr("Done"))
        self.skip.setVisible(self.step + 1 < total)
        self._place_card()
        self.update()

    def _place_card(self) -> None:
        self.card.adjustSize()
        lit, size = self._lit(), self.card.size()
        gap = 3 * GRID_PX
        if lit.width() < self.width() / 2:  # a column: beside it
            left = lit.right() + gap
            if left + size.width() > self.width():
                left = lit.left() - gap - size.width()
            top = lit.top() + gap
        else:  # a row: above or below
            left = lit.center().x() - size.width() // 2
            top = lit.top() - gap - size.height()
            if top < 0:
                top = lit.center().y() - size.height() // 2
        left = max(gap, min(left, self.width() - size.width() - gap))
        top = max(gap, min(top, self.height() - size.height() - gap))
        self.card.move(left, top)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        painter = QPainter(self)
        lit = self._lit()
        shade = QColor(0, 0, 0, 150)
        for area in (
            QRect(0, 0, self.width(), lit.top()),
            QRect(0, lit.bottom() + 1, self.width(), self.height() - lit.bottom() - 1),
            QRect(0, lit.top(), lit.left(), lit.height()),
            QRect(lit.right() + 1, lit.top(), self.width() - lit.right() - 1, lit.height()),
        ):
            painter.fillRect(area, shade)
        painter.setPen(QColor(current_theme().accent))
        painter.drawRect(lit.adjusted(0, 0, -1, -1))

    def mousePressEvent(self, event: object) -> None:
        self.go_on()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        if event is not None and event.key() == Qt.Key.Key_Escape:
            self.end()
        else:
            super().keyPressEvent(event)  # and on to the window, which presses what has the focus

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event is not None and event.type() == QEvent.Type.Resize:
            window = self.parentWidget()
            assert window is not None
            self.setGeometry(window.rect())
            self._place_card()
        return False
