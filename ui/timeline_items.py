"""What the timeline consists of, drawn: ruler, lanes and their headers, waveforms, words, morph.

Functions that paint one thing each into a rectangle, and know no mouse. Text is measured, so that
what does not fit is left out or shortened and never laid over other text.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
from PyQt6.QtCore import QLineF, QPointF, QRect, QRectF, Qt
from PyQt6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QFontMetrics,
    QImage,
    QPainter,
    QPolygonF,
)

from ui.peaks import Columns, Peaks
from ui.shared import Lane
from ui.spectra import Spectra
from ui.theme import NO_PEN, Theme, brush, pen, small_font, with_alpha
from ui.timeline_grid import Change, Grid, GridLine
from ui.timeline_morph import Morph
from ui.words import translate

Words = tuple[tuple[str, float, float], ...]

GAP_PX: Final = 4
TILE_PX: Final = 512
# A view of 20 lanes at 3840 pixels and 200 % shows 40 MB.
_MOST_TILE_BYTES: Final = 96 * 2**20
# The body of a sound is narrower than how far its blocks reach.
_BODY: Final = 0.6
_STEPS: Final = 16
FREQUENCIES: Final = ((100, "100 Hz"), (400, "400"), (1_500, "1.5k"), (6_000, "6k"))
"""That a spectrogram names, as far as there is room."""


@dataclass(frozen=True, eq=False)
class Look:
    """What everything is drawn with. Equal to itself only: what is measured is kept under it."""

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


class Tiles:
    """Drawn sound, in tiles of `TILE_PX` columns that are kept.

    Tiles stand on a grid of the timeline, so scrolling shifts what is there and draws one tile now
    and then, and the playhead passes over without any being drawn again.
    """

    def __init__(self) -> None:
        self._tiles: OrderedDict[tuple[object, ...], QImage] = OrderedDict()
        self._size_bytes = 0

    def paint(
        self,
        painter: QPainter,
        axis: Axis,
        area: QRectF,
        exposed: QRectF,
        what: Hashable,
        draw: Callable[[float, float, int], QImage],
    ) -> None:
        """What `draw` makes, where `exposed` is in `area`.

        draw: gets the second at which a tile begins, seconds per column, and how high it is, and
        gives an image of `TILE_PX` columns. what: all that it depends on besides.
        """
        seen = area.intersected(exposed)
        if seen.isEmpty():
            return
        device = painter.device()
        assert device is not None  # who paints has one
        ratio = device.devicePixelRatioF()
        height = max(2, round(area.height() * ratio))
        tile_px = TILE_PX / ratio
        first = int((seen.left() - axis.origin_px) // tile_px)
        last = int((seen.right() - axis.origin_px) // tile_px)
        painter.save()
        painter.setClipRect(seen, Qt.ClipOperation.IntersectClip)
        for tile in range(first, last + 1):
            key = (what, axis.px_per_second, ratio, height, tile)
            image = self._tiles.get(key)
            if image is None:
                per_column = 1.0 / (axis.px_per_second * ratio)
                image = draw(tile * TILE_PX * per_column, per_column, height)
                image.setDevicePixelRatio(ratio)
                self._tiles[key] = image
                self._size_bytes += image.sizeInBytes()
                while self._size_bytes > _MOST_TILE_BYTES:
                    self._size_bytes -= self._tiles.popitem(last=False)[1].sizeInBytes()
            else:
                self._tiles.move_to_end(key)
            painter.drawImage(QPointF(axis.origin_px + tile * tile_px, area.top()), image)
        painter.restore()


def _wave_image(
    columns: tuple[Columns, Columns, Columns],
    gain: float,
    height: int,
    colors: tuple[str, str],
) -> QImage:
    """Columns as an image of `height` rows, each pixel as opaque as it is covered."""
    lowest, highest, body = columns
    middle = height / 2
    # In whole steps of a pixel: as fine as it is mixed, and three times as fast as in floats.
    rows = (np.arange(height, dtype=np.int32) * _STEPS).astype(np.int16)[:, None]

    def steps(values: Columns) -> npt.NDArray[np.int16]:
        """How far down the image, from its top."""
        down = middle - np.clip(values * np.float32(gain), -1.0, 1.0) * middle
        whole: npt.NDArray[np.int16] = (down * _STEPS + 0.5).astype(np.int16)
        return whole

    def covered(low: Columns, high: Columns) -> npt.NDArray[np.int16]:
        share: npt.NDArray[np.int16] = np.minimum(steps(low), rows + np.int16(_STEPS))
        share -= np.maximum(steps(high), rows)
        np.maximum(share, 0, out=share)
        return share

    # Silence is a line, so that it differs from what is not there; one pixel is never less.
    half = 0.5 / middle / max(gain, 1e-6)
    low, high = np.minimum(lowest, -half), np.maximum(highest, half)
    # The body lies around the middle of what it is the body of.
    centre = (lowest + highest) / 2
    reach = np.minimum(body, np.abs(lowest) + np.abs(highest)) * np.float32(_BODY)
    index = covered(low, high) * np.int16(_STEPS + 1) + covered(centre - reach, centre + reach)
    pixels = _mixes(*colors).take(index)
    return _image_of(pixels)


def _spectrum_image(columns: npt.NDArray[np.uint8], height: int, colors: tuple[str, ...]) -> QImage:
    """Columns [TILE_PX, bands] as an image of `height` rows, low notes below."""
    bands = columns.shape[1]
    rows = np.clip((np.arange(height)[::-1] + 0.5) * bands / height - 0.5, 0, bands - 1)
    below = rows.astype(np.intp)
    above = np.minimum(below + 1, bands - 1)
    share = np.round((rows - below) * 256).astype(np.uint16)[:, None]
    levels = columns.T
    mixed = (levels[below] * (256 - share) + levels[above] * share) >> 8
    pixels = _shades(colors).take(mixed)
    return _image_of(pixels)


def _image_of(pixels: npt.NDArray[np.uint32]) -> QImage:
    """Pixels [rows, columns], premultiplied."""
    height, width = pixels.shape
    form = QImage.Format.Format_ARGB32_Premultiplied
    return QImage(pixels.tobytes(), width, height, 4 * width, form).copy()  # the bytes go


@lru_cache(maxsize=16)
def _shades(colors: tuple[str, ...]) -> npt.NDArray[np.uint32]:
    """256 colours from the first to the last, through those between."""
    stops = np.linspace(0, 255, len(colors))
    mixed = np.full(256, 0xFF, np.uint32) << 24
    for shift, part in ((16, QColor.red), (8, QColor.green), (0, QColor.blue)):
        values = np.interp(np.arange(256), stops, [part(QColor(color)) for color in colors])
        mixed |= np.round(values).astype(np.uint32) << shift
    return np.asarray(mixed, np.uint32)


@lru_cache(maxsize=32)
def _mixes(body_color: str, peak_color: str) -> npt.NDArray[np.uint32]:
    """What a pixel is where peaks and body cover it by so many steps: premultiplied, flat."""
    body, peak = QColor(body_color), QColor(peak_color)
    steps = np.arange(_STEPS + 1) / _STEPS
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
    return np.asarray(mixed.reshape(-1), np.uint32)


# Ruler and grid ----------------------------------------------------------------------------------


def ruler_px(look: Look, has_changes: bool) -> int:
    """A row for bars, one for tempos and meters where they change, one for the selection."""
    row_px = look.small_text.height() + 2
    return (3 if has_changes else 2) * row_px + 2 * GAP_PX


def paint_ruler(
    painter: QPainter,
    look: Look,
    area: QRectF,
    axis: Axis,
    lines: Sequence[GridLine],
    changes: Sequence[Change],
) -> None:
    """Bars and beats, and below them the tempos and meters that change."""
    theme, row_px = look.theme, look.small_text.height() + 2
    painter.fillRect(area, QColor(theme.panel))
    painter.setPen(pen(theme.line))
    painter.drawLine(QLineF(area.left(), area.bottom() - 0.5, area.right(), area.bottom() - 0.5))
    painter.setFont(look.small)
    bars = [line for line in lines if line.is_bar]
    beats = [line for line in lines if not line.is_bar]
    for line in lines:
        x = _crisp(axis.x_of(line.seconds))
        painter.setPen(pen(theme.line_strong if line.is_bar else theme.line))
        top = area.top() + GAP_PX if line.is_bar else area.bottom() - row_px / 2
        painter.drawLine(QLineF(x, top, x, area.bottom()))
    step = _label_step(bars, axis, look.small_text.horizontalAdvance("0000") + 12)
    shown = [line for line in bars if (line.place.bar - 1) % step == 0]
    if step == 1 and _fit_between(look, axis, bars + beats):
        shown += beats
    for line in shown:
        painter.setPen(QColor(theme.text) if line.is_bar else QColor(theme.text_dim))
        left = axis.x_of(line.seconds) + GAP_PX
        painter.drawText(QPointF(left, area.top() + GAP_PX + look.small_text.ascent()), line.label)
    taken = -math.inf
    top = area.top() + GAP_PX + row_px
    for change in changes:
        x = axis.x_of(change.seconds)
        width = look.small_text.horizontalAdvance(change.text) + 8
        if x < taken or x > area.right() or x + width < area.left():
            continue
        painter.setPen(NO_PEN)
        painter.setBrush(QColor(theme.raised))
        painter.drawRect(QRectF(x + 1, top, width, row_px - 1))
        painter.setPen(QColor(theme.text))
        painter.drawText(QPointF(x + 1 + GAP_PX, top + 1 + look.small_text.ascent()), change.text)
        taken = x + width + GAP_PX


def _fit_between(look: Look, axis: Axis, lines: Sequence[GridLine]) -> bool:
    """Whether every line's label ends before the next line: some without others would confuse."""
    ordered = sorted(lines, key=lambda line: line.seconds)
    return all(
        axis.x_of(line.seconds) + look.small_text.horizontalAdvance(line.label) + 3 * GAP_PX
        <= axis.x_of(following.seconds)
        for line, following in pairwise(ordered)
    )


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
        drawn = [
            QLineF(x, area.top(), x, area.bottom())
            for x in (_crisp(axis.x_of(line.seconds)) for line in lines if line.is_bar is is_bar)
        ]
        if drawn:
            painter.drawLines(*drawn)


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
    text = translate("Timeline", "pre-roll")
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
    upsampled: float = 0.0
    """How much of a preview has its full quality; 0 where nothing makes it so."""


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
    if state.is_chosen:
        painter.setPen(pen(theme.accent, 2.0))
        x, y = area.right() - 14, area.top() + 8 + badge_px / 2
        painter.drawPolyline(
            QPolygonF([QPointF(x, y), QPointF(x + 3, y + 3), QPointF(x + 8, y - 4)])
        )
    elif state.is_hovered:
        painter.setPen(NO_PEN)
        painter.setBrush(QColor(theme.text_dim))
        for dots in range(3):
            for column in range(2):
                middle = area.top() + 8 + badge_px / 2
                painter.drawEllipse(
                    QPointF(area.right() - 12 + 4 * column, middle + 4 * (dots - 1)), 1.1, 1.1
                )
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
    font = QFont(look.font)
    font.setWeight(QFont.Weight.DemiBold if state.is_active else QFont.Weight.Normal)
    painter.setFont(font)
    painter.setPen(QColor(theme.text))
    row = QRectF(left, top, right - left, max(badge_px, look.text.height()))
    # Two lines where the rating has room below them.
    has_room = area.height() >= 8 + 2 * row.height() + look.small_text.height() + 6
    names = two_lines(QFontMetrics(font), lane.name, int(row.width()), 2 if has_room else 1)
    for name in names:
        painter.drawText(row, Qt.AlignmentFlag.AlignVCenter, name)
        row.translate(0, look.text.height())
    painter.setFont(look.small)
    second = QRectF(left, row.top() + 2, right - left, look.small_text.height())
    if lane.rating:
        stars = "★" * lane.rating
        painter.setPen(QColor(theme.text_dim))
        painter.drawText(second, Qt.AlignmentFlag.AlignVCenter, stars)
        second.setLeft(second.left() + look.small_text.horizontalAdvance(stars) + 8)
    preview = translate("Timeline", "preview") if lane.is_preview else ""
    for told, color in ((preview, theme.warning), (lane.asked_for, theme.text_dim)):
        width_px = look.small_text.horizontalAdvance(told)
        if told and width_px <= second.width():
            painter.setPen(QColor(color))
            painter.drawText(second, Qt.AlignmentFlag.AlignVCenter, told)
            second.setLeft(second.left() + width_px + 8)


def two_lines(metrics: QFontMetrics, text: str, width_px: int, most_lines: int) -> list[str]:
    """The text in a line or two; what does not fit is left out in the middle.

    The middle, because what tells one take from another is at the end.
    """
    if metrics.horizontalAdvance(text) <= width_px or most_lines == 1:
        return [metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, width_px)]
    fitting = bisect_right(
        range(len(text) + 1), width_px, key=lambda n: metrics.horizontalAdvance(text[:n])
    )
    cut = max(1, fitting - 1)
    word_end = max(text.rfind(" ", 0, cut + 1), *(text.rfind(c, 0, cut) + 1 for c in "-_"))
    if word_end > cut // 2:
        cut = word_end
    rest = text[cut:].lstrip()
    return [text[:cut], metrics.elidedText(rest, Qt.TextElideMode.ElideMiddle, width_px)]


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
    found: Peaks | Spectra | None,
    error: str | None,
    tiles: Tiles,
    gain: float,
    playhead_seconds: float,
    grid: Grid,
) -> None:
    """Waveform or spectrogram, what is not made yet, seams and words."""
    theme = look.theme
    wave, words = lane_parts(look, area, bool(lane.words))
    known_x = axis.x_of(lane.start_seconds + min(lane.known_seconds, lane.length_seconds))
    end_x = axis.x_of(lane.start_seconds + lane.length_seconds)
    start_x = axis.x_of(lane.start_seconds)
    if found is not None:
        heard = min(known_x, axis.x_of(lane.start_seconds + found.length_seconds))
        sound = QRectF(start_x, wave.top() + 2, heard - start_x, wave.height() - 4)
    if isinstance(found, Spectra):
        _paint_spectrum(painter, look, area, sound, exposed, axis, lane, state, found, tiles)
    elif found is not None:
        colors = (
            (theme.accent, theme.accent_peak) if state.is_active else (theme.wave, theme.wave_peak)
        )
        if lane.is_preview:
            # One tone instead of two: a preview is a sketch.
            colors = (colors[1], colors[1])
        peaks, start = found, lane.start_seconds

        def draw(first: float, step: float, height: int) -> QImage:
            columns = peaks.columns(first - start, step, TILE_PX)
            return _wave_image(columns, gain, height, colors)

        tiles.paint(painter, axis, sound, exposed, (peaks, start, gain, colors), draw)
    elif lane.known_seconds > 0:
        text = error or translate("Timeline", "Reading…")
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
    if state.upsampled:
        _paint_upsampled(painter, look, wave, area, start_x, end_x, state.upsampled)
    for seconds in lane.joins_seconds:
        _paint_seam(painter, look, wave, axis.x_of(seconds))
    if lane.words:
        _paint_words(painter, look, words, exposed, axis, lane, playhead_seconds)


def _paint_spectrum(
    painter: QPainter,
    look: Look,
    lane_area: QRectF,
    area: QRectF,
    exposed: QRectF,
    axis: Axis,
    lane: Lane,
    state: LaneState,
    spectra: Spectra,
    tiles: Tiles,
) -> None:
    """How strong which notes are: the stronger, the further from the ground's colour."""
    theme, start = look.theme, lane.start_seconds
    low, high = (
        (theme.accent_peak, theme.accent) if state.is_active else (theme.wave_peak, theme.wave)
    )
    # The text's colour is as far from the ground as there is one, in the dark and the light.
    colors = (theme.field, low, high, theme.text)

    def draw(first: float, step: float, height: int) -> QImage:
        return _spectrum_image(spectra.columns(first - start, step, TILE_PX), height, colors)

    tiles.paint(painter, axis, area, exposed, (spectra, start, colors), draw)
    # The names stay at the left of what is seen of the lane.
    left = max(area.left(), lane_area.left()) + 4
    taken = math.inf
    painter.setFont(look.small)
    height = look.small_text.height()
    for hz, text in FREQUENCIES:
        y = area.bottom() - spectra.height_of(hz) * area.height()
        if not area.top() + height / 2 < y < area.bottom() - height / 2 or y > taken - height:
            continue
        taken = y
        place = QRectF(left, y - height / 2, look.small_text.horizontalAdvance(text) + 6, height)
        painter.fillRect(place, brush(theme.field, 0.7))
        painter.setPen(QColor(theme.text))
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, text)


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
    """A line with a flag: how far the preview has come."""
    theme, color = look.theme, look.theme.warning
    x = _crisp(known_x)
    painter.setPen(pen(color, 1.0))
    painter.drawLine(QLineF(x, wave.top() + 1, x, wave.bottom()))
    place = str(grid.place(lane.start_seconds + lane.known_seconds))
    if lane.known_seconds <= 0:
        text = translate("Timeline", "waiting")
    else:
        text = translate("Timeline", "preview to {0}").format(place)
    width = look.small_text.horizontalAdvance(text) + 12
    height = look.small_text.height() + 2
    left = x + (8 if lane.known_seconds <= 0 else 0)  # beside the seam that is there
    if left + width > min(end_x, area.right()):
        left = x - width  # no room on the right: over the sound, on a ground of its own
    flag = QRectF(left, wave.top() + 4, width, height)
    painter.setPen(NO_PEN)
    painter.setBrush(QColor(theme.raised))
    painter.drawRect(flag)
    painter.setFont(look.small)
    painter.setPen(QColor(color if lane.known_seconds > 0 else theme.text_dim))
    painter.drawText(flag, Qt.AlignmentFlag.AlignCenter, text)


def _paint_upsampled(
    painter: QPainter,
    look: Look,
    wave: QRectF,
    area: QRectF,
    start_x: float,
    end_x: float,
    share: float,
) -> None:
    """A line along the lower edge with a flag at its end: how much has its full quality."""
    reach = start_x + share * (end_x - start_x)
    painter.fillRect(
        QRectF(start_x, wave.bottom() - 3, end_x - start_x, 3), QColor(look.theme.raised)
    )
    painter.fillRect(
        QRectF(start_x, wave.bottom() - 3, reach - start_x, 3), QColor(look.theme.accent)
    )
    text = translate("Timeline", "upsampled {0} %").format(round(100 * share))
    width = look.small_text.horizontalAdvance(text) + 12
    height = look.small_text.height() + 2
    left = min(max(reach - width, start_x, area.left()), area.right() - width)
    flag = QRectF(left, wave.bottom() - 3 - height, width, height)
    painter.fillRect(flag, QColor(look.theme.raised))
    painter.setFont(look.small)
    painter.setPen(QColor(look.theme.accent))
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


@lru_cache(maxsize=4096)
def _word_px(look: Look, text: str) -> int:
    return look.small_text.horizontalAdvance(text) + 8


@lru_cache(maxsize=64)
def _words_with_room(look: Look, lane_words: Words, px_per_second: float) -> frozenset[int]:
    """The words whose text lies over no other, from the first on."""
    found, taken = set(), -math.inf
    for index, (text, start, _) in enumerate(lane_words):
        left = start * px_per_second
        if left >= taken:
            found.add(index)
            taken = left + _word_px(look, text)
    return frozenset(found)


def words_at(
    look: Look, area: QRectF, axis: Axis, lane: Lane, left_px: float, right_px: float
) -> Iterator[tuple[int, QRectF, bool]]:
    """Index, place and whether there is room for the text, of words that reach into left to right.

    A word without room is as wide as it lasts.
    """
    with_room = _words_with_room(look, lane.words, axis.px_per_second)
    # From a little before: a word's text may reach further than the word lasts.
    first = bisect_right(lane.words, axis.seconds_at(left_px - 200), key=lambda word: word[1])
    for index in range(max(0, first - 1), len(lane.words)):
        text, start, end = lane.words[index]
        left = axis.x_of(start)
        if left > right_px:
            return
        span = max(2.0, axis.x_of(end) - left)
        has_room = index in with_room
        if has_room:
            width = _word_px(look, text)
            place = QRectF(left - 4, area.top(), max(width, span + 4), area.height())
        else:
            place = QRectF(left, area.top(), span, area.height())
        yield index, place, has_room


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
    base = area.top() + 3 + look.small_text.ascent()
    lit = lit_word(lane, playhead_seconds)
    lit_place = QRectF()
    if lit is not None:
        width = _word_px(look, lane.words[lit][0])
        lit_place = QRectF(axis.x_of(lane.words[lit][1]) - 4, area.top(), width, area.height() - 2)
    end_x = axis.x_of(lane.start_seconds + lane.length_seconds)
    # A word that the lit one lies over may reach out of what is exposed.
    left, right = exposed.left() - lit_place.width(), exposed.right() + lit_place.width()
    lasting = []
    painter.setPen(QColor(theme.text_dim))
    for index, place, has_room in words_at(look, area, axis, lane, left, right):
        text, start, end = lane.words[index]
        span = max(1.0, (end - start) * axis.px_per_second - 1)
        lasting.append(QRectF(axis.x_of(start), area.top(), span, 2))
        if not has_room or index == lit:
            continue
        width = _word_px(look, text)
        text_place = QRectF(place.left(), area.top(), width, 4)
        if text_place.right() <= end_x + 4 and not text_place.intersects(lit_place):
            painter.drawText(QPointF(axis.x_of(start), base), text)
    painter.setPen(NO_PEN)
    painter.setBrush(QColor(theme.line_strong))
    if lasting:
        painter.drawRects(*lasting)
    if lit is not None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(QColor(theme.accent_strong))
        painter.drawRoundedRect(lit_place, 3, 3)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(QColor(theme.accent_text))
        painter.drawText(QPointF(lit_place.left() + 4, base), lane.words[lit][0])


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
            translate("Timeline", "and {0} more").format(len(morph.names) - len(names)),
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
        upper = [
            QPointF(x, inner.bottom() - y * inner.height()) for x, y in zip(xs, above, strict=True)
        ]
        lower = [
            QPointF(x, inner.bottom() - y * inner.height()) for x, y in zip(xs, below, strict=True)
        ]
        color = theme.series[part % len(theme.series)]
        painter.setPen(NO_PEN)
        painter.setBrush(brush(color, 0.4 if part else 0.28))
        painter.drawPolygon(QPolygonF([*lower, *reversed(upper)]))
        if part == 0:
            painter.setBrush(QBrush())
            painter.setPen(pen(color, 2.0))
            painter.drawPolyline(QPolygonF(upper))
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
    text = translate("Timeline", "{0} {1} %").format(name, round(100 * share))
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
