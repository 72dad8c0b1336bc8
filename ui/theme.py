"""How everything looks: two palettes, one style sheet, icons that follow the palette.

Colours are named for what they do. Text on its ground has a contrast of at least 4.5 and the marks
of a plot at least 3 (WCAG 2.2, 1.4.3 and 1.4.11); the tests measure it. Spacing is a multiple of
`GRID_PX`, and no font is named, so that the system's family and size are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Final
from weakref import WeakSet

from PyQt6 import sip
from PyQt6.QtCore import QPoint, QRect, QSize, Qt
from PyQt6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QIcon,
    QIconEngine,
    QPainter,
    QPalette,
    QPen,
    QPixmap,
)
from PyQt6.QtWidgets import QApplication, QWidget

GRID_PX: Final = 4
_PROPERTY: Final = "jukebox_theme"
_IMAGES: Final = Path(__file__).parent / "images"
"""For the style sheet, which takes pictures from files alone."""


@dataclass(frozen=True)
class Theme:
    """A palette. Every colour is #rrggbb."""

    name: str
    is_dark: bool
    window: str
    """Behind panels."""
    panel: str
    """Panels, headers, the ruler."""
    raised: str
    """Buttons, fields' frames, what the pointer is over."""
    field: str
    """Where one types or draws: darker than the panel in the dark, lighter in the light."""
    line: str
    line_strong: str
    text: str
    text_dim: str
    text_off: str
    """Of controls that cannot be used now."""
    accent: str
    """The one colour: what is heard, selected, focused."""
    accent_strong: str
    """The ground of text in `accent_text`."""
    accent_text: str
    wave: str
    """A waveform that is not heard."""
    wave_peak: str
    """Its outermost reach; the accent's is `accent_peak`."""
    accent_peak: str
    seam: str
    good: str
    warning: str
    error: str
    series: tuple[str, ...]
    """To tell parts of a blend apart: the accent and colours of its weight."""


DARK = Theme(
    name="dark",
    is_dark=True,
    window="#15171a",
    panel="#1c1f23",
    raised="#272b31",
    field="#111315",
    line="#2b3036",
    line_strong="#474e57",
    text="#e6e8ea",
    text_dim="#a0a7b0",
    text_off="#646b74",
    accent="#56c7bd",
    accent_strong="#56c7bd",
    accent_text="#0c1a19",
    wave="#8b949f",
    wave_peak="#59616b",
    accent_peak="#2f7f78",
    seam="#e0b25c",
    good="#7fcb8b",
    warning="#e0b25c",
    error="#f08a80",
    series=("#56c7bd", "#d9a066", "#8fa8e8", "#d58bb5", "#a9c46c", "#c3b29b"),
)

LIGHT = Theme(
    name="light",
    is_dark=False,
    window="#eceef0",
    panel="#f7f8f9",
    raised="#e3e6e9",
    field="#ffffff",
    line="#d5d9dd",
    line_strong="#a9b0b8",
    text="#1b1f23",
    text_dim="#545c65",
    text_off="#939aa2",
    accent="#08807a",
    accent_strong="#08756f",
    accent_text="#ffffff",
    wave="#727b85",
    wave_peak="#a3abb3",
    accent_peak="#5fb3ad",
    seam="#9a6700",
    good="#1b7031",
    warning="#875900",
    error="#b42318",
    series=("#08807a", "#b0661a", "#4a63b8", "#a3487e", "#5f7f16", "#7b6a52"),
)

THEMES: Final = {theme.name: theme for theme in (DARK, LIGHT)}

# Meanings, so that no other file knows an icon set: Phosphor, whose strokes are even and quiet, and
# Material where it has nothing for music.
_ICONS: Final = {
    "add": "ph.plus",
    "back": "ph.arrow-left",
    "branch": "ph.git-branch",
    "cancel": "ph.x",
    "check": "ph.check",
    "clip": "mdi6.waveform",
    "close": "ph.x",
    "copy": "ph.copy",
    "daw": "mdi6.power-plug-outline",
    "daw-linked": "mdi6.power-plug",
    "delete": "ph.trash",
    "down": "ph.caret-down",
    "drag": "ph.dots-six-vertical",
    "drop": "ph.download-simple",
    "edit": "ph.pencil-simple",
    "engine": "ph.cpu",
    "error": "ph.warning-circle",
    "export": "ph.export",
    "favourite": "ph.heart",
    "favourite-on": "ph.heart-fill",
    "filter": "ph.funnel",
    "folder": "ph.folder-open",
    "generate": "ph.sparkle",
    "help": "ph.question",
    "hide": "ph.eye-slash",
    "history": "ph.clock-counter-clockwise",
    "home": "ph.skip-back-fill",
    "inbox": "ph.tray",
    "info": "ph.info",
    "keyboard": "ph.keyboard",
    "licence": "ph.scales",
    "lock": "ph.lock-simple",
    "loop": "ph.repeat",
    "loudness": "ph.speaker-high",
    "lyrics": "mdi6.microphone-variant",
    "menu": "ph.list",
    "metronome": "mdi6.metronome",
    "midi": "mdi6.piano",
    "model": "ph.cube",
    "more": "ph.dots-three",
    "morph": "mdi6.sine-wave",
    "mute": "ph.speaker-slash",
    "next": "ph.skip-forward-fill",
    "note": "ph.note-pencil",
    "pause": "ph.pause-fill",
    "play": "ph.play-fill",
    "preset": "ph.bookmark-simple",
    "previous": "ph.skip-back-fill",
    "queue": "ph.queue",
    "random": "ph.dice-five",
    "redo": "ph.arrow-u-up-right",
    "refresh": "ph.arrows-clockwise",
    "remove": "ph.minus",
    "reveal": "ph.folder-open",
    "right": "ph.caret-right",
    "save": "ph.floppy-disk",
    "search": "ph.magnifying-glass",
    "send": "ph.paper-plane-tilt",
    "settings": "ph.gear-six",
    "share": "ph.share-network",
    "show": "ph.eye",
    "snap": "ph.magnet-straight",
    "solo": "ph.headphones",
    "star": "ph.star",
    "star-on": "ph.star-fill",
    "stop": "ph.stop-fill",
    "style": "ph.palette",
    "theme-dark": "ph.moon",
    "theme-light": "ph.sun",
    "tour": "ph.compass",
    "undo": "ph.arrow-u-up-left",
    "unlock": "ph.lock-simple-open",
    "up": "ph.caret-up",
    "upsample": "ph.arrow-fat-lines-up",
    "variant": "mdi6.waveform",
    "vary": "ph.shuffle",
    "warning": "ph.warning",
    "zoom-fit": "ph.arrows-out-line-horizontal",
    "zoom-in": "ph.magnifying-glass-plus",
    "zoom-out": "ph.magnifying-glass-minus",
}
ICON_NAMES: Final = frozenset(_ICONS)


_dressed: WeakSet[QWidget] = WeakSet()


def apply_theme(app: QApplication, theme: Theme) -> None:
    """All of `app` in this theme; widgets that draw themselves get a palette change."""
    for _ in theme_steps(app, theme):
        pass


def theme_steps(app: QApplication, theme: Theme) -> Iterator[None]:
    """As `apply_theme`, in steps: to give hundreds of widgets a new sheet takes 30 ms."""
    app.setProperty(_PROPERTY, theme.name)
    style = app.style()
    if style is None or style.objectName() != "fusion":
        app.setStyle("Fusion")  # the one style that keeps to a palette on every system
    app.setPalette(palette_of(theme))
    for part in list(_dressed):
        if not sip.isdeleted(part):
            yield
            dress(part)


def dress(*parts: QWidget) -> None:
    """Parts of a window, or dialogs and menus, and all that will be in them, in the theme.

    A sheet of the whole application would do the same, but Qt takes four times as long to change
    one: 110 ms, in which the window stands still.
    """
    for part in parts:
        part.setStyleSheet(_sheet(current_theme()))
        _dressed.add(part)


# Of a window whose parts are dressed one by one: the same in every theme.
FRAME_SHEET: Final = "QSplitter::handle { background: transparent; }"


def current_theme() -> Theme:
    """The theme that was applied last, or the dark one."""
    app = QApplication.instance()
    name = app.property(_PROPERTY) if app is not None else None
    return THEMES.get(str(name), DARK)


def icon(name: str, color: str | None = None) -> QIcon:
    """The icon for a meaning, in the theme's text colour unless `color` says one.

    Without a colour it follows a change of theme by itself, and is in the accent on a button that
    is checked. Raises KeyError for a name that is not in `ICON_NAMES`.
    """
    return QIcon(_Icon(_ICONS[name], color))


class _Icon(QIconEngine):
    """An icon of qtawesome, whose own icons keep the colours of the theme they were made under."""

    def __init__(self, code: str, color: str | None) -> None:
        super().__init__()
        self._code, self._color = code, color

    def paint(
        self, painter: QPainter | None, rect: QRect, mode: QIcon.Mode, state: QIcon.State
    ) -> None:
        # Its fonts take a tenth of a second to load, which nothing before the first icon waits for.
        import qtawesome

        theme = current_theme()
        drawn: QIcon = qtawesome.icon(
            self._code,
            color=self._color or theme.text,
            color_on=self._color or theme.accent,
            color_off=self._color or theme.text,
            color_selected=self._color or theme.accent_text,
            color_disabled=theme.text_off,
        )
        drawn.paint(painter, rect, Qt.AlignmentFlag.AlignCenter, mode, state)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        pixmap = QPixmap(size)
        if size.isEmpty():
            return pixmap  # which Qt asks for too
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        painter.end()
        return pixmap

    def clone(self) -> QIconEngine:
        return _Icon(self._code, self._color)


def pen(color: str, width_px: float = 1.0, alpha: float = 1.0, dashed: bool = False) -> QPen:
    made = QPen(with_alpha(color, alpha), width_px)
    if dashed:
        made.setDashPattern([3.0, 3.0])
    return made


def brush(color: str, alpha: float = 1.0) -> QBrush:
    return QBrush(with_alpha(color, alpha))


def with_alpha(color: str, alpha: float) -> QColor:
    """The colour at an opacity of 0 to 1."""
    made = QColor(color)
    made.setAlphaF(alpha)
    return made


def small_font(font: QFont) -> QFont:
    """For secondary lines: a seventh smaller than what the system asks for."""
    made = QFont(font)
    if font.pointSizeF() > 0:
        made.setPointSizeF(font.pointSizeF() * 6 / 7)
    else:
        made.setPixelSize(max(8, round(font.pixelSize() * 6 / 7)))
    return made


def palette_of(theme: Theme) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for which, color in (
        (role.Window, theme.panel),
        (role.WindowText, theme.text),
        (role.Base, theme.field),
        (role.AlternateBase, theme.panel),
        (role.Text, theme.text),
        (role.PlaceholderText, theme.text_dim),
        (role.Button, theme.raised),
        (role.ButtonText, theme.text),
        (role.BrightText, theme.error),
        (role.ToolTipBase, theme.raised),
        (role.ToolTipText, theme.text),
        (role.Highlight, theme.accent_strong),
        (role.HighlightedText, theme.accent_text),
        (role.Accent, theme.accent),
        (role.Link, theme.accent),
        (role.LinkVisited, theme.accent),
        (role.Light, theme.line_strong),
        (role.Midlight, theme.line),
        (role.Mid, theme.line),
        (role.Dark, theme.line),
        (role.Shadow, theme.window),
    ):
        palette.setColor(which, QColor(color))
    for which in (role.WindowText, role.Text, role.ButtonText, role.PlaceholderText):
        palette.setColor(QPalette.ColorGroup.Disabled, which, QColor(theme.text_off))
    palette.setColor(QPalette.ColorGroup.Disabled, role.Highlight, QColor(theme.line_strong))
    return palette


# Properties that widgets may set to look otherwise: `primary` on the one button a page is about,
# `tight` on tool buttons in a long row,
# `role` = "title", "dim", "error" or "warning" on labels.
_SHEET = Template("""
QDialog { background: $window; }
QToolTip { background: $raised; color: $text; border: 1px solid $line_strong; padding: 4px 8px; }
QLabel[role="title"] { font-weight: 600; }
QLabel[role="dim"] { color: $text_dim; }
QLabel[role="error"] { color: $error; }
QLabel[role="warning"] { color: $warning; }
#message { background: $raised; border: none; border-left: 3px solid $accent; border-radius: 2px; }
#message[kind="warning"] { border-left-color: $warning; }
#message[kind="error"] { border-left-color: $error; }
#card { background: $raised; border: 1px solid $line_strong; border-radius: 6px; }

QPushButton, QToolButton, QComboBox {
    background: $raised; border: 1px solid $line; border-radius: 4px; padding: 4px 12px;
}
QToolButton { padding: 4px; }
QToolButton[tight="true"] { padding: 2px; }
QToolButton[autoRaise="true"] { background: transparent; border-color: transparent; }
QPushButton:hover, QToolButton:hover, QComboBox:hover { border-color: $line_strong; }
QPushButton:pressed, QToolButton:pressed { background: $line; }
QPushButton:checked, QToolButton:checked { border-color: $accent; color: $accent; }
QPushButton:focus, QToolButton:focus, QComboBox:focus, QCheckBox:focus, QRadioButton:focus {
    border: 1px solid $accent;
}
QPushButton:disabled, QToolButton:disabled, QComboBox:disabled { color: $text_off; }
QPushButton[primary="true"] {
    background: $accent_strong; color: $accent_text; border-color: $accent_strong;
    font-weight: 600;
}
QPushButton[primary="true"]:hover { border-color: $text; }
QPushButton[primary="true"]:focus { border: 1px solid $text; }
QPushButton[primary="true"]:disabled {
    background: $raised; color: $text_off; border-color: $line;
}
QComboBox::drop-down { border: none; width: 20px; }
QComboBox::down-arrow { image: url("$down"); width: 12px; height: 12px; }

QLineEdit, QPlainTextEdit, QTextEdit, QAbstractSpinBox {
    background: $field; border: 1px solid $line; border-radius: 4px; padding: 4px;
    selection-background-color: $accent_strong; selection-color: $accent_text;
}
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QAbstractSpinBox:focus,
QAbstractItemView:focus { border: 1px solid $accent; }
QCheckBox, QRadioButton { border: 1px solid transparent; border-radius: 4px; padding: 2px; }
QCheckBox::indicator {
    width: 12px; height: 12px; border: 1px solid $line_strong; border-radius: 3px;
    background: $field;
}
QCheckBox::indicator:checked {
    background: $accent_strong; border-color: $accent_strong; image: url("$check");
}

QAbstractItemView { background: $panel; border: 1px solid transparent; outline: none; }
QAbstractItemView::item { padding: 4px; }
QAbstractItemView::item:hover { background: $raised; }
QAbstractItemView::item:selected { background: $accent_strong; color: $accent_text; }
QHeaderView::section {
    background: $panel; color: $text_dim; border: none; border-bottom: 1px solid $line;
    padding: 4px 8px;
}
QMenu { background: $panel; border: 1px solid $line_strong; padding: 4px; }
QMenu::item { padding: 4px 24px; border-radius: 4px; }
QMenu::item:selected { background: $accent_strong; color: $accent_text; }
QMenu::item:disabled { color: $text_off; }
QMenu::separator { height: 1px; background: $line; margin: 4px 8px; }
QMenuBar { background: $window; }
QMenuBar::item { padding: 4px 8px; background: transparent; }
QMenuBar::item:selected { background: $raised; border-radius: 4px; }

QTabBar::tab {
    background: transparent; color: $text_dim; padding: 4px 12px;
    border: none; border-bottom: 2px solid transparent;
}
QTabBar::tab:selected { color: $text; border-bottom-color: $accent; }
QTabBar::tab:focus { color: $accent; }
QTabWidget::pane { border: none; border-top: 1px solid $line; }
QDockWidget::title { background: $panel; padding: 8px; }
QGroupBox { border: none; margin-top: 20px; font-weight: 600; }
QGroupBox::title { subcontrol-origin: margin; left: 0; padding: 0; }
QDialogButtonBox { dialogbuttonbox-buttons-have-icons: 0; }
QStatusBar { background: $window; color: $text_dim; }
QStatusBar::item { border: none; }

QSlider::groove:horizontal { height: 4px; background: $line; border-radius: 2px; }
QSlider::sub-page:horizontal { background: $accent; border-radius: 2px; }
QSlider::handle:horizontal {
    background: $text; width: 12px; margin: -4px 0; border-radius: 6px;
}
QSlider::handle:horizontal:focus { background: $accent; border: 2px solid $text; margin: -6px 0; }
QSlider::sub-page:horizontal:disabled { background: $line; }
QSlider::handle:horizontal:disabled { background: $text_off; }
QProgressBar {
    background: $line; border: none; border-radius: 2px; max-height: 4px; text-align: center;
}
QProgressBar::chunk { background: $accent; border-radius: 2px; }

QScrollBar { background: transparent; border: none; }
QScrollBar:horizontal { height: 12px; }
QScrollBar:vertical { width: 12px; }
QScrollBar::handle { background: $line_strong; border-radius: 4px; margin: 2px; }
QScrollBar::handle:horizontal { min-width: 24px; }
QScrollBar::handle:vertical { min-height: 24px; }
QScrollBar::handle:hover { background: $text_dim; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
""")


def _sheet(theme: Theme) -> str:
    pictures = {
        name: (_IMAGES / f"{name}-{theme.name}.svg").as_posix() for name in ("down", "check")
    }
    return _SHEET.substitute(vars(theme), **pictures)


NO_PEN: Final = QPen(Qt.PenStyle.NoPen)
