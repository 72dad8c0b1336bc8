"""Controls that the request panel and its parts are made of."""

from __future__ import annotations

from PyQt6.QtCore import QCoreApplication, QEvent, QObject, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QFont, QResizeEvent
from PyQt6.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QDoubleSpinBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QScrollArea,
    QSizePolicy,
    QSlider,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ui.theme import GRID_PX, icon

_STEPS = 1000


def describe(widget: QWidget, name: str, tip: str) -> None:
    """What a screen reader calls a control, and what it does."""
    widget.setAccessibleName(name)
    widget.setAccessibleDescription(tip)
    widget.setToolTip(tip)
    if isinstance(widget, QComboBox) and (popup := widget.view()) is not None:
        popup.setAccessibleName(name)


def make_clearable(field: QLineEdit) -> None:
    """With a button that empties it; Qt gives that one no name."""
    field.setClearButtonEnabled(True)
    for button in field.findChildren(QToolButton):
        button.setAccessibleName(QCoreApplication.translate("Controls", "Empty this field"))


def icon_button(name: str, says: str, tip: str) -> QToolButton:
    button = QToolButton()
    button.setIcon(icon(name))
    button.setIconSize(QSize(4 * GRID_PX, 4 * GRID_PX))
    button.setAutoRaise(True)
    describe(button, says, tip)
    return button


def panel_head(title: str, *buttons: QToolButton) -> QHBoxLayout:
    """The line at the top of a panel: what it is, and what can be done with all of it."""
    head = QHBoxLayout()
    head.setContentsMargins(3 * GRID_PX, GRID_PX, GRID_PX, GRID_PX)
    label = QLabel(title)
    label.setProperty("role", "title")
    head.addWidget(label, 1)
    for button in buttons:
        head.addWidget(button)
    return head


def quiet_label(text: str = "", role: str = "dim") -> QLabel:
    """A line of its own that wraps; `role` as the theme's style sheet has it."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)  # names of artists and files are no markup
    label.setMinimumWidth(1)  # else a long path would widen the panel
    label.setProperty("role", role)
    return label


class ElidedLabel(QLabel):
    """One line that is cut with an ellipsis where it is too long; `text` is all of it.

    superqt has one too, but takes a tenth of the window's time to start.
    """

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._whole = ""
        self.setText(text)

    def text(self) -> str:
        return self._whole

    def setText(self, text: str | None) -> None:
        self._whole = text or ""
        self.setAccessibleName(self._whole)
        self.setToolTip(self._whole)
        self._elide()
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        width = self.fontMetrics().horizontalAdvance(self._whole)
        return QSize(width + GRID_PX, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        return QSize(8 * GRID_PX, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._elide()

    def _elide(self) -> None:
        right = Qt.TextElideMode.ElideRight
        super().setText(self.fontMetrics().elidedText(self._whole, right, self.width()))


def set_role(label: QLabel, role: str) -> None:
    """Another look of the theme's, for a label that is there already."""
    if label.property("role") == role:
        return
    label.setProperty("role", role)
    style = label.style()
    assert style is not None
    style.unpolish(label)
    style.polish(label)


class WheelGuard(QObject):
    """Keeps the wheel, which scrolls the panel, from changing a value that has no focus."""

    def guard(self, root: QWidget) -> None:
        for kind in (QAbstractSpinBox, QComboBox, QSlider):
            for widget in root.findChildren(kind):
                widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
                widget.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event is not None and event.type() == QEvent.Type.Wheel:
            assert isinstance(watched, QWidget)
            if not watched.hasFocus():
                event.ignore()
                return True
        return False


class Amount(QWidget):
    """A slider, and the number it stands for beside it."""

    changed = pyqtSignal(float)

    def __init__(
        self,
        name: str,
        tip: str,
        lowest: float,
        highest: float,
        *,
        decimals: int = 2,
        step: float = 0.05,
        ends: tuple[str, str] | None = None,
    ) -> None:
        """`ends`: what the lowest and the highest value are called, under the slider."""
        super().__init__()
        self._lowest, self._highest = lowest, highest
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, _STEPS)
        self.slider.setSingleStep(round(step / (highest - lowest) * _STEPS))
        self.slider.setPageStep(_STEPS // 10)
        self.spin = QDoubleSpinBox()
        self.spin.setRange(lowest, highest)
        self.spin.setDecimals(decimals)
        self.spin.setSingleStep(step)
        self.spin.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
        self.spin.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.spin.setFixedWidth(16 * GRID_PX)
        describe(self.slider, name, tip)
        describe(self.spin, self.tr("{0}, as a number").format(name), tip)
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2 * GRID_PX)
        row.addWidget(self.slider, 1)
        row.addWidget(self.spin)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(row)
        if ends is not None:
            below = QHBoxLayout()
            below.setContentsMargins(0, 0, 16 * GRID_PX + 2 * GRID_PX, 0)
            below.addWidget(quiet_label(ends[0]))
            right = quiet_label(ends[1])
            right.setAlignment(Qt.AlignmentFlag.AlignRight)
            below.addWidget(right)
            column.addLayout(below)
        self.slider.valueChanged.connect(self._slid)
        self.spin.valueChanged.connect(self._typed)
        self.set_value(lowest)

    def value(self) -> float:
        return self.spin.value()

    def set_range(self, lowest: float, highest: float) -> None:
        self._lowest, self._highest = lowest, highest
        self.spin.setRange(lowest, highest)
        self._follow()

    def set_value(self, value: float) -> None:
        """Without telling anybody."""
        self.spin.blockSignals(True)
        self.spin.setValue(value)
        self.spin.blockSignals(False)
        self._follow()

    def _follow(self) -> None:
        share = (self.spin.value() - self._lowest) / (self._highest - self._lowest)
        self.slider.blockSignals(True)
        self.slider.setValue(round(share * _STEPS))
        self.slider.blockSignals(False)

    def _slid(self, place: int) -> None:
        value = self._lowest + (self._highest - self._lowest) * place / _STEPS
        self.spin.blockSignals(True)
        self.spin.setValue(value)
        self.spin.blockSignals(False)
        self.changed.emit(self.value())

    def _typed(self) -> None:
        self._follow()
        self.changed.emit(self.value())


class WholeComboBox(QComboBox):
    """Never narrower than its longest text; others give way to what is beside them."""

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()


class UpDownArea(QScrollArea):
    """Scrolls up and down alone: it is as wide as what is in it, in any language and font."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def minimumSizeHint(self) -> QSize:
        hint, content, bar = super().minimumSizeHint(), self.widget(), self.verticalScrollBar()
        assert bar is not None
        if content is not None:
            hint.setWidth(content.minimumSizeHint().width() + bar.sizeHint().width())
        return hint

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)


class Fold(QWidget):
    """A heading that opens and closes what is under it."""

    def __init__(
        self,
        title: str,
        tip: str,
        content: QWidget,
        *,
        is_open: bool = False,
        is_section: bool = False,
    ) -> None:
        super().__init__()
        self.content = content
        self._tip, self._is_open = tip, is_open
        self.header = QToolButton()
        self.header.setText(title)
        self.header.setAutoRaise(True)
        self.header.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.header.setIconSize(QSize(3 * GRID_PX, 3 * GRID_PX))
        if is_section:
            font = self.header.font()
            font.setWeight(QFont.Weight.DemiBold)
            self.header.setFont(font)
        describe(self.header, title, tip)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID_PX)
        line = QHBoxLayout()
        line.addWidget(self.header)
        line.addStretch(1)
        layout.addLayout(line)
        layout.addWidget(content)
        self.header.clicked.connect(lambda: self.set_open(not self._is_open))
        self.set_open(is_open)

    def set_open(self, is_open: bool) -> None:
        self._is_open = is_open
        self.header.setIcon(icon("down" if is_open else "right"))
        state = self.tr("open") if is_open else self.tr("closed")
        self.header.setAccessibleDescription(f"{self._tip} ({state})")
        self.content.setVisible(is_open)


class PlainNumber(QDoubleSpinBox):
    """A number without zeros that say nothing: 8, not 8.000."""

    def textFromValue(self, value: float) -> str:
        text = super().textFromValue(value)
        point = self.locale().decimalPoint()
        return text.rstrip("0").removesuffix(point) if point in text else text


def column(parent: QWidget | None = None, spacing: int = 2) -> QVBoxLayout:
    """A vertical layout without margins; spacing in units of the grid."""
    layout = QVBoxLayout(parent) if parent is not None else QVBoxLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(spacing * GRID_PX)
    return layout


def row(*widgets: QWidget, spacing: int = 2) -> QHBoxLayout:
    layout = QHBoxLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(spacing * GRID_PX)
    for widget in widgets:
        layout.addWidget(widget)
    return layout
