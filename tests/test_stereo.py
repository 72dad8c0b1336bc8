"""Width out of two mono renders: the sum stays the model's, the sides meet the clip's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from jukebox_studio.stereo import (
    BAND_EDGES_HZ,
    Heard,
    from_mid_side,
    raw_side,
    shaped_side,
    side_to_mid_db,
    widened,
)

RATE_HZ = 44_100
BANDS = len(BAND_EDGES_HZ) + 1
AMPLITUDES = arrays(np.float32, 64, elements=st.floats(-1, 1, width=32))


def pink(seconds: float, seed: int) -> np.ndarray:
    """Noise [T] that has every band, the bass loudest, as music has."""
    length = round(seconds * RATE_HZ)
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=length))
    spectrum /= np.sqrt(np.arange(len(spectrum)) + 100)
    sound = np.fft.irfft(spectrum, length)
    return (0.2 * sound / sound.std()).astype(np.float32)


def heard(samples: np.ndarray) -> Heard:
    return Heard.of(samples, RATE_HZ)


def in_band(band: int) -> tuple[float, float]:
    edges = (0.0, *BAND_EDGES_HZ, RATE_HZ / 2)
    return edges[band], edges[band + 1]


def banded(samples: np.ndarray, gains_db: list[float]) -> np.ndarray:
    """Each band at its gain, with walls between them."""
    hz = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
    gains = 10 ** (np.array(gains_db) / 20)
    spectrum = np.fft.rfft(samples) * gains[np.searchsorted(BAND_EDGES_HZ, hz)]
    return np.fft.irfft(spectrum, len(samples)).astype(np.float32)


@given(AMPLITUDES, AMPLITUDES)
def test_the_mono_sum_is_the_middle(mid: np.ndarray, side: np.ndarray) -> None:
    left, right = from_mid_side(mid, side).T
    total = (left.astype(np.float64) + right) / 2
    last_bit = np.maximum(np.spacing(np.abs(left)), np.spacing(np.abs(right)))
    assert (np.abs(total - mid) <= last_bit / 2).all()
    # In 24 bits, as results are written, nothing is left of it.
    assert np.abs(total - mid).max() < 2**-23


def test_the_sum_of_a_widened_render_is_the_middle() -> None:
    clip = from_mid_side(pink(4, 1), 0.5 * pink(4, 2))
    mid, second = pink(8, 3), pink(8, 4)
    result = widened(clip, mid, second, RATE_HZ)
    assert result.shape == (len(mid), 2)
    assert result.dtype == np.float32
    assert np.abs(result.mean(axis=1) - mid).max() < 2**-23


def test_a_side_that_is_wanted_in_no_band_is_nothing() -> None:
    mid, second = pink(4, 3), pink(4, 4)
    nothing = np.full(BANDS, -np.inf)
    # Also where it is empty already: what little is there would be left otherwise.
    middle = heard(mid)
    for side in (raw_side(middle, second), heard(np.full(len(mid), 1e-6, np.float32))):
        assert not shaped_side(side, middle, nothing).any()
    same = np.repeat(pink(4, 5)[:, None], 2, axis=1)
    result = widened(same, mid, second, RATE_HZ)
    assert np.array_equal(result[:, 0], result[:, 1])


def test_ratios_are_those_the_sound_was_made_with() -> None:
    mid, wanted = pink(3, 1), [-40.0, -20.0, -12.0, -6.0, -3.0, -9.0]
    found = side_to_mid_db(from_mid_side(mid, banded(mid, wanted)), RATE_HZ)
    # Where a quiet band lies beside a loud one, the window smears a little into it.
    assert found == pytest.approx(wanted, abs=0.5)


def test_a_side_meets_the_clips_ratio_in_every_band() -> None:
    wanted = [-30.0, -20.0, -12.0, -6.0, -8.0, -15.0]
    clip = from_mid_side(pink(4, 1), banded(pink(4, 2), wanted))
    clip_db = side_to_mid_db(clip[-3 * RATE_HZ :], RATE_HZ)
    mid = pink(9, 3)
    second = mid + banded(pink(9, 4), [-20.0, -12.0, -20.0, -9.0, -14.0, -12.0])
    result = widened(clip, mid, second, RATE_HZ)
    after = result[len(clip) : len(clip) + 3 * RATE_HZ]
    # The lowest band is cut off in its middle, where no width is heard.
    assert side_to_mid_db(after, RATE_HZ)[1:] == pytest.approx(clip_db[1:], abs=1)
    assert side_to_mid_db(after, RATE_HZ)[0] == pytest.approx(clip_db[0], abs=2)


def test_width_scales_the_side() -> None:
    clip = from_mid_side(pink(4, 1), 0.4 * pink(4, 2))
    mid, second = pink(8, 3), pink(8, 4)
    sides = {w: np.diff(widened(clip, mid, second, RATE_HZ, width=w)).std() for w in (0.25, 0.5, 1)}
    assert sides[0.5] / sides[1] == pytest.approx(0.5, rel=0.02)
    assert sides[0.25] / sides[1] == pytest.approx(0.25, rel=0.02)
    still = widened(clip, mid, second, RATE_HZ, width=0)
    assert np.array_equal(still[:, 0], mid)
    assert np.array_equal(still[:, 1], mid)


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_a_mono_clip_gets_no_side(channels: int) -> None:
    clip = np.repeat(pink(2, 1)[:, None], channels, axis=1)
    mid = pink(4, 3)
    result = widened(clip, mid, pink(4, 4), RATE_HZ)
    assert np.array_equal(result, np.stack([mid] * channels, axis=1))


def test_a_side_is_never_more_than_the_middle() -> None:
    """A clip with its channels out of phase, and a middle that turns soft after the joint."""
    sound = pink(4, 1)
    clip = np.stack([sound, -0.95 * sound], axis=1)
    mid = np.concatenate([pink(7, 3), 0.03 * pink(9, 5)])
    result = widened(clip, mid, mid + pink(16, 4), RATE_HZ, width=3)
    after = result[len(clip) : len(clip) + 3 * RATE_HZ]
    for part, window in ((result, 1.0), (after, np.hanning(len(after)))):
        mid_side = np.stack([part.sum(axis=1), part[:, 0] - part[:, 1]])
        power = np.abs(np.fft.rfft(mid_side * window)) ** 2
        hz = np.fft.rfftfreq(len(part), 1 / RATE_HZ)
        for band in range(BANDS):
            low, high = in_band(band)
            middle, side = power[:, (hz >= low) & (hz < high)].sum(axis=1)
            assert side <= 1.01 * middle


def test_renders_that_are_alike_stay_mono() -> None:
    clip = from_mid_side(pink(2, 1), 0.5 * pink(2, 2))
    mid = pink(4, 3)
    assert np.array_equal(widened(clip, mid, mid, RATE_HZ), np.stack([mid, mid], axis=1))
    silence = np.zeros_like(mid)
    assert not widened(0 * clip, silence, silence, RATE_HZ).any()


def test_equal_gains_change_the_level_alone_and_nothing_moves() -> None:
    mid = pink(2, 1)
    side = np.zeros_like(mid)
    side[RATE_HZ] = 0.5
    loud = np.full(BANDS, side_to_mid_db(from_mid_side(mid, side), RATE_HZ))
    shaped = shaped_side(heard(side), heard(mid), loud)
    assert shaped == pytest.approx(side, abs=1e-4)
    assert np.argmax(np.abs(raw_side(heard(np.zeros_like(side)), side).samples)) == RATE_HZ


def test_the_side_has_no_bass() -> None:
    time = np.arange(2 * RATE_HZ) / RATE_HZ
    for hz, kept in ((50, 0.0), (90, 0.0), (160, 1.0), (1_000, 1.0)):
        tone = np.sin(2 * np.pi * hz * time).astype(np.float32)
        side = raw_side(heard(np.zeros_like(tone)), tone).samples
        middle = slice(RATE_HZ // 2, 3 * RATE_HZ // 2)
        assert side[middle].std() / tone[middle].std() == pytest.approx(kept, abs=0.02)
