"""Golden vectors of the VQ-VAE: the whole set where there is one, and a small part always."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from reference_part import PART, list_files

from jukebox_studio.reference import vqvae
from jukebox_studio.reference.folder import ReferenceFolder, Report

CODING = "vqvae/small_encode_decode.npz"


@pytest.fixture
def part(tmp_path: Path) -> Path:
    folder = tmp_path / "reference"
    shutil.copytree(PART, folder)
    list_files(folder)
    return folder


def failed_cases(folder: Path) -> set[str]:
    report = Report()
    opened = ReferenceFolder(folder)
    vqvae.check_coding(opened, report, "small_vqvae")
    vqvae.check_codebook(opened, report)
    vqvae.check_losses(opened, report)
    assert len(report.outcomes) > 150
    return {o.case.removeprefix("vqvae/") for o in report.outcomes if not o.passed}


def change(file: str, key: str, edit: Callable[[np.ndarray], None]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        with np.load(folder / file) as opened:
            arrays = {name: opened[name].copy() for name in opened.files}
        edit(arrays[key])
        np.savez(folder / file, **arrays)

    return damage


def next_code(array: np.ndarray) -> None:
    array[0, 3] = (array[0, 3] + 1) % 24


def nudge(array: np.ndarray) -> None:
    array.flat[5] += 1e-3


def nudge_weight(folder: Path) -> None:
    path = folder / "models/small/small_vqvae.pth.tar"
    checkpoint = torch.load(path, weights_only=True)
    checkpoint["model"]["decoders.1.out.weight"][0, 2, 1] += 0.01
    torch.save(checkpoint, path)


def test_a_part_of_the_vectors_passes(part: Path) -> None:
    assert not failed_cases(part)


@pytest.mark.parametrize(
    ("damage", "case"),
    [
        (change(CODING, "z_l0", next_code), "small_encode_decode/z_l0"),
        (change(CODING, "enc_out_l1", nudge), "small_encode_decode/enc_out_l1"),
        (nudge_weight, "small_encode_decode/dec_from_l1 in chunks"),
        (
            change("vqvae/bottleneck_ema.npz", "fresh/step2/codes", next_code),
            "bottleneck_ema/fresh/step2/codes",
        ),
        (
            change("vqvae/bottleneck_ema.npz", "restored/step1/k_sum", nudge),
            "bottleneck_ema/restored/step1/k_sum",
        ),
        (
            change("vqvae/losses.npz", "spec_nfft512", lambda a: a.__iadd__(1)),
            "losses/spec_nfft512",
        ),
    ],
)
def test_damage_is_found(part: Path, damage: Callable[[Path], None], case: str) -> None:
    damage(part)
    list_files(part)
    assert case in failed_cases(part)


def test_the_whole_set_passes(reference_folder: Path) -> None:
    report = Report()
    vqvae.check(ReferenceFolder(reference_folder), report)
    assert len(report.outcomes) > 400
    assert not [o for o in report.outcomes if not o.passed]
