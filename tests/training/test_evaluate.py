"""`evaluate` on made-up music and a tiny random model: averages, n-grams, conditions, command."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from jukebox_studio import audio, cli
from jukebox_studio.bundle import open_bundle
from jukebox_studio.errors import JukeboxError
from jukebox_studio.model.config import PRIORS, TINY_VQVAE
from jukebox_studio.model.labels import SILENT, LabelTables, detokenize
from jukebox_studio.model.load import load_prior, load_vqvae
from jukebox_studio.model.prior import Prior
from jukebox_studio.training.averages import Averages, Measured
from jukebox_studio.training.codes import CodedTrack, CodeWindows, encode_tracks
from jukebox_studio.training.conditions import (
    ARTIST,
    Told,
    _Lyrics,
    choose_windows,
    conditions_report,
    even_singing,
    label_bits,
    measure_conditions,
    most_like,
    places_of,
    words_done,
)
from jukebox_studio.training.data import Track, decode_tracks, read_table
from jukebox_studio.training.evaluate import is_sung
from jukebox_studio.training.evaluate_command import evaluate_bundle
from jukebox_studio.training.held_out import data_folder
from jukebox_studio.training.kept import Kept
from jukebox_studio.training.ngram import NGram

RATE_HZ = TINY_VQVAE.sample_rate_hz
TABLES = LabelTables("v2", {"unknown": 0, "ada": 1, "bo": 2}, {"unknown": 0, "hum": 1})


def test_a_long_artist_counts_as_much_as_a_short_one() -> None:
    rows = [Measured("ada", f"{i}", False, {"x": 1.0}) for i in range(9)]
    rows += [Measured("bo", "a", True, {"x": 4.0}), Measured("bo", "a", True, {"x": 2.0})]
    rows += [Measured("bo", "b", True, {"x": 6.0, "y": 7.0})]
    averages = Averages.of(rows)
    assert averages.by_artist["bo"] == {"x": 4.5, "y": 7.0}
    assert averages.get("x") == pytest.approx((1.0 + 4.5) / 2)
    assert averages.get("x", "music") == 1.0
    assert averages.get("x", "singing") == 4.5
    assert averages.counts == {"x": 12, "y": 1}
    assert np.isnan(averages.get("y", "music"))


def test_each_order_of_an_ngram_is_the_smaller_ngram() -> None:
    rng = np.random.default_rng(0)
    music = np.repeat(rng.integers(0, 6, 300), 2).astype(np.int16)
    orders = NGram([music], 6, 3).bits_by_order(music)
    for n in (1, 2, 3):
        assert orders[n - 1] == pytest.approx(NGram([music], 6, n).bits(music))


def test_samples_of_an_ngram_are_as_likely_as_it_says() -> None:
    pattern = np.tile(np.array([0, 1, 2, 3], np.int16), 50)
    model = NGram([pattern, np.array([4, 4, 0, 2], np.int16)], 5, 2)
    drawn = model.sample(4000, np.random.default_rng(0))
    # After 1, how often each code came against how likely it is.
    after = drawn[1:][drawn[:-1] == 1]
    for code in range(5):
        chance = 2 ** -model.bits(np.array([1, code], np.int16))[1]
        assert np.mean(after == code) == pytest.approx(chance, abs=0.03)


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sung and two played tracks of known artists, and one by a stranger; a second each."""
    folder = tmp_path_factory.mktemp("music")
    rng = np.random.default_rng(0)
    rows = ["file,artist,genre,split,lyrics_file"]
    for i, (artist, text) in enumerate(
        [("Ada", "one two three"), ("Bo", "four five six"), ("Ada", ""), ("Bo", ""), ("Cy", "")]
    ):
        for split in ("train", "test"):
            noise = 0.2 * rng.standard_normal(RATE_HZ + 512 * i)
            name = f"{i}-{split}"
            audio.write(folder / f"{name}.wav", noise.astype(np.float32), RATE_HZ)
            lyrics = ""
            if text:
                lyrics = f"{name}.json"
                words = [
                    {"text": w, "start_seconds": 0.3 * n, "end_seconds": 0.3 * n + 0.25}
                    for n, w in enumerate(text.split())
                ]
                (folder / lyrics).write_text(json.dumps({"text": text, "words": words}))
            rows.append(f"{name}.wav,{artist},hum,{split},{lyrics}")
    (folder / "tracks.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def coded(tiny_bundle: Path, music: Path, tmp_path_factory: pytest.TempPathFactory):
    sounds = decode_tracks(read_table(music), RATE_HZ, tmp_path_factory.mktemp("cache"))
    held = [s for s in sounds if s.track.split == "test"]
    vqvae = load_vqvae(open_bundle(tiny_bundle))
    return encode_tracks(vqvae, held, tmp_path_factory.mktemp("codes"))


@pytest.fixture(scope="module")
def windows(tiny_bundle: Path, coded: list[CodedTrack]) -> CodeWindows:
    return CodeWindows(coded, load_prior(open_bundle(tiny_bundle), 1).config, TABLES, seed=0)


def test_windows_are_spread_evenly_over_artists(windows: CodeWindows) -> None:
    rows = choose_windows(windows, 60)
    counts = dict.fromkeys(("Ada", "Bo", "Cy"), 0)
    for track, start in rows:
        counts[track.track.artist] += 1
        assert start + windows.config.n_ctx <= len(track.levels[1])
    assert min(counts.values()) >= 20
    assert max(counts.values()) <= 22
    assert len({(t.track.path, s) for t, s in rows}) == len(rows)


def hearing_plans(bundle: Path) -> Prior:
    """A new one would not: its plan says nothing."""
    prior = load_prior(open_bundle(bundle), 1)
    torch.manual_seed(0)
    torch.nn.init.normal_(prior.lyric_plan.out.weight)
    return prior


def test_bits_of_a_label_are_those_of_the_loss(tiny_bundle: Path, windows: CodeWindows) -> None:
    prior = hearing_plans(tiny_bundle)
    batch = windows.collate([(windows.tracks[0], 3)])
    other = batch.y[0].numpy().copy()
    other[ARTIST] = 2
    plan = np.linspace(-0.5, 15.0, prior.config.n_ctx)
    told = [Told(batch.y[0].numpy(), None), Told(other, None), Told(other, plan)]
    bits = label_bits(prior, batch, told, batch_size=2)
    for one, found in zip(told, bits, strict=True):
        y = torch.from_numpy(one.y)[None]
        planned = None if one.plan is None else torch.from_numpy(one.plan)[None].float()
        loss = prior.loss(batch.codes, y, plan=planned)
        assert found == pytest.approx(float(loss.codes), abs=1e-5)
    assert len(set(bits)) == 3


def test_words_go_evenly_over_each_stretch_of_singing() -> None:
    # Of six characters in the window, the second is a space and takes no time; the middle is three.
    begun = np.array([-2.0, -1.0, -1.0, 0.0, 1.0, 2.0, 3.0])
    plan = np.array([np.nan, -0.5, 0.2, 0.4, SILENT, 1.5, *[SILENT] * 3, 2.5, 2.6, 4.4])
    even = even_singing(plan, begun, 2.0)
    assert even == pytest.approx(
        [np.nan, -2.0, -1.75, -1.5, -1.25, -1.0, *[SILENT] * 3, 0.0, 0.95, 1.9], nan_ok=True
    )
    own = places_of(even, begun)
    assert own[[1, 2, 3, 4]] == pytest.approx([-0.5, -0.25, 0.0, 0.25])
    assert own[9:] == pytest.approx([2.5, 3.45, 4.4])
    assert (own[6:9] == SILENT).all()
    # Other words, whose characters take twice as long, and that end sooner.
    others = places_of(even, np.array([-1.0, -1.0, -1.0, 0.0, 1.5, 1.5, 1.5]))
    assert np.isnan(others[[0, 1, 2, 3, 4, 11]]).all()
    assert others[9:11] == pytest.approx([2.5, 2.5 + 0.95 / 1.5])


def test_other_words_are_sung_in_the_time_of_the_true_ones() -> None:
    done = words_done("\0one, a\0")
    # Three letters of which two vowels are held; the comma takes no time.
    assert done == pytest.approx([0, 0, 4 / 9, 5 / 9, 1, 1, 1, 2, 2])
    assert words_done("-- 1").tolist() == [0.0, 0.5, 1.0, 1.0, 2.0]
    rng = np.random.default_rng(0)
    words = ["Bee", "bee", "be,", "holy", "One"]
    assert most_like("sea", words, rng) == "bee"
    assert most_like("Sea", words, rng) == "Bee"
    assert most_like("sea,", words, rng) == "be,"
    # Two syllables as spelled, and not itself
    assert most_like("one", words, rng) == "holy"
    assert most_like("one", ["one"], rng) == "one"


def test_wrong_words_keep_the_rhythm(windows: CodeWindows) -> None:
    rows = [row for row in choose_windows(windows, 30) if row[0].track.words]
    lyrics = _Lyrics(windows, rows)
    batch = windows.collate(rows[:1])
    assert batch.sung is not None
    truth = Told(batch.y[0].numpy(), batch.sung[0].double().numpy())
    assert np.isfinite(truth.plan).any()
    own = lyrics._exchanged(truth, "", np.random.default_rng(0))
    # For want of other words, the same: so nothing may move.
    assert (own.y == truth.y).all()
    assert own.plan == pytest.approx(truth.plan, nan_ok=True)
    other = lyrics._exchanged(truth, "la li lo", np.random.default_rng(0))
    shown = detokenize((int(t) for t in other.y[-16:]), "v2")
    assert set(shown.split()) & {"la", "li", "lo"}
    assert (np.isfinite(other.plan) == np.isfinite(truth.plan)).mean() > 0.9
    assert not np.array_equal(other.y, truth.y)


def test_conditions_have_a_row_for_each_even_where_they_cannot_be_measured(
    tiny_bundle: Path, windows: CodeWindows
) -> None:
    prior = hearing_plans(tiny_bundle)
    rows = choose_windows(windows, 12)
    found = [clip for _, clip in measure_conditions(prior, windows, TABLES, rows)]
    report = conditions_report(prior, rows, found, lambda t: is_sung(t.track))
    by_name = {c.name: c for c in report.conditions}
    assert list(by_name) == ["artist", "lyrics", "lyrics_even", "lyrics_heard", "position"]
    measured = [by_name[name].averages for name in ("lyrics", "lyrics_even", "lyrics_heard")]
    assert len({a.get("saves_bits") for a in measured if a is not None}) == 3
    artist = by_name["artist"]
    assert artist.averages is not None
    # Nobody can say which artist the stranger is.
    assert set(artist.averages.by_artist) == {"Ada", "Bo"}
    assert artist.clips == sum(t.track.artist != "Cy" for t, _ in rows)
    lyrics = by_name["lyrics"]
    assert lyrics.averages is not None
    assert lyrics.averages.groups["music"] == {}
    assert 0.0 <= lyrics.averages.get("pairs") <= 1.0
    assert by_name["position"].averages is not None


def test_a_model_that_hears_its_artist_and_is_deaf_to_position_is_found_to() -> None:
    """Ada's music is low codes, Bo's high ones, all through a song."""
    rng = np.random.default_rng(0)
    tracks = []
    for i in range(8):
        codes = (rng.integers(0, 16, 256) + 16 * (i % 2)).astype(np.int16)
        track = Track(Path(f"{i}.wav"), ("Ada", "Bo")[i % 2], "hum", "", "test")
        tracks.append(CodedTrack(track, {1: codes}, 256 * TINY_VQVAE.hop_samples(1)))
    torch.manual_seed(0)
    prior = Prior(PRIORS["tiny_level_1"])
    windows = CodeWindows(tracks, prior.config, TABLES, seed=0)
    for name, parameter in prior.named_parameters():
        if "pos_emb.emb" in name or "length_emb" in name:
            torch.nn.init.zeros_(parameter.requires_grad_(False))
    learner = torch.optim.Adam([p for p in prior.parameters() if p.requires_grad], lr=5e-3)
    for step in range(40):
        batch = windows.batch(step, 8)
        learner.zero_grad()
        prior.loss(batch.codes, batch.y).total.backward()
        learner.step()
    rows = choose_windows(windows, 8)
    found = [clip for _, clip in measure_conditions(prior, windows, TABLES, rows)]
    report = conditions_report(prior, rows, found, lambda t: is_sung(t.track))
    artist, lyrics, *_, position = report.conditions
    assert artist.averages is not None
    assert artist.averages.get("pairs") == artist.averages.get("beats_every") == 1.0
    assert artist.averages.get("saves_bits") > 0.01
    assert position.averages is not None
    assert position.averages.get("pairs") == 0.0
    assert lyrics.averages is None
    assert "No held-out clip" in lyrics.why_not


def test_kept_numbers_are_not_measured_again(tiny_bundle: Path, windows: CodeWindows) -> None:
    prior = load_prior(open_bundle(tiny_bundle), 1)
    rows = choose_windows(windows, 4)
    track, start = rows[0]
    kept = {f"{track.track.path.name}@{start}": {"artist.pairs": 0.125}}
    first = next(measure_conditions(prior, windows, TABLES, rows, known=kept))
    assert first == (0, {"artist": {"pairs": 0.125}})


def test_what_was_kept_is_read_again_and_damage_is_not(tmp_path: Path) -> None:
    path = tmp_path / "found" / "x.json"
    kept = Kept(path)
    kept.add("a", {"bits": 1.5})
    kept.write()
    again = Kept(path)
    assert again.of("a", lambda: {"bits": 9.0}) == {"bits": 1.5}
    assert again.of("b", lambda: {"bits": 2.0}) == {"bits": 2.0}
    assert list(again.pieces) == ["a", "b"]
    path.write_text('{"a": {"bits"', encoding="utf-8")
    assert Kept(path).pieces == {}


def test_a_bundle_without_recipe_asks_for_data(tiny_bundle: Path) -> None:
    with pytest.raises(JukeboxError, match=r"has no recipe.*--data"):
        data_folder(open_bundle(tiny_bundle), None, lambda _: None)


def test_the_words_of_a_recipe_that_stops_are_told(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "tiny"
    shutil.copytree(tiny_bundle, bundle)
    (bundle / "recipe").mkdir()
    recipe = bundle / "recipe" / "build.py"
    recipe.write_text("import sys; sys.exit('no package xy')", encoding="utf-8")
    monkeypatch.setattr(
        "jukebox_studio.training.held_out.user_cache_path", lambda name: tmp_path / name
    )
    with pytest.raises(JukeboxError, match="no package xy"):
        data_folder(open_bundle(bundle), None, lambda _: None)
    recipe.write_text(
        "import pathlib, sys; pathlib.Path(sys.argv[2], 'tracks.csv').write_text('built')",
        encoding="utf-8",
    )
    told: list[str] = []
    folder = data_folder(open_bundle(bundle), None, told.append)
    assert (folder / "tracks.csv").read_text() == "built"
    assert "building" in told[0]
    assert data_folder(open_bundle(bundle), None, told.append, "test") == folder
    recipe.unlink()
    assert data_folder(open_bundle(bundle), folder, told.append) == folder


def test_no_more_music_is_built_than_is_measured(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "tiny"
    shutil.copytree(tiny_bundle, bundle)
    (bundle / "recipe").mkdir()
    (bundle / "recipe" / "build.py").write_text(
        "import pathlib, sys; print('sung:', *sys.argv[3:], flush=True); "
        "pathlib.Path(sys.argv[2], 'tracks.csv').write_text('file,artist,genre\\n')",
        encoding="utf-8",
    )
    monkeypatch.setattr(
        "jukebox_studio.training.held_out.user_cache_path", lambda name: tmp_path / name
    )
    monkeypatch.setattr(
        "jukebox_studio.training.evaluate_command.Console.print",
        lambda self, what, **_: told.append(what),
    )
    for parts, asked in (
        (["reconstruction", "pictures"], "sung: --split validation"),
        (["reconstruction", "bits"], "sung:"),
        (["conditions"], None),
    ):
        told: list[str] = []
        with pytest.raises(JukeboxError, match="lists no track"):
            evaluate_bundle(str(bundle), part=parts, split="validation")  # type: ignore[arg-type]
        assert [what for what in told if "sung" in what] == ([asked] if asked else [])
    told = []
    with pytest.raises(JukeboxError, match="settings for level 7"):
        evaluate_bundle(str(bundle), temperature="7:0.9")
    assert not told, "It is known before anything is built."


def test_the_command_prints_json_of_the_parts_asked_for(
    tiny_bundle: Path, music: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate_bundle(
        str(tiny_bundle),
        data=music,
        out=tmp_path / "out",
        part=["reconstruction", "bits", "conditions"],
        clips=6,
        top_p="0:0.9",
        cache=tmp_path / "cache",
        json_lines=True,
    )
    printed = json.loads(capsys.readouterr().out)
    assert {n: how["top_p"] for n, how in printed["sampling"].items()} == {"0": 0.9, "1": 0.0}
    assert printed == json.loads((tmp_path / "out" / "evaluation.json").read_text())
    for level in printed["levels"]:
        assert level["mel_distance"] > 0
        assert level["prior_bits"] == pytest.approx(5.0, abs=0.7)
        assert level["ngram_bits"] == min(level["ngram_bits_by_order"])
        saved = 1 - level["prior_bits"] / level["ngram_bits"]
        assert level["below_ngram"] == pytest.approx(saved)
        assert set(level["averages"]["groups"]) == {"all", "music", "singing"}
    assert [c["name"] for c in printed["conditions"]["conditions"]] == [
        "artist",
        "lyrics",
        "lyrics_even",
        "lyrics_heard",
        "position",
    ]


def test_the_tables_name_the_paper_and_every_part(
    tiny_bundle: Path, music: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluate_bundle(str(tiny_bundle), data=music, part=["reconstruction"], cache=tmp_path / "cache")
    printed = capsys.readouterr().out
    assert "-23.0 dB at hop 8 (60638 bit/s)" in printed
    assert "Bits per code" not in printed


def test_tables_are_kept_as_markdown_with_the_aims_and_each_artist(
    tiny_bundle: Path, music: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    parts = ["reconstruction", "conditions"]
    evaluate_bundle(
        str(tiny_bundle), data=music, part=parts, clips=6, out=out, cache=tmp_path / "cache"
    )
    report = json.loads((out / "evaluation.json").read_text())
    text = (out / "evaluation.md").read_text(encoding="utf-8")
    tables = dict(re.findall(r"^\*\*(.+)\*\*\n\n((?:\|.*\n)+)", text, re.MULTILINE))
    rows = {
        title: [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
        for title, table in tables.items()
    }
    assert list(rows)[-2:] == ["By artist", "Aims"]
    assert [row[0] for row in rows["By artist"][2:]] == ["Ada", "Bo", "Cy"]
    level = report["levels"][0]
    distance = level["averages"]["by_artist"]["Bo"]["mel_distance"]
    assert rows["By artist"][3][1] == f"{distance:.2f}"
    # What was not measured is not said to be reached or missed.
    assert not any("n-gram" in row[0] for row in rows["Aims"])
    bottom = rows["Aims"][2]
    assert bottom[1:3] == ["-12.0 dB", f"{level['convergence_db']:.1f} dB"]
    assert bottom[3] == ("yes" if level["convergence_db"] <= -12 else "no")


def test_an_unknown_part_is_refused(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr("sys.argv", ["jukebox-studio", "evaluate", "starter", "--part", "taste"])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == cli.BAD_INPUT_EXIT_CODE
    assert "taste" in capsys.readouterr().err
