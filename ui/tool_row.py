"""The row above the waveforms: undo, what is worked on, snap, pre-roll and zoom."""

from __future__ import annotations

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QWidget

from ui.panel_controls import ElidedLabel, WholeComboBox, describe
from ui.shortcuts import Shortcuts, command_button
from ui.theme import GRID_PX
from ui.timeline_grid import Snap

PRE_ROLLS_BARS = (0, 1, 2, 4)


class ToolRow(QWidget):
    snap_chosen = pyqtSignal(object)
    """A `Snap`."""
    pre_roll_chosen = pyqtSignal()

    def __init__(self, shortcuts: Shortcuts, snap: str) -> None:
        """snap: what is chosen at first, the value of a `Snap`."""
        super().__init__()
        self.setAutoFillBackground(True)
        line = QHBoxLayout(self)
        line.setContentsMargins(2 * GRID_PX, GRID_PX, 2 * GRID_PX, GRID_PX)
        line.setSpacing(GRID_PX)
        self.undo = command_button(shortcuts, "undo", "undo")
        self.redo = command_button(shortcuts, "redo", "redo")
        line.addWidget(self.undo)
        line.addWidget(self.redo)
        self.working_on = ElidedLabel()
        self.working_on.setProperty("role", "dim")
        self.working_on.setContentsMargins(2 * GRID_PX, 0, 0, 0)
        line.addWidget(self.working_on, 1)
        self.snap = WholeComboBox()
        for text, kind in (
            (self.tr("No snap"), Snap.OFF),
            (self.tr("Snap to beats"), Snap.BEAT),
            (self.tr("Snap to bars"), Snap.BAR),
        ):
            self.snap.addItem(text, kind.value)
        describe(self.snap, self.tr("Snap"), self.tr("What the ends of a selection snap to"))
        self.snap.setCurrentIndex(max(0, self.snap.findData(snap)))
        self.snap.activated.connect(lambda _: self.snap_chosen.emit(self.chosen_snap()))
        self.pre_roll = WholeComboBox()
        for bars in PRE_ROLLS_BARS:
            if bars == 0:
                text = self.tr("No pre-roll")
            elif bars == 1:
                text = self.tr("Pre-roll 1 bar")
            else:
                text = self.tr("Pre-roll %n bars", "", bars)
            self.pre_roll.addItem(text, bars)
        describe(self.pre_roll, self.tr("Pre-roll"), self.tr("What is played before a selection"))
        self.pre_roll.activated.connect(lambda _: self.pre_roll_chosen.emit())
        line.addWidget(self.snap)
        line.addWidget(self.pre_roll)
        for id in ("zoom-out", "zoom-fit", "zoom-in"):
            line.addWidget(command_button(shortcuts, id, id))

    def chosen_snap(self) -> Snap:
        return Snap(self.snap.currentData())

    def pre_roll_bars(self) -> int:
        return int(self.pre_roll.currentData())
