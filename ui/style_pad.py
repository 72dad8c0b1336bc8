"""In whose style: artists on a slider, a pad or a list, genres, and how they change over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPolygonF
from PyQt6.QtWidgets import (
    QDoubleSpinBox,
    QFrame,
    QGridLayout,
    QLabel,
    QListWidget,
    QPushButton,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from jukebox_studio.style import MOST_PARTS, MOST_WEIGHT, Blend, Part, Style, StylePoint
from ui.draft import ModelSummary, shown_name
from ui.name_picker import NamePicker
from ui.panel_controls import ElidedLabel, Fold, column, describe, icon_button, quiet_label, row
from ui.theme import GRID_PX, brush, current_theme, icon, pen
from ui.timeline_morph import Morph, MorphPoint

PAD_CORNERS = (3, 4)
_CORNERS = {
    3: ((0.5, 0.0), (0.0, 1.0), (1.0, 1.0)),
    4: ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)),
}
_STEPS = 100
_KEY_STEP = 0.05


# Geometry of the pad -----------------------------------------------------------------------------


def weights_at(count: int, x: float, y: float) -> tuple[float, ...]:
    """The weights of 3 or 4 corners at a place of the unit square; they add up to 1.

    Three lie on a triangle (point up; a place outside counts as the nearest inside by its
    barycentric weights), four on the square's corners, row by row.
    """
    raw: tuple[float, ...]
    if count == 3:
        raw = (1.0 - y, y - (x - 0.5 * (1.0 - y)), x - 0.5 * (1.0 - y))
    else:
        raw = ((1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y)
    kept = [max(0.0, weight) for weight in raw]
    return tuple(weight / sum(kept) for weight in kept)


def place_at(weights: Sequence[float]) -> tuple[float, float]:
    """Where on the pad weights lie: the mean of the corners, so weighted."""
    total = sum(weights)
    corners = _CORNERS[len(weights)]
    if not total:
        return 0.5, 0.5
    x, y = (
        sum(w * corner[axis] for w, corner in zip(weights, corners, strict=True)) / total
        for axis in (0, 1)
    )
    return x, y


class BlendPad(QWidget):
    """Three or four names at the corners, and a handle between them; the arrow keys move it."""

    moved = pyqtSignal(tuple)
    """Weights, one for each corner, adding up to 1."""

    def __init__(self) -> None:
        super().__init__()
        self._names: tuple[str, ...] = ()
        self._weights: tuple[float, ...] = ()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        describe(
            self,
            self.tr("Style pad"),
            self.tr("Drag towards the artists you want more of, or use the arrow keys"),
        )

    def sizeHint(self) -> QSize:
        return QSize(60 * GRID_PX, 44 * GRID_PX)

    def set_blend(self, names: Sequence[str], weights: Sequence[float]) -> None:
        self._names, self._weights = tuple(names), tuple(weights)
        said = ", ".join(f"{shown_name(n)} {w:.0%}" for n, w in zip(names, weights, strict=True))
        self.setAccessibleDescription(said)
        self.update()

    def corner(self, number: int) -> QPointF:
        """Of the widget, in its pixels."""
        return self._pixel(*_CORNERS[len(self._names)][number])

    def _area(self) -> QRectF:
        label = self.fontMetrics().height() + 2 * GRID_PX
        return QRectF(self.rect()).adjusted(4 * GRID_PX, label, -4 * GRID_PX, -label)

    def _pixel(self, x: float, y: float) -> QPointF:
        area = self._area()
        return QPointF(area.left() + x * area.width(), area.top() + y * area.height())

    def _move_to(self, x: float, y: float) -> None:
        x, y = min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)
        self.moved.emit(weights_at(len(self._names), x, y))

    def _follow(self, event: QMouseEvent) -> None:
        area, at = self._area(), event.position()
        self._move_to((at.x() - area.left()) / area.width(), (at.y() - area.top()) / area.height())

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        assert event is not None
        if event.button() == Qt.MouseButton.LeftButton:
            self._follow(event)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        assert event is not None
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._follow(event)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        assert event is not None
        steps = {
            Qt.Key.Key_Left: (-1, 0),
            Qt.Key.Key_Right: (1, 0),
            Qt.Key.Key_Up: (0, -1),
            Qt.Key.Key_Down: (0, 1),
        }
        step = steps.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
            return
        x, y = place_at(self._weights)
        self._move_to(x + step[0] * _KEY_STEP, y + step[1] * _KEY_STEP)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        if len(self._names) not in _CORNERS:
            return
        theme, painter = current_theme(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        corners = [self.corner(number) for number in range(len(self._names))]
        outline = corners if len(corners) == 3 else [corners[i] for i in (0, 1, 3, 2)]
        painter.setPen(pen(theme.accent if self.hasFocus() else theme.line_strong))
        painter.setBrush(brush(theme.field))
        painter.drawPolygon(QPolygonF(outline))
        handle = self._pixel(*place_at(self._weights))
        total = sum(self._weights) or 1.0
        for number, (at, weight) in enumerate(zip(corners, self._weights, strict=True)):
            color = theme.series[number % len(theme.series)]
            painter.setPen(pen(color, 1.0 + 3.0 * weight / total, 0.7))
            painter.drawLine(at, handle)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(brush(color))
            painter.drawEllipse(at, GRID_PX, GRID_PX)
        painter.setPen(pen(theme.text, 2.0))
        painter.setBrush(brush(theme.accent))
        painter.drawEllipse(handle, 2 * GRID_PX, 2 * GRID_PX)
        painter.setPen(pen(theme.text))
        for number, name in enumerate(self._names):
            self._draw_name(painter, name, number)

    def _draw_name(self, painter: QPainter, name: str, number: int) -> None:
        x, y = _CORNERS[len(self._names)][number]
        height = self.fontMetrics().height() + GRID_PX
        top = 0.0 if y == 0.0 else self.height() - height
        half = self.width() / 2
        if x == 0.5:
            box, side = QRectF(0, top, self.width(), height), Qt.AlignmentFlag.AlignHCenter
        elif x == 0.0:
            box, side = QRectF(0, top, half - GRID_PX, height), Qt.AlignmentFlag.AlignLeft
        else:
            box = QRectF(half + GRID_PX, top, half - GRID_PX, height)
            side = Qt.AlignmentFlag.AlignRight
        text = self.fontMetrics().elidedText(
            shown_name(name), Qt.TextElideMode.ElideRight, int(box.width())
        )
        painter.drawText(box, side | Qt.AlignmentFlag.AlignVCenter, text)


# One blend ---------------------------------------------------------------------------------------


class BlendEditor(QWidget):
    """The names that were chosen and their weights: each with a number, and together on what fits.

    Two lie on a slider, three or four on a pad; more have a slider each.
    """

    weight_changed = pyqtSignal(dict)
    """All weights by name."""
    removed = pyqtSignal(str)

    def __init__(self, empty: str, *, together: bool) -> None:
        """`empty`: the sentence where nothing is chosen. `together`: with slider and pad."""
        super().__init__()
        self._together = together
        self._weights: dict[str, float] = {}
        self.empty = quiet_label(empty)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, _STEPS)
        self.slider.setPageStep(_STEPS // 10)
        describe(self.slider, self.tr("Blend"), self.tr("How much of the one and of the other"))
        self.left, self.right = ElidedLabel(), ElidedLabel()
        self.right.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        for end in (self.left, self.right):
            end.setProperty("role", "dim")
        self.pad = BlendPad()
        self._pair = QWidget()
        pair = column(self._pair, 0)
        pair.addWidget(self.slider)
        pair.addLayout(row(self.left, self.right))
        self._rows = QGridLayout()
        self._rows.setHorizontalSpacing(GRID_PX)
        self._rows.setVerticalSpacing(GRID_PX)
        self._rows.setColumnStretch(0, 1)
        self.spins: dict[str, QDoubleSpinBox] = {}
        self.sliders: dict[str, QSlider] = {}
        self.removers: dict[str, QWidget] = {}
        layout = column(self, 1)
        for widget in (self.empty, self._pair, self.pad):
            layout.addWidget(widget)
        layout.addLayout(self._rows)
        self.slider.valueChanged.connect(self._slid_between)
        self.pad.moved.connect(self._moved)
        self._rebuild()

    def set_weights(self, weights: dict[str, float]) -> None:
        """In order; without telling anybody."""
        if list(weights) != list(self._weights):
            self._weights = dict(weights)
            self._rebuild()
        self._weights = dict(weights)
        self._show_weights()

    def _rebuild(self) -> None:
        while self._rows.count():
            item = self._rows.takeAt(0)
            if item is not None and (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        self.spins, self.sliders, self.removers = {}, {}, {}
        for number, name in enumerate(self._weights):
            self._add_row(number, name)
        names, count = list(self._weights), len(self._weights)
        self.empty.setVisible(not count)
        self._pair.setVisible(self._together and count == 2)
        self.pad.setVisible(self._together and count in PAD_CORNERS)
        if count == 2:
            first, second = (shown_name(name) for name in names)
            self.left.setText(first)
            self.right.setText(second)
            describe(
                self.slider,
                self.tr("From {0} to {1}").format(first, second),
                self.tr("How much of the one and of the other"),
            )

    def _add_row(self, number: int, name: str) -> None:
        label = ElidedLabel(shown_name(name))
        spin = QDoubleSpinBox()
        spin.setRange(0.0, MOST_WEIGHT)
        spin.setSingleStep(0.05)
        spin.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        spin.setAlignment(Qt.AlignmentFlag.AlignRight)
        spin.setFixedWidth(16 * GRID_PX)
        said = self.tr("Weight of {0}").format(shown_name(name))
        describe(spin, said, self.tr("How much of it, beside the others; 0 is none"))
        away = icon_button(
            "close",
            self.tr("Remove {0}").format(shown_name(name)),
            self.tr("Take it out of the blend"),
        )
        self._rows.addWidget(label, number, 0)
        if self._together and len(self._weights) > max(PAD_CORNERS):
            slider = QSlider(Qt.Orientation.Horizontal)
            slider.setRange(0, _STEPS)
            describe(slider, said, self.tr("How much of it, beside the others"))
            slider.valueChanged.connect(lambda v, n=name: self._weigh(n, v / _STEPS))
            self._rows.addWidget(slider, number, 1)
            self.sliders[name] = slider
        self._rows.addWidget(spin, number, 2)
        self._rows.addWidget(away, number, 3)
        spin.valueChanged.connect(lambda v, n=name: self._weigh(n, v))
        away.clicked.connect(lambda _, n=name: self.removed.emit(n))
        self.spins[name], self.removers[name] = spin, away

    def _show_weights(self) -> None:
        for name, weight in self._weights.items():
            for control, value in ((self.spins[name], weight), (self.sliders.get(name), weight)):
                if control is None:
                    continue
                control.blockSignals(True)
                if isinstance(control, QSlider):
                    control.setValue(round(min(value, 1.0) * _STEPS))
                elif round(value, 2) != control.value():
                    control.setValue(value)
                control.blockSignals(False)
        weights = list(self._weights.values())
        if len(weights) == 2:
            self.slider.blockSignals(True)
            share = weights[1] / sum(weights) if sum(weights) else 0.5
            self.slider.setValue(round(share * _STEPS))
            self.slider.blockSignals(False)
        if len(weights) in PAD_CORNERS:
            self.pad.set_blend(list(self._weights), weights)

    def _slid_between(self, place: int) -> None:
        first, second = self._weights
        share = place / _STEPS
        self._tell({first: round(1 - share, 2), second: share})

    def _moved(self, weights: tuple[float, ...]) -> None:
        rounded = (round(weight, 3) for weight in weights)
        self._tell(dict(zip(self._weights, rounded, strict=True)))

    def _weigh(self, name: str, weight: float) -> None:
        self._tell({**self._weights, name: weight})

    def _tell(self, weights: dict[str, float]) -> None:
        self._weights = weights
        self._show_weights()
        self.weight_changed.emit(weights)


# The pad -----------------------------------------------------------------------------------------


@dataclass
class _Point:
    at_seconds: float
    artists: dict[str, float] = field(default_factory=dict)
    genres: dict[str, float] = field(default_factory=dict)


def _blend(weights: dict[str, float]) -> Blend:
    """Names of weight 0 stay, so that one at the far end of its slider is still there."""
    if not any(weights.values()):
        return ()
    return tuple(Part(name, weight) for name, weight in weights.items())


def blend_text(point: StylePoint) -> str:
    """A point as people read it."""
    artists = [part for part in point.artists if part.weight]
    total = sum(part.weight for part in artists)
    said = [
        shown_name(part.name) + (f" {part.weight / total:.0%}" if len(artists) > 1 else "")
        for part in artists
    ]
    said += [shown_name(part.name) for part in point.genres if part.weight]
    return ", ".join(said)


class StylePad(QWidget):
    """A whole style: its points in time, of which one is edited."""

    changed = pyqtSignal()
    points_changed = pyqtSignal(tuple)
    """tuple[StylePoint, ...], for the timeline's lane; empty where the style does not change."""
    point_selected = pyqtSignal(int)
    favourites_changed = pyqtSignal(object)

    def __init__(self) -> None:
        super().__init__()
        self._points = [_Point(0.0)]
        self._current = 0
        self._length_seconds = 8.0
        self.artists = BlendEditor(
            self.tr("No artist: the model is free in its style."), together=True
        )
        self.genres = BlendEditor(self.tr("No genre."), together=False)
        self.artist_picker = NamePicker(self.tr("artists"), self.tr("Add an artist"))
        self.genre_picker = NamePicker(self.tr("genres"), self.tr("Add a genre"))
        layout = column(self, 2)
        for widget in (
            self.artists,
            self.artist_picker,
            self._line(),
            self.genres,
            self.genre_picker,
        ):
            layout.addWidget(widget)
        self.morph_fold = Fold(
            self.tr("Change over time"),
            self.tr("Let the style go from one blend to another while the music goes on"),
            self._make_morph(),
        )
        layout.addWidget(self.morph_fold)
        for kind, editor, picker in (
            ("artists", self.artists, self.artist_picker),
            ("genres", self.genres, self.genre_picker),
        ):
            editor.weight_changed.connect(lambda w, k=kind: self._set_weights(k, w))
            editor.removed.connect(lambda name, k=kind: self.remove(k, name))
            picker.picked.connect(lambda name, k=kind: self.add(k, name))
        self.artist_picker.favourites_changed.connect(self.favourites_changed)
        self._refresh()

    def _line(self) -> QFrame:
        line = QFrame()
        line.setFrameShape(QFrame.Shape.NoFrame)
        line.setFixedHeight(GRID_PX)
        return line

    def _make_morph(self) -> QWidget:
        self.point_list = QListWidget()
        describe(
            self.point_list,
            self.tr("Points of the style"),
            self.tr("Choose a point: artists and genres above are those of this moment"),
        )
        self.point_list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.point_list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.point_list.setFixedHeight(4 * (self.fontMetrics().height() + 3 * GRID_PX))
        self.point_time = QDoubleSpinBox()
        self.point_time.setRange(0.0, 36_000.0)
        self.point_time.setSingleStep(0.5)
        self.point_time.setSuffix(self.tr(" s"))
        describe(
            self.point_time,
            self.tr("Time of the point"),
            self.tr("Seconds from the start of what is made"),
        )
        self.add_point_button = QPushButton(self.tr("Add point"))
        self.add_point_button.setIcon(icon("add"))
        describe(
            self.add_point_button,
            self.tr("Add a point"),
            self.tr("Add a moment with a blend of its own after the chosen one"),
        )
        self.remove_point_button = icon_button(
            "delete", self.tr("Remove the point"), self.tr("Take the chosen point out")
        )
        content = QWidget()
        layout: QVBoxLayout = column(content, 1)
        layout.addWidget(self.point_list)
        time_label = QLabel(self.tr("At"))
        line = row(time_label, self.point_time, self.add_point_button, self.remove_point_button)
        line.setStretch(1, 1)
        layout.addLayout(line)
        self.point_list.currentRowChanged.connect(self._choose)
        self.point_time.valueChanged.connect(self._retime)
        self.add_point_button.clicked.connect(lambda: self.add_point())
        self.remove_point_button.clicked.connect(lambda: self.remove_point(self._current))
        return content

    # What others see

    def chosen_style(self) -> Style:
        return Style(tuple(self._style_point(point) for point in self._points))

    def points(self) -> tuple[StylePoint, ...]:
        """Breakpoints of a morph; empty where the style stays."""
        return self.chosen_style().points if len(self._points) > 1 else ()

    @property
    def current_point(self) -> int:
        return self._current

    def set_style(self, style: Style) -> None:
        """Without telling that it changed, but for the lane."""
        artists = _every_name([point.artists for point in style.points])
        genres = _every_name([point.genres for point in style.points])
        self._points = [
            _Point(
                point.at_seconds, _weights(point.artists, artists), _weights(point.genres, genres)
            )
            for point in style.points
        ]
        self._current = min(self._current, len(self._points) - 1)
        if style.morphs:
            self.morph_fold.set_open(True)
        self._refresh()
        self.points_changed.emit(self.points())

    def set_model(self, model: ModelSummary | None) -> None:
        """Whose names can be chosen."""
        self.artist_picker.set_names(model.artists if model else ())
        self.genre_picker.set_names(model.genres if model else ())
        self.artist_picker.setEnabled(model is not None and bool(model.artists))
        self.genre_picker.setEnabled(model is not None and bool(model.genres))

    def set_favourites(self, favourites: frozenset[str]) -> None:
        self.artist_picker.set_favourites(favourites)

    def set_length(self, seconds: float) -> None:
        """Of what is made: where new points go."""
        self._length_seconds = seconds

    # Names

    def add(self, kind: str, name: str) -> None:
        """A name gets an even share of the chosen point, and none of the others."""
        everyone = getattr(self._points[0], kind)
        if name in everyone or len(everyone) >= MOST_PARTS:
            return
        for number, point in enumerate(self._points):
            weights = getattr(point, kind)
            weights[name] = 0.0
            if number == self._current:
                setattr(point, kind, _with_share(weights, name, scaled=kind == "artists"))
        self._tell()

    def remove(self, kind: str, name: str) -> None:
        for point in self._points:
            weights = getattr(point, kind)
            total = sum(weights.values())
            weights.pop(name, None)
            left = sum(weights.values())
            if kind == "artists" and left:
                setattr(point, kind, {n: round(w * total / left, 3) for n, w in weights.items()})
            elif kind == "artists" and len(weights) == 1:
                setattr(point, kind, dict.fromkeys(weights, 1.0))
        self._tell()

    def _set_weights(self, kind: str, weights: dict[str, float]) -> None:
        setattr(self._points[self._current], kind, dict(weights))
        self._show_points()
        self._announce()

    def set_share(self, share: float) -> None:
        """Of the second of two artists, 0 to 1; nothing where there are not two."""
        if len(self._points[self._current].artists) == 2:
            self.artists.slider.setValue(round(share * _STEPS))

    # Points

    def morph(self, start_seconds: float, length_seconds: float) -> Morph | None:
        """For the timeline's lane; None where no two artists change places."""
        names = list(self._points[0].artists)
        if len(self._points) < 2 or len(names) < 2:
            return None
        return Morph(
            start_seconds,
            length_seconds,
            tuple(shown_name(name) for name in names),
            tuple(MorphPoint(p.at_seconds, tuple(p.artists.values())) for p in self._points),
        )

    def set_morph(self, morph: Morph) -> None:
        """What was done in the timeline's lane. Genres stay with their points."""
        names, style = list(self._points[0].artists), self.chosen_style()
        if len(morph.names) != len(names):
            return
        is_same_count = len(morph.points) == len(self._points)
        points = []
        for number, point in enumerate(morph.points):
            if is_same_count:
                genres = self._points[number].genres
            else:
                there = style.at(point.at_seconds).genres
                genres = _weights(there, list(self._points[0].genres))
            weights = (round(weight, 4) for weight in point.weights)
            artists = dict(zip(names, weights, strict=True))
            points.append(_Point(round(point.at_seconds, 3), artists, dict(genres)))
        self._points = points
        self._current = min(self._current, len(points) - 1)
        self._tell()

    def select_point(self, number: int) -> None:
        self.point_list.setCurrentRow(number)

    def add_point(self, at_seconds: float | None = None) -> None:
        """A point with the blend of that moment; without one, half-way to the next."""
        current = self._points[self._current]
        if at_seconds is None:
            later = [p.at_seconds for p in self._points if p.at_seconds > current.at_seconds]
            if later:
                at_seconds = (current.at_seconds + later[0]) / 2
            else:
                at_seconds = max(self._length_seconds, current.at_seconds + 1.0)
        at_seconds = round(max(at_seconds, 0.0), 3)
        if any(point.at_seconds == at_seconds for point in self._points):
            return
        there = self.chosen_style().at(at_seconds)
        point = _Point(
            at_seconds,
            _weights(there.artists, list(current.artists)),
            _weights(there.genres, list(current.genres)),
        )
        self._points = sorted([*self._points, point], key=lambda p: p.at_seconds)
        self._current = self._points.index(point)
        self.morph_fold.set_open(True)
        self._tell()
        self.point_selected.emit(self._current)

    def move_point(self, number: int, at_seconds: float) -> None:
        """The first stays at 0, and none goes past its neighbours."""
        if not 0 < number < len(self._points):
            return
        before = self._points[number - 1].at_seconds + 0.01
        after = (
            self._points[number + 1].at_seconds - 0.01 if number + 1 < len(self._points) else 36_000
        )
        if before <= after:
            self._points[number].at_seconds = round(min(max(at_seconds, before), after), 3)
            self._tell()

    def remove_point(self, number: int) -> None:
        """The first stays: it is the style that others come after."""
        if not 0 < number < len(self._points):
            return
        del self._points[number]
        self._current = min(self._current, len(self._points) - 1)
        self._tell()

    def _choose(self, number: int) -> None:
        if number >= 0 and number != self._current:
            self._current = number
            self._refresh()
            self.point_selected.emit(number)

    def _retime(self, seconds: float) -> None:
        self.move_point(self._current, seconds)

    # Showing

    def _style_point(self, point: _Point) -> StylePoint:
        return StylePoint(point.at_seconds, _blend(point.artists), _blend(point.genres))

    def _tell(self) -> None:
        self._refresh()
        self._announce()

    def _announce(self) -> None:
        self.points_changed.emit(self.points())
        self.changed.emit()

    def _refresh(self) -> None:
        point = self._points[self._current]
        self.artists.set_weights(point.artists)
        self.genres.set_weights(point.genres)
        self._show_points()

    def _show_points(self) -> None:
        self.point_list.blockSignals(True)
        self.point_list.clear()
        for point in self._points:
            said = blend_text(self._style_point(point)) or self.tr("free")
            self.point_list.addItem(self.tr("{0} s: {1}").format(f"{point.at_seconds:g}", said))
        self.point_list.setCurrentRow(self._current)
        self.point_list.blockSignals(False)
        self.point_time.blockSignals(True)
        self.point_time.setValue(self._points[self._current].at_seconds)
        self.point_time.blockSignals(False)
        movable = self._current > 0
        self.point_time.setEnabled(movable)
        self.remove_point_button.setEnabled(movable)


def _with_share(weights: dict[str, float], name: str, *, scaled: bool) -> dict[str, float]:
    """`name` with an even share of 1, the others less in proportion; unscaled, it weighs 1.

    Genres are words of a label and were all there at full weight in training; artists are one.
    """
    others = sum(weights.values()) - weights[name]
    if not scaled or not others:
        return {**weights, name: 1.0}
    share = 1 / (1 + sum(1 for n, w in weights.items() if n != name and w))
    left = {n: round(w / others * (1 - share), 3) for n, w in weights.items()}
    return {**left, name: round(share, 3)}


def _every_name(blends: Sequence[Blend]) -> list[str]:
    return list(dict.fromkeys(part.name for blend in blends for part in blend))


def _weights(blend: Blend, names: Sequence[str]) -> dict[str, float]:
    found = {part.name: part.weight for part in blend}
    return {name: found.get(name, 0.0) for name in names}
