"""Weights where others put them: torch files and safetensors, read one tensor after the other.

torch files are opened with `weights_only=True` alone: nothing in them is run. Zip files, torch's
present form, are mapped; the form before torch 1.6 has to be read whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from jukebox_studio.errors import JukeboxError
from jukebox_studio.model.load import DTYPE_NAMES, tensor_bytes
from jukebox_studio.tensor_file import TensorEntry, read_header

_COPY_BYTES = 1 << 24


class WeightFile(Protocol):
    """A file of tensors that can be read one after the other."""

    path: Path
    entries: Mapping[str, TensorEntry]

    def release(self) -> None: ...

    def chunks(self, key: str) -> Iterable[memoryview]: ...


class SafetensorsFile:
    """Tensors copied straight from the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: Mapping[str, TensorEntry] = read_header(path)

    def release(self) -> None:
        """Nothing is held between reads."""

    def close(self) -> None:
        """Nothing is held open between reads."""

    def chunks(self, key: str) -> Iterable[memoryview]:
        """The bytes of a tensor, piece by piece."""
        entry = self.entries[key]
        with self.path.open("rb", buffering=0) as file:
            file.seek(entry.start)
            left = entry.size_bytes
            while left:
                block = file.read(min(left, _COPY_BYTES))
                if not block:
                    raise JukeboxError(f"{self.path} ends within {key}; it is cut off.")
                left -= len(block)
                yield memoryview(block)


class TorchFile:
    """Tensors of a torch file: mapped where it is a zip, else read whole.

    `entries` have the keys without `module.`; `hps` the hyper-parameters, where there are any.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mmap = not is_torch_legacy(path)
        self._state: dict[str, Tensor] = {}
        self.hps: Mapping[str, Any] = {}
        self._open()
        self.entries: Mapping[str, TensorEntry] = {
            key: self._entry(key, tensor) for key, tensor in self._state.items()
        }

    def close(self) -> None:
        """End the mapping, or free the memory."""
        self._state = {}

    def release(self) -> None:
        """Give up a mapping: its pages that were touched count as our memory until then."""
        if self._mmap:
            self._state = {}

    def chunks(self, key: str) -> Iterable[memoryview]:
        """The bytes of a tensor in row-major order."""
        if not self._state:
            self._open()
        yield from tensor_bytes(self._state[key])

    def _open(self) -> None:
        loaded = _load(self.path, self._mmap)
        state = loaded.get("model", loaded) if isinstance(loaded, Mapping) else None
        if not isinstance(state, Mapping) or not state:
            raise JukeboxError(
                f"{self.path} holds no weights: expected a dictionary of tensors, or one under "
                "the key 'model'."
            )
        for key, tensor in state.items():
            if not isinstance(key, str) or not isinstance(tensor, Tensor):
                raise JukeboxError(f"{self.path}: {key!r} among the weights is not a tensor.")
        self._state = {key.removeprefix("module."): tensor for key, tensor in state.items()}
        if state is not loaded and isinstance(loaded.get("hps"), Mapping):
            self.hps = loaded["hps"]

    def _entry(self, key: str, tensor: Tensor) -> TensorEntry:
        if tensor.layout != torch.strided or tensor.dtype not in DTYPE_NAMES:
            raise JukeboxError(
                f"{self.path}: {key} is stored as {tensor.dtype}, {tensor.layout}; expected "
                "float32 or float16 numbers."
            )
        return TensorEntry(DTYPE_NAMES[tensor.dtype], tuple(tensor.shape))


def is_torch_legacy(path: Path) -> bool:
    """Whether a file is neither a zip nor safetensors, so that only reading it whole is left."""
    if path.suffix == ".safetensors":
        return False
    try:
        with path.open("rb") as file:
            return file.read(4) != b"PK\x03\x04"
    except OSError as error:
        raise JukeboxError(f"{path} cannot be read: {error.strerror}.") from error


def _load(path: Path, mmap: bool) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    except OSError as error:
        raise JukeboxError(f"{path} cannot be read: {error.strerror or error}.") from error
    except MemoryError as error:
        raise JukeboxError(f"{path} does not fit into memory.") from error
    except Exception as error:  # a damaged pickle can raise anything
        # torch names what it refused, e.g. "GLOBAL jukebox.hparams.Hyperparams".
        refused = re.search(r"GLOBAL ([\w.]+)", str(error))
        if refused:
            raise JukeboxError(
                f"{path} holds an object of type {refused.group(1)} beside its weights; such files "
                "can run code, so only plain weights are read. Have it saved again as "
                "{'model': weights} by someone you trust, or import the Hugging Face form."
            ) from error
        reason = str(error).strip().split("\n")[0][:120] or type(error).__name__
        raise JukeboxError(
            f"{path} is cut off, or is not a checkpoint of torch ({reason}); fetch it again."
        ) from error


def open_weights(path: Path) -> SafetensorsFile | TorchFile:
    """A file of weights of either kind. Raises JukeboxError where it is none."""
    return SafetensorsFile(path) if path.suffix == ".safetensors" else TorchFile(path)
