"""Bars to samples, exactly."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jukebox_studio.errors import JukeboxError
from jukebox_studio.tempo import Meter, bars_to_samples


@pytest.mark.parametrize(
    ("bars", "tempo", "meter", "rate", "samples"),
    [
        (4, 120.0, "4/4", 44_100, 352_800),
        (1, 120.0, "7/8", 48_000, 84_000),
        (4, 174.0, "4/4", 44_100, 243_310),
        (0.5, 90.0, "3/4", 96_000, 96_000),
        (2, 100.5, "6/8", 44_100, 157_970),
    ],
)
def test_known_lengths(bars: float, tempo: float, meter: str, rate: int, samples: int) -> None:
    assert bars_to_samples(bars, tempo, Meter.parse(meter), rate) == samples


@given(
    st.integers(1, 512),
    st.floats(20, 400),
    st.integers(1, 15),
    st.sampled_from([2, 4, 8, 16]),
    st.sampled_from([44_100, 48_000, 96_000]),
)
def test_the_length_is_within_half_a_sample(
    bars: int, tempo: float, beats: int, unit: int, rate: int
) -> None:
    exact = Fraction(bars * beats * 4, unit) * 60 / Fraction(tempo) * rate
    assert abs(bars_to_samples(bars, tempo, Meter(beats, unit), rate) - exact) <= Fraction(1, 2)


@pytest.mark.parametrize("text", ["4", "4/3", "0/4", "x/4", "4/4/4", "", "-3/4", "65/4"])
def test_bad_meters_are_refused(text: str) -> None:
    with pytest.raises(JukeboxError):
        Meter.parse(text)


@pytest.mark.parametrize("tempo", [0.0, -120.0, 9.9, 1001.0, float("nan"), float("inf")])
def test_bad_tempos_are_refused(tempo: float) -> None:
    with pytest.raises(JukeboxError, match="tempo"):
        bars_to_samples(4, tempo, Meter(4, 4), 44_100)
