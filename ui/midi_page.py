"""Which notes and controllers do what: a page of the settings, with a way to learn them."""

from __future__ import annotations

from PyQt6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication, Qt
from PyQt6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from bridge.midi_map import Action
from ui.daw_link import DawLink
from ui.panel_controls import describe, quiet_label
from ui.theme import GRID_PX
from ui.words import control_said

_NAMES = {
    Action.GENERATE: QT_TRANSLATE_NOOP("MidiPage", "Generate"),
    Action.CANCEL: QT_TRANSLATE_NOOP("MidiPage", "Cancel what renders"),
    Action.NEXT: QT_TRANSLATE_NOOP("MidiPage", "Next variant"),
    Action.PREVIOUS: QT_TRANSLATE_NOOP("MidiPage", "Previous variant"),
    Action.AUDITION_PLAY: QT_TRANSLATE_NOOP("MidiPage", "Play"),
    Action.AUDITION_STOP: QT_TRANSLATE_NOOP("MidiPage", "Stop"),
    Action.RATE: QT_TRANSLATE_NOOP("MidiPage", "Rate, 0 to 5 stars"),
    Action.BLEND: QT_TRANSLATE_NOOP("MidiPage", "Blend of two artists"),
    Action.KEEP: QT_TRANSLATE_NOOP("MidiPage", "Keep"),
}
_CHOOSE = QT_TRANSLATE_NOOP("MidiPage", "Hear variant {n}")


def action_name(action: Action) -> str:
    """What an action does, in the reader's language."""
    text = QCoreApplication.translate("MidiPage", _NAMES.get(action, _CHOOSE))
    return text.format(n=action.value.rsplit("-", 1)[-1])


class MidiPage(QWidget):
    """Shows the map of a `DawLink`, and has it learn and forget."""

    def __init__(self, daw: DawLink, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._daw = daw
        column = QVBoxLayout(self)
        column.setContentsMargins(2 * GRID_PX, 4 * GRID_PX, 2 * GRID_PX, 2 * GRID_PX)
        column.setSpacing(2 * GRID_PX)
        self.tree = QTreeWidget()
        self.tree.setRootIsDecorated(False)
        self.tree.setUniformRowHeights(True)
        self.tree.setHeaderLabels([self.tr("What is done"), self.tr("Note or controller")])
        describe(
            self.tree,
            self.tr("What notes and controllers do"),
            self.tr("Choose a line, press Learn, then play the note or move the controller"),
        )
        header = self.tree.header()
        assert header is not None
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        for action in Action:
            item = QTreeWidgetItem([action_name(action), ""])
            item.setData(0, Qt.ItemDataRole.UserRole, action)
            self.tree.addTopLevelItem(item)
        self.tree.setCurrentItem(self.tree.topLevelItem(0))
        column.addWidget(self.tree, 1)
        self.sentence = quiet_label()
        column.addWidget(self.sentence)
        row = QHBoxLayout()
        self.learn = QPushButton(self.tr("&Learn"))
        self.learn.setCheckable(True)
        self.forget = QPushButton(self.tr("&Forget"))
        for button in (self.learn, self.forget):
            button.setAutoDefault(False)  # Return in the list learns
            row.addWidget(button)
        row.addStretch(1)
        column.addLayout(row)
        self.learn.clicked.connect(lambda on: daw.learn(self.current if on else None))
        self.forget.clicked.connect(lambda: daw.forget(self.current))
        self.tree.itemActivated.connect(lambda *_: daw.learn(self.current))
        self.tree.currentItemChanged.connect(lambda *_: self._turned())
        daw.midi_map_changed.connect(self.refresh)
        daw.peers_changed.connect(self.refresh)
        self.refresh()

    @property
    def current(self) -> Action:
        item = self.tree.currentItem()
        assert item is not None
        return Action(item.data(0, Qt.ItemDataRole.UserRole))

    def _turned(self) -> None:
        """Who goes to another line means that one."""
        if self._daw.control.learning is not None:
            self._daw.learn(self.current)
        self.refresh()

    def refresh(self) -> None:
        """What the map is now, and whether something is waited for."""
        control = self._daw.control
        learning = control.learning
        bound: dict[Action, list[str]] = {}
        for binding in control.map.bindings:
            bound.setdefault(binding.action, []).append(control_said(binding.control))
        for row in range(self.tree.topLevelItemCount()):
            item = self.tree.topLevelItem(row)
            assert item is not None
            action = Action(item.data(0, Qt.ItemDataRole.UserRole))
            waits = self.tr("waiting …") if action == learning else ""
            item.setText(1, waits or "; ".join(bound.get(action, ())))
        self.learn.setChecked(learning is not None)
        self.forget.setEnabled(self.current in bound)
        self.sentence.setText(self._said(learning))

    def _said(self, learning: Action | None) -> str:
        if not self._daw.listens_to_midi:
            return self.tr("MIDI is off; turn it on under DAW and MIDI.")
        if not self._daw.midi_names:
            return self._daw.midi_sentence or self.tr("Looking for MIDI inputs …")
        if learning is None:
            return self.tr("Choose a line, press Learn, and move what is to do it.")
        return self.tr("Play a note or move a controller for: {what}.").format(
            what=action_name(learning)
        )
