"""Bars, beats, seconds and samples, exactly. No torch, no audio."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from jukebox_studio.errors import JukeboxError

LOWEST_TEMPO_BPM, HIGHEST_TEMPO_BPM = 10.0, 1000.0


@dataclass(frozen=True)
class Meter:
    """A time signature. A beat of a tempo is a quarter note, as in DAWs and MIDI."""

    beats: int
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

    @property
    def quarters_per_bar(self) -> Fraction:
        return Fraction(4 * self.beats, self.unit)


def checked_tempo(tempo_bpm: float) -> float:
    """The tempo itself; JukeboxError where it is no tempo of music."""
    if not LOWEST_TEMPO_BPM <= tempo_bpm <= HIGHEST_TEMPO_BPM:  # NaN fails too
        raise JukeboxError(
            f"The tempo must be {LOWEST_TEMPO_BPM:g} to {HIGHEST_TEMPO_BPM:g} beats per minute, "
            f"not {tempo_bpm:g}."
        )
    return tempo_bpm


def bars_to_samples(bars: float, tempo_bpm: float, meter: Meter, rate_hz: int) -> int:
    """Samples under `bars` at a steady tempo, rounded once (to the nearest; halves to even)."""
    tempo = Fraction(checked_tempo(tempo_bpm))
    quarters = Fraction(bars) * meter.quarters_per_bar
    return round(quarters * 60 / tempo * rate_hz)
