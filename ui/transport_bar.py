"""The strip along the bottom: playing, what is heard, where, and how engine and DAW are."""

from __future__ import annotations

import math

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QFontDatabase
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QWidget

from jukebox_studio.tempo import SongTime
from ui.shared import SOURCE_LANE, Lane
from ui.theme import GRID_PX, current_theme, icon

MOST_LANE_BUTTONS = 10


class Status(QToolButton):
    """A small sign with a word; what it means in full is its tip, and a click leads to more."""

    def __init__(self, picture: str, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picture, self._name = picture, name
        self._said: tuple[str, ...] = ()
        self.setAutoRaise(True)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.say("", name)

    def say(self, word: str, sentence: str, kind: str = "dim", picture: str = "") -> None:
        """kind: "dim", "good", "warning" or "error"; picture: instead of its own."""
        theme = current_theme()
        said = (word, sentence, kind, picture, theme.name)
        if said == self._said:  # some are told twenty times a second
            return
        self._said = said
        color = {"good": theme.good, "warning": theme.warning, "error": theme.error}.get(kind)
        self.setIcon(icon(picture or self._picture, color or theme.text_dim))
        self.setText(word)
        self.setToolTip(sentence)
        self.setAccessibleName(f"{self._name}: {sentence}")


class TransportBar(QFrame):
    """Buttons and signs; `set_...` shows, signals tell what was pressed."""

    play_pressed = pyqtSignal()
    home_pressed = pyqtSignal()
    loop_toggled = pyqtSignal(bool)
    context_toggled = pyqtSignal(bool)
    matched_toggled = pyqtSignal(bool)
    lane_pressed = pyqtSignal(str)
    status_pressed = pyqtSignal(str)
    """"tempo", "midi", "daw", "engine" or "audio"."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._song = SongTime.steady(120)
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * GRID_PX, GRID_PX, 2 * GRID_PX, GRID_PX)
        row.setSpacing(GRID_PX)
        self.home = self._button("home", self.tr("Back to the start"))
        self.home.clicked.connect(self.home_pressed)
        self.play = self._button("play", self.tr("Play"))
        self.play.setFixedWidth(10 * GRID_PX)
        self.play.clicked.connect(self.play_pressed)
        self.loop = self._button("loop", self.tr("Loop the selection"), checkable=True)
        self.loop.toggled.connect(self.loop_toggled)
        for button in (self.home, self.play, self.loop):
            row.addWidget(button)
        self.place = QLabel()
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setPointSizeF(self.font().pointSizeF() * 1.2)
        self.place.setFont(font)
        self.place.setMinimumWidth(self.place.fontMetrics().horizontalAdvance("888.8.888  88:88.8"))
        self.place.setContentsMargins(2 * GRID_PX, 0, 2 * GRID_PX, 0)
        self.place.setAccessibleName(self.tr("Playhead"))
        row.addWidget(self.place)
        self.lane_row = QHBoxLayout()
        self.lane_row.setSpacing(2)
        row.addLayout(self.lane_row)
        self.lane_buttons: dict[str, QToolButton] = {}
        row.addSpacing(2 * GRID_PX)
        self.context = self._button("solo", self.tr("In context: hear the clip around"), True)
        self.context.toggled.connect(self.context_toggled)
        self.matched = self._button("loudness", self.tr("As loud as the clip"), True)
        self.matched.toggled.connect(self.matched_toggled)
        row.addWidget(self.context)
        row.addWidget(self.matched)
        row.addStretch(1)
        self.audio = Status("mute", self.tr("Audio"))
        self.tempo = Status("metronome", self.tr("Tempo"))
        self.midi = Status("midi", self.tr("MIDI"))
        self.daw = Status("daw", self.tr("DAW"))
        self.engine = Status("engine", self.tr("Engine"))
        for name, status in self.statuses.items():
            status.clicked.connect(lambda _, name=name: self.status_pressed.emit(name))
            row.addWidget(status)
        self.audio.setVisible(False)
        self.set_place(0.0)

    @property
    def statuses(self) -> dict[str, Status]:
        return {
            "audio": self.audio,
            "tempo": self.tempo,
            "midi": self.midi,
            "daw": self.daw,
            "engine": self.engine,
        }

    def _button(self, picture: str, name: str, checkable: bool = False) -> QToolButton:
        button = QToolButton()
        button.setIcon(icon(picture))
        button.setToolTip(name)
        button.setAccessibleName(name)
        button.setCheckable(checkable)
        return button

    def set_song(self, song: SongTime) -> None:
        self._song = song

    def set_place(self, seconds: float) -> None:
        """Bars and beats counted from 1, and minutes and seconds; as long at all times."""
        seconds = max(0.0, seconds)
        where = self._song.bar_beat_at(self._song.tempo.beat_at(seconds))
        # Cut, not rounded: 4.996 is not the fifth beat of a bar of four.
        hundredths = math.floor(float(where.beat) * 100 + 1e-3)
        minutes, tenths = divmod(math.floor(seconds * 10 + 1e-3), 600)
        beats = f"{where.bar}|{hundredths // 100}.{hundredths % 100:02}"
        self.place.setText(f"{beats:>9}  {minutes:>2}:{tenths // 10:02}.{tenths % 10}")

    def set_playing(self, playing: bool) -> None:
        name = self.tr("Stop") if playing else self.tr("Play")
        self.play.setIcon(icon("stop" if playing else "play"))
        self.play.setToolTip(name)
        self.play.setAccessibleName(name)

    def set_lanes(self, lanes: list[Lane], heard: str) -> None:
        """A button for the clip and one for each of the first variants."""
        shown = [lane for lane in lanes if not lane.hidden][:MOST_LANE_BUTTONS]
        if [lane.id for lane in shown] != list(self.lane_buttons):
            for button in self.lane_buttons.values():
                self.lane_row.removeWidget(button)
                button.deleteLater()
            self.lane_buttons = {}
            for number, lane in enumerate(shown):
                button = QToolButton()
                button.setCheckable(True)
                button.setText(self.tr("Clip") if lane.id == SOURCE_LANE else str(number))
                button.setMinimumWidth(7 * GRID_PX)
                button.clicked.connect(lambda _, id=lane.id: self.lane_pressed.emit(id))
                self.lane_row.addWidget(button)
                self.lane_buttons[lane.id] = button
        for number, lane in enumerate(shown):
            button = self.lane_buttons[lane.id]
            button.setChecked(lane.id == heard)
            name = self.tr("Hear {name} ({key})").format(name=lane.name, key=number)
            button.setToolTip(name)
            button.setAccessibleName(name)

    def set_heard(self, lane_id: str) -> None:
        for id, button in self.lane_buttons.items():
            button.setChecked(id == lane_id)
