"""The timeline: the source and its variants as waveforms over one another, with bars and beats.

`TimelineView` gets everything by setters and tells by signals; it reads no file itself. Only what
is seen is drawn, so thousands of lanes cost what the visible ones do.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import Final

from PyQt6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, Qt, pyqtSignal
from PyQt6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFocusEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PyQt6.QtWidgets import QAbstractScrollArea, QApplication, QFrame, QToolTip, QWidget

from jukebox_studio.tempo import SongTime
from ui import timeline_items as items
from ui.peaks import PeakStore
from ui.shared import SOURCE_LANE, Lane
from ui.spectra import SpectrumStore
from ui.theme import current_theme, icon, pen
from ui.timeline_grid import Change, Grid, GridLine, Snap
from ui.timeline_items import Axis, LaneState, Look
from ui.timeline_morph import Morph

HIGHEST_PX_PER_SECOND: Final = 800.0
_ZOOM_STEP: Final = 1.25
_EDGE_PX: Final = 5
_POINT_PX: Final = 9
_LEFT_PX: Final = 8
_SHARE_STEP: Final = 0.05
_WIDEST_PX: Final = 2**30


class _Drag(Enum):
    """What the pressed mouse does."""

    SELECT = auto()
    HEADER = auto()
    MORPH = auto()
    PAN = auto()


class TimelineView(QAbstractScrollArea):
    """Source and variants on one time axis. All times are seconds on the project's timeline."""

    selection_changed = pyqtSignal(float, float)
    """Start and end; both the same where nothing is selected any more."""
    playhead_moved = pyqtSignal(float)
    """By the user; `set_playhead` is silent."""
    lane_activated = pyqtSignal(str)
    """The lane the user wants to hear."""
    words_clicked = pyqtSignal(float)
    """The start of a sung word that was clicked; `playhead_moved` has told of it too."""
    drag_requested = pyqtSignal(str)
    """A lane is being dragged out of the window by its header; see `chosen_lanes`."""
    menu_requested = pyqtSignal(str, QPoint)
    """The context menu of a lane, at a place on the screen."""
    morph_changed = pyqtSignal(object)
    """The new `Morph`."""

    def __init__(self, store: PeakStore | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        canvas, across, down = self.viewport(), self.horizontalScrollBar(), self.verticalScrollBar()
        assert canvas is not None
        assert across is not None
        assert down is not None
        self._canvas, self._across, self._down = canvas, across, down
        self._store = store if store is not None else PeakStore(self)
        self._store.changed.connect(self._peaks_changed)
        self._spectra = SpectrumStore(self)
        self._spectra.changed.connect(self._peaks_changed)
        self._spectrum_lanes: set[str] = set()
        self._tiles = items.Tiles()
        self._look = Look.of(current_theme(), self.font())
        self._grid = Grid(SongTime.steady(120))
        self._changes: list[Change] = []
        self._lines_of: tuple[Grid, Axis, int] | None = None
        """What the lines below were worked out for."""
        self._lines_seen: list[GridLine] = []
        self._lanes: tuple[Lane, ...] = ()
        self._pinned = 0
        self._tops: list[int] = [0]
        self._active = ""
        self._chosen: set[str] = set()
        self._upsampled: dict[str, float] = {}
        self._px_per_second = 50.0
        self._playhead = 0.0
        self._is_playing = False
        self._selection: tuple[float, float] | None = None
        self._anchor: float | None = None
        self._snap = Snap.BAR
        self._pre_roll_seconds = 0.0
        self._is_matched = True
        self._morph: Morph | None = None
        self._hovered: str | None = None
        self._drag: _Drag | None = None
        self._pressed = QPointF()
        self._pressed_lane = ""
        self._pressed_word: float | None = None
        self._morph_index = 0
        self._pan_value = 0
        self._has_moved = False
        self._fit_wanted = True
        self._shows_focus = False
        self._empty_text = self.tr("Drop a clip here, or send one from your DAW.")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Timeline"))
        across.setAccessibleName(self.tr("Scroll the timeline in time"))
        down.setAccessibleName(self.tr("Scroll the lanes"))
        # Only keys of the view itself should move it; Tab would stop at each bar otherwise.
        for bar in (across, down):
            bar.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        canvas.setMouseTracking(True)
        # Every pixel is painted, so Qt need not clear them first.
        canvas.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self._describe()

    # What is shown ---------------------------------------------------------------------------

    def set_song(self, song: SongTime) -> None:
        self._grid = Grid(song)
        self._changes = self._grid.changes()
        self._describe()
        self._lay_out()

    def set_lanes(self, lanes: Sequence[Lane]) -> None:
        """The source first; hidden lanes are left out. The first lanes ever are zoomed to fit."""
        before = {lane.id: lane for lane in self._lanes}
        shown = [lane for lane in lanes if not lane.hidden]
        # The source stays in view while the variants scroll.
        self._lanes = tuple(sorted(shown, key=lambda lane: lane.id != SOURCE_LANE))
        self._pinned = sum(lane.id == SOURCE_LANE for lane in self._lanes[:1])
        for lane in self._lanes:
            old = before.get(lane.id)
            if (
                old
                and old.audio_path == lane.audio_path
                and old.known_seconds != lane.known_seconds
            ):
                self._store.reload(lane.audio_path)
                if lane.id in self._spectrum_lanes:
                    self._spectra.reload(lane.audio_path)
        ids = {lane.id for lane in self._lanes}
        self._chosen &= ids
        if self._active not in ids:
            self._active = self._lanes[0].id if self._lanes else ""
        self._lay_out()
        if self._lanes and self._fit_wanted and self._canvas.width() > self._header_px():
            self.zoom_to_fit()
        self._describe()

    def set_upsampled(self, shares: Mapping[str, float]) -> None:
        """How much of a lane's preview has its full quality already, 0 to 1, by lane."""
        if shares == self._upsampled:
            return
        changed = set(self._upsampled) | set(shares)
        self._upsampled = dict(shares)
        for index in self._visible_lanes():
            if self._lanes[index].id in changed:
                self._canvas.update(items.to_rect(self._lane_rect(index)))

    def lanes(self) -> tuple[Lane, ...]:
        """Those shown, from above."""
        return self._lanes

    def lane_of_key(self, number: int) -> str | None:
        """The lane that a number key switches to: 0 the source, 1 to 9 the first variants."""
        if number == 0:
            return SOURCE_LANE if self._pinned else None
        index = number - 1 + self._pinned
        return self._lanes[index].id if 1 <= number <= 9 and index < len(self._lanes) else None

    def set_active_lane(self, lane_id: str) -> None:
        """The lane that is heard; it is scrolled into view."""
        self._active = lane_id
        self._show_lane(lane_id)
        self._describe()
        self._canvas.update()

    def active_lane(self) -> str:
        return self._active

    def chosen_lanes(self) -> tuple[str, ...]:
        """Lanes marked with Ctrl and a click, or Ctrl and Space, to be dragged out together."""
        return tuple(lane.id for lane in self._lanes if lane.id in self._chosen)

    def toggle_spectrum(self) -> None:
        """The marked lanes, or else the one that is heard, as spectrograms or as waveforms."""
        lanes = set(self.chosen_lanes()) or {self._active}
        if lanes <= self._spectrum_lanes:
            self._spectrum_lanes -= lanes
        else:
            self._spectrum_lanes |= lanes
        self._describe()
        self._canvas.update()

    def spectrum_lanes(self) -> frozenset[str]:
        """Lanes that are shown as spectrograms."""
        return frozenset(self._spectrum_lanes)

    def take_place(self, growing: str, finished: str) -> None:
        """A growing lane has become a variant: it is looked at as before."""
        if growing in self._spectrum_lanes:
            self._spectrum_lanes.add(finished)

    def set_playhead(self, seconds: float) -> None:
        """Where it is heard now: about 30 times a second while playing, at little cost."""
        before, self._playhead = self._playhead, max(0.0, seconds)
        old_x, new_x = self._axis().x_of(before), self._axis().x_of(self._playhead)
        if self._is_playing and self._drag is None and self._sees(old_x) and not self._sees(new_x):
            # The view follows by whole pages, unless the user has looked elsewhere.
            self._scroll_to(self._playhead - 0.05 * self._seen_seconds())
            return
        self._update_playhead(before, old_x, new_x)

    def playhead(self) -> float:
        return self._playhead

    def set_playing(self, playing: bool) -> None:
        """While playing, the view follows the playhead."""
        self._is_playing = playing

    def set_selection(self, start_seconds: float, end_seconds: float) -> None:
        """Silently; an empty one clears it."""
        ordered = (min(start_seconds, end_seconds), max(start_seconds, end_seconds))
        self._selection = ordered if ordered[1] > ordered[0] else None
        self._describe()
        self._canvas.update()

    def selection(self) -> tuple[float, float] | None:
        return self._selection

    def set_snap(self, snap: Snap) -> None:
        """What clicks, drags and keys snap to; Ctrl sets it aside for a click or drag."""
        self._snap = snap

    def snap(self) -> Snap:
        return self._snap

    def set_pre_roll(self, seconds: float) -> None:
        """How much is played before the selection; 0 for nothing."""
        self._pre_roll_seconds = max(0.0, seconds)
        self._canvas.update()

    def set_matched(self, matched: bool) -> None:
        """Whether waveforms are as high as the variants are loud when matched to the clip."""
        self._is_matched = matched
        self._canvas.update()

    def set_morph(self, morph: Morph | None) -> None:
        """The style over time, above the lanes; None where it does not change."""
        has_changed = (morph is None) != (self._morph is None)
        self._morph = morph
        if has_changed:
            self._lay_out()
        self._canvas.update()

    def morph(self) -> Morph | None:
        return self._morph

    def set_empty_text(self, text: str) -> None:
        """What is said while there is no lane."""
        self._empty_text = text
        self._canvas.update()

    # Zoom and scroll -------------------------------------------------------------------------

    def px_per_second(self) -> float:
        return self._px_per_second

    def visible_seconds(self) -> tuple[float, float]:
        """Start and end of what is seen."""
        axis = self._axis()
        return axis.seconds_at(self._header_px()), axis.seconds_at(self._canvas.width())

    def zoom(self, factor: float, at_seconds: float | None = None) -> None:
        """Larger by a factor, with one place staying where it is: the playhead, or the middle."""
        axis = self._axis()
        if at_seconds is None:
            start, end = self.visible_seconds()
            is_seen = start <= self._playhead <= end
            at_seconds = self._playhead if is_seen else (start + end) / 2
        x = axis.x_of(at_seconds)
        self._px_per_second = self._allowed(self._px_per_second * factor)
        self._fit_wanted = False
        self._place(x, at_seconds)

    def zoom_in(self) -> None:
        self.zoom(_ZOOM_STEP)

    def zoom_out(self) -> None:
        self.zoom(1 / _ZOOM_STEP)

    def zoom_to_fit(self) -> None:
        """All lanes, from the first start to the last end."""
        if self._lanes:
            start = min(lane.start_seconds for lane in self._lanes)
            self.zoom_to(start, max(start + 0.1, self._end_seconds()))
        self._fit_wanted = True

    def zoom_to_selection(self) -> None:
        if self._selection:
            self.zoom_to(*self._selection)

    def zoom_to(self, start_seconds: float, end_seconds: float) -> None:
        """These seconds, and a little around them, over the whole width."""
        width = max(1, self._canvas.width() - self._header_px() - 4 * _LEFT_PX)
        self._px_per_second = self._allowed(width / max(1e-3, end_seconds - start_seconds))
        self._fit_wanted = False
        self._place(self._header_px() + 2 * _LEFT_PX, start_seconds)

    def _allowed(self, px_per_second: float) -> float:
        width = max(100, self._canvas.width() - self._header_px() - 4 * _LEFT_PX)
        end = max(1.0, self._end_seconds())
        lowest = min(50.0, width / end)
        # A DAW's timeline may be years long, of which every place can be scrolled to.
        highest = min(HIGHEST_PX_PER_SECOND, _WIDEST_PX / (2 * end))
        return min(highest, max(lowest, px_per_second))

    def _scroll_to(self, start_seconds: float) -> None:
        self._scroll(start_seconds * self._px_per_second)
        self._canvas.update()

    def _scroll(self, to_px: float) -> None:
        """As far as there is something; a scroll bar takes no larger numbers than it has."""
        self._across.setValue(round(min(max(0.0, to_px), self._across.maximum())))

    def _reveal(self, seconds: float) -> None:
        if not self._sees(self._axis().x_of(seconds)):
            self._scroll_to(seconds - 0.3 * self._seen_seconds())

    def _sees(self, x_px: float) -> bool:
        return self._header_px() <= x_px < self._canvas.width()

    def _seen_seconds(self) -> float:
        return (self._canvas.width() - self._header_px()) / self._px_per_second

    def _end_seconds(self) -> float:
        return max((lane.start_seconds + lane.length_seconds for lane in self._lanes), default=0.0)

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self._canvas.update()

    # Geometry --------------------------------------------------------------------------------

    def _header_px(self) -> int:
        """Room for a name: more where there is more."""
        char_px = self._look.text.averageCharWidth()
        return max(18 * char_px, min(28 * char_px, self._canvas.width() // 6)) + 24

    def _ruler_px(self) -> int:
        return items.ruler_px(self._look, bool(self._changes))

    def _morph_px(self) -> int:
        return 16 + 4 * self._look.small_text.height() if self._morph else 0

    def _lane_px(self, lane: Lane) -> int:
        words_px = self._look.small_text.height() + 6 if lane.words else 0
        return 2 * items.GAP_PX + max(56, 4 * self._look.text.height()) + words_px

    def _axis(self) -> Axis:
        scrolled = self._across.value()
        return Axis(self._header_px() + _LEFT_PX - scrolled, self._px_per_second)

    def _lay_out(self) -> None:
        """Work out how high lanes are, and where."""
        heights = [self._lane_px(lane) for lane in self._lanes]
        # A few lanes grow into the room there is, to at most twice their height.
        spare_px = self._canvas.height() - self._lanes_top() - sum(heights)
        grow_px = min(max(0, spare_px // max(1, len(heights))), 4 * self._look.text.height())
        self._tops = [0]
        for height in heights:
            self._tops.append(self._tops[-1] + height + grow_px)
        self._place()

    def _place(self, x_px: float | None = None, seconds: float = 0.0) -> None:
        """Work out the scroll bars; `seconds` comes to lie at `x_px`, or stays at the left."""
        if x_px is None:
            x_px = float(self._header_px())
            seconds = self._axis().seconds_at(x_px)
        width = max(1, self._canvas.width() - self._header_px())
        # Half a view of room after the end: to select and look at what follows.
        content = self._end_seconds() * self._px_per_second + _LEFT_PX + width / 2
        self._across.setPageStep(width)
        self._across.setSingleStep(max(1, width // 20))
        self._across.setRange(0, max(0, min(_WIDEST_PX, math.ceil(content) - width)))
        self._scroll(seconds * self._px_per_second + self._header_px() + _LEFT_PX - x_px)
        scrolled_px = self._tops[-1] - self._tops[self._pinned]
        room = self._canvas.height() - self._lanes_top() - self._tops[self._pinned]
        self._down.setPageStep(max(1, room))
        self._down.setSingleStep(max(1, self._tops[1] // 2 if self._lanes else 1))
        self._down.setRange(0, max(0, scrolled_px - room))
        self._canvas.update()

    def _lanes_top(self) -> int:
        return self._ruler_px() + self._morph_px()

    def _lane_rect(self, index: int) -> QRectF:
        top = self._lanes_top() + self._tops[index]
        if index >= self._pinned:
            top -= self._down.value()
        height = self._tops[index + 1] - self._tops[index]
        return QRectF(0, top, self._canvas.width(), height)

    def _lane_index_at(self, y_px: float) -> int | None:
        y = y_px - self._lanes_top()
        if y < 0:
            return None
        if y >= self._tops[self._pinned]:
            y += self._down.value()
        index = bisect_right(self._tops, y) - 1
        return index if index < len(self._lanes) else None

    def _index_of(self, lane_id: str) -> int | None:
        return next((i for i, lane in enumerate(self._lanes) if lane.id == lane_id), None)

    def _show_lane(self, lane_id: str) -> None:
        index = self._index_of(lane_id)
        if index is None or index < self._pinned:
            return
        room = self._down.pageStep()
        top = self._tops[index] - self._tops[self._pinned]
        bottom = self._tops[index + 1] - self._tops[self._pinned]
        value = self._down.value()
        self._down.setValue(min(top, max(value, bottom - room)))

    def _rects(self) -> tuple[QRectF, QRectF, QRectF]:
        """Ruler, morph lane and lanes, right of the headers."""
        left, width = self._header_px(), self._canvas.width() - self._header_px()
        ruler = QRectF(left, 0, width, self._ruler_px())
        morph = QRectF(left, ruler.bottom(), width, self._morph_px())
        lanes = QRectF(left, morph.bottom(), width, self._canvas.height() - morph.bottom())
        return ruler, morph, lanes

    # Painting --------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent | None) -> None:
        assert event is not None
        painter = QPainter(self._canvas)
        try:
            self._paint(painter, QRectF(event.rect()), self._axis())
        finally:
            painter.end()  # else what went wrong would be followed by a crash

    def _paint(self, painter: QPainter, exposed: QRectF, axis: Axis) -> None:
        look = self._look
        ruler, morph, lanes = self._rects()
        # Text and triangles reach a little over their place.
        lines = self._lines(axis, exposed.left() - 80, exposed.right() + 8)
        painter.fillRect(exposed, QColor(look.theme.window))
        if not self._lanes:
            self._paint_empty(painter)
            return
        if exposed.bottom() >= lanes.top():
            self._paint_lanes(painter, exposed, axis, lines, lanes)
        head = QRectF(0, 0, self._canvas.width(), lanes.top())
        if exposed.intersects(head):
            self._paint_head(painter, axis, lines, ruler, morph)
        painter.setClipRect(
            exposed.intersected(QRectF(ruler.left(), 0, ruler.width(), self._canvas.height()))
        )
        if self._selection:
            if self._pre_roll_seconds:
                start = self._selection[0]
                before = max(0.0, start - self._pre_roll_seconds)
                items.paint_pre_roll(painter, look, ruler, axis, before, start)
            everything = QRectF(
                morph.left(), morph.top(), lanes.width(), self._bottom() - morph.top()
            )
            items.paint_selection(
                painter, look, ruler, everything, axis, self._selection, self._length_text()
            )
        body = QRectF(lanes.left(), lanes.top(), lanes.width(), self._bottom() - lanes.top())
        items.paint_playhead(painter, look, ruler, body, axis.x_of(self._playhead))
        painter.setClipRect(exposed)
        painter.setPen(pen(look.theme.line))
        painter.drawLine(self._header_px() - 1, 0, self._header_px() - 1, int(self._bottom()))
        if self._shows_focus:
            painter.fillRect(QRectF(0, 0, self._canvas.width(), 2), QColor(look.theme.accent))

    def _bottom(self) -> float:
        """Where the lanes end, or the view."""
        end = self._lanes_top() + self._tops[-1] - self._down.value()
        return float(min(self._canvas.height(), end)) if self._lanes else float(self._lanes_top())

    def _lines(self, axis: Axis, left_px: float, right_px: float) -> list[GridLine]:
        """Those from one place to another, out of the view's: a part is drawn as the whole was."""
        key = (self._grid, axis, self._canvas.width())
        if key != self._lines_of:
            start = max(0.0, axis.seconds_at(self._header_px() - 80))
            end = axis.seconds_at(self._canvas.width() + 8)
            self._lines_of = key
            self._lines_seen = list(self._grid.lines(start, end, axis.px_per_second))
        left, right = axis.seconds_at(left_px), axis.seconds_at(right_px)
        return [line for line in self._lines_seen if left <= line.seconds <= right]

    def _paint_lanes(
        self,
        painter: QPainter,
        exposed: QRectF,
        axis: Axis,
        lines: list[GridLine],
        lanes: QRectF,
    ) -> None:
        look, split = self._look, lanes.top() + self._tops[self._pinned]
        visible = [i for i in self._visible_lanes() if self._lane_rect(i).intersects(exposed)]
        fixed = QRectF(0, lanes.top(), self._canvas.width(), split - lanes.top())
        moving = QRectF(0, split, self._canvas.width(), self._canvas.height() - split)
        for part, indices in (
            (fixed, [i for i in visible if i < self._pinned]),
            (moving, [i for i in visible if i >= self._pinned]),
        ):
            if not indices:
                continue
            painter.save()
            painter.setClipRect(part, Qt.ClipOperation.IntersectClip)
            seen = part.intersected(exposed).intersected(lanes)
            if not seen.isEmpty():
                painter.save()
                painter.setClipRect(seen, Qt.ClipOperation.IntersectClip)
                for index in indices:
                    area = self._lane_rect(index).adjusted(self._header_px(), 0, 0, 0)
                    lane = self._lanes[index]
                    items.paint_block(painter, look, area, axis, lane, self._state(index))
                # Over the blocks and under the sound, for all lanes at once.
                bottom = min(seen.bottom(), self._lane_rect(indices[-1]).bottom())
                grid = QRectF(seen.left(), seen.top(), seen.width(), bottom - seen.top())
                items.paint_grid(painter, look, grid, axis, lines)
                for index in indices:
                    self._paint_lane(painter, seen, axis, index)
                painter.restore()
            if exposed.left() < self._header_px():
                for index in indices:
                    header = self._lane_rect(index)
                    header.setWidth(self._header_px())
                    lane = self._lanes[index]
                    items.paint_header(painter, look, header, lane, self._state(index))
            painter.restore()

    def _paint_lane(self, painter: QPainter, exposed: QRectF, axis: Axis, index: int) -> None:
        lane = self._lanes[index]
        area = self._lane_rect(index).adjusted(self._header_px(), 0, 0, 0)
        store = self._spectra if lane.id in self._spectrum_lanes else self._store
        painter.save()
        painter.setClipRect(area, Qt.ClipOperation.IntersectClip)
        items.paint_lane(
            painter,
            self._look,
            area,
            area.intersected(exposed),
            axis,
            lane,
            self._state(index),
            store.get(lane.audio_path) if lane.known_seconds > 0 else None,
            store.error(lane.audio_path),
            self._tiles,
            10 ** (lane.gain_db / 20) if self._is_matched else 1.0,
            self._playhead,
            self._grid,
        )
        painter.restore()

    def _state(self, index: int) -> LaneState:
        lane_id = self._lanes[index].id
        number = index - self._pinned + 1
        return LaneState(
            key=str(number) if 0 <= number <= 9 else "",
            is_active=lane_id == self._active,
            is_chosen=lane_id in self._chosen,
            is_hovered=lane_id == self._hovered,
            upsampled=self._upsampled.get(lane_id, 0.0),
        )

    def _paint_head(
        self, painter: QPainter, axis: Axis, lines: list[GridLine], ruler: QRectF, morph: QRectF
    ) -> None:
        look = self._look
        painter.save()
        painter.setClipRect(ruler, Qt.ClipOperation.IntersectClip)
        items.paint_ruler(painter, look, ruler, axis, lines, self._changes)
        painter.restore()
        if self._morph:
            painter.save()
            painter.setClipRect(morph, Qt.ClipOperation.IntersectClip)
            painter.fillRect(morph, QColor(look.theme.window))
            items.paint_grid(painter, look, morph, axis, lines)
            items.paint_morph(painter, look, morph, axis, self._morph, self._current_point())
            painter.restore()
            header = QRectF(0, morph.top(), self._header_px(), morph.height())
            items.paint_morph_header(painter, look, header, self._morph)
        self._paint_corner(painter, QRectF(0, 0, self._header_px(), ruler.height()))

    def _paint_corner(self, painter: QPainter, area: QRectF) -> None:
        """Where the playhead is, in bars and beats, and which meter and tempo hold there."""
        look = self._look
        painter.fillRect(area, QColor(look.theme.panel))
        painter.setPen(pen(look.theme.line))
        painter.drawLine(0, int(area.bottom()) - 1, int(area.right()), int(area.bottom()) - 1)
        place = self._place_text(self._playhead)
        meter, tempo_bpm = self._grid.meter_and_tempo(self._playhead)
        inner = area.adjusted(12, 2, -12, -2)
        painter.setFont(look.font)
        painter.setPen(QColor(look.theme.text))
        painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter, place)
        painter.setFont(look.small)
        painter.setPen(QColor(look.theme.text_dim))
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        painter.drawText(inner, int(flags), f"{meter}  {tempo_bpm:.4g}")

    def _paint_empty(self, painter: QPainter) -> None:
        look, size = self._look, 40
        center = QRectF(self._canvas.rect()).center()
        drop = icon("drop", look.theme.text_dim)
        drop.paint(
            painter, QRect(int(center.x()) - size // 2, int(center.y()) - size - 8, size, size)
        )
        painter.setFont(look.font)
        painter.setPen(QColor(look.theme.text_dim))
        place = QRectF(16, center.y() + 4, self._canvas.width() - 32, 4 * look.text.height())
        flags = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop
        painter.drawText(place, int(flags) | int(Qt.TextFlag.TextWordWrap), self._empty_text)

    def _place_text(self, seconds: float) -> str:
        """Bar and beat; whole ones while playing, which can be read and are drawn less often."""
        place = self._grid.place(seconds)
        return f"{place.bar}|{int(place.beat)}" if self._is_playing else str(place)

    def _length_text(self) -> str:
        assert self._selection is not None
        bars = self._grid.bars_between(*self._selection)
        if bars == 1:
            return self.tr("1 bar")
        return self.tr("{0} bars").format(f"{bars:.2f}".rstrip("0").rstrip("."))

    def _update_playhead(self, before: float, old_x: float, new_x: float) -> None:
        height = self._canvas.height()
        for x in (old_x, new_x):
            if -10 < x < self._canvas.width() + 10:
                self._canvas.update(int(x) - 7, 0, 15, height)
        if self._place_text(before) != self._place_text(self._playhead):
            self._canvas.update(0, 0, self._header_px(), self._ruler_px())
        axis = self._axis()
        for index in self._visible_lanes():
            lane = self._lanes[index]
            old, new = items.lit_word(lane, before), items.lit_word(lane, self._playhead)
            if old == new:
                continue
            words = items.lane_parts(self._look, self._lane_rect(index), bool(lane.words))[1]
            for word in (old, new):
                if word is not None:
                    text, start, end = lane.words[word]
                    # Its neighbours too: the lit one lies over them.
                    width = self._look.small_text.horizontalAdvance(text) + 16
                    left = axis.x_of(start) - 160
                    right = max(axis.x_of(end), axis.x_of(start) + width)
                    self._canvas.update(
                        items.to_rect(QRectF(left, words.top(), right - left, words.height()))
                    )

    def _visible_lanes(self) -> list[int]:
        split = self._lanes_top() + self._tops[self._pinned]
        first = self._lane_index_at(split)
        visible = list(range(self._pinned))
        if first is not None:
            for index in range(max(first, self._pinned), len(self._lanes)):
                if self._lane_rect(index).top() >= self._canvas.height():
                    break
                visible.append(index)
        return visible

    def _peaks_changed(self, path: object) -> None:
        for index in self._visible_lanes():
            if self._lanes[index].audio_path == path:
                self._canvas.update(items.to_rect(self._lane_rect(index)))

    # Mouse -----------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        assert event is not None
        place = event.position()
        self._pressed, self._has_moved, self._drag = place, False, None
        self._pressed_lane, self._pressed_word = "", None
        if event.button() is Qt.MouseButton.MiddleButton:
            self._drag = _Drag.PAN
            self._pan_value = self._across.value()
            return
        if event.button() is not Qt.MouseButton.LeftButton or not self._lanes:
            return
        index = self._lane_index_at(place.y())
        if place.x() < self._header_px():
            if index is not None:
                self._pressed_lane = self._lanes[index].id
                self._drag = _Drag.HEADER
            return
        if self._morph and self._ruler_px() <= place.y() < self._lanes_top():
            self._press_morph(place)
            return
        if index is not None:
            word = self._word_at(index, place)
            self._pressed_word = None if word is None else self._lanes[index].words[word][1]
        self._drag = _Drag.SELECT
        edge = self._edge_at(place)
        is_extending = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        if edge is not None and self._selection:
            self._anchor = self._selection[1 - edge]
            self._has_moved = True
        elif is_extending:
            self._anchor = self._anchor_now()
            self._has_moved = True
            self._select_to(self._place_of(place, event.modifiers()))
        else:
            self._anchor = self._place_of(place, event.modifiers())

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        assert event is not None
        place = event.position()
        if self._drag is None:
            self._hover(place)
            return
        far = (place - self._pressed).manhattanLength() >= QApplication.startDragDistance()
        self._has_moved = self._has_moved or far
        if self._drag is _Drag.PAN:
            moved = round(self._pressed.x() - place.x())
            self._across.setValue(self._pan_value + moved)
        elif self._drag is _Drag.MORPH and self._has_moved:
            self._move_point(place, event.modifiers())
        elif self._drag is _Drag.HEADER and self._has_moved:
            # The window drags files from here on, and takes the mouse with it.
            self._drag = None
            self.drag_requested.emit(self._pressed_lane)
        elif self._drag is _Drag.SELECT and self._has_moved:
            self._scroll_while_selecting(place)
            self._select_to(self._place_of(place, event.modifiers()))

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:
        assert event is not None
        drag, self._drag = self._drag, None
        if self._has_moved or drag is None or drag is _Drag.PAN:
            return
        if drag is _Drag.HEADER:
            if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                self._toggle_chosen(self._pressed_lane)
            else:
                self._chosen.clear()
                self._activate(self._pressed_lane)
        elif drag is _Drag.SELECT:
            if self._pressed_word is not None:
                self._move_playhead(self._pressed_word)
                self.words_clicked.emit(self._pressed_word)
                return
            if self._selection:
                self._select(None)
            self._move_playhead(self._place_of(event.position(), event.modifiers()))

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        assert event is not None
        place = event.position()
        if event.button() is not Qt.MouseButton.LeftButton or place.x() < self._header_px():
            return
        if self._morph and self._ruler_px() <= place.y() < self._lanes_top():
            at = self._snapped(self._axis().seconds_at(place.x()), event.modifiers())
            self._change_morph(self._morph.with_point(at - self._morph.start_seconds))
            return
        index = self._lane_index_at(place.y())
        if index is not None:
            self._activate(self._lanes[index].id)

    def leaveEvent(self, event: QEvent | None) -> None:
        if self._hovered is not None:
            self._hovered = None
            self._canvas.update()

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Over the lanes: zoom around the pointer; with Shift or sideways: scroll in time.

        Over the headers: scroll the lanes.
        """
        assert event is not None
        turned = event.angleDelta()
        if event.position().x() < self._header_px():
            self._down.setValue(
                self._down.value() - round(turned.y() / 120 * self._down.singleStep())
            )
        elif event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            steps = (turned.y() or turned.x()) / 120
            self._across.setValue(self._across.value() - round(steps * self._across.singleStep()))
        elif abs(turned.x()) > abs(turned.y()):
            self._across.setValue(
                self._across.value() - round(turned.x() / 120 * self._across.singleStep())
            )
        elif turned.y() and self._lanes:
            at = self._axis().seconds_at(event.position().x())
            self.zoom(_ZOOM_STEP ** (turned.y() / 120), at)
        event.accept()

    def contextMenuEvent(self, event: QContextMenuEvent | None) -> None:
        assert event is not None
        if event.reason() is QContextMenuEvent.Reason.Mouse:
            index = self._lane_index_at(event.pos().y())
            if index is not None:
                self.menu_requested.emit(self._lanes[index].id, event.globalPos())
            return
        index = self._index_of(self._active)
        if index is not None:
            place = self._lane_rect(index).topLeft() + QPointF(12, 24)
            self.menu_requested.emit(self._active, self._canvas.mapToGlobal(place.toPoint()))

    def viewportEvent(self, event: QEvent | None) -> bool:
        if isinstance(event, QHelpEvent):
            text = self._tip_at(QPointF(event.pos()))
            if text:
                QToolTip.showText(event.globalPos(), text, self._canvas)
            else:
                QToolTip.hideText()
            return True
        if (
            isinstance(event, QNativeGestureEvent)
            and event.gestureType() is Qt.NativeGestureType.ZoomNativeGesture
        ):
            self.zoom(1 + event.value(), self._axis().seconds_at(event.position().x()))
            return True
        return super().viewportEvent(event)

    def _hover(self, place: QPointF) -> None:
        index = self._lane_index_at(place.y()) if place.x() < self._header_px() else None
        hovered = None if index is None else self._lanes[index].id
        if hovered != self._hovered:
            self._hovered = hovered
            self._canvas.update(0, 0, self._header_px(), self._canvas.height())
        shape = Qt.CursorShape.ArrowCursor
        if hovered is not None:
            shape = Qt.CursorShape.OpenHandCursor
        elif place.x() >= self._header_px() and self._lanes:
            lane_index = self._lane_index_at(place.y())
            if self._edge_at(place) is not None:
                shape = Qt.CursorShape.SplitHCursor
            elif lane_index is not None and self._word_at(lane_index, place) is not None:
                shape = Qt.CursorShape.PointingHandCursor
            elif self._morph and self._point_at(place) is not None:
                shape = Qt.CursorShape.SizeAllCursor
        self._canvas.setCursor(shape)

    def _edge_at(self, place: QPointF) -> int | None:
        """0 near the selection's start, 1 near its end."""
        if not self._selection or (self._morph and self._in_morph(place)):
            return None
        axis = self._axis()
        distances = [abs(axis.x_of(seconds) - place.x()) for seconds in self._selection]
        nearest = 0 if distances[0] < distances[1] else 1
        return nearest if distances[nearest] <= _EDGE_PX else None

    def _word_at(self, index: int, place: QPointF) -> int | None:
        lane = self._lanes[index]
        words = items.lane_parts(self._look, self._lane_rect(index), bool(lane.words))[1]
        if not words.contains(place):
            return None
        for word, where, _ in items.words_at(
            self._look, words, self._axis(), lane, place.x(), place.x()
        ):
            if where.contains(place):
                return word
        return None

    def _tip_at(self, place: QPointF) -> str:
        index = self._lane_index_at(place.y())
        if index is None:
            return ""
        lane = self._lanes[index]
        if place.x() < self._header_px():
            return lane.name
        axis = self._axis()
        for seconds in lane.joins_seconds:
            if abs(axis.x_of(seconds) - place.x()) <= _EDGE_PX:
                return self.tr("Joined to the clip at {0}").format(self._grid.place(seconds))
        return self._store.error(lane.audio_path) or ""

    def _place_of(self, place: QPointF, modifiers: Qt.KeyboardModifier) -> float:
        return self._snapped(self._axis().seconds_at(place.x()), modifiers)

    def _snapped(self, seconds: float, modifiers: Qt.KeyboardModifier) -> float:
        is_free = bool(modifiers & Qt.KeyboardModifier.ControlModifier)
        return self._grid.snapped(seconds, Snap.OFF if is_free else self._snap)

    def _scroll_while_selecting(self, place: QPointF) -> None:
        over = min(0.0, place.x() - self._header_px()) + max(0.0, place.x() - self._canvas.width())
        if over:
            self._across.setValue(self._across.value() + round(over))

    # Keys ------------------------------------------------------------------------------------

    def event(self, event: QEvent | None) -> bool:
        if (
            isinstance(event, QKeyEvent)
            and event.type() == QEvent.Type.ShortcutOverride
            and event.key() == Qt.Key.Key_Delete
            and self._current_point()
        ):
            event.accept()  # the point under the playhead goes, and not a variant
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Keys of the timeline; the others go on to the window."""
        assert event is not None
        modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        key, step = Qt.Key(event.key()), {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
        is_extending = bool(modifiers & Qt.KeyboardModifier.ShiftModifier)
        is_control = bool(modifiers & Qt.KeyboardModifier.ControlModifier)
        is_alt = bool(modifiers & Qt.KeyboardModifier.AltModifier)
        if not self._lanes:
            event.ignore()
        elif is_alt:
            if not self._morph_key(key):
                event.ignore()
        elif key in step:
            self.step_playhead(step[key], Snap.BAR if is_control else Snap.BEAT, is_extending)
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            start = min(lane.start_seconds for lane in self._lanes)
            self._go_to(start if key == Qt.Key.Key_Home else self._end_seconds(), is_extending)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom_in()
        elif key in (Qt.Key.Key_Minus, Qt.Key.Key_Underscore):
            self.zoom_out()
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self.step_lane(-1 if key == Qt.Key.Key_Up else 1)
        elif key in (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
            direction = -1 if key == Qt.Key.Key_PageUp else 1
            self._down.setValue(self._down.value() + direction * self._down.pageStep())
        elif key == Qt.Key.Key_Space and is_control:
            self._toggle_chosen(self._active)
        elif key == Qt.Key.Key_A and is_control:
            start = min(lane.start_seconds for lane in self._lanes)
            self._select((start, self._end_seconds()))
        elif key == Qt.Key.Key_Escape and self._selection:
            self._select(None)
        elif key == Qt.Key.Key_Delete and self._morph and self._current_point():
            self._change_morph(self._morph.without_point(self._current_point() or 0))
        else:
            super().keyPressEvent(event)
            event.ignore()

    def step_playhead(self, steps: int, unit: Snap, extend: bool = False) -> None:
        """Beats or bars on, or back; the selection grows with it if asked."""
        self._go_to(self._grid.stepped(self._playhead, steps, unit), extend)

    def _go_to(self, seconds: float, extend: bool) -> None:
        if extend:
            # From where the selection began; a new one begins where the snap allows.
            if not self._is_selecting_from_playhead():
                self._anchor = self._grid.snapped(self._playhead, self._snap)
            self._select_to(self._grid.snapped(seconds, self._snap))
        self._move_playhead(seconds)
        self._reveal(seconds)

    def _is_selecting_from_playhead(self) -> bool:
        """Whether the last step extended this selection, so that this one goes on with it."""
        if not self._selection or self._anchor not in self._selection:
            return False
        other = self._selection[1 - self._selection.index(self._anchor)]
        return math.isclose(other, self._grid.snapped(self._playhead, self._snap))

    def step_lane(self, steps: int) -> None:
        """Hear a lane further down, or up."""
        if not self._lanes:
            return
        index = self._index_of(self._active)
        target = min(max(0, (index if index is not None else 0) + steps), len(self._lanes) - 1)
        if target != index:
            self._activate(self._lanes[target].id)

    # What the user changes -------------------------------------------------------------------

    def _move_playhead(self, seconds: float) -> None:
        before, self._playhead = self._playhead, seconds
        axis = self._axis()
        self._update_playhead(before, axis.x_of(before), axis.x_of(seconds))
        self._canvas.update(0, 0, self._canvas.width(), self._lanes_top())
        self._describe()
        self.playhead_moved.emit(seconds)

    def _anchor_now(self) -> float:
        """Where a selection that is extended by a click begins."""
        if self._selection and self._anchor in self._selection:
            return self._anchor
        if self._selection:
            return self._selection[0]
        return self._grid.snapped(self._playhead, self._snap)

    def _select_to(self, seconds: float) -> None:
        assert self._anchor is not None
        self._select((min(self._anchor, seconds), max(self._anchor, seconds)))

    def _select(self, selection: tuple[float, float] | None) -> None:
        if selection and selection[0] == selection[1]:
            place, selection = selection[0], None
        else:
            place = self._playhead
        if selection == self._selection:
            return
        self._selection = selection
        self._describe()
        self._canvas.update()
        self.selection_changed.emit(*(selection or (place, place)))

    def _activate(self, lane_id: str) -> None:
        self.set_active_lane(lane_id)
        self.lane_activated.emit(lane_id)

    def _toggle_chosen(self, lane_id: str) -> None:
        self._chosen ^= {lane_id}
        self._describe()
        self._canvas.update()

    # Morph -----------------------------------------------------------------------------------

    def _in_morph(self, place: QPointF) -> bool:
        return self._ruler_px() <= place.y() < self._lanes_top()

    def _point_at(self, place: QPointF) -> int | None:
        assert self._morph is not None
        area, axis = self._rects()[1], self._axis()
        if not self._in_morph(place):
            return None
        distances = [
            (items.morph_point_at(self._morph, index, area, axis) - place).manhattanLength()
            for index in range(len(self._morph.points))
        ]
        nearest = min(range(len(distances)), key=distances.__getitem__)
        return nearest if distances[nearest] <= 2 * _POINT_PX else None

    def _current_point(self) -> int | None:
        """The breakpoint under the playhead, which keys act on."""
        if self._morph is None:
            return None
        at = self._playhead - self._morph.start_seconds
        return self._morph.index_near(at, _POINT_PX / self._px_per_second)

    def _press_morph(self, place: QPointF) -> None:
        assert self._morph is not None
        index = self._point_at(place)
        if index is None:
            return
        self._morph_index = index
        self._drag = _Drag.MORPH
        self._move_playhead(self._morph.start_seconds + self._morph.points[index].at_seconds)

    def _move_point(self, place: QPointF, modifiers: Qt.KeyboardModifier) -> None:
        assert self._morph is not None
        inner = items.morph_inner(self._rects()[1])
        at = self._snapped(self._axis().seconds_at(place.x()), modifiers)
        share = (inner.bottom() - place.y()) / inner.height()
        morph = self._morph.moved(self._morph_index, at - self._morph.start_seconds, share)
        self._change_morph(morph)
        self._move_playhead(morph.start_seconds + morph.points[self._morph_index].at_seconds)

    def _morph_key(self, key: Qt.Key) -> bool:
        """With Alt: M sets a breakpoint at the playhead, arrows go to the next or change it."""
        if self._morph is None:
            return False
        morph, current = self._morph, self._current_point()
        at = self._playhead - morph.start_seconds
        if key in (Qt.Key.Key_Insert, Qt.Key.Key_M):
            self._change_morph(morph.with_point(at))
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            others = [point.at_seconds for point in morph.points]
            if key == Qt.Key.Key_Left:
                found = max((other for other in others if other < at - 1e-6), default=None)
            else:
                found = min((other for other in others if other > at + 1e-6), default=None)
            if found is not None:
                self._go_to(morph.start_seconds + found, False)
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down) and current is not None:
            point = morph.points[current]
            share = morph.shares_at(point.at_seconds)[0]
            step = _SHARE_STEP if key == Qt.Key.Key_Up else -_SHARE_STEP
            self._change_morph(morph.moved(current, point.at_seconds, share + step))
        else:
            return False
        return True

    def _change_morph(self, morph: Morph) -> None:
        if morph == self._morph:
            return
        self._morph = morph
        self._describe()
        self._canvas.update()
        self.morph_changed.emit(morph)

    # Qt's other events -----------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        self._lay_out()
        if self._fit_wanted and self._lanes:
            self.zoom_to_fit()

    def changeEvent(self, event: QEvent | None) -> None:
        super().changeEvent(event)
        if event is not None and event.type() in (
            QEvent.Type.PaletteChange,
            QEvent.Type.FontChange,
            QEvent.Type.StyleChange,
        ):
            self._look = Look.of(current_theme(), self.font())
            self._lay_out()

    def focusInEvent(self, event: QFocusEvent | None) -> None:
        super().focusInEvent(event)
        # Who clicks knows where they are; who comes by keys is shown.
        self._shows_focus = event is not None and event.reason() in (
            Qt.FocusReason.TabFocusReason,
            Qt.FocusReason.BacktabFocusReason,
            Qt.FocusReason.ShortcutFocusReason,
        )
        self._canvas.update()

    def focusOutEvent(self, event: QFocusEvent | None) -> None:
        super().focusOutEvent(event)
        self._shows_focus = False
        self._canvas.update()

    def _describe(self) -> None:
        """Say for screen readers what the eye sees: lane, playhead, selection, breakpoint."""
        if not self._lanes:
            text = self._empty_text
        else:
            index = self._index_of(self._active) or 0
            lane = self._lanes[index]
            parts = [
                self.tr("Lane {0} of {1}: {2}").format(index + 1, len(self._lanes), lane.name),
                self.tr("playhead at {0}").format(self._grid.place(self._playhead)),
            ]
            if lane.id in self._chosen:
                parts.append(self.tr("chosen"))
            if lane.is_preview:
                parts.append(self.tr("preview"))
            if share := self._upsampled.get(lane.id):
                parts.append(self.tr("upsampled {0} %").format(round(100 * share)))
            if lane.id in self._spectrum_lanes:
                parts.append(self.tr("spectrogram"))
            if self._selection:
                start, end = (self._grid.place(seconds) for seconds in self._selection)
                parts.append(
                    self.tr("selected {0} to {1}, {2}").format(start, end, self._length_text())
                )
            current = self._current_point()
            if self._morph is not None and current is not None:
                share = self._morph.shares_at(self._morph.points[current].at_seconds)[0]
                parts.append(
                    self.tr("breakpoint, {0} {1} %").format(
                        self._morph.names[0], round(100 * share)
                    )
                )
            text = "; ".join(parts)
        self.setAccessibleDescription(text)
