"""One tempo, beat and playing state out of Ableton Link, MIDI clock, OSC and the clip itself.

Pure: no sockets and no threads; the caller tells what came in and says what time it is, in seconds
of any clock that goes forward (`time.monotonic()`).

The sources have an order, and the first that is alive is followed. Each has its own way to die:
Link when the last peer leaves, MIDI clock when ticks cease, OSC when nothing was told for a while.
The beat that comes out never runs backward, except where `TransportState.jumps` goes up: small
differences are made up for by running a little faster or slower.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from bridge.midi_clock import MidiClock
from bridge.timeline import Reading
from jukebox_studio.tempo import BarBeat, Number, SongTime, checked_tempo

Source = Literal["link", "midi", "osc", "clip"]

PRIORITIES: tuple[Source, ...] = ("link", "midi", "osc", "clip")
NAMES: dict[Source, str] = {
    "link": "Ableton Link",
    "midi": "MIDI clock",
    "osc": "the DAW's messages",
    "clip": "the clip",
}

LINK_TIMEOUT_SECONDS = 2.0
OSC_TIMEOUT_SECONDS = 10.0

# A difference larger than this is a jump; a smaller one is made up for, most of it in this time.
JUMP_BEATS = 0.5
CATCH_UP_SECONDS = 0.2
# Only for what is shown and asked for; the beat follows the tempo of the source at once.
TEMPO_SMOOTHING_SECONDS = 0.2

_SAME_BEATS = 1e-6
# Two clocks that are read one after the other differ by less, and nobody hears it.
_ON_COURSE_BEATS = 1e-3
_SAME_TEMPO = 1e-3
_SLOPE_SECONDS = Fraction(1, 1000)


@dataclass(frozen=True)
class TransportState:
    """What the window shows and the player follows."""

    source: Source | None
    """None where nothing tells the time: the last tempo and beat stay."""
    tempo_bpm: float
    beat: float
    """In quarter notes from the start of the timeline; Link's has no start, only its phase."""
    at_seconds: float
    """When it is that beat, by time.monotonic(): whoever hears of it later knows how much later."""
    playing: bool
    jumps: int
    """Goes up where the beat leaps; between two states with the same number it never goes back."""
    lost: Source | None = None
    """The source that fell silent and has not been heard of since."""

    def place_in(self, song: SongTime) -> BarBeat:
        """The bar and beat, by the meters of a song."""
        return song.bar_beat_at(self.beat)

    def sentence(self) -> str:
        """For the status bar."""
        tempo = f"{self.tempo_bpm:.1f} BPM"
        if self.source is None:
            text = f"{tempo}, followed from nowhere."
        else:
            doing = "playing" if self.playing else "stopped"
            text = f"{tempo} from {NAMES[self.source]}, {doing}."
        if self.lost is not None:
            name = NAMES[self.lost]
            text += f" {name[0].upper()}{name[1:]} fell silent."
        return text


def tempo_at(song: SongTime, beat: Number) -> float:
    """Quarter notes per minute at a beat, in a glide too: what the next millisecond makes."""
    later = song.tempo.beat_at(song.tempo.seconds_at(beat) + _SLOPE_SECONDS)
    return float(60 * (later - Fraction(beat)) / _SLOPE_SECONDS)


class LinkTimeline:
    """What `bridge.link` hears of the Link session."""

    def __init__(self) -> None:
        self._told_seconds = -math.inf
        self._peers = 0
        self._tempo_bpm = self._beat = 0.0
        self._playing = False

    def tell(
        self, now_seconds: float, *, tempo_bpm: float, beat: float, playing: bool, peers: int
    ) -> None:
        self._told_seconds = now_seconds
        self._tempo_bpm, self._beat = tempo_bpm, beat
        self._playing, self._peers = playing, peers

    def reading(self, now_seconds: float) -> Reading | None:
        """None without peers, and where nobody has asked Link for some time."""
        silent = now_seconds - self._told_seconds
        if self._peers < 1 or silent > LINK_TIMEOUT_SECONDS:
            return None
        beat = self._beat + silent * self._tempo_bpm / 60
        return Reading(self._tempo_bpm, beat, self._playing, moving=True, jumps=0)


class Playhead:
    """A place in a song that was told once and goes on by the song's own tempos."""

    def __init__(self, timeout_seconds: float = math.inf) -> None:
        self._timeout_seconds = timeout_seconds
        self._song: SongTime | None = None
        self._told_seconds = 0.0
        self._start_seconds = Fraction(0)
        self._playing = False

    def tell(self, now_seconds: float, song: SongTime, beat: Number, playing: bool) -> None:
        """Raises JukeboxError where the beat is no finite number."""
        self._song = song
        self._told_seconds = now_seconds
        self._start_seconds = song.tempo.seconds_at(beat)
        self._playing = playing

    def forget(self) -> None:
        """The DAW said goodbye, or the clip was closed."""
        self._song = None

    def reading(self, now_seconds: float) -> Reading | None:
        """None where nothing was told, or too long ago."""
        gone_by = max(0.0, now_seconds - self._told_seconds)
        if self._song is None or gone_by > self._timeout_seconds:
            return None
        tempo = self._song.tempo
        seconds = self._start_seconds + (Fraction(gone_by) if self._playing else 0)
        beat = tempo.beat_at(seconds)
        tempo_bpm = tempo_at(self._song, beat)
        return Reading(tempo_bpm, float(beat), self._playing, self._playing, jumps=0)


class Transport:
    """Follows the first source in `priorities` that is alive.

    `link`, `midi`, `osc` and `clip` take what comes in; `state` gives what goes out. Not
    thread-safe: one thread tells and asks.
    """

    def __init__(self, priorities: tuple[Source, ...] = PRIORITIES) -> None:
        self.link = LinkTimeline()
        self.midi = MidiClock()
        self.osc = Playhead(OSC_TIMEOUT_SECONDS)
        self.clip = Playhead()
        self.priorities = priorities
        self._now_seconds: float | None = None
        self._source_jumps = 0
        self._state = TransportState(None, 120.0, 0.0, 0.0, playing=False, jumps=0)

    def osc_transport(
        self,
        now_seconds: float,
        *,
        playing: bool,
        position_samples: int,
        timeline_rate_hz: int,
        tempo_bpm: float,
        song: SongTime | None = None,
    ) -> None:
        """A transport message: the DAW plays, or stands, at a sample of its timeline.

        song: the tempo map that came with a clip of this DAW, where there is one. It is not
        believed where it has another tempo at that place: the DAW's song has been changed since.
        The DAW tells at least every OSC_TIMEOUT_SECONDS, else it counts as lost.
        Raises JukeboxError where rate or tempo cannot be.
        """
        steady = SongTime.steady(checked_tempo(tempo_bpm))
        if song is not None:
            beat = song.beat_at_sample(position_samples, timeline_rate_hz)
            if abs(tempo_at(song, beat) / tempo_bpm - 1) < _SAME_TEMPO:
                self.osc.tell(now_seconds, song, beat, playing)
                return
        beat = steady.beat_at_sample(position_samples, timeline_rate_hz)
        self.osc.tell(now_seconds, steady, beat, playing)

    def state(self, now_seconds: float) -> TransportState:
        """The time now. Ask as often as you like; times that go back count as no time."""
        before = self._state
        now = now_seconds if self._now_seconds is None else max(now_seconds, self._now_seconds)
        gone_by = 0.0 if self._now_seconds is None else now - self._now_seconds
        self._now_seconds = now

        source, reading = self._followed(now)
        if source is None or reading is None:
            lost = before.source if before.source is not None else before.lost
            self._state = TransportState(
                None, before.tempo_bpm, before.beat, now, False, before.jumps, lost
            )
            return self._state

        changed = source != before.source
        beat, jumped = self._beat(reading, gone_by, changed)
        self._source_jumps = reading.jumps
        self._state = TransportState(
            source=source,
            tempo_bpm=reading.tempo_bpm if changed else self._tempo(reading, gone_by),
            beat=beat,
            at_seconds=now,
            playing=reading.playing,
            jumps=before.jumps + jumped,
            lost=self._lost(source, changed),
        )
        return self._state

    def _followed(self, now: float) -> tuple[Source | None, Reading | None]:
        sources: dict[Source, LinkTimeline | MidiClock | Playhead] = {
            "link": self.link,
            "midi": self.midi,
            "osc": self.osc,
            "clip": self.clip,
        }
        for name in self.priorities:
            reading = sources[name].reading(now)
            if reading is not None:
                return name, reading
        return None, None

    def _lost(self, source: Source, changed: bool) -> Source | None:
        """A source that was followed and is not, while one behind it is."""
        before = self._state.lost
        if changed and self._state.source is not None:
            before = self._state.source
        if before is None or before not in self.priorities:
            return None
        behind = self.priorities.index(source) > self.priorities.index(before)
        return before if behind else None

    def _beat(self, reading: Reading, gone_by: float, changed: bool) -> tuple[float, bool]:
        """The next beat, and whether it is a jump."""
        beat = self._state.beat
        if not reading.moving:
            # Nothing runs that could catch up.
            return reading.beat, abs(reading.beat - beat) > _SAME_BEATS or reading.beat < beat
        ahead = reading.tempo_bpm / 60 * gone_by
        difference = reading.beat - (beat + ahead)
        told = not changed and reading.jumps != self._source_jumps
        # What was followed by nobody, or stood, has nothing that could be heard to leap: a start
        # has to be on the beat at once, not a fifth of a second later.
        begins = self._state.source is None or (reading.playing and not self._state.playing)
        if told or begins or abs(difference) > JUMP_BEATS:
            is_on_course = begins and not told and abs(difference) < _ON_COURSE_BEATS
            leaps = abs(reading.beat - beat) > _SAME_BEATS and not is_on_course
            return reading.beat, leaps or reading.beat < beat
        caught_up = difference * -math.expm1(-gone_by / CATCH_UP_SECONDS)
        return beat + max(0.0, ahead + caught_up), False

    def _tempo(self, reading: Reading, gone_by: float) -> float:
        """The tempo on its way to that of the source."""
        shown = self._state.tempo_bpm
        step = (reading.tempo_bpm - shown) * -math.expm1(-gone_by / TEMPO_SMOOTHING_SECONDS)
        near = abs(reading.tempo_bpm - shown - step) < 1e-6 * reading.tempo_bpm
        return reading.tempo_bpm if near else shown + step
