"""The codes of a variant on disk: what its audio can be made from again, and gone on from.

A safetensors file. Tensors: `level_{n}`, int32 [T], from the start of the canvas; `side_0`, the
second bottom level of a stereo result. Metadata `variant`: the JSON of `Made`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import ConfigDict, Field, TypeAdapter, with_config
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from jukebox_studio.edges import checked
from jukebox_studio.errors import JukeboxError
from jukebox_studio.files import write_atomically

CODES_VERSION = 1
SUFFIX = ".codes"


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True)
class Made:
    """How the audio of a variant follows from its codes."""

    request: dict[str, Any]
    variant: Annotated[int, Field(ge=0)]
    model: str
    bundle_sha256: str
    result_at: Annotated[str, Field(pattern=r"^-?\d+(/0*[1-9]\d*)?$")]
    """A fraction: the sample of the canvas, at the model's rate, on which the audio starts."""
    length_samples: Annotated[int, Field(ge=1)]
    rate_hz: Annotated[int, Field(ge=1)]
    gain_db: Annotated[float, Field(allow_inf_nan=False)]
    level: int
    """That the audio was decoded from; above 0 it is a preview."""
    program: str
    torch: str
    threads: int

    @property
    def result_at_samples(self) -> Fraction:
        return Fraction(self.result_at)


_MADE = TypeAdapter(Made)


@dataclass(frozen=True)
class SavedCodes:
    """A codes file, read."""

    made: Made
    levels: dict[int, Tensor]
    """int64 Tensor[T] by level; a preview has the top one alone."""
    side: Tensor | None


def save_codes(path: Path, made: Made, levels: dict[int, Tensor], side: Tensor | None) -> None:
    """Write a codes file, whole or not at all."""
    tensors = {f"level_{n}": codes.to(torch.int32).contiguous() for n, codes in levels.items()}
    if side is not None:
        tensors["side_0"] = side.to(torch.int32).contiguous()
    described = json.dumps({"version": CODES_VERSION, **_MADE.dump_python(made, mode="json")})
    write_atomically(path, save(tensors, {"variant": described}))


def read_codes(path: Path) -> SavedCodes:
    """The codes of a variant. JukeboxError where there are none or they cannot be read."""
    try:
        with safe_open(path, framework="pt") as file:
            described = json.loads((file.metadata() or {})["variant"])
            tensors = {key: _codes(key, file.get_tensor(key)) for key in file.keys()}  # noqa: SIM118
        levels = {int(k[6:]): v for k, v in tensors.items() if k.startswith("level_")}
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise JukeboxError(
            f"The codes {path} cannot be read ({error}). Choose another variant, or start from "
            "its audio."
        ) from error
    if not isinstance(described, dict) or described.pop("version", None) != CODES_VERSION:
        raise JukeboxError(f"The codes {path} are of another version of this program.")
    made = checked(_MADE, described, f"The codes {path} cannot be read")
    if made.level not in levels:
        raise JukeboxError(
            f"The codes {path} hold no level {made.level}, which they were heard from; choose "
            "another variant."
        )
    return SavedCodes(made, levels, tensors.get("side_0"))


def _codes(name: str, there: Tensor) -> Tensor:
    """int64 Tensor[T]; ValueError where there are no codes."""
    if there.dim() != 1 or there.dtype not in (torch.int32, torch.int64) or not len(there):
        raise ValueError(f"{name} is no row of whole numbers")
    return there.long()
