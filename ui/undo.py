"""Undo and redo: the steps of the panel and the changes of the project as one history."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from PyQt6.QtCore import QObject

from ui.draft_history import DraftHistory
from ui.project import Project
from ui.words import change_name

if TYPE_CHECKING:
    from ui.window import MainWindow


class Undo(QObject):
    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        window.shortcuts.connect("undo", lambda: window.with_project(self.undo))
        window.shortcuts.connect("redo", lambda: window.with_project(self.redo))
        self.begin()

    def begin(self) -> None:
        """Anew, with another project."""
        self._drafts = DraftHistory(self._window.request_panel.draft())

    def show(self) -> None:
        assert self._window.project is not None
        session = self._window.project.session
        for id, change, fields in (
            ("undo", session.undoable, self._drafts.undoable(self._changes[0])),
            ("redo", session.redoable, self._drafts.redoable(*self._changes)),
        ):
            action = self._window.shortcuts.actions[id]
            name = self.tr("Undo") if id == "undo" else self.tr("Redo")
            last = change_name(change.label) if change else ""
            label = self._settings_said(fields) if fields else last
            action.setText(f"{name}: {label}" if label else name)
            action.setEnabled(bool(label))
            button = self._window.tool_row.undo if id == "undo" else self._window.tool_row.redo
            button.setEnabled(bool(label))
            button.setToolTip(self._window.shortcuts.tip(id))

    @property
    def _changes(self) -> tuple[int, int]:
        """Which changes the session would undo and redo; 0 for none."""
        assert self._window.project is not None
        undoable, redoable = (
            self._window.project.session.undoable,
            self._window.project.session.redoable,
        )
        return undoable.id if undoable else 0, redoable.id if redoable else 0

    def note(self) -> None:
        if self._window.project is not None:
            self._drafts.note(self._window.request_panel.draft(), self._changes[0])
            self.show()

    def undo(self, project: Project) -> None:
        """The panel's last step, or the project's, whichever was later."""
        values = self._drafts.undo(*self._changes)
        if values is None:
            project.undo()
        else:
            self._go_back_to(values, self.tr("Undone: {what}"))

    def redo(self, project: Project) -> None:
        values = self._drafts.redo(*self._changes)
        if values is None:
            project.redo()
        else:
            self._go_back_to(values, self.tr("Done again: {what}"))

    def _go_back_to(self, values: dict[str, Any], sentence: str) -> None:
        self._window.request_panel.change_draft(**values)
        self._window.tell(sentence.format(what=self._settings_said(values)))
        self.show()

    def _settings_said(self, fields: Iterable[str]) -> str:
        """What a step of the panel changed."""
        names = {
            "kind": self.tr("Operation"),
            "length": self.tr("Length"),
            "keep_restyle": self.tr("Keep"),
            "keep_relyric": self.tr("Keep"),
            "keep_vary": self.tr("Keep"),
            "style": self.tr("Style"),
            "new_words": self.tr("Words"),
            "variants": self.tr("Variants"),
            "seed": self.tr("Seed"),
        }
        said = {names.get(field, self.tr("Settings")) for field in fields}
        return said.pop() if len(said) == 1 else self.tr("Settings")
