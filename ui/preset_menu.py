"""Presets: the button with their menu, the dialog that saves one, and the shelf they lie on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PyQt6.QtCore import QObject, Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QLineEdit,
    QMenu,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from jukebox_studio.errors import JukeboxError
from ui.background import Background
from ui.draft import Draft
from ui.draft_presets import (
    MOST_NAME,
    PORTIONS,
    SUFFIX,
    Portion,
    Preset,
    delete_preset,
    find_presets,
    import_preset,
    preset_of,
    save_preset,
    write_preset,
)
from ui.panel_controls import describe, quiet_label
from ui.theme import GRID_PX, dress, icon


class SavePresetDialog(QDialog):
    """A name, and which portions go in; the others are left as they are when it is used."""

    def __init__(self, taken: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        dress(self)
        self.setWindowTitle(self.tr("Save a preset"))
        self._taken = {name.casefold() for name in taken}
        self.name = QLineEdit()
        self.name.setMaxLength(MOST_NAME)
        self.name.setPlaceholderText(self.tr("Name of the preset"))
        describe(self.name, self.tr("Name of the preset"), self.tr("As it stands in the menu"))
        self.portions: dict[Portion, QCheckBox] = {}
        texts = {
            "operation": self.tr("Operation, length and keep"),
            "style": self.tr("Style"),
            "words": self.tr("New words"),
            "sampling": self.tr("Guidance and how codes are drawn"),
            "output": self.tr("Variants, output, and the seed if it is locked"),
        }
        layout = QVBoxLayout(self)
        layout.setSpacing(2 * GRID_PX)
        layout.addWidget(self.name)
        layout.addWidget(quiet_label(self.tr("What goes in; the rest stays when it is used:")))
        for portion in PORTIONS:
            box = QCheckBox(texts[portion])
            box.setChecked(portion != "words")
            describe(box, texts[portion], self.tr("Whether the preset says this"))
            self.portions[portion] = box
            layout.addWidget(box)
        self.notice = quiet_label(role="warning")
        layout.addWidget(self.notice)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel
        )
        layout.addWidget(self.buttons)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.name.textChanged.connect(self._check)
        for box in self.portions.values():
            box.toggled.connect(self._check)
        self._check()

    def chosen(self) -> list[Portion]:
        return [portion for portion, box in self.portions.items() if box.isChecked()]

    def _check(self) -> None:
        name = self.name.text().strip()
        save = self.buttons.button(QDialogButtonBox.StandardButton.Save)
        assert save is not None
        save.setEnabled(bool(name) and bool(self.chosen()))
        is_taken = name.casefold() in self._taken
        self.notice.setText(self.tr("Your preset of this name is replaced.") if is_taken else "")


class PresetMenu(QToolButton):
    """The presets there are, and what can be done with them. Reads and writes no file itself."""

    chosen = pyqtSignal(object)
    save_requested = pyqtSignal(object)
    delete_requested = pyqtSignal(object)
    import_requested = pyqtSignal(object)
    """Path"""
    export_requested = pyqtSignal(object, object)
    """Preset, Path"""

    def __init__(self, draft: Callable[[], Draft]) -> None:
        """`draft` tells what a new preset is made of."""
        super().__init__()
        self._draft = draft
        self._presets: tuple[Preset, ...] = ()
        self.setText(self.tr("Presets"))
        self.setIcon(icon("preset"))
        self.setAutoRaise(True)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        # The arrow would stand askew beside the text, and the name says what it is.
        self.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        describe(self, self.tr("Presets"), self.tr("Use, save and share settings"))
        self.actions_menu = QMenu(self)
        self.actions_menu.setToolTipsVisible(True)
        self.setMenu(self.actions_menu)
        self.set_presets(())

    def set_presets(self, presets: Sequence[Preset]) -> None:
        self._presets = tuple(presets)
        menu = self.actions_menu
        menu.clear()
        own = [preset for preset in presets if not preset.is_shipped]
        for title, some in (
            (self.tr("Shipped"), [preset for preset in presets if preset.is_shipped]),
            (self.tr("Yours"), own),
        ):
            if some:
                # A section's own title is lost under a style sheet.
                heading = menu.addAction(title)
                assert heading is not None
                heading.setEnabled(False)
            self._list(menu, some, self.chosen.emit)
        menu.addSeparator()
        self._add(menu, self.tr("&Save…"), "save", self._save)
        self._add(menu, self.tr("&Import a file…"), "drop", self._import)
        for title, picture, some, use in (
            (self.tr("&Share as a file"), "share", list(presets), self._export),
            (self.tr("&Delete"), "delete", own, self.delete_requested.emit),
        ):
            below = menu.addMenu(icon(picture), title)
            assert below is not None
            below.setEnabled(bool(some))
            self._list(below, some, use)

    def _list(self, menu: QMenu, presets: list[Preset], use: Callable[[Preset], None]) -> None:
        for preset in presets:
            # A & would underline the letter after it.
            action = menu.addAction(preset.name.replace("&", "&&"))
            assert action is not None
            action.setToolTip(preset.description)
            action.triggered.connect(lambda _, p=preset: use(p))

    def _add(self, menu: QMenu, text: str, picture: str, use: Callable[[], None]) -> None:
        action = menu.addAction(icon(picture), text)
        assert action is not None
        action.triggered.connect(lambda _: use())

    def _save(self) -> None:
        own = [preset.name for preset in self._presets if not preset.is_shipped]
        dialog = SavePresetDialog(own, self.window())
        if dialog.exec() == QDialog.DialogCode.Accepted:
            self.save_requested.emit(preset_of(self._draft(), dialog.name.text(), dialog.chosen()))

    def _import(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self.window(), self.tr("Import a preset"), "", self.tr("Presets (*.json)")
        )
        if path:
            self.import_requested.emit(Path(path))

    def _export(self, preset: Preset) -> None:
        name = preset.path.name if preset.path else f"preset{SUFFIX}"
        path, _ = QFileDialog.getSaveFileName(
            self.window(), self.tr("Share a preset"), name, self.tr("Presets (*.json)")
        )
        if path:
            self.export_requested.emit(preset, Path(path))


class PresetShelf(QObject):
    """The folder of presets, read and written in a thread; serves a menu."""

    presets_changed = pyqtSignal(list)
    failed = pyqtSignal(str)
    """A sentence for people."""
    told = pyqtSignal(str)
    opened = pyqtSignal(object)
    """The Preset of a file that somebody opened: to be used."""

    def __init__(self, folder: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.folder = folder
        # One at a time: what is listed is what was just written.
        self._background = Background(self, threads=1)

    def serve(self, menu: PresetMenu) -> None:
        self.presets_changed.connect(menu.set_presets)
        menu.save_requested.connect(self.save)
        menu.import_requested.connect(self.import_file)
        menu.export_requested.connect(self.export)
        menu.delete_requested.connect(self.delete)
        self.load()

    def load(self) -> None:
        self._run(lambda: "")

    def save(self, preset: Preset) -> None:
        self._run(lambda: self._saved(save_preset(preset, self.folder)))

    def import_file(self, path: Path) -> None:
        self._run(lambda: self._saved(import_preset(path, self.folder)))

    def open_file(self, path: Path) -> None:
        """As a double click on a file means it: on the shelf, and used at once."""

        def take() -> str:
            preset = import_preset(path, self.folder)
            self.opened.emit(preset)
            return self.tr("The preset {0} is used, and kept.").format(preset.name)

        self._run(take)

    def export(self, preset: Preset, path: Path) -> None:
        def write() -> str:
            write_preset(preset, path)
            return self.tr("The preset lies in {0}.").format(path)

        self._run(write, lists=False)

    def delete(self, preset: Preset) -> None:
        def away() -> str:
            delete_preset(preset)
            return self.tr("The preset {0} is deleted.").format(preset.name)

        self._run(away)

    def wait(self) -> None:
        """Until all is written: before the program ends."""
        self._background.wait()

    def _saved(self, preset: Preset) -> str:
        return self.tr("The preset {0} is saved.").format(preset.name)

    def _run(self, work: Callable[[], str], *, lists: bool = True) -> None:
        self._background.start(partial(self._do, work, lists), lambda _: None)

    def _do(self, work: Callable[[], str], lists: bool) -> None:
        try:
            if said := work():
                self.told.emit(said)
        except JukeboxError as error:
            self.failed.emit(str(error))
        if not lists:
            return
        try:
            presets, faults = find_presets(self.folder)
        except JukeboxError as error:
            presets, faults = [], [str(error)]
        self.presets_changed.emit(presets)
        for sentence in faults:
            self.failed.emit(sentence)
