"""Filters on logits."""

import pytest
import torch

from jukebox_studio.errors import JukeboxError
from jukebox_studio.sampling.guidance import filter_logits, greedy_pick, seeded_pick

LOGITS = torch.tensor([[3.0, 1.0, 2.0, 2.0, -1.0], [0.0, 0.0, 0.0, 0.0, 5.0]])


def kept(logits: torch.Tensor) -> list[list[int]]:
    return [row.isfinite().nonzero().flatten().tolist() for row in logits]


def test_temperature_divides() -> None:
    torch.testing.assert_close(filter_logits(LOGITS, 0.5), LOGITS * 2)
    assert torch.equal(filter_logits(LOGITS), LOGITS)


def test_top_k_keeps_ties() -> None:
    assert kept(filter_logits(LOGITS, top_k=1)) == [[0], [4]]
    assert kept(filter_logits(LOGITS, top_k=2)) == [[0, 2, 3], [0, 1, 2, 3, 4]]
    assert kept(filter_logits(LOGITS, top_k=99)) == [[0, 1, 2, 3, 4]] * 2


def test_top_p_keeps_the_code_that_crosses_the_threshold() -> None:
    logits = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()
    assert kept(filter_logits(logits, top_p=0.1)) == [[0]]
    assert kept(filter_logits(logits, top_p=0.6)) == [[0, 1]]
    assert kept(filter_logits(logits, top_p=0.9)) == [[0, 1, 2]]
    assert kept(filter_logits(logits, top_p=1.0)) == [[0, 1, 2, 3]]


def test_top_p_is_per_row_and_in_place_of_the_code() -> None:
    logits = torch.tensor([[0.1, 0.7, 0.2], [0.2, 0.1, 0.7]]).log()
    assert kept(filter_logits(logits, top_p=0.5)) == [[1], [2]]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"top_k": 5, "top_p": 0.5}, "not both"),
        ({"temperature": 0.0}, "temperature must be above 0"),
        ({"temperature": float("nan")}, "temperature must be above 0"),
        ({"top_k": -1}, "Top-k"),
        ({"top_p": 1.5}, "Top-p"),
        ({"top_p": -0.1}, "Top-p"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(JukeboxError, match=message):
        filter_logits(LOGITS, **settings)  # type: ignore[arg-type]


def test_the_codes_of_a_variant_do_not_depend_on_its_companions() -> None:
    logits = torch.randn(4, 50)

    def codes(variants: list[int]) -> list[int]:
        pick = seeded_pick(seed=7, variants=variants, level=2, first_position=100, count=10)
        return pick(logits[variants], 3).tolist()

    together = codes([0, 1, 2, 3])
    assert [codes([v])[0] for v in range(4)] == together
    assert codes([3, 1]) == [together[3], together[1]]


def test_a_later_window_goes_on_with_the_randomness_of_the_variant() -> None:
    logits = torch.zeros(2, 1000)
    first = seeded_pick(seed=7, variants=[0, 1], level=0, first_position=0, count=40)
    second = seeded_pick(seed=7, variants=[0, 1], level=0, first_position=30, count=40)
    assert torch.equal(first(logits, 35), second(logits, 5))
    assert not torch.equal(first(logits, 35), first(logits, 36))


def test_top_1_is_greedy() -> None:
    logits = torch.randn(3, 50)
    pick = seeded_pick(seed=1, variants=[0, 1, 2], level=0, first_position=0, count=1, top_k=1)
    assert torch.equal(pick(logits, 0), greedy_pick(logits, 0))
