"""What can be done by key: one table, the keys that the musician chose, and the page of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PyQt6.QtCore import QT_TRANSLATE_NOOP, QCoreApplication, Qt, pyqtSignal
from PyQt6.QtGui import QAction, QKeySequence
from PyQt6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QHeaderView,
    QKeySequenceEdit,
    QLabel,
    QLineEdit,
    QPushButton,
    QToolButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ui.panel_controls import make_clearable
from ui.theme import GRID_PX, dress, icon

_CONTEXT = "Shortcuts"


@dataclass(frozen=True)
class Command:
    """Something that can be done, and the key that does it unless the musician chose another."""

    id: str
    group: str
    text: str
    key: str = ""


def _row(id: str, group: str, text: str, key: str = "") -> Command:
    return Command(id, group, text, key)


_LISTEN = QT_TRANSLATE_NOOP("Shortcuts", "Listen")
_MAKE = QT_TRANSLATE_NOOP("Shortcuts", "Make")
_VARIANTS = QT_TRANSLATE_NOOP("Shortcuts", "Variants")
_PROJECT = QT_TRANSLATE_NOOP("Shortcuts", "Project")
_VIEW = QT_TRANSLATE_NOOP("Shortcuts", "View and help")

COMMANDS: tuple[Command, ...] = (
    _row("play", _LISTEN, QT_TRANSLATE_NOOP("Shortcuts", "Play and stop"), "Space"),
    _row("home", _LISTEN, QT_TRANSLATE_NOOP("Shortcuts", "Back to the start"), "Home"),
    _row("hear-source", _LISTEN, QT_TRANSLATE_NOOP("Shortcuts", "Hear the clip"), "0"),
    *(
        _row(f"hear-{n}", _LISTEN, QT_TRANSLATE_NOOP("Shortcuts", "Hear variant {n}"), str(n))
        for n in range(1, 10)
    ),
    _row("a-b", _LISTEN, QT_TRANSLATE_NOOP("Shortcuts", "Between this one and the last"), "B"),
    _row("loop", _LISTEN, QT_TRANSLATE_NOOP("Shortcuts", "Loop the selection"), "L"),
    _row("context", _LISTEN, QT_TRANSLATE_NOOP("Shortcuts", "Solo or in context"), "S"),
    _row("matched", _LISTEN, QT_TRANSLATE_NOOP("Shortcuts", "Equally loud or as is"), "M"),
    _row("generate", _MAKE, QT_TRANSLATE_NOOP("Shortcuts", "Generate"), "Ctrl+Return"),
    _row("upsample", _MAKE, QT_TRANSLATE_NOOP("Shortcuts", "Full quality of a preview"), "Ctrl+U"),
    _row("pause-queue", _MAKE, QT_TRANSLATE_NOOP("Shortcuts", "Pause and resume the queue"), "P"),
    _row("go-on-from", _MAKE, QT_TRANSLATE_NOOP("Shortcuts", "Go on from this variant"), "G"),
    *(
        _row(
            f"rate-{n}",
            _VARIANTS,
            QT_TRANSLATE_NOOP("Shortcuts", "Rate with {n} of 5 stars"),
            f"Alt+{n}",
        )
        for n in range(6)
    ),
    _row("branch", _VARIANTS, QT_TRANSLATE_NOOP("Shortcuts", "Branch"), "Ctrl+B"),
    _row("hide", _VARIANTS, QT_TRANSLATE_NOOP("Shortcuts", "Hide or show"), "H"),
    _row("prune", _VARIANTS, QT_TRANSLATE_NOOP("Shortcuts", "Prune"), "Del"),
    _row("rename", _VARIANTS, QT_TRANSLATE_NOOP("Shortcuts", "Rename"), "F2"),
    _row("note", _VARIANTS, QT_TRANSLATE_NOOP("Shortcuts", "Write a note"), "Ctrl+E"),
    _row("search", _VARIANTS, QT_TRANSLATE_NOOP("Shortcuts", "Search"), "Ctrl+F"),
    _row("export", _VARIANTS, QT_TRANSLATE_NOOP("Shortcuts", "Export"), "Ctrl+S"),
    _row("copy", _VARIANTS, QT_TRANSLATE_NOOP("Shortcuts", "Copy as a file"), "Ctrl+C"),
    _row("reveal", _VARIANTS, QT_TRANSLATE_NOOP("Shortcuts", "Show in its folder"), "Ctrl+R"),
    _row("send", _VARIANTS, QT_TRANSLATE_NOOP("Shortcuts", "Send to the DAW"), "Ctrl+D"),
    _row("open", _PROJECT, QT_TRANSLATE_NOOP("Shortcuts", "Add audio files …"), "Ctrl+O"),
    _row(
        "fetch",
        _PROJECT,
        QT_TRANSLATE_NOOP("Shortcuts", "Bring what is selected in the DAW"),
        "Ctrl+Shift+D",
    ),
    _row("new-project", _PROJECT, QT_TRANSLATE_NOOP("Shortcuts", "New project …"), "Ctrl+N"),
    _row(
        "open-project", _PROJECT, QT_TRANSLATE_NOOP("Shortcuts", "Open a project …"), "Ctrl+Shift+O"
    ),
    _row("undo", _PROJECT, QT_TRANSLATE_NOOP("Shortcuts", "Undo"), "Ctrl+Z"),
    _row("redo", _PROJECT, QT_TRANSLATE_NOOP("Shortcuts", "Redo"), "Ctrl+Shift+Z"),
    _row("quit", _PROJECT, QT_TRANSLATE_NOOP("Shortcuts", "Quit"), "Ctrl+Q"),
    _row("zoom-in", _VIEW, QT_TRANSLATE_NOOP("Shortcuts", "Zoom in"), "Ctrl++"),
    _row("zoom-out", _VIEW, QT_TRANSLATE_NOOP("Shortcuts", "Zoom out"), "Ctrl+-"),
    _row("zoom-fit", _VIEW, QT_TRANSLATE_NOOP("Shortcuts", "See everything"), "F"),
    _row("spectrum", _VIEW, QT_TRANSLATE_NOOP("Shortcuts", "Waveform or spectrogram"), "W"),
    _row("theme", _VIEW, QT_TRANSLATE_NOOP("Shortcuts", "Light or dark"), "Ctrl+Shift+L"),
    _row("models", _VIEW, QT_TRANSLATE_NOOP("Shortcuts", "Models"), "Ctrl+M"),
    _row("settings", _VIEW, QT_TRANSLATE_NOOP("Shortcuts", "Settings"), "Ctrl+,"),
    _row("tour", _VIEW, QT_TRANSLATE_NOOP("Shortcuts", "Show me around")),
    _row("keys", _VIEW, QT_TRANSLATE_NOOP("Shortcuts", "Keys"), "?"),
    _row("diagnostics", _VIEW, QT_TRANSLATE_NOOP("Shortcuts", "Copy diagnostics")),
)


def said(command: Command) -> str:
    """What a command does, in the reader's language."""
    text = QCoreApplication.translate(_CONTEXT, command.text)
    return text.format(n=command.id.rsplit("-", 1)[-1])


class Shortcuts:
    """The commands as actions of a window, with the keys that count."""

    def __init__(self, window: QWidget, keys: Mapping[str, str]) -> None:
        """keys: what the musician chose, by command; empty text takes a key away."""
        self.actions: dict[str, QAction] = {}
        self._acts: dict[str, Callable[[], None]] = {}
        for command in COMMANDS:
            action = QAction(said(command), window)
            action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
            action.setObjectName(command.id)
            window.addAction(action)
            self.actions[command.id] = action
        self.set_keys(keys)

    def set_keys(self, keys: Mapping[str, str]) -> None:
        self.keys = {c.id: keys.get(c.id, c.key) for c in COMMANDS}
        for id, key in self.keys.items():
            self.actions[id].setShortcut(QKeySequence(key))

    def connect(self, id: str, act: Callable[[], object]) -> QAction:
        """Have a command do something; its action, for menus and buttons."""
        action = self.actions[id]
        action.triggered.connect(lambda: act())
        return action

    def key_text(self, id: str) -> str:
        return QKeySequence(self.keys[id]).toString(QKeySequence.SequenceFormat.NativeText)

    def tip(self, id: str) -> str:
        """What it does, and its key."""
        key = self.key_text(id)
        text = self.actions[id].text()
        return f"{text} ({key})" if key else text


def command_button(shortcuts: Shortcuts, id: str, picture: str) -> QToolButton:
    """A command to be clicked, with its key in the tip."""
    button = QToolButton()
    button.setAutoRaise(True)
    button.setIcon(icon(picture))
    button.setToolTip(shortcuts.tip(id))
    button.setAccessibleName(shortcuts.actions[id].text())
    button.clicked.connect(shortcuts.actions[id].trigger)
    return button


class KeysPage(QDialog):
    """All keys, searchable, each to be changed; a key that is taken is told, not stolen."""

    keys_changed = pyqtSignal(dict)

    def __init__(self, keys: Mapping[str, str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        dress(self)
        self.setWindowTitle(self.tr("Keys"))
        self.resize(560, 640)
        self._keys = {c.id: keys.get(c.id, c.key) for c in COMMANDS}
        column = QVBoxLayout(self)
        column.setContentsMargins(4 * GRID_PX, 4 * GRID_PX, 4 * GRID_PX, 4 * GRID_PX)
        column.setSpacing(2 * GRID_PX)
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Search what it does, or a key"))
        self.search.setAccessibleName(self.tr("Search keys"))
        make_clearable(self.search)
        self.search.textChanged.connect(self._filter)
        column.addWidget(self.search)
        self.list = QTreeWidget()
        self.list.setHeaderLabels([self.tr("What it does"), self.tr("Key")])
        self.list.setAccessibleName(self.tr("Keys"))
        self.list.setRootIsDecorated(False)
        self.list.setIndentation(2 * GRID_PX)
        header = self.list.header()
        assert header is not None
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setStretchLastSection(False)
        header.resizeSection(1, 160)
        column.addWidget(self.list)
        row = QHBoxLayout()
        self.edit = QKeySequenceEdit()
        self.edit.setMaximumSequenceLength(1)
        self.edit.setAccessibleName(self.tr("New key for the chosen line"))
        self.edit.keySequenceChanged.connect(self._typed)
        self.clear = QPushButton(self.tr("No key"))
        self.clear.clicked.connect(lambda: self._set(""))
        self.usual = QPushButton(self.tr("Usual key"))
        self.usual.clicked.connect(self._set_usual)
        row.addWidget(QLabel(self.tr("Key for the chosen line:")))
        row.addWidget(self.edit, 1)
        row.addWidget(self.clear)
        row.addWidget(self.usual)
        column.addLayout(row)
        self.fault = QLabel()
        self.fault.setProperty("role", "error")
        self.fault.setWordWrap(True)
        column.addWidget(self.fault)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)
        self._items: dict[str, QTreeWidgetItem] = {}
        groups: dict[str, QTreeWidgetItem] = {}
        for command in COMMANDS:
            if command.group not in groups:
                name = QCoreApplication.translate(_CONTEXT, command.group)
                groups[command.group] = group = QTreeWidgetItem([name])
                group.setFlags(Qt.ItemFlag.ItemIsEnabled)
                font = group.font(0)
                font.setBold(True)
                group.setFont(0, font)
                self.list.addTopLevelItem(group)
            item = QTreeWidgetItem([said(command), ""])
            item.setData(0, Qt.ItemDataRole.UserRole, command.id)
            groups[command.group].addChild(item)
            self._items[command.id] = item
        self.list.expandAll()
        self._show_keys()
        self.list.setCurrentItem(self._items["play"])
        self.list.itemActivated.connect(lambda: self.edit.setFocus())

    def _show_keys(self) -> None:
        form = QKeySequence.SequenceFormat.NativeText
        for id, item in self._items.items():
            item.setText(1, QKeySequence(self._keys[id]).toString(form))

    def _current(self) -> str | None:
        item = self.list.currentItem()
        found = item.data(0, Qt.ItemDataRole.UserRole) if item else None
        return str(found) if found else None

    def _typed(self, sequence: QKeySequence) -> None:
        if not sequence.isEmpty():
            self._set(sequence.toString())

    def _set_usual(self) -> None:
        id = self._current()
        self._set(next((c.key for c in COMMANDS if c.id == id), ""))

    def _set(self, key: str) -> None:
        id = self._current()
        if id is None:
            return
        wanted = QKeySequence(key)
        taken = [
            c for c in COMMANDS if c.id != id and key and QKeySequence(self._keys[c.id]) == wanted
        ]
        if taken:
            self.fault.setText(
                self.tr("{key} is taken by “{other}”; give that another key first.").format(
                    key=wanted.toString(QKeySequence.SequenceFormat.NativeText),
                    other=said(taken[0]),
                )
            )
            self.edit.clear()
            return
        self.fault.clear()
        self._keys[id] = key
        self._show_keys()
        self.edit.clear()
        changed = {c.id: self._keys[c.id] for c in COMMANDS if self._keys[c.id] != c.key}
        self.keys_changed.emit(changed)

    def _filter(self, text: str) -> None:
        wanted = text.casefold()
        for item in self._items.values():
            both = f"{item.text(0)} {item.text(1)}".casefold()
            item.setHidden(wanted not in both)
