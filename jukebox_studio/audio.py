"""Audio in and out: checked reading, resampling, loudness, whole-or-nothing writing. No torch.

Samples are float32 with full scale at 1.0, time first: [T] for one channel or [T, C].
"""

from __future__ import annotations

import io
import math
import stat
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from jukebox_studio.audio_header import BoundedSoundFile
from jukebox_studio.errors import JukeboxError
from jukebox_studio.files import write_atomically

Samples = npt.NDArray[np.float32]

# A header may claim anything, so what it claims is held against these before a sample is read.
LOWEST_RATE_HZ = 4_000
HIGHEST_RATE_HZ = 384_000
MOST_CHANNELS = 8
LONGEST_SECONDS = 2 * 60 * 60
# Samples times channels in one read: 2 GiB as float32, or an hour and a half of 48 kHz stereo.
MOST_VALUES_READ = 2**29
# 60 dB over full scale: beyond it the file holds other numbers than sound.
LOUDEST_SAMPLE = 1_000.0

# A WAV file counts its bytes in 32 bits; a MiB of them is left for headers and metadata.
MOST_WAV_BYTES = 2**32 - 2**20
_VALUE_BYTES = {"PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}

BLOCK_SAMPLES = 65_536
LOUDNESS_BLOCK_SECONDS = 0.4

# libsndfile's number of samples for a stream whose header leaves it open.
_UNKNOWN_LENGTH = 2**63 - 1

# What soundfile raises for a file it cannot make sense of; TypeError is for headerless samples.
_UNREADABLE = (soundfile.SoundFileError, RuntimeError, TypeError, ValueError, OSError)


@dataclass(frozen=True)
class AudioInfo:
    """What an audio file says of itself, within the limits of this module."""

    path: Path
    rate_hz: int
    channels: int
    length_samples: int
    container: str  # libsndfile's name: WAV, FLAC, OGG, ...
    subtype: str  # libsndfile's name: PCM_16, FLOAT, VORBIS, ...

    @property
    def length_seconds(self) -> float:
        return self.length_samples / self.rate_hz


@dataclass(frozen=True)
class Audio:
    """Sound in memory: samples [T, C] and their rate."""

    samples: Samples
    rate_hz: int


def inspect(path: str | Path) -> AudioInfo:
    """What the file at `path` says of itself; reads the header only.

    Raises JukeboxError when it is no audio file, or claims what this module does not read.
    """
    path = Path(path)
    with opened(path) as file:
        return _checked_info(path, file)


def check(path: str | Path) -> AudioInfo:
    """Read a whole file once, keeping nothing of it, and say what it is.

    Raises JukeboxError for all that `read` does, wherever in the file it is wrong.
    """
    path = Path(path)
    with opened(path) as file:
        info = _checked_info(path, file)
        block: Samples = np.empty((BLOCK_SAMPLES, info.channels), np.float32)
        left = info.length_samples
        while left:
            part = block[:left]
            if _decode_into(path, file, part) < len(part):
                raise _cut_short(info)
            left -= len(part)
    return info


def read(path: str | Path, *, start_samples: int = 0, length_samples: int | None = None) -> Audio:
    """The file's samples [T, C] from `start_samples` on: `length_samples` of them, or the rest.

    Memory is bounded by what is asked for, whatever the header claims. Raises JukeboxError for
    all that `inspect` does, for a stretch the file does not have or that is too long for one
    read, for samples that are not finite or absurdly loud, and where the file holds fewer
    samples than it claims.
    """
    path = Path(path)
    with opened(path) as file:
        info = _checked_info(path, file)
        if length_samples is None:
            length_samples = info.length_samples - start_samples
        end_samples = start_samples + length_samples
        if start_samples < 0 or length_samples < 1 or end_samples > info.length_samples:
            raise JukeboxError(
                f"{path} has {info.length_samples:,} samples, so there is nothing to read from "
                f"{start_samples:,} to {end_samples:,}; select a stretch inside the file."
            )
        if length_samples * info.channels > MOST_VALUES_READ:
            minutes = MOST_VALUES_READ / info.channels / info.rate_hz / 60
            raise JukeboxError(
                f"{path}: {length_samples / info.rate_hz / 60:.0f} minutes are too much to read "
                f"at once; select at most {minutes:.0f} minutes."
            )
        # The system backs this memory only as blocks arrive, so a lie about the length is cheap.
        samples: Samples = np.empty((length_samples, info.channels), np.float32)
        if _decode_into(path, file, samples, start_samples) < length_samples:
            raise _cut_short(info)
    return Audio(samples, info.rate_hz)


def _decode_into(
    path: Path, file: soundfile.SoundFile, samples: Samples, start_samples: int = 0
) -> int:
    """Fill samples [T, C] from where the file stands, or from `start_samples`; how many it had."""
    try:
        if start_samples:
            file.seek(start_samples)
        return _read_blocks(path, file, samples)
    except _UNREADABLE as error:
        raise JukeboxError(
            f"{path} is damaged: it cannot be decoded to its end ({error}). "
            "Export it again from where it came."
        ) from error


def _cut_short(info: AudioInfo) -> JukeboxError:
    return JukeboxError(
        f"{info.path} holds fewer samples than the {info.length_samples:,} it claims, so it is "
        "damaged; export it again from where it came."
    )


def opened(path: Path) -> BoundedSoundFile:
    """To read from; what it says of itself is not checked yet.

    Raises JukeboxError where it is no audio file.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise JukeboxError(f"There is no file {path}; check the name.") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise JukeboxError(f"{path} cannot be opened: {error}.") from error
    # Asked before opening: opening a pipe waits for ever, and a device may never end.
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a device or pipe"
        raise JukeboxError(f"{path} is {kind}; choose an audio file.")
    try:
        return BoundedSoundFile(path)
    except _UNREADABLE as error:
        why = getattr(error, "error_string", str(error)).rstrip(".")  # without the path again
        raise JukeboxError(
            f"{path} is not an audio file that can be read ({why}); "
            "choose a WAV, AIFF, FLAC, Ogg or MP3 file."
        ) from error


def _checked_info(path: Path, file: soundfile.SoundFile) -> AudioInfo:
    info = AudioInfo(path, file.samplerate, file.channels, file.frames, file.format, file.subtype)
    if not LOWEST_RATE_HZ <= info.rate_hz <= HIGHEST_RATE_HZ:
        raise JukeboxError(
            f"{path} says it has {info.rate_hz:,} samples per second; "
            f"use a file with {LOWEST_RATE_HZ:,} to {HIGHEST_RATE_HZ:,}."
        )
    if not 1 <= info.channels <= MOST_CHANNELS:
        raise JukeboxError(
            f"{path} says it has {info.channels:,} channels; use a file with at most "
            f"{MOST_CHANNELS}."
        )
    if info.length_samples < 1:
        raise JukeboxError(f"{path} has no samples in it; choose a file with sound.")
    if info.length_samples == _UNKNOWN_LENGTH:
        raise JukeboxError(f"{path} does not say how long it is; convert it to a WAV file.")
    if info.length_seconds > LONGEST_SECONDS:
        raise JukeboxError(
            f"{path} says it lasts {info.length_seconds / 3600:,.1f} hours; "
            f"use a file of at most {LONGEST_SECONDS // 3600} hours."
        )
    return info


def _read_blocks(path: Path, file: soundfile.SoundFile, samples: Samples) -> int:
    """Fill samples [T, C] block by block and return how many of the T the file had."""
    for begin in range(0, len(samples), BLOCK_SAMPLES):
        block = samples[begin : begin + BLOCK_SAMPLES]
        read_samples = len(file.read(out=block))
        loudest = float(np.abs(block[:read_samples]).max(initial=0.0))  # NaN stays NaN
        if not math.isfinite(loudest):
            raise JukeboxError(
                f"{path} holds samples that are not numbers (NaN or infinite) within "
                f"{BLOCK_SAMPLES:,} samples after {file.tell() - read_samples:,}; "
                "export it again from where it came."
            )
        if loudest > LOUDEST_SAMPLE:
            raise JukeboxError(
                f"{path} holds a sample {loudest:.3g} times full scale, which is no sound; "
                "export it again from where it came."
            )
        if read_samples < len(block):
            return begin + read_samples
    return len(samples)


def resampled_length(length_samples: int, from_hz: int, to_hz: int) -> int:
    """How long `resample` makes it: length * to / from, rounded, halves up."""
    return (2 * length_samples * to_hz + from_hz) // (2 * from_hz)


def resample(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    """Samples [T] or [T, C] at another rate, exactly `resampled_length` of them.

    Linear phase, so nothing moves in time. The same array comes back when the rates are equal.
    """
    if from_hz == to_hz:
        return samples
    length_samples = resampled_length(len(samples), from_hz, to_hz)
    if length_samples == 0:
        return samples[:0]
    resampled = soxr.resample(samples, from_hz, to_hz, quality="VHQ")[:length_samples]
    # soxr rounds on its own and may come out one short.
    short_samples = length_samples - len(resampled)
    padding = [(0, short_samples)] + [(0, 0)] * (samples.ndim - 1)
    exact: Samples = np.pad(resampled, padding).astype(np.float32, copy=False)
    return exact


def to_mono(samples: Samples) -> Samples:
    """The mean of all channels: [T] or [T, C] to [T]."""
    if samples.ndim == 1:
        return samples
    # As samples.mean(axis=1), which takes several times as long over so short an axis.
    mono = samples[:, 0].astype(np.float32)
    for channel in samples.T[1:]:
        mono += channel
    mono /= np.float32(samples.shape[1])
    return mono


def loudness_lufs(samples: Samples, rate_hz: int) -> float:
    """Integrated loudness (BS.1770) of samples [T] or [T, C]; -inf for silence.

    What is shorter than the standard's 0.4 s block is measured as one block of its own length.
    More than two channels are measured as their mono mix, since a file does not tell reliably
    which of them are surround channels.
    """
    if len(samples) == 0:
        return -math.inf
    if samples.ndim == 2 and samples.shape[1] > 2:
        samples = to_mono(samples)
    # Here, because it brings half of SciPy, and the window has to open at once.
    import pyloudnorm

    # A hair less, since the meter multiplies by the rate again, and refuses what is shorter.
    length_seconds = math.nextafter(len(samples) / rate_hz, 0.0)
    meter = pyloudnorm.Meter(rate_hz, block_size=min(LOUDNESS_BLOCK_SECONDS, length_seconds))
    return float(meter.integrated_loudness(samples.astype(np.float64)))


def loudness_of_file(
    path: str | Path, *, start_samples: int = 0, length_samples: int | None = None
) -> float:
    """The same of a stretch of a file. Raises JukeboxError for all that `read` does."""
    sound = read(path, start_samples=start_samples, length_samples=length_samples)
    return loudness_lufs(sound.samples, sound.rate_hz)


def write(path: str | Path, samples: Samples, rate_hz: int, *, subtype: str = "PCM_24") -> int:
    """Write samples [T] or [T, C] whole or not at all; the suffix says the kind of file.

    Only FLOAT and DOUBLE hold what exceeds full scale: for the others it is cut there, and the
    number of values cut is returned. Raises JukeboxError for samples that are not finite, for a
    suffix or subtype that cannot be written, and when the file cannot be written (full disk).
    """
    path = Path(path)
    encoded, clipped = encode(path, samples, rate_hz, subtype=subtype)
    write_atomically(path, encoded)
    return clipped


def encode(
    path: Path, samples: Samples, rate_hz: int, *, subtype: str = "PCM_24"
) -> tuple[bytes, int]:
    """What `write` puts into the file at `path`, and the number of values cut. Writes nothing."""
    container = path.suffix.removeprefix(".").upper()
    size_bytes = samples.size * _VALUE_BYTES.get(subtype, 1)
    # Asked first: what follows takes as much memory again.
    if container == "WAV" and size_bytes > MOST_WAV_BYTES:
        raise JukeboxError(
            f"{path} would have {size_bytes / 1e9:.1f} GB, and a WAV file holds at most "
            f"{MOST_WAV_BYTES / 1e9:.1f} GB; write it as FLAC or in parts."
        )
    if not np.isfinite(samples).all():
        raise JukeboxError(
            f"{path} was not written: the sound holds values that are not numbers "
            "(NaN or infinite)."
        )
    if not soundfile.check_format(container, subtype):
        raise JukeboxError(
            f"{path} cannot be written as {subtype}; choose a name that ends in .wav or .flac."
        )
    clipped = 0
    if subtype not in ("FLOAT", "DOUBLE"):
        clipped = int(np.count_nonzero(np.abs(samples) > 1.0))
        samples = np.clip(samples, -1.0, 1.0)
    # Encoded in memory: libsndfile hides why a write to a file failed.
    encoded = io.BytesIO()
    try:
        soundfile.write(encoded, samples, rate_hz, subtype=subtype, format=container)
    except (soundfile.SoundFileError, RuntimeError, ValueError) as error:
        raise JukeboxError(f"{path} cannot be written as audio ({error}).") from error
    return encoded.getvalue(), clipped
