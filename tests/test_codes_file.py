"""The codes of a variant on disk: there and back, and what is no such file."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from jukebox_studio.codes_file import Made, read_codes, save_codes
from jukebox_studio.errors import JukeboxError

MADE = Made(
    request={"version": 1, "seed": 7},
    variant=2,
    model="tiny",
    bundle_sha256="ab" * 32,
    result_at="4321/7",
    length_samples=1000,
    rate_hz=48_000,
    gain_db=-1.2345678901234567,
    level=0,
    program="jukebox-studio 0.1.0",
    torch="2.0",
    threads=1,
)


@pytest.mark.parametrize("side", [None, torch.tensor([3, 2, 1, 0])])
def test_codes_come_back_as_they_were(tmp_path: Path, side: torch.Tensor | None) -> None:
    path = tmp_path / "ein Stück ü.codes"
    levels = {0: torch.tensor([0, 1, 2, 2047]), 1: torch.tensor([5])}
    save_codes(path, MADE, levels, side)
    saved = read_codes(path)
    assert saved.made == MADE
    assert saved.made.result_at_samples == Fraction(4321, 7)
    assert saved.levels.keys() == levels.keys()
    for level, codes in levels.items():
        assert torch.equal(saved.levels[level], codes)
    assert (saved.side is None) == (side is None)
    assert saved.side is None or torch.equal(saved.side, torch.tensor([3, 2, 1, 0]))


def described(path: Path, value: Any, **tensors: torch.Tensor) -> Path:
    tensors = tensors or {"level_0": torch.zeros(3, dtype=torch.int32)}
    path.write_bytes(save(tensors, {"variant": json.dumps(value)}))
    return path


def test_what_is_no_codes_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.codes"
    with pytest.raises(JukeboxError, match="cannot be read"):
        read_codes(path)
    path.write_bytes(b"not codes at all")
    with pytest.raises(JukeboxError, match="cannot be read"):
        read_codes(path)
    path.write_bytes(save({"level_0": torch.zeros(3)}))
    with pytest.raises(JukeboxError, match="cannot be read"):
        read_codes(path)
    for value in ([], {}, {"version": 2}):
        with pytest.raises(JukeboxError, match="another version"):
            read_codes(described(path, value))
    with pytest.raises(JukeboxError, match="request: Field required"):
        read_codes(described(path, {"version": 1}))


@pytest.mark.parametrize("result_at", ["", "soon", "1/0", "1.5", "2/"])
def test_a_place_that_is_no_fraction_is_told(tmp_path: Path, result_at: str) -> None:
    path = tmp_path / "a.codes"
    save_codes(path, replace(MADE, result_at=result_at), {0: torch.zeros(3)}, None)
    with pytest.raises(JukeboxError, match="result_at"):
        read_codes(path)


def test_codes_need_the_level_that_was_heard(tmp_path: Path) -> None:
    path = tmp_path / "a.codes"
    for levels in ({}, {1: torch.zeros(3)}):
        save_codes(path, MADE, levels, torch.zeros(3))
        with pytest.raises(JukeboxError, match="no level 0"):
            read_codes(path)


@pytest.mark.parametrize(
    "codes",
    [
        torch.zeros(3),
        torch.tensor([True]),
        torch.zeros(2, 3, dtype=torch.int32),
        torch.zeros(0, dtype=torch.int32),
        torch.tensor(3),
    ],
)
def test_what_are_no_codes_is_told(tmp_path: Path, codes: torch.Tensor) -> None:
    path = described(tmp_path / "a.codes", {}, level_0=codes)
    with pytest.raises(JukeboxError, match="level_0 is no row of whole numbers"):
        read_codes(path)


@pytest.mark.parametrize("field", ["rate_hz", "length_samples"])
def test_a_length_of_nothing_is_told(tmp_path: Path, field: str) -> None:
    path = tmp_path / "a.codes"
    save_codes(path, replace(MADE, **{field: 0}), {0: torch.zeros(3)}, None)  # type: ignore[arg-type]
    with pytest.raises(JukeboxError, match=field):
        read_codes(path)
