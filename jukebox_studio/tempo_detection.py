"""The tempo of a clip that comes with none, and how much to believe it. No torch.

aubio's beat tracker (Davies and Plumbley, "Context-Dependent Beat Tracking of Musical Audio", IEEE
TASLP 2007) listens to several stretches of the clip with several ways to find onsets. Each has a
vote; what most agree on is the tempo. How many of all do, and heard a beat, is the confidence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from jukebox_studio import audio
from jukebox_studio.audio import Samples

_RATE_HZ = 44_100
_WINDOW_SAMPLES, _HOP_SAMPLES = 1024, 512
_ONSETS = ("specflux", "complex", "hfc")

SHORTEST_SECONDS = 2.0
STRETCH_SECONDS = 12.0
"""The tracker needs some seconds before it knows anything; a shorter clip is repeated so long."""
MOST_STRETCHES = 6

LOWEST_BPM, HIGHEST_BPM = 40.0, 240.0
"""Of alternatives; the tracker has limits of its own."""
SAME_TEMPO = 0.02
_FEWEST_BEATS = 8
_BEATS_APART_SECONDS = 0.01  # from their line: more where the tracker changed its mind
# aubio says 0.1 where nothing comes back in time, noise for one, and then names some 120 bpm.
_HEARD = 0.108
_VOTE_OF_THE_DEAF = 0.1
_QUIETEST = 1e-4  # -80 dB under full scale: nothing to hear


@dataclass(frozen=True)
class TempoGuess:
    """A tempo that was heard, not told: the musician has the last word."""

    tempo_bpm: float
    confidence: float
    """0 to 1: the part of the votes that heard this tempo. Below 0.5 it is little but a guess."""
    alternatives: tuple[float, ...]
    """Other tempos it may be, the likeliest first: what else got votes, the half and the double."""

    def sentence(self) -> str:
        sure = "sure" if self.confidence > 0.8 else "fairly sure" if self.confidence > 0.5 else ""
        others = " or ".join(f"{tempo:.1f}" for tempo in self.alternatives)
        return (
            f"Sounds like {self.tempo_bpm:.1f} BPM ({sure or 'not sure'}, "
            f"{self.confidence:.0%}); it may be {others}."
        )


def detect_tempo(samples: Samples, rate_hz: int) -> TempoGuess | None:
    """The tempo of sound [T] or [T, C]; None where it is too short, too quiet or has no beat.

    Takes about a tenth of a second for each minute that is listened to, at most MOST_STRETCHES
    stretches of the clip.
    """
    mono = audio.to_mono(samples) if samples.ndim == 2 else samples
    if len(mono) < SHORTEST_SECONDS * rate_hz or float(np.abs(mono).max()) < _QUIETEST:
        return None
    votes = np.array(
        [
            vote
            for stretch in _stretches(mono, rate_hz)
            for onsets in _ONSETS
            if (vote := _track(stretch, onsets))[0] > 0
        ]
    ).reshape(-1, 2)
    if not len(votes):
        return None
    tempos = _by_votes(votes)
    best, confidence = tempos[0]
    others = [tempo for tempo, _ in tempos[1:]] + [best / 2, 2 * best]
    return TempoGuess(best, confidence, _different(others, best))


def detect_tempo_of_file(
    path: Path, *, start_samples: int = 0, length_samples: int | None = None
) -> TempoGuess | None:
    """The same for a stretch of a file. Raises JukeboxError for all that `audio.read` does."""
    sound = audio.read(path, start_samples=start_samples, length_samples=length_samples)
    return detect_tempo(sound.samples, sound.rate_hz)


def _stretches(mono: Samples, rate_hz: int) -> Iterator[Samples]:
    """Spread over the clip, at _RATE_HZ."""
    length = round(STRETCH_SECONDS * rate_hz)
    if len(mono) < length:
        # Clips are mostly loops: the beat goes on over their ends.
        starts, mono = [0], np.resize(mono, length)
    else:
        count = min(MOST_STRETCHES, 2 * len(mono) // length - 1)
        starts = [round(start) for start in np.linspace(0, len(mono) - length, count)]
    for start in starts:
        yield audio.resample(mono[start : start + length], rate_hz, _RATE_HZ)


def _track(stretch: Samples, onsets: str) -> tuple[float, float]:
    """Beats per minute, 0 where none were found; and 1 where they were heard, 0 where guessed."""
    # Here, so that what never detects a tempo does not load it.
    import aubio

    tracker = aubio.tempo(onsets, _WINDOW_SAMPLES, _HOP_SAMPLES, _RATE_HZ)
    stretch = np.ascontiguousarray(stretch, dtype=np.float32)
    beats: list[float] = []
    for start in range(0, len(stretch) - _HOP_SAMPLES + 1, _HOP_SAMPLES):
        if tracker(stretch[start : start + _HOP_SAMPLES])[0]:
            beats.append(tracker.get_last_s())
    heard = float(tracker.get_confidence() > _HEARD)
    return _through_beats(beats, float(tracker.get_bpm())), heard


def _through_beats(beats: list[float], tempo_bpm: float) -> float:
    """The tempo of the line through the beats: that of the tracker goes in steps of a frame.

    beats: their times in seconds, some left out. Where they do not fit the tempo, that stays.
    """
    if len(beats) < _FEWEST_BEATS or tempo_bpm <= 0:
        return tempo_bpm
    times = np.array(beats)
    places = np.cumsum(np.round(np.diff(times, prepend=times[0]) * tempo_bpm / 60))
    if places[-1] < _FEWEST_BEATS:
        return tempo_bpm
    slope, start = np.polyfit(places, times, 1)
    fits = np.std(times - places * slope - start) < _BEATS_APART_SECONDS
    return float(60 / slope) if fits and abs(60 / slope / tempo_bpm - 1) < SAME_TEMPO else tempo_bpm


def _by_votes(votes: npt.NDArray[np.float64]) -> list[tuple[float, float]]:
    """(tempo, part of the votes that heard it), most votes first.

    votes: [V, 2], tempo and whether it was heard. Those within SAME_TEMPO are for one tempo.
    """
    left, tempos = votes, []
    while len(left):
        tempo_bpm, heard = left.T
        near = np.abs(tempo_bpm[:, None] / tempo_bpm - 1) < SAME_TEMPO  # [V, V]
        group = near[(near @ np.maximum(heard, _VOTE_OF_THE_DEAF)).argmax()]
        tempos.append((float(np.median(tempo_bpm[group])), float(heard[group].sum() / len(votes))))
        left = left[~group]
    return tempos


def _different(tempos: list[float], best: float) -> tuple[float, ...]:
    """Those within limits that are not nearly another of them."""
    kept: list[float] = []
    for tempo in tempos:
        within = LOWEST_BPM <= tempo <= HIGHEST_BPM
        if within and all(abs(tempo / other - 1) >= SAME_TEMPO for other in [best, *kept]):
            kept.append(tempo)
    return tuple(kept[:4])
