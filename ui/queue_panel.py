"""The queue of renders: what runs, how far it is, what waits, and what went wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PyQt6.QtCore import QAbstractListModel, QModelIndex, QObject, QRect, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QPainter
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QLabel,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from jukebox_studio.job_queue import JobStateName, QueuedJob
from ui.theme import GRID_PX, current_theme, icon

JOB_ROLE = Qt.ItemDataRole.UserRole


@dataclass(frozen=True)
class Done:
    """How far a render is, over all of its levels."""

    share: float
    """0 to 1, by time: of a level's codes nobody knows what the next level costs."""
    seconds_left: float

    @classmethod
    def after(cls, seconds: float, seconds_left: float, before: Done | None) -> Done:
        """What is done after so long; never less than `before`."""
        left = seconds_left if math.isfinite(seconds_left) and seconds_left > 0 else 0.0
        share = seconds / (seconds + left) if seconds + left else 0.0
        return cls(max(share, before.share if before else 0.0), left)


@dataclass(frozen=True)
class JobRow:
    """One render, as the list shows it."""

    id: int
    title: str
    state: JobStateName
    sentence: str
    has_begun: bool
    done: float | None = None
    """0 to 1; None where nothing was told."""
    seconds_left: float | None = None


def time_text(seconds: float) -> str:
    """How long that is, as people say it: "12 s", "3 min", "1 h 20 min"."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


class QueueModel(QAbstractListModel):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: list[JobRow] = []

    def set_jobs(self, jobs: Sequence[QueuedJob], progress: Mapping[int, Done]) -> None:
        """Without those that finished or were cancelled: what they made is in the history."""
        rows = []
        for queued in jobs:
            if queued.state in ("finished", "cancelled"):
                continue
            told = progress.get(int(queued.job_id))
            rows.append(
                JobRow(
                    int(queued.job_id),
                    queued.job.title,
                    queued.state,
                    queued.sentence,
                    queued.has_begun,
                    told.share if told else None,
                    told.seconds_left if told else None,
                )
            )
        if [row.id for row in rows] != [row.id for row in self.rows]:
            self.beginResetModel()
            self.rows = rows
            self.endResetModel()
            return
        for place, (old, new) in enumerate(zip(self.rows, rows, strict=True)):
            if old != new:
                self.rows[place] = new
                self.dataChanged.emit(self.index(place), self.index(place))

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not 0 <= index.row() < len(self.rows):
            return None
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return row.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return row.sentence or row.title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join(part for part in (row.title, self.said(row), row.sentence) if part)
        return row if role == JOB_ROLE else None

    def said(self, row: JobRow) -> str:
        """How it stands, in a few words."""
        if row.state == "failed":
            return row.sentence
        if row.state == "paused":
            return row.sentence or self.tr("paused")
        if row.state == "queued":
            return self.tr("waits")
        if row.done is None:
            return self.tr("begins …")
        percent, left = f"{round(100 * row.done)} %", row.seconds_left or 0.0
        return self.tr("{percent}, {time} left").format(percent=percent, time=time_text(left))


class _JobDelegate(QStyledItemDelegate):
    """Title, how it stands, and a thin bar below."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        return QSize(160, option.fontMetrics.height() + 4 * GRID_PX)

    def paint(
        self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex
    ) -> None:
        row, model = index.data(JOB_ROLE), index.model()
        if painter is None or not isinstance(row, JobRow) or not isinstance(model, QueueModel):
            return
        theme = current_theme()
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, QColor(theme.raised))
        inner = option.rect.adjusted(3 * GRID_PX, GRID_PX, -3 * GRID_PX, -GRID_PX)
        bar = QRect(inner.left(), inner.bottom() - 2, inner.width(), 3)
        text = inner.adjusted(0, 0, 0, -GRID_PX - 2)
        colors = {"failed": theme.error, "paused": theme.warning, "running": theme.accent}
        metrics = option.fontMetrics
        said = metrics.elidedText(
            model.said(row), Qt.TextElideMode.ElideRight, round(text.width() * 0.62)
        )
        painter.setPen(QColor(colors.get(row.state, theme.text_dim)))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(text, Qt.AlignmentFlag.AlignRight | middle, said)
        left = text.width() - metrics.horizontalAdvance(said) - 3 * GRID_PX
        painter.setPen(QColor(theme.text))
        title = metrics.elidedText(row.title, Qt.TextElideMode.ElideRight, max(0, left))
        painter.drawText(text, Qt.AlignmentFlag.AlignLeft | middle, title)
        if row.state in ("running", "paused"):
            painter.fillRect(bar, QColor(theme.line))
            done = QRect(bar)
            done.setWidth(round(bar.width() * (row.done or 0.0)))
            painter.fillRect(done, QColor(colors[row.state]))
        painter.restore()


class QueuePanel(QWidget):
    """The list with its buttons. What is to be done is told; the queue does it."""

    pause_wanted = pyqtSignal(object)
    """A job's id, or None for all."""
    resume_wanted = pyqtSignal(object)
    cancel_wanted = pyqtSignal(int)
    dismiss_wanted = pyqtSignal(int)
    move_wanted = pyqtSignal(int, object)
    """A job and the one that it goes before; None: to the end."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.is_paused = False
        self.model = QueueModel(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        head = QHBoxLayout()
        head.setContentsMargins(3 * GRID_PX, GRID_PX, GRID_PX, GRID_PX)
        head.setSpacing(0)
        title = QLabel(self.tr("Queue"))
        title.setProperty("role", "title")
        head.addWidget(title)
        self.summary = QLabel()
        self.summary.setProperty("role", "dim")
        self.summary.setContentsMargins(2 * GRID_PX, 0, 0, 0)
        head.addWidget(self.summary, 1)
        self.up = self._button("up", self.tr("Sooner"), self._sooner)
        self.down = self._button("down", self.tr("Later"), self._later)
        self.again = self._button("refresh", self.tr("Go on with this job"), self._again)
        self.hold = self._button("pause", self.tr("Pause this job"), self._hold)
        self.stop = self._button("cancel", self.tr("Cancel this job"), self._cancel)
        self.all = self._button("pause", self.tr("Pause the queue"), self._all)
        self.all.setAutoRaise(False)
        # The sign alone is that of the one job beside it.
        self.all.setText(self.tr("All"))
        self.all.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        for button in (self.up, self.down, self.again, self.hold, self.stop, self.all):
            head.addWidget(button)
        column.addLayout(head)
        self.list = QListView()
        self.list.setModel(self.model)
        self.list.setItemDelegate(_JobDelegate(self.list))
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setUniformItemSizes(True)
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.list.setAccessibleName(self.tr("Queue of renders"))
        selection = self.list.selectionModel()
        assert selection is not None
        selection.currentChanged.connect(lambda *_: self._show_buttons())
        column.addWidget(self.list, 1)
        self._show_buttons()

    def _button(self, picture: str, name: str, act: object) -> QToolButton:
        button = QToolButton()
        button.setAutoRaise(True)
        button.setIcon(icon(picture))
        button.setToolTip(name)
        button.setAccessibleName(name)
        button.clicked.connect(act)  # type: ignore[arg-type]
        return button

    def set_jobs(
        self, jobs: Sequence[QueuedJob], progress: Mapping[int, Done], is_paused: bool
    ) -> None:
        kept = self.current
        self.is_paused = is_paused
        self.model.set_jobs(jobs, progress)
        ids = [row.id for row in self.model.rows]
        if kept is None or kept.id not in ids:
            if ids:
                self.list.setCurrentIndex(self.model.index(0))
        elif self.current is None or self.current.id != kept.id:
            self.list.setCurrentIndex(self.model.index(ids.index(kept.id)))
        self._show_buttons()

    @property
    def current(self) -> JobRow | None:
        place = self.list.currentIndex().row()
        return self.model.rows[place] if 0 <= place < len(self.model.rows) else None

    def _show_buttons(self) -> None:
        row = self.current
        waiting = [r.id for r in self.model.rows if r.state in ("queued", "paused")]
        waits = row is not None and row.id in waiting
        self.up.setEnabled(waits and row is not None and row.id != waiting[0])
        self.down.setEnabled(waits and row is not None and row.id != waiting[-1])
        self.again.setVisible(row is not None and row.state in ("paused", "failed"))
        self.hold.setVisible(row is not None and row.state in ("queued", "running"))
        self.stop.setEnabled(row is not None)
        failed = row is not None and row.state == "failed"
        name = self.tr("Take this job off the list") if failed else self.tr("Cancel this job")
        self.stop.setToolTip(name)
        self.stop.setAccessibleName(name)
        name = self.tr("Resume the queue") if self.is_paused else self.tr("Pause the queue")
        self.all.setIcon(icon("play" if self.is_paused else "pause"))
        self.all.setToolTip(name)
        self.all.setAccessibleName(name)
        self.all.setEnabled(self.is_paused or bool(self.model.rows))
        self.summary.setText(self._summary(len(waiting)))

    def _summary(self, waiting: int) -> str:
        if not self.model.rows:
            return self.tr("paused") if self.is_paused else self.tr("nothing to do")
        parts = [self.tr("paused")] if self.is_paused else []
        left = sum(r.seconds_left or 0 for r in self.model.rows if r.state == "running")
        if left:
            parts.append(self.tr("{time} left").format(time=time_text(left)))
        if waiting:
            parts.append(self.tr("{n} waiting").format(n=waiting))
        return ", ".join(parts)

    def _sooner(self) -> None:
        waiting = [r.id for r in self.model.rows if r.state in ("queued", "paused")]
        if (row := self.current) and row.id in waiting[1:]:
            self.move_wanted.emit(row.id, waiting[waiting.index(row.id) - 1])

    def _later(self) -> None:
        waiting = [r.id for r in self.model.rows if r.state in ("queued", "paused")]
        if (row := self.current) and row.id in waiting[:-1]:
            after = waiting[waiting.index(row.id) + 2 :]
            self.move_wanted.emit(row.id, after[0] if after else None)

    def _again(self) -> None:
        if row := self.current:
            self.resume_wanted.emit(row.id)
            # What was interrupted holds the whole queue.
            if self.is_paused and row.has_begun:
                self.resume_wanted.emit(None)

    def _hold(self) -> None:
        if row := self.current:
            self.pause_wanted.emit(row.id)

    def _cancel(self) -> None:
        if row := self.current:
            (self.dismiss_wanted if row.state == "failed" else self.cancel_wanted).emit(row.id)

    def _all(self) -> None:
        (self.resume_wanted if self.is_paused else self.pause_wanted).emit(None)
