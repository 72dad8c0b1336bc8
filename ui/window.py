"""The window: puts its parts together, and each wish to the part that can fulfil it.

It knows no database and no model: the project does, and tells by signals when something changed.
What changed is shown once per turn of the event loop, however often it was told.
"""

from __future__ import annotations

import base64
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QByteArray, QPoint, Qt, QTimer
from PyQt6.QtGui import (
    QCloseEvent,
    QColor,
    QDragEnterEvent,
    QDropEvent,
    QGuiApplication,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
)
from PyQt6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QMainWindow,
    QMenu,
    QMenuBar,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from jukebox_studio.bundle import Found, find_bundles
from jukebox_studio.clip import Clip
from jukebox_studio.errors import JukeboxError
from jukebox_studio.events import Progress
from jukebox_studio.job_queue import Renderer
from jukebox_studio.request import Request, request_from_json
from jukebox_studio.session import Session
from jukebox_studio.tempo import SongTime
from ui import diagnostics as diagnosing
from ui.audition import Audition
from ui.background import Background
from ui.daw_link import DawLink
from ui.draft import ModelSummary, VariantInfo, draft_of
from ui.draft_history import DraftHistory
from ui.draft_presets import SUFFIX, user_presets_folder
from ui.first_start import FIRST_PROJECT, Tour, demo_clip, is_project, projects_folder, unused
from ui.history import VariantHistory
from ui.inbox import ClipInbox, dropped_paths
from ui.messages import MessageBar
from ui.models_page import ModelsPage
from ui.new_clips import AUDIO_SUFFIXES, DawTempo
from ui.outbox import Outbox
from ui.panel_controls import ElidedLabel, WholeComboBox, describe
from ui.player import Player
from ui.preset_menu import PresetShelf
from ui.project import Project
from ui.queue_panel import Done, QueuePanel
from ui.request_panel import RequestPanel
from ui.settings import SettingsPage, SettingsStore, playback_settings
from ui.shared import SOURCE_LANE, variant_lane_id
from ui.shortcuts import COMMANDS, KeysPage, Shortcuts
from ui.theme import FRAME_SHEET, GRID_PX, THEMES, current_theme, dress, icon, theme_steps
from ui.timeline import TimelineView
from ui.timeline_grid import Snap
from ui.transport_bar import TransportBar
from ui.words import change_name, operation_name, transport_said

SEARCH_MILLISECONDS = 150
PROGRESS_MILLISECONDS = 100
"""An engine tells of every step; nobody reads more than that."""
REST_MILLISECONDS = 300
"""After which a knob has come to rest."""
NAME = "Jukebox Studio"
LEFT_PX, RIGHT_PX = 264, 340
QUEUE_PX = 96
PRE_ROLLS_BARS = (0, 1, 2, 4)
_log = logging.getLogger(__name__)


class MainWindow(QMainWindow):
    """See the module. `open_first_project` or `open_project` fills it."""

    def __init__(
        self,
        store: SettingsStore,
        make_engine: Callable[[], Renderer],
        player: Player,
        daw: DawLink,
        *,
        log_path: Path | None = None,
        presets_folder: Path | None = None,
    ) -> None:
        super().__init__()
        self.store, self.player, self.daw = store, player, daw
        self.project: Project | None = None
        self.clip_id: int | None = None
        self.base_variant: int | None = None
        """The variant that is worked on; None where it is the clip itself."""
        self.models: list[Found] = []
        self.model: ModelSummary | None = None
        self.settings_page: SettingsPage | None = None
        self.models_page: ModelsPage | None = None
        self.tour: Tour | None = None
        self._make_engine = make_engine
        self._settings_shown = store.settings
        self._log_path = log_path or diagnosing.log_path()
        self._progress: dict[int, Done] = {}
        self._begun_seconds: dict[int, float] = {}
        self._daw_clips: dict[tuple[str, str], int] = {}
        self._lines: dict[int, str] = {}
        """What was asked for, by job: jobs do not change what they are."""
        self._shown_song: SongTime | None = None
        self._changed: set[str] = set()
        self._selection: tuple[float, float] | None = None
        self._lost_source: str | None = None
        self._audio_fault = ""
        self.background = Background(self)
        self.background.failed.connect(self._failed)
        # One at a time: a project that is left is closed before another, or the same, is opened.
        self._sessions = Background(self, threads=1)
        self.audition = Audition(player, self)
        self.outbox = Outbox(daw, self)
        self.presets = PresetShelf(presets_folder or user_presets_folder(), self)
        self._refreshing = QTimer(self)
        self._refreshing.setSingleShot(True)
        self._refreshing.timeout.connect(self._refresh)
        self._reporting = QTimer(self)
        self._reporting.setSingleShot(True)
        self._reporting.setInterval(PROGRESS_MILLISECONDS)
        self._reporting.timeout.connect(partial(self._mark, "progress"))
        self._searching = QTimer(self)
        self._searching.setSingleShot(True)
        self._searching.setInterval(SEARCH_MILLISECONDS)
        self._searching.timeout.connect(self._search)
        self.setStyleSheet(FRAME_SHEET)
        # A knob passes all stars on its way to the one that is meant.
        self._rating = QTimer(self)
        self._rating.setSingleShot(True)
        self._rating.setInterval(REST_MILLISECONDS)
        self._rating.timeout.connect(lambda: self._rate_chosen(self._rating_wanted))
        self._rating_wanted = 0
        self.setWindowTitle(NAME)
        self.setAcceptDrops(True)
        self.setMinimumSize(960, 600)
        self.resize(1280, 800)
        self._build()
        self._drafts = DraftHistory(self.request_panel.draft())
        self._connect()
        self._restore_geometry()
        self._show_all_statuses()
        self.load_models()
        self.timeline.setFocus()

    # Putting it together -------------------------------------------------------------------------

    def _build(self) -> None:
        self.inbox = ClipInbox()
        self.history = VariantHistory()
        self.timeline = TimelineView()
        self.request_panel = RequestPanel()
        # Two owners of a key make it do nothing; here it can be changed.
        self.request_panel.generate.setShortcut("")
        self.queue_panel = QueuePanel()
        self.transport = TransportBar()
        self.messages = MessageBar()
        settings = self.store.settings
        self.request_panel.set_favourites(frozenset(settings.favourites))
        self.transport.context.setChecked(settings.in_context)
        self.transport.matched.setChecked(settings.is_matched)
        self.audition.set_in_context(settings.in_context)
        self.audition.set_matched(settings.is_matched)
        self.timeline.set_matched(settings.is_matched)
        self.shortcuts = Shortcuts(self, settings.keys)
        self._build_variant_buttons()

        self.left = QSplitter(Qt.Orientation.Vertical)
        self.left.addWidget(self.inbox)
        self.left.addWidget(self.history)
        self.left.setStretchFactor(0, 2)
        self.left.setStretchFactor(1, 3)
        self.left.setChildrenCollapsible(False)
        self.left.setSizes([280, 420])

        upper = QWidget()
        column = QVBoxLayout(upper)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.tool_row = self._tool_row()
        column.addWidget(self.tool_row)
        column.addWidget(self.messages)
        column.addWidget(self.timeline, 1)
        self.centre = QSplitter(Qt.Orientation.Vertical)
        self.centre.addWidget(upper)
        self.centre.addWidget(self.queue_panel)
        self.centre.setStretchFactor(0, 1)
        self.centre.setStretchFactor(1, 0)
        self.centre.setCollapsible(0, False)
        self.centre.setSizes([600, QUEUE_PX])

        self.columns = QSplitter(Qt.Orientation.Horizontal)
        for part in (self.left, self.centre, self.request_panel):
            self.columns.addWidget(part)
        for place, stretch in enumerate((0, 1, 0)):
            self.columns.setStretchFactor(place, stretch)
            self.columns.setCollapsible(place, False)
        self.columns.setSizes([LEFT_PX, 1280 - LEFT_PX - RIGHT_PX, RIGHT_PX])

        whole = QWidget()
        column = QVBoxLayout(whole)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID_PX)
        column.addWidget(self.columns, 1)
        column.addWidget(self.transport)
        self.setCentralWidget(whole)
        grounded: tuple[QWidget, ...] = (self.inbox, self.history, self.queue_panel, self.transport)
        for panel in (*grounded, self.request_panel):
            panel.setAutoFillBackground(True)
        bar = self._build_menus()
        dress(bar, *grounded, self.tool_row, self.messages, self.timeline, self.request_panel)

    def _tool_row(self) -> QWidget:
        row = QWidget()
        row.setAutoFillBackground(True)
        line = QHBoxLayout(row)
        line.setContentsMargins(2 * GRID_PX, GRID_PX, 2 * GRID_PX, GRID_PX)
        line.setSpacing(GRID_PX)
        self.undo_button = self._command_button("undo", "undo")
        self.redo_button = self._command_button("redo", "redo")
        line.addWidget(self.undo_button)
        line.addWidget(self.redo_button)
        self.working_on = ElidedLabel()
        self.working_on.setProperty("role", "dim")
        self.working_on.setContentsMargins(2 * GRID_PX, 0, 0, 0)
        line.addWidget(self.working_on, 1)
        self.snap = WholeComboBox()
        for text, snap in (
            (self.tr("No snap"), Snap.OFF),
            (self.tr("Snap to beats"), Snap.BEAT),
            (self.tr("Snap to bars"), Snap.BAR),
        ):
            self.snap.addItem(text, snap.value)
        describe(self.snap, self.tr("Snap"), self.tr("What the ends of a selection snap to"))
        self.snap.setCurrentIndex(max(0, self.snap.findData(self.store.settings.snap)))
        self.snap.activated.connect(self._snap_chosen)
        self.pre_roll = WholeComboBox()
        for bars in PRE_ROLLS_BARS:
            if bars == 0:
                text = self.tr("No pre-roll")
            elif bars == 1:
                text = self.tr("Pre-roll 1 bar")
            else:
                text = self.tr("Pre-roll %n bars", "", bars)
            self.pre_roll.addItem(text, bars)
        describe(self.pre_roll, self.tr("Pre-roll"), self.tr("What is played before a selection"))
        self.pre_roll.activated.connect(lambda: self._show_pre_roll())
        line.addWidget(self.snap)
        line.addWidget(self.pre_roll)
        for id in ("zoom-out", "zoom-fit", "zoom-in"):
            line.addWidget(self._command_button(id, id))
        self.timeline.set_snap(Snap(self.snap.currentData()))
        return row

    def _command_button(self, id: str, picture: str) -> QToolButton:
        button = QToolButton()
        button.setAutoRaise(True)
        button.setIcon(icon(picture))
        button.setToolTip(self.shortcuts.tip(id))
        button.setAccessibleName(self.shortcuts.actions[id].text())
        button.clicked.connect(self.shortcuts.actions[id].trigger)
        return button

    def _build_variant_buttons(self) -> None:
        for id, picture in (
            ("go-on-from", "generate"),
            ("upsample", "upsample"),
            ("branch", "branch"),
            ("hide", "hide"),
            ("prune", "delete"),
        ):
            self.history.add_button(self._command_button(id, picture))

    def _build_menus(self) -> QMenuBar:
        bar = self.menuBar()
        assert bar is not None

        def menu(name: str, *ids: str) -> QMenu:
            made = bar.addMenu(name)
            assert made is not None
            for id in ids:
                if id == "-":
                    made.addSeparator()
                else:
                    made.addAction(self.shortcuts.actions[id])
            return made

        self.project_menu = menu(
            self.tr("&Project"), "open", "fetch", "-", "new-project", "open-project"
        )
        self.recent_menu = self.project_menu.addMenu(self.tr("&Recent"))
        assert self.recent_menu is not None
        self.recent_menu.aboutToShow.connect(self._fill_recent)
        self.project_menu.addSeparator()
        for id in ("models", "settings", "quit"):
            self.project_menu.addAction(self.shortcuts.actions[id])
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
        return bar

    def _connect(self) -> None:
        act = self.shortcuts.connect
        act("play", self.audition.play_or_stop)
        act("home", self._go_home)
        act("hear-source", lambda: self._hear_number(0))
        for number in range(1, 10):
            act(f"hear-{number}", partial(self._hear_number, number))
        act("a-b", self.audition.swap)
        act("loop", self.transport.loop.toggle)
        act("context", self.transport.context.toggle)
        act("matched", self.transport.matched.toggle)
        act("generate", self.generate)
        act("upsample", lambda: self._with_project(self._upsample))
        act("pause-queue", self._pause_or_resume)
        act("go-on-from", self._go_on_from_selected)
        for stars in range(6):
            act(f"rate-{stars}", partial(self._rate_chosen, stars))
        act("branch", lambda: self._with_project(self._branch))
        act("hide", lambda: self._with_project(self._hide))
        act("prune", lambda: self._with_project(self._prune))
        act("rename", self._rename)
        act("note", self.history.edit_note)
        act("search", self.history.search.setFocus)
        act("export", lambda: self._with_project(self._export))
        act("copy", lambda: self._with_project(self._copy))
        act("reveal", lambda: self._with_project(self._reveal))
        act("send", lambda: self._with_project(self._send))
        act("open", self._ask_files)
        act("fetch", lambda: self._with_project(lambda _: self.daw.fetch()))
        act("new-project", self._ask_new_project)
        act("open-project", self._ask_project)
        act("undo", lambda: self._with_project(self._undo))
        act("redo", lambda: self._with_project(self._redo))
        act("quit", self.close)
        act("zoom-in", self.timeline.zoom_in)
        act("zoom-out", self.timeline.zoom_out)
        act("zoom-fit", self.timeline.zoom_to_fit)
        act("spectrum", self.timeline.toggle_spectrum)
        act("theme", self._other_theme)
        act("models", self.show_models)
        act("settings", self.show_settings)
        act("tour", self.show_tour)
        act("keys", self.show_keys)
        act("diagnostics", self.copy_diagnostics)
        missing = [c.id for c in COMMANDS if not self.shortcuts.actions[c.id].receivers(
            self.shortcuts.actions[c.id].triggered)]  # fmt: skip
        assert not missing, missing

        self.inbox.chosen.connect(self._clip_chosen)
        self.inbox.dropped.connect(self.add_files)
        self.inbox.open_wanted.connect(self._ask_files)
        self.inbox.tempo_said.connect(
            lambda id, bpm, meter: self._with_project(lambda p: p.set_tempo(id, bpm, meter))
        )
        self.inbox.renamed.connect(
            lambda id, name: self._with_project(lambda p: p.rename_clip(id, name))
        )
        self.inbox.removed.connect(lambda id: self._with_project(lambda p: p.prune_clip(id)))

        self.history.chosen.connect(lambda id: self.hear(variant_lane_id(id)))
        self.history.play_wanted.connect(self._play_variant)
        self.history.drag_wanted.connect(self._drag)
        self.history.renamed.connect(
            lambda id, name: self._with_project(lambda p: p.rename(id, name))
        )
        self.history.rated.connect(self._rate)
        self.history.noted.connect(lambda id, text: self._with_project(lambda p: p.note(id, text)))
        self.history.searched.connect(lambda _: self._searching.start())
        self.history.show_hidden_changed.connect(lambda _: self._mark("variants"))
        self.history.menu_wanted.connect(self._variant_menu)

        self.timeline.selection_changed.connect(self._selected)
        self.timeline.playhead_moved.connect(self._playhead_moved)
        self.timeline.lane_activated.connect(self.hear)
        self.timeline.drag_requested.connect(self._drag_lane)
        self.timeline.menu_requested.connect(self._lane_menu)
        self.timeline.morph_changed.connect(self.request_panel.set_morph)

        panel = self.request_panel
        panel.generate_requested.connect(self.generate)
        panel.changed.connect(self._draft_changed)
        panel.morph_changed.connect(self.timeline.set_morph)
        panel.model_chosen.connect(self.use_model)
        panel.word_clicked.connect(self._go_to)
        panel.favourites_changed.connect(
            lambda names: self.store.change(favourites=tuple(sorted(names)))
        )
        panel.licence_requested.connect(self.show_models)

        queue = self.queue_panel
        queue.pause_wanted.connect(lambda id: self._with_project(lambda p: p.pause(id)))
        queue.resume_wanted.connect(lambda id: self._with_project(lambda p: p.resume(id)))
        queue.cancel_wanted.connect(lambda id: self._with_project(lambda p: p.cancel(id)))
        queue.dismiss_wanted.connect(lambda id: self._with_project(partial(self._dismiss, id)))
        queue.move_wanted.connect(
            lambda id, before: self._with_project(lambda p: p.move_job(id, before))
        )

        bar = self.transport
        bar.play_pressed.connect(self.audition.play_or_stop)
        bar.home_pressed.connect(self._go_home)
        bar.loop_toggled.connect(self.audition.set_loop)
        bar.context_toggled.connect(self._context_toggled)
        bar.matched_toggled.connect(self._matched_toggled)
        bar.lane_pressed.connect(self.hear)
        bar.status_pressed.connect(self._status_pressed)

        self.player.position.connect(self._position)
        self.player.state.connect(self._playing)
        self.player.device_lost.connect(self._device_lost)
        self.player.device_found.connect(self._device_found)
        self.player.error.connect(self._failed)
        self.audition.heard_changed.connect(self._heard)
        self.audition.muted_changed.connect(self._show_audio)
        self.audition.told.connect(self._told)
        self.outbox.told.connect(self._told)
        self.outbox.failed.connect(self._failed)
        self.store.changed.connect(self._settings_changed)
        self.store.failed.connect(self._failed)

        self.presets.opened.connect(panel.use_preset)
        self.presets.told.connect(self._told)
        self.presets.failed.connect(self._failed)
        self.presets.serve(panel.presets)

        daw = self.daw
        daw.clip_came.connect(self._daw_clip)
        daw.selected.connect(self._daw_selected)
        daw.generate_wanted.connect(self._daw_generate)
        daw.cancel_wanted.connect(self._daw_cancel)
        daw.choose_wanted.connect(self._daw_choose)
        daw.rate_wanted.connect(self._daw_rate)
        daw.audition_wanted.connect(self._daw_audition)
        daw.keep_wanted.connect(self.request_panel.set_keep)
        daw.blend_wanted.connect(self.request_panel.set_blend)
        daw.peers_changed.connect(self._show_daw)
        daw.transport_changed.connect(self._daw_transport)
        daw.command_wanted.connect(self._controlled)
        daw.told.connect(self._told)

    # Projects ------------------------------------------------------------------------------------

    def open_first_project(self) -> None:
        """The last project, or at the very first start a new one with the demo clip."""
        for name in self.store.settings.recent:
            folder = Path(name)
            if is_project(folder):
                self.open_project(folder)
                return
        folder = projects_folder(self.store.settings.projects_folder) / FIRST_PROJECT
        if is_project(folder):
            self.open_project(folder)
        elif self.new_project(unused(folder)) and self.project is not None:
            try:
                self.project.add_file(demo_clip())
            except JukeboxError as error:
                self._failed(str(error))
            if not self.store.settings.was_toured:
                self.messages.say(
                    self.tr("Welcome. This is a clip of music; press Generate to go on from it."),
                    "warning",
                    (self.tr("Show me around"), self.show_tour),
                )

    def new_project(self, folder: Path) -> bool:
        return self._take(lambda: Session.create(folder, exports=self._exports()))

    def open_project(self, folder: Path) -> bool:
        return self._take(lambda: Session.open(folder, exports=self._exports()))

    def _exports(self) -> Path | None:
        named = self.store.settings.exports_folder
        return Path(named) if named else None

    def _take(self, open_session: Callable[[], Session]) -> bool:
        """Another project in the place of this one; False where it could not be opened."""
        try:
            session = self._sessions.result(open_session)
            try:
                project = Project(session, self._make_engine(), self)
            except JukeboxError:
                session.close()
                raise
        except JukeboxError as error:
            self.messages.say(
                str(error), "error", (self.tr("Another project …"), self._ask_project)
            )
            if self.project is None:
                self._show_no_project()
            return False
        self.close_project()
        self.project = project
        project.clips_changed.connect(lambda: self._mark("clips", "variants"))
        project.variants_changed.connect(lambda: self._mark("variants"))
        project.jobs_changed.connect(lambda: self._mark("jobs"))
        project.preview_grew.connect(lambda *_: self._mark("lanes"))
        project.progressed.connect(self._progressed)
        project.clip_added.connect(self._clip_added)
        project.grown.connect(self.timeline.take_place)
        project.grown.connect(self.audition.take_place)
        project.variant_finished.connect(self._variant_finished)
        project.told.connect(self._told)
        project.failed.connect(self._failed)
        project.job_failed.connect(self._job_failed)
        folder = session.folder
        self.store.change(recent=self.store.settings.with_recent(folder).recent)
        self.setWindowTitle(f"{project.name} — {NAME}")
        self.clip_id = self.base_variant = None
        self._drafts = DraftHistory(self.request_panel.draft())
        self._progress.clear()
        self._begun_seconds.clear()
        self._lines.clear()
        self.timeline.set_empty_text(self.tr("Drop a clip here, or send one from your DAW."))
        for sentence in session.damage:
            self.messages.say(sentence, "error")
        interrupted = len(session.interrupted)
        if interrupted:
            self.messages.say(
                self.tr(
                    "The program ended while a render ran. What was finished of it is kept;"
                    " it goes on from there."
                ),
                "warning",
                (self.tr("Resume"), lambda: self._with_project(lambda p: p.resume())),
            )
        self._mark("clips", "variants", "jobs")
        self._refresh()
        return True

    def close_project(self) -> None:
        if self.project is not None:
            self.history.save_note()
            self.player.stop()
            project, self.project = self.project, None
            project.leave()
            # Its engine may be in the midst of a step.
            self._sessions.start(project.close, lambda _: project.deleteLater())

    def _show_no_project(self) -> None:
        self.timeline.set_empty_text(
            self.tr("No project is open. Choose one with Project, Open a project …")
        )

    def _ask_project(self) -> None:
        start = str(projects_folder(self.store.settings.projects_folder))
        folder = QFileDialog.getExistingDirectory(self, self.tr("Open a project"), start)
        if folder:
            self.open_project(Path(folder))

    def _ask_new_project(self) -> None:
        base = projects_folder(self.store.settings.projects_folder)
        start = str(unused(base / self.tr("New song")))
        name, _ = QFileDialog.getSaveFileName(
            self, self.tr("New project"), start, options=QFileDialog.Option.DontConfirmOverwrite
        )
        if name:
            self.new_project(Path(name))

    def _fill_recent(self) -> None:
        assert self.recent_menu is not None
        self.recent_menu.clear()
        for name in self.store.settings.recent:
            action = self.recent_menu.addAction(name)
            assert action is not None
            action.setEnabled(is_project(Path(name)))
            action.triggered.connect(lambda _, name=name: self.open_project(Path(name)))

    # Clips ---------------------------------------------------------------------------------------

    def add_files(self, paths: Iterable[Path]) -> None:
        """Audio becomes clips, and a preset is used."""
        for path in paths:
            if path.suffix.lower() == SUFFIX and path.is_file():
                self.presets.open_file(path)
                continue
            tempo = self._daw_tempo() if self.store.settings.take_daw_tempo else None
            self._with_project(partial(Project.add_file, path=path, daw_tempo=tempo))

    def _ask_files(self) -> None:
        kinds = " ".join(f"*{suffix}" for suffix in AUDIO_SUFFIXES)
        names, _ = QFileDialog.getOpenFileNames(
            self, self.tr("Add audio files"), "", f"{self.tr('Audio')} ({kinds});;* (*)"
        )
        self.add_files(map(Path, names))

    def _clip_added(self, clip_id: int) -> None:
        self._mark("clips")
        self._refresh()
        self.inbox.choose(clip_id)

    def _clip_chosen(self, clip_id: int) -> None:
        if clip_id == self.clip_id:
            return
        self.clip_id, self.base_variant = clip_id, None
        self.player.stop()
        self.audition.hear(SOURCE_LANE)
        self._mark("variants")
        self._refresh()
        self.timeline.zoom_to_fit()
        self._go_home()

    def _work_on(self) -> Clip | None:
        """The clip of the next request, shown in the panel."""
        if self.project is None or self.clip_id is None:
            self.request_panel.set_clip(None)
            self.working_on.setText("")
            return None
        session_clip = self.project.session.clip(self.clip_id)
        clip, info = replace(session_clip.sounding, name=session_clip.name), None
        if self.base_variant is not None:
            variant = self.project.session.variant(self.base_variant)
            clip = self.project.clip_of_variant(self.base_variant)
            name = self.project.variant_name(variant)
            info = VariantInfo(name, variant.codes_path, variant.state == "preview")
            lanes = {lane.id: lane for lane in self.timeline.lanes()}
            lane = lanes.get(variant_lane_id(self.base_variant))
            self.request_panel.set_aligned(lane.words if lane else ())
            said = self.tr("Going on from {name}").format(name=name)
        else:
            self.request_panel.set_aligned(())
            said = session_clip.name
        self.request_panel.set_clip(clip, info)
        self.working_on.setText(said)
        return clip

    def _go_on_from_selected(self) -> None:
        chosen = self.chosen_variants()
        wanted = chosen[0] if chosen else None
        self.base_variant = None if wanted == self.base_variant else wanted
        self._work_on()

    # What changed --------------------------------------------------------------------------------

    def _mark(self, *what: str) -> None:
        self._changed.update(what)
        if not self._refreshing.isActive():
            self._refreshing.start(0)

    def _refresh(self) -> None:
        """Show what was marked."""
        changed, self._changed = self._changed, set()
        if self.project is None:
            return
        try:
            if "clips" in changed:
                self._show_clips()
            if changed & {"clips", "variants"}:
                self._show_variants()
            elif "lanes" in changed:
                self._show_lanes()
            if changed & {"jobs", "progress"}:
                self._show_jobs()
                self.timeline.set_upsampled(self.project.upsampled)
            if changed - {"progress"}:
                self._show_undo()
        except JukeboxError as error:
            self._failed(str(error))

    def _show_clips(self) -> None:
        assert self.project is not None
        clips = self.project.session.clips()
        counts = self.project.session.variant_counts()
        if self.clip_id is not None and all(clip.id != self.clip_id for clip in clips):
            self.clip_id = self.base_variant = None
        self.inbox.set_clips(clips, self.project.guesses, counts)
        if self.clip_id is None and clips:
            self.clip_id = self.inbox.current
        if not clips:
            self.clip_id = None

    def _show_variants(self) -> None:
        assert self.project is not None
        if self.clip_id is None:
            self.timeline.set_lanes([])
            self.transport.set_lanes([], "")
            self.history.set_variants([], {}, {}, {})
            self.audition.set_lanes([], None)
            self._work_on()
            return
        session = self.project.session
        variants = session.variants(self.clip_id)
        if self.base_variant is not None and all(v.id != self.base_variant for v in variants):
            self.base_variant = None
        shown = [v for v in variants if not v.hidden or self.history.hidden_button.isChecked()]
        self.inbox.model.set_count(self.clip_id, len(variants))
        for job_id in {v.job_id for v in shown} - set(self._lines):
            job = session.job(job_id)
            parts = (operation_name(job.operation), job.length_said, job.styles)
            self._lines[job_id] = "  ·  ".join(part for part in parts if part)
        names = {v.id: self.project.variant_name(v) for v in shown}
        heard = [v for v in variants if not v.hidden]
        keys = {v.id: number for number, v in enumerate(heard[:9], 1)}
        self.history.set_variants(shown, self._lines, names, keys)
        self._show_lanes()

    def _show_lanes(self) -> None:
        if self.project is None or self.clip_id is None:
            return
        lanes = self.project.lanes(self.clip_id)
        clip = self.project.session.clip(self.clip_id).sounding
        self._show_song(clip.song)
        self.audition.set_song(clip.song, is_placed=clip.position_samples is not None)
        self.timeline.set_lanes(lanes)
        span = (clip.start_samples, clip.length_samples)
        self.audition.set_lanes(lanes, span)
        self.timeline.set_active_lane(self.audition.heard)
        self.transport.set_lanes(lanes, self.audition.heard)
        self._work_on()

    def _show_song(self, song: SongTime) -> None:
        self._show_tempo()
        if song == self._shown_song:
            return
        self._shown_song = song
        self.timeline.set_song(song)
        self.transport.set_song(song)
        self._show_pre_roll(song)

    def _show_pre_roll(self, song: SongTime | None = None) -> None:
        bars = int(self.pre_roll.currentData())
        if song is None:
            clip = self._clip()
            song = clip.song if clip else SongTime.steady(120)
        beats = bars * song.meters.points[0].meter.quarters_per_bar
        seconds = float(song.tempo.seconds_at(beats))
        self.timeline.set_pre_roll(seconds)
        self.audition.set_pre_roll(seconds)

    def _clip(self) -> Clip | None:
        if self.project is None or self.clip_id is None:
            return None
        return self.project.session.clip(self.clip_id).sounding

    def _show_undo(self) -> None:
        assert self.project is not None
        session = self.project.session
        for id, change, fields in (
            ("undo", session.undoable, self._drafts.undoable(self._changes[0])),
            ("redo", session.redoable, self._drafts.redoable(*self._changes)),
        ):
            action = self.shortcuts.actions[id]
            name = self.tr("Undo") if id == "undo" else self.tr("Redo")
            last = change_name(change.label) if change else ""
            label = self._settings_said(fields) if fields else last
            action.setText(f"{name}: {label}" if label else name)
            action.setEnabled(bool(label))
            button = self.undo_button if id == "undo" else self.redo_button
            button.setEnabled(bool(label))
            button.setToolTip(self.shortcuts.tip(id))

    @property
    def _changes(self) -> tuple[int, int]:
        """Which changes the session would undo and redo; 0 for none."""
        assert self.project is not None
        undoable, redoable = self.project.session.undoable, self.project.session.redoable
        return undoable.id if undoable else 0, redoable.id if redoable else 0

    def _draft_changed(self) -> None:
        if self.project is not None:
            self._drafts.note(self.request_panel.draft(), self._changes[0])
            self._show_undo()

    def _undo(self, project: Project) -> None:
        """The panel's last step, or the project's, whichever was later."""
        values = self._drafts.undo(*self._changes)
        if values is None:
            project.undo()
        else:
            self._go_back_to(values, self.tr("Undone: {what}"))

    def _redo(self, project: Project) -> None:
        values = self._drafts.redo(*self._changes)
        if values is None:
            project.redo()
        else:
            self._go_back_to(values, self.tr("Done again: {what}"))

    def _go_back_to(self, values: dict[str, Any], sentence: str) -> None:
        self.request_panel.change_draft(**values)
        self._told(sentence.format(what=self._settings_said(values)))
        self._show_undo()

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

    # The queue -----------------------------------------------------------------------------------

    def generate(self) -> None:
        """What the panel asks for, put at the end of the queue."""
        if isinstance(self.focusWidget(), QLineEdit | QAbstractSpinBox):
            self.timeline.setFocus()  # digits are to switch variants next, not to be typed
        self._with_project(self._generate)

    def _generate(self, project: Project) -> None:
        self._work_on()
        asked = self.request_panel.request()
        if isinstance(asked, str):
            self._failed(asked)
            return
        self._ask_for(project, asked)

    def _ask_for(self, project: Project, request: Request) -> None:
        model = self.model
        if self.clip_id is None or model is None:
            raise JukeboxError(self.tr("There is no model yet; choose one on the models page."))
        accepted = model.name in self.store.settings.accepted_licences
        if not model.licence.commercial_use and not accepted:
            self.messages.say(
                self.tr(
                    "{name} is not for commercial use. Read its licence and accept it first."
                ).format(name=model.name),
                "warning",
                (self.tr("Read the licence"), self.show_models),
            )
            return
        project.generate(request, model.folder, self.clip_id, self.base_variant)

    def _upsample(self, project: Project) -> None:
        for variant_id in self.chosen_variants():
            project.upsample(variant_id)

    def _pause_or_resume(self) -> None:
        def do(project: Project) -> None:
            (project.resume if project.is_paused else project.pause)()

        self._with_project(do)

    def _progressed(self, job_id: int, progress: Progress) -> None:
        now = time.monotonic()
        begun = self._begun_seconds.setdefault(job_id, now)
        before = self._progress.get(job_id)
        done = Done.after(now - begun, progress.seconds_left, before)
        self._progress[job_id] = done
        self.daw.tell_progress(job_id, done.share, done.seconds_left)
        if not self._reporting.isActive():
            self._reporting.start()

    def _show_jobs(self) -> None:
        assert self.project is not None
        self.queue_panel.set_jobs(self.project.queued, self._progress, self.project.is_paused)
        self._show_engine()

    def _dismiss(self, job_id: int, project: Project) -> None:
        said = [queued.sentence for queued in project.queued if int(queued.job_id) == job_id]
        project.dismiss(job_id)
        for sentence in said:
            self.messages.forget(sentence)  # whose button would resume what is gone

    def _job_failed(self, job_id: int, sentence: str) -> None:
        self.messages.say(
            sentence,
            "error",
            (self.tr("Resume"), lambda: self._with_project(lambda p: p.resume(job_id))),
        )

    def _variant_finished(self, variant_id: int) -> None:
        if self.project is None:
            return
        variant = self.project.session.variant(variant_id)
        if variant.clip_id != self.clip_id:
            self._mark("clips")  # which counts anew
        clip_name = next(
            (name for (_, name), id in self._daw_clips.items() if id == variant.clip_id), ""
        )
        self.daw.tell(
            "variant",
            {
                "job": str(variant.job_id),
                "clip": clip_name,
                "variant": variant.number + 1,
                "path": str(variant.audio_path),
                "length_samples": variant.length_samples,
                "rate_hz": variant.rate_hz,
            },
        )

    # Variants ------------------------------------------------------------------------------------

    def chosen_variants(self) -> list[int]:
        """Those marked on the timeline, else those chosen in the tree, else the one heard."""
        marked = [id for lane in self.timeline.chosen_lanes() if (id := _variant_of(lane))]
        if marked:
            return marked
        if self.history.selected:
            return self.history.selected
        heard = _variant_of(self.audition.heard)
        return [heard] if heard else []

    def _rate(self, variant_ids: list[int], stars: int) -> None:
        if variant_ids:
            self._with_project(lambda p: p.rate(variant_ids, stars))

    def _rate_chosen(self, stars: int) -> None:
        self._rate(self.chosen_variants(), stars)

    def _branch(self, project: Project) -> None:
        for variant_id in self.chosen_variants()[:1]:
            made = project.branch(variant_id)
            self._refresh()
            self.history.choose(made.id)

    def _hide(self, project: Project) -> None:
        ids = self.chosen_variants()
        if ids:
            project.hide(ids, not project.session.variant(ids[0]).hidden)

    def _prune(self, project: Project) -> None:
        if ids := self.chosen_variants():
            project.prune(ids)

    def _rename(self) -> None:
        if self.inbox.list.hasFocus():
            self.inbox.list.edit(self.inbox.list.currentIndex())
        else:
            for variant_id in self.chosen_variants()[:1]:
                self.history.choose(variant_id)
            self.history.edit_name()

    def _use_settings(self, variant_id: int) -> None:
        """The panel as it was for a variant."""

        def do(project: Project) -> None:
            job = project.session.job(project.session.variant(variant_id).job_id)
            self.request_panel.set_draft(draft_of(request_from_json(job.request)))
            self._draft_changed()

        self._with_project(do)

    def _search(self) -> None:
        text = self.history.search.text()
        project = self.project
        if project is None or not text.strip():
            self.history.set_found(None)
            return

        def show(found: Any) -> None:
            if self.history.search.text() == text:
                self.history.set_found({variant.id for variant in found.variants})

        self.background.start(lambda: project.session.search(text), show)

    def _variant_menu(self, variant_ids: list[int], place: QPoint) -> None:
        menu = QMenu(self)
        dress(menu)
        ids = ("go-on-from", "upsample", "-", "branch", "rename", "note", "hide", "prune", "-",
               "export", "copy", "reveal", "send", "-", "spectrum")  # fmt: skip
        for id in ids:
            if id == "-":
                menu.addSeparator()
            else:
                menu.addAction(self.shortcuts.actions[id])
        use = menu.addAction(icon("settings"), self.tr("Ask with the same settings"))
        assert use is not None
        use.triggered.connect(lambda: self._use_settings(variant_ids[0]))
        menu.popup(place)

    def _lane_menu(self, lane_id: str, place: QPoint) -> None:
        variant_id = _variant_of(lane_id)
        if variant_id is not None:
            self.history.choose(variant_id)
            self._variant_menu([variant_id], place)
        else:
            self.hear(lane_id)
            menu = QMenu(self)
            dress(menu)
            menu.addAction(self.shortcuts.actions["spectrum"])
            menu.popup(place)

    # Listening -----------------------------------------------------------------------------------

    def hear(self, lane_id: str) -> None:
        self.audition.hear(lane_id)

    def _hear_number(self, number: int) -> None:
        lane_id = self.timeline.lane_of_key(number)
        if lane_id is not None:
            self.hear(lane_id)

    def _heard(self, lane_id: str) -> None:
        self.timeline.set_active_lane(lane_id)
        self.transport.set_heard(lane_id)
        variant_id = _variant_of(lane_id)
        if variant_id is not None:
            if variant_id not in self.history.selected:
                self.history.choose(variant_id)
        else:
            self.history.tree.clearSelection()

    def _play_variant(self, variant_id: int) -> None:
        self.hear(variant_lane_id(variant_id))
        lanes = {lane.id: lane for lane in self.timeline.lanes()}
        lane = lanes.get(variant_lane_id(variant_id))
        if lane is not None and not self.player.is_playing:
            self.player.play(lane.start_seconds)

    def _go_to(self, seconds: float) -> None:
        self.player.seek(seconds)
        self._position(seconds)

    def _go_home(self) -> None:
        """To where the clip starts, which may be late in the DAW's song."""
        clip = self._clip()
        self._go_to(float(clip.start_seconds) if clip else 0.0)

    def _playhead_moved(self, seconds: float) -> None:
        self.player.seek(seconds)
        self.transport.set_place(seconds)

    def _position(self, seconds: float) -> None:
        self.timeline.set_playhead(seconds)
        self.transport.set_place(seconds)

    def _show_audio_on_page(self) -> None:
        if self.settings_page is not None:
            self.settings_page.refresh()

    def _playing(self, playing: bool) -> None:
        self._show_audio_on_page()
        self.timeline.set_playing(playing)
        self.transport.set_playing(playing)

    def _selected(self, start: float, end: float) -> None:
        self._selection = (start, end) if end > start else None
        self.audition.set_selection(self._selection)
        if self._selection is None:
            self.request_panel.set_selection(None)
        else:
            self.request_panel.set_selection(start, end)

    def _context_toggled(self, on: bool) -> None:
        self.audition.set_in_context(on)
        self.store.change(in_context=on)

    def _matched_toggled(self, on: bool) -> None:
        self.audition.set_matched(on)
        self.timeline.set_matched(on)
        self.store.change(is_matched=on)

    def _snap_chosen(self) -> None:
        snap = Snap(self.snap.currentData())
        self.timeline.set_snap(snap)
        self.store.change(snap=snap.value)

    def _device_lost(self, sentence: str) -> None:
        self._audio_fault = sentence
        self._show_audio()
        self._show_audio_on_page()
        self.messages.say(sentence, "warning", (self.tr("Audio settings"), self._show_audio_page))

    def _device_found(self) -> None:
        self._audio_fault = ""
        self._show_audio()
        self._show_audio_on_page()

    # Out -----------------------------------------------------------------------------------------

    @property
    def _as_flac(self) -> bool:
        return self.store.settings.export_as_flac

    def _export(self, project: Project) -> None:
        self._need_variant()
        self.outbox.export(
            project, self.chosen_variants(), as_flac=self._as_flac, between=self._cut()
        )

    def _copy(self, project: Project) -> None:
        self._need_variant()
        self.outbox.copy(
            project, self.chosen_variants(), as_flac=self._as_flac, between=self._cut()
        )

    def _reveal(self, project: Project) -> None:
        self._need_variant()
        self.outbox.reveal(project, self.chosen_variants()[:1], as_flac=self._as_flac)

    def _send(self, project: Project) -> None:
        self._need_variant()
        self.outbox.send(project, self.chosen_variants()[0], as_flac=False)

    def _need_variant(self) -> None:
        if not self.chosen_variants():
            raise JukeboxError(self.tr("No variant is chosen; click one first."))

    def _cut(self) -> tuple[float, float] | None:
        """The selection, where it cuts into every variant that goes out."""
        if self._selection is None:
            return None
        start, end = self._selection
        lanes = {lane.id: lane for lane in self.timeline.lanes()}
        for variant_id in self.chosen_variants():
            lane = lanes.get(variant_lane_id(variant_id))
            if lane is None:
                return None
            ends = lane.start_seconds + lane.length_seconds
            if end <= lane.start_seconds or start >= ends:
                return None
        return self._selection

    def _drag(self, variant_ids: list[int]) -> None:
        def do(project: Project) -> None:
            self.outbox.drag(project, variant_ids, self, as_flac=self._as_flac, between=self._cut())

        self._with_project(do)

    def _drag_lane(self, lane_id: str) -> None:
        marked = [id for lane in self.timeline.chosen_lanes() if (id := _variant_of(lane))]
        variant_id = _variant_of(lane_id)
        if variant_id is not None:
            self._drag(marked if variant_id in marked else [variant_id])

    # Models --------------------------------------------------------------------------------------

    def load_models(self) -> None:
        """Look which models there are, in the background."""
        self.background.start(find_bundles, self._models_found)

    def _models_found(self, found: list[Found]) -> None:
        self.models = found
        usable = [one.name for one in found if one.bundle is not None]
        self.request_panel.set_models(usable)
        wanted = self.store.settings.model
        if usable:
            default = "starter" if "starter" in usable else usable[0]
            self.use_model(wanted if wanted in usable else default)
        else:
            self.messages.say(
                self.tr("There is no model that can be used, so nothing can be rendered."),
                "error",
                (self.tr("Models"), self.show_models),
            )
        if self.models_page is not None:
            self._fill_models_page()

    def use_model(self, name: str) -> None:
        bundle = next((one.bundle for one in self.models if one.name == name), None)
        if bundle is None or (self.model is not None and self.model.name == name):
            return

        def take(model: ModelSummary) -> None:
            self.model = model
            self.request_panel.set_model(model)
            self.store.change(model=model.name)
            self._show_engine()

        self.background.start(lambda: ModelSummary.of(bundle), take)

    def show_models(self) -> None:
        self.models_page = page = ModelsPage(self)
        page.accepted_changed.connect(self._licence_accepted)
        page.chosen.connect(self.use_model)
        page.imported.connect(self.load_models)
        page.finished.connect(self._models_closed)
        self._fill_models_page()
        page.open()

    def _fill_models_page(self) -> None:
        assert self.models_page is not None
        used = self.model.name if self.model else ""
        self.models_page.set_models(self.models, self.store.settings.accepted_licences, used)

    def _models_closed(self) -> None:
        self.models_page = None

    def _licence_accepted(self, name: str, accepted: bool) -> None:
        names = set(self.store.settings.accepted_licences)
        (names.add if accepted else names.discard)(name)
        self.store.change(accepted_licences=tuple(sorted(names)))

    # Settings, keys, help ------------------------------------------------------------------------

    def show_settings(self) -> None:
        self.settings_page = page = SettingsPage(
            self.store,
            self.player.outputs,
            self._audio_sentence,
            self.daw.sentence,
            self._midi_sentence,
            self,
        )
        page.test_audio_wanted.connect(self._test_audio)
        # The map of MIDI comes with the bridge, which a window that opens does not wait for.
        from ui.midi_page import MidiPage

        page.tabs.insertTab(3, MidiPage(self.daw), self.tr("MIDI control"))
        self.daw.peers_changed.connect(page.refresh)
        self.daw.midi_heard.connect(page.midi_heard)
        page.finished.connect(self._settings_closed)
        page.open()

    def _show_audio_page(self) -> None:
        self.show_settings()
        assert self.settings_page is not None
        self.settings_page.tabs.setCurrentIndex(1)

    def _settings_closed(self) -> None:
        if self.settings_page is not None:
            self.daw.peers_changed.disconnect(self.settings_page.refresh)
            self.daw.midi_heard.disconnect(self.settings_page.midi_heard)
            self.daw.learn(None)
            self.settings_page.deleteLater()  # its pages listen to what goes on
            self.settings_page = None

    def _test_audio(self) -> None:
        try:
            self.audition.play_tone()
        except JukeboxError as error:
            self._failed(str(error))

    def _audio_sentence(self) -> str:
        if self._audio_fault:
            return self._audio_fault
        if self.player.output is None:
            return self.tr("No audio device is known yet.")
        said = self.tr("{device} plays, at {rate} Hz.")
        if self.player.is_playing:
            said = self.tr("It is heard through {device}, at {rate} Hz.")
        return said.format(device=self.player.output, rate=f"{self.player.rate_hz:,}")

    def _settings_changed(self, settings: Any) -> None:
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        if THEMES[settings.theme].name != app.property("jukebox_theme"):
            self._theming = theme_steps(app, THEMES[settings.theme])
            self.setUpdatesEnabled(False)
            self._go_on_theming()
        wanted = playback_settings(settings)
        if wanted != self.player.settings:
            self.player.set_settings(wanted)
        before, self._settings_shown = self._settings_shown, settings
        if settings.uses_bridge != before.uses_bridge:
            (self.daw.start_bridge if settings.uses_bridge else self.daw.stop_bridge)()
        if settings.uses_link != before.uses_link:
            self.daw.set_link(settings.uses_link)
        if settings.uses_midi != before.uses_midi:
            self.daw.set_midi(settings.uses_midi)
            self._show_daw()

    def _go_on_theming(self) -> None:
        """A part in each turn of the loop, so that others have theirs in between."""
        if next(self._theming, self) is not self:
            QTimer.singleShot(0, self._go_on_theming)
            return
        self._show_all_statuses()
        self.setUpdatesEnabled(True)

    def _other_theme(self) -> None:
        self.store.change(theme="light" if self.store.settings.theme == "dark" else "dark")

    def show_keys(self) -> None:
        self.keys_page = page = KeysPage(self.shortcuts.keys, self)
        page.keys_changed.connect(self._keys_changed)
        page.open()

    def _keys_changed(self, keys: dict[str, str]) -> None:
        self.shortcuts.set_keys(keys)
        self.store.change(keys=keys)

    def show_tour(self) -> None:
        steps = [
            (
                self.inbox,
                self.tr("Your clips"),
                self.tr(
                    "Drop audio here, or send a region from your DAW. The tempo is read or"
                    " listened for; say so where it is wrong."
                ),
            ),
            (
                self.request_panel,
                self.tr("What to do"),
                self.tr(
                    "Continue the clip, make it in another style, sing it anew or vary a part."
                    " Blend artists, write words, then press Generate."
                ),
            ),
            (
                self.timeline,
                self.tr("Listen"),
                self.tr(
                    "Space plays. 1 to 9 switch to a variant where you are, 0 to the clip."
                    " Drag over the waveforms to select."
                ),
            ),
            (
                self.history,
                self.tr("Choose"),
                self.tr(
                    "Every variant stays: rate, note, hide, branch. Drag one into your DAW, or"
                    " press Ctrl+D to send it to its place."
                ),
            ),
            (
                self.transport,
                self.tr("How things are"),
                self.tr(
                    "Engine, DAW, MIDI and tempo. Click a sign to set it up. ? shows all keys."
                ),
            ),
        ]
        self.store.change(was_toured=True)
        self.tour = Tour(self, steps)
        self.tour.ended.connect(self._tour_ended)

    def _tour_ended(self) -> None:
        self.tour = None

    def copy_diagnostics(self) -> None:
        """Versions, devices, states and the end of the log, on the clipboard."""
        worker = self.project.queue if self.project else None
        text = diagnosing.diagnostics(
            self._log_path,
            f"Audio: {self.player.output or 'no device'}, {self.player.rate_hz} Hz,"
            f" {self.player.dropouts} dropouts",
            f"DAW: {self.daw.sentence()}",
            f"Model: {self.model.folder if self.model else 'none'}",
            f"Project: {self.project.session.folder if self.project else 'none'}",
            f"Queue: {len(worker.jobs) if worker else 0} jobs",
            *(f"Player: {line}" for line in list(self.player.last_words)[-10:]),
        )
        clipboard = QGuiApplication.clipboard()
        assert clipboard is not None
        clipboard.setText(text)
        self._told(self.tr("Diagnostics are on the clipboard. They hold paths, but no music."))

    # How things are ------------------------------------------------------------------------------

    def _show_all_statuses(self) -> None:
        self._show_audio()
        self._show_tempo()
        self._show_daw()
        self._show_engine()

    def _show_audio(self) -> None:
        sign, muted = self.transport.audio, self.audition.is_muted
        sign.setVisible(muted or bool(self._audio_fault))
        if muted and not self._audio_fault:
            why = self.tr("Silent while the DAW plays; the settings can change that.")
            sign.say(self.tr("Silent"), why, "warning")
        else:
            sign.say(self.tr("No audio"), self._audio_fault, "warning")

    def _show_tempo(self) -> None:
        state = self.daw.state
        if state is not None and state.source not in (None, "clip"):
            kind = "warning" if state.lost else "good"
            picture = "play" if state.playing else ""
            word = f"{state.tempo_bpm:.1f} {self._daw_source(state.source)}"
            self.transport.tempo.say(word, transport_said(state), kind, picture)
            return
        clip = self._clip()
        if state is not None and state.lost is not None:
            tempo = clip.song.tempo.points[0].tempo_bpm if clip else state.tempo_bpm
            lost = self.tr("{source} fell silent.").format(source=self._daw_source(state.lost))
            self.transport.tempo.say(f"{float(tempo):.1f}", lost, "warning", "warning")
            return
        if clip is None:
            self.transport.tempo.say("—", self.tr("No clip gives a tempo."))
            return
        tempo = float(clip.song.tempo.points[0].tempo_bpm)
        assert self.project is not None
        doubt = self.clip_id in self.project.guesses
        sentence = (
            self.tr("{tempo:.1f} BPM, heard in the clip: check it.")
            if doubt
            else self.tr("{tempo:.1f} BPM from the clip.")
        ).format(tempo=tempo)
        text = f"{tempo:.1f}{'?' if doubt else ''}"
        self.transport.tempo.say(text, sentence, "warning" if doubt else "dim")

    def _daw_source(self, source: str) -> str:
        """Who tells the time, in a word."""
        names = sorted({peer.daw for peer in self.daw.peers.values() if peer.daw})
        return {
            "link": "Link",
            "midi": self.tr("MIDI clock"),
            "osc": names[0] if len(names) == 1 else self.tr("DAW"),
        }.get(source, source)

    def _daw_tempo(self) -> DawTempo | None:
        """What is played at elsewhere now."""
        state = self.daw.state
        if state is None or state.source not in ("link", "midi", "osc"):
            return None
        tempo_bpm = round(state.tempo_bpm, 2)
        # A clock is measured, and hardly one is set to 119.98.
        if state.source == "midi" and abs(tempo_bpm - round(tempo_bpm)) < 0.002 * tempo_bpm:
            tempo_bpm = round(tempo_bpm)
        return DawTempo(float(tempo_bpm), self._daw_source(state.source))

    def _midi_sentence(self) -> str:
        if not self.daw.listens_to_midi:
            return self.tr("MIDI is off.")
        return self.daw.midi_sentence or self.tr("Looking for MIDI inputs …")

    def _show_daw(self) -> None:
        linked = bool(self.daw.peers)
        names = sorted({peer.daw or peer.sender for peer in self.daw.peers.values()})
        kind = "good" if linked else "warning" if self.daw.fault else "dim"
        word = names[0] if names else self.tr("DAW")
        self.transport.daw.say(word, self.daw.sentence(), kind)
        none = self.daw.listens_to_midi and bool(self.daw.midi_sentence) and not self.daw.midi_names
        self.transport.midi.say(
            self.tr("No MIDI") if none else self.tr("MIDI"),
            self._midi_sentence(),
            "warning" if none else "good" if self.daw.midi_names else "dim",
        )

    def _show_engine(self) -> None:
        states = [queued.state for queued in self.project.queued] if self.project else []
        if self.project is not None and self.project.session.read_only:
            self.transport.engine.say(
                self.tr("Read-only"), self.tr("This project can only be read."), "warning"
            )
        elif "running" in states:
            self.transport.engine.say(self.tr("Rendering"), self.tr("The engine renders."), "good")
        elif self.project is not None and self.project.is_paused:
            self.transport.engine.say(self.tr("Paused"), self.tr("The queue is paused."), "warning")
        else:
            name = self.model.name if self.model else self.tr("no model")
            self.transport.engine.say(
                self.tr("Ready"), self.tr("The engine is ready, with {name}.").format(name=name)
            )

    def _status_pressed(self, name: str) -> None:
        if name == "tempo":
            self._tempo_pressed()
            return
        self.show_settings()
        assert self.settings_page is not None
        self.settings_page.tabs.setCurrentIndex(
            {"audio": 1 if self._audio_fault else 2, "midi": 2, "daw": 2, "engine": 4}[name]
        )

    def _tempo_pressed(self) -> None:
        """Type another; or take over the tempo of who plays along, or give them the clip's."""
        tempo, clip, clip_id = self._daw_tempo(), self._clip(), self.clip_id
        if clip is None or clip_id is None or (tempo is None and not self.daw.is_in_link):
            self.inbox.tempo.setFocus()
            return
        self.tempo_menu = menu = QMenu(self)
        dress(menu)
        own_bpm = float(clip.song.tempo.points[0].tempo_bpm)
        if tempo is not None:
            text = self.tr("The clip is at {tempo:g} BPM, as {source} says").format(
                tempo=tempo.tempo_bpm, source=tempo.source
            )
            take = menu.addAction(icon("metronome"), text)
            assert take is not None
            take.setEnabled(len(clip.song.tempo.points) == 1)  # a DAW's tempo map knows better
            bpm, meter = tempo.tempo_bpm, str(clip.song.meters.points[0].meter)
            take.triggered.connect(
                lambda: self._with_project(lambda p: p.set_tempo(clip_id, bpm, meter))
            )
        if self.daw.is_in_link:
            give = menu.addAction(
                icon("share"), self.tr("Set Link to {tempo:g} BPM").format(tempo=own_bpm)
            )
            assert give is not None
            give.triggered.connect(lambda: self.daw.set_link_tempo(own_bpm))
        other = menu.addAction(icon("edit"), self.tr("Type another …"))
        assert other is not None
        other.triggered.connect(self.inbox.tempo.setFocus)
        sign = self.transport.tempo
        menu.popup(sign.mapToGlobal(QPoint(0, -menu.sizeHint().height())))

    # What the DAW says ---------------------------------------------------------------------------

    def _daw_clip(self, peer: Any, name: str, clip: Clip) -> None:
        def do(project: Project) -> None:
            known = self._daw_clips.get((peer.sender, name))
            if known is not None and project.session.clip(known).clip == clip:
                self.inbox.choose(known)
                return
            added = project.add_clip(clip, clip.name or None)
            self._daw_clips[peer.sender, name] = added.id
            self._told(
                self.tr("{daw} sent {clip}.").format(daw=peer.daw or peer.sender, clip=added.name)
            )

        self._with_project(do)

    def _daw_selected(self, peer: Any, name: str) -> None:
        if (clip_id := self._daw_clips.get((peer.sender, name))) is not None:
            self.inbox.choose(clip_id)

    def _daw_generate(self, peer: Any, wish: Any) -> None:
        """With the panel's settings, but for what the wish says itself."""
        if wish.clip is not None:
            self._daw_selected(peer, wish.clip)
        panel = self.request_panel
        if wish.operation is not None:
            panel.operation_buttons[wish.operation].click()
        if wish.length_bars is not None:
            panel.unit.setCurrentIndex(panel.unit.findData("bars"))
            panel.length.setValue(wish.length_bars)
        if wish.variants is not None:
            panel.variants.setValue(wish.variants)
        if wish.seed is not None:
            panel.seed.setText(str(wish.seed))
            panel.seed_lock.setChecked(True)
        self.generate()

    def _daw_cancel(self, job_id: int | None) -> None:
        def do(project: Project) -> None:
            going = [int(q.job_id) for q in project.queued if not q.is_over]
            wanted = job_id if job_id is not None else (going[-1] if going else None)
            if wanted is not None:
                project.cancel(wanted)

        self._with_project(do)

    def _variant_told(self, job_id: int | None, number: int) -> int | None:
        """The variant that a DAW or controller means."""
        if self.project is None:
            return None
        variants = [v for v in self.project.session.variants() if not v.is_branch]
        if job_id is None:
            job_id = max((v.job_id for v in variants), default=None)
        return next((v.id for v in variants if (v.job_id, v.number) == (job_id, number)), None)

    def _daw_choose(self, job_id: int | None, number: int) -> None:
        if (variant_id := self._variant_told(job_id, number)) is not None:
            self._show_clip_of(variant_id)
            self.hear(variant_lane_id(variant_id))

    def _daw_rate(self, job_id: int | None, number: int, stars: int) -> None:
        if (variant_id := self._variant_told(job_id, number)) is not None:
            self._rate([variant_id], stars)

    def _daw_audition(self, job_id: int | None, number: int, playing: bool) -> None:
        variant_id = self._variant_told(job_id, number)
        if not playing:
            self.audition.stop()
        elif variant_id is not None:
            self._show_clip_of(variant_id)
            self._play_variant(variant_id)

    def _show_clip_of(self, variant_id: int) -> None:
        assert self.project is not None
        self.inbox.choose(self.project.session.variant(variant_id).clip_id)

    def _controlled(self, command: Any) -> None:
        """A note or controller of the MIDI map."""
        name, value = command.action.value, command.value
        if name == "keep":
            self.request_panel.set_keep(value)
        elif name == "blend":
            self.request_panel.set_blend(value)
        elif name == "rate":
            self._rating_wanted = round(5 * value)
            self._rating.start()
        elif name == "generate":
            self.generate()
        elif name == "cancel":
            self._daw_cancel(None)
        elif name in ("next", "previous"):
            self.timeline.step_lane(1 if name == "next" else -1)
        elif name == "audition-stop":
            self.audition.stop()
        elif name == "audition-play":
            if not self.player.is_playing:
                self.audition.play_or_stop()
        else:
            self._hear_number(int(name.removeprefix("choose-")))

    def _daw_transport(self, state: Any) -> None:
        settings = self.store.settings
        self.audition.follow(
            state, follows=settings.follow_daw, mutes=settings.mute_while_daw_plays
        )
        lost, self._lost_source = self._lost_source, state.lost
        if state.lost is not None and state.lost != lost:
            self._told(self.tr("{source} fell silent.").format(source=self._daw_source(state.lost)))
        tempo = self._daw_tempo()
        if tempo is not None and self.clip_id is None:
            # The grid that a first clip will lie on.
            self._show_song(SongTime.steady(tempo.tempo_bpm))
        self._show_tempo()

    # Telling -------------------------------------------------------------------------------------

    def _told(self, text: str) -> None:
        self.messages.say(text)

    def _failed(self, text: str) -> None:
        _log.warning("%s", text)
        self.messages.say(text, "error")

    def told_of_fault(self, text: str) -> None:
        """Something broke that should not; for `sys.excepthook`."""
        self.messages.say(
            self.tr("Something went wrong in the window: {fault}. Nothing is lost.").format(
                fault=text
            ),
            "error",
            (self.tr("Copy diagnostics"), self.copy_diagnostics),
        )

    def _with_project(self, act: Callable[[Project], Any]) -> None:
        """Do something with the project; why it cannot be is told in the window."""
        if self.project is None:
            self._failed(self.tr("No project is open; make a new one or open one first."))
            return
        try:
            act(self.project)
        except JukeboxError as error:
            self._failed(str(error))

    # Qt ------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """What is seen between the parts."""
        if event is not None:
            painter = QPainter(self)
            painter.fillRect(event.rect(), QColor(current_theme().window))
            painter.end()

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:
        if event is not None and event.source() is None and dropped_paths(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:
        if event is not None and (paths := dropped_paths(event.mimeData())):
            event.acceptProposedAction()
            self.add_files(paths)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        # Space plays wherever one is, so buttons are pressed with Return. What they do not heed
        # comes here; a filter of the application would cost every event of every widget.
        button = self.focusWidget()
        if (
            event is not None
            and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
            and not event.modifiers()
            and isinstance(button, QAbstractButton)
            and button.isEnabled()
        ):
            button.click()
        elif event is not None and event.key() == Qt.Key.Key_Escape:
            self.timeline.setFocus()  # out of a field, so that single keys work again
        else:
            super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        self.timeline.setFocus()  # by a click beside all that takes one
        super().mousePressEvent(event)

    def _restore_geometry(self) -> None:
        settings = self.store.settings
        if settings.geometry:
            self.restoreGeometry(_from_text(settings.geometry))
        for name, splitter in self._splitters.items():
            if name in settings.splitters:
                splitter.restoreState(_from_text(settings.splitters[name]))

    @property
    def _splitters(self) -> dict[str, QSplitter]:
        return {"columns": self.columns, "left": self.left, "centre": self.centre}

    def closeEvent(self, event: QCloseEvent | None) -> None:
        self.store.change(
            geometry=_as_text(self.saveGeometry()),
            splitters={name: _as_text(s.saveState()) for name, s in self._splitters.items()},
        )
        self.hide()  # what follows may take a moment
        self.close_project()
        self._sessions.wait()
        self.outbox.close()
        self.presets.wait()
        self.store.wait()
        self.background.close()
        self.daw.close()
        self.player.close()
        if event is not None:
            event.accept()


def _variant_of(lane_id: str) -> int | None:
    """The variant of a lane; None for the clip and for one that is still being made."""
    prefix = variant_lane_id(0)[:-1]
    return int(lane_id.removeprefix(prefix)) if lane_id.startswith(prefix) else None


def _as_text(state: QByteArray) -> str:
    return base64.b64encode(bytes(state.data())).decode()


def _from_text(text: str) -> QByteArray:
    return QByteArray(base64.b64decode(text, validate=False))
