"""Tempo and place out of MIDI clock: 24 ticks a quarter note, Song Position Pointer, start, stop.

After "MIDI 1.0 Detailed Specification", System Real Time and System Common messages: the first
tick after Start or Continue is the place itself, and a Song Position counts sixteenths (6 ticks).
Pure: no ports and no clock, the caller says when each message came.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from fractions import Fraction

from bridge.timeline import Reading
from jukebox_studio.tempo import HIGHEST_TEMPO_BPM, LOWEST_TEMPO_BPM

TICKS_PER_BEAT = 24
TICKS_PER_POSITION = 6

# A clock that comes through JACK is late by up to one of its periods (2,048 samples at 44.1 kHz are
# 46 ms), which at 120 bpm is more than two ticks. A line through four seconds of ticks averages
# that out to some tenths of a per cent.
SPAN_SECONDS = 4.0
LARGEST_JITTER_SECONDS = 0.05
# This many ticks in a row away from the line by more than jitter are another tempo.
TICKS_OFF_FOR_A_STEP = 3
# Jitter would make nonsense of the tempo of a shorter line.
SHORTEST_SPAN_SECONDS = 0.5
FEWEST_TICKS = 4

TIMEOUT_SECONDS = 1.0
# How long the beat runs on when ticks are missing; at 10 bpm they are 0.25 s apart.
FLYWHEEL_SECONDS = 0.3

# More than the fastest tempo has, held up for a moment and then sent at once: no clock.
_MOST_TICKS_PER_SECOND = 1.1 * HIGHEST_TEMPO_BPM / 60 * TICKS_PER_BEAT
_MOST_TICKS_AT_ONCE = 64.0


@dataclass(frozen=True)
class SongPositionQuirk:
    """A DAW whose Song Position Pointer counts in another unit than sixteenths."""

    daw: str
    """As it names itself, in small letters."""
    versions: str
    """A regular expression for the whole version."""
    times_too_large: int


SONG_POSITION_QUIRKS = (
    # Measured with Ardour 7.3.0 of Debian 12 against jack_midi_clock: it sends beats * 24.
    SongPositionQuirk("ardour", r"7\.3(\D.*)?", 6),
)


def song_position_is_times_too_large(daw: str, version: str) -> int:
    """By how much this DAW's Song Position Pointer must be divided; 1 for a correct one."""
    for quirk in SONG_POSITION_QUIRKS:
        if daw.strip().lower() == quirk.daw and re.fullmatch(quirk.versions, version.strip()):
            return quirk.times_too_large
    return 1


class MidiClock:
    """One clock that is listened to. Times are seconds of any clock that goes forward."""

    def __init__(self) -> None:
        self.ignored_ticks = 0
        """Ticks that came faster than any tempo."""
        self._times_too_large = 1
        self._allowance = _MOST_TICKS_AT_ONCE
        self._jumps = 0
        self._place = Fraction(0)  # in ticks; of the last tick while it plays
        self._playing = False
        self._waiting = False  # for the first tick after Start or Continue
        self._forget_ticks()

    def _forget_ticks(self) -> None:
        self._times: deque[float] = deque()  # of the last ticks, without gaps
        self._off: list[float] = []  # of those after them that do not fit
        self._last_seconds: float | None = None
        self._line: tuple[float, float] | None = None
        self._tick_seconds: float | None = None
        self._late_seconds = 0.0  # how much later the last tick came than the line has it

    def sent_by(self, daw: str, version: str) -> None:
        """What the DAW says of itself in its hello, to read its Song Position Pointer right."""
        self._times_too_large = song_position_is_times_too_large(daw, version)

    def tick(self, at_seconds: float) -> None:
        """A timing clock message."""
        last = self._last_seconds
        at = at_seconds if last is None else max(at_seconds, last)
        if last is not None:
            self._allowance += (at - last) * _MOST_TICKS_PER_SECOND
            self._allowance = min(self._allowance, _MOST_TICKS_AT_ONCE)
            if at - last > TIMEOUT_SECONDS:
                self._times.clear()
                self._off.clear()
                self._line = None
        self._last_seconds = at
        if self._allowance < 1:
            self.ignored_ticks += 1
            return
        self._allowance -= 1
        if self._waiting:
            self._waiting = False
        elif self._playing:
            self._place += 1
        self._fit(at)

    def start(self) -> None:
        """From the start of the song, with the next tick."""
        self._move_to(Fraction(0))
        self._playing = self._waiting = True

    def continue_(self) -> None:
        """From where the song is, with the next tick."""
        if not self._playing:
            self._playing = self._waiting = True

    def stop(self) -> None:
        self._playing = self._waiting = False

    def song_position(self, sixteenths: int) -> None:
        """A Song Position Pointer, as it came; the quirk of the DAW is corrected here."""
        self._move_to(Fraction(sixteenths * TICKS_PER_POSITION, self._times_too_large))
        self._waiting = self._playing

    def gone(self) -> None:
        """The port is away: what was told about playing is no longer so."""
        self.stop()
        self._forget_ticks()

    def reading(self, now_seconds: float) -> Reading | None:
        """Where the song is now; None before there is a tempo, and when the clock has ceased.

        A clock that ceases after Stop is not lost: many DAWs are silent while they stand.
        """
        if self._tick_seconds is None or self._last_seconds is None:
            return None
        silent = max(0.0, now_seconds - self._last_seconds)
        if self._playing and silent > TIMEOUT_SECONDS:
            return None
        place = float(self._place)
        moving = self._playing and not self._waiting
        if moving:
            ahead = min(silent, max(FLYWHEEL_SECONDS, 2 * self._tick_seconds))
            place += (ahead + self._late_seconds) / self._tick_seconds
        return Reading(
            tempo_bpm=60 / (self._tick_seconds * TICKS_PER_BEAT),
            beat=place / TICKS_PER_BEAT,
            playing=self._playing,
            moving=moving,
            jumps=self._jumps,
        )

    def _move_to(self, place: Fraction) -> None:
        # Told even where the place is the same: what runs on from it starts anew.
        self._place = place
        self._jumps += 1

    def _fit(self, at: float) -> None:
        """Take a tick into the line, or begin another where ticks no longer fit."""
        self._late_seconds = 0.0
        if self._line is not None:
            tick_seconds, end = self._line
            expected = end + (len(self._off) + 1) * tick_seconds
            # Ticks of a very slow clock are far apart, and so is what a small change does to them.
            if abs(at - expected) > max(LARGEST_JITTER_SECONDS, tick_seconds / 4):
                self._off.append(at)
                if len(self._off) < TICKS_OFF_FOR_A_STEP:
                    return
                self._times.clear()
                at = self._off.pop()
        # Those that were off before were single late ones, or they begin the new line.
        self._times.extend([*self._off, at])
        self._off.clear()
        while self._times[-1] - self._times[0] > SPAN_SECONDS and len(self._times) > FEWEST_TICKS:
            self._times.popleft()
        self._line = _line_through(self._times)
        if self._line is not None:
            self._tick_seconds, end = self._line
            self._late_seconds = at - end


def _line_through(times: deque[float]) -> tuple[float, float] | None:
    """The least-squares line through ticks: (seconds per tick, time of the last one).

    None where they are too few, or of no tempo.
    """
    count, first = len(times), times[0]
    if count < FEWEST_TICKS or times[-1] - first < SHORTEST_SPAN_SECONDS:
        return None
    middle = (count - 1) / 2
    mean = sum(t - first for t in times) / count
    slope = sum((k - middle) * (t - first) for k, t in enumerate(times))
    slope /= count * (count * count - 1) / 12
    if not LOWEST_TEMPO_BPM <= 60 / (slope * TICKS_PER_BEAT) <= HIGHEST_TEMPO_BPM:
        return None
    return slope, first + mean + slope * middle
