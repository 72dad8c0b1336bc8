"""Labels, with made-up names: the published tables are not ours to ship."""

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jukebox_studio.errors import JukeboxError
from jukebox_studio.model.config import PUBLISHED_PRIORS, LabelConfig
from jukebox_studio.model.labels import (
    LINE_REST,
    LYRIC_CHARACTERS,
    SILENT,
    VOWEL_LENGTH,
    LabelBatch,
    Labeller,
    LabelTables,
    clean_lyrics,
    detokenize,
    dropped_characters,
    even_times,
    lyric_window,
    normalize_artist,
    normalize_genre,
    pauses_of,
    sung_lengths,
    sung_places,
    timing_bins,
    tokenize,
    vocabulary_size,
    window_tokens,
)

DATA = Path(__file__).parent.parent / "data"
V2 = LabelTables(
    "v2",
    {"unknown": 0, "various": 0, "ann_o_tate": 1, "band_9": 2},
    {"unknown": 0, "loud": 1, "quiet": 2, "hop": 3},
)
V3 = LabelTables("v3", {"unknown": 0, "ann o'tate": 7}, {"unknown": 0, "quiet loud": 5})


def labeller(tables: LabelTables = V2, n_tokens: int = 8, max_genres: int = 3) -> Labeller:
    return Labeller(tables, max_genres=max_genres, n_tokens=n_tokens, sample_length=1000)


def label(maker: Labeller, artist: str = "", genre: str = "loud", lyrics: str = "", **kwargs: int):
    return maker.label(
        artist=artist,
        genre=genre,
        lyrics=lyrics,
        total_samples=kwargs.get("total", 10_000),
        offset_samples=kwargs.get("offset", 0),
    )


# Names


@pytest.mark.parametrize(
    ("name", "v2", "v3"),
    [
        ("Ann O'Tate", "ann_o_tate", "ann o'tate"),
        ("  Band & (9)!", "band_9", "  band & (9)!"),
        ("ÀÉ", "", "àé"),
        ("Björk-Ish", "bj_rk_ish", "björk-ish"),
    ],
)
def test_artist_spellings(name: str, v2: str, v3: str) -> None:
    assert normalize_artist(name, "v2") == v2
    assert normalize_artist(name, "v3") == v3


def test_a_v2_genre_is_a_bag_of_words_and_a_v3_genre_one_name() -> None:
    assert normalize_genre("Quiet  Loud/Hop", "v2") == ["quiet", "loud", "hop"]
    assert normalize_genre("Quiet Loud", "v3") == ["quiet loud"]
    assert V2.genre_ids("Loud-Hop") == [1, 3]
    assert V3.genre_ids("QUIET LOUD") == [5]


def test_an_id_with_several_names_is_described_by_all_of_them() -> None:
    assert V2.artist_name(0) == "unknown_various"
    assert V2.genre_name(3) == "hop"
    with pytest.raises(JukeboxError, match="No artist has the id 99"):
        V2.artist_name(99)


def test_text_tables_lower_names_and_let_the_later_line_win(tmp_path: Path) -> None:
    (tmp_path / "v3_artist_ids.txt").write_text("unknown;0\nÉlan;1\nTwo;2\ntwo;3\n;0\n", "utf-8")
    (tmp_path / "v3_genre_ids.txt").write_text("unknown;0\na\u2028b;1\n", "utf-8")
    tables = LabelTables.from_ids_folder(tmp_path, "v3")
    assert tables.artists == {"unknown": 0, "élan": 1, "two": 3, "": 0}
    assert tables.genres == {"unknown": 0, "a\u2028b": 1}


@pytest.mark.parametrize("text", ["no separator", "name;x", "name;", "ok;1\n\nok;2", "name;-1"])
def test_a_bad_text_table_is_refused_with_file_and_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "names.txt"
    path.write_text(text, "utf-8")
    with pytest.raises(JukeboxError, match=r"names\.txt, line \d"):
        LabelTables.from_text(path, path, "v2")


def test_a_missing_text_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JukeboxError, match="v2_artist_ids"):
        LabelTables.from_ids_folder(tmp_path, "v2")


def test_hugging_face_tables_hold_both_versions(tmp_path: Path) -> None:
    (tmp_path / "artists.json").write_text(json.dumps({"ann o'tate": 7, "ann_o_tate.v2": 1}))
    (tmp_path / "genres.json").write_text(json.dumps({"loud": 4, "loud.v2": 1}))
    v2 = LabelTables.from_hugging_face(tmp_path, "v2")
    v3 = LabelTables.from_hugging_face(tmp_path, "v3")
    assert (v2.artist_id("Ann O'Tate"), v2.genre_ids("loud")) == (1, [1])
    assert (v3.artist_id("Ann O'Tate"), v3.genre_ids("loud")) == (7, [4])
    (tmp_path / "genres.json").write_text(json.dumps({"loud": 4}))
    with pytest.raises(JukeboxError, match="no names of v2"):
        LabelTables.from_hugging_face(tmp_path, "v2")
    (tmp_path / "genres.json").write_text("[1]")
    with pytest.raises(JukeboxError, match="object of names"):
        LabelTables.from_hugging_face(tmp_path, "v2")


def test_tables_survive_json() -> None:
    assert LabelTables.from_json(json.loads(json.dumps(V2.to_json()))) == V2


@pytest.mark.parametrize(
    "value",
    [None, {}, [], {"version": "v9", "artists": {}, "genres": {}}]
    + [{"version": "v2", "artists": {"a": bad}, "genres": {}} for bad in (-1, "1", 1.0, True)],
)
def test_bad_json_tables_are_refused(value: object) -> None:
    with pytest.raises(JukeboxError, match="here"):
        LabelTables.from_json(value, "here")


# Lyrics


def test_vocabulary_sizes() -> None:
    assert (vocabulary_size("v2"), vocabulary_size("v3")) == (80, 79)


def test_lyrics_are_spelled_in_the_vocabulary() -> None:
    assert clean_lyrics("É=1+1\\x", "v2") == "E1+1\nx"
    assert clean_lyrics("É=1+1\\x", "v3") == "E11\nx"


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_lyrics_equal_the_golden_ones(version: Any) -> None:
    group = json.loads((DATA / "text.json").read_text("utf-8"))[version]
    assert group["vocab"] == LYRIC_CHARACTERS[version]
    for row in group["cases"]:
        assert clean_lyrics(row["text"], version) == row["clean"]
        assert tokenize(row["clean"], version) == row["tokens"]
    for row in group["textise"]:
        assert detokenize(row["tokens"], version) == row["text"]


def test_dropped_characters_are_told_once_each() -> None:
    assert dropped_characters("a=b=🎵\r\n\\é", "v2") == "=🎵"
    assert dropped_characters("1+1", "v2") == ""
    assert dropped_characters("1+1", "v3") == "+"


@given(st.text())
def test_only_dropped_characters_change_what_is_sung(text: str) -> None:
    dropped = dropped_characters(text, "v2")
    kept = "".join(c for c in text if c not in dropped and c.isprintable())
    assert dropped_characters(kept, "v2") == ""
    cleaned = clean_lyrics(text, "v2")
    assert set(cleaned) <= set(LYRIC_CHARACTERS["v2"])
    assert clean_lyrics(cleaned, "v2") == cleaned


@given(st.text(alphabet=LYRIC_CHARACTERS["v3"]))
def test_tokens_and_text_are_inverse(text: str) -> None:
    assert detokenize([0, *tokenize(text, "v3"), 0], "v3") == text


def test_a_character_without_a_token_is_refused() -> None:
    with pytest.raises(JukeboxError, match=r"'\+'"):
        tokenize("1+1", "v3")


def window(lyric_length: int, n_tokens: int, offset: int = 0, **kwargs: Any) -> list[int]:
    arguments: dict[str, Any] = {
        "total_samples": 10_000,
        "window_samples": 1000,
        "precision": "float64",
    } | kwargs
    return lyric_window(lyric_length, n_tokens, offset_samples=offset, **arguments).tolist()


def test_short_lyrics_are_padded_on_the_left() -> None:
    assert window(2, 4) == [-1, -1, 0, 1]
    assert window(0, 2) == [-1, -1]
    assert window_tokens([5, 6], np.array([-1, 0, 1])).tolist() == [0, 5, 6]


def test_long_lyrics_follow_the_song_and_stop_at_its_ends() -> None:
    assert window(100, 4, offset=0) == [3, 4, 5, 6]
    assert window(100, 4, offset=4500) == [48, 49, 50, 51]
    assert window(100, 4, offset=9999) == [96, 97, 98, 99]
    assert window(100, 20, offset=0) == list(range(20))


def test_an_odd_window_is_refused_unless_all_lyrics_fit() -> None:
    assert window(2, 3) == [-1, 0, 1]
    with pytest.raises(ValueError, match="even"):
        window(3, 3)


@pytest.mark.parametrize("offset", [-1, 10_000])
def test_a_window_outside_its_song_is_refused(offset: int) -> None:
    with pytest.raises(JukeboxError, match="of a song of 10000"):
        window(100, 4, offset=offset)


def test_sampling_moves_labels_in_float32_where_rounding_differs() -> None:
    cases = json.loads((DATA / "lyric_windows.json").read_text("utf-8"))
    for row in cases["float32_disagreements"]:
        for path, precision in (("python", "float64"), ("tensor", "float32")):
            indices = window(
                row["full_len"],
                row["n_tokens"],
                row["offset"],
                total_samples=row["total_length"],
                window_samples=row["duration"],
                precision=precision,
            )
            assert (indices[0], indices[-1]) == (row[path]["first"], row[path]["last"])


@given(
    st.integers(0, 3000),
    st.integers(0, 100).map(lambda n: 2 * n),
    st.integers(1, 10**7),
    st.data(),
)
def test_a_window_is_a_run_of_characters(length: int, n: int, total: int, data) -> None:
    offset = data.draw(st.integers(0, total - 1))
    for precision in ("float64", "float32"):
        indices = window(length, n, offset, total_samples=total, precision=precision)
        assert len(indices) == n
        given_out = [i for i in indices if i >= 0]
        assert len(given_out) == min(length, n)
        assert all(b == a + 1 for a, b in pairwise(given_out))
        assert all(0 <= i < length for i in given_out)


# Label vectors


def test_a_label_lists_everything_in_order() -> None:
    got = label(labeller(), "Ann O'Tate", "Hop Loud", "Hello", offset=2000)
    y = [10_000, 2000, 1000, 1, 3, 1, -1, 0, 0, 0, *tokenize("Hello", "v2")]
    assert got.y.tolist() == y
    assert got.notes == ()
    assert labeller().describe(got.y) == ("ann_o_tate", "hop_loud", "Hello")


def test_unlisted_names_become_unknown_with_a_note() -> None:
    got = label(labeller(), "Nobody", "Loud Polka", "hey 🎵")
    assert got.y[3:7].tolist() == [0, 1, 0, -1]
    assert [n for n in got.notes if "Nobody" in n]
    assert [n for n in got.notes if "polka" in n]
    assert [n for n in got.notes if "🎵" in n]
    assert label(labeller(), "", "").notes == ()


def test_more_genres_than_the_model_takes_are_refused() -> None:
    with pytest.raises(JukeboxError, match="4 words; the model takes 3"):
        label(labeller(), genre="loud quiet hop loud")
    assert label(labeller(V3, max_genres=1), genre="quiet loud").y[4] == 5


def test_labels_move_with_their_window() -> None:
    lyrics = "abcdefghijklmnopqrstuvwxyz"
    batch = LabelBatch.of([label(labeller(), lyrics=lyrics), label(labeller(), lyrics="hi")])
    before = batch.y.copy()
    y, indices = batch.at(5000, 1000, n_tokens=8)
    assert (batch.y == before).all()
    assert y[:, :3].tolist() == [[10_000, 5000, 1000]] * 2
    assert indices.tolist() == [list(range(10, 18)), [-1] * 6 + [0, 1]]
    assert labeller().describe(y[0])[2] == "klmnopqr"
    assert labeller().describe(y[1])[2] == "hi"
    only, _ = batch.rows(slice(1, 2)).at(5000, 1000, n_tokens=8)
    assert (only == y[1:]).all()


@pytest.mark.parametrize("centred", [False, True])
def test_words_with_times_lie_around_what_is_sung(centred: bool) -> None:
    made = labeller(n_tokens=4)
    sung_at = [np.arange(7) * 100.0, np.array([0.0, 500.0, 600.0]), None]
    labels = [label(made, lyrics=text) for text in ("abcdef", "hi", "abcdef")]
    batch = LabelBatch.of(labels, sung_at, centred=centred)
    before, during, after = (batch.at(start, 200, 4)[1].tolist() for start in (0, 250, 700))
    # "b" is sung at 100, in the middle of the first window; "d" is the next at 350, then "e".
    if centred:
        assert [before[0], during[0], after[0]] == [[-1, 0, 1, 2], [2, 3, 4, 5], [4, 5, -1, -1]]
        assert [before[1], after[1]] == [[-1, 0, 1, -1], [0, 1, -1, -1]]
    else:
        assert [before[0], during[0], after[0]] == [[0, 1, 2, 3], [2, 3, 4, 5], [2, 3, 4, 5]]
        assert [before[1], after[1]] == [[-1, -1, 0, 1]] * 2
    # Without times it is the share of the song that counts.
    assert before[2] == LabelBatch.of(labels[2:]).at(0, 200, 4)[1][0].tolist()
    one, _ = batch.rows(slice(1, 2)).at(700, 200, 4)
    assert (one == batch.at(700, 200, 4)[0][1:2]).all()


def test_labels_without_lyrics_move_too() -> None:
    batch = LabelBatch.of([label(labeller(n_tokens=0), lyrics="sung elsewhere")])
    y, indices = batch.at(300, 500, n_tokens=0)
    assert y.tolist() == [[10_000, 300, 500, 0, 1, -1, -1]]
    assert indices.shape == (1, 0)


def test_a_labeller_fits_its_prior() -> None:
    made = Labeller.for_prior(PUBLISHED_PRIORS["prior_5b_lyrics"], V2)
    assert (made.max_genres, made.n_tokens, made.sample_length) == (5, 512, 8192 * 128)
    assert Labeller.for_prior(PUBLISHED_PRIORS["upsampler_level_0"], V2).n_tokens == 0
    with pytest.raises(JukeboxError, match="needs label tables of v3"):
        Labeller.for_prior(PUBLISHED_PRIORS["prior_1b_lyrics"], V2)
    many = LabelTables("v2", {"unknown": 0}, {"unknown": 0, "x": 120})
    with pytest.raises(JukeboxError, match="genre table goes up to id 120"):
        Labeller.for_prior(PUBLISHED_PRIORS["prior_5b"], many)


# Timing


def timing_config(group: dict[str, Any]) -> LabelConfig:
    return LabelConfig("v2", 1, 1, 1, group["t_bins"], group["min_duration"], group["max_duration"])


@pytest.mark.parametrize("name", ["prior_5b", "prior_1b_lyrics"])
def test_timing_bins_equal_the_golden_ones(name: str) -> None:
    groups = json.loads((DATA / "timing_bins.json").read_text("utf-8"))
    group = next(g for g in groups if g["name"] == name)
    arrays = np.load(DATA / "timing_bins.npz")
    for case in group["cases"]:
        y = np.array([[case["total_length"], case["offset"], group["sample_length"]]])
        arguments = (y, timing_config(group), group["n_ctx"], group["sr"])
        if "error" in case:
            with pytest.raises(JukeboxError):
                timing_bins(*arguments)
            continue
        for part, bins in timing_bins(*arguments)._asdict().items():
            want = arrays[f"{name}/{part}"][case["row"]]
            np.testing.assert_array_equal(bins[0], want, err_msg=f"{case} {part}")


@pytest.mark.parametrize(
    ("y", "sentence"),
    [
        ([99, 0, 10], "The song lasts 9.90 s"),
        ([1000, 0, 10], "The song lasts 100.00 s"),
        ([500, 995, 10], "outside the 100 s"),
        ([500, -1, 10], "outside the 100 s"),
        ([500, 500, 10], "the song is over"),
    ],
)
def test_impossible_timing_is_refused_in_words(y: list[int], sentence: str) -> None:
    config = LabelConfig("v2", 1, 1, 1, 16, 10.0, 100.0)
    with pytest.raises(JukeboxError, match=sentence):
        timing_bins(np.array([y]), config, n_ctx=8, sample_rate_hz=10)


def test_models_without_timing_have_no_bins() -> None:
    config = LabelConfig("v2", 1, 1, 1, None, None, None)
    with pytest.raises(ValueError, match="no timing"):
        timing_bins(np.array([[1, 0, 1]]), config, n_ctx=8, sample_rate_hz=10)


def test_places_say_what_is_sung_when() -> None:
    # "ab c", with a rest between the words and none before the space.
    sung_at, pauses = np.array([100.0, 200.0, 300.0, 400.0, 600.0]), pauses_of("ab c")
    at = np.array([0.0, 100.0, 150.0, 299.0, 350.0, 500.0, 600.0, 900.0])

    def places(indices: list[int]) -> list[float]:
        return sung_places(sung_at, pauses, np.array(indices), at).tolist()

    nan, rest = math.nan, SILENT
    whole = [nan, 1.5, 2.0, 3.49, rest, 5.0, rest, rest]
    assert places([-1, -1, 0, 1, 2, 3]) == pytest.approx(whole, nan_ok=True)
    # A window that holds but the end, and one without any of it.
    assert places([2, 3, -1]) == pytest.approx([nan] * 4 + [rest, 1.0, rest, rest], nan_ok=True)
    assert places([-1, -1]) == pytest.approx([nan] * 4 + [rest, nan, rest, rest], nan_ok=True)
    assert sung_places(np.array([200.0]), pauses_of(""), np.array([-1]), at[:4]).tolist() == (
        pytest.approx([nan, nan, nan, rest], nan_ok=True)
    )


def test_vowels_are_held_and_lines_end_in_a_rest() -> None:
    lengths = sung_lengths("Day, eye\nyou 2").tolist()
    half = VOWEL_LENGTH / 2
    assert lengths[:5] == [1.0, half, half, 0.0, 0.0]
    assert lengths[5:9] == [half, half, VOWEL_LENGTH, LINE_REST]
    assert lengths[9:] == [1.0, half, half, 0.0, 1.0]
    assert even_times("a b", 10.0, 20.0).tolist() == [10.0, 18.0, 18.0]
    assert even_times("", 10.0, 20.0).tolist() == []
    assert even_times(" ", 10.0, 20.0).tolist() == [10.0]


def test_a_plan_is_that_of_the_window_and_row() -> None:
    made = labeller(n_tokens=4)
    labels = [label(made, lyrics=text) for text in ("ab", "ab", "ab")]
    times = [np.array([0.0, 100.0, 200.0]), None, np.array([200.0, 300.0, 400.0])]
    batch = LabelBatch.of(labels, times, centred=True)
    _, indices = batch.at(100, 200, 4)
    # Codes of 50 samples from sample 100 on; the window's middle is at 200.
    plan = batch.plan(indices, 100, 50, 4)
    assert plan[0].tolist() == pytest.approx([0.75, 1.25, SILENT, SILENT])
    assert np.isnan(plan[1]).all()
    assert plan[2].tolist() == pytest.approx([math.nan, math.nan, 1.75, 2.25], nan_ok=True)
    one = batch.rows(slice(2, 3))
    assert one.plan(indices[2:], 100, 50, 4) == pytest.approx(plan[2:], nan_ok=True)
    assert np.isnan(LabelBatch.of(labels).plan(indices, 100, 50, 4)).all()
