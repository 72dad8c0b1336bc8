"""safetensors files, read by their header and written tensor by tensor. No torch.

Layout of the format: eight bytes little-endian, the length of a JSON header; the header, key ->
{dtype, shape, data_offsets}; then the bytes of all tensors without gaps. The library's own writer
wants every tensor in memory at once, which an import of 10 GB must not.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from jukebox_studio.errors import JukeboxError

BYTES_PER_VALUE = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I8": 1, "U8": 1}
_HEADER_LIMIT_BYTES = 100_000_000
"""The format's own limit; a longer header means that the file is not what it says."""


@dataclass(frozen=True)
class TensorEntry:
    """One tensor of a file: dtype as safetensors spells it (F32, F16), shape, and place."""

    dtype: str
    shape: tuple[int, ...]
    start: int = 0
    """Byte offset from the start of the file."""

    @property
    def size_bytes(self) -> int:
        return math.prod(self.shape) * BYTES_PER_VALUE[self.dtype]


def read_header(path: Path) -> dict[str, TensorEntry]:
    """Keys, dtypes, shapes and places of the tensors of a file; none of their bytes are read.

    Raises JukeboxError where the file is missing, cut off or not safetensors.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or length > min(size - 8, _HEADER_LIMIT_BYTES):
                raise JukeboxError(
                    f"{path} is cut off or not a safetensors file: its header should take "
                    f"{length} bytes, the file has {size}."
                )
            header = json.loads(file.read(length))
        entries = {
            key: _entry(value, 8 + length) for key, value in header.items() if key != "__metadata__"
        }
    except OSError as error:
        raise JukeboxError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise JukeboxError(f"{path} has no safetensors header that can be read.") from error
    end = max((entry.start + entry.size_bytes for entry in entries.values()), default=8 + length)
    if end != size:
        raise JukeboxError(
            f"{path} is cut off or damaged: its tensors end at byte {end}, the file at {size}."
        )
    return entries


def _entry(value: Mapping[str, object], base: int) -> TensorEntry:
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not (isinstance(dtype, str) and isinstance(shape, list) and isinstance(offsets, list)):
        raise TypeError("dtype, shape or data_offsets of the wrong type")
    entry = TensorEntry(dtype, tuple(int(n) for n in shape), base + int(offsets[0]))
    if entry.size_bytes != int(offsets[1]) - int(offsets[0]) or min(offsets) < 0:
        raise ValueError("data_offsets contradict the shape")
    return entry


def write_streamed(
    path: Path,
    entries: Mapping[str, TensorEntry],
    chunks: Callable[[str], Iterable[memoryview]],
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Write a file of `entries`, asking `chunks(key)` for the bytes of one tensor at a time.

    Wider numbers go first, so that all are aligned; else the order is that of `entries`, and also
    that of the calls. `progress` gets the bytes written since it was last called. OSError (a full
    disk) comes through as it is.
    """
    keys = sorted(entries, key=lambda key: -BYTES_PER_VALUE[entries[key].dtype])
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for key in keys:
        entry = entries[key]
        header[key] = {
            "dtype": entry.dtype,
            "shape": list(entry.shape),
            "data_offsets": [offset, offset + entry.size_bytes],
        }
        offset += entry.size_bytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors start at a multiple of eight, as the format asks
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        for key in keys:
            entry, written = entries[key], 0
            for chunk in chunks(key):
                file.write(chunk)
                written += chunk.nbytes
                progress(chunk.nbytes)
            if written != entry.size_bytes:
                raise JukeboxError(
                    f"{key} gave {written} bytes for {path.name}, expected {entry.size_bytes}; "
                    "the source file is damaged."
                )
