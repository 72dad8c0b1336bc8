"""Counted randomness and draws from it."""

import numpy as np
import pytest
import torch

from jukebox_studio.errors import JukeboxError
from jukebox_studio.sampling.randomness import draw, philox, uniforms


def words(*values: int) -> tuple[np.ndarray, ...]:
    return tuple(np.array([value], dtype=np.uint64) for value in values)


@pytest.mark.parametrize(
    ("counter", "key", "want"),
    [
        # The published known answers of Random123 for philox4x32-10
        ((0, 0, 0, 0), 0, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        (
            (0xFFFFFFFF,) * 4,
            0xFFFFFFFF_FFFFFFFF,
            (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
        ),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            0x299F31D0_A4093822,
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_known_answers(counter: tuple[int, ...], key: int, want: tuple[int, ...]) -> None:
    assert tuple(int(w[0]) for w in philox(words(*counter), key)) == want  # type: ignore[arg-type]


def test_uniforms_are_a_pure_function_of_where_they_belong() -> None:
    block = uniforms(7, [0, 1, 5], 2, 100, 50)
    assert block.shape == (3, 50)
    assert np.array_equal(uniforms(7, [5], 2, 120, 10)[0], block[2, 20:30])
    other = [uniforms(8, [5], 2, 100, 50), uniforms(7, [5], 1, 100, 50)]
    assert all(not np.any(o[0] == block[2]) for o in other)
    assert len(np.unique(block)) == block.size


def test_uniforms_are_uniform() -> None:
    values = uniforms(2**64 - 1, range(16), 0, 2**33, 4096).ravel()
    assert values.min() >= 0
    assert values.max() < 1
    counts = np.histogram(values, bins=64, range=(0, 1))[0]
    assert chi_square(counts, np.full(64, 1 / 64)) < 112  # one in ten thousand for 63 degrees
    # Neighbours in position and in variant do not go together.
    table = values.reshape(16, 4096)
    assert abs(np.corrcoef(table[:, 1:].ravel(), table[:, :-1].ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(table[1:].ravel(), table[:-1].ravel())[0, 1]) < 0.02


def test_draws_follow_the_probabilities() -> None:
    probabilities = np.array([0.0, 0.4, 0.05, 0.0, 0.3, 0.2, 0.05, 0.0])
    rows = 40_000
    u = torch.from_numpy(uniforms(3, [0], 1, 0, rows)[0])
    codes = draw(torch.from_numpy(probabilities).float().expand(rows, -1), u)
    counts = np.bincount(codes.numpy(), minlength=8)
    possible = probabilities > 0
    assert counts[~possible].sum() == 0
    assert chi_square(counts[possible], probabilities[possible]) < 23.5  # one in ten thousand


def test_impossible_codes_are_never_drawn_at_the_edges() -> None:
    probabilities = torch.tensor([[0.0, 0.5, 0.0, 0.5, 0.0]]).expand(3, -1)
    u = torch.tensor([0.0, 0.5, 1 - 2**-53], dtype=torch.float64)
    assert draw(probabilities, u).tolist() == [1, 3, 3]
    # A total above one, where u times it rounds up to it
    assert draw(3 * probabilities, u).tolist() == [1, 3, 3]


def test_draws_of_a_row_do_not_depend_on_the_batch() -> None:
    probabilities = torch.rand(8, 2048)
    u = torch.rand(8, dtype=torch.float64)
    together = draw(probabilities, u)
    alone = [draw(probabilities[i : i + 1], u[i : i + 1]).item() for i in range(8)]
    assert together.tolist() == alone


def test_nothing_to_draw_from_is_an_error() -> None:
    for bad in (torch.zeros(1, 4), torch.full((1, 4), torch.nan)):
        with pytest.raises(JukeboxError, match="weights may be damaged"):
            draw(bad, torch.zeros(1))


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_seeds_out_of_range_are_refused(seed: int) -> None:
    with pytest.raises(JukeboxError, match="seed"):
        uniforms(seed, [0], 0, 0, 1)


def chi_square(counts: np.ndarray, probabilities: np.ndarray) -> float:
    expected = counts.sum() * probabilities
    return float(((counts - expected) ** 2 / expected).sum())
