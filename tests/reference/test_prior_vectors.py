"""Golden vectors of the priors: the whole set where there is one, and a small part always."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from reference_part import PART, list_files

from jukebox_studio.reference import prior
from jukebox_studio.reference.folder import ReferenceFolder, Report

MODEL, VECTORS = "small_labelled_prior", "prior/small_labelled.npz"


@pytest.fixture
def part(tmp_path: Path) -> Path:
    """A copy of the part kept here, listed as a folder of vectors is."""
    folder = tmp_path / "reference"
    shutil.copytree(PART, folder)
    list_files(folder)
    return folder


def failed_cases(folder: Path) -> set[str]:
    report = Report()
    opened = ReferenceFolder(folder)
    with report.section("prior/small_labelled"):
        prior.PriorVectors(opened, report, MODEL, VECTORS).run()
    return {o.case.removeprefix("prior/small_labelled/") for o in report.outcomes if not o.passed}


def change_array(key: str, change: Callable[[np.ndarray], None]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        with np.load(folder / VECTORS) as file:
            arrays = {name: file[name].copy() for name in file.files}
        change(arrays[key])
        np.savez(folder / VECTORS, **arrays)

    return damage


def flip_token(array: np.ndarray) -> None:
    array[1, 20] = (array[1, 20] + 1) % 16


def next_artist(y: np.ndarray) -> None:
    y[0, 3] += 1


def nudge_weight(folder: Path) -> None:
    path = folder / "models/small/labelled_prior.pth.tar"
    checkpoint = torch.load(path, weights_only=True)
    checkpoint["model"]["prior.transformer._attn_mods.2.attn.c_attn.w"][3, 20] += 0.05
    torch.save(checkpoint, path)


def test_a_part_of_the_vectors_passes(part: Path) -> None:
    assert not failed_cases(part)
    report = Report()
    prior.check_filter_logits(ReferenceFolder(part), report)
    assert len(report.outcomes) == 82
    assert not report.failed


@pytest.mark.parametrize(
    ("damage", "cases"),
    [
        (change_array("greedy", flip_token), {"greedy"}),
        (change_array("z", flip_token), {"logits", "loss", "grad_norms"}),
        (change_array("y", next_artist), {"y_cond", "logits", "loss", "greedy"}),
        (nudge_weight, {"logits", "loss", "grad_norms"}),
    ],
)
def test_damage_is_found(part: Path, damage: Callable[[Path], None], cases: set[str]) -> None:
    damage(part)
    list_files(part)
    failed = failed_cases(part)
    assert cases <= failed
    assert "arrays" not in failed


def test_a_changed_file_is_not_even_opened(part: Path) -> None:
    nudge_weight(part)
    assert failed_cases(part) == {"prior/small_labelled"}


def test_an_array_that_no_check_knows_is_a_failure(part: Path) -> None:
    with np.load(part / VECTORS) as file:
        arrays = {name: file[name] for name in file.files}
    np.savez(part / VECTORS, surprise=np.zeros(1), **arrays)
    list_files(part)
    assert failed_cases(part) == {"arrays"}


def test_vectors_without_a_model_are_a_failure(part: Path) -> None:
    (part / VECTORS).rename(part / "prior/stranger.npz")
    list_files(part)
    report = Report()
    prior.check(ReferenceFolder(part), report)
    failed = {o.case for o in report.outcomes if not o.passed}
    assert {"prior/stranger.npz", f"hparams/{MODEL}/vectors"} <= failed


def test_the_whole_set_passes(reference_folder: Path) -> None:
    folder, report = ReferenceFolder(reference_folder), Report()
    prior.check(folder, report)
    assert not [o for o in report.outcomes if not o.passed]
    mine = ("prior/", "hparams/", "sampling/filter_logits")
    left = [n for n in folder.unused() if n.startswith(mine) and "vqvae" not in n]
    assert not left
