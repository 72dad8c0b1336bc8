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
    QLineEdit,
    QMainWindow,
    QSplitter,
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
from jukebox_studio.session_records import Variant
from jukebox_studio.tempo import SongTime
from ui import diagnostics
from ui.audition import Audition
from ui.background import Background
from ui.daw_link import DawLink
from ui.daw_wishes import DawWishes
from ui.draft import ModelSummary, VariantInfo, draft_of
from ui.draft_presets import SUFFIX, user_presets_folder
from ui.first_start import FIRST_PROJECT, demo_clip, is_project, projects_folder, unused
from ui.history import VariantHistory
from ui.inbox import ClipInbox, dropped_paths
from ui.menus import Menus
from ui.messages import MessageBar
from ui.new_clips import AUDIO_SUFFIXES
from ui.outbox import Outbox
from ui.pages import Pages
from ui.player import Player
from ui.preset_menu import PresetShelf
from ui.project import Project
from ui.queue_panel import Done, QueuePanel
from ui.request_panel import RequestPanel
from ui.settings import SettingsStore, playback_settings
from ui.shared import SOURCE_LANE, variant_lane_id
from ui.shortcuts import COMMANDS, Shortcuts, command_button
from ui.statuses import Statuses
from ui.theme import FRAME_SHEET, GRID_PX, THEMES, current_theme, dress, icon, theme_steps
from ui.timeline import TimelineView
from ui.timeline_grid import Snap
from ui.tool_row import ToolRow
from ui.transport_bar import TransportBar
from ui.undo import Undo
from ui.words import operation_name

SEARCH_MILLISECONDS = 150
PROGRESS_MILLISECONDS = 100
"""An engine tells of every step; nobody reads more than that."""
NAME = "Jukebox Studio"
LEFT_PX, RIGHT_PX = 264, 340
QUEUE_PX = 96
VARIANT_BUTTONS = (
    ("go-on-from", "generate"),
    ("upsample", "upsample"),
    ("branch", "branch"),
    ("hide", "hide"),
    ("prune", "delete"),
)
"""Below the tree: a command and its picture."""
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
        self._model_wanted: str | None = None
        """The one chosen last, which may still be looked at in the background."""
        self._make_engine = make_engine
        self._settings_shown = store.settings
        self._progress: dict[int, Done] = {}
        self._begun_seconds: dict[int, float] = {}
        self._lines: dict[int, str] = {}
        """What was asked for, by job: jobs do not change what they are."""
        self._shown_song: SongTime | None = None
        self._changed: set[str] = set()
        self._selection: tuple[float, float] | None = None
        self.background = Background(self)
        self.background.failed.connect(self.fail)
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
        self.setWindowTitle(NAME)
        self.setAcceptDrops(True)
        self.setMinimumSize(960, 600)
        self.resize(1280, 800)
        self._build()
        self.undo = Undo(self)
        self.statuses = Statuses(self)
        self.pages = Pages(self, log_path or diagnostics.log_path())
        self._wishes = DawWishes(self)
        self._connect()
        self._restore_geometry()
        self.statuses.show()
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
        for id, picture in VARIANT_BUTTONS:
            self.history.add_button(command_button(self.shortcuts, id, picture))

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
        self.tool_row = ToolRow(self.shortcuts, settings.snap)
        self.timeline.set_snap(self.tool_row.chosen_snap())
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
        bar = self.menuBar()
        assert bar is not None
        self.menus = Menus(bar, self.shortcuts)
        self.menus.recent.aboutToShow.connect(self._fill_recent)
        dress(bar, *grounded, self.tool_row, self.messages, self.timeline, self.request_panel)

    def _connect(self) -> None:
        act = self.shortcuts.connect
        act("play", self.audition.play_or_stop)
        act("home", self._go_home)
        act("hear-source", lambda: self.hear_number(0))
        for number in range(1, 10):
            act(f"hear-{number}", partial(self.hear_number, number))
        act("a-b", self.audition.swap)
        act("loop", self.transport.loop.toggle)
        act("context", self.transport.context.toggle)
        act("matched", self.transport.matched.toggle)
        act("generate", self.generate)
        act("upsample", lambda: self.with_project(self._upsample))
        act("pause-queue", self._pause_or_resume)
        act("go-on-from", self._go_on_from_selected)
        for stars in range(6):
            act(f"rate-{stars}", partial(self.rate_chosen, stars))
        act("branch", lambda: self.with_project(self._branch))
        act("hide", lambda: self.with_project(self._hide))
        act("prune", lambda: self.with_project(self._prune))
        act("rename", self._rename)
        act("note", self.history.edit_note)
        act("search", self.history.search.setFocus)
        act("export", lambda: self.with_project(self._export))
        act("copy", lambda: self.with_project(self._copy))
        act("reveal", lambda: self.with_project(self._reveal))
        act("send", lambda: self.with_project(self._send))
        act("open", self._ask_files)
        act("fetch", lambda: self.with_project(lambda _: self.daw.fetch()))
        act("new-project", self._ask_new_project)
        act("open-project", self._ask_project)
        act("quit", self.close)
        act("zoom-in", self.timeline.zoom_in)
        act("zoom-out", self.timeline.zoom_out)
        act("zoom-fit", self.timeline.zoom_to_fit)
        act("spectrum", self.timeline.toggle_spectrum)
        act("theme", self._other_theme)
        act("models", self.pages.show_models)
        act("settings", self.pages.show_settings)
        act("tour", self.pages.show_tour)
        act("keys", self.pages.show_keys)
        act("diagnostics", self.pages.copy_diagnostics)
        missing = [c.id for c in COMMANDS if not self.shortcuts.actions[c.id].receivers(
            self.shortcuts.actions[c.id].triggered)]  # fmt: skip
        assert not missing, missing

        self.inbox.chosen.connect(self._clip_chosen)
        self.inbox.dropped.connect(self.add_files)
        self.inbox.open_wanted.connect(self._ask_files)
        self.inbox.tempo_said.connect(
            lambda id, bpm, meter: self.with_project(lambda p: p.set_tempo(id, bpm, meter))
        )
        self.inbox.renamed.connect(
            lambda id, name: self.with_project(lambda p: p.rename_clip(id, name))
        )
        self.inbox.removed.connect(lambda id: self.with_project(lambda p: p.prune_clip(id)))

        self.history.chosen.connect(lambda id: self.hear(variant_lane_id(id)))
        self.history.play_wanted.connect(self.play_variant)
        self.history.drag_wanted.connect(self._drag)
        self.history.renamed.connect(
            lambda id, name: self.with_project(lambda p: p.rename(id, name))
        )
        self.history.rated.connect(self.rate)
        self.history.noted.connect(lambda id, text: self.with_project(lambda p: p.note(id, text)))
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
        panel.changed.connect(self.undo.note)
        panel.morph_changed.connect(self.timeline.set_morph)
        panel.model_chosen.connect(self.use_model)
        panel.word_clicked.connect(self._go_to)
        panel.favourites_changed.connect(
            lambda names: self.store.change(favourites=tuple(sorted(names)))
        )
        panel.licence_requested.connect(self.pages.show_models)

        queue = self.queue_panel
        queue.pause_wanted.connect(lambda id: self.with_project(lambda p: p.pause(id)))
        queue.resume_wanted.connect(lambda id: self.with_project(lambda p: p.resume(id)))
        queue.cancel_wanted.connect(lambda id: self.with_project(lambda p: p.cancel(id)))
        queue.dismiss_wanted.connect(lambda id: self.with_project(partial(self._dismiss, id)))
        queue.move_wanted.connect(
            lambda id, before: self.with_project(lambda p: p.move_job(id, before))
        )

        self.tool_row.snap_chosen.connect(self._snap_chosen)
        self.tool_row.pre_roll_chosen.connect(self._show_pre_roll)

        bar = self.transport
        bar.play_pressed.connect(self.audition.play_or_stop)
        bar.home_pressed.connect(self._go_home)
        bar.loop_toggled.connect(self.audition.set_loop)
        bar.context_toggled.connect(self._context_toggled)
        bar.matched_toggled.connect(self._matched_toggled)
        bar.lane_pressed.connect(self.hear)

        self.player.position.connect(self._position)
        self.player.state.connect(self._playing)
        self.player.error.connect(self.fail)
        self.audition.heard_changed.connect(self._heard)
        self.audition.told.connect(self.tell)
        self.outbox.told.connect(self.tell)
        self.outbox.failed.connect(self.fail)
        self.store.changed.connect(self._settings_changed)
        self.store.failed.connect(self.fail)

        self.presets.opened.connect(panel.use_preset)
        self.presets.told.connect(self.tell)
        self.presets.failed.connect(self.fail)
        self.presets.serve(panel.presets)

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
                self.fail(str(error))
            if not self.store.settings.was_toured:
                self.messages.say(
                    self.tr("Welcome. This is a clip of music; press Generate to go on from it."),
                    "warning",
                    (self.tr("Show me around"), self.pages.show_tour),
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
        project.told.connect(self.tell)
        project.failed.connect(self.fail)
        project.job_failed.connect(self._job_failed)
        folder = session.folder
        self.store.change(recent=self.store.settings.with_recent(folder).recent)
        self.setWindowTitle(f"{project.name} — {NAME}")
        self.clip_id = self.base_variant = None
        self.undo.begin()
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
                (self.tr("Resume"), lambda: self.with_project(lambda p: p.resume())),
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
        menu = self.menus.recent
        menu.clear()
        for name in self.store.settings.recent:
            action = menu.addAction(name)
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
            tempo = self.statuses.daw_tempo() if self.store.settings.take_daw_tempo else None
            self.with_project(partial(Project.add_file, path=path, daw_tempo=tempo))

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
        if self.project is not None:
            self.project.work_on(clip_id)
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
            self.tool_row.working_on.setText("")
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
        self.tool_row.working_on.setText(said)
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
        self._shows_variants = False
        if self.project is None:
            return
        try:
            if "clips" in changed:
                self._show_clips()
            # Where another clip was turned to, its variants are there already.
            if changed & {"clips", "variants"} and not self._shows_variants:
                self._show_variants()
            elif "lanes" in changed:
                self._show_lanes()
            if changed & {"jobs", "progress"}:
                self._show_jobs()
                self.timeline.set_upsampled(self.project.upsampled)
            if changed - {"progress"}:
                self.undo.show()
        except JukeboxError as error:
            self.fail(str(error))

    def _show_clips(self) -> None:
        assert self.project is not None
        clips = self.project.session.clips()
        counts = self.project.session.variant_counts()
        if self.clip_id is not None and all(clip.id != self.clip_id for clip in clips):
            self.clip_id = self.base_variant = None
        wanted = self.project.last_clip_id if self.clip_id is None else None
        self.inbox.set_clips(clips, self.project.guesses, counts, wanted)
        if self.clip_id is None and clips:
            self.clip_id = self.inbox.current
        if not clips:
            self.clip_id = None

    def _show_variants(self) -> None:
        self._shows_variants = True
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
        self._show_lanes(variants)

    def _show_lanes(self, variants: list[Variant] | None = None) -> None:
        if self.project is None or self.clip_id is None:
            return
        lanes = self.project.lanes(self.clip_id, variants)
        clip = self.project.session.clip(self.clip_id).sounding
        self.show_song(clip.song)
        self.audition.set_song(clip.song, is_placed=clip.position_samples is not None)
        self.timeline.set_lanes(lanes)
        span = (clip.start_samples, clip.length_samples)
        self.audition.set_lanes(lanes, span)
        self.timeline.set_active_lane(self.audition.heard)
        self.transport.set_lanes(lanes, self.audition.heard)
        self._work_on()

    def show_song(self, song: SongTime) -> None:
        self.statuses.show_tempo()
        if song == self._shown_song:
            return
        self._shown_song = song
        self.timeline.set_song(song)
        self.transport.set_song(song)
        self._show_pre_roll(song)

    def _show_pre_roll(self, song: SongTime | None = None) -> None:
        bars = self.tool_row.pre_roll_bars()
        if song is None:
            clip = self.clip()
            song = clip.song if clip else SongTime.steady(120)
        beats = bars * song.meters.points[0].meter.quarters_per_bar
        seconds = float(song.tempo.seconds_at(beats))
        self.timeline.set_pre_roll(seconds)
        self.audition.set_pre_roll(seconds)

    def clip(self) -> Clip | None:
        if self.project is None or self.clip_id is None:
            return None
        return self.project.session.clip(self.clip_id).sounding

    # The queue -----------------------------------------------------------------------------------

    def generate(self) -> None:
        """What the panel asks for, put at the end of the queue."""
        if isinstance(self.focusWidget(), QLineEdit | QAbstractSpinBox):
            self.timeline.setFocus()  # digits are to switch variants next, not to be typed
        self.with_project(self._generate)

    def _generate(self, project: Project) -> None:
        self._work_on()
        asked = self.request_panel.request()
        if isinstance(asked, str):
            self.fail(asked)
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
                (self.tr("Read the licence"), self.pages.show_models),
            )
            return
        project.generate(request, model.folder, self.clip_id, self.base_variant)

    def _upsample(self, project: Project) -> None:
        for variant_id in self.chosen_variants():
            project.upsample(variant_id)

    def _pause_or_resume(self) -> None:
        def do(project: Project) -> None:
            (project.resume if project.is_paused else project.pause)()

        self.with_project(do)

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
        self.statuses.show_engine()

    def _dismiss(self, job_id: int, project: Project) -> None:
        said = [queued.sentence for queued in project.queued if int(queued.job_id) == job_id]
        project.dismiss(job_id)
        for sentence in said:
            self.messages.forget(sentence)  # whose button would resume what is gone

    def _job_failed(self, job_id: int, sentence: str) -> None:
        self.messages.say(
            sentence,
            "error",
            (self.tr("Resume"), lambda: self.with_project(lambda p: p.resume(job_id))),
        )

    def _variant_finished(self, variant_id: int) -> None:
        if self.project is None:
            return
        variant = self.project.session.variant(variant_id)
        if variant.clip_id != self.clip_id:
            self._mark("clips")  # which counts anew
        self._wishes.tell_variant(variant)

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

    def rate(self, variant_ids: list[int], stars: int) -> None:
        if variant_ids:
            self.with_project(lambda p: p.rate(variant_ids, stars))

    def rate_chosen(self, stars: int) -> None:
        self.rate(self.chosen_variants(), stars)

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
            self.request_panel.set_draft(draft_of(request_from_json(job.request), self.model))
            self.undo.note()

        self.with_project(do)

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
        menu = self.menus.of_variant(self)
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
            self.menus.of_clip(self).popup(place)

    # Listening -----------------------------------------------------------------------------------

    def hear(self, lane_id: str) -> None:
        self.audition.hear(lane_id)

    def hear_number(self, number: int) -> None:
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

    def play_variant(self, variant_id: int) -> None:
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
        clip = self.clip()
        self._go_to(float(clip.start_seconds) if clip else 0.0)

    def _playhead_moved(self, seconds: float) -> None:
        self.player.seek(seconds)
        self.transport.set_place(seconds)

    def _position(self, seconds: float) -> None:
        self.timeline.set_playhead(seconds)
        self.transport.set_place(seconds)

    def _playing(self, playing: bool) -> None:
        self.pages.refresh_settings()
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

    def _snap_chosen(self, snap: Snap) -> None:
        self.timeline.set_snap(snap)
        self.store.change(snap=snap.value)

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

        self.with_project(do)

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
        wanted = self._model_wanted or self.store.settings.model
        if usable:
            default = "starter" if "starter" in usable else usable[0]
            self.use_model(wanted if wanted in usable else default)
        else:
            self.messages.say(
                self.tr("There is no model that can be used, so nothing can be rendered."),
                "error",
                (self.tr("Models"), self.pages.show_models),
            )
        self.pages.fill_models()

    def use_model(self, name: str) -> None:
        bundle = next((one.bundle for one in self.models if one.name == name), None)
        if bundle is None:
            return
        before, self._model_wanted = self._model_wanted, name
        if self.model is not None and self.model.name == name:
            self.request_panel.set_model(self.model)  # it may show one that was still looked at
            return

        def take(model: ModelSummary) -> None:
            if model.name != self._model_wanted:  # another was chosen meanwhile
                return
            self.model = model
            self.request_panel.set_model(model)
            self.store.change(model=model.name)
            self.statuses.show_engine()

        def give_up(sentence: str) -> None:
            self.background.failed.emit(sentence)
            if name == self._model_wanted:
                self._model_wanted = None
                if before is not None and before != name:
                    self.use_model(before)

        self.background.start(lambda: ModelSummary.of(bundle), take, give_up)

    # Settings, keys, help ------------------------------------------------------------------------

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
            self.statuses.show_daw()

    def _go_on_theming(self) -> None:
        """A part in each turn of the loop, so that others have theirs in between."""
        if next(self._theming, self) is not self:
            QTimer.singleShot(0, self._go_on_theming)
            return
        self.statuses.show()
        self.setUpdatesEnabled(True)

    def _other_theme(self) -> None:
        self.store.change(theme="light" if self.store.settings.theme == "dark" else "dark")

    # How things are ------------------------------------------------------------------------------

    # What the DAW says ---------------------------------------------------------------------------

    # Telling -------------------------------------------------------------------------------------

    def tell(self, text: str) -> None:
        self.messages.say(text)

    def fail(self, text: str) -> None:
        _log.warning("%s", text)
        self.messages.say(text, "error")

    def told_of_fault(self, text: str) -> None:
        """Something broke that should not; for `sys.excepthook`."""
        self.messages.say(
            self.tr("Something went wrong in the window: {fault}. Nothing is lost.").format(
                fault=text
            ),
            "error",
            (self.tr("Copy diagnostics"), self.pages.copy_diagnostics),
        )

    def with_project(self, act: Callable[[Project], Any]) -> None:
        """Do something with the project; why it cannot be is told in the window."""
        if self.project is None:
            self.fail(self.tr("No project is open; make a new one or open one first."))
            return
        try:
            act(self.project)
        except JukeboxError as error:
            self.fail(str(error))

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
