"""The style pad, driven by mouse and keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from panel_parts import a_model, unnamed
from PyQt6.QtCore import QModelIndex, QPoint, Qt
from PyQt6.QtWidgets import QSlider, QStyle, QStyleOptionSlider
from pytestqt.qtbot import QtBot

from jukebox_studio.style import MOST_PARTS, Part, Style, StylePoint
from ui.draft import ModelSummary
from ui.name_picker import FAVOURITE_ROLE, NAME_ROLE, NamesModel
from ui.style_pad import StylePad, blend_text, place_at, weights_at
from ui.timeline_morph import MorphPoint

KEY = Qt.Key
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def pad(qtbot: QtBot) -> StylePad:
    made = StylePad()
    made.set_model(a_model())
    qtbot.addWidget(made)
    made.resize(360, 800)
    made.show()
    qtbot.waitExposed(made)
    return made


def artists(pad: StylePad, point: int = 0) -> dict[str, float]:
    return {part.name: part.weight for part in pad.chosen_style().points[point].artists}


def type_name(qtbot: QtBot, pad: StylePad, text: str) -> None:
    qtbot.keyClicks(pad.artist_picker.field, text)
    qtbot.keyClick(pad.artist_picker.field, KEY.Key_Return)


def click_slider(qtbot: QtBot, slider: QSlider, share: float) -> None:
    """Drag its handle there."""
    option = QStyleOptionSlider()
    slider.initStyleOption(option)
    style = slider.style()
    assert style is not None
    handle = style.subControlRect(
        QStyle.ComplexControl.CC_Slider, option, QStyle.SubControl.SC_SliderHandle, slider
    )
    groove = slider.rect().adjusted(handle.width() // 2, 0, -handle.width() // 2, 0)
    end = QPoint(groove.left() + round(share * groove.width()), handle.center().y())
    qtbot.mousePress(slider, LEFT, pos=handle.center())
    qtbot.mouseMove(slider, end)
    qtbot.mouseRelease(slider, LEFT, pos=end)


# Geometry ----------------------------------------------------------------------------------------

UNIT = st.floats(0.0, 1.0)


@given(st.sampled_from([3, 4]), UNIT, UNIT)
def test_weights_of_a_place_add_up_to_one(count: int, x: float, y: float) -> None:
    weights = weights_at(count, x, y)
    assert len(weights) == count
    assert all(0.0 <= weight <= 1.0 + 1e-12 for weight in weights)
    assert sum(weights) == pytest.approx(1.0)


@given(UNIT, UNIT)
def test_a_place_comes_back_from_its_weights(x: float, y: float) -> None:
    assert place_at(weights_at(4, x, y)) == pytest.approx((x, y))
    inside = 0.5 * (1 - y) + x * y  # on the triangle
    assert place_at(weights_at(3, inside, y)) == pytest.approx((inside, y))


@pytest.mark.parametrize("count", [3, 4])
def test_corners_are_pure(count: int) -> None:
    for corner in range(count):
        pure = tuple(float(i == corner) for i in range(count))
        assert weights_at(count, *place_at(pure)) == pytest.approx(pure)


# Choosing ----------------------------------------------------------------------------------------


def test_typing_and_enter_add_artists(qtbot: QtBot, pad: StylePad) -> None:
    with qtbot.waitSignal(pad.changed):
        type_name(qtbot, pad, "bo d")
    assert artists(pad) == {"bo_diddle": 1.0}
    assert pad.artist_picker.field.text() == ""
    type_name(qtbot, pad, "ada")
    assert artists(pad) == {"bo_diddle": 0.5, "ada": 0.5}
    assert pad.artists.slider.isVisible()
    type_name(qtbot, pad, "nobody")
    assert len(artists(pad)) == 2


def test_escape_closes_the_list_from_the_field_too(qtbot: QtBot, pad: StylePad) -> None:
    picker = pad.artist_picker
    qtbot.keyClicks(picker.field, "bo")
    assert picker.list.isVisible()
    qtbot.keyClick(picker.field, KEY.Key_Escape)
    assert not picker.list.isVisible()
    assert picker.field.text() == ""


def test_the_list_is_walked_with_keys_and_clicked(qtbot: QtBot, pad: StylePad) -> None:
    picker = pad.artist_picker
    assert not picker.list.isVisible()
    qtbot.keyClick(picker.field, KEY.Key_Down)
    assert picker.list.isVisible()
    qtbot.keyClick(picker.list, KEY.Key_Down)
    qtbot.keyClick(picker.list, KEY.Key_Return)
    assert artists(pad) == {"bo_diddle": 1.0}
    third = picker.list.visualRect(picker.model.index(2)).center()
    qtbot.mouseClick(picker.list.viewport(), LEFT, pos=third)
    qtbot.mouseDClick(picker.list.viewport(), LEFT, pos=third)
    assert list(artists(pad)) == ["bo_diddle", "cy"]
    qtbot.keyClick(picker.list, KEY.Key_Escape)
    assert not picker.list.isVisible()


def test_favourites_come_first_and_can_be_shown_alone(qtbot: QtBot, pad: StylePad) -> None:
    picker = pad.artist_picker
    qtbot.mouseClick(picker.browse, LEFT)
    with qtbot.waitSignal(pad.favourites_changed) as told:
        heart = picker.list.visualRect(picker.model.index(3)).topLeft() + QPoint(8, 8)
        qtbot.mouseClick(picker.list.viewport(), LEFT, pos=heart)
    assert told.args == [frozenset({"dee"})]
    assert artists(pad) == {}
    assert picker.model.index(0).data(NAME_ROLE) == "dee"
    picker.list.setFocus()
    picker.list.setCurrentIndex(picker.model.index(1))
    qtbot.keyClick(picker.list, KEY.Key_F)
    assert picker.model.favourites == {"dee", "ada"}
    assert picker.list.currentIndex().data(NAME_ROLE) == "ada"
    qtbot.mouseClick(picker.only_favourites, LEFT)
    assert picker.model.rowCount() == 2
    assert all(picker.model.index(i).data(FAVOURITE_ROLE) for i in range(2))
    assert picker.model.index(0).data(Qt.ItemDataRole.AccessibleTextRole) == "Ada, favourite"


def test_thousands_of_names_are_searched(qtbot: QtBot) -> None:
    model = NamesModel()
    model.set_names([f"band_{n}" for n in range(8_000)] + ["the_band_7"])
    model.search("band 7", only_favourites=False)
    assert model.rowCount() < 1_000  # the view gets more when it scrolls
    while model.canFetchMore(QModelIndex()):
        model.fetchMore(QModelIndex())
    found = [model.index(i).data(NAME_ROLE) for i in range(model.rowCount())]
    assert len(found) == sum("7" in str(n) for n in range(8_000)) + 1
    assert found[0] == "band_7"
    assert "the_band_7" in found
    assert all("7" in name for name in found)


def test_a_favourite_far_down_stays_chosen(qtbot: QtBot, pad: StylePad) -> None:
    picker = pad.artist_picker
    picker.set_names([f"band_{n:04}" for n in range(2_000)])
    picker.toggle_favourite("band_1500")
    assert picker.list.currentIndex().row() == 0
    picker.toggle_favourite("band_1500")
    assert picker.list.currentIndex().data(NAME_ROLE) == "band_1500"


# Weights -----------------------------------------------------------------------------------------


def test_two_artists_lie_on_a_slider(qtbot: QtBot, pad: StylePad) -> None:
    pad.set_style(Style.of("ada:0.5,cy:0.5"))
    assert pad.artists.slider.isVisible()
    assert not pad.artists.pad.isVisible()
    click_slider(qtbot, pad.artists.slider, 0.8)
    found = artists(pad)
    assert found["cy"] == pytest.approx(0.8, abs=0.04)
    assert sum(found.values()) == pytest.approx(1.0)
    qtbot.keyClick(pad.artists.slider, KEY.Key_Home)
    # The far end is the pure artist; the other one is still there.
    assert artists(pad) == {"ada": 1.0, "cy": 0.0}
    assert pad.artists.spins["ada"].value() == 1.0


@pytest.mark.parametrize("count", [3, 4])
def test_three_and_four_artists_lie_on_a_pad(qtbot: QtBot, pad: StylePad, count: int) -> None:
    names = a_model().artists[:count]
    pad.set_style(Style((StylePoint(0.0, tuple(Part(name) for name in names)),)))
    surface = pad.artists.pad
    assert surface.isVisible()
    assert not pad.artists.slider.isVisible()
    qtbot.mousePress(surface, LEFT, pos=surface.rect().center())
    middle = artists(pad)
    assert sum(middle.values()) == pytest.approx(1.0, abs=0.01)
    assert all(weight > 0.05 for weight in middle.values())
    for number, name in enumerate(names):
        corner = surface.corner(number).toPoint()
        qtbot.mouseMove(surface, corner)
        qtbot.mousePress(surface, LEFT, pos=corner)
        assert artists(pad)[name] == pytest.approx(1.0, abs=0.02)
    # Outside is the nearest inside.
    qtbot.mousePress(surface, LEFT, pos=QPoint(0, surface.height() - 1))
    assert sum(artists(pad).values()) == pytest.approx(1.0, abs=0.01)


def test_arrow_keys_move_the_handle(qtbot: QtBot, pad: StylePad) -> None:
    pad.set_style(Style.of("ada,bo_diddle,cy,dee"))
    surface = pad.artists.pad
    for _ in range(30):
        qtbot.keyClick(surface, KEY.Key_Right)
        qtbot.keyClick(surface, KEY.Key_Up)
    assert artists(pad) == {"ada": 0.0, "bo_diddle": 1.0, "cy": 0.0, "dee": 0.0}
    assert "Bo Diddle 100%" in surface.accessibleDescription()
    for _ in range(30):
        qtbot.keyClick(surface, KEY.Key_Down)
        qtbot.keyClick(surface, KEY.Key_Left)
    assert artists(pad)["cy"] == 1.0


def test_five_artists_have_a_slider_each(qtbot: QtBot, pad: StylePad) -> None:
    pad.set_style(Style.of("ada:0.2,bo_diddle:0.2,cy:0.2,dee:0.2,eve:0.2"))
    assert not pad.artists.pad.isVisible()
    assert len(pad.artists.sliders) == 5
    qtbot.keyClick(pad.artists.sliders["cy"], KEY.Key_End)
    assert artists(pad)["cy"] == 1.0
    spin = pad.artists.spins["dee"]
    spin.selectAll()
    qtbot.keyClicks(spin, "2.5")
    assert artists(pad)["dee"] == 2.5
    qtbot.mouseClick(pad.artists.removers["eve"], LEFT)
    assert list(artists(pad)) == ["ada", "bo_diddle", "cy", "dee"]
    assert pad.artists.pad.isVisible()


def test_removing_all_but_one_leaves_it_pure(qtbot: QtBot, pad: StylePad) -> None:
    pad.set_style(Style.of("ada:0.25,cy:0.75"))
    qtbot.mouseClick(pad.artists.removers["cy"], LEFT)
    assert artists(pad) == {"ada": 1.0}
    qtbot.mouseClick(pad.artists.removers["ada"], LEFT)
    assert artists(pad) == {}
    assert pad.artists.empty.isVisible()


def test_genres_weigh_one_each(qtbot: QtBot, pad: StylePad) -> None:
    for name in ("hum", "rock"):
        qtbot.keyClicks(pad.genre_picker.field, name)
        qtbot.keyClick(pad.genre_picker.field, KEY.Key_Return)
    (point,) = pad.chosen_style().points
    assert point.genres == (Part("hum"), Part("rock"))
    assert blend_text(point) == "Hum, Rock"


def test_a_style_that_is_shown_is_not_changed(pad: StylePad) -> None:
    style = Style(
        (
            StylePoint(0.0, (Part("ada", 1.7), Part("x", 0.0)), (Part("hum"),)),
            StylePoint(3.25, (Part("ada", 0.0), Part("x", 0.4)), (Part("hum", 0.5),)),
        )
    )
    pad.set_style(style)
    assert pad.chosen_style() == style


def test_there_are_no_more_names_than_a_style_takes(pad: StylePad) -> None:
    for number in range(MOST_PARTS + 3):
        pad.add("artists", f"a{number}")
    assert len(artists(pad)) == MOST_PARTS


# Over time ---------------------------------------------------------------------------------------


def test_points_are_added_moved_and_removed(qtbot: QtBot, pad: StylePad) -> None:
    pad.set_style(Style.of("ada:0.5,cy:0.5"))
    pad.set_length(10.0)
    assert pad.morph(4.0, 10.0) is None
    qtbot.mouseClick(pad.morph_fold.header, LEFT)
    with qtbot.waitSignal(pad.points_changed):
        qtbot.mouseClick(pad.add_point_button, LEFT)
    assert [point.at_seconds for point in pad.points()] == [0.0, 10.0]
    assert pad.current_point == 1
    qtbot.keyClick(pad.artists.slider, KEY.Key_End)
    assert artists(pad, 0) == {"ada": 0.5, "cy": 0.5}
    assert artists(pad, 1) == {"ada": 0.0, "cy": 1.0}
    # A new point half-way changes nothing yet.
    with qtbot.waitSignal(pad.point_selected):
        qtbot.keyClick(pad.point_list, KEY.Key_Up)
    qtbot.mouseClick(pad.add_point_button, LEFT)
    assert artists(pad, 1) == {"ada": 0.25, "cy": 0.75}
    pad.point_time.selectAll()
    qtbot.keyClicks(pad.point_time, "20")
    assert [point.at_seconds for point in pad.points()] == [0.0, 9.99, 10.0]
    pad.select_point(0)
    assert not pad.point_time.isEnabled()
    assert not pad.remove_point_button.isEnabled()
    pad.select_point(1)
    qtbot.mouseClick(pad.remove_point_button, LEFT)
    assert [point.at_seconds for point in pad.points()] == [0.0, 10.0]


def test_an_artist_added_later_is_not_there_before(qtbot: QtBot, pad: StylePad) -> None:
    pad.set_style(Style.of("ada"))
    pad.add_point(4.0)
    type_name(qtbot, pad, "cy")
    assert artists(pad, 0) == {"ada": 1.0, "cy": 0.0}
    assert artists(pad, 1) == {"ada": 0.5, "cy": 0.5}


def test_the_lane_shows_and_changes_the_points(qtbot: QtBot, pad: StylePad) -> None:
    pad.set_style(
        Style(
            (
                StylePoint(0.0, (Part("ada"),), (Part("hum"),)),
                StylePoint(8.0, (Part("bo_diddle"),), (Part("hum"),)),
            )
        )
    )
    morph = pad.morph(4.0, 8.0)
    assert morph is not None
    assert morph.names == ("Ada", "Bo Diddle")
    assert morph.points == (MorphPoint(0.0, (1.0, 0.0)), MorphPoint(8.0, (0.0, 1.0)))
    with qtbot.waitSignal(pad.changed):
        pad.set_morph(morph.with_point(2.0).moved(1, 3.0, 0.9))
    style = pad.chosen_style()
    assert [point.at_seconds for point in style.points] == [0.0, 3.0, 8.0]
    assert artists(pad, 1) == {"ada": 0.9, "bo_diddle": 0.1}
    assert all(point.genres == (Part("hum"),) for point in style.points)
    changed = pad.morph(4.0, 8.0)
    assert changed is not None
    pad.set_morph(changed.without_point(1))
    assert len(pad.points()) == 2


def test_everything_has_a_name(pad: StylePad) -> None:
    pad.set_style(Style.of("ada,cy,dee,eve,fay", "hum"))
    assert unnamed(pad) == []


def test_a_model_without_names_takes_none(pad: StylePad) -> None:
    bare = ModelSummary("bare", a_model().folder, a_model().licence, 2)
    pad.set_model(bare)
    assert not pad.artist_picker.isEnabled()
    pad.set_model(None)
    assert pad.artist_picker.model.rowCount() == 0
