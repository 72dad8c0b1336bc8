"""A clip's stretch of a file as a file of its own, number by number. No torch."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import Literal

import soundfile

from jukebox_studio import audio
from jukebox_studio.clip import Clip
from jukebox_studio.errors import JukeboxError

_Dtype = Literal["int16", "int32", "float32", "float64"]

# How samples are stored: the type that holds them without loss, and libsndfile's name for it.
# What is not listed (lossy formats, 32-bit float) decodes to float32.
_STORED: dict[str, tuple[_Dtype, str]] = {
    "PCM_S8": ("int16", "PCM_16"),
    "PCM_U8": ("int16", "PCM_16"),
    "PCM_16": ("int16", "PCM_16"),
    "PCM_24": ("int32", "PCM_24"),
    "PCM_32": ("int32", "PCM_32"),
    "DOUBLE": ("float64", "DOUBLE"),
}
_SAMPLE_BYTES = {"PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8}


def copy_stretch(clip: Clip, path: Path) -> None:
    """Write the clip's samples to `path`, a WAV file, in one step and without loss.

    Memory is bounded, however long the clip is. Raises JukeboxError where the clip's file is not
    what the clip says, holds fewer samples than it claims, or the copy cannot be written.
    """
    info = clip.check_file()
    dtype, subtype = _STORED.get(info.subtype, ("float32", "FLOAT"))
    if clip.length_samples * info.channels * _SAMPLE_BYTES[subtype] > audio.MOST_WAV_BYTES:
        raise JukeboxError(
            f"{clip.path} would be copied into more than a WAV file holds, 4 GiB; select less."
        )
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            audio.opened(clip.path) as source,
            soundfile.SoundFile(
                part, "w", info.rate_hz, info.channels, subtype, format="WAV"
            ) as copy,
        ):
            source.seek(clip.start_samples)
            left = clip.length_samples
            while left:
                block = source.read(min(left, audio.BLOCK_SAMPLES), dtype=dtype, always_2d=True)
                if not len(block):
                    raise JukeboxError(
                        f"{clip.path} ends {left:,} samples before the clip does, so it is "
                        "damaged; export it again from where it came."
                    )
                copy.write(block)
                left -= len(block)
        with part.open("rb+") as written:
            os.fsync(written.fileno())
        part.replace(path)
    except (OSError, soundfile.SoundFileError) as error:
        raise JukeboxError(
            f"{clip.path} could not be copied to {path} ({error}); make room and try again."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
