"""Listening: which lane is heard, from where, in a loop, in context, with the DAW or beside it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from jukebox_studio import audio
from jukebox_studio.audio import Samples
from jukebox_studio.tempo import SongTime
from ui.player import Player, PlayerSource
from ui.shared import SOURCE_LANE, Lane

if TYPE_CHECKING:
    from bridge.transport import TransportState

RELOAD_MILLISECONDS = 700
"""Previews grow together: what plays is told of them at most so often."""
KEEP_UP_SECONDS = 1.0
SAME_TEMPO = 0.005
"""Tempos that differ by less are the same: a MIDI clock is measured within 0.3 %."""
TONE_SECONDS, TONE_RATE_HZ, TONE_HZ = 1.5, 48_000, 440.0
_AROUND, _TONE = "around", "tone"


def tone() -> Samples:
    """A quiet tone [T], which comes and goes softly."""
    times = np.arange(round(TONE_SECONDS * TONE_RATE_HZ)) / TONE_RATE_HZ
    loud = 0.125 * np.minimum(1.0, 10 * np.minimum(times, TONE_SECONDS - times))
    return (loud * np.sin(2 * np.pi * TONE_HZ * times)).astype(np.float32)


class Audition(QObject):
    """Turns lanes into what the player plays. What is heard never jumps because lanes changed."""

    heard_changed = pyqtSignal(str)
    muted_changed = pyqtSignal(bool)
    """Silent because the DAW plays, or no more."""
    told = pyqtSignal(str)
    """A sentence about following the DAW."""

    def __init__(self, player: Player, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.player = player
        self.heard = SOURCE_LANE
        self._before = SOURCE_LANE
        """What was heard before that, for A/B."""
        self._before_tone_seconds: float | None = None
        """Where the playhead was while the tone takes the place of the lanes."""
        self._tone: tempfile.TemporaryDirectory[str] | None = None
        self._lanes: tuple[Lane, ...] = ()
        self._source_span: tuple[int, int] | None = None
        self._loaded: tuple[PlayerSource, ...] = ()
        self._in_context = True
        self._loops = False
        self._selection: tuple[float, float] | None = None
        self._pre_roll_seconds = 0.0
        self._song = SongTime.steady(120)
        self._is_placed = False
        self._is_muted = self._is_led = self._went_off = False
        self._jumps = 0
        self._kept_up_seconds = 0.0
        self._told_tempos: tuple[float, float] | None = None
        self._reload = QTimer(self)
        self._reload.setSingleShot(True)
        self._reload.timeout.connect(self._load)

    # What there is

    def set_lanes(self, lanes: Sequence[Lane], source_span: tuple[int, int] | None) -> None:
        """source_span: where in its file the clip lies, first sample and length; None: all."""
        other_clip = [lane.audio_path for lane in lanes[:1]] != [
            lane.audio_path for lane in self._lanes[:1]
        ]
        self._lanes, self._source_span = tuple(lanes), source_span
        ids = [lane.id for lane in lanes]
        if self.heard not in ids:
            self.hear(SOURCE_LANE)
        new = self._sources()
        if [s.id for s in new] == [s.id for s in self._loaded] and not other_clip:
            if new != self._loaded and not self._reload.isActive():
                self._reload.start(RELOAD_MILLISECONDS)
            return
        self._load()

    def set_song(self, song: SongTime, *, is_placed: bool) -> None:
        """is_placed: whether the clip came with a place on its DAW's timeline."""
        self._song, self._is_placed = song, is_placed

    def _sources(self) -> tuple[PlayerSource, ...]:
        return tuple(self._source_of(lane, lane.id) for lane in self._lanes)

    def _source_of(self, lane: Lane, id: str) -> PlayerSource:
        first, length = 0, None
        if lane.id == SOURCE_LANE and self._source_span is not None:
            first, length = self._source_span
        whole = lane.length_seconds if lane.known_seconds < lane.length_seconds else 0.0
        return PlayerSource(
            id, lane.audio_path, lane.start_seconds, lane.gain_db, first, length, whole
        )

    def _load(self) -> None:
        self._reload.stop()
        was_seconds, self._before_tone_seconds = self._before_tone_seconds, None
        if was_seconds is not None:
            self.player.stop()
        self._loaded = self._sources()
        self.player.load(list(self._loaded))
        if was_seconds is not None:
            self.player.switch(self.heard)
            self.player.seek(was_seconds)
        self._tell_context()

    def _tell_context(self) -> None:
        source = self._lanes[0] if self._lanes and self._lanes[0].id == SOURCE_LANE else None
        around = self._source_of(source, _AROUND) if source and self._in_context else None
        self.player.set_context(around, around)

    def play_tone(self) -> None:
        """To hear whether anything is heard; then there are the lanes again.

        Raises JukeboxError where it cannot be written.
        """
        if self._tone is None:
            self._tone = tempfile.TemporaryDirectory(prefix="jukebox-studio-tone-")
        path = Path(self._tone.name) / "tone.wav"
        if not path.exists():
            audio.write(path, tone(), TONE_RATE_HZ)
        self.player.stop()
        if self._before_tone_seconds is None:
            self._before_tone_seconds = self.player.position_seconds
        self.player.load([PlayerSource(_TONE, path, 0.0)])
        self.player.set_context(None, None)
        self.player.play(0.0)
        self._reload.start(round(1000 * TONE_SECONDS) + RELOAD_MILLISECONDS)

    # What is heard

    def hear(self, lane_id: str) -> None:
        """From the playhead on, without a gap."""
        if lane_id == self.heard:
            return
        self._before, self.heard = self.heard, lane_id
        self.player.switch(lane_id)
        self.heard_changed.emit(lane_id)

    def take_place(self, growing: str, finished: str) -> None:
        """A growing lane has become a variant."""
        self._before = finished if self._before == growing else self._before
        if self.heard == growing:
            self.heard = finished
            self.player.switch(finished)
            self.heard_changed.emit(finished)

    def swap(self) -> None:
        """What was heard before, and back."""
        if any(lane.id == self._before for lane in self._lanes):
            self.hear(self._before)

    # Playing

    def play_or_stop(self) -> None:
        if self.player.is_playing:
            self.stop()
        else:
            self.player.play(self._start())

    def stop(self) -> None:
        """By hand: a DAW that plays on does not start it again before it starts itself."""
        self._went_off = True
        self.player.stop()

    def _start(self) -> float | None:
        """Before the selection by the pre-roll, where the playhead is outside of it."""
        if self._selection is None:
            return None
        start, end = self._selection
        from_seconds = max(0.0, start - self._pre_roll_seconds)
        inside = from_seconds <= self.player.position_seconds < end - 0.01
        return None if inside else from_seconds

    def set_selection(self, selection: tuple[float, float] | None) -> None:
        self._selection = selection
        self._tell_loop()

    def set_pre_roll(self, seconds: float) -> None:
        self._pre_roll_seconds = seconds

    def set_loop(self, on: bool) -> None:
        """Over the selection, or else over the lane that is heard."""
        self._loops = on
        self._tell_loop()

    def _tell_loop(self) -> None:
        if not self._loops:
            self.player.set_loop(None)
        elif self._selection is not None:
            self.player.set_loop(*self._selection)
        else:
            lane = next((lane for lane in self._lanes if lane.id == self.heard), None)
            if lane is not None:
                end = lane.start_seconds + lane.length_seconds
                self.player.set_loop(lane.start_seconds, end)

    def set_in_context(self, on: bool) -> None:
        self._in_context = on
        self._tell_context()

    def set_matched(self, on: bool) -> None:
        self.player.set_matched(on)

    # With the DAW

    @property
    def is_muted(self) -> bool:
        """Because the DAW plays."""
        return self._is_muted

    def follow(self, state: TransportState, *, follows: bool, mutes: bool) -> None:
        """What the DAW's transport does to playing here; to be told of it some times a second.

        follows: start and stop with it. Where both know the place in the song, this plays what
        the DAW would at the same place, and goes along when it jumps; else it starts where its own
        playhead is, on the DAW's next bar. mutes: be silent while the DAW plays; not where it is
        followed, since one wants to hear that.
        """
        plays = state.playing and state.source in ("link", "midi", "osc")
        self._mute(plays and mutes and not follows)
        is_led = plays and follows and bool(self._lanes)
        began, ended = is_led and not self._is_led, self._is_led and not plays
        moved = state.jumps != self._jumps
        self._is_led, self._jumps = is_led, state.jumps
        if ended:
            self.player.stop()
        if began:
            self._went_off = False
            self._tell_of_tempo(state)
        if not is_led or self._went_off:
            return
        place = self._place_in(state)
        if place is None:
            if began:
                self._start_on_bar(state)
        elif began or moved or self._may_keep_up(state):
            self._kept_up_seconds = state.at_seconds
            self.player.play_at(state.at_seconds, place)

    def _mute(self, on: bool) -> None:
        if on != self._is_muted:
            self._is_muted = on
            self.player.set_muted(on)
            self.muted_changed.emit(on)

    def _place_in(self, state: TransportState) -> float | None:
        """Where the DAW is, in seconds on the timeline; None where one of the two has no place,
        and while a loop is played, which the DAW knows nothing of."""
        if state.source == "link" or not self._is_placed or self._loops or state.beat < 0:
            return None
        return float(self._song.tempo.seconds_at(Fraction(state.beat)))

    def _start_on_bar(self, state: TransportState) -> None:
        start = self._start()
        meter: Any = self._song.meters.points[0].meter
        self.player.play_on_bar(
            self.player.position_seconds if start is None else start,
            at_seconds=state.at_seconds,
            beat=state.beat,
            tempo_bpm=state.tempo_bpm,
            beats_per_bar=float(meter.quarters_per_bar),
        )

    def _may_keep_up(self, state: TransportState) -> bool:
        """Clocks drift, which is made good now and then; not where the tempos differ, since that
        would be heard as one jump after another."""
        return (
            state.at_seconds - self._kept_up_seconds >= KEEP_UP_SECONDS
            and self.player.is_playing
            and self._tempos_agree(state)
        )

    def _own_tempo_bpm(self, state: TransportState) -> float:
        from bridge.transport import tempo_at  # who has a state has loaded it

        is_placed = self._place_in(state) is not None
        return tempo_at(self._song, Fraction(state.beat if is_placed else 0))

    def _tempos_agree(self, state: TransportState) -> bool:
        return abs(self._own_tempo_bpm(state) / state.tempo_bpm - 1) < SAME_TEMPO

    def _tell_of_tempo(self, state: TransportState) -> None:
        tempos = round(state.tempo_bpm, 1), round(self._own_tempo_bpm(state), 1)
        if self._tempos_agree(state) or tempos == self._told_tempos:
            return
        self._told_tempos = tempos
        self.told.emit(
            self.tr(
                "The DAW plays at {daw} BPM and the clip is at {clip} BPM. What plays here is not"
                " stretched, so the two drift apart."
            ).format(daw=tempos[0], clip=tempos[1])
        )
