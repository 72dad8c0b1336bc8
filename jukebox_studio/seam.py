"""Joining what the model made to the clip it goes on from. numpy only."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from jukebox_studio.audio import loudness_lufs

Samples = NDArray[np.float32]

MOST_GAIN_DB = 6.0
FADE_SECONDS = 0.03


def matching_gain_db(target: Samples, decoded: Samples, rate_hz: int) -> float:
    """The gain that brings `decoded` to the loudness of `target`, both [T] or [T, C].

    At most 6 dB either way: beyond that the two are not the same music at another level. 0 where
    either is silent.
    """
    wanted, found = loudness_lufs(target, rate_hz), loudness_lufs(decoded, rate_hz)
    if not math.isfinite(wanted) or not math.isfinite(found):
        return 0.0
    return float(np.clip(wanted - found, -MOST_GAIN_DB, MOST_GAIN_DB))


def continue_from(clip_tail: Samples, decoded: Samples, rate_hz: int) -> Samples:
    """The new part of `decoded`, joined to the clip without a step.

    clip_tail [J, C]: the clip's last samples; decoded [J + T]: the same moment as the model heard
    it, and what it made after it. Returns [T, C].

    The model's version of the tail is not the clip itself. Its error is let go on for a moment,
    mirrored in time, and faded out: so value and brightness start as the clip ends, and what stands
    is the model's alone.
    """
    joint, channels = clip_tail.shape
    new = np.repeat(decoded[joint:, None], channels, axis=1)
    length = min(joint, len(new), round(FADE_SECONDS * rate_hz))
    if length:
        error = clip_tail[-length:] - decoded[joint - length : joint, None]
        fade = 0.5 * (1.0 + np.cos(np.pi * np.arange(length) / length))
        new[:length] += error[::-1] * fade[:, None].astype(np.float32)
    return new.astype(np.float32)
