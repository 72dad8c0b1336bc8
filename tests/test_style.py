"""Blends and morphs: how they are written, and what weighs how much when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jukebox_studio.errors import JukeboxError
from jukebox_studio.style import (
    MOST_PARTS,
    Blend,
    Part,
    Style,
    StylePoint,
    format_blend,
    parse_blend,
)

names = st.text(
    st.characters(codec="utf-8", exclude_characters='"', exclude_categories=["C", "Z"]),
    min_size=1,
    max_size=12,
)
weights = st.integers(1, 1000).map(lambda n: n / 100)
blends = st.lists(
    st.builds(Part, names, weights), min_size=1, max_size=4, unique_by=lambda p: p.name
).map(tuple)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ()),
        ("Ada", (Part("Ada"),)),
        ("Ada:0.5, Bo:0.25", (Part("Ada", 0.5), Part("Bo", 0.25))),
        ("Ada:1,Bo:0", (Part("Ada"), Part("Bo", 0.0))),
        ('"Earth, Wind: Fire":2,Bo', (Part("Earth, Wind: Fire", 2.0), Part("Bo"))),
        ("Die Ärzte : .5", (Part("Die Ärzte", 0.5),)),
        ("Ada,", (Part("Ada"),)),
    ],
)
def test_a_blend_is_read(text: str, parts: Blend) -> None:
    assert parse_blend(text) == parts


@given(blends)
def test_a_blend_comes_back_as_it_was_written(blend: Blend) -> None:
    assert parse_blend(format_blend(blend)) == blend


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Ada:much", "'much' of Ada is no number"),
        ("Ada:-1", "between 0 and 10"),
        ("Ada:nan", "between 0 and 10"),
        ("Ada:11", "between 0 and 10"),
        ("Ada,Ada:2", "Ada is twice"),
        ("Ada:0,Bo:0", "All artists weigh 0"),
        (":1", "without a name"),
        (",".join(f"a{i}" for i in range(MOST_PARTS + 1)), "at most 64 artists"),
    ],
)
def test_a_bad_blend_is_told(text: str, said: str) -> None:
    with pytest.raises(JukeboxError, match=said):
        Style.of(text)


def test_weights_go_in_a_straight_line_between_points() -> None:
    style = Style(
        (
            StylePoint(0.0, parse_blend("Ada")),
            StylePoint(4.0, parse_blend("Bo:2")),
            StylePoint(6.0, parse_blend("Bo"), parse_blend("hum")),
        )
    )
    assert style.morphs
    assert style.at(1.0).artists == (Part("Ada", 0.75), Part("Bo", 0.5))
    assert style.at(4.0).artists == (Part("Bo", 2.0),)
    assert style.at(5.0).genres == (Part("unknown", 0.5), Part("hum", 0.5))
    assert style.at(99.0) == style.points[-1]
    assert style.artist_names == ["Ada", "Bo"]


@given(blends, blends, st.floats(0, 8))
def test_a_morph_is_a_style_at_every_moment(a: Blend, b: Blend, seconds: float) -> None:
    style = Style((StylePoint(0.0, a), StylePoint(8.0, b)))
    total = [sum(part.weight for part in blend) for blend in (a, b, style.at(seconds).artists)]
    share = seconds / 8
    assert total[2] == pytest.approx((1 - share) * total[0] + share * total[1])


@pytest.mark.parametrize(
    ("points", "said"),
    [
        ((), "point at 0 s"),
        ((StylePoint(1.0),), "point at 0 s"),
        ((StylePoint(0.0), StylePoint(2.0), StylePoint(2.0)), "put them in order"),
    ],
)
def test_points_out_of_order_are_told(points: tuple[StylePoint, ...], said: str) -> None:
    with pytest.raises(JukeboxError, match=said):
        Style(points)


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_a_point_lies_at_a_moment(seconds: float) -> None:
    with pytest.raises(JukeboxError, match="cannot start at"):
        StylePoint(seconds)
