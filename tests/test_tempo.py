"""Bars, beats, seconds, samples and codes, exactly."""

from __future__ import annotations

import json
import math
import random
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jukebox_studio.errors import JukeboxError
from jukebox_studio.tempo import (
    BarBeat,
    Meter,
    MeterMap,
    MeterPoint,
    SongTime,
    TempoMap,
    TempoPoint,
    bars_to_samples,
)

RATES_HZ = st.sampled_from([22_050, 44_100, 48_000, 88_200, 96_000, 44_056])
# As people type them, as DAWs compute them, and as fractions.
TEMPOS_BPM = st.one_of(
    st.integers(20, 400).map(Fraction),
    st.decimals(20, 400, places=2).map(Fraction),
    st.floats(20, 400).map(Fraction),
)
METERS = st.builds(Meter, st.integers(1, 15), st.sampled_from([2, 4, 8, 16]))
BEATS = st.fractions(0, 2_000, max_denominator=1920)


@st.composite
def tempo_maps(draw: st.DrawFn, glides: bool = True) -> TempoMap:
    beats = sorted({Fraction(0), *draw(st.lists(BEATS, max_size=6))})
    points = []
    for beat in beats:
        glide = glides and beat != beats[-1] and draw(st.booleans())
        points.append(
            TempoPoint(
                beat,
                draw(TEMPOS_BPM),
                draw(TEMPOS_BPM) if glide else None,
                draw(st.sampled_from(["beats", "seconds"])),
            )
        )
    return TempoMap(tuple(points))


@st.composite
def meter_maps(draw: st.DrawFn) -> MeterMap:
    bars = sorted({0, *draw(st.lists(st.integers(1, 300), max_size=5))})
    return MeterMap(tuple(MeterPoint(bar, draw(METERS)) for bar in bars))


SONGS = st.builds(SongTime, tempo_maps(), meter_maps())


# A steady tempo ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bars", "tempo", "meter", "rate", "samples"),
    [
        (4, 120.0, "4/4", 44_100, 352_800),
        (1, 120.0, "7/8", 48_000, 84_000),
        (4, 174.0, "4/4", 44_100, 243_310),
        (0.5, 90.0, "3/4", 96_000, 96_000),
        (2, 100.5, "6/8", 44_100, 157_970),
    ],
)
def test_known_lengths(bars: float, tempo: float, meter: str, rate: int, samples: int) -> None:
    assert bars_to_samples(bars, tempo, Meter.parse(meter), rate) == samples
    assert SongTime.steady(tempo, meter).samples_of_span(0, bars, rate) == samples


@given(
    st.integers(1, 512),
    st.floats(20, 400),
    st.integers(1, 15),
    st.sampled_from([2, 4, 8, 16]),
    st.sampled_from([44_100, 48_000, 96_000]),
)
def test_the_length_is_within_half_a_sample(
    bars: int, tempo: float, beats: int, unit: int, rate: int
) -> None:
    exact = Fraction(bars * beats * 4, unit) * 60 / Fraction(tempo) * rate
    assert abs(bars_to_samples(bars, tempo, Meter(beats, unit), rate) - exact) <= Fraction(1, 2)


@given(TEMPOS_BPM, METERS, RATES_HZ, st.integers(0, 10**8), st.floats(0, 300))
def test_from_a_whole_sample_a_steady_span_is_as_long_as_anywhere(
    tempo: Fraction, meter: Meter, rate_hz: int, start: int, bars: float
) -> None:
    song = SongTime.steady(tempo, str(meter))
    start_beat = song.beat_at_sample(start, rate_hz)
    expected = bars_to_samples(bars, tempo, meter, rate_hz)
    assert song.samples_of_span(start_beat, bars, rate_hz) == expected


# Changes inside a span ---------------------------------------------------------------------------


def test_a_span_runs_through_changes_of_tempo_and_meter() -> None:
    song = SongTime(TempoMap.of((0, 120), (6, 60)), MeterMap.of((0, "4/4"), (2, "3/4")))
    # 6 beats at half a second, then the second bar's last two and the 3/4 bar's three at one.
    assert song.samples_of_span(0, 3, 48_000) == 8 * 48_000
    assert song.end_of_span(0, 3) == 11
    # Half of the second 4/4 bar and half of the 3/4 bar.
    assert song.end_of_span(6, 1) == Fraction(19, 2)


def test_an_even_glide_over_beats_takes_the_logarithm_of_its_tempos() -> None:
    # As in Ardour: 120 to 60 over 8 beats last 8 * ln 2 seconds, where steps would take 4 to 8.
    glide = TempoPoint(Fraction(0), Fraction(120), Fraction(60))
    tempo = TempoMap((glide, TempoPoint(Fraction(8), Fraction(60))))
    assert float(tempo.seconds_at(8)) == pytest.approx(8 * math.log(2), abs=1e-12)
    assert float(tempo.seconds_at(12)) == pytest.approx(8 * math.log(2) + 4, abs=1e-12)


def test_an_even_glide_over_time_takes_the_mean_of_its_tempos() -> None:
    glide = TempoPoint(Fraction(0), Fraction(120), Fraction(60), "seconds")
    tempo = TempoMap((glide, TempoPoint(Fraction(9), Fraction(60))))
    assert tempo.seconds_at(9) == 6
    # Half of the time: a mean of 105 beats per minute.
    assert tempo.beat_at(3) == Fraction(21, 4)


@pytest.mark.parametrize("glide", ["beats", "seconds"])
def test_a_glide_is_what_many_small_steps_come_to(glide: str) -> None:
    curve = TempoPoint(Fraction(0), Fraction(90), Fraction(150), glide)  # type: ignore[arg-type]
    tempo = TempoMap((curve, TempoPoint(Fraction(16), Fraction(150))))
    steps = 4000
    seconds = 0.0
    for step in range(steps):
        if glide == "beats":
            bpm = 90 + 60 * (step + 0.5) / steps
        else:
            middle = tempo.seconds_at(Fraction(16 * (2 * step + 1), 2 * steps))
            bpm = 90 + 60 * float(middle / tempo.seconds_at(16))
        seconds += 16 / steps * 60 / bpm
    assert float(tempo.seconds_at(16)) == pytest.approx(seconds, rel=1e-7)


@given(SONGS, st.lists(st.fractions(0, 8, max_denominator=960), max_size=30), BEATS, RATES_HZ)
def test_spans_that_follow_each_other_add_up(
    song: SongTime, lengths_bars: list[Fraction], start: Fraction, rate_hz: int
) -> None:
    total, beat = 0, start
    for length in lengths_bars:
        total += song.samples_of_span(beat, length, rate_hz)
        beat = song.end_of_span(beat, length)
    assert total == song.samples_of_span(start, sum(lengths_bars), rate_hz)
    assert beat == song.end_of_span(start, sum(lengths_bars))


@given(BEATS, TEMPOS_BPM)
def test_a_change_to_the_same_tempo_changes_nothing(beat: Fraction, bpm: Fraction) -> None:
    once = TempoMap.of((0, bpm))
    twice = TempoMap.of((0, bpm), (beat + 1, bpm), (beat + 7, bpm))
    for place in (0, beat, beat + 3, beat + 100):
        assert once.seconds_at(place) == twice.seconds_at(place)


# There and back ----------------------------------------------------------------------------------


@given(SONGS, st.lists(BEATS, min_size=2), RATES_HZ)
def test_later_beats_come_later(song: SongTime, beats: list[Fraction], rate_hz: int) -> None:
    for early, late in pairwise(sorted(set(beats))):
        assert song.tempo.seconds_at(early) < song.tempo.seconds_at(late)
        assert song.meters.bar_at(early) < song.meters.bar_at(late)
        assert song.sample_at(early, rate_hz) <= song.sample_at(late, rate_hz)


@given(SONGS, st.fractions(-100, 3_000, max_denominator=1920), RATES_HZ)
def test_beats_come_back(song: SongTime, beat: Fraction, rate_hz: int) -> None:
    seconds = song.tempo.seconds_at(beat)
    assert abs(song.tempo.beat_at(seconds) - beat) < Fraction(1, 10**60)
    assert song.meters.beat_of(song.meters.bar_at(beat)) == beat
    assert song.beat_at_bar_beat(song.bar_beat_at(beat)) == beat
    assert abs(song.sample_at(beat, rate_hz) - seconds * rate_hz) <= Fraction(1, 2)


@given(tempo_maps(glides=False), BEATS)
def test_without_glides_beats_come_back_exactly(tempo: TempoMap, beat: Fraction) -> None:
    assert tempo.beat_at(tempo.seconds_at(beat)) == beat


@given(SONGS, st.integers(-10_000, 10**8), RATES_HZ, st.sampled_from([1, 8, 32, 128, 300]))
def test_samples_and_codes_come_back(song: SongTime, n: int, rate_hz: int, hop: int) -> None:
    assert song.sample_at(song.beat_at_sample(n, rate_hz), rate_hz) == n
    assert song.code_at(song.beat_at_code(n // hop, rate_hz, hop), rate_hz, hop) == n // hop


def test_codes_begin_on_their_samples() -> None:
    song = SongTime.steady(120)
    assert song.code_at(1, 44_100, 128) == 172  # 22,050 / 128 = 172.3
    assert song.beat_at_code(172, 44_100, 128) == Fraction(172 * 128 * 2, 44_100)


# Bar lines ---------------------------------------------------------------------------------------


@given(meter_maps(), st.fractions(-50, 3_000, max_denominator=1920))
def test_the_next_bar_line_is_the_first_not_before(meters: MeterMap, beat: Fraction) -> None:
    line = meters.next_bar_line(beat)
    bar = meters.bar_at(line)
    assert bar.denominator == 1
    assert line >= beat > meters.beat_of(bar - 1)


@given(SONGS, st.integers(0, 400), RATES_HZ)
def test_a_clip_cut_on_a_bar_line_ends_on_it(song: SongTime, bar: int, rate_hz: int) -> None:
    line = song.meters.beat_of(bar)
    cut = song.sample_at(line, rate_hz)
    assert song.bar_line_from(cut, rate_hz) == line
    assert song.bar_line_from(cut + 2, rate_hz) > line


@pytest.mark.parametrize(
    ("beat", "shown"),
    [(0, "1|1"), (Fraction(7, 2), "1|4.5"), (8, "3|1"), (Fraction(19, 2), "3|4"), (15, "5|1")],
)
def test_places_are_shown_as_daws_show_them(beat: Fraction, shown: str) -> None:
    song = SongTime(TempoMap.of((0, 120)), MeterMap.of((0, "4/4"), (2, "7/8")))
    assert str(song.bar_beat_at(beat)) == shown


def test_a_bar_has_no_more_beats_than_its_meter() -> None:
    song = SongTime(TempoMap.of((0, 120)), MeterMap.of((0, "4/4"), (2, "7/8")))
    assert song.beat_at_bar_beat(BarBeat(3, Fraction(15, 2))) == Fraction(8) + Fraction(13, 4)
    for place in (BarBeat(3, Fraction(8)), BarBeat(1, Fraction(5)), BarBeat(1, Fraction(0))):
        with pytest.raises(JukeboxError, match="has no beat"):
            song.beat_at_bar_beat(place)


def test_meters_placed_by_beats() -> None:
    meters = MeterMap.at_beats([(0, Meter(4, 4)), (8, Meter(7, 8)), (11.5, Meter(3, 4))])
    assert meters == MeterMap.of((0, "4/4"), (2, "7/8"), (3, "3/4"))
    with pytest.raises(JukeboxError, match="not on a bar line; bar 3 would be cut short"):
        MeterMap.at_beats([(0, Meter(4, 4)), (9, Meter(3, 4))])


# Anchors -----------------------------------------------------------------------------------------


@given(tempo_maps(), st.lists(BEATS, min_size=1, max_size=20))
def test_a_map_through_anchors_meets_each_of_them(tempo: TempoMap, beats: list[Fraction]) -> None:
    places = sorted({Fraction(0), Fraction(1), *beats})
    anchors = [(beat, tempo.seconds_at(beat)) for beat in places]
    rebuilt = TempoMap.through(*anchors)
    for beat, seconds in anchors:
        assert abs(rebuilt.seconds_at(beat) - seconds) < Fraction(1, 10**60)


# JSON --------------------------------------------------------------------------------------------


@given(SONGS)
def test_json_keeps_every_fraction(song: SongTime) -> None:
    again = SongTime.from_json(json.loads(json.dumps(song.to_json(), allow_nan=False)))
    assert again == song
    assert hash(again) == hash(song)


def test_json_is_plain() -> None:
    song = SongTime(TempoMap.of((0, 120.5), (Fraction(16, 3), 90)), MeterMap.of((0, "7/8")))
    assert song.to_json() == {
        "tempo": {
            "points": [
                {"beat": 0, "tempo_bpm": 120.5, "end_tempo_bpm": None, "glide": "beats"},
                {"beat": "16/3", "tempo_bpm": 90, "end_tempo_bpm": None, "glide": "beats"},
            ]
        },
        "meters": {"points": [{"bar": 0, "meter": {"beats": 7, "unit": 8}}]},
    }


def song_json(**tempo_point: object) -> dict[str, object]:
    data = SongTime.steady(120).to_json()
    data["tempo"]["points"].append({"beat": 4, "tempo_bpm": 100} | tempo_point)
    return data


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (song_json(tempo_bpm=0), "tempo must be 10 to 1000"),
        (song_json(tempo_bpm=float("nan")), "finite number"),
        (song_json(tempo_bpm="1e99999999"), "points.1.tempo_bpm: .*neither a number"),
        (song_json(tempo_bpm="1/0"), "neither a number"),
        (song_json(tempo_bpm=True), "neither a number"),
        (song_json(tempo_bpm=10**400), "finite number"),
        (song_json(beat=0), "in order"),
        (song_json(beat=-1), "beat 0 to 10,000,000"),
        (song_json(beat=10**9), "beat 0 to 10,000,000"),
        (song_json(end_tempo_bpm=90), "cannot glide"),
        (song_json(glide="wildly"), "points.1.glide"),
        (song_json(swing=0.5), "points.1.swing"),
        ({"tempo": {"points": []}, "meters": {"points": []}}, "There is no tempo"),
        ({"tempo": "120"}, "tempo"),
        ([], "The tempo and meter of the song cannot be read"),
    ],
)
def test_bad_json_is_a_sentence(data: object, sentence: str) -> None:
    with pytest.raises(JukeboxError, match=sentence):
        SongTime.from_json(data)


# Bad input ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["4", "4/3", "0/4", "x/4", "4/4/4", "", "-3/4", "65/4"])
def test_bad_meters_are_refused(text: str) -> None:
    with pytest.raises(JukeboxError):
        Meter.parse(text)


@pytest.mark.parametrize("tempo", [0.0, -120.0, 9.9, 1001.0, float("nan"), float("inf")])
def test_bad_tempos_are_refused(tempo: float) -> None:
    with pytest.raises(JukeboxError, match="tempo"):
        bars_to_samples(4, tempo, Meter(4, 4), 44_100)
    with pytest.raises(JukeboxError, match="tempo"):
        TempoMap.of((0, tempo))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: TempoMap.of((1, 120)), "first tempo must stand at beat 0"),
        (lambda: TempoMap.of((0, 120), (8, 90), (4, 100)), "The tempo at beat 4 comes after"),
        (lambda: TempoMap.of(), "There is no tempo"),
        (lambda: TempoMap.of(*((n, 120) for n in range(10_001))), "more than 10,000"),
        (lambda: MeterMap.of((1, "4/4")), "first meter must stand at bar 0"),
        (lambda: MeterMap.of((0, "4/4"), (2, "3/4"), (2, "4/4")), "one at a place"),
        (lambda: MeterMap.of((0, "4/4"), (10**9, "3/4")), "bar 0 to 10,000,000"),
        (lambda: TempoMap.through((0, 0)), "has two"),
        (lambda: TempoMap.through((0, 0), (4, 2), (8, 1)), "both must go up"),
        (lambda: TempoMap.through((0, 0), (4, 0.001)), "tempo must be 10 to 1000"),
        (lambda: SongTime.steady(120).samples_of_span(0, -1, 48_000), "-1 bars long"),
        (lambda: SongTime.steady(120).samples_of_span(0, 1, 0), "rate above 0"),
        (lambda: SongTime.steady(120).sample_at(float("inf"), 48_000), "finite"),
    ],
)
def test_nonsense_is_a_sentence(make, sentence: str) -> None:
    with pytest.raises(JukeboxError, match=sentence):
        make()


def test_a_thousand_arbitrary_tempos_stay_quick_and_exact_enough() -> None:
    draw = random.Random(3)
    tempos = [draw.uniform(20, 400) for _ in range(1000)]
    tempo = TempoMap.of(*enumerate(tempos))
    seconds = math.fsum(60 / bpm for bpm in tempos)
    assert float(tempo.seconds_at(1000)) == pytest.approx(seconds, rel=1e-14)
    # Exactly, the fraction would have 50,000 bits.
    assert tempo.seconds_at(1000).denominator.bit_length() < 400
