"""What a render takes of memory, told from shapes, against what is there."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from memory_parts import manifest

from jukebox_studio.memory import Asked, plan
from jukebox_studio.model.config import PUBLISHED_PRIORS

PUBLISHED = {
    0: PUBLISHED_PRIORS["upsampler_level_0"],
    1: PUBLISHED_PRIORS["upsampler_level_1"],
    2: PUBLISHED_PRIORS["prior_1b_lyrics"],
}


def test_a_published_model() -> None:
    told = plan(manifest(PUBLISHED), Asked(variants=1, is_wide=False, new_seconds=1.0))
    # Parameters of the paper's models: 981 M an upsampler, 943 M the top prior.
    assert [round(need.loaded_bytes / 4e6) for need in told.levels] == [981, 981, 943]
    # The columns alone take 754 MB a row of an upsampler and 642 MB of the top, what a row is told
    # of its positions 63 and 52 MB.
    assert 817e6 < told.levels[0].row_bytes < 863e6
    assert 694e6 < told.levels[2].row_bytes < 745e6
    assert told.one_level_bytes < told.peak_bytes / 2
    assert told.least_bytes <= told.one_level_bytes


def test_more_of_anything_takes_more() -> None:
    def peak(**more: object) -> int:
        return plan(manifest(PUBLISHED), replace(Asked(variants=1), **more)).peak_bytes  # type: ignore[arg-type]

    alone = peak()
    assert peak(variants=8) > alone
    assert peak(variants=4, conditions=2) > peak(variants=4)
    assert peak(new_seconds=600.0) > alone
    assert peak(precision="int8") < alone - 3 * 943_000_000


def test_weights_of_another_dtype_stay_beside_what_is_packed() -> None:
    single = plan(manifest(PUBLISHED)).levels[2]
    half = plan(manifest(PUBLISHED, "F16")).levels[2]
    assert half.weights_bytes == single.weights_bytes
    assert half.held_bytes - single.held_bytes == single.loaded_bytes


@pytest.mark.skipif(sys.platform != "linux", reason="reads what /proc counts")
@pytest.mark.parametrize("case", ["packed float32", "packed int8", "packed int8 after", "window"])
def test_what_is_told_is_taken(case: str) -> None:
    taken, told = in_own_process(case)
    assert taken > 5e6
    assert taken == pytest.approx(told, rel=0.15)


def in_own_process(case: str) -> tuple[int, int]:
    """What memory_parts.py says. A process in which other tests ran has memory to give again."""
    script = Path(__file__).with_name("memory_parts.py")
    run = subprocess.run(
        [sys.executable, str(script), *case.split()], check=True, capture_output=True, text=True
    )
    taken, told = map(int, run.stdout.split())
    return taken, told
