"""Whole levels on tiny models with random weights, against the plain full pass."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from jukebox_studio.errors import JukeboxError
from jukebox_studio.model.config import (
    ConditionerConfig,
    LabelConfig,
    LyricsConfig,
    PriorConfig,
    TransformerConfig,
)
from jukebox_studio.model.labels import LabelBatch
from jukebox_studio.model.prior import Prior
from jukebox_studio.sampling.conditions import Guide
from jukebox_studio.sampling.guidance import Keep, Pick, code_distances
from jukebox_studio.sampling.saved import SavedSong, read_saved_song, saved_song
from jukebox_studio.sampling.song import (
    LevelSettings,
    Picks,
    Progress,
    align_lyrics,
    codes_in,
    cut_codes,
    drawn,
    empty_codes,
    greedy,
    sample_level,
    sample_song,
    sample_windows,
)
from jukebox_studio.sampling.windows import Window, extension, schedule

RATE_HZ = 100
LABELS = {"version": "v2", "artist_bins": 3, "genre_bins": 4, "max_genres": 2}
TOP = PriorConfig(
    name="top",
    level=1,
    n_ctx=16,
    codebook_size=12,
    hop_samples=8,
    sample_rate_hz=RATE_HZ,
    transformer=TransformerConfig(16, 10, 2, 8, 4),
    labels=LabelConfig(**LABELS, t_bins=8, min_duration_seconds=0.1, max_duration_seconds=60.0),
    lyrics=LyricsConfig("v2", 6, 80, 0.4, TransformerConfig(8, 3, 2, 2, 3), 9, 1),
    conditioner=None,
    untied_head=True,
)
LOW = PriorConfig(
    name="low",
    level=0,
    n_ctx=16,
    codebook_size=12,
    hop_samples=2,
    sample_rate_hz=RATE_HZ,
    transformer=TransformerConfig(16, 3, 1, 2, 4),
    labels=LabelConfig(**LABELS, t_bins=None, min_duration_seconds=None, max_duration_seconds=None),
    lyrics=None,
    conditioner=ConditionerConfig(8, 2, (2, 2)),
)
SAMPLES = 40 * 8
SETTINGS = {0: LevelSettings(hop_fraction=0.5), 1: LevelSettings(hop_fraction=0.25)}


@pytest.fixture(scope="module")
def priors() -> dict[int, Prior]:
    torch.manual_seed(3)
    made = {1: Prior(TOP), 0: Prior(LOW)}
    for prior in made.values():
        prior.eval()
        for name, parameter in prior.named_parameters():
            # As at the start of training, but larger: else every code would be the same.
            norm = name.rpartition(".")[0].endswith(("ln", "ln_0", "ln_1"))
            torch.nn.init.normal_(parameter, 1.0 if norm else 0.0, 0.4)
    return made


@pytest.fixture(scope="module")
def labels() -> dict[int, LabelBatch]:
    lead = [[1000, 40, 0, 1, 2, -1], [900, 0, 0, 2, 0, 3]]
    lyrics = (tuple(range(1, 41)), (5, 6, 7))
    low = LabelBatch(np.array(lead), lyrics)
    return {1: LabelBatch(np.array([row + [0] * 6 for row in lead]), lyrics), 0: low}


def run(steps) -> tuple[object, list[Progress]]:
    events = []
    while True:
        try:
            events.append(next(steps))
        except StopIteration as finished:
            return finished.value, events


def song(priors, labels, codes, samples=SAMPLES, picks: Picks = greedy, **kwargs) -> list[Tensor]:
    settings = kwargs.pop("settings", SETTINGS)
    steps = sample_song(
        priors, codes, samples, picks=picks, labels=labels, settings=settings, **kwargs
    )
    made, _ = run(steps)
    return made


def plain_level(prior: Prior, labels: LabelBatch, starts, total, above=None) -> Tensor:
    """The likeliest codes, one full pass of the network for each: the truth, and slow."""
    config = prior.config
    codes = torch.zeros((2, total), dtype=torch.int64)
    filled = 0
    n_tokens = config.lyrics.n_tokens if config.lyrics else 0
    for start in starts:
        y, _ = labels.at(start * config.hop_samples, config.sample_length, n_tokens)
        ratio = config.conditioner.codes_per_code_above if config.conditioner else 1
        part = None if above is None else above[:, start // ratio : (start + config.n_ctx) // ratio]
        for at in range(filled, start + config.n_ctx):
            window = codes[:, start : start + config.n_ctx]
            with torch.no_grad():
                logits = prior(window, torch.from_numpy(y), part)
            codes[:, at] = logits[:, at - start].argmax(-1)
        filled = start + config.n_ctx
    return codes


def test_a_song_equals_one_full_pass_per_code(priors, labels) -> None:
    made = song(priors, labels, empty_codes(2, 2))
    top = plain_level(priors[1], labels[1], range(0, 25, 4), 40)
    assert made[1].tolist() == top.tolist()
    assert len(made[1].unique()) > 3, "the test would prove little on a constant"
    low = plain_level(priors[0], labels[0], range(0, 145, 8), 160, above=top)
    assert made[0].tolist() == low.tolist()


def test_rows_and_chunks_change_nothing(priors, labels) -> None:
    whole = song(priors, labels, empty_codes(2, 2))
    settings = {
        level: LevelSettings(hop_fraction=s.hop_fraction, chunk_size=3, most_rows=1)
        for level, s in SETTINGS.items()
    }
    apart = song(priors, labels, empty_codes(2, 2), settings=settings)
    assert [c.tolist() for c in apart] == [c.tolist() for c in whole]


def test_upsampling_saved_codes_gives_the_same_lower_levels(priors, labels) -> None:
    whole = song(priors, labels, empty_codes(2, 2))
    again = song(priors, labels, [empty_codes(2, 1)[0], whole[1]], levels=[0])
    assert again[0].tolist() == whole[0].tolist()
    assert again[1] is whole[1]


def test_continuing_keeps_what_is_there(priors, labels) -> None:
    prompt = [torch.randint(12, (2, 40)), torch.randint(12, (2, 10))]
    kept = [c.clone() for c in prompt]
    given = list(prompt)
    made = song(priors, labels, given)
    for level, length in ((0, 160), (1, 40)):
        assert made[level].shape == (2, length)
        assert (made[level][:, : kept[level].shape[1]] == kept[level]).all()
    assert all(a is b for a, b in zip(given, prompt, strict=True)), "the caller's are not changed"
    assert all((a == b).all() for a, b in zip(prompt, kept, strict=True))
    done = song(priors, labels, made)
    assert [c.tolist() for c in done] == [c.tolist() for c in made], "nothing is left to sample"
    cut = song(priors, labels, cut_codes(made, 80, [2, 8]))
    assert [c.tolist() for c in cut] == [c.tolist() for c in made], "and the rest comes back"


def test_progress_counts_the_codes_of_all_rows(priors, labels) -> None:
    settings = LevelSettings(hop_fraction=0.25, most_rows=1)
    there = torch.randint(12, (2, 10))
    made, events = run(
        sample_level(priors[1], there, 40, picks=greedy, labels=labels[1], settings=settings)
    )
    assert made.shape == (2, 40)
    assert [e.done for e in events] == list(range(1, 61))
    assert {(e.level, e.total) for e in events} == {(1, 60)}


def test_a_render_that_is_left_computes_no_further(priors, labels) -> None:
    asked = []

    def picks(level: int, window: Window, rows: slice):
        def pick(logits: Tensor, position: int) -> Tensor:
            asked.append(position)
            return logits.argmax(1)

        return pick

    steps = sample_song(
        priors, empty_codes(2, 2), SAMPLES, picks=picks, labels=labels, settings=SETTINGS
    )
    for _ in range(5):
        next(steps)
    steps.close()
    assert asked == [0, 1, 2, 3, 4]


def test_a_variant_is_the_same_alone_and_among_others(priors, labels) -> None:
    settings = {
        level: LevelSettings(hop_fraction=0.5, temperature=1.1, top_p=0.95) for level in (0, 1)
    }
    both = song(
        priors, labels, empty_codes(2, 2), picks=drawn(7, [4, 9], settings), settings=settings
    )
    alone = {level: batch.rows(slice(1, 2)) for level, batch in labels.items()}
    one = song(priors, alone, empty_codes(1, 2), picks=drawn(7, [9], settings), settings=settings)
    assert [c[0].tolist() for c in one] == [c[1].tolist() for c in both]
    other = song(priors, alone, empty_codes(1, 2), picks=drawn(8, [9], settings), settings=settings)
    assert other[1].tolist() != one[1].tolist()


@pytest.mark.parametrize("rows", [2, 3, 5, 16])
def test_a_row_gets_the_same_logits_to_the_bit_among_any_others(rows: int) -> None:
    torch.manual_seed(5)
    shape = replace(TOP, transformer=TransformerConfig(192, 4, 4, 2, 4), labels=None, lyrics=None)
    prior = Prior(shape).eval()
    settings = {1: LevelSettings(temperature=1.3)}

    def logits(variants: list[int]) -> Tensor:
        """Of the first variant, Tensor[codes, V]."""
        seen = []

        def picks(level: int, window: Window, part: slice) -> Pick:
            pick = drawn(3, variants, settings)(level, window, part)

            def watched(given: Tensor, position: int) -> Tensor:
                seen.append(given[0].clone())
                return pick(given, position)

            return watched

        empty = torch.zeros((len(variants), 0), dtype=torch.int64)
        run(sample_level(prior, empty, 24, picks=picks, settings=settings[1]))
        return torch.stack(seen)

    assert torch.equal(logits([6]), logits([6, *range(10, 9 + rows)]))


def test_top_levels_may_be_shorter_than_a_window_and_lower_ones_not(priors, labels) -> None:
    short = song(priors, labels, empty_codes(2, 2), samples=5 * 8, levels=[1])
    assert short[1].shape == (2, 5)
    full = song(priors, labels, empty_codes(2, 2), levels=[1])
    first = sample_windows(
        priors[1],
        short[1],
        [extension(5, 3, TOP.n_ctx)],
        picks=greedy,
        labels=labels[1],
        settings=SETTINGS[1],
    )
    assert run(first)[0].tolist() == full[1][:, :8].tolist(), "adding codes goes on the same way"
    with pytest.raises(ValueError, match="at least one full window"):
        song(priors, labels, [empty_codes(2, 1)[0], short[1][:, :3]], samples=3 * 8, levels=[0])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"labels": None}, "needs labels"),
        ({"above": None}, "needs 4 codes of the level above, and there are 0"),
        ({"above": torch.zeros((2, 3), dtype=torch.int64)}, "and there are 3"),
        ({"windows": [Window(2, 18, 0)]}, "does not go on from 0 codes"),
        ({"windows": [Window(0, 16, 0), Window(2, 18, 14)]}, "in the midst of a code"),
        ({"codes": torch.zeros((3, 0), dtype=torch.int64)}, "3 rows of codes, but labels for 2"),
    ],
)
def test_what_does_not_fit_is_refused(priors, labels, change, sentence) -> None:
    arguments = {
        "codes": empty_codes(2, 1)[0],
        "windows": [Window(0, 16, 0)],
        "above": torch.zeros((2, 4), dtype=torch.int64),
        "labels": labels[0],
    } | change
    steps = sample_windows(
        priors[0],
        arguments["codes"],
        arguments["windows"],
        picks=greedy,
        above=arguments["above"],
        labels=arguments["labels"],
        settings=SETTINGS[0],
    )
    with pytest.raises(ValueError, match=sentence):
        run(steps)


def test_lengths_are_whole_codes() -> None:
    assert codes_in(24, 8) == 3
    with pytest.raises(ValueError, match="not a multiple of the hop, 8"):
        codes_in(25, 8)


# Alignment


def test_what_is_planned_is_told_in_every_window(priors) -> None:
    assert TOP.lyrics is not None
    config = replace(TOP, lyrics=replace(TOP.lyrics, plan_width=4))
    torch.manual_seed(4)
    prior = Prior(config).eval()
    prior.load_state_dict(priors[1].state_dict(), strict=False)
    for parameter in prior.lyric_plan.parameters():
        torch.nn.init.normal_(parameter, 0.0, 0.4)
    y = np.array([[1000, 40, 0, 1, 2, -1] + [0] * 6] * 2)
    text = tuple(range(1, 41))
    pauses = (np.arange(40) % 5 == 4,) * 2
    # The first row sings from code 4 on, the other, it is said, at some time.
    times = (np.linspace(32.0, 300.0, 41), None)
    labels = LabelBatch(y, (text, text), times, centred=True, pauses=pauses)
    made = song({1: prior}, {1: labels}, empty_codes(2, 2), 32 * 8, levels=[1])[1]
    codes, filled = torch.zeros((2, 32), dtype=torch.int64), 0
    for start in (0, 4, 8, 12, 16):
        told, indices = labels.at(start * 8, config.sample_length, 6)
        plan = torch.from_numpy(labels.plan(indices, start * 8, 8, 16)).float()
        assert plan[0].isfinite().any()
        assert plan[1].isnan().all()
        for at in range(filled, start + 16):
            with torch.no_grad():
                logits = prior(codes[:, start : start + 16], torch.from_numpy(told), plan=plan)
            codes[:, at] = logits[:, at - start].argmax(-1)
        filled = start + 16
    assert torch.equal(made, codes)
    unplanned = LabelBatch(y, (text, text), (None, None), centred=True, pauses=pauses)
    other = song({1: prior}, {1: unplanned}, empty_codes(2, 2), 32 * 8, levels=[1])[1]
    assert not torch.equal(other[0], made[0])
    # Under guidance each condition has its own plan: of no weight, it changes nothing.
    guided = top_codes({1: prior}, {1: labels}, guides=[Guide(0.0, unplanned)])
    assert torch.equal(guided, top_codes({1: prior}, {1: labels}))


def alignment(prior: Prior, codes: Tensor, labels: LabelBatch) -> list[np.ndarray]:
    return run(align_lyrics(prior, codes, labels, LevelSettings(hop_fraction=0.5)))[0]


def test_lyrics_are_aligned_by_the_earlier_window(priors, labels) -> None:
    codes = torch.randint(12, (2, 24))
    tables = alignment(priors[1], codes, labels[1])
    assert [t.shape for t in tables] == [(24, 40), (24, 3)]
    for start, rows in ((0, slice(0, 16)), (8, slice(8, 16))):
        y, indices = labels[1].at(start * 8, TOP.sample_length, 6)
        weights = priors[1].attention_weights(
            codes[:, start : start + 16], torch.from_numpy(y), layers=[9]
        )[9][:, 1]
        shown = slice(0, 16) if start == 0 else slice(16, 24)
        for row, table in enumerate(tables):
            sung = indices[row] >= 0
            want = weights[row, rows][:, sung]
            np.testing.assert_allclose(table[shown][:, indices[row][sung]], want, atol=1e-6)


def test_a_song_shorter_than_a_window_is_aligned_too(priors, labels) -> None:
    codes = torch.randint(12, (2, 5))
    short = alignment(priors[1], codes, labels[1])
    assert [t.shape for t in short] == [(5, 40), (5, 3)]
    padded = alignment(priors[1], torch.nn.functional.pad(codes, (0, 11)), labels[1])
    assert all((a == b[:5]).all() for a, b in zip(short, padded, strict=True))


def test_models_without_an_alignment_head_are_refused(priors, labels) -> None:
    with pytest.raises(ValueError, match="low has no alignment head"):
        alignment(priors[0], torch.zeros((2, 16), dtype=torch.int64), labels[0])


# Saved songs


def saved() -> dict[str, object]:
    info = [{"artist": "a", "genre": "b", "lyrics": "c", "full_tokens": [29]}] * 2
    return {
        "zs": [torch.zeros((2, 0), dtype=torch.int64), torch.ones((2, 4), dtype=torch.int64)],
        "labels": [{"y": torch.arange(12).view(2, 6), "info": info}, None],
        "sampling_kwargs": [{"temp": 1.0}],
        "x": torch.zeros(2, 32, 1),
    }


def test_a_saved_song_is_read(tmp_path: Path) -> None:
    torch.save(saved(), tmp_path / "data.pth.tar")
    got = read_saved_song(tmp_path / "data.pth.tar")
    assert isinstance(got, SavedSong)
    assert [c.shape for c in got.codes] == [(2, 0), (2, 4)]
    assert got.labels[0].full_tokens == ((29,), (29,))
    assert got.labels[0].y[1].tolist() == [6, 7, 8, 9, 10, 11]
    assert got.audio is not None
    assert list(got.labels) == [0]


@pytest.mark.parametrize(
    "change",
    [
        {"zs": None},
        {"zs": [torch.zeros(2)]},
        {"zs": [torch.zeros((3, 4))]},
        {"labels": [{"y": torch.zeros((2, 6))}]},
        {"labels": [{"y": torch.zeros(6), "info": []}]},
    ],
)
def test_other_contents_are_refused(change) -> None:
    with pytest.raises(JukeboxError, match="here is not a saved song"):
        saved_song(saved() | change, "here")


def test_files_that_hold_code_or_nothing_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.pth.tar"
    torch.save({"zs": Path("x")}, path)  # a class to be called on loading
    with pytest.raises(JukeboxError, match="cannot be read as a saved song"):
        read_saved_song(path)
    path.write_bytes(b"")
    with pytest.raises(JukeboxError, match="cannot be read"):
        read_saved_song(path)
    with pytest.raises(JukeboxError, match="cannot be read"):
        read_saved_song(tmp_path / "none")


# Guidance and style ------------------------------------------------------------------------------


def top_codes(priors, labels, **kwargs) -> Tensor:
    settings = LevelSettings(hop_fraction=0.5, temperature=1.2)
    picks = drawn(7, [3, 8], {1: settings}, kwargs.pop("shapers", None))
    windows = schedule(40, TOP.n_ctx, 8)
    made, _ = run(
        sample_windows(
            priors[1],
            torch.zeros((2, 0), dtype=torch.int64),
            windows,
            picks=picks,
            labels=labels[1],
            settings=settings,
            **kwargs,
        )
    )
    assert isinstance(made, Tensor)
    return made


def without(labels: LabelBatch, column: int) -> LabelBatch:
    y = labels.y.copy()
    y[:, column] = 0
    return LabelBatch(y, labels.full_tokens)


def test_guidance_of_no_weight_gives_the_same_codes(priors, labels) -> None:
    plain = top_codes(priors, labels)
    null = without(labels[1], 3)
    assert torch.equal(plain, top_codes(priors, labels, guides=[Guide(0.0, null)]))
    two = [Guide(0.0, null), Guide(0.0, without(labels[1], 4))]
    assert torch.equal(plain, top_codes(priors, labels, guides=two))
    assert not torch.equal(plain, top_codes(priors, labels, guides=[Guide(3.0, null)]))


def test_guidance_is_what_the_two_plain_passes_say(priors, labels) -> None:
    """The first code of a window: conditional and null logits from two full passes."""
    null, seen = without(labels[1], 3), []
    plain = drawn(7, [3, 8], {1: LevelSettings()})

    def picks(level: int, window: Window, rows: slice) -> Pick:
        pick = plain(level, window, rows)

        def watched(logits: Tensor, position: int) -> Tensor:
            seen.append(logits.clone())
            return pick(logits, position)

        return watched

    codes = torch.zeros((2, 0), dtype=torch.int64)
    steps = sample_windows(
        priors[1],
        codes,
        [Window(0, 1, 0)],
        picks=picks,
        labels=labels[1],
        settings=LevelSettings(),
        guides=[Guide(1.5, null)],
    )
    run(steps)
    window = torch.zeros((2, TOP.n_ctx), dtype=torch.int64)
    logits = []
    for batch in (labels[1], null):
        y, _ = batch.at(0, TOP.sample_length, 6)
        with torch.no_grad():
            logits.append(priors[1](window, torch.from_numpy(y))[:, 0])
    assert torch.allclose(seen[0], 2.5 * logits[0] - 1.5 * logits[1], atol=1e-5)


def test_a_blend_of_one_artist_is_that_artist(priors, labels) -> None:
    y, _ = labels[1].at(0, TOP.sample_length, 6)
    told = priors[1].split_labels(torch.from_numpy(y))
    emb = priors[1].y_emb
    with torch.no_grad():
        genre = emb.style(told.artist * 0, told.genres) - emb.artist_emb(told.artist * 0)
        own = emb.style(told.artist, told.genres)
        other = genre + emb.artist_emb(3 - told.artist)
    plain = top_codes(priors, labels)
    assert torch.equal(plain, top_codes(priors, labels, style=lambda window: own))
    assert torch.equal(plain, top_codes(priors, labels, style=lambda w: 1.0 * own + 0.0 * other))
    assert not torch.equal(plain, top_codes(priors, labels, style=lambda window: other))
    # A guide without a style of its own follows the song's.
    assert torch.equal(plain, top_codes(priors, labels, guides=[Guide(0.0, style=other)]))


def test_keep_holds_a_song_to_its_codes(priors, labels) -> None:
    original = torch.randint(0, 12, (40,), generator=torch.Generator().manual_seed(1))
    torch.manual_seed(2)
    distances = code_distances(torch.randn(12, 3))
    strength = torch.full((3, 40), torch.inf)
    strength[:, 10:20] = 0.0
    made = top_codes(priors, labels, shapers={1: [Keep(original, distances, strength)]})
    free = slice(10, 20)
    kept = torch.ones(40, dtype=torch.bool)
    kept[free] = False
    assert (made[:, kept] == original[kept]).all()
    assert (made[:, free] != original[free]).any()
