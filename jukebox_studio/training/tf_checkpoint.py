"""Reads the tensors of a TensorFlow checkpoint without TensorFlow.

A checkpoint ("tensor bundle") is an `.index`, a sorted table of names as LevelDB writes them
(github.com/google/leveldb, doc/table_format.md), whose values are protocol buffers that say where
in the `.data` file each tensor lies (tensorflow/core/protobuf/tensor_bundle.proto).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jukebox_studio.errors import JukeboxError

_FOOTER_BYTES = 48
_FLOAT32 = 1
"""tensorflow's DT_FLOAT"""
_DTYPE, _SHAPE, _OFFSET, _SIZE = 1, 2, 4, 5
"""Fields of BundleEntryProto"""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
"""Wire types of protocol buffers"""


_Fields = dict[int, list[Any]]
"""Of a protocol buffer by number: whole numbers, or bytes."""


def read_float_tensors(index: bytes, data: bytes) -> dict[str, NDArray[np.float32]]:
    """Every float32 tensor of a checkpoint of one shard. JukeboxError where it is none."""
    try:
        return dict(_tensors(index, data))
    except (IndexError, KeyError, ValueError, struct.error) as error:
        raise JukeboxError(f"This is not a TensorFlow checkpoint: {error}.") from error


def _tensors(index: bytes, data: bytes) -> Iterator[tuple[str, NDArray[np.float32]]]:
    # The footer holds two handles, each an offset and a size: meta index, then index of blocks.
    footer, at = index[-_FOOTER_BYTES:], 0
    handle = []
    for _ in range(4):
        value, at = _varint(footer, at)
        handle.append(value)
    for _, place in _block(index, handle[2], handle[3]):
        offset, at = _varint(place, 0)
        size, _ = _varint(place, at)
        for name, entry in _block(index, offset, size):
            fields = _message(entry)
            if not name or _first(fields, _DTYPE, 0) != _FLOAT32:
                continue  # the nameless entry is a header
            start, length = _first(fields, _OFFSET, 0), _first(fields, _SIZE, 0)
            shape = [_first(_message(dim), 1, 0) for dim in _message(fields[_SHAPE][0]).get(2, [])]
            tensor = np.frombuffer(data[start : start + length], "<f4").reshape(shape)
            yield name.decode(), tensor.astype(np.float32)


def _block(table: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Names and values of a block. Each name says how much of the one before it begins with."""
    if table[offset + size] != 0:
        raise ValueError("its index is compressed")
    block = table[offset : offset + size]
    restarts = struct.unpack("<I", block[-4:])[0]
    end, at, name = size - 4 * (restarts + 1), 0, b""
    while at < end:
        shared, at = _varint(block, at)
        own, at = _varint(block, at)
        length, at = _varint(block, at)
        name = name[:shared] + block[at : at + own]
        at += own
        yield name, block[at : at + length]
        at += length


def _message(data: bytes) -> _Fields:
    """The fields of a protocol buffer by number: whole numbers, or bytes."""
    fields: _Fields = {}
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        value: int | bytes
        if kind == _VARINT:
            value, at = _varint(data, at)
        else:
            if kind == _BYTES:
                length, at = _varint(data, at)
            else:
                length = {_FIXED64: 8, _FIXED32: 4}[kind]
            value = data[at : at + length]
            at += length
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def _first(fields: _Fields, number: int, default: int) -> int:
    found = fields.get(number, [default])[0]
    return int(found)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, least first, and where the next thing starts."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        shift += 7
        if byte < 0x80:
            return value, at
