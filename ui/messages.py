"""What people are told, where they look: a bar above the waveforms, with what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from PyQt6 import sip
from PyQt6.QtCore import QEvent, QSize, Qt, QTimer, pyqtSignal
from PyQt6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ui.theme import GRID_PX, current_theme, icon

Kind = Literal["told", "warning", "error"]
TOLD_MILLISECONDS = 7_000
MOST_MESSAGES = 3


class Message(QFrame):
    """One sentence, perhaps with a button; closed by hand, or by itself where it is only told."""

    closed = pyqtSignal(object)

    def __init__(
        self,
        text: str,
        kind: Kind,
        action: tuple[str, Callable[[], object]] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.text, self.kind = text, kind
        self.setObjectName("message")
        self.setProperty("kind", kind)
        self.setAccessibleName(text)
        row = QHBoxLayout(self)
        row.setContentsMargins(3 * GRID_PX, GRID_PX, GRID_PX, GRID_PX)
        row.setSpacing(2 * GRID_PX)
        self.sign = QLabel()
        self._show_sign()
        row.addWidget(self.sign)
        self.label = QLabel(text)
        self.label.setWordWrap(True)
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        row.addWidget(self.label, 1)
        self.button: QPushButton | None = None
        if action is not None:
            name, act = action
            self.button = QPushButton(name)
            self._act = act
            self.button.clicked.connect(self._acted)
            row.addWidget(self.button)
        close = QToolButton()
        close.setAutoRaise(True)
        close.setIcon(icon("close"))
        close.setToolTip(self.tr("Close"))
        close.setAccessibleName(self.tr("Close this message"))
        close.clicked.connect(self._closing)
        row.addWidget(close)

    def _show_sign(self) -> None:
        theme, kind = current_theme(), self.kind
        color = {"told": theme.accent, "warning": theme.warning, "error": theme.error}[kind]
        picture = icon("info" if kind == "told" else kind, color)
        self.sign.setPixmap(picture.pixmap(QSize(16, 16)))

    def changeEvent(self, event: QEvent | None) -> None:
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.StyleChange:
            self._show_sign()

    def _acted(self) -> None:
        self._act()
        self._closing()

    def _closing(self) -> None:
        self.closed.emit(self)


class MessageBar(QWidget):
    """The newest messages, the newest on top. What went wrong stays until it is closed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Messages"))
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(GRID_PX)
        # One for all, in this object: a timer must not end with what its own tick closes.
        self._told_timer = QTimer(self)
        self._told_timer.setSingleShot(True)
        self._told_timer.timeout.connect(self._close_told)
        self._spoken: tuple[QWidget, str, str] | None = None
        self._spoken_timer = QTimer(self)
        self._spoken_timer.setSingleShot(True)
        self._spoken_timer.timeout.connect(self._end_speaking)
        self.setVisible(False)

    @property
    def messages(self) -> list[Message]:
        found = [self._column.itemAt(i) for i in range(self._column.count())]
        return [w for item in found if item and isinstance(w := item.widget(), Message)]

    def say(
        self, text: str, kind: Kind = "told", action: tuple[str, Callable[[], object]] | None = None
    ) -> None:
        """Show a sentence. The same one again moves to the top."""
        for shown in self.messages:
            # What is only told gives way to whatever comes next.
            if shown.text == text or shown.kind == "told":
                self._close(shown)
        message = Message(text, kind, action, self)
        message.closed.connect(self._close)
        self._column.insertWidget(0, message)
        for old in self.messages[MOST_MESSAGES:]:
            self._close(old)
        if kind == "told":
            self._told_timer.start(TOLD_MILLISECONDS)
        self.setVisible(True)
        self._speak(text)

    def _speak(self, text: str) -> None:
        """Have screen readers say it: they speak a new description of what has the focus.

        Qt has announcements for this (6.8), but PyQt6 has no QAccessible.
        """
        self._end_speaking()
        focused = QApplication.focusWidget()
        if focused is not None:
            self._spoken = focused, text, focused.accessibleDescription()
            focused.setAccessibleDescription(text)
            self._spoken_timer.start(TOLD_MILLISECONDS)

    def _end_speaking(self) -> None:
        spoken, self._spoken = self._spoken, None
        if spoken is None:
            return
        widget, text, before = spoken
        if not sip.isdeleted(widget) and widget.accessibleDescription() == text:
            widget.setAccessibleDescription(before)

    def _close_told(self) -> None:
        for message in self.messages:
            if message.kind == "told":
                self._close(message)

    def forget(self, text: str) -> None:
        """Close what says this, since it does not hold any more."""
        for message in self.messages:
            if message.text == text:
                self._close(message)

    def clear(self) -> None:
        for message in self.messages:
            self._close(message)

    def _close(self, message: Message) -> None:
        if self._column.indexOf(message) < 0:
            return
        self._column.removeWidget(message)
        message.hide()
        message.deleteLater()
        self.setVisible(bool(self.messages))
