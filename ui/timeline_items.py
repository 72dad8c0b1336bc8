"""What the timeline consists of, drawn: ruler, lanes and their headers, waveforms, words, morph.

Functions that paint one thing each into a rectangle, and know no mouse. Text is measured, so that
what does not fit is left out or shortened and never laid over other text.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
from PyQt6.QtCore import QCoreApplication, QLineF, QPointF, QRect, QRectF, Qt
from PyQt6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QFontMetrics,
    QImage,
    QPainter,
    QPolygonF,
)

from ui.peaks import Peaks
from ui.shared import Lane
from ui.theme import NO_PEN, Theme, brush, pen, small_font, with_alpha
from ui.timeline_grid import Change, Grid, GridLine
from ui.timeline_morph import Morph

GAP_PX: Final = 4
TILE_PX: Final = 512
_MOST_TILES: Final = 512
# The body of a sound is narrower than how far its blocks reach.
_BODY: Final = 0.6
_STEPS: Final = 16


def _tr(text: str) -> str:
    return QCoreApplication.translate("Timeline", text)


@dataclass(frozen=True)
class Look:
    """What everything is drawn with."""

    theme: Theme
    font: QFont
    small: QFont
    text: QFontMetrics
    small_text: QFontMetrics

    @classmethod
    def of(cls, theme: Theme, font: QFont) -> Look:
        small = small_font(font)
        return cls(theme, font, small, QFontMetrics(font), QFontMetrics(small))


@dataclass(frozen=True)
class Axis:
    """Which part of the timeline is seen, and how large."""

    origin_px: float
    """Where second 0 lies in the view; left of it, and of the view, once scrolled."""
    px_per_second: float

    def x_of(self, seconds: float) -> float:
        return self.origin_px + seconds * self.px_per_second

    def seconds_at(self, x_px: float) -> float:
        return (x_px - self.origin_px) / self.px_per_second


# Waveforms ---------------------------------------------------------------------------------------


class WaveTiles:
    """Drawn waveforms, in tiles of `TILE_PX` columns that are kept.

    Tiles stand on a grid of the timeline, so scrolling shifts what is there and draws one tile now
    and then, and the playhead passes over without any being drawn again.
    """

    def __init__(self) -> None:
        self._tiles: OrderedDict[tuple[object, ...], QImage] = OrderedDict()

    def paint(
        self,
        painter: QPainter,
        peaks: Peaks,
        axis: Axis,
        start_seconds: float,
        gain: float,
        area: QRectF,
        exposed: QRectF,
        colors: tuple[str, str],
    ) -> None:
        """The waveform of a file that starts at `start_seconds`, where `exposed` is in `area`.

        colors: of the body and of the peaks.
        """
        seen = area.intersected(exposed)
        if seen.isEmpty():
            return
        ratio = painter.device().devicePixelRatioF() if painter.device() else 1.0
        height = max(2, round(area.height() * ratio))
        tile_px = TILE_PX / ratio
        first = int((seen.left() - axis.origin_px) // tile_px)
        last = int((seen.right() - axis.origin_px) // tile_px)
        painter.save()
        painter.setClipRect(seen, Qt.ClipOperation.IntersectClip)
        for tile in range(first, last + 1):
            key = (peaks, start_seconds, gain, axis.px_per_second, ratio, height, colors, tile)
            image = self._tiles.get(key)
            if image is None:
                per_column = 1.0 / (axis.px_per_second * ratio)
                columns = peaks.columns(
                    tile * TILE_PX * per_column - start_seconds, per_column, TILE_PX
                )
                image = _wave_image(columns, gain, height, colors)
                image.setDevicePixelRatio(ratio)
                self._tiles[key] = image
                if len(self._tiles) > _MOST_TILES:
                    self._tiles.popitem(last=False)
            else:
                self._tiles.move_to_end(key)
            painter.drawImage(QPointF(axis.origin_px + tile * tile_px, area.top()), image)
        painter.restore()


def _wave_image(
    columns: tuple[npt.NDArray[np.float32], ...],
    gain: float,
    height: int,
    colors: tuple[str, str],
) -> QImage:
    """Columns as an image of `height` rows, each pixel as opaque as it is covered."""
    lowest, highest, body = columns
    middle = height / 2
    rows = np.arange(height, dtype=np.float32)[:, None]

    def covered(
        low: npt.NDArray[np.float32], high: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.uint8]:
        top = middle - np.minimum(high * gain, 1.0) * middle
        bottom = middle - np.maximum(low * gain, -1.0) * middle
        share = np.minimum(bottom, rows + 1) - np.maximum(top, rows)
        return (np.clip(share, 0.0, 1.0) * (_STEPS - 1) + 0.5).astype(np.uint8)

    # Silence is a line, so that it differs from what is not there; one pixel is never less.
    half = 0.5 / middle / max(gain, 1e-6)
    inside = (np.abs(lowest) + np.abs(highest)) * _BODY
    reach = np.minimum(body * _BODY, inside)
    low, high = np.minimum(lowest, -half), np.maximum(highest, half)
    # The body lies around the middle of what it is the body of.
    centre = (lowest + highest) / 2
    index = covered(low, high) * _STEPS + covered(centre - reach, centre + reach)
    pixels = np.ascontiguousarray(_mixes(*colors)[index])
    image = QImage(
        pixels.data,
        pixels.shape[1],
        height,
        pixels.shape[1] * 4,
        QImage.Format.Format_ARGB32_Premultiplied,
    )
    return image.copy()  # the array goes


@lru_cache(maxsize=32)
def _mixes(body_color: str, peak_color: str) -> npt.NDArray[np.uint32]:
    """What a pixel is where peaks and body cover it by so many steps: [256], premultiplied."""
    body, peak = QColor(body_color), QColor(peak_color)
    steps = np.arange(_STEPS) / (_STEPS - 1)
    over, under = steps[None, :], steps[:, None]
    alpha = over + under * (1 - over)
    mixed = np.round(alpha * 255).astype(np.uint32) << 24
    for shift, b, p in (
        (16, body.redF(), peak.redF()),
        (8, body.greenF(), peak.greenF()),
        (0, body.blueF(), peak.blueF()),
    ):
        value = b * over + p * under * (1 - over)
        mixed |= np.round(value * 255).astype(np.uint32) << shift
    return mixed.reshape(-1)


# Ruler and grid ----------------------------------------------------------------------------------


def paint_ruler(
    painter: QPainter,
    look: Look,
    area: QRectF,
    axis: Axis,
    lines: Sequence[GridLine],
    changes: Sequence[Change],
) -> None:
    """Bars and beats above, tempos and meters that change below."""
    theme = look.theme
    painter.fillRect(area, QColor(theme.panel))
    painter.setPen(pen(theme.line))
    painter.drawLine(QLineF(area.left(), area.bottom() - 0.5, area.right(), area.bottom() - 0.5))
    base = area.top() + GAP_PX + look.small_text.ascent()
    middle = area.top() + area.height() / 2
    painter.setFont(look.small)
    widest = look.small_text.horizontalAdvance("0000")
    taken = -1e9
    for line in lines:
        x = axis.x_of(line.seconds)
        painter.setPen(pen(theme.line_strong if line.is_bar else theme.line))
        painter.drawLine(
            QLineF(_crisp(x), middle if line.is_bar else middle + 8, _crisp(x), area.bottom())
        )
    # Bars first: a beat's label only goes where theirs leave room.
    bars = [line for line in lines if line.is_bar]
    shown: list[tuple[float, float]] = []
    step = _label_step(bars, axis, widest + 12)
    for line in bars:
        if (line.place.bar - 1) % step:
            continue
        left = axis.x_of(line.seconds) + GAP_PX
        width = look.small_text.horizontalAdvance(line.label)
        if left < taken:
            continue
        painter.setPen(pen(theme.text_dim))
        painter.drawText(QPointF(left, base), line.label)
        taken = left + width + 8
        shown.append((left, taken))
    for line in lines:
        if line.is_bar or step > 1:
            continue
        left = axis.x_of(line.seconds) + GAP_PX
        right = left + look.small_text.horizontalAdvance(line.label) + 8
        if any(left < other_right and right > other_left for other_left, other_right in shown):
            continue
        shown.append((left, right))
        painter.setPen(with_alpha(theme.text_dim, 0.7))
        painter.drawText(QPointF(left, base), line.label)
    taken = -1e9
    base = middle + look.small_text.ascent()
    for change in changes:
        x = axis.x_of(change.seconds)
        if x < area.left() - 200 or x > area.right():
            continue
        width = look.small_text.horizontalAdvance(change.text)
        if x < taken:
            continue
        painter.setPen(NO_PEN)
        painter.setBrush(brush(theme.raised))
        painter.drawRoundedRect(
            QRectF(x + 1, middle + 1, width + 8, look.small_text.height()), 3, 3
        )
        painter.setPen(pen(theme.text))
        painter.drawText(QPointF(x + 1 + GAP_PX, base + 1), change.text)
        taken = x + width + 16


def _label_step(bars: Sequence[GridLine], axis: Axis, least_px: float) -> int:
    """Every how many bars a label fits: 1, 2, 4, ..."""
    if len(bars) < 2:
        return 1
    first, last = bars[0], bars[-1]
    bar_px = (last.seconds - first.seconds) * axis.px_per_second
    bar_px /= max(1, last.place.bar - first.place.bar)
    step = 1
    while bar_px * step < least_px and step < 2**24:
        step *= 2
    return step


def paint_grid(
    painter: QPainter, look: Look, area: QRectF, axis: Axis, lines: Sequence[GridLine]
) -> None:
    """Bar lines and beats behind the lanes."""
    for is_bar, color in (
        (False, with_alpha(look.theme.line, 0.55)),
        (True, with_alpha(look.theme.line_strong, 0.55)),
    ):
        painter.setPen(color)
        painter.drawLines(
            [
                QLineF(x, area.top(), x, area.bottom())
                for line in lines
                if line.is_bar is is_bar
                for x in (_crisp(axis.x_of(line.seconds)),)
            ]
        )


def paint_selection(
    painter: QPainter,
    look: Look,
    ruler: QRectF,
    lanes: QRectF,
    axis: Axis,
    selection: tuple[float, float],
    text: str,
) -> None:
    """A band over the lanes, and a stronger one in the ruler that says how long it is."""
    theme = look.theme
    left, right = axis.x_of(selection[0]), axis.x_of(selection[1])
    painter.fillRect(
        QRectF(left, lanes.top(), right - left, lanes.height()), brush(theme.accent, 0.10)
    )
    painter.setPen(pen(theme.accent, 1.0, 0.8))
    for x in (left, right):
        painter.drawLine(QLineF(_crisp(x), ruler.top(), _crisp(x), lanes.bottom()))
    height = look.small_text.height() + 2
    band = QRectF(left, ruler.bottom() - height - 1, right - left, height)
    painter.setPen(NO_PEN)
    painter.setBrush(QColor(theme.accent_strong))
    painter.drawRect(band)
    # In the part that is seen: a long selection keeps its label in view.
    seen = band.intersected(ruler)
    painter.setFont(look.small)
    if look.small_text.horizontalAdvance(text) + 8 <= seen.width():
        painter.setPen(QColor(theme.accent_text))
        painter.drawText(seen, Qt.AlignmentFlag.AlignCenter, text)


def paint_pre_roll(
    painter: QPainter,
    look: Look,
    ruler: QRectF,
    axis: Axis,
    start_seconds: float,
    end_seconds: float,
) -> None:
    """What is played before the selection, in the ruler."""
    left, right = axis.x_of(start_seconds), axis.x_of(end_seconds)
    height = look.small_text.height() + 2
    band = QRectF(left, ruler.bottom() - height - 1, right - left, height)
    painter.fillRect(band, brush(look.theme.accent, 0.14))
    painter.setPen(pen(look.theme.accent, 1.0, 0.8, dashed=True))
    painter.drawLine(QLineF(_crisp(left), band.top(), _crisp(left), band.bottom()))
    text = _tr("pre-roll")
    seen = band.intersected(ruler)
    painter.setFont(look.small)
    if look.small_text.horizontalAdvance(text) + 8 <= seen.width():
        painter.setPen(QColor(look.theme.text_dim))
        painter.drawText(seen, Qt.AlignmentFlag.AlignCenter, text)


def paint_playhead(
    painter: QPainter, look: Look, ruler: QRectF, lanes: QRectF, x_px: float
) -> None:
    x = _crisp(x_px)
    color = QColor(look.theme.text)
    painter.setPen(color)
    painter.drawLine(QLineF(x, ruler.bottom() - 8, x, lanes.bottom()))
    painter.setPen(NO_PEN)
    painter.setBrush(color)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    bottom = ruler.bottom()
    painter.drawPolygon(
        QPolygonF(
            [QPointF(x - 5, bottom - 10), QPointF(x + 5, bottom - 10), QPointF(x, bottom - 2)]
        )
    )
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


# Lanes -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LaneState:
    """What the view knows of a lane beside the lane itself."""

    key: str
    """What switches to it: `0` for the source, `1` to `9`; empty beyond."""
    is_active: bool = False
    is_chosen: bool = False
    is_hovered: bool = False


def lane_parts(look: Look, area: QRectF, has_words: bool) -> tuple[QRectF, QRectF]:
    """Where in a lane its waveform is, and its words; of no height where there are none."""
    inner = area.adjusted(0, GAP_PX, 0, -GAP_PX)
    words_px = look.small_text.height() + 6 if has_words else 0
    wave = inner.adjusted(0, 0, 0, -words_px)
    return wave, QRectF(inner.left(), wave.bottom(), inner.width(), words_px)


def paint_header(painter: QPainter, look: Look, area: QRectF, lane: Lane, state: LaneState) -> None:
    """Key, name, rating and whether it is a preview."""
    theme = look.theme
    ground = theme.raised if state.is_chosen or state.is_hovered else theme.panel
    painter.fillRect(area, QColor(ground))
    painter.setPen(pen(theme.line))
    painter.drawLine(QLineF(area.left(), area.bottom() - 0.5, area.right(), area.bottom() - 0.5))
    if state.is_active:
        painter.fillRect(
            QRectF(area.left(), area.top(), 3, area.height() - 1), QColor(theme.accent)
        )
    badge_px = look.small_text.height() + 2
    left, top = area.left() + 12, area.top() + 8
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if state.key:
        badge = QRectF(left, top, badge_px, badge_px)
        painter.setPen(NO_PEN if state.is_active else pen(theme.line_strong))
        painter.setBrush(QColor(theme.accent_strong) if state.is_active else QBrush())
        painter.drawRoundedRect(badge.adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
        painter.setFont(look.small)
        painter.setPen(QColor(theme.accent_text if state.is_active else theme.text_dim))
        painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, state.key)
    left += badge_px + 8
    right = area.right() - 16
    if state.is_hovered:
        painter.setPen(NO_PEN)
        painter.setBrush(QColor(theme.text_dim))
        for row in range(3):
            for column in range(2):
                middle = area.top() + 8 + badge_px / 2
                painter.drawEllipse(
                    QPointF(area.right() - 12 + 4 * column, middle + 4 * (row - 1)), 1.1, 1.1
                )
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    font = QFont(look.font)
    font.setWeight(QFont.Weight.DemiBold if state.is_active else QFont.Weight.Normal)
    painter.setFont(font)
    painter.setPen(QColor(theme.text))
    name_area = QRectF(left, top, right - left, max(badge_px, look.text.height()))
    name = QFontMetrics(font).elidedText(
        lane.name, Qt.TextElideMode.ElideMiddle, int(name_area.width())
    )
    painter.drawText(name_area, Qt.AlignmentFlag.AlignVCenter, name)
    painter.setFont(look.small)
    second = QRectF(left, name_area.bottom() + 2, right - left, look.small_text.height())
    if lane.rating:
        stars = "★" * lane.rating
        painter.setPen(QColor(theme.text_dim))
        painter.drawText(second, Qt.AlignmentFlag.AlignVCenter, stars)
        second.setLeft(second.left() + look.small_text.horizontalAdvance(stars) + 8)
    told = _tr("preview") if lane.is_preview else ""
    if told and look.small_text.horizontalAdvance(told) <= second.width():
        painter.setPen(QColor(theme.warning))
        painter.drawText(second, Qt.AlignmentFlag.AlignVCenter, told)


def paint_block(
    painter: QPainter, look: Look, area: QRectF, axis: Axis, lane: Lane, state: LaneState
) -> None:
    """The ground a lane's waveform lies on, from its start to its end."""
    block = _block(area, axis, lane)
    theme = look.theme
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(pen(theme.accent, 1.0, 0.6) if state.is_active else pen(theme.line))
    painter.setBrush(QColor(theme.panel))
    painter.drawRoundedRect(block.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def paint_lane(
    painter: QPainter,
    look: Look,
    area: QRectF,
    exposed: QRectF,
    axis: Axis,
    lane: Lane,
    state: LaneState,
    peaks: Peaks | None,
    error: str | None,
    tiles: WaveTiles,
    gain: float,
    playhead_seconds: float,
    grid: Grid,
) -> None:
    """Waveform, what is not made yet, seams and words."""
    theme = look.theme
    wave, words = lane_parts(look, area, bool(lane.words))
    known_x = axis.x_of(lane.start_seconds + min(lane.known_seconds, lane.length_seconds))
    end_x = axis.x_of(lane.start_seconds + lane.length_seconds)
    start_x = axis.x_of(lane.start_seconds)
    if peaks is not None:
        heard = min(known_x, axis.x_of(lane.start_seconds + peaks.length_seconds))
        sound = QRectF(start_x, wave.top() + 2, heard - start_x, wave.height() - 4)
        colors = (
            (theme.accent, theme.accent_peak) if state.is_active else (theme.wave, theme.wave_peak)
        )
        if lane.is_preview:
            # One tone instead of two: a preview is a sketch.
            colors = (colors[1], colors[1])
        tiles.paint(painter, peaks, axis, lane.start_seconds, gain, sound, exposed, colors)
    elif lane.known_seconds > 0:
        text = error or _tr("Reading…")
        seen = QRectF(start_x, wave.top(), known_x - start_x, wave.height()).intersected(area)
        _paint_sentence(painter, look, seen, text, theme.error if error else theme.text_dim)
    if known_x < end_x - 1:
        rest = QRectF(
            known_x, wave.top() + 1, end_x - known_x - 1, wave.height() + words.height() - 2
        )
        painter.fillRect(
            rest, QBrush(with_alpha(theme.line_strong, 0.45), Qt.BrushStyle.BDiagPattern)
        )
        _paint_known_mark(painter, look, wave, area, lane, known_x, end_x, grid)
    for seconds in lane.joins_seconds:
        _paint_seam(painter, look, wave, axis.x_of(seconds))
    if lane.words:
        _paint_words(painter, look, words, exposed, axis, lane, playhead_seconds)


def _paint_sentence(painter: QPainter, look: Look, area: QRectF, text: str, color: str) -> None:
    """Over two lines at most, with dots where it is longer."""
    area = area.adjusted(8, 4, -8, -4)
    if area.width() < 40:
        return
    painter.setFont(look.small)
    painter.setPen(QColor(color))
    flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
    lines = max(1, int(area.height() // look.small_text.lineSpacing()))
    room = int(area.width() * lines * 0.9)
    short = look.small_text.elidedText(text, Qt.TextElideMode.ElideRight, room)
    painter.drawText(area, int(flags) | int(Qt.TextFlag.TextWordWrap), short)


def _paint_known_mark(
    painter: QPainter,
    look: Look,
    wave: QRectF,
    area: QRectF,
    lane: Lane,
    known_x: float,
    end_x: float,
    grid: Grid,
) -> None:
    """A line with a flag: how far the preview, or the upsampling, has come."""
    theme = look.theme
    color = theme.warning if lane.is_preview else theme.accent
    x = _crisp(known_x)
    painter.setPen(pen(color, 1.0))
    painter.drawLine(QLineF(x, wave.top() + 1, x, wave.bottom()))
    place = str(grid.place(lane.start_seconds + lane.known_seconds))
    if lane.known_seconds <= 0:
        text = _tr("waiting")
    elif lane.is_preview:
        text = _tr("preview to {0}").format(place)
    else:
        text = _tr("upsampled to {0}").format(place)
    width = look.small_text.horizontalAdvance(text) + 12
    height = look.small_text.height() + 2
    left = x
    if left + width > min(end_x, area.right()):
        left = x - width  # no room on the right: over the sound, on a ground of its own
    flag = QRectF(left, wave.top() + 4, width, height)
    painter.setPen(NO_PEN)
    painter.setBrush(QColor(theme.raised))
    painter.drawRect(flag)
    painter.setFont(look.small)
    painter.setPen(QColor(color if lane.known_seconds > 0 else theme.text_dim))
    painter.drawText(flag, Qt.AlignmentFlag.AlignCenter, text)


def _paint_seam(painter: QPainter, look: Look, wave: QRectF, x_px: float) -> None:
    """Where a result is joined to the clip: a dashed line that hangs from a diamond."""
    x = _crisp(x_px)
    painter.setPen(pen(look.theme.seam, 1.0, 0.9, dashed=True))
    painter.drawLine(QLineF(x, wave.top() + 6, x, wave.bottom()))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(NO_PEN)
    painter.setBrush(QColor(look.theme.seam))
    top = wave.top() + 1
    painter.drawPolygon(
        QPolygonF(
            [QPointF(x, top), QPointF(x + 4, top + 4), QPointF(x, top + 8), QPointF(x - 4, top + 4)]
        )
    )
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def lit_word(lane: Lane, playhead_seconds: float) -> int | None:
    """The index of the word that sounds."""
    index = bisect_right(lane.words, playhead_seconds, key=lambda word: word[1]) - 1
    return index if index >= 0 and playhead_seconds < lane.words[index][2] else None


def words_at(
    look: Look, area: QRectF, axis: Axis, lane: Lane, left_px: float, right_px: float
) -> Iterator[tuple[int, QRectF, bool]]:
    """Index, place and whether there is room for the text, of words that reach into left to right.

    A word without room is as wide as it lasts.
    """
    # From a little before: a word's text may reach further than the word lasts.
    first = bisect_right(lane.words, axis.seconds_at(left_px - 200), key=lambda word: word[1])
    taken = -1e9
    for index in range(max(0, first - 1), len(lane.words)):
        text, start, end = lane.words[index]
        left = axis.x_of(start)
        if left > right_px:
            return
        width = look.small_text.horizontalAdvance(text) + 8
        has_room = left - 4 >= taken
        if has_room:
            taken = left - 4 + width
        span = max(2.0, axis.x_of(end) - left)
        yield (
            index,
            QRectF(left - 4, area.top(), max(width, span + 4), area.height())
            if has_room
            else QRectF(left, area.top(), span, area.height()),
            has_room,
        )


def _paint_words(
    painter: QPainter,
    look: Look,
    area: QRectF,
    exposed: QRectF,
    axis: Axis,
    lane: Lane,
    playhead_seconds: float,
) -> None:
    theme = look.theme
    painter.setFont(look.small)
    lit = lit_word(lane, playhead_seconds)
    lit_place: QRectF | None = None
    base = area.top() + 3 + look.small_text.ascent()
    for index, place, has_room in words_at(look, area, axis, lane, exposed.left(), exposed.right()):
        text, start, end = lane.words[index]
        x, span = axis.x_of(start), max(1.0, (end - start) * axis.px_per_second - 1)
        painter.fillRect(QRectF(x, area.top(), span, 2), brush(theme.line_strong))
        if index == lit:
            lit_place = place
        elif has_room:
            painter.setPen(QColor(theme.text_dim))
            painter.drawText(QPointF(x, base), text)
    if lit is not None and lit_place is not None:
        text, start, _ = lane.words[lit]
        width = look.small_text.horizontalAdvance(text) + 8
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(NO_PEN)
        painter.setBrush(QColor(theme.accent_strong))
        painter.drawRoundedRect(
            QRectF(axis.x_of(start) - 4, area.top(), width, area.height() - 2), 3, 3
        )
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(QColor(theme.accent_text))
        painter.drawText(QPointF(axis.x_of(start), base), text)


def _block(area: QRectF, axis: Axis, lane: Lane) -> QRectF:
    # Cut to a little more than the view: Qt draws rectangles of millions of pixels badly.
    left = max(axis.x_of(lane.start_seconds), area.left() - 16)
    right = min(axis.x_of(lane.start_seconds + lane.length_seconds), area.right() + 16)
    return QRectF(left, area.top() + GAP_PX, max(0.0, right - left), area.height() - 2 * GAP_PX)


# Morph -------------------------------------------------------------------------------------------


def morph_point_at(morph: Morph, index: int, area: QRectF, axis: Axis) -> QPointF:
    """Where a breakpoint is drawn: as high as the first part's share."""
    point = morph.points[index]
    share = morph.shares_at(point.at_seconds)[0]
    inner = morph_inner(area)
    return QPointF(
        axis.x_of(morph.start_seconds + point.at_seconds), inner.bottom() - share * inner.height()
    )


def morph_inner(area: QRectF) -> QRectF:
    return area.adjusted(0, 8, 0, -8)


def paint_morph_header(painter: QPainter, look: Look, area: QRectF, morph: Morph) -> None:
    """The names with their colours: the first from below, as its area is."""
    theme = look.theme
    painter.fillRect(area, QColor(theme.panel))
    painter.setPen(pen(theme.line))
    painter.drawLine(QLineF(area.left(), area.bottom() - 0.5, area.right(), area.bottom() - 0.5))
    row_px = look.small_text.height() + 2
    rows = max(1, int((area.height() - 8) // row_px))
    names = list(enumerate(morph.names))
    hidden = len(names) - rows
    if hidden > 0:
        names = names[: rows - 1]
    painter.setFont(look.small)
    bottom = area.bottom() - 4
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for row, (index, name) in enumerate(names):
        line = QRectF(area.left() + 12, bottom - (row + 1) * row_px, area.width() - 28, row_px)
        painter.setPen(NO_PEN)
        painter.setBrush(QColor(theme.series[index % len(theme.series)]))
        painter.drawEllipse(QPointF(line.left() + 4, line.center().y()), 4, 4)
        painter.setPen(QColor(theme.text))
        line.setLeft(line.left() + 16)
        short = look.small_text.elidedText(name, Qt.TextElideMode.ElideRight, int(line.width()))
        painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, short)
    if hidden > 0:
        line = QRectF(area.left() + 28, bottom - rows * row_px, area.width() - 44, row_px)
        painter.setPen(QColor(theme.text_dim))
        painter.drawText(
            line,
            Qt.AlignmentFlag.AlignVCenter,
            _tr("and {0} more").format(len(morph.names) - len(names)),
        )
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def paint_morph(
    painter: QPainter,
    look: Look,
    area: QRectF,
    axis: Axis,
    morph: Morph,
    current: int | None,
) -> None:
    """Each part's share as an area on top of the ones before it; breakpoints on the first line.

    current: the breakpoint that keys act on.
    """
    theme = look.theme
    inner = morph_inner(area)
    times = sorted({0.0, morph.length_seconds, *(point.at_seconds for point in morph.points)})
    shares = [morph.shares_at(at) for at in times]
    xs = [axis.x_of(morph.start_seconds + at) for at in times]
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    below = [0.0] * len(times)
    for part in range(len(morph.names)):
        above = [low + share[part] for low, share in zip(below, shares, strict=True)]
        outline = QPolygonF(
            [
                QPointF(x, inner.bottom() - y * inner.height())
                for x, y in (
                    *zip(xs, below, strict=True),
                    *reversed(list(zip(xs, above, strict=True))),
                )
            ]
        )
        color = theme.series[part % len(theme.series)]
        painter.setPen(NO_PEN)
        painter.setBrush(brush(color, 0.28))
        painter.drawPolygon(outline)
        if part == 0:
            painter.setBrush(QBrush())
            painter.setPen(pen(color, 2.0))
            painter.drawPolyline(QPolygonF(list(outline)[len(xs) :]))
        below = above
    for index in range(len(morph.points)):
        middle = morph_point_at(morph, index, area, axis)
        painter.setPen(pen(theme.window, 1.5))
        painter.setBrush(QColor(theme.text if index == current else theme.series[0]))
        radius = 6 if index == current else 5
        painter.drawEllipse(middle, radius, radius)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    if current is not None:
        _paint_share(painter, look, area, axis, morph, current)


def _paint_share(
    painter: QPainter, look: Look, area: QRectF, axis: Axis, morph: Morph, index: int
) -> None:
    """The share at a breakpoint in words, beside it."""
    share = morph.shares_at(morph.points[index].at_seconds)[0]
    name = look.small_text.elidedText(morph.names[0], Qt.TextElideMode.ElideRight, 120)
    text = _tr("{0} {1} %").format(name, round(100 * share))
    middle = morph_point_at(morph, index, area, axis)
    width, height = look.small_text.horizontalAdvance(text) + 12, look.small_text.height() + 2
    left = middle.x() + 10 if middle.x() + 10 + width < area.right() else middle.x() - 10 - width
    top = min(max(area.top() + 2, middle.y() - height / 2), area.bottom() - height - 2)
    painter.setPen(NO_PEN)
    painter.setBrush(QColor(look.theme.raised))
    painter.drawRect(QRectF(left, top, width, height))
    painter.setFont(look.small)
    painter.setPen(QColor(look.theme.text))
    painter.drawText(QRectF(left, top, width, height), Qt.AlignmentFlag.AlignCenter, text)


def _crisp(x_px: float) -> float:
    """In the middle of a pixel, so that a line of one pixel covers one."""
    return int(x_px) + 0.5


def to_rect(area: QRectF) -> QRect:
    """The whole pixels that an area touches, and one more around."""
    return area.toAlignedRect().adjusted(-1, -1, 1, 1)
