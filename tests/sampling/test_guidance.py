"""Filters on logits."""

import pytest
import torch

from jukebox_studio.errors import JukeboxError
from jukebox_studio.sampling import guidance
from jukebox_studio.sampling.guidance import (
    Ban,
    Keep,
    _nucleus,
    code_distances,
    filter_logits,
    greedy_pick,
    guide,
    keep_strength,
    seeded_pick,
    shaped_pick,
    table_pick,
)
from jukebox_studio.sampling.randomness import draw

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


@pytest.mark.parametrize("top_p", [1e-6, 0.3, 0.9, 0.95, 0.999, 1.0])
@pytest.mark.parametrize("kind", ["float32", "float64", "bfloat16", "tied", "banned", "one row"])
def test_top_p_keeps_to_the_bit_what_the_order_of_all_codes_keeps(kind: str, top_p: float) -> None:
    logits = 4 * torch.randn((64, 1024), generator=torch.Generator().manual_seed(1))
    if kind == "tied":
        logits = logits.round()
    elif kind == "banned":
        logits[:, 5:900] = -torch.inf
        logits[3, 6:] = -torch.inf
    elif kind == "one row":
        logits = logits[0]
    else:
        logits = logits.to(getattr(torch, kind))
    assert torch.equal(filter_logits(logits, top_p=top_p), _nucleus(logits, top_p))


def test_top_p_hides_no_logits_that_are_no_numbers() -> None:
    logits = torch.tensor([[0.0, torch.nan, 1.0], [0.0, 1.0, 5.0]])
    assert filter_logits(logits, top_p=0.5)[0].isnan().any()
    assert kept(filter_logits(logits, top_p=0.5))[1] == [2]


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


def plain_draw(
    logits: torch.Tensor, table: torch.Tensor, position: int, temperature: float, top_p: float
) -> torch.Tensor:
    kept = filter_logits(logits, temperature, 0, top_p)
    return draw(kept.softmax(dim=1), table[:, position])


@pytest.mark.parametrize("top_p", [0.0, 1e-6, 0.3, 0.95, 0.999, 1.0])
@pytest.mark.parametrize("codes", [1, 5, 16, 1024, 2049])
@pytest.mark.parametrize("scale", [0.1, 3.0, 30.0])
def test_what_is_drawn_is_what_is_drawn_plainly(scale: float, codes: int, top_p: float) -> None:
    """Sums are rounded otherwise, so that a draw at a border may differ: of 400,000, one did."""
    made = torch.Generator().manual_seed(1)
    logits = scale * torch.randn((128, codes), generator=made)
    table = torch.rand((128, 40), dtype=torch.float64, generator=made)
    pick = table_pick(table, 0.9, 0, top_p)
    other = 0
    for position in range(40):
        plain = plain_draw(logits, table, position, 0.9, top_p)
        other += int((pick(logits, position) != plain).sum())
    assert other <= 1


def test_codes_are_drawn_by_the_compiled_function(monkeypatch: pytest.MonkeyPatch) -> None:
    table = torch.rand((3, 2), dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    pick = table_pick(table, 1.0, 0, 0.9)
    plain = plain_draw(torch.eye(3), table, 1, 1.0, 0.9)
    monkeypatch.setattr(guidance, "filter_logits", None)
    assert torch.equal(pick(torch.eye(3), 1), plain)


def test_a_table_that_does_not_fit_is_told() -> None:
    table = torch.full((2, 4), 0.5, dtype=torch.float64)
    with pytest.raises(IndexError):
        table_pick(table)(torch.zeros((2, 5)), 4)
    with pytest.raises(RuntimeError):
        table_pick(table)(torch.zeros((3, 5)), 0)
    single = table_pick(table.float())(torch.zeros((2, 5)), 0)
    assert torch.equal(single, table_pick(table)(torch.zeros((2, 5)), 0))


def test_a_row_draws_the_same_alone_and_among_others() -> None:
    made = torch.Generator().manual_seed(2)
    logits = 3 * torch.randn((16, 300), generator=made)
    table = torch.rand((16, 4), dtype=torch.float64, generator=made)
    together = table_pick(table, 1.0, 0, 0.9)(logits, 2)
    alone = [table_pick(table[i : i + 1], 1.0, 0, 0.9)(logits[i : i + 1], 2) for i in range(16)]
    assert torch.equal(together, torch.cat(alone))


def test_codes_that_are_ruled_out_are_never_drawn() -> None:
    made = torch.Generator().manual_seed(3)
    logits = torch.randn((64, 40), generator=made)
    logits[:, ::2] = -torch.inf
    for uniform in (0.0, 0.5, 1 - 2**-53):
        table = torch.full((64, 1), uniform, dtype=torch.float64)
        for top_p in (0.0, 0.5, 1.0):
            assert bool((table_pick(table, 1.0, 0, top_p)(logits, 0) % 2 == 1).all())


def test_of_equally_likely_codes_as_many_stay_as_it_takes() -> None:
    logits = torch.tensor([[5.0, 1.0, 1.0, 1.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]])
    mass = logits.softmax(dim=1)
    top_p = float(mass[0, 0] + 1.5 * mass[0, 1])
    table = torch.linspace(0, 1 - 2**-53, 500, dtype=torch.float64).repeat(2, 1)
    pick = table_pick(table, 1.0, 0, top_p)
    drawn = torch.stack([pick(logits, i) for i in range(500)], dim=1)
    assert set(drawn[0].tolist()) == {0, 1, 2}
    assert set(table_pick(table, 1.0, 0, 0.4)(logits, 499).tolist()) == {0, 2}


@pytest.mark.parametrize("odd", [torch.nan, torch.inf, -torch.inf])
def test_logits_that_cannot_be_drawn_from_are_told(odd: float) -> None:
    logits = torch.zeros((3, 8))
    logits[1] = odd
    table = torch.full((3, 1), 0.5, dtype=torch.float64)
    with pytest.raises(JukeboxError, match="weights may be damaged"):
        table_pick(table)(logits, 0)


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


# Shapers -----------------------------------------------------------------------------------------


def test_nothing_to_shape_leaves_the_pick_as_it_is() -> None:
    assert shaped_pick(greedy_pick, (), 5) is greedy_pick


def test_banned_codes_are_never_drawn() -> None:
    logits = torch.zeros(200, 6)
    pick = seeded_pick(seed=3, variants=range(200), level=0, first_position=0, count=1)
    banned = shaped_pick(pick, [Ban(torch.tensor([1, 4]))], 0)(logits, 0)
    assert set(banned.tolist()) == {0, 2, 3, 5}


def test_distances_are_in_units_of_the_nearest_code() -> None:
    line = torch.tensor([[0.0], [2.0], [4.0], [6.0]])
    distances = code_distances(line)
    assert distances[0].tolist() == [0.0, 1.0, 4.0, 9.0]
    assert torch.equal(distances, code_distances(line * 17))


def test_keep_pulls_towards_the_original_and_at_last_is_it() -> None:
    torch.manual_seed(0)
    distances = code_distances(torch.randn(32, 4))
    original = torch.randint(0, 32, (400,))
    logits = torch.randn(400, 32)
    shares, nearness = [], []
    for keep in (0.0, 0.25, 0.5, 0.75, 1.0):
        strength = torch.full((1, 400), keep_strength(keep))
        shaper = Keep(original, distances, strength)
        drawn = []
        for at in range(400):
            pick = seeded_pick(seed=1, variants=[0], level=0, first_position=at, count=1)
            drawn.append(shaped_pick(pick, [shaper], at)(logits[at : at + 1], 0))
        codes = torch.cat(drawn)
        shares.append(float((codes == original).float().mean()))
        nearness.append(float(distances[codes, original].mean()))
    assert shares == sorted(shares)
    assert shares[0] < 0.1
    assert shares[-1] == 1.0
    assert nearness == sorted(nearness, reverse=True)


def test_keep_leaves_lyrics_and_what_lies_beyond_alone() -> None:
    shaper = Keep(
        torch.tensor([1]),
        code_distances(torch.randn(4, 2)),
        torch.tensor([[2.0], [0.5]]),
        first_id=3,
    )
    logits = torch.randn(2, 7)
    shaped = shaper(logits, 0)
    assert torch.equal(shaped[:, :3], logits[:, :3])
    assert torch.equal(shaped[:, 4], logits[:, 4])
    pull = logits[:, [3, 5, 6]] - shaped[:, [3, 5, 6]]
    assert (pull > 0).all()
    assert torch.allclose(pull[0], 4 * pull[1], atol=1e-5)
    assert torch.equal(shaper.of_rows(slice(1, 2))(logits[1:], 0), shaped[1:])
    assert torch.equal(shaper(logits, 1), logits)


@pytest.mark.parametrize("keep", [-0.1, 1.1, float("nan")])
def test_keep_outside_its_range_is_refused(keep: float) -> None:
    with pytest.raises(JukeboxError, match="Keep"):
        keep_strength(keep)


def test_guidance_of_no_weight_changes_no_bit() -> None:
    a, b = torch.randn(3, 9), torch.randn(3, 9)
    assert torch.equal(guide(a, [(0.0, b)]), a)
    assert torch.allclose(guide(a, [(0.5, b), (2.0, a)]), 1.5 * a - 0.5 * b)
