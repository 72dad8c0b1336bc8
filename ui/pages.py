"""Pages that are opened over the window: models, settings, keys, the tour; and the diagnostics."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PyQt6.QtCore import QObject
from PyQt6.QtGui import QGuiApplication

from jukebox_studio.errors import JukeboxError
from ui.diagnostics import diagnostics
from ui.first_start import Tour
from ui.models_page import ModelsPage
from ui.settings import SettingsPage
from ui.shortcuts import KeysPage

if TYPE_CHECKING:
    from ui.window import MainWindow


class Pages(QObject):
    """Opens them, and passes on what is done there. A page that is not open is None."""

    def __init__(self, window: MainWindow, log_path: Path) -> None:
        super().__init__(window)
        self._window, self._log_path = window, log_path
        self.settings: SettingsPage | None = None
        self.models: ModelsPage | None = None
        self.keys: KeysPage | None = None
        self.tour: Tour | None = None

    def show_models(self) -> None:
        self.models = page = ModelsPage(self._window)
        page.accepted_changed.connect(self.licence_accepted)
        page.chosen.connect(self._window.use_model)
        page.imported.connect(self._window.load_models)
        page.finished.connect(self._models_closed)
        page.finished.connect(page.deleteLater)
        self.fill_models()
        page.open()

    def fill_models(self) -> None:
        """With what was found; nothing where the page is not open."""
        window = self._window
        if self.models is not None:
            used = window.model.name if window.model else ""
            self.models.set_models(window.models, window.store.settings.accepted_licences, used)

    def _models_closed(self) -> None:
        self.models = None

    def licence_accepted(self, name: str, accepted: bool) -> None:
        names = set(self._window.store.settings.accepted_licences)
        (names.add if accepted else names.discard)(name)
        self._window.store.change(accepted_licences=tuple(sorted(names)))

    def show_settings(self) -> SettingsPage:
        window = self._window
        self.settings = page = SettingsPage(
            window.store,
            window.player.outputs,
            window.statuses.audio_sentence,
            window.daw.sentence,
            window.statuses.midi_sentence,
            window,
        )
        page.test_audio_wanted.connect(self._test_audio)
        # The map of MIDI comes with the bridge, which a window that opens does not wait for.
        from ui.midi_page import MidiPage

        page.tabs.insertTab(3, MidiPage(window.daw), self.tr("MIDI control"))
        window.daw.peers_changed.connect(page.refresh)
        window.daw.midi_heard.connect(page.midi_heard)
        page.finished.connect(self._settings_closed)
        page.open()
        return page

    def show_audio_settings(self) -> None:
        self.show_settings().tabs.setCurrentIndex(1)

    def refresh_settings(self) -> None:
        if self.settings is not None:
            self.settings.refresh()

    def _settings_closed(self) -> None:
        if self.settings is not None:
            self._window.daw.peers_changed.disconnect(self.settings.refresh)
            self._window.daw.midi_heard.disconnect(self.settings.midi_heard)
            self._window.daw.learn(None)
            self.settings.deleteLater()  # its pages listen to what goes on
            self.settings = None

    def _test_audio(self) -> None:
        try:
            self._window.audition.play_tone()
        except JukeboxError as error:
            self._window.fail(str(error))

    def show_keys(self) -> None:
        self.keys = page = KeysPage(self._window.shortcuts.keys, self._window)
        page.finished.connect(self._keys_closed)
        page.finished.connect(page.deleteLater)
        page.keys_changed.connect(self._keys_changed)
        page.open()

    def _keys_closed(self) -> None:
        self.keys = None

    def _keys_changed(self, keys: dict[str, str]) -> None:
        self._window.shortcuts.set_keys(keys)
        self._window.store.change(keys=keys)

    def show_tour(self) -> None:
        window = self._window
        steps = [
            (
                window.inbox,
                self.tr("Your clips"),
                self.tr(
                    "Drop audio here, or send a region from your DAW. The tempo is read or"
                    " listened for; say so where it is wrong."
                ),
            ),
            (
                window.request_panel,
                self.tr("What to do"),
                self.tr(
                    "Continue the clip, make it in another style, sing it anew or vary a part."
                    " Blend artists, write words, then press Generate."
                ),
            ),
            (
                window.timeline,
                self.tr("Listen"),
                self.tr(
                    "Space plays. 1 to 9 switch to a variant where you are, 0 to the clip."
                    " Drag over the waveforms to select."
                ),
            ),
            (
                window.history,
                self.tr("Choose"),
                self.tr(
                    "Every variant stays: rate, note, hide, branch. Drag one into your DAW, or"
                    " press Ctrl+D to send it to its place."
                ),
            ),
            (
                window.transport,
                self.tr("How things are"),
                self.tr(
                    "Engine, DAW, MIDI and tempo. Click a sign to set it up. ? shows all keys."
                ),
            ),
        ]
        window.store.change(was_toured=True)
        self.tour = Tour(window, steps)
        self.tour.ended.connect(self._tour_ended)

    def _tour_ended(self) -> None:
        self.tour = None

    def copy_diagnostics(self) -> None:
        """Versions, devices, states and the end of the log, on the clipboard."""
        window = self._window
        player, project, model = window.player, window.project, window.model
        jobs = project.queue.jobs if project and project.queue else ()
        text = diagnostics(
            self._log_path,
            f"Audio: {player.output or 'no device'}, {player.rate_hz} Hz,"
            f" {player.dropouts} dropouts",
            f"DAW: {window.daw.sentence()}",
            f"Model: {model.folder if model else 'none'}",
            f"Project: {project.session.folder if project else 'none'}",
            f"Queue: {len(jobs)} jobs",
            *(f"Player: {line}" for line in list(player.last_words)[-10:]),
        )
        clipboard = QGuiApplication.clipboard()
        assert clipboard is not None
        clipboard.setText(text)
        self._window.tell(
            self.tr("Diagnostics are on the clipboard. They hold paths, but no music.")
        )
