"""What the DAW and controllers ask for, done in the window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PyQt6.QtCore import QObject, QTimer

from jukebox_studio.clip import Clip
from jukebox_studio.session_records import Variant
from ui.project import Project
from ui.shared import variant_lane_id

if TYPE_CHECKING:
    from ui.window import MainWindow

REST_MILLISECONDS = 300
"""After which a knob has come to rest."""


class DawWishes(QObject):
    """Listens to a `DawLink`, and does what is wished as if it were done by hand."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._clips: dict[tuple[str, str], int] = {}
        """By sender and the sender's name for it."""
        # A knob passes all stars on its way to the one that is meant.
        self._rating = QTimer(self)
        self._rating.setSingleShot(True)
        self._rating.setInterval(REST_MILLISECONDS)
        self._rating.timeout.connect(lambda: window.rate_chosen(self._rating_wanted))
        self._rating_wanted = 0
        daw, panel = window.daw, window.request_panel
        daw.clip_came.connect(self._clip_came)
        daw.selected.connect(self._selected)
        daw.generate_wanted.connect(self._generate)
        daw.cancel_wanted.connect(self._cancel)
        daw.choose_wanted.connect(self._choose)
        daw.rate_wanted.connect(self._rate)
        daw.audition_wanted.connect(self._audition)
        daw.keep_wanted.connect(panel.set_keep)
        daw.blend_wanted.connect(panel.set_blend)
        daw.command_wanted.connect(self._controlled)
        daw.told.connect(window.tell)

    def tell_variant(self, variant: Variant) -> None:
        """That it is finished, to who is there."""
        clip_name = next(
            (name for (_, name), id in self._clips.items() if id == variant.clip_id), ""
        )
        self._window.daw.tell(
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

    def _clip_came(self, peer: Any, name: str, clip: Clip) -> None:
        def do(project: Project) -> None:
            # A script names what it sends anew each time, and anew after each start.
            known = next((one for one in project.session.clips() if one.clip == clip), None)
            if known is not None:
                self._window.inbox.choose(known.id)
                said = self.tr("{daw} sent {clip} again; it is here already.")
            else:
                said = self.tr("{daw} sent {clip}.")
            there = known or project.add_clip(clip, clip.name or None)
            self._clips[peer.sender, name] = there.id
            self._window.tell(said.format(daw=peer.daw or peer.sender, clip=there.name))

        self._window.with_project(do)

    def _selected(self, peer: Any, name: str) -> None:
        if (clip_id := self._clips.get((peer.sender, name))) is not None:
            self._window.inbox.choose(clip_id)

    def _generate(self, peer: Any, wish: Any) -> None:
        """With the panel's settings, but for what the wish says itself."""
        if wish.clip is not None:
            self._selected(peer, wish.clip)
        panel = self._window.request_panel
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
        self._window.generate()

    def _cancel(self, job_id: int | None) -> None:
        def do(project: Project) -> None:
            going = [int(q.job_id) for q in project.queued if not q.is_over]
            wanted = job_id if job_id is not None else (going[-1] if going else None)
            if wanted is not None:
                project.cancel(wanted)

        self._window.with_project(do)

    def _variant_told(self, job_id: int | None, number: int) -> int | None:
        """The variant that a DAW or controller means."""
        if self._window.project is None:
            return None
        variants = [v for v in self._window.project.session.variants() if not v.is_branch]
        if job_id is None:
            job_id = max((v.job_id for v in variants), default=None)
        return next((v.id for v in variants if (v.job_id, v.number) == (job_id, number)), None)

    def _choose(self, job_id: int | None, number: int) -> None:
        if (variant_id := self._variant_told(job_id, number)) is not None:
            self._show_clip_of(variant_id)
            self._window.hear(variant_lane_id(variant_id))

    def _rate(self, job_id: int | None, number: int, stars: int) -> None:
        if (variant_id := self._variant_told(job_id, number)) is not None:
            self._window.rate([variant_id], stars)

    def _audition(self, job_id: int | None, number: int, playing: bool) -> None:
        variant_id = self._variant_told(job_id, number)
        if not playing:
            self._window.audition.stop()
        elif variant_id is not None:
            self._show_clip_of(variant_id)
            self._window.play_variant(variant_id)

    def _show_clip_of(self, variant_id: int) -> None:
        assert self._window.project is not None
        self._window.inbox.choose(self._window.project.session.variant(variant_id).clip_id)

    def _controlled(self, command: Any) -> None:
        """A note or controller of the MIDI map."""
        name, value = command.action.value, command.value
        if name == "keep":
            self._window.request_panel.set_keep(value)
        elif name == "blend":
            self._window.request_panel.set_blend(value)
        elif name == "rate":
            self._rating_wanted = round(5 * value)
            self._rating.start()
        elif name == "generate":
            self._window.generate()
        elif name == "cancel":
            self._cancel(None)
        elif name in ("next", "previous"):
            self._window.timeline.step_lane(1 if name == "next" else -1)
        elif name == "audition-stop":
            self._window.audition.stop()
        elif name == "audition-play":
            if not self._window.player.is_playing:
                self._window.audition.play_or_stop()
        else:
            self._window.hear_number(int(name.removeprefix("choose-")))
