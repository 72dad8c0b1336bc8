"""The menus, from the commands that have keys."""

from __future__ import annotations

from PyQt6.QtCore import QObject
from PyQt6.QtWidgets import QMenu, QMenuBar, QWidget

from ui.shortcuts import Shortcuts
from ui.theme import dress

_VARIANT = ("go-on-from", "upsample", "-", "branch", "rename", "note", "hide", "prune", "-",
            "export", "copy", "reveal", "send", "-", "spectrum")  # fmt: skip


class Menus(QObject):
    """Fills the bar; `recent` is filled by who knows the projects."""

    def __init__(self, bar: QMenuBar, shortcuts: Shortcuts) -> None:
        super().__init__(bar)
        self._shortcuts = shortcuts

        def menu(name: str, *ids: str) -> QMenu:
            made = bar.addMenu(name)
            assert made is not None
            self._fill(made, *ids)
            return made

        project = menu(self.tr("&Project"), "open", "fetch", "-", "new-project", "open-project")
        recent = project.addMenu(self.tr("&Recent"))
        assert recent is not None
        self.recent = recent
        self._fill(project, "-", "models", "settings", "quit")
        menu(self.tr("&Edit"), "undo", "redo", "-", "search", "rename", "note")
        menu(
            self.tr("&Variant"),
            "go-on-from", "upsample", "branch", "hide", "prune", "-",
            "export", "copy", "reveal", "send", "-",
            *(f"rate-{n}" for n in range(6)),
        )  # fmt: skip
        menu(
            self.tr("&Listen"),
            "play", "home", "loop", "context", "matched", "-", "a-b", "hear-source",
            *(f"hear-{n}" for n in range(1, 10)),
        )  # fmt: skip
        menu(self.tr("&Queue"), "generate", "pause-queue")
        menu(self.tr("V&iew"), "zoom-in", "zoom-out", "zoom-fit", "-", "spectrum", "theme")
        menu(self.tr("&Help"), "keys", "tour", "-", "diagnostics")

    def of_variant(self, parent: QWidget) -> QMenu:
        return self._popup(parent, *_VARIANT)

    def of_clip(self, parent: QWidget) -> QMenu:
        return self._popup(parent, "spectrum")

    def _popup(self, parent: QWidget, *ids: str) -> QMenu:
        made = QMenu(parent)
        dress(made)
        made.aboutToHide.connect(made.deleteLater)
        self._fill(made, *ids)
        return made

    def _fill(self, menu: QMenu, *ids: str) -> None:
        for id in ids:
            if id == "-":
                menu.addSeparator()
            else:
                menu.addAction(self._shortcuts.actions[id])
