"""The starter's data recipe: its tables, splits and songs. Nothing is fetched or sung here."""

import hashlib
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "presets" / "starter" / "recipe"))

import build
import card
import credits
import learning
import music
import songbook
import sound
from errors import RecipeError
from fetch import pinned_packages, read_verified
from ledger import Ledger
from tracks import Track, read_tracks, split_by_group, summary, with_splits, write_tracks

ROOT = Path(__file__).resolve().parents[2]
FREE = {"CC-BY-SA-3.0", "CC-BY-SA-3.0+", "CC-BY-3.0", "MIT"}


def test_only_free_credited_music_is_pinned() -> None:
    pins = music.pins()
    assert {pin.licence for pin in pins} <= FREE
    assert all(pin.title and pin.artist and pin.rights_holder for pin in pins)
    assert all(re.fullmatch(r"[0-9a-f]{64}", pin.sha256) for pin in pins)
    assert {pin.package for pin in pins} == {p.name for p in pinned_packages("music")}


def test_what_is_under_the_gpl_alone_stays_out() -> None:
    for pin in music.pins():
        assert not re.search(r"psymong|original_soundtrack|enhanced", pin.file, re.IGNORECASE)
    assert not any("essen" in pin.file.lower() for pin in music.pins())


def test_only_stems_share_a_recording() -> None:
    recordings = list(music.recordings())
    assert len({stems[0].slug for stems in recordings}) == len(recordings)
    for stems in recordings:
        names = {Path(pin.file).stem for pin in stems}
        assert len(stems) == 1 or names == {"song", "guitar"}


def test_every_recording_is_credited() -> None:
    text = (ROOT / "presets" / "starter" / "CREDITS.md").read_text(encoding="utf-8")
    for line in credits.music_lines():
        assert line in text


@pytest.fixture
def sings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recipe without sound, whose packages are all there."""

    def sing(out: Path, cache: Path, ledger: Ledger, only: str | None, *_: object) -> list[Track]:
        splits = [only] if only else ["train", "test"]
        return [track(file=f"audio/{name}.flac", split=name) for name in splits]

    monkeypatch.setitem(sys.modules, "singing", SimpleNamespace(build=sing))
    monkeypatch.setattr(build, "require_installed", lambda packages: None)
    played = [track(split="train"), track(file="audio/b.flac", split="test")]
    monkeypatch.setattr(music, "build", lambda *_: played)


def test_one_split_is_listed_and_sung_alone(tmp_path: Path, sings: None) -> None:
    def splits(*only: str) -> list[str]:
        build.build(tmp_path, tmp_path, build.PARTS, *only)
        return sorted(t.split for t in read_tracks(tmp_path / "tracks.csv"))

    assert splits("test") == ["test", "test"]
    assert splits() == ["test", "test", "train", "train"]


@pytest.mark.parametrize("lacks", ["a Python package", "a Debian package"])
def test_what_the_singing_lacks_is_told_before_anything_is_fetched(
    tmp_path: Path, sings: None, monkeypatch: pytest.MonkeyPatch, lacks: str
) -> None:
    def refuse(packages: object) -> None:
        raise RecipeError("run `apt-get install x` as root")

    monkeypatch.setattr(music, "build", lambda *_: pytest.fail("That was fetched in vain."))
    if lacks == "a Python package":
        monkeypatch.setitem(sys.modules, "singing", None)
    else:
        monkeypatch.setattr(build, "require_installed", refuse)
    with pytest.raises(RecipeError, match=r"run `(pip install -r /|apt-get)"):
        build.build(tmp_path, tmp_path, build.PARTS)


def test_splits_are_by_artist_and_do_not_depend_on_order() -> None:
    durations = {f"track {i}": 100.0 + i for i in range(20)}
    split = split_by_group(durations)
    assert split == split_by_group(dict(reversed(durations.items())))
    for part in ("validation", "test"):
        share = sum(durations[name] for name in durations if split[name] == part)
        assert 0.05 < share / sum(durations.values()) < 0.2


@pytest.mark.parametrize("durations", [{"a": 900.0, "b": 900.0}, dict.fromkeys("abcdef", 90.0)])
def test_artists_with_little_music_are_for_training(durations: dict[str, float]) -> None:
    assert set(split_by_group(durations).values()) == {"train"}


def test_every_artist_with_enough_music_is_held_out_somewhere() -> None:
    split = split_by_group({"long": 5000.0, "b": 60.0, "c": 60.0})
    assert sorted(split.values()) == ["test", "train", "validation"]


def track(**changes: object) -> Track:
    fields = {
        "file": "audio/a.flac",
        "artist": '"Marine" Baklund',
        "genre": "industrial",
        "title": "A, b",
        "split": "train",
        "source_package": "p",
        "source_file": "f",
        "licence": "MIT",
        "duration_seconds": 61.5,
    }
    return Track(**(fields | changes))  # type: ignore[arg-type]


def test_the_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    tracks = with_splits([track(), track(file="audio/b.flac", lyrics_file="lyrics/b.json")])
    write_tracks(tmp_path / "tracks.csv", tracks)
    assert read_tracks(tmp_path / "tracks.csv") == tracks
    assert "2.0" in summary(tracks)


def test_a_changed_file_is_built_again(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    ledger = Ledger(tmp_path)
    ledger.put("a.txt", "recipe 1", 3.0)
    again = Ledger(tmp_path)
    assert again.get("a.txt", "recipe 1") == 3.0
    assert again.get("a.txt", "recipe 2") is None
    (tmp_path / "a.txt").write_text("two")
    assert again.get("a.txt", "recipe 1") is None


def test_a_wrong_source_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "song.ogg").write_bytes(b"not it")
    with pytest.raises(RecipeError, match=r"song\.ogg .* is not the pinned file"):
        read_verified(tmp_path, "song.ogg", "0" * 64)


def test_loud_stems_are_turned_down_not_clipped(tmp_path: Path) -> None:
    loud = np.full((1000, 2), 0.9)
    mixed = sound.mix([loud, loud[:500]])
    safe = sound.peak_safe(sound.to_mono(mixed, sound.SAMPLE_RATE_HZ))
    assert np.isclose(np.abs(safe).max(), sound.PEAK_LIMIT)
    assert np.isclose(safe[0] / safe[-1], 2.0)
    sound.write_flac(tmp_path / "a.flac", safe)
    first = (tmp_path / "a.flac").read_bytes()
    sound.write_flac(tmp_path / "a.flac", safe)
    assert (tmp_path / "a.flac").read_bytes() == first


def test_typed_songs_add_up() -> None:
    songs = songbook.songs()
    assert len(songs) >= 30
    assert {song.language for song in songs} == {"en", "de"}
    for song in songs:
        assert song.words, song.slug
        assert len(song.chords) * song.beats_per_bar == song.length_beats, song.slug
        starts = [note.start_beats for note in song.notes()]
        assert starts == sorted(starts), song.slug
        text = " ".join(word.text for word in song.words)
        assert re.fullmatch(r"[A-Za-z0-9.,:;!?'\"()\[\] -]+", text), song.slug


def test_a_song_that_does_not_add_up_is_refused(tmp_path: Path) -> None:
    head = "title: T\nlanguage: en\nsource: s\ntempo_bpm: 90\nbeats_per_bar: 4\nstyle: Folk\n\n"
    (tmp_path / "song.txt").write_text(head + "[C] c d e f |\none two three\n")
    with pytest.raises(RecipeError, match="3 syllables on 4 notes"):
        songbook.read_song(tmp_path / "song.txt")
    (tmp_path / "song.txt").write_text(head + "[C] c d e | f\none two three four\n")
    with pytest.raises(RecipeError, match="a bar line inside a bar"):
        songbook.read_song(tmp_path / "song.txt")


def test_the_demo_clip_is_five_bars_of_stereo() -> None:
    info = soundfile.info(ROOT / "presets" / "demo" / "industrial-120bpm.flac")
    assert (info.samplerate, info.channels, info.frames) == (44100, 2, 441000)
    text = (ROOT / "presets" / "demo" / "CREDITS").read_text(encoding="utf-8")
    for fact in ("Industrial", '"Marine" Baklund', "CC-BY-SA-3.0", "Modified: excerpt"):
        assert fact in text


def test_learning_counts_work_and_not_pauses(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    lines = [
        {"step": 50, "time": 1000.0},
        {"step": 100, "time": 1036.0, "held_out_bits_per_code": 5.0},
        {"step": 150, "time": 9000.0},
        {"step": 200, "time": 9036.0, "held_out_bits_per_code": 4.5},
    ]
    log.write_text("\n".join(json.dumps(line) for line in lines))
    before = learning.Row("prior", 1, 2.0, 1000, 5.5)
    assert learning.rows_of(log, "prior", 2, 4, before) == [
        learning.Row("prior", 2, 2.01, 1400, 5.0),
        learning.Row("prior", 2, 2.02, 1800, 4.5),
    ]
    # What is kept is in the order that it was learned in.
    rows = learning.read()
    assert rows
    assert rows == sorted(rows)


def test_a_power_law_through_the_ends_of_versions_is_found() -> None:
    def rows(part: str, law: Callable[[int], float]) -> list[learning.Row]:
        return [
            learning.Row(part, version, 0.0, windows, law(windows))
            for version, windows in ((1, 500), (1, 1000), (2, 3000), (3, 9000))
        ]

    bits = rows("bits", lambda windows: 8 * windows**-0.1)
    assert learning.exponents(bits) == pytest.approx([0.1, 0.1])
    # Decibels are of a ratio, which follows the law.
    decibels = rows("dB", lambda windows: 20 * np.log10(0.9 * windows**-0.2))
    assert learning.exponents(decibels) == pytest.approx([0.2, 0.2])


def test_a_share_is_forecast_with_how_sure_its_clips_make_it() -> None:
    def points(shares: list[float], clips: int) -> list[learning.Heard]:
        return [
            learning.Heard("artist", i, 1000 * 2**i, share, clips, 0.9)
            for i, share in enumerate(shares)
        ]

    # Odds double with the windows: from 4 to 1 to 9 to 1 is 2.25 times as far.
    rising = [1 / 2, 2 / 3, 4 / 5]
    many = learning.times_needed(points(rising, 10**6))
    assert many is not None
    assert np.quantile(many, [0.1, 0.5, 0.9]) == pytest.approx(2.25, rel=0.02)
    few = learning.times_needed(points(rising, 40))
    assert few is not None
    low, middle, high = np.quantile(few, [0.1, 0.5, 0.9], method="nearest")
    assert low < 2.0 < middle < 3.0 < high
    falling = learning.times_needed(points([0.8, 0.7, 0.6], 10**6))
    assert falling is not None
    assert np.isinf(falling).all()
    assert (learning.times_needed(points([0.95, 0.96], 10**6)) == 1.0).all()
    assert learning.times_needed(points([0.5], 40)) is None


def test_shares_with_an_aim_are_taken_out_of_a_report() -> None:
    averages = {"groups": {"all": {"pairs": 0.75}}}
    report = {
        "conditions": {
            "conditions": [
                {"name": "artist", "averages": averages, "clips": 80, "aim": 0.9},
                {"name": "lyrics", "averages": None, "clips": 0, "aim": 0.8},
            ]
        },
        "samples": {
            "averages": {
                "continuation": {
                    "groups": {"singing": {"words_pairs": 0.625}},
                    "counts": {"words_pairs": 84},
                }
            }
        },
    }
    assert learning.hear(4, report, 9000) == [
        learning.Heard("artist", 4, 9000, 0.75, 80, 0.9),
        learning.Heard("sung words", 4, 9000, 0.625, 84, 0.7),
    ]


def test_the_card_takes_its_figures_from_an_evaluation(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    found = {
        "manifest_sha256": hashlib.sha256(b"{}").hexdigest(),
        "tracks": 3,
        "split": "test",
        "seconds": 120.0,
    }
    (tmp_path / "evaluation.json").write_text(json.dumps(found))
    aims = "**Aims**\n\n| measure | aim |\n| --- | ---: |\n| x | 1 |\n"
    (tmp_path / "evaluation.md").write_text(f"**Bits**\n\n| a |\n| --- |\n| 1 |\n\n{aims}")
    text = "# T\n\n## In short\n\nSmall.\n\n## Data\n\n"
    for mark in ("evaluation", "forecast"):
        text += f"<!-- {mark} -->\nold\n<!-- end of {mark} -->\n"
    path = tmp_path / "card.md"
    path.write_text(text)
    for _ in range(2):
        card.write_card(tmp_path, path, tmp_path)
        written = path.read_text(encoding="utf-8")
        assert "old" not in written
        assert written.count("3 test tracks, 2 minutes") == written.count(aims) == 1
        assert learning.forecast() in written
        readme = (tmp_path / "README.md").read_text(encoding="utf-8")
        assert "Small.\n\n**Aims**" in readme
        assert "Bits" not in readme
    (tmp_path / "manifest.json").write_text('{"name": "b"}')
    with pytest.raises(ValueError, match="another bundle"):
        card.write_card(tmp_path, path, tmp_path)
