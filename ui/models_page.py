"""The models: which are there, what they know, whether one may release what they make."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from PyQt6.QtCore import QProcess, Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from jukebox_studio.bundle import Found, Manifest, user_models_folder
from jukebox_studio.licences import Licence
from jukebox_studio.memory import PROGRAM_BYTES, Asked, plan, size_text
from ui.theme import GRID_PX, dress, icon
from ui.words import drawing_said, translate

IMPORT = (sys.executable, "-c", "from jukebox_studio.cli import main; main()", "models", "import")
VARIANTS_PLANNED = 3
_PERCENT = re.compile(r"(.+): (\d+) %")
MOST_LABEL = 1_000
"""Characters that a label takes; the starter's credits have 66,000."""
LICENCE_PX = 160


def may_i_release(licence: Licence) -> str:
    """The plain answer, and what to say with the music."""
    if licence.commercial_use:
        answer = translate("Models", "Yes, commercially too.")
        if "SA" in licence.name.split("-"):
            # Of the weights; whether their music is an adaptation of them is not settled.
            answer += " " + translate(
                "Models",
                "The model itself is under {licence}: whoever passes the model on does so under"
                " the same licence. A clip that you start from has a licence of its own, which"
                " counts for what continues it.",
            ).format(licence=licence.name)
    else:
        answer = translate(
            "Models",
            "Yes, but not commercially: neither the model nor what it makes may be sold or used"
            " in something that is.",
        )
    if not licence.disclosure:
        return answer
    say = translate("Models", "You must say: “{words}”").format(words=licence.disclosure)
    return f"{answer} {say}"


def described(manifest: Manifest) -> list[tuple[str, str]]:
    """What people want to know of a model, as pairs of a heading and a text."""
    top = manifest.priors.get(max(manifest.priors, default=0))
    knows = []
    if top and top.labels:
        knows.append(translate("Models", "artists and genres"))
    if top and top.lyrics:
        knows.append(translate("Models", "lyrics: it sings"))
    size = sum(entry.size_bytes for entry in manifest.files.values())
    needs = plan(manifest, Asked(variants=VARIANTS_PLANNED))
    memory = size_text(PROGRAM_BYTES + needs.peak_bytes)
    return [
        (
            translate("Models", "What it knows"),
            ", ".join(knows) or translate("Models", "music alone: no artists, no words"),
        ),
        (
            translate("Models", "Sound"),
            translate("Models", "{rate} samples a second, {levels} levels").format(
                rate=f"{manifest.sample_rate_hz:,}", levels=manifest.levels
            ),
        ),
        (
            translate("Models", "Best drawn"),
            "; ".join(
                translate("Models", "level {0} at {1}").format(level, drawing_said(drawing))
                for level, drawing in sorted(manifest.recommended.items(), reverse=True)
            ),
        ),
        (translate("Models", "On disk"), size_text(size)),
        (
            translate("Models", "In memory"),
            translate("Models", "{memory} for {n} variants").format(
                memory=memory, n=VARIANTS_PLANNED
            ),
        ),
        (translate("Models", "Made of"), "\n".join(manifest.attribution)),
    ]


class ModelsPage(QDialog):
    """Installed models; licences are accepted here, and published checkpoints imported."""

    accepted_changed = pyqtSignal(str, bool)
    """A model's name, and whether its licence is accepted."""
    chosen = pyqtSignal(str)
    imported = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        dress(self)
        self.setWindowTitle(self.tr("Models"))
        self.resize(820, 560)
        self._found: list[Found] = []
        self._accepted: frozenset[str] = frozenset()
        self._import: QProcess | None = None
        self._import_said = ""
        column = QVBoxLayout(self)
        column.setContentsMargins(4 * GRID_PX, 4 * GRID_PX, 4 * GRID_PX, 4 * GRID_PX)
        column.setSpacing(3 * GRID_PX)
        row = QHBoxLayout()
        row.setSpacing(4 * GRID_PX)
        self.list = QListWidget()
        self.list.setAccessibleName(self.tr("Installed models"))
        self.list.setFixedWidth(200)
        self.list.currentRowChanged.connect(lambda _: self._show())
        row.addWidget(self.list)
        self.page_area = QScrollArea()
        self.page_area.setWidgetResizable(True)
        self.page_area.setFrameShape(QFrame.Shape.NoFrame)
        row.addWidget(self.page_area, 1)
        column.addLayout(row, 1)
        self.importing = QWidget()
        bar = QHBoxLayout(self.importing)
        bar.setContentsMargins(0, 0, 0, 0)
        self.import_said = QLabel()
        self.import_said.setWordWrap(True)
        self.import_bar = QProgressBar()
        self.import_bar.setTextVisible(False)
        self.import_bar.setFixedWidth(120)
        self.import_bar.setAccessibleName(self.tr("Import"))
        self.import_stop = QPushButton(self.tr("Cancel"))
        self.import_stop.clicked.connect(self.cancel_import)
        bar.addWidget(self.import_said, 1)
        bar.addWidget(self.import_bar)
        bar.addWidget(self.import_stop)
        self.importing.setVisible(False)
        column.addWidget(self.importing)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        self.import_button = QPushButton(icon("add"), self.tr("Import checkpoints …"))
        self.import_button.setToolTip(
            self.tr("A folder with OpenAI's .pth.tar files, or one from Hugging Face")
        )
        self.import_button.clicked.connect(self._ask_folder)
        self.use = QPushButton(self.tr("Use this model"))
        self.use.setProperty("primary", True)
        self.use.clicked.connect(self._use)
        buttons.addButton(self.import_button, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.addButton(self.use, QDialogButtonBox.ButtonRole.AcceptRole)
        column.addWidget(buttons)

    def set_models(self, found: Sequence[Found], accepted: Sequence[str], used: str) -> None:
        self._found, self._accepted = list(found), frozenset(accepted)
        self.list.blockSignals(True)  # one page is shown, at the end
        self.list.clear()
        for one in self._found:
            item = QListWidgetItem(icon("model"), one.name)
            if one.bundle is None:
                item.setIcon(icon("error"))
                item.setToolTip(one.fault)
            self.list.addItem(item)
        names = [one.name for one in self._found]
        if names:
            self.list.setCurrentRow(names.index(used) if used in names else 0)
        self.list.blockSignals(False)
        self._show()

    @property
    def current(self) -> Found | None:
        place = self.list.currentRow()
        return self._found[place] if 0 <= place < len(self._found) else None

    def choose(self, name: str) -> None:
        for place, one in enumerate(self._found):
            if one.name == name:
                self.list.setCurrentRow(place)

    def _label(self, text: str, role: str = "") -> QLabel:
        label = QLabel(text)
        label.setWordWrap(True)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        if role:
            label.setProperty("role", role)
        return label

    def _pages(self, heading: str, text: str) -> QPlainTextEdit:
        """A text of hundreds of lines, of which only those that are seen are laid out."""
        pages = QPlainTextEdit(text)
        pages.setReadOnly(True)
        pages.setTabChangesFocus(True)
        pages.setAccessibleName(heading)
        pages.setFixedHeight(LICENCE_PX)
        return pages

    def _show(self) -> None:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 2 * GRID_PX, 0)
        column.setSpacing(GRID_PX)
        self.accept_box: QCheckBox | None = None
        found = self.current
        self.use.setEnabled(found is not None and found.bundle is not None)
        if found is None:
            text = self.tr(
                "There is no model. The starter belongs to the program: install it anew."
            )
            column.addWidget(self._label(text, "error"))
        elif found.bundle is None:
            column.addWidget(self._label(found.name, "title"))
            column.addWidget(self._label(found.fault, "error"))
        else:
            self._fill(column, found.bundle.manifest, found.folder)
        column.addStretch(1)
        self.page_area.setWidget(page)

    def _fill(self, column: QVBoxLayout, manifest: Manifest, folder: Path) -> None:
        column.addWidget(self._label(manifest.name, "title"))
        if manifest.description:
            column.addWidget(self._label(manifest.description))
        column.addSpacing(2 * GRID_PX)
        licence = manifest.licence
        column.addWidget(self._label(self.tr("May I release what I render with it?"), "title"))
        role = "" if licence.commercial_use else "warning"
        self.answer = self._label(may_i_release(licence), role)
        column.addWidget(self.answer)
        column.addWidget(self._label(self.tr("Licence: {name}").format(name=licence.name), "dim"))
        if not licence.commercial_use:
            notice = self._label(licence.notice)
            notice.setContentsMargins(2 * GRID_PX, 2 * GRID_PX, 2 * GRID_PX, 2 * GRID_PX)
            box = QScrollArea()
            box.setWidget(notice)
            box.setWidgetResizable(True)
            box.setFixedHeight(LICENCE_PX)
            box.setAccessibleName(self.tr("Text of the licence"))
            column.addWidget(box)
            self.accept_box = QCheckBox(self.tr("I have read the licence and will keep to it"))
            self.accept_box.setChecked(manifest.name in self._accepted)
            self.accept_box.toggled.connect(self._accept)
            column.addWidget(self.accept_box)
            self.use.setEnabled(self.accept_box.isChecked())
        column.addSpacing(2 * GRID_PX)
        for heading, text in [*described(manifest), (translate("Models", "Where"), str(folder))]:
            column.addWidget(self._label(heading, "dim"))
            long = len(text) > MOST_LABEL
            column.addWidget(self._pages(heading, text) if long else self._label(text))

    def _accept(self, accepted: bool) -> None:
        found = self.current
        if found is None:
            return
        names = set(self._accepted)
        (names.add if accepted else names.discard)(found.name)
        self._accepted = frozenset(names)
        self.use.setEnabled(accepted)
        self.accepted_changed.emit(found.name, accepted)

    def _use(self) -> None:
        if self.current is not None:
            self.chosen.emit(self.current.name)
            self.accept()

    # Import: in a process of its own, since it needs torch

    def _ask_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, self.tr("Folder of the checkpoints"))
        if folder:
            self.start_import(Path(folder))

    def start_import(self, folder: Path, command: Sequence[str] = IMPORT) -> None:
        """What it says of memory and progress is shown as it comes."""
        if self._import is not None:
            return
        self._import_said = ""
        self._import = process = QProcess(self)
        process.setProcessChannelMode(QProcess.ProcessChannelMode.MergedChannels)
        process.readyReadStandardOutput.connect(self._hear_import)
        process.finished.connect(self._import_ended)
        process.errorOccurred.connect(self._import_broke)
        self.import_button.setEnabled(False)
        self.importing.setVisible(True)
        self.import_bar.setRange(0, 0)  # busy, until it says how far it is
        self.import_bar.setVisible(True)
        self.import_stop.setText(self.tr("Cancel"))
        self.import_said.setText(
            self.tr("Importing {folder} into {models} …").format(
                folder=folder, models=user_models_folder()
            )
        )
        process.start(command[0], [*command[1:], str(folder)])

    def cancel_import(self) -> None:
        """Or close what it said last."""
        if self._import is not None:
            self._import.kill()  # what was half made is left under a hidden name and can go
        else:
            self.importing.setVisible(False)

    def _hear_import(self) -> None:
        assert self._import is not None
        said = bytes(self._import.readAllStandardOutput().data()).decode(errors="replace")
        self._import_said += said
        lines = [line for line in self._import_said.splitlines() if line.strip()]
        told = [line for line in lines if not _PERCENT.fullmatch(line)]
        if told:
            # What it needs stays to be read while it goes on.
            self.import_said.setText("\n".join(dict.fromkeys((told[0], told[-1]))))
        if lines and (percent := _PERCENT.fullmatch(lines[-1])):
            self.import_bar.setRange(0, 100)
            self.import_bar.setFormat(percent[0])
            self.import_bar.setValue(int(percent[2]))

    def _import_broke(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self.import_said.setText(self.tr("The import could not be started."))
            self._import_over()

    def _import_ended(self, code: int) -> None:
        if code == 0:
            self.import_said.setText(self.tr("The model is imported."))
            self.imported.emit()
        elif not self._import_said.strip():
            self.import_said.setText(self.tr("The import was stopped."))
        self._import_over()

    def _import_over(self) -> None:
        self._import = None
        self.import_button.setEnabled(True)
        self.import_bar.setVisible(False)
        self.import_stop.setText(self.tr("Close"))
