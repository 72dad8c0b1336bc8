"""The settings page: looks, audio, DAW and MIDI, engine; each with a test where one is possible."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from PyQt6.QtCore import QObject, pyqtSignal
from PyQt6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from jukebox_studio.exports import exports_folder
from ui.background import Background
from ui.language import language_of_system, languages
from ui.playback_link import USUAL_LATENCY_SECONDS, Output, PlaybackSettings
from ui.settings_file import Settings, read_settings, write_settings
from ui.theme import GRID_PX, dress

LATENCIES_MS = (10, 20, 50, 100, 200)
BUFFERS_SAMPLES = (0, 64, 128, 256, 512, 1024, 2048)


class SettingsStore(QObject):
    """The settings that count, kept in a file with every change."""

    changed = pyqtSignal(object)
    """The new Settings."""
    failed = pyqtSignal(str)

    def __init__(self, path: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.path = path
        self.settings, self.fault = read_settings(path)
        self._kept = self.settings
        # The disk may take its time.
        self._background = Background(self, threads=1)
        self._background.failed.connect(self.failed)

    def change(self, **values: object) -> None:
        """Other values of some fields of `Settings`."""
        changed = replace(self.settings, **values)  # type: ignore[arg-type]
        if changed == self.settings:
            return
        self.settings = changed
        self._background.start(self._keep, lambda _: None)
        self.changed.emit(changed)

    def wait(self) -> None:
        """Until the last change is in the file: before the program ends."""
        self._background.wait()

    def _keep(self) -> None:
        settings = self.settings
        if settings != self._kept:  # else an earlier write has kept this change too
            write_settings(self.path, settings)
            self._kept = settings


def playback_settings(settings: Settings) -> PlaybackSettings:
    """What the player is told of them."""
    return PlaybackSettings(
        output=settings.output or None,
        latency_seconds=settings.latency_seconds or USUAL_LATENCY_SECONDS,
        block_samples=settings.buffer_samples or None,
    )


class SettingsPage(QDialog):
    """Every change counts at once; there is nothing to confirm."""

    test_audio_wanted = pyqtSignal()

    def __init__(
        self,
        store: SettingsStore,
        outputs: Sequence[Output] = (),
        audio_sentence: Callable[[], str] = str,
        daw_sentence: Callable[[], str] = str,
        midi_sentence: Callable[[], str] = str,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._store = store
        self._audio_sentence = audio_sentence
        self._daw_sentence, self._midi_sentence = daw_sentence, midi_sentence
        dress(self)
        self.setWindowTitle(self.tr("Settings"))
        self.resize(560, 440)
        column = QVBoxLayout(self)
        column.setContentsMargins(4 * GRID_PX, 4 * GRID_PX, 4 * GRID_PX, 4 * GRID_PX)
        self.tabs = QTabWidget()
        self.tabs.addTab(self._general(), self.tr("General"))
        self.tabs.addTab(self._audio(outputs), self.tr("Audio"))
        self.tabs.addTab(self._daw(), self.tr("DAW and MIDI"))
        self.tabs.addTab(self._engine(), self.tr("Engine"))
        column.addWidget(self.tabs, 1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)
        for button in self.findChildren(QPushButton):
            button.setAutoDefault(False)  # Return in a field or a list is not for them

    def _page(self) -> tuple[QWidget, QFormLayout]:
        page = QWidget()
        form = QFormLayout(page)
        form.setContentsMargins(2 * GRID_PX, 4 * GRID_PX, 2 * GRID_PX, 2 * GRID_PX)
        form.setHorizontalSpacing(4 * GRID_PX)
        form.setVerticalSpacing(2 * GRID_PX)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        return page, form

    def _check(self, text: str, field: str) -> QCheckBox:
        box = QCheckBox(text)
        box.setChecked(bool(getattr(self._store.settings, field)))
        box.toggled.connect(lambda on: self._store.change(**{field: on}))
        return box

    def _hint(self, text: str = "") -> QLabel:
        label = QLabel(text)
        label.setWordWrap(True)
        label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        label.setProperty("role", "dim")
        return label

    def _general(self) -> QWidget:
        page, form = self._page()
        settings = self._store.settings
        self.theme = QComboBox()
        self.theme.addItem(self.tr("Dark"), "dark")
        self.theme.addItem(self.tr("Light"), "light")
        self.theme.setCurrentIndex(self.theme.findData(settings.theme))
        self.theme.activated.connect(lambda: self._store.change(theme=self.theme.currentData()))
        form.addRow(self.tr("&Colours"), self.theme)
        self.language = QComboBox()
        known = languages()
        system = self.tr("The system's ({language})").format(language=known[language_of_system()])
        for code, name in (("", system), *known.items()):
            self.language.addItem(name, code)
        self.language.setCurrentIndex(max(0, self.language.findData(settings.language)))
        self.language.activated.connect(
            lambda: self._store.change(language=self.language.currentData())
        )
        form.addRow(self.tr("&Language"), self.language)
        form.addRow("", self._hint(self.tr("Counts from the next start of the program on.")))
        self.exports = QLineEdit(settings.exports_folder)
        self.exports.setPlaceholderText(str(exports_folder()))
        self.exports.editingFinished.connect(
            lambda: self._store.change(exports_folder=self.exports.text().strip())
        )
        choose = QPushButton(self.tr("Choose …"))
        choose.clicked.connect(self._choose_exports)
        row = QHBoxLayout()
        row.addWidget(self.exports, 1)
        row.addWidget(choose)
        form.addRow(self.tr("Exports folder"), row)
        self.exports.setAccessibleName(self.tr("Exports folder"))
        form.addRow(
            "",
            self._hint(
                self.tr(
                    "What you drag, copy or export goes there, and nothing in it is ever changed"
                    " or removed. Counts for projects that are opened from now on."
                )
            ),
        )
        self.flac = self._check(self.tr("Export as FLAC instead of WAV"), "export_as_flac")
        form.addRow("", self.flac)
        return page

    def _choose_exports(self) -> None:
        folder = QFileDialog.getExistingDirectory(
            self, self.tr("Exports folder"), self.exports.text()
        )
        if folder:
            self.exports.setText(folder)
            self._store.change(exports_folder=folder)

    def _audio(self, outputs: Sequence[Output]) -> QWidget:
        page, form = self._page()
        settings = self._store.settings
        self.output = QComboBox()
        self.output.addItem(self.tr("The system's"), "")
        for output in outputs:
            self.output.addItem(f"{output.name} ({output.rate_hz:,} Hz)", output.name)
        if settings.output and self.output.findData(settings.output) < 0:
            self.output.addItem(
                self.tr("{name} (not connected)").format(name=settings.output), settings.output
            )
        self.output.setCurrentIndex(self.output.findData(settings.output))
        self.output.activated.connect(lambda: self._store.change(output=self.output.currentData()))
        form.addRow(self.tr("&Device"), self.output)
        if not outputs:
            sentence = self.tr("No audio device was found. Connect one; it is taken by itself.")
            hint = self._hint(sentence)
            hint.setProperty("role", "warning")
            form.addRow("", hint)
        self.latency = QComboBox()
        for ms in LATENCIES_MS:
            self.latency.addItem(self.tr("{ms} ms").format(ms=ms), ms / 1000)
        now = settings.latency_seconds or USUAL_LATENCY_SECONDS
        self.latency.setCurrentIndex(self.latency.findData(now))
        self.latency.activated.connect(
            lambda: self._store.change(latency_seconds=self.latency.currentData())
        )
        form.addRow(self.tr("&Latency"), self.latency)
        self.buffer = QComboBox()
        for samples in BUFFERS_SAMPLES:
            text = self.tr("{n} samples").format(n=samples) if samples else self.tr("The device's")
            self.buffer.addItem(text, samples)
        self.buffer.setCurrentIndex(self.buffer.findData(settings.buffer_samples))
        self.buffer.activated.connect(
            lambda: self._store.change(buffer_samples=self.buffer.currentData())
        )
        form.addRow(self.tr("&Buffer"), self.buffer)
        form.addRow(
            "", self._hint(self.tr("Larger values drop out less when the computer is busy."))
        )
        self.test = QPushButton(self.tr("Test: play a tone"))
        self.test.clicked.connect(self.test_audio_wanted)
        form.addRow("", self.test)
        self.audio_said = self._hint(self._audio_sentence())
        form.addRow("", self.audio_said)
        return page

    def _daw(self) -> QWidget:
        page, form = self._page()
        self.bridge = self._check(self.tr("Let DAWs and controllers connect"), "uses_bridge")
        self.link = self._check(self.tr("Take part in Ableton Link"), "uses_link")
        self.midi = self._check(self.tr("Listen to MIDI clock and controllers"), "uses_midi")
        self.follow = self._check(self.tr("Play and stop with the DAW, on the bar"), "follow_daw")
        self.mute = self._check(self.tr("Be silent while the DAW plays"), "mute_while_daw_plays")
        self.take_tempo = self._check(
            self.tr("Clips without a tempo take the DAW's"), "take_daw_tempo"
        )
        self.daw_said = self._hint(self._daw_sentence())
        self.midi_said = self._hint(self._midi_sentence())
        for box in (self.bridge, self.daw_said, self.link, self.midi, self.midi_said):
            form.addRow(box)
        form.addRow(self.follow)
        form.addRow(self.mute)
        form.addRow(self.take_tempo)
        form.addRow(
            self._hint(
                self.tr(
                    "A clip that a DAW sent plays where the DAW is, others start on its bar. What"
                    " plays is never stretched: a clip keeps the tempo that it was given."
                )
            )
        )
        test = QPushButton(self.tr("Look again"))
        test.clicked.connect(self.refresh)
        form.addRow(test)
        return page

    def refresh(self) -> None:
        """What audio, DAW and MIDI are like now."""
        self.audio_said.setText(self._audio_sentence())
        self.daw_said.setText(self._daw_sentence())
        self.midi_said.setText(self._midi_sentence())

    def midi_heard(self, text: str) -> None:
        self.midi_said.setText(self.tr("Heard {text}").format(text=text))

    def _engine(self) -> QWidget:
        page, form = self._page()
        self.threads = QSpinBox()
        self.threads.setRange(0, 256)
        self.threads.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
        self.threads.setSpecialValueText(self.tr("All but one"))
        self.threads.setValue(self._store.settings.engine_threads)
        self.threads.valueChanged.connect(lambda n: self._store.change(engine_threads=n))
        self.threads.setAccessibleName(self.tr("Processors for rendering"))
        form.addRow(self.tr("&Processors for rendering"), self.threads)
        form.addRow("", self._hint(self.tr("Counts from the next start of the program on.")))
        return page
