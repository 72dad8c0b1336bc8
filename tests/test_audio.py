"""Audio in and out, with the files a stranger might hand us."""

import os
import stat
import struct
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from jukebox_studio.audio import (
    HIGHEST_RATE_HZ,
    LOWEST_RATE_HZ,
    inspect,
    loudness_lufs,
    read,
    resample,
    resampled_length,
    to_mono,
    write,
)
from jukebox_studio.errors import JukeboxError

RATES_HZ = st.sampled_from([8_000, 11_025, 22_050, 44_100, 48_000, 88_200, 96_000, 192_000])


def sine(frequency_hz: float, length_samples: int, rate_hz: int) -> np.ndarray:
    seconds = np.arange(length_samples) / rate_hz
    return np.sin(2 * np.pi * frequency_hz * seconds).astype(np.float32)


def noise(length_samples: int, channels: int = 2) -> np.ndarray:
    uniform = np.random.default_rng(3).uniform(-0.9, 0.9, (length_samples, channels))
    return uniform.astype(np.float32)


def wav_claiming(rate_hz: int, channels: int, data_bytes: int) -> bytes:
    """The 44 bytes that open a 16-bit WAV file with these claims."""
    frame_bytes = 2 * channels
    return (
        struct.pack("<4sI4s", b"RIFF", min(36 + data_bytes, 2**32 - 1), b"WAVE")
        + struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, rate_hz,
                      min(rate_hz * frame_bytes, 2**32 - 1), frame_bytes, 16)
        + struct.pack("<4sI", b"data", data_bytes)
    )  # fmt: skip


def flac_claiming(path: Path, length_samples: int, claimed_samples: int) -> None:
    """A FLAC file of silence whose header claims another length."""
    soundfile.write(path, np.zeros(length_samples, np.float32), 44_100, "PCM_16")
    content = bytearray(path.read_bytes())
    # STREAMINFO begins at byte 8; the length is the last 36 bits of its bytes 10 to 17.
    field = int.from_bytes(content[18:26], "big")
    field = (field >> 36 << 36) | claimed_samples
    content[18:26] = field.to_bytes(8, "big")
    path.write_bytes(content)


# Reading


def test_inspect_tells_what_the_file_is(tmp_path):
    path = tmp_path / "clip.flac"
    soundfile.write(path, noise(4_410), 44_100, "PCM_24")
    info = inspect(path)
    assert (info.rate_hz, info.channels, info.length_samples) == (44_100, 2, 4_410)
    assert (info.container, info.subtype) == ("FLAC", "PCM_24")
    assert info.length_seconds == 0.1


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".aiff"])
def test_a_stretch_is_read_as_it_is_in_the_whole(tmp_path, suffix):
    path = tmp_path / f"clip{suffix}"
    soundfile.write(path, noise(200_000), 48_000, "PCM_24")
    whole = read(path)
    assert whole.rate_hz == 48_000
    assert whole.samples.shape == (200_000, 2)
    assert whole.samples.dtype == np.float32
    stretch = read(path, start_samples=65_000, length_samples=70_001)
    np.testing.assert_array_equal(stretch.samples, whole.samples[65_000:135_001])
    rest = read(path, start_samples=199_999)
    np.testing.assert_array_equal(rest.samples, whole.samples[199_999:])


@pytest.mark.parametrize("suffix", [".ogg", ".mp3"])
def test_compressed_files_are_read_whole(tmp_path, suffix):
    path = tmp_path / f"clip{suffix}"
    soundfile.write(path, np.stack([sine(440, 100_000, 44_100)] * 2, axis=1) / 2, 44_100)
    samples = read(path).samples
    assert samples.shape == (100_000, 2)
    np.testing.assert_allclose(samples[2_000:-2_000, 0], samples[2_000:-2_000, 1], atol=0.01)
    assert 0.45 < np.abs(samples[2_000:-2_000]).max() < 0.55


@pytest.mark.parametrize(("start", "length"), [(-1, 10), (0, 0), (0, 101), (100, None), (2**70, 1)])
def test_a_stretch_outside_the_file_is_refused(tmp_path, start, length):
    path = tmp_path / "clip.wav"
    soundfile.write(path, noise(100), 44_100)
    with pytest.raises(JukeboxError, match=r"clip\.wav has 100 samples"):
        read(path, start_samples=start, length_samples=length)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text.wav", b"this is no audio\n" * 100),
        ("nothing.wav", b""),
        ("cut.wav", wav_claiming(44_100, 2, 400)[:20]),
        ("headerless.raw", bytes(4_000)),
        ("random.flac", bytes(np.random.default_rng(0).integers(0, 256, 4_000, np.uint8))),
    ],
)
def test_what_is_no_audio_is_refused(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(JukeboxError, match=f"{name} is not an audio file"):
        read(path)


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    for path, sentence in [
        (tmp_path / "missing.wav", "There is no file"),
        (tmp_path, "is a folder"),
        (tmp_path / "pipe.wav", "is a device or pipe"),
        ("/dev/zero", "is a device or pipe"),
        ("nul\0.wav", "cannot be opened"),
        (tmp_path / ("n" * 300), "cannot be opened"),
    ]:
        with pytest.raises(JukeboxError, match=sentence):
            read(path)


@pytest.mark.parametrize(
    ("rate_hz", "channels", "sentence"),
    [
        (1, 1, "1 samples per second"),
        (LOWEST_RATE_HZ - 1, 1, "3,999 samples per second"),
        (HIGHEST_RATE_HZ + 1, 1, "384,001 samples per second"),
        (2**31 - 1, 2, "2,147,483,647 samples per second"),
        (44_100, 9, "9 channels"),
        (44_100, 1_024, "1,024 channels"),
    ],
)
def test_claims_beyond_the_limits_are_refused(tmp_path, rate_hz, channels, sentence):
    path = tmp_path / "absurd.wav"
    data_bytes = 2 * channels * 1_000
    path.write_bytes(wav_claiming(rate_hz, channels, data_bytes) + bytes(data_bytes))
    for check in (inspect, read):
        with pytest.raises(JukeboxError, match=sentence):
            check(path)


def test_a_file_without_samples_is_refused(tmp_path):
    path = tmp_path / "empty.wav"
    path.write_bytes(wav_claiming(44_100, 2, 0))
    with pytest.raises(JukeboxError, match="no samples"):
        read(path)


def test_a_sparse_file_claiming_8_gib_is_refused(tmp_path):
    path = tmp_path / "sparse.w64"
    soundfile.write(path, np.zeros((1_000, 2), np.float32), 44_100, "PCM_16", format="W64")
    size_bytes = 8 * 2**30
    content = bytearray(path.read_bytes())
    data = content.index(b"data\xf3\xac")
    content[16:24] = struct.pack("<Q", size_bytes)
    content[data + 16 : data + 24] = struct.pack("<Q", size_bytes - data)
    path.write_bytes(content)
    with path.open("r+b") as file:
        file.truncate(size_bytes)
    assert soundfile.info(path).frames > 2 * 10**9  # libsndfile believes it
    with pytest.raises(JukeboxError, match=r"13\.5 hours"):
        read(path)


def test_too_much_at_once_is_refused_and_a_part_is_read(tmp_path):
    """Within two hours, but more than memory should hold: 1.9 hours of 8 channels, sparse."""
    path = tmp_path / "long.wav"
    data_bytes = 6_840 * 16_000 * 8 * 2
    with path.open("wb") as file:
        file.write(wav_claiming(16_000, 8, data_bytes))
        file.truncate(44 + data_bytes)
    with pytest.raises(JukeboxError, match="at most 70 minutes"):
        read(path)
    assert not read(path, start_samples=10**8, length_samples=10).samples.any()


def test_a_flac_that_expands_takes_memory_for_what_is_asked_only(tmp_path):
    path = tmp_path / "bomb.flac"
    with soundfile.SoundFile(path, "w", 48_000, 1, "PCM_16") as file:
        for _ in range(60):
            file.write(np.zeros(48_000 * 60, np.int16))
    assert path.stat().st_size < 1_000_000  # an hour, 660 MiB as float32
    tracemalloc.start()
    try:
        assert read(path, start_samples=10**8, length_samples=48_000).samples.shape == (48_000, 1)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("claimed", "sentence"),
    [(20_000, "damaged"), (2**36 - 1, "hours"), (0, "how long")],
)
def test_a_flac_that_lies_about_its_length_is_refused(tmp_path, claimed, sentence):
    path = tmp_path / "liar.flac"
    flac_claiming(path, 10_000, claimed)
    with pytest.raises(JukeboxError, match=sentence):
        read(path)


def test_a_flac_damaged_in_the_middle_is_refused(tmp_path):
    path = tmp_path / "damaged.flac"
    soundfile.write(path, noise(100_000), 44_100, "PCM_16")
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 40_000] = bytes(40_000)
    path.write_bytes(content)
    with pytest.raises(JukeboxError, match="damaged"):
        read(path)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [(np.nan, "not numbers"), (np.inf, "not numbers"), (-np.inf, "not numbers"), (1e6, "no sound")],
)
def test_samples_that_are_no_sound_are_refused(tmp_path, value, sentence):
    path = tmp_path / "bad.wav"
    samples = noise(150_000)
    samples[140_000, 1] = value
    soundfile.write(path, samples, 44_100, "FLOAT")
    with pytest.raises(JukeboxError, match=sentence):
        read(path)
    assert read(path, length_samples=130_000).samples.shape == (130_000, 2)


def test_a_double_beyond_float32_is_refused(tmp_path):
    path = tmp_path / "bad.wav"
    soundfile.write(path, np.array([0.0, 1e200]), 44_100, "DOUBLE")
    with pytest.raises(JukeboxError, match="not numbers"):
        read(path)


# Resampling


@given(length=st.integers(0, 3_000), from_hz=RATES_HZ, to_hz=RATES_HZ, channels=st.integers(0, 3))
@settings(max_examples=200, deadline=None)
def test_resampling_gives_exactly_the_length_it_says(length, from_hz, to_hz, channels):
    shape = (length, channels) if channels else (length,)
    resampled = resample(np.full(shape, 0.5, np.float32), from_hz, to_hz)
    exact = length * to_hz / from_hz
    assert len(resampled) == resampled_length(length, from_hz, to_hz)
    assert abs(len(resampled) - exact) <= 0.5
    assert resampled.shape[1:] == shape[1:]
    assert resampled.dtype == np.float32
    assert np.isfinite(resampled).all()


@given(
    length=st.integers(1, 500),
    from_hz=st.integers(LOWEST_RATE_HZ, HIGHEST_RATE_HZ),
    to_hz=st.integers(LOWEST_RATE_HZ, HIGHEST_RATE_HZ),
)
@settings(max_examples=60, deadline=None)
def test_any_pair_of_rates_resamples(length, from_hz, to_hz):
    resampled = resample(np.zeros(length, np.float32), from_hz, to_hz)
    assert len(resampled) == resampled_length(length, from_hz, to_hz)


@pytest.mark.parametrize(
    ("from_hz", "to_hz"), [(44_100, 48_000), (48_000, 22_050), (22_050, 96_000)]
)
def test_resampling_keeps_pitch_level_and_place(from_hz, to_hz):
    before = sine(997, from_hz, from_hz)
    after = resample(before, from_hz, to_hz)
    middle = slice(to_hz // 4, -to_hz // 4)
    np.testing.assert_allclose(after[middle], sine(997, to_hz, to_hz)[middle], atol=1e-4)


def test_resampling_to_the_same_rate_changes_nothing():
    samples = noise(100)
    assert resample(samples, 44_100, 44_100) is samples


# Channels and loudness


def test_mono_is_the_mean_of_the_channels():
    samples = noise(100, channels=3)
    np.testing.assert_allclose(to_mono(samples), samples.mean(axis=1), atol=1e-7)
    assert to_mono(samples).dtype == np.float32
    mono = samples[:, 0]
    assert to_mono(mono) is mono


@pytest.mark.parametrize("length_seconds", [0.1, 0.39, 0.4, 3.0])
@pytest.mark.parametrize("rate_hz", [22_050, 48_000])
def test_a_full_scale_sine_measures_minus_3_lufs_at_any_length(length_seconds, rate_hz):
    """BS.1770: a 997 Hz sine of full scale in one channel reads -3.01."""
    samples = sine(997, round(length_seconds * rate_hz), rate_hz)
    tolerance = 0.1 if length_seconds >= 0.4 else 0.5  # the filter starts from rest
    assert loudness_lufs(samples, rate_hz) == pytest.approx(-3.01, abs=tolerance)
    in_both = np.stack([samples, samples], axis=1)
    assert loudness_lufs(in_both, rate_hz) == pytest.approx(0.0, abs=tolerance)


@pytest.mark.parametrize("shape", [(0,), (0, 2), (1,), (100, 2), (44_100,), (44_100, 6)])
def test_silence_measures_minus_infinity(shape):
    assert loudness_lufs(np.zeros(shape, np.float32), 44_100) == -np.inf


def test_many_channels_are_measured_as_their_mix():
    samples = sine(997, 48_000, 48_000)
    assert loudness_lufs(np.stack([samples] * 8, axis=1), 48_000) == pytest.approx(-3.01, abs=0.1)


# Writing


@pytest.mark.parametrize("length", [7, 28, 51, 56])
def test_loudness_of_a_length_that_rounds_up(length):
    assert length / 48_000 * 48_000 > length
    assert np.isfinite(loudness_lufs(np.full(length, 0.5, np.float32), 48_000))


@given(values=st.lists(st.integers(-(2**23), 2**23 - 1), min_size=1, max_size=50))
@settings(max_examples=50, deadline=None)
def test_24_bit_comes_back_bit_for_bit(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("written") / "out.wav"
    samples = (np.array(values) / 2**23).astype(np.float32)
    assert write(path, samples, 44_100) == 0
    assert inspect(path).subtype == "PCM_24"
    np.testing.assert_array_equal(read(path).samples[:, 0], samples)


@pytest.mark.parametrize(
    ("name", "subtype"), [("a.wav", "FLOAT"), ("a.flac", "PCM_16"), ("a.aiff", "PCM_24")]
)
def test_other_kinds_of_file_are_written(tmp_path, name, subtype):
    samples = noise(1_000)
    write(tmp_path / name, samples, 96_000, subtype=subtype)
    back = read(tmp_path / name)
    assert back.rate_hz == 96_000
    np.testing.assert_allclose(back.samples, samples, atol=2**-15)


def test_what_exceeds_full_scale_is_cut_and_counted(tmp_path):
    samples = np.array([[0.0, 1.0], [1.5, -1.0], [-7.0, 0.5]], np.float32)
    assert write(tmp_path / "out.wav", samples, 44_100) == 2
    back = read(tmp_path / "out.wav").samples
    np.testing.assert_allclose(back, [[0, 1], [1, -1], [-1, 0.5]], atol=2**-22)
    assert samples.max() == 1.5  # the caller's array is left alone
    assert write(tmp_path / "out.wav", samples, 44_100, subtype="FLOAT") == 0
    np.testing.assert_array_equal(read(tmp_path / "out.wav").samples, samples)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_is_not_written(tmp_path, value):
    with pytest.raises(JukeboxError, match="not numbers"):
        write(tmp_path / "out.wav", np.array([0.0, value], np.float32), 44_100)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "subtype"), [("out.txt", "PCM_24"), ("out", "PCM_24"), ("out.flac", "FLOAT")]
)
def test_a_kind_of_file_that_cannot_be_is_refused(tmp_path, name, subtype):
    with pytest.raises(JukeboxError, match="cannot be written as"):
        write(tmp_path / name, noise(10), 44_100, subtype=subtype)
    assert not list(tmp_path.iterdir())


def test_an_unwritable_rate_or_shape_is_refused(tmp_path):
    for samples, rate_hz in [(noise(10), 0), (np.zeros((2, 2, 2), np.float32), 44_100)]:
        with pytest.raises(JukeboxError, match="cannot be written as audio"):
            write(tmp_path / "out.wav", samples, rate_hz)
    assert not list(tmp_path.iterdir())


def test_writing_into_no_folder_is_refused(tmp_path):
    with pytest.raises(JukeboxError, match="No such file or directory"):
        write(tmp_path / "missing" / "out.wav", noise(10), 44_100)


def test_the_written_file_has_the_usual_permissions(tmp_path):
    write(tmp_path / "out.wav", noise(10), 44_100)
    (tmp_path / "usual").touch()
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_a_disk_that_fills_up_leaves_the_old_file_and_nothing_partial(tmp_path):
    """A real short write: the system lets this process write files of 10 kB at most."""
    pytest.importorskip("resource")
    path = tmp_path / "out.wav"
    write(path, noise(10), 44_100)
    before = path.read_bytes()
    script = """
import resource, signal, sys
import numpy as np
from jukebox_studio import audio, errors
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    audio.write(sys.argv[1], np.zeros(100_000, np.float32), 44_100)
except errors.JukeboxError as error:
    print(error)
"""
    run = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
    )
    assert "could not be written: File too large. Make room" in run.stdout
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
