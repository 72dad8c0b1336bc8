"""The command `jukebox-studio info`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from jukebox_studio import audio
from jukebox_studio.provenance import Provenance, read_provenance


def info(file: Path, *, json_line: Annotated[bool, Parameter(name="--json")] = False) -> None:
    """Say what an audio file is, and how it was made where it says so.

    Parameters
    ----------
    file
        A WAV or FLAC file.
    json_line
        Print one line of JSON.
    """
    sound = audio.inspect(file)
    provenance = read_provenance(file)
    if json_line:
        print(json.dumps(_json(sound, provenance), ensure_ascii=False))
    else:
        print("\n".join(_lines(sound, provenance)))


def _lines(sound: audio.AudioInfo, provenance: Provenance | None) -> Iterator[str]:
    yield (
        f"{sound.path}: {sound.container} {sound.subtype}, {sound.rate_hz:,} Hz, "
        f"{sound.channels} channel{'s' if sound.channels > 1 else ''}, "
        f"{sound.length_samples:,} samples ({sound.length_seconds:.3f} s)"
    )
    if provenance is None:
        yield (
            "It does not say how it was made: it is not from Jukebox Studio, or another program "
            "wrote it anew."
        )
        return
    seconds = provenance.time_reference_samples / sound.rate_hz
    yield f"Operation:  {provenance.operation}"
    yield f"Seed:       {provenance.seed}, variant {provenance.variant + 1}"
    yield f"Model:      {provenance.model}"
    yield f"Bundle:     {provenance.bundle_sha256}"
    yield f"Licence:    {provenance.licence}"
    yield f"Notice:     {provenance.notice}"
    yield f"Request:    {provenance.request_sha256}"
    if provenance.date:
        yield f"Asked for:  {provenance.date:%Y-%m-%d %H:%M:%S %z}"
    yield f"Program:    {provenance.program}"
    yield f"Timeline:   sample {provenance.time_reference_samples:,} ({seconds:,.3f} s)"


def _json(sound: audio.AudioInfo, provenance: Provenance | None) -> dict[str, object]:
    return {
        "file": str(sound.path),
        "container": sound.container,
        "subtype": sound.subtype,
        "rate_hz": sound.rate_hz,
        "channels": sound.channels,
        "length_samples": sound.length_samples,
        "provenance": None if provenance is None else provenance.to_json(),
    }
