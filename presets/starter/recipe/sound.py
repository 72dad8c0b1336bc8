"""Mono 22,050 Hz audio on its way to a file."""

import io
import os
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 22050
# Resampling overshoots a little; anything above is scaled down rather than clipped.
PEAK_LIMIT = 0.98

Audio = NDArray[np.float64]


def decode(data: bytes) -> tuple[Audio, int]:
    """Return the audio of an encoded file as [samples x channels] and its rate in Hz."""
    samples, rate_hz = soundfile.read(io.BytesIO(data), dtype="float64", always_2d=True)
    return samples, int(rate_hz)


def mix(stems: list[Audio]) -> Audio:
    """Add stems of one recording; they start together and a short one ends in silence."""
    mixed = np.zeros((max(len(stem) for stem in stems), stems[0].shape[1]))
    for stem in stems:
        mixed[: len(stem)] += stem
    return mixed


def to_mono(samples: Audio, rate_hz: int) -> Audio:
    """Return [samples x channels] audio as mono at SAMPLE_RATE_HZ."""
    mono = samples.mean(axis=1)
    if rate_hz == SAMPLE_RATE_HZ:
        return mono
    return np.asarray(soxr.resample(mono, rate_hz, SAMPLE_RATE_HZ, quality="VHQ"))


def peak_safe(samples: Audio) -> Audio:
    """Scale audio down, if it needs it, so that its peak is at most PEAK_LIMIT."""
    peak = float(np.abs(samples).max(initial=0.0))
    return samples * (PEAK_LIMIT / peak) if peak > PEAK_LIMIT else samples


def write_flac(path: Path, samples: Audio, rate_hz: int = SAMPLE_RATE_HZ) -> None:
    """Write 16-bit FLAC, whole or not at all. The same samples give the same bytes."""
    pcm = np.round(np.clip(samples, -1.0, 1.0) * 32767.0).astype(np.int16)
    part = path.with_name(path.name + ".part")
    soundfile.write(part, pcm, rate_hz, format="FLAC", subtype="PCM_16")
    os.replace(part, path)
