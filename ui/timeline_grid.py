"""Where bars and beats lie on a timeline that is drawn, and what a place snaps to. No Qt.

Seconds are floats here, since they are only drawn or pointed at. Each is a rounded exact one of
`SongTime`, kept once worked out, because fractions are slow at 60 frames a second.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import Final

from jukebox_studio.tempo import BarBeat, SongTime

_LEAST_BEAT_PX: Final = 12.0
_LEAST_BAR_PX: Final = 16.0
_MOST_KEPT: Final = 50_000
# Fractions of a beat closer than this to a line are on it: a float of seconds holds no more.
_ON_LINE: Final = Fraction(1, 10**6)


class Snap(Enum):
    """What a place that is pointed at goes to."""

    OFF = "off"
    BEAT = "beat"
    BAR = "bar"


@dataclass(frozen=True)
class GridLine:
    """A bar line or a beat."""

    seconds: float
    is_bar: bool
    place: BarBeat

    @property
    def label(self) -> str:
        """`5` for a bar, `5|2` for a beat in it."""
        return str(self.place.bar) if self.is_bar else str(self.place)


@dataclass(frozen=True)
class Change:
    """A tempo or meter that begins here, as text: `7/8`, `120`, or `120 to 90`."""

    seconds: float
    text: str


class Grid:
    """Bars and beats of a song in seconds. A beat here is a note of the meter: 7/8 has seven."""

    def __init__(self, song: SongTime) -> None:
        self.song = song
        self._seconds: dict[Fraction, float] = {}

    def lines(
        self, start_seconds: float, end_seconds: float, px_per_second: float
    ) -> Iterator[GridLine]:
        """The lines from start to end, as dense as can be told apart: beats, bars, or every 2^n."""
        if end_seconds <= start_seconds:
            return  # a repaint beside the lanes, of nothing but headers
        song = self.song
        first_bar = math.floor(self._bar_at(start_seconds))
        last_bar = math.ceil(self._bar_at(end_seconds))
        bar_px = (end_seconds - start_seconds) * px_per_second / max(1, last_bar - first_bar)
        step = 1
        while bar_px * step < _LEAST_BAR_PX:
            step *= 2
        for bar in range(first_bar // step * step, last_bar + 1, step):
            meter = song.meters.meter_at(bar)
            beat = song.meters.beat_of(bar)
            seconds = self._seconds_of(beat)
            yield GridLine(seconds, True, BarBeat(bar + 1, Fraction(1)))
            if step > 1:
                continue
            next_seconds = self._seconds_of(beat + meter.quarters_per_bar)
            if (next_seconds - seconds) * px_per_second / meter.beats < _LEAST_BEAT_PX:
                continue
            for note in range(1, meter.beats):
                place = BarBeat(bar + 1, Fraction(note + 1))
                at = self._seconds_of(beat + Fraction(4 * note, meter.unit))
                yield GridLine(at, False, place)

    def changes(self) -> list[Change]:
        """Every tempo and meter after the first ones, in order; one that changes both is one."""
        texts: dict[Fraction, list[str]] = {}
        for point in self.song.meters.points:
            beat = self.song.meters.beat_of(point.bar)
            texts.setdefault(beat, []).append(str(point.meter))
        for tempo in self.song.tempo.points:
            text = f"{float(tempo.tempo_bpm):.4g}"
            if tempo.end_tempo_bpm is not None and tempo.glides():
                text += f" → {float(tempo.end_tempo_bpm):.4g}"
            texts.setdefault(tempo.beat, []).append(text)
        return [
            Change(self._seconds_of(beat), "  ".join(texts[beat]))
            for beat in sorted(texts)
            if beat > 0
        ]

    def snapped(self, seconds: float, snap: Snap) -> float:
        """The nearest bar line or beat, or `seconds` itself; never before the timeline."""
        if snap is Snap.OFF:
            return max(0.0, seconds)
        below, above = self._neighbours(max(0.0, seconds), snap)
        low, high = self._seconds_of(below), self._seconds_of(above)
        return max(0.0, low if seconds - low < high - seconds else high)

    def stepped(self, seconds: float, steps: int, unit: Snap) -> float:
        """The line that lies `steps` beats or bars on (or back, below 0).

        Between two lines, the first step goes to the next one. Off steps by a tenth of a beat.
        """
        if unit is Snap.OFF:
            beat = self.song.tempo.beat_at(max(0.0, seconds)) + Fraction(steps, 10)
            return float(self.song.tempo.seconds_at(max(beat, Fraction(0))))
        for _ in range(abs(steps)):
            below, above = self._neighbours(max(0.0, seconds), unit)
            if steps > 0:
                beat = above
            else:
                here = self.song.tempo.beat_at(max(0.0, seconds))
                beat = below
                if here - below <= _ON_LINE:
                    beat, _ = self._neighbours_of_beat(below - 2 * _ON_LINE, unit)
            seconds = max(0.0, self._seconds_of(beat))
        return seconds

    def place(self, seconds: float) -> BarBeat:
        """Bar and beat of a second, to a hundredth of a beat."""
        place = self.song.bar_beat_at(self.song.tempo.beat_at(seconds))
        rounded = Fraction(round(place.beat * 100), 100)
        if rounded >= self.song.meters.meter_at(place.bar - 1).beats + 1:
            return BarBeat(place.bar + 1, Fraction(1))
        return BarBeat(place.bar, rounded)

    def bars_between(self, start_seconds: float, end_seconds: float) -> float:
        """Bars from one second to another, of whatever meters lie between."""
        return round(float(self._bar_at(end_seconds) - self._bar_at(start_seconds)), 3)

    def meter_and_tempo(self, seconds: float) -> tuple[str, float]:
        """What holds at a second: `7/8` and beats per minute."""
        beat = self.song.tempo.beat_at(seconds) + _ON_LINE
        meter = self.song.meters.meter_at(math.floor(self.song.meters.bar_at(beat)))
        # Over a hundredth of a beat, so that a glide shows where it has come to.
        span = self.song.tempo.seconds_at(beat + Fraction(1, 100)) - self.song.tempo.seconds_at(
            beat
        )
        return str(meter), float(Fraction(60, 100) / span)

    def _neighbours(self, seconds: float, unit: Snap) -> tuple[Fraction, Fraction]:
        return self._neighbours_of_beat(self.song.tempo.beat_at(seconds), unit)

    def _neighbours_of_beat(self, beat: Fraction, unit: Snap) -> tuple[Fraction, Fraction]:
        """The beats of the last line at or before `beat`, and of the first after it."""
        meters = self.song.meters
        bar = math.floor(meters.bar_at(beat + _ON_LINE))
        line, meter = meters.beat_of(bar), meters.meter_at(bar)
        if unit is Snap.BAR:
            return line, line + meter.quarters_per_bar
        note = Fraction(4, meter.unit)
        count = math.floor((beat + _ON_LINE - line) / note)
        return line + count * note, line + (count + 1) * note

    def _bar_at(self, seconds: float) -> Fraction:
        return self.song.meters.bar_at(self.song.tempo.beat_at(seconds))

    def _seconds_of(self, beat: Fraction) -> float:
        found = self._seconds.get(beat)
        if found is None:
            if len(self._seconds) > _MOST_KEPT:
                self._seconds.clear()
            found = self._seconds[beat] = float(self.song.tempo.seconds_at(beat))
        return found
