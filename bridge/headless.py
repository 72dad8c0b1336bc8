"""Bridge and engine without a window, for a second machine or a pedalboard.

`Headless` does what DAWs and controllers ask for. It is told by two threads, the bridge's and the
queue's, and a lock of its own lets in one at a time.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from bridge.protocol import Value
from bridge.service import DawTransport, Generate, Peer
from jukebox_studio.clip import Clip
from jukebox_studio.errors import JukeboxError
from jukebox_studio.events import Finished, Note, Progress, VariantFinished
from jukebox_studio.job_queue import Job, JobEvent, JobQueue, QueueChanged
from jukebox_studio.operations import result_position
from jukebox_studio.request import (
    Continue,
    Operation,
    Relyric,
    Request,
    Restyle,
    Span,
    Vary,
    checked_keep,
)
from jukebox_studio.session import Session
from jukebox_studio.session_records import ENDED, Variant
from jukebox_studio.style import Part, Style, StylePoint, parse_blend

OperationName = Literal["continue", "restyle", "relyric", "vary"]
PROGRESS_STEP = 0.02
HIGHEST_RANDOM_SEED = 2**31

WATCHED = Peer("watched-folder", "Watched folder")
"""Whose clips those are that came as files. It hears nothing; results lie in the session."""

Tell = Callable[[str | None, str, Mapping[str, Value]], None]
"""As `Bridge.send`."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """What counts where a message leaves it open."""

    model: Path
    """The bundle's folder."""
    operation: OperationName = "continue"
    length_bars: float = 4.0
    variants: int = 3
    keep: float = 0.5
    styles: tuple[str, str] = ("", "")
    """Artists as `--artist` takes them; `blend` goes from the first to the second."""
    blend: float = 0.0
    on_clip: bool = False
    """Whether a clip is rendered as it arrives."""
    insert_first: bool = False
    """Whether the first variant of a finished render goes back to the DAW at once."""


@dataclass(frozen=True)
class _KnownClip:
    peer: Peer
    name: str
    """Between the two sides."""
    clip: Clip
    clip_id: int
    """In the session."""


@dataclass
class _Render:
    known: _KnownClip
    request: Request
    variants: dict[int, Variant] = field(default_factory=dict)
    told: float = -1.0
    """The progress that was told last."""


@dataclass(frozen=True)
class _Insert:
    known: _KnownClip
    variant_id: int
    path: Path
    position_samples: int


class Headless:
    """What the program does for messages (`bridge.service.Actions`), without a window.

    tell: `Bridge.send`; it is set once the bridge is there. now: with a time zone.
    """

    def __init__(
        self,
        session: Session,
        queue: JobQueue,
        settings: Settings,
        now: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    ) -> None:
        self.settings = settings
        self.tell: Tell = lambda sender, name, values: None
        self._session = session
        self._queue = queue
        self._now = now
        self._guard = threading.RLock()
        self._clips: dict[tuple[str, str], _KnownClip] = {}
        self._selected: _KnownClip | None = None
        self._renders: dict[str, _Render] = {}
        """By the queue's id, in their order."""
        self._inserts: dict[str, _Insert] = {}
        queue.observe(self._heard)

    @property
    def is_busy(self) -> bool:
        """Whether something is rendered, or waits for it."""
        return any(not queued.is_over for queued in self._queue.jobs)

    def came(self, clip: Clip) -> None:
        """A clip that nobody sent: a file in a watched folder."""
        self.clip(WATCHED, clip.path.name, clip)

    # What DAWs and controllers say ---------------------------------------------------------------

    def hello(self, peer: Peer) -> None:
        log.info("%s is here", _called(peer))

    def goodbye(self, peer: Peer) -> None:
        log.info("%s has gone", _called(peer))

    def lost(self, peer: Peer) -> None:
        log.info("%s was lost; what it asked for is still rendered", _called(peer))

    def clip(self, peer: Peer, name: str, clip: Clip) -> None:
        with self._guard:
            kept = self._session.add_clip(clip, when=self._now())
            known = _KnownClip(peer, name, clip, kept.id)
            self._clips[peer.sender, name] = self._selected = known
            log.info(
                "Clip %d from %s: %s, %.2f s of %s, at sample %s of track %r",
                kept.id,
                _called(peer),
                kept.name,
                clip.length_samples / clip.rate_hz,
                clip.path,
                clip.position_samples,
                clip.track_name,
            )
            if self.settings.on_clip:
                self._render(known, Generate(name, None, None, None, None))

    def select(self, peer: Peer, name: str) -> None:
        with self._guard:
            self._selected = self._clip_named(peer, name)

    def transport(self, peer: Peer, transport: DawTransport) -> None:
        log.debug("%s: %s", _called(peer), transport)

    def generate(self, peer: Peer, wish: Generate) -> None:
        with self._guard:
            known = self._selected if wish.clip is None else self._clip_named(peer, wish.clip)
            if known is None:
                raise JukeboxError("No clip is selected; send one first.")
            self._render(known, wish)

    def cancel(self, peer: Peer, job: str | None) -> None:
        with self._guard:
            self._queue.cancel(self._job(job))

    def choose(self, peer: Peer, job: str | None, variant: int) -> None:
        """The chosen variant goes to the DAW that its clip came from."""
        with self._guard:
            render = self._renders[self._job(job)]
            self._insert(render, variant - 1)

    def rate(self, peer: Peer, job: str | None, variant: int, stars: int) -> None:
        with self._guard:
            rated = self._variant(self._renders[self._job(job)], variant - 1)
            self._session.rate([rated.id], stars, when=self._now())

    def audition(self, peer: Peer, job: str | None, variant: int, playing: bool) -> None:
        raise JukeboxError(
            "Without a window nothing is played here; choose the variant, and hear it in the DAW."
        )

    def blend(self, peer: Peer, position: float) -> None:
        with self._guard:
            if not self.settings.styles[1]:
                raise JukeboxError("There is one style only; start the bridge with --artist-b too.")
            self.settings = replace(self.settings, blend=position)

    def keep(self, peer: Peer, amount: float) -> None:
        with self._guard:
            self.settings = replace(self.settings, keep=checked_keep(amount))

    def inserted(self, peer: Peer, insert: str, done: bool, sentence: str) -> None:
        with self._guard:
            placed = self._inserts.pop(insert, None)
            if placed is None:
                raise JukeboxError(f"There is no insertion {insert!r}, or it was answered already.")
            if not done:
                log.warning("%s did not insert %s: %s", _called(peer), placed.path, sentence)
                return
            clip = placed.known.clip
            self._session.record_placement(
                placed.variant_id,
                placed.path,
                "inserted",
                when=self._now(),
                daw=peer.daw,
                track=clip.track_name,
                position_samples=placed.position_samples,
                timeline_rate_hz=clip.timeline_rate_hz,
            )
            log.info("%s inserted %s", _called(peer), placed.path)

    # Rendering -----------------------------------------------------------------------------------

    def _render(self, known: _KnownClip, wish: Generate) -> None:
        request = self._request(known.clip, wish)
        name = request.operation.kind
        said = (
            f"{request.operation.length:g} bars" if isinstance(request.operation, Continue) else ""
        )
        job = self._session.add_job(
            request.to_json(),
            known.clip_id,
            when=self._now(),
            operation=name,
            styles=self.settings.styles[0],
            length_said=said,
            model=str(self.settings.model),
        )
        queue_id = str(job.id)
        self._renders[queue_id] = _Render(known, request)
        title = f"{known.clip.name or known.clip.path.name}: {name} {said}".strip()
        log.info(
            "Render %s: %s, %d variants, seed %d", queue_id, title, request.variants, request.seed
        )
        self._queue.add(
            Job(
                self.settings.model,
                job.request,
                job.results_folder,
                title=title,
                job_id=queue_id,
                folder=job.folder,
            )
        )

    def _request(self, clip: Clip, wish: Generate) -> Request:
        settings = self.settings
        whole = Span(0, clip.length_samples)
        bars = wish.length_bars or settings.length_bars
        made: dict[str, Callable[[], Operation]] = {
            "continue": lambda: Continue(bars),
            "restyle": lambda: Restyle(settings.keep),
            "relyric": lambda: Relyric(whole, settings.keep),
            "vary": lambda: Vary((whole,), settings.keep),
        }
        operation = made[wish.operation or settings.operation]()
        if isinstance(operation, Relyric) and not clip.lyrics:
            raise JukeboxError(
                "There are no new words for this clip; write them into the DAW's lyrics marker."
            )
        return Request(
            clip=clip,
            operation=operation,
            style=self._style(),
            lyrics=clip.lyrics or None,
            variants=wish.variants or settings.variants,
            seed=secrets.randbelow(HIGHEST_RANDOM_SEED) if wish.seed is None else wish.seed,
            date=self._now(),
        )

    def _style(self) -> Style:
        weights: dict[str, float] = {}
        blend = self.settings.blend if self.settings.styles[1] else 0.0
        for text, share in zip(self.settings.styles, (1 - blend, blend), strict=True):
            for part in parse_blend(text):
                weights[part.name] = weights.get(part.name, 0.0) + part.weight * share
        parts = tuple(Part(name, weight) for name, weight in weights.items() if weight)
        return Style((StylePoint(0.0, parts, ()),))

    # What the queue tells ------------------------------------------------------------------------

    def _heard(self, news: JobEvent | QueueChanged) -> None:
        with self._guard:
            if isinstance(news, QueueChanged):
                self._changed(news)
                return
            render = self._renders.get(news.job_id)
            if isinstance(news.event, VariantFinished):
                self._variant_came(news.job_id, render, news.event)
            elif isinstance(news.event, Note):
                log.info("Render %s: %s", news.job_id, news.event.text)
            elif isinstance(news.event, Progress) and render is not None:
                self._progressed(news.job_id, render, news.event)
            elif isinstance(news.event, Finished) and render is not None:
                self._finished(render)

    def _changed(self, news: QueueChanged) -> None:
        if news.fault:
            log.warning("%s", news.fault)
        for queued in news.state.jobs:
            job = self._session.job(int(queued.job_id))
            if job.state == queued.state or job.state in ENDED:
                continue
            if job.state == "queued" and queued.state == "finished":
                self._session.set_job_state(job.id, "running")
            self._session.set_job_state(job.id, queued.state, queued.sentence)
            log.info("Render %s is %s %s", queued.job_id, queued.state, queued.sentence)

    def _finished(self, render: _Render) -> None:
        if self.settings.insert_first and render.variants:
            try:
                self._insert(render, min(render.variants))
            except JukeboxError as error:
                log.warning("%s", error)

    def _variant_came(self, job_id: str, render: _Render | None, event: VariantFinished) -> None:
        job = self._session.job(int(job_id))
        variant = self._session.record_variant(
            job.id,
            event.variant,
            seed=int(job.request.get("seed", 0)),
            state="preview" if event.level else "full",
            audio_path=event.audio_path,
            codes_path=event.codes_path,
            length_samples=event.length_samples,
            rate_hz=event.rate_hz,
            when=self._now(),
        )
        log.info("Render %s: variant %d lies in %s", job_id, event.variant + 1, event.audio_path)
        if render is None:
            return  # of an earlier start
        render.variants[event.variant] = variant
        self._tell(
            render.known.peer,
            "variant",
            {
                "job": job_id,
                "clip": render.known.name,
                "variant": event.variant + 1,
                "path": str(event.audio_path),
                "length_samples": event.length_samples,
                "rate_hz": event.rate_hz,
            },
        )

    def _progressed(self, job_id: str, render: _Render, event: Progress) -> None:
        # The levels come one after the other, from the top down; the lowest takes longest.
        done = event.done / max(1, event.total) / (1 + event.level)
        if abs(done - render.told) >= PROGRESS_STEP:
            render.told = done
            left = max(-1.0, event.seconds_left)
            values: dict[str, Value] = {"job": job_id, "done": done, "seconds_left": left}
            self._tell(render.known.peer, "progress", values)

    # Inserting -----------------------------------------------------------------------------------

    def _insert(self, render: _Render, number: int) -> None:
        known, variant = render.known, self._variant(render, number)
        clip = known.clip
        if clip.position_samples is None:
            raise JukeboxError(
                f"{variant.audio_path} was not inserted: its clip came without a place in a song."
            )
        path = self._session.export_variant(variant.id, when=self._now())
        position = result_position(clip, render.request.operation)
        name = f"insert-{variant.id}-{secrets.token_hex(4)}"
        self._inserts[name] = _Insert(known, variant.id, path, position)
        log.info("Insert %s at sample %d of track %r", path, position, clip.track_name)
        self._tell(
            known.peer,
            "insert",
            {
                "insert": name,
                "path": str(path),
                "position_samples": position,
                "timeline_rate_hz": clip.timeline_rate_hz,
                "track": clip.track_name,
                "name": path.stem,
            },
        )

    def _tell(self, peer: Peer, name: str, values: Mapping[str, Value]) -> None:
        if peer != WATCHED:
            self.tell(peer.sender, name, values)

    # Names ---------------------------------------------------------------------------------------

    def _clip_named(self, peer: Peer, name: str) -> _KnownClip:
        known = self._clips.get((peer.sender, name))
        if known is None:
            raise JukeboxError(f"{_called(peer)} has sent no clip {name!r}; send it again.")
        return known

    def _job(self, job: str | None) -> str:
        if not self._renders:
            raise JukeboxError("Nothing has been rendered yet.")
        if job is None:
            return next(reversed(self._renders))
        if job not in self._renders:
            raise JukeboxError(f"There is no render {job!r}.")
        return job

    @staticmethod
    def _variant(render: _Render, number: int) -> Variant:
        if number not in render.variants:
            have = ", ".join(str(n + 1) for n in sorted(render.variants)) or "none yet"
            raise JukeboxError(f"There is no variant {number + 1}; there are: {have}.")
        return render.variants[number]


def _called(peer: Peer) -> str:
    return f"{peer.daw} {peer.version}".strip() or peer.sender
