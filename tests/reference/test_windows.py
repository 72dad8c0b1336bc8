"""Checks of whole songs, where a code is within float noise."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from jukebox_studio.model.config import TINY_VQVAE
from jukebox_studio.model.vqvae import VQVAE
from jukebox_studio.reference import windows
from jukebox_studio.reference.folder import Report


@torch.no_grad()
def prompt_outcomes(shift: int) -> dict[str, bool]:
    """Of a prompt whose recorded codes are ours moved by `shift`; codes 0 and 1 are the same."""
    torch.manual_seed(0)
    vqvae = VQVAE(TINY_VQVAE).eval()
    for level in range(TINY_VQVAE.levels):
        vqvae.codebook(level).k[2:] = 100.0
    audio = torch.rand(2, 4 * TINY_VQVAE.hop_samples(1), 1)
    arrays = {f"prompt_z{n}": codes.numpy() + shift for n, codes in enumerate(vqvae.encode(audio))}
    arrays |= {"prompt_x": audio.numpy(), "primed_min_gap": np.float64(1.0)}
    song = SimpleNamespace(
        case="windows/song",
        arrays=arrays,
        vqvae=vqvae,
        made_levels=lambda prefix: [],
        sample=lambda codes, levels, picks: codes,
    )
    report = Report()
    windows._check_primed(cast(Any, None), report, cast(Any, song))
    return {o.case: o.passed for o in report.outcomes if "prompt_z" in o.case}


def test_a_prompt_code_within_float_noise_is_excused() -> None:
    assert prompt_outcomes(shift=1) == {
        "windows/song/prompt_z0": True,
        "windows/song/prompt_z1": True,
    }


def test_a_prompt_code_that_is_wrong_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(prompt_outcomes(shift=0).values()) == {True}
    monkeypatch.setattr(windows, "LEAST_MARGIN", -1.0)  # then none is within noise
    assert set(prompt_outcomes(shift=1).values()) == {False}
