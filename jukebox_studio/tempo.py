"""Bars, beats, seconds, samples and codes, exactly. No torch, no audio.

A beat is a quarter note, as in DAWs and MIDI. Beats, bars and seconds count from 0, the start of
the timeline, and are fractions, so that nothing drifts; before 0 the first tempo and meter go on.
Only samples and codes are whole numbers, and each is rounded once, counted from the start of the
timeline: spans that follow each other add up to the whole.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, PlainSerializer, TypeAdapter

from jukebox_studio.edges import checked
from jukebox_studio.errors import JukeboxError

LOWEST_TEMPO_BPM, HIGHEST_TEMPO_BPM = 10.0, 1000.0
MOST_CHANGES = 10_000
LAST_BEAT = 10_000_000
"""A week at the highest tempo: what lies beyond is a slip, and would only make numbers long."""

_HIGHEST_NUMBER = 10**15

# The time of a tempo change stays exact while its fraction is short. Hundreds of tempos that are
# arbitrary floats would make it as long as all of them together; then 2^-256 s is exact enough.
_LONGEST_DENOMINATOR_BITS = 256
# Glides need logarithms and roots, taken to this many digits: a sample is about 1e-5 s.
_GLIDE_DIGITS = 80
# Glides are inexact by far less than this: a beat taken from the start of a code is in that code.
_GLIDE_SLACK = Fraction(1, 10**40)
# Below this the digits would not tell a glide's tempos apart; over LAST_BEAT it is 1e-13 s.
_STEADY_BPM = Fraction(1, 10**20)

Number = Fraction | float
"""What callers may give for a time: an int, a fraction, or a float, taken at its exact value."""


def _from_json(value: object) -> Fraction:
    if isinstance(value, int | float | Fraction) and not isinstance(value, bool):
        return exact(value)
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,400}/[1-9][0-9]{0,399}", value):
        return exact(Fraction(value))
    raise ValueError("this is neither a number nor a fraction like 1/3")


def _to_json(value: Fraction) -> int | float | str:
    if value.denominator == 1:
        return value.numerator
    # A power of two, and few enough digits: such a fraction is a float to the last bit.
    return float(value) if Fraction(float(value)) == value else str(value)


Exact = Annotated[Fraction, BeforeValidator(_from_json), PlainSerializer(_to_json)]
"""A fraction that JSON holds without loss: as a number where it can, else as text like "1/3"."""

_STRICT = ConfigDict(extra="forbid")


def exact(value: Number) -> Fraction:
    """The number as a fraction; JukeboxError where it is not finite or out of all bounds."""
    if not -_HIGHEST_NUMBER < value < _HIGHEST_NUMBER:  # NaN fails too
        raise JukeboxError("A time or tempo must be a finite number below 10^15.")
    return Fraction(value)


def nearest(value: Fraction) -> int:
    """The nearest whole number, halves up.

    Not Python's `round`, whose halves go to the even number: with these, a span that starts on a
    whole sample is as long wherever it starts.
    """
    return math.floor(value + Fraction(1, 2))


@dataclass(frozen=True)
class Meter:
    """A time signature."""

    __pydantic_config__ = _STRICT

    beats: int
    """In notes of `unit`: 7 for 7/8."""
    unit: int

    def __post_init__(self) -> None:
        if not 1 <= self.beats <= 64:
            raise JukeboxError(f"A bar has 1 to 64 beats, not {self.beats}.")
        if self.unit not in (1, 2, 4, 8, 16, 32, 64):
            raise JukeboxError(
                f"A meter's note value is 1, 2, 4, 8, 16, 32 or 64, not {self.unit}."
            )

    @classmethod
    def parse(cls, text: str) -> Meter:
        """`7/8` -> Meter(7, 8). Raises JukeboxError for anything else."""
        beats, slash, unit = text.partition("/")
        try:
            if not slash:
                raise ValueError
            return cls(int(beats), int(unit))
        except ValueError:
            raise JukeboxError(f"The meter {text!r} is not one; write it as 4/4 or 7/8.") from None

    def __str__(self) -> str:
        return f"{self.beats}/{self.unit}"

    @property
    def quarters_per_bar(self) -> Fraction:
        return Fraction(4 * self.beats, self.unit)


def checked_tempo(tempo_bpm: Number) -> Number:
    """The tempo itself; JukeboxError where it is no tempo of music."""
    if not LOWEST_TEMPO_BPM <= tempo_bpm <= HIGHEST_TEMPO_BPM:  # NaN fails too
        raise JukeboxError(
            f"The tempo must be {LOWEST_TEMPO_BPM:g} to {HIGHEST_TEMPO_BPM:g} beats per minute, "
            f"not {float(tempo_bpm):g}."
        )
    return tempo_bpm


def bars_to_samples(bars: float, tempo_bpm: float, meter: Meter, rate_hz: int) -> int:
    """Samples under `bars` at a steady tempo, rounded once (to the nearest; halves up)."""
    tempo = Fraction(checked_tempo(tempo_bpm))
    quarters = exact(bars) * meter.quarters_per_bar
    return nearest(quarters * 60 / tempo * rate_hz)


# Tempo -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TempoPoint:
    """A tempo from a beat on, up to the next point."""

    __pydantic_config__ = _STRICT

    beat: Exact
    tempo_bpm: Exact
    end_tempo_bpm: Exact | None = None
    """Where the tempo has come to when the next point is reached; None where it stays."""
    glide: Literal["beats", "seconds"] = "beats"
    """A glide adds the same to the tempo with every beat (Ardour) or with every second (REAPER)."""

    def __post_init__(self) -> None:
        if not 0 <= self.beat <= LAST_BEAT:
            raise JukeboxError(
                f"A tempo must stand at beat 0 to {LAST_BEAT:,}, not {float(self.beat):g}."
            )
        checked_tempo(self.tempo_bpm)
        if self.end_tempo_bpm is not None:
            checked_tempo(self.end_tempo_bpm)

    def glides(self) -> bool:
        end = self.end_tempo_bpm
        return end is not None and abs(end - self.tempo_bpm) > _STEADY_BPM


@dataclass(frozen=True)
class TempoMap:
    """The tempos of a timeline: beats to seconds and back. The first point stands at beat 0."""

    __pydantic_config__ = _STRICT

    points: tuple[TempoPoint, ...]

    def __post_init__(self) -> None:
        _check_order("tempo", [p.beat for p in self.points], "beat")
        if self.points[-1].glides():
            raise JukeboxError(
                "The last tempo cannot glide, since no tempo comes after it; add one where it ends."
            )

    @classmethod
    def of(cls, *changes: tuple[Number, Number]) -> TempoMap:
        """From (beat, tempo in beats per minute) pairs: `TempoMap.of((0, 120), (16, 90.5))`."""
        return cls(tuple(TempoPoint(exact(beat), exact(tempo)) for beat, tempo in changes))

    @classmethod
    def through(cls, *anchors: tuple[Number, Number]) -> TempoMap:
        """The steady tempos that bring each beat to its second: for DAWs that tell only these.

        anchors: two or more (beat, seconds) pairs, the first of them (0, 0).
        """
        pairs = [(exact(beat), exact(seconds)) for beat, seconds in anchors]
        if len(pairs) < 2 or pairs[0] != (Fraction(0), Fraction(0)):
            raise JukeboxError("A tempo map through beats and seconds starts at 0 and has two.")
        points = []
        for (beat, seconds), (next_beat, next_seconds) in pairwise(pairs):
            if next_beat <= beat or next_seconds <= seconds:
                raise JukeboxError(
                    f"After beat {float(beat):g} at {float(seconds):g} s cannot come beat "
                    f"{float(next_beat):g} at {float(next_seconds):g} s: both must go up."
                )
            points.append(TempoPoint(beat, 60 * (next_beat - beat) / (next_seconds - seconds)))
        return cls(tuple(points))

    def seconds_at(self, beat: Number) -> Fraction:
        """The second at which a beat falls."""
        beat = exact(beat)
        index = max(0, bisect_right(self._beats, beat) - 1)
        return self._seconds[index] + self._seconds_into(index, beat - self._beats[index])

    def beat_at(self, seconds: Number) -> Fraction:
        """The beat that falls at a second."""
        seconds = exact(seconds)
        index = max(0, bisect_right(self._seconds, seconds) - 1)
        return self._beats[index] + self._beats_into(index, seconds - self._seconds[index])

    @cached_property
    def _beats(self) -> list[Fraction]:
        return [point.beat for point in self.points]

    @cached_property
    def _seconds(self) -> list[Fraction]:
        """Of each point."""
        seconds = [Fraction(0)]
        for index, (point, following) in enumerate(pairwise(self.points)):
            end = seconds[-1] + self._seconds_into(index, following.beat - point.beat)
            if end.denominator.bit_length() > _LONGEST_DENOMINATOR_BITS:
                unit = 1 << _LONGEST_DENOMINATOR_BITS
                end = Fraction(nearest(end * unit), unit)
            seconds.append(end)
        return seconds

    def _seconds_into(self, index: int, beats: Fraction) -> Fraction:
        point = self.points[index]
        if beats <= 0 or not point.glides():
            return beats * 60 / point.tempo_bpm
        return _glide(self, index)[0](beats)

    def _beats_into(self, index: int, seconds: Fraction) -> Fraction:
        point = self.points[index]
        if seconds <= 0 or not point.glides():
            return seconds * point.tempo_bpm / 60
        return _glide(self, index)[1](seconds)


_Curve = Callable[[Fraction], Fraction]


def _glide(tempo: TempoMap, index: int) -> tuple[_Curve, _Curve]:
    """Beats into a glide to seconds into it, and back.

    With v beats a second, v(b) = v0 + k b over beats gives t = ln(1 + k b / v0) / k, and
    v(t) = v0 + a t over time gives b = v0 t + a t^2 / 2.
    """
    point = tempo.points[index]
    assert point.end_tempo_bpm is not None
    beats_in_all = tempo.points[index + 1].beat - point.beat
    start, end = point.tempo_bpm / 60, point.end_tempo_bpm / 60

    if point.glide == "beats":
        k = (end - start) / beats_in_all
        return (
            lambda beats: _precisely(lambda x: (1 + x).ln(), k * beats / start) / k,
            lambda seconds: start * _precisely(lambda x: x.exp() - 1, k * seconds) / k,
        )
    a = (end**2 - start**2) / (2 * beats_in_all)
    return (
        lambda beats: 2 * beats / (start + _precisely(Decimal.sqrt, start**2 + 2 * a * beats)),
        lambda seconds: start * seconds + a * seconds**2 / 2,
    )


def _precisely(function: Callable[[Decimal], Decimal], value: Fraction) -> Fraction:
    with localcontext(prec=_GLIDE_DIGITS):
        return Fraction(function(Decimal(value.numerator) / Decimal(value.denominator)))


# Meter -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MeterPoint:
    """A meter from a bar on. Bars count from 0."""

    __pydantic_config__ = _STRICT

    bar: int
    meter: Meter

    def __post_init__(self) -> None:
        if not 0 <= self.bar <= LAST_BEAT:
            raise JukeboxError(f"A meter must stand at bar 0 to {LAST_BEAT:,}.")


@dataclass(frozen=True)
class MeterMap:
    """The meters of a timeline: bars to beats and back. The first point stands at bar 0.

    Bars are counted in fractions here: 2.5 is half-way through the third bar.
    """

    __pydantic_config__ = _STRICT

    points: tuple[MeterPoint, ...]

    def __post_init__(self) -> None:
        _check_order("meter", [p.bar for p in self.points], "bar")

    @classmethod
    def of(cls, *changes: tuple[int, str]) -> MeterMap:
        """From (bar, meter) pairs: `MeterMap.of((0, "4/4"), (8, "7/8"))`."""
        return cls(tuple(MeterPoint(bar, Meter.parse(meter)) for bar, meter in changes))

    @classmethod
    def at_beats(cls, changes: Iterable[tuple[Number, Meter]]) -> MeterMap:
        """From (beat, meter) pairs, for DAWs that place meters so.

        Raises JukeboxError where a change cuts a bar short.
        """
        points: list[MeterPoint] = []
        for number, meter in changes:
            beat = exact(number)
            if not 0 <= beat <= LAST_BEAT:
                raise JukeboxError(
                    f"A meter must stand at beat 0 to {LAST_BEAT:,}, not {float(beat):g}."
                )
            bar = cls(tuple(points)).bar_at(beat) if points else beat
            if bar.denominator != 1:
                raise JukeboxError(
                    f"The meter {meter} at beat {float(beat):g} is not on a bar line; "
                    f"bar {math.floor(bar) + 1} would be cut short. Move the change to a bar line."
                )
            points.append(MeterPoint(bar.numerator, meter))
        return cls(tuple(points))

    def meter_at(self, bar: Number) -> Meter:
        return self.points[self._index(exact(bar))].meter

    def beat_of(self, bar: Number) -> Fraction:
        """The beat at which a bar, or a fraction of one, falls."""
        bar = exact(bar)
        index = self._index(bar)
        point = self.points[index]
        return self._beats[index] + (bar - point.bar) * point.meter.quarters_per_bar

    def bar_at(self, beat: Number) -> Fraction:
        """The bar at a beat, with the fraction of it that has gone by."""
        beat = exact(beat)
        index = max(0, bisect_right(self._beats, beat) - 1)
        point = self.points[index]
        return point.bar + (beat - self._beats[index]) / point.meter.quarters_per_bar

    def next_bar_line(self, beat: Number) -> Fraction:
        """The beat of the first bar line at or after a beat."""
        return self.beat_of(math.ceil(self.bar_at(beat)))

    def _index(self, bar: Fraction) -> int:
        return max(0, bisect_right(self._bars, bar) - 1)

    @cached_property
    def _bars(self) -> list[Fraction]:
        return [Fraction(point.bar) for point in self.points]

    @cached_property
    def _beats(self) -> list[Fraction]:
        """Of each point."""
        beats = [Fraction(0)]
        for point, following in pairwise(self.points):
            beats.append(beats[-1] + (following.bar - point.bar) * point.meter.quarters_per_bar)
        return beats


def _check_order(what: str, places: Sequence[Number], unit: str) -> None:
    """Raises JukeboxError where the places of changes do not start at 0 and go up."""
    if not places:
        raise JukeboxError(f"There is no {what}; give at least one, at {unit} 0.")
    if len(places) > MOST_CHANGES:
        raise JukeboxError(f"{len(places):,} changes of {what} are more than {MOST_CHANGES:,}.")
    if places[0] != 0:
        raise JukeboxError(
            f"The first {what} must stand at {unit} 0, not at {float(places[0]):g}, "
            "since nothing says what goes before it."
        )
    for before, after in pairwise(places):
        if after <= before:
            raise JukeboxError(
                f"The {what} at {unit} {float(after):g} comes after the one at {unit} "
                f"{float(before):g}; put them in order, one at a place."
            )


# Both --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BarBeat:
    """A place as DAWs show it: bar and beat from 1, beats in the meter's notes (7/8 has seven)."""

    bar: int
    beat: Fraction

    def __str__(self) -> str:
        return f"{self.bar}|{float(self.beat):.6g}"


@dataclass(frozen=True)
class SongTime:
    """The time of a song: its tempos and its meters."""

    __pydantic_config__ = _STRICT

    tempo: TempoMap
    meters: MeterMap

    @classmethod
    def steady(cls, tempo_bpm: Number, meter: str = "4/4") -> SongTime:
        return cls(TempoMap.of((0, tempo_bpm)), MeterMap.of((0, meter)))

    @classmethod
    def from_json(cls, data: object) -> SongTime:
        """What `to_json` gave; JukeboxError where it is something else."""
        return checked(_SONG_TIME, data, "The tempo and meter of the song cannot be read")

    def to_json(self) -> dict[str, Any]:
        """JSON that holds every fraction without loss."""
        data: dict[str, Any] = _SONG_TIME.dump_python(self, mode="json")
        return data

    def sample_at(self, beat: Number, rate_hz: int) -> int:
        """The sample nearest to a beat (halves up), counted from the start of the timeline."""
        return nearest(self.tempo.seconds_at(beat) * _checked_rate(rate_hz))

    def beat_at_sample(self, sample: int, rate_hz: int) -> Fraction:
        """The beat that falls on a sample."""
        return self.tempo.beat_at(Fraction(sample, _checked_rate(rate_hz)))

    def code_at(self, beat: Number, rate_hz: int, hop_samples: int) -> int:
        """The code in which a beat falls, where codes of `hop_samples` start at sample 0."""
        codes = self.tempo.seconds_at(beat) * _checked_rate(rate_hz) / hop_samples
        return math.floor(codes + _GLIDE_SLACK)

    def beat_at_code(self, code: int, rate_hz: int, hop_samples: int) -> Fraction:
        """The beat at which a code begins."""
        return self.beat_at_sample(code * hop_samples, rate_hz)

    def bar_line_from(self, sample: int, rate_hz: int, slack_samples: int = 1) -> Fraction:
        """The beat of the first bar line at or after a sample.

        A clip that was cut on a bar line ends on the sample next to it, by the rounding of its
        DAW: a line at most `slack_samples` before `sample` still counts.
        """
        return self.meters.next_bar_line(self.beat_at_sample(sample - slack_samples, rate_hz))

    def end_of_span(self, start_beat: Number, length_bars: Number) -> Fraction:
        """The beat at which `length_bars` after a beat have gone by.

        Where the meter changes inside the span, each bar counts by its own length: half a bar
        before the end of a 4/4 bar plus one bar ends half-way through the bar after it.
        """
        length = exact(length_bars)
        if length < 0:
            raise JukeboxError(f"A span cannot be {float(length):g} bars long.")
        return self.meters.beat_of(self.meters.bar_at(start_beat) + length)

    def samples_of_span(self, start_beat: Number, length_bars: Number, rate_hz: int) -> int:
        """Samples from a beat over `length_bars`, through every change of tempo and meter.

        Both ends are rounded from the start of the timeline, so spans that follow each other add
        up. From a beat on a whole sample, a steady tempo gives what `bars_to_samples` does.
        """
        end = self.end_of_span(start_beat, length_bars)
        return self.sample_at(end, rate_hz) - self.sample_at(start_beat, rate_hz)

    def bar_beat_at(self, beat: Number) -> BarBeat:
        beat = exact(beat)
        bar = math.floor(self.meters.bar_at(beat))
        notes = (beat - self.meters.beat_of(bar)) * self.meters.meter_at(bar).unit / 4
        return BarBeat(bar + 1, notes + 1)

    def beat_at_bar_beat(self, place: BarBeat) -> Fraction:
        """The beat of a place; JukeboxError where its bar has no such beat."""
        meter = self.meters.meter_at(place.bar - 1)
        if not 1 <= place.beat < meter.beats + 1:
            raise JukeboxError(
                f"Bar {place.bar} is in {meter}, so it has no beat {float(place.beat):g}."
            )
        return self.meters.beat_of(place.bar - 1) + (place.beat - 1) * 4 / meter.unit


_SONG_TIME = TypeAdapter(SongTime)


def _checked_rate(rate_hz: int) -> int:
    if rate_hz < 1:
        raise JukeboxError(f"There are no {rate_hz} samples in a second; give a rate above 0.")
    return rate_hz
