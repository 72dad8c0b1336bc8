"""The clips that came in, with their tempo and how sure it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PyQt6.QtCore import (
    QAbstractListModel,
    QItemSelectionModel,
    QMimeData,
    QModelIndex,
    QObject,
    QRect,
    QSize,
    Qt,
    pyqtSignal,
)
from PyQt6.QtGui import QColor, QDragEnterEvent, QDropEvent, QFontMetrics, QPainter
from PyQt6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QListView,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from jukebox_studio.session_records import SessionClip
from jukebox_studio.tempo_detection import TempoGuess
from ui.panel_controls import describe, icon_button, panel_head
from ui.theme import GRID_PX, current_theme, icon, small_font
from ui.words import tempo_guess_said

METERS = ("4/4", "3/4", "2/4", "6/8", "5/4", "7/8", "12/8")
CLIP_ROLE = Qt.ItemDataRole.UserRole


@dataclass(frozen=True)
class InboxRow:
    """What is shown of a clip."""

    id: int
    name: str
    tempo_bpm: float
    meter: str
    is_heard: bool
    """Whether the tempo was only listened for."""
    seconds: float
    track: str
    is_steady: bool
    variants: int

    @classmethod
    def of(cls, clip: SessionClip, guess: TempoGuess | None, variants: int) -> InboxRow:
        song = clip.clip.song
        return cls(
            id=clip.id,
            name=clip.name,
            tempo_bpm=float(song.tempo.points[0].tempo_bpm),
            meter=str(song.meters.points[0].meter),
            is_heard=guess is not None,
            seconds=clip.clip.length_samples / clip.clip.rate_hz,
            track=clip.clip.track_name,
            is_steady=len(song.tempo.points) == 1 and len(song.meters.points) == 1,
            variants=variants,
        )

    @property
    def line(self) -> str:
        """The second line: tempo with its doubt, length, where it came from."""
        doubt = "?" if self.is_heard else ""
        minutes, seconds = divmod(self.seconds, 60)
        length = f"{int(minutes)}:{seconds:04.1f}"
        parts = [f"{self.tempo_bpm:.4g}{doubt} BPM", self.meter, length, self.track]
        return "  ·  ".join(part for part in parts if part)


class ClipModel(QAbstractListModel):
    """Rows of clips, the newest first."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: list[InboxRow] = []

    def set_clips(
        self,
        clips: Sequence[SessionClip],
        guesses: Mapping[int, TempoGuess],
        variants: Mapping[int, int],
    ) -> None:
        rows = [
            InboxRow.of(clip, guesses.get(clip.id), variants.get(clip.id, 0))
            for clip in reversed(clips)
        ]
        if [row.id for row in rows] == [row.id for row in self.rows]:
            self.rows = rows
            if rows:
                self.dataChanged.emit(self.index(0), self.index(len(rows) - 1))
            return
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not 0 <= index.row() < len(self.rows):
            return None
        row = self.rows[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return row.name
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{row.name}\n{row.line}"
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{row.name}, {row.line}"
        return row if role == CLIP_ROLE else None

    def set_count(self, clip_id: int, variants: int) -> None:
        """How many variants one clip has."""
        place = self.row_of(clip_id)
        if place is not None and self.rows[place].variants != variants:
            self.rows[place] = replace(self.rows[place], variants=variants)
            self.dataChanged.emit(self.index(place), self.index(place))

    def row_of(self, clip_id: int) -> int | None:
        return next((i for i, row in enumerate(self.rows) if row.id == clip_id), None)

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        return super().flags(index) | Qt.ItemFlag.ItemIsEditable

    def setData(
        self, index: QModelIndex, value: object, role: int = Qt.ItemDataRole.EditRole
    ) -> bool:
        name = str(value).strip()
        if name and role == Qt.ItemDataRole.EditRole:
            self.renamed.emit(self.rows[index.row()].id, name)
        return False  # the session's answer comes with the next rows

    renamed = pyqtSignal(int, str)


class TwoLineDelegate(QStyledItemDelegate):
    """A name over a smaller, dimmer line; how many variants there are at the right."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        small = QFontMetrics(small_font(option.font))
        height = option.fontMetrics.height() + small.height() + 3 * GRID_PX
        return QSize(120, height)

    def paint(
        self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex
    ) -> None:
        row = index.data(CLIP_ROLE)
        if painter is None or row is None:
            return
        theme = current_theme()
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        area = option.rect
        painter.save()
        if chosen:
            painter.fillRect(area, QColor(theme.raised))
            painter.fillRect(QRect(area.left(), area.top(), 3, area.height()), QColor(theme.accent))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(area, QColor(theme.field))
        inner = area.adjusted(3 * GRID_PX, GRID_PX + 2, -2 * GRID_PX, -GRID_PX)
        count = str(row.variants) if row.variants else ""
        small = small_font(option.font)
        metrics = option.fontMetrics
        painter.setFont(small)
        painter.setPen(QColor(theme.text_dim))
        reserved = painter.fontMetrics().horizontalAdvance(count) + (2 * GRID_PX if count else 0)
        painter.drawText(inner, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop, count)
        lower = inner.adjusted(0, metrics.height(), 0, 0)
        line = painter.fontMetrics().elidedText(
            row.line, Qt.TextElideMode.ElideRight, lower.width()
        )
        if row.is_heard:
            painter.setPen(QColor(theme.warning))
        painter.drawText(lower, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, line)
        painter.setFont(option.font)
        painter.setPen(QColor(theme.text))
        name = metrics.elidedText(row.name, Qt.TextElideMode.ElideMiddle, inner.width() - reserved)
        painter.drawText(inner, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop, name)
        painter.restore()


def dropped_paths(mime: QMimeData | None) -> list[Path]:
    """Files and folders of this computer that something dragged holds."""
    if mime is None:
        return []
    return [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]


class ClipInbox(QWidget):
    """The list of clips, and what is said of the tempo of the one that is chosen."""

    chosen = pyqtSignal(int)
    tempo_said = pyqtSignal(int, float, str)
    renamed = pyqtSignal(int, str)
    removed = pyqtSignal(int)
    dropped = pyqtSignal(list)
    open_wanted = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAcceptDrops(True)
        self._guesses: Mapping[int, TempoGuess] = {}
        self._is_filling = False
        self.model = ClipModel(self)
        self.model.renamed.connect(self.renamed)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        adds = self.tr("Add audio files")
        self.add_button = icon_button("add", adds, adds)
        self.add_button.clicked.connect(self.open_wanted)
        column.addLayout(panel_head(self.tr("Clips"), self.add_button))
        self.list = QListView()
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setModel(self.model)
        self.list.setItemDelegate(TwoLineDelegate(self.list))
        self.list.setAccessibleName(self.tr("Clips"))
        self.list.setMouseTracking(True)
        self.list.setEditTriggers(QListView.EditTrigger.EditKeyPressed)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.customContextMenuRequested.connect(self._menu)
        selection = self.list.selectionModel()
        assert selection is not None
        selection.currentChanged.connect(self._turned_to)
        self.empty = QLabel(self.tr("Drop an audio file here,\nor send a region from your DAW."))
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty.setProperty("role", "dim")
        self.empty.setWordWrap(True)
        column.addWidget(self.empty, 1)
        column.addWidget(self.list, 1)
        column.addWidget(self._tempo_row())
        self._show_current()

    def _tempo_row(self) -> QWidget:
        self.tempo_row = QWidget()
        grid = QGridLayout(self.tempo_row)
        grid.setContentsMargins(3 * GRID_PX, GRID_PX, 2 * GRID_PX, 2 * GRID_PX)
        grid.setHorizontalSpacing(GRID_PX)
        grid.setVerticalSpacing(GRID_PX)
        self.tempo = QDoubleSpinBox()
        self.tempo.setRange(10.0, 999.0)
        self.tempo.setDecimals(2)
        self.tempo.setSuffix(self.tr(" BPM"))
        self.tempo.setKeyboardTracking(False)
        self.tempo.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        self.tempo.setAccessibleName(self.tr("Tempo of the clip"))
        self.tempo.valueChanged.connect(self._said)
        self.meter = QComboBox()
        self.meter.addItems(METERS)
        describe(self.meter, self.tr("Meter of the clip"), self.tr("Meter of the clip"))
        self.meter.activated.connect(self._said)
        self.half = self._factor_button("÷2", self.tr("Half the tempo"), 0.5)
        self.twice = self._factor_button("×2", self.tr("Twice the tempo"), 2.0)
        self.sure = QToolButton()
        self.sure.setIcon(icon("check"))
        self.sure.setToolTip(self.tr("Yes, that is the tempo"))
        self.sure.setAccessibleName(self.tr("Yes, that is the tempo"))
        self.sure.clicked.connect(self._said)
        self.doubt = QLabel()
        self.doubt.setWordWrap(True)
        self.doubt.setProperty("role", "warning")
        grid.addWidget(self.tempo, 0, 0)
        grid.addWidget(self.meter, 0, 1)
        grid.setColumnStretch(0, 1)
        self.doubt_row = QWidget()
        row = QHBoxLayout(self.doubt_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID_PX)
        row.addWidget(self.doubt, 1)
        for button in (self.half, self.twice, self.sure):
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(self.doubt_row, 1, 0, 1, 2)
        return self.tempo_row

    def _factor_button(self, text: str, name: str, factor: float) -> QToolButton:
        button = QToolButton()
        button.setText(text)
        button.setToolTip(name)
        button.setAccessibleName(name)
        button.clicked.connect(lambda: self.tempo.setValue(self.tempo.value() * factor))
        return button

    def set_clips(
        self,
        clips: Sequence[SessionClip],
        guesses: Mapping[int, TempoGuess],
        variants: Mapping[int, int],
        wanted: int | None = None,
    ) -> None:
        """All clips of the project, their guessed tempos, and how many variants each has.

        wanted: a clip to turn to, instead of staying where one is.
        """
        self._guesses = dict(guesses)
        kept = self.current if wanted is None else wanted
        self.model.set_clips(clips, guesses, variants)
        if kept is not None:
            self.choose(kept)
        if self.current is None and self.model.rows:
            self.choose(self.model.rows[0].id)
        self._show_current()

    def choose(self, clip_id: int) -> None:
        row = self.model.row_of(clip_id)
        selection = self.list.selectionModel()
        assert selection is not None
        if row is not None and self.current != clip_id:
            # Said in full, since a view's own setter heeds a Ctrl that is still held.
            selection.setCurrentIndex(
                self.model.index(row), QItemSelectionModel.SelectionFlag.ClearAndSelect
            )

    @property
    def current(self) -> int | None:
        row = self.list.currentIndex().row()
        return self.model.rows[row].id if 0 <= row < len(self.model.rows) else None

    def _turned_to(self, index: QModelIndex, _: QModelIndex) -> None:
        self._show_current()
        if index.isValid():
            self.chosen.emit(self.model.rows[index.row()].id)

    def _show_current(self) -> None:
        self.empty.setVisible(not self.model.rows)
        self.list.setVisible(bool(self.model.rows))
        clip_id = self.current
        self.tempo_row.setVisible(clip_id is not None)
        if clip_id is None:
            return
        row = self.model.rows[self.list.currentIndex().row()]
        self._is_filling = True
        self.tempo.setValue(row.tempo_bpm)
        if self.meter.findText(row.meter) < 0:
            self.meter.addItem(row.meter)
        self.meter.setCurrentText(row.meter)
        for widget in (self.tempo, self.meter, self.half, self.twice):
            widget.setEnabled(row.is_steady)
            widget.setStatusTip("" if row.is_steady else self.tr("The DAW's tempo map counts."))
        guess = self._guesses.get(clip_id)
        self.doubt_row.setVisible(guess is not None)
        self.doubt.setText(tempo_guess_said(guess) if guess else "")
        self._is_filling = False

    def _said(self) -> None:
        clip_id = self.current
        if clip_id is not None and not self._is_filling:
            self.tempo_said.emit(clip_id, self.tempo.value(), self.meter.currentText())

    def _menu(self, place: object) -> None:
        clip_id = self.current
        if clip_id is None:
            return
        menu = QMenu(self)
        rename = menu.addAction(icon("edit"), self.tr("Rename"))
        remove = menu.addAction(icon("delete"), self.tr("Remove from the project"))
        assert rename is not None
        assert remove is not None
        rename.triggered.connect(lambda: self.list.edit(self.list.currentIndex()))
        remove.triggered.connect(lambda: self.removed.emit(clip_id))
        viewport = self.list.viewport()
        assert viewport is not None
        menu.popup(viewport.mapToGlobal(place))  # type: ignore[call-overload]

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        if event is not None and dropped_paths(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        if event is not None and (paths := dropped_paths(event.mimeData())):
            event.acceptProposedAction()
            self.dropped.emit(paths)
