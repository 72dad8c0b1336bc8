"""Joints, with music that a bar line cuts on a beat: loud bass, chords apart, sharp hi-hats."""

import numpy as np
import pytest

from jukebox_studio import audio, seam
from jukebox_studio.seam import (
    JointReport,
    continue_from,
    joint_report,
    levelled_as,
    matching_gain_db,
    own_sound,
    replace_span,
    shift_samples,
)

RATE_HZ = 48_000
MODEL_HZ = 22_050

CUT = 4 * RATE_HZ


def music(seconds: float, hiss: float = 0.0) -> np.ndarray:
    """Stereo at 120 beats per minute; a kick or snare and a hi-hat on every beat."""
    rng = np.random.default_rng(11)
    length = round(seconds * RATE_HZ)
    time = np.arange(length) / RATE_HZ
    out = np.repeat(0.3 * np.sin(2 * np.pi * 55 * time)[:, None], 2, axis=1)
    for hz, right in ((220.0, 0.3), (277.2, 0.7), (329.6, 0.5)):
        out += 0.1 * np.sin(2 * np.pi * hz * time)[:, None] * [1 - right, right]
    for half_beat, start in enumerate(range(0, length, RATE_HZ // 4)):
        stroke = np.arange(min(length - start, RATE_HZ // 5)) / RATE_HZ
        hat = np.diff(rng.normal(size=(len(stroke), 2)), axis=0, prepend=0)
        out[start : start + len(stroke)] += 0.1 * hat * np.exp(-stroke / 0.02)[:, None]
        if half_beat % 2 == 0:
            kick = np.sin(2 * np.pi * 55 * stroke + 40 * (1 - np.exp(-30 * stroke)))
            out[start : start + len(stroke)] += (0.4 * kick * np.exp(-stroke * 15))[:, None]
    out += hiss * rng.normal(size=out.shape)
    return (0.6 * out).astype(np.float32)


def as_the_model_hears(samples: np.ndarray, *, treble_db: float, noise: float = 3e-4) -> np.ndarray:
    """Mono, at the model's bandwidth, its treble weaker, with noise of its own."""
    mono = audio.to_mono(samples)
    mono = mono + noise * np.random.default_rng(5).normal(size=len(mono)).astype(np.float32)
    mono = audio.resample(audio.resample(mono, RATE_HZ, MODEL_HZ), MODEL_HZ, RATE_HZ)
    mono = np.pad(mono, (0, max(0, len(samples) - len(mono))))[: len(samples)]
    hz = np.fft.rfftfreq(len(mono), 1 / RATE_HZ)
    octaves_up = np.clip(np.log2(np.maximum(hz, 1) / 2_000), 0, 1)
    spectrum = np.fft.rfft(mono) * 10 ** (treble_db * octaves_up / 20)
    return np.fft.irfft(spectrum, len(mono)).astype(np.float32)


def gained(clip: np.ndarray, decoded: np.ndarray) -> np.ndarray:
    joint = len(clip)
    return decoded * np.float32(10 ** (matching_gain_db(clip, decoded[:joint], RATE_HZ) / 20))


def report(clip: np.ndarray, new: np.ndarray) -> JointReport:
    return joint_report(clip, new, RATE_HZ, treble_to_hz=MODEL_HZ / 2)


@pytest.mark.parametrize("cut", [CUT, CUT + 4_321, CUT - 11])
def test_music_that_nobody_cut_passes(cut: int) -> None:
    samples = music(8)
    assert report(samples[:cut], samples[cut:]).problems() == []


@pytest.mark.parametrize("hiss", [0.0, 0.02])
@pytest.mark.parametrize("treble_db", [0, -6, -9])
@pytest.mark.parametrize("cut", [CUT, CUT + 4_321])
def test_what_a_model_lacks_is_not_heard_at_the_joint(
    cut: int, treble_db: float, hiss: float
) -> None:
    samples = music(8, hiss)
    clip = samples[:cut]
    decoded = gained(clip, as_the_model_hears(samples, treble_db=treble_db))
    unjoined = np.repeat(decoded[cut:, None], 2, axis=1)
    new = continue_from(clip, decoded, RATE_HZ, treble_to_hz=MODEL_HZ / 2)
    assert new.shape == (len(samples) - cut, 2)
    assert new.dtype == np.float32
    # A joint takes no more of what the model heard than its last quarter of a second.
    short = RATE_HZ // 4
    own = own_sound(clip, RATE_HZ, MODEL_HZ / 2)
    given = {"treble_to_hz": MODEL_HZ / 2, "heard_samples": short, "own": own}
    shorter = continue_from(clip, decoded[cut - short :], RATE_HZ, **given)
    assert np.abs(shorter - new).max() < 1e-5
    assert report(clip, new).problems() == []
    if treble_db < 0 and hiss:
        assert report(clip, unjoined).problems() != []


@pytest.mark.parametrize(("gain", "wide"), [(1.9, False), (0.5, False), (1.0, True)])
def test_a_change_of_level_is_led_within_a_loudness_unit(gain: float, wide: bool) -> None:
    samples = music(13)
    if wide:
        samples[:, 1] *= -0.3  # its sides, which the model lacks, are as loud as its middle
    clip = samples[:CUT]
    samples[CUT:] *= gain
    decoded = gained(clip, as_the_model_hears(samples, treble_db=0))
    new = continue_from(clip, decoded, RATE_HZ, treble_to_hz=MODEL_HZ / 2)
    assert abs(report(clip, new).loudness_change_lu or 9) <= seam.MOST_LOUDNESS_CHANGE_LU
    after = 6 * RATE_HZ
    assert np.array_equal(new[after:, 0], decoded[CUT + after :])


def test_a_stroke_on_the_first_sample_is_rounded_off() -> None:
    time = np.arange(2 * CUT) / RATE_HZ
    samples = 0.3 * np.sin(2 * np.pi * 110 * time)[:, None].astype(np.float32)
    clip, decoded = samples[:CUT], samples[:, 0].copy()
    decoded[CUT:] += 0.5 * np.exp(-(time[:CUT]) / 0.1).astype(np.float32)
    new = continue_from(clip, decoded, RATE_HZ)
    found = report(clip, new)
    assert found.step <= found.own_step
    assert abs(decoded[CUT] - clip[-1, 0]) > 10 * found.own_step
    # All but the first 5 ms of the stroke is heard.
    assert np.allclose(new[300:1_000, 0] / decoded[CUT + 300 : CUT + 1_000], 1, atol=0.12)


def test_value_and_brightness_go_on_and_the_rest_is_the_models() -> None:
    time = np.arange(2 * CUT) / RATE_HZ
    tone = (0.4 * np.sin(2 * np.pi * 220 * time)).astype(np.float32)
    tail = np.stack([tone[:CUT], 0.97 * tone[:CUT]], axis=1)
    decoded = 0.95 * tone + np.float32(0.1)
    new = continue_from(tail, decoded, RATE_HZ)
    assert report(tail, new).problems() == []
    assert np.array_equal(new[round(0.03 * RATE_HZ) :, 1], decoded[CUT + round(0.03 * RATE_HZ) :])


@pytest.mark.parametrize("length", [0, 1, 2, 100])
@pytest.mark.parametrize("joint", [1, 2, 50])
def test_shortest_joints_have_the_right_length(joint: int, length: int) -> None:
    samples = music(0.1)
    decoded = as_the_model_hears(samples, treble_db=0)[: joint + length + joint]
    assert continue_from(samples[:joint], decoded, RATE_HZ).shape == (length + joint, 2)
    after = samples[joint + length : joint + length + joint]
    assert replace_span(samples[:joint], decoded, after, RATE_HZ).shape == (length, 2)


@pytest.mark.parametrize("treble_db", [0, -9])
@pytest.mark.parametrize("length", [round(0.5 * RATE_HZ), 3 * RATE_HZ + 17])
def test_a_replaced_span_passes_at_both_ends(length: int, treble_db: float) -> None:
    samples = music(11)
    end = CUT + length
    before, after = samples[:CUT], samples[end:]
    decoded = gained(samples, as_the_model_hears(samples, treble_db=treble_db))
    span = replace_span(before, decoded, after, RATE_HZ, treble_to_hz=MODEL_HZ / 2)
    assert span.shape == (length, 2)
    assert report(before, span).problems() == []
    assert report(after[::-1], span[::-1]).problems() == []


def test_a_span_may_reach_an_end_of_the_sound() -> None:
    samples = music(6)
    decoded = as_the_model_hears(samples, treble_db=0)
    nothing = samples[:0]
    from_start = replace_span(nothing, decoded, samples[CUT:], RATE_HZ)
    to_end = replace_span(samples[:CUT], decoded, nothing, RATE_HZ)
    assert len(from_start) == CUT
    assert report(samples[CUT:][::-1], from_start[::-1]).step < 0.2
    assert np.array_equal(to_end, continue_from(samples[:CUT], decoded, RATE_HZ))


def test_problems_are_told_one_by_one() -> None:
    samples = music(8, hiss=0.02)
    clip, new = samples[:CUT], samples[CUT:].copy()
    stepped = new.copy()
    stepped[0] = 1.0
    assert "steps by" in report(clip, stepped).problems()[0]
    assert "louder" in report(clip, 1.2 * new).problems()[0]
    assert "softer" in report(clip, 0.8 * new).problems()[0]
    dull = audio.resample(audio.resample(new, RATE_HZ, 8_000), 8_000, RATE_HZ)
    assert "treble" in report(clip, dull).problems()[0]


def test_the_change_of_loudness_is_the_standards() -> None:
    """A tone 3 dB louder is 3 LU louder: the filter does not start anew at the joint."""
    time = np.arange(2 * CUT) / RATE_HZ
    tone = (0.1 * np.sin(2 * np.pi * 997 * time))[:, None].astype(np.float32)
    tone[CUT:] *= 10 ** (3 / 20)
    assert report(tone[:CUT], tone[CUT:]).loudness_change_lu == pytest.approx(3.0, abs=0.01)


def test_silence_and_short_sound_have_nothing_to_say() -> None:
    silence = np.zeros((CUT, 2), np.float32)
    assert report(silence, silence).problems() == []
    short = report(silence[:100], silence[:100])
    assert short.loudness_change_lu is None
    assert short.treble_db is None
    decoded = np.zeros(2 * CUT, np.float32)
    assert not continue_from(silence, decoded, RATE_HZ).any()


def test_mono_sound_is_matched_as_it_will_be_heard() -> None:
    samples = music(3)
    mono = audio.to_mono(samples)
    both = np.repeat(mono[:, None], 2, axis=1)
    assert matching_gain_db(both, mono, RATE_HZ) == pytest.approx(0, abs=1e-6)
    assert matching_gain_db(both, 0.01 * mono, RATE_HZ) == seam.MOST_GAIN_DB
    assert matching_gain_db(both, 0 * mono, RATE_HZ) == 0


@pytest.mark.parametrize("late", [-700, -1, 0, 1, 2, 33, 999])
def test_a_doubled_or_lost_sample_is_found(late: int) -> None:
    mono = audio.to_mono(music(3))
    heard = as_the_model_hears(music(3), treble_db=-9)
    middle = slice(RATE_HZ, 2 * RATE_HZ)
    found = heard[RATE_HZ - late : 2 * RATE_HZ - late]
    assert shift_samples(mono[middle], found, 1_000) == late


def test_a_span_is_as_loud_as_what_it_replaces_half_by_half() -> None:
    """Music may grow softer inside a span: its joints are held to its own change of level."""
    rng = np.random.default_rng(3)
    clip = (0.2 * rng.standard_normal((12 * RATE_HZ, 2))).astype(np.float32)
    clip[5 * RATE_HZ :] *= np.float32(0.3)
    before, own, after = np.split(clip, [4 * RATE_HZ, 8 * RATE_HZ])
    made = (0.07 * rng.standard_normal(12 * RATE_HZ)).astype(np.float32)
    span = replace_span(before, made, after, RATE_HZ, own_span=own)
    for tail, new, instead in ((before, span, own), (after[::-1], span[::-1], own[::-1])):
        report = joint_report(tail, new, RATE_HZ, instead_of=instead)
        assert report.loudness_change_lu is not None
        assert abs(report.loudness_change_lu) <= 1.0
    plain = joint_report(before, replace_span(before, made, after, RATE_HZ), RATE_HZ)
    assert plain.loudness_change_lu is not None
    silent = levelled_as(np.zeros_like(own), own, RATE_HZ)
    assert np.array_equal(silent, own)
