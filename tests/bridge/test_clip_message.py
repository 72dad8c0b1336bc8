"""Clips and song time as messages, there and back."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from bridge_parts import clip_of
from hypothesis import given
from hypothesis import strategies as st

from bridge.clip_message import (
    clip_from_values,
    clip_to_values,
    meters_from_text,
    meters_to_text,
    tempo_from_text,
    tempo_to_text,
)
from bridge.datagram import build, messages_in
from bridge.protocol import MESSAGES
from jukebox_studio.errors import JukeboxError
from jukebox_studio.tempo import MeterMap, TempoMap, TempoPoint

CLIP = MESSAGES["clip"]
HEADER = {"token": "ab" * 32, "sender": "ardour-1", "sequence": 7}


def test_a_clip_goes_through_a_datagram_without_loss(tmp_path):
    path = tmp_path / "ä.wav"
    for clip in (
        clip_of(path),
        replace(clip_of(path), position_samples=None, song_start_samples=None, lyrics=""),
        replace(clip_of(path), song_end_samples=None, name="x" * 1_000),
    ):
        [message] = messages_in(build(CLIP, HEADER | clip_to_values("c1", clip)))
        values = CLIP.check(message.arguments)
        assert values["clip"] == "c1"
        assert values["path"] == str(path)
        assert clip_from_values(values, path) == clip


def test_long_numbers_may_be_text_as_ardour_must_send_them(tmp_path):
    clip = clip_of(tmp_path / "a.wav")
    values = HEADER | clip_to_values("c1", clip)
    for name in values:
        if name.endswith("_samples"):
            values[name] = str(values[name])
    assert clip_from_values(CLIP.check(CLIP.from_names(values)), clip.path) == clip


def test_tempos_as_the_page_has_them():
    assert tempo_from_text("0:120 16:90.5") == TempoMap.of((0, 120), (16, Fraction("90.5")))
    assert tempo_from_text(" 0:120>140@beats\n16:140 ").points[0] == TempoPoint(
        Fraction(0), Fraction(120), Fraction(140), "beats"
    )
    assert tempo_from_text("0:120>140@seconds 16/3:140").points[0].glide == "seconds"
    anchored = tempo_from_text("0=0 16=8.25")
    assert anchored.seconds_at(16) == Fraction("8.25")
    assert meters_from_text("0:4/4 8:7/8") == MeterMap.of((0, "4/4"), (8, "7/8"))


@given(
    st.lists(
        st.tuples(
            st.fractions(1, 10_000, max_denominator=960),
            st.decimals(20, 400, places=6).map(Fraction),
            st.none() | st.decimals(20, 400, places=6).map(Fraction),
            st.sampled_from(["beats", "seconds"]),
        ),
        unique_by=lambda point: point[0],
        max_size=8,
    )
)
def test_tempos_and_meters_come_back(changes):
    points = [TempoPoint(Fraction(0), Fraction(100))]
    points += [TempoPoint(*change) for change in sorted(changes)]
    points[-1] = replace(points[-1], end_tempo_bpm=None, glide="beats")
    tempo = TempoMap(
        tuple(replace(p, glide="beats") if p.end_tempo_bpm is None else p for p in points)
    )
    assert tempo_from_text(tempo_to_text(tempo)) == tempo
    meters = MeterMap.of(*((n * 3, f"{n + 1}/8") for n in range(len(points))))
    assert meters_from_text(meters_to_text(meters)) == meters


@pytest.mark.parametrize(
    "text",
    [
        "",
        "120",
        "0:",
        "0:0",
        "0:-120",
        "0:1e2",
        "0:nan",
        "0:120/0",
        "1:120",
        "0:120 0:130",
        "8:120 0:130",
        "0:120>140",
        "0:120>140@bars",
        "0:120>140@beats",
        "0:120;16:90",
        "0:١٢٠",
        "0:" + "1" * 30,
        "0=0",
        "0=0 4=0",
        "0=0 4=1e-9",
        "0=0 4:120",
        "0:99999999999999999999",
    ],
)
def test_what_is_no_tempo_is_a_sentence(text):
    with pytest.raises(JukeboxError):
        tempo_from_text(text)


@pytest.mark.parametrize(
    "text", ["", "4/4", "0:4", "0:0/4", "0:4/3", "1:4/4", "0:4/4 0:3/4", "-1:4/4", "0:4/4,8:7/8"]
)
def test_what_is_no_meter_is_a_sentence(text):
    with pytest.raises(JukeboxError):
        meters_from_text(text)
