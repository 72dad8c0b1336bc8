"""The request panel, driven by mouse and keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from panel_parts import RATE_HZ, a_clip, a_model, unnamed
from PyQt6.QtCore import QPoint, QPointF, Qt, QTimer
from PyQt6.QtGui import QWheelEvent
from PyQt6.QtWidgets import QApplication, QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from jukebox_studio.drawing import Drawing, Leading
from jukebox_studio.licences import OPENAI_JUKEBOX
from jukebox_studio.request import (
    Continue,
    Guidance,
    Relyric,
    Request,
    Restyle,
    Sampling,
    Span,
    Vary,
)
from jukebox_studio.style import Part, Style, StylePoint
from ui.draft import SEEDS, Draft, VariantInfo
from ui.draft_presets import Preset, find_presets, load_preset, preset_of, write_preset
from ui.preset_menu import PresetShelf, SavePresetDialog
from ui.request_panel import RequestPanel
from ui.sampling_controls import LevelControls
from ui.timeline_morph import Morph

LEFT = Qt.MouseButton.LeftButton
KEY = Qt.Key


@pytest.fixture
def panel(qtbot: QtBot) -> RequestPanel:
    made = RequestPanel()
    qtbot.addWidget(made)
    made.resize(360, 900)
    made.set_models(["tiny", "other"])
    made.set_model(a_model())
    made.set_clip(a_clip())
    made.show()
    qtbot.waitExposed(made)
    return made


def choose(qtbot: QtBot, panel: RequestPanel, kind: str) -> None:
    qtbot.mouseClick(panel.operation_buttons[kind], LEFT)  # type: ignore[index]


def made(panel: RequestPanel, codes_path: Path | None = None) -> Request:
    request = panel.request(codes_path)
    assert isinstance(request, Request), request
    return request


def retype(qtbot: QtBot, field: QWidget, text: str) -> None:
    field.setFocus()
    field.selectAll()  # type: ignore[attr-defined]
    qtbot.keyClicks(field, text)


# Operations --------------------------------------------------------------------------------------


def test_a_continuation_says_what_comes_out(qtbot: QtBot, panel: RequestPanel) -> None:
    assert panel.outcome.text() == "8 bars = 16.00 s, ends on bar 15"
    with qtbot.waitSignal(panel.changed):
        retype(qtbot, panel.length, "4")
    assert panel.outcome.text() == "4 bars = 8.00 s, ends on bar 11"
    panel.unit.setFocus()
    qtbot.keyClick(panel.unit, KEY.Key_Down)
    assert panel.outcome.text() == "4 beats = 2.00 s, ends on bar 8"
    assert made(panel).operation == Continue(4.0, "beats")
    assert panel.length.text() == "4"


def test_a_restyle_keeps_as_much_as_the_slider_says(qtbot: QtBot, panel: RequestPanel) -> None:
    assert not panel.keep.isVisible()
    choose(qtbot, panel, "restyle")
    assert panel.keep.isVisible()
    assert not panel.length.isVisible()
    assert panel.keep.value() == 0.5
    qtbot.keyClick(panel.keep.slider, KEY.Key_End)
    assert made(panel).operation == Restyle(1.0)
    retype(qtbot, panel.keep.spin, "0.25")
    assert made(panel).operation == Restyle(0.25)
    # Each operation has a keep of its own.
    choose(qtbot, panel, "vary")
    assert panel.keep.value() == 0.0
    choose(qtbot, panel, "restyle")
    assert panel.keep.value() == 0.25


def test_singing_again_needs_a_selection_and_words(qtbot: QtBot, panel: RequestPanel) -> None:
    choose(qtbot, panel, "relyric")
    assert not panel.generate.isEnabled()
    assert panel.problem.isVisible()
    assert "There are no new words" in panel.problem.text()
    qtbot.keyClicks(panel.lyrics.new, "new words")
    qtbot.waitUntil(lambda: "Nothing is selected" in panel.problem.text())
    panel.set_selection(6.0, 8.0)
    assert not panel.problem.isVisible()
    assert panel.generate.isEnabled()
    assert panel.outcome.text() == "2.00 s of 8.00 s sung again: bar 4 to bar 5"
    request = made(panel)
    assert request.operation == Relyric(Span(2 * RATE_HZ, 4 * RATE_HZ), 0.3)
    assert request.lyrics == "new words"


def test_several_selections_are_varied(qtbot: QtBot, panel: RequestPanel) -> None:
    choose(qtbot, panel, "vary")
    assert not panel.add_span.isEnabled()
    panel.set_selection(4.0, 5.0)
    qtbot.mouseClick(panel.add_span, LEFT)
    panel.set_selection(7.0, 8.0)
    spans = (Span(0, RATE_HZ), Span(3 * RATE_HZ, 4 * RATE_HZ))
    assert made(panel).operation == Vary(spans, 0.0, 4)
    assert panel.spans.count() == 1
    panel.set_selection(None)
    assert made(panel).operation == Vary(spans[:1], 0.0, 4)
    panel.spans.setCurrentRow(0)
    qtbot.mouseClick(panel.remove_span, LEFT)
    assert "Nothing is selected" in panel.problem.text()


def test_a_controller_moves_keep_and_blend(qtbot: QtBot, panel: RequestPanel) -> None:
    choose(qtbot, panel, "restyle")
    with qtbot.waitSignal(panel.changed):
        panel.set_keep(0.75)
    assert made(panel).operation == Restyle(0.75)
    panel.set_draft(Draft(style=Style.of("ada:0.5,cy:0.5")))
    with qtbot.waitSignal(panel.changed):
        panel.set_blend(0.25)
    assert made(panel).style == Style.of("ada:0.75,cy:0.25")
    panel.set_keep(0.1)  # a continuation has none
    choose(qtbot, panel, "restyle")
    assert made(panel).operation == Restyle(0.5)


def test_operations_are_chosen_by_keys(qtbot: QtBot, panel: RequestPanel) -> None:
    panel.operation_buttons["continue"].setFocus()
    for key, kind in ((KEY.Key_R, "restyle"), (KEY.Key_Y, "vary"), (KEY.Key_S, "relyric")):
        qtbot.keyClick(panel, key, Qt.KeyboardModifier.AltModifier)
        qtbot.waitUntil(lambda kind=kind: panel.kind == kind)


# Generate ----------------------------------------------------------------------------------------


def test_generate_asks_by_mouse_and_keys(qtbot: QtBot, panel: RequestPanel) -> None:
    with qtbot.waitSignal(panel.generate_requested):
        qtbot.mouseClick(panel.generate, LEFT)
    with qtbot.waitSignal(panel.generate_requested):
        qtbot.keyClick(panel.length, KEY.Key_Return, Qt.KeyboardModifier.ControlModifier)


def test_without_a_clip_or_a_model_nothing_is_asked(qtbot: QtBot, panel: RequestPanel) -> None:
    panel.set_clip(None)
    assert panel.source.text() == "No clip yet"
    assert "send one from your DAW" in panel.problem.text()
    assert not panel.generate.isEnabled()
    assert panel.request() == panel.problem.text()
    panel.set_clip(a_clip())
    panel.set_model(None)
    assert "No model is chosen" in panel.problem.text()
    with qtbot.assertNotEmitted(panel.generate_requested, wait=50):
        qtbot.mouseClick(panel.generate, LEFT)


def test_a_variant_starts_from_its_codes(panel: RequestPanel) -> None:
    codes = Path("/project/variant.codes")
    panel.set_clip(a_clip(), VariantInfo("Variant 3 of Chorus", codes))
    assert panel.source.text() == "Variant 3 of Chorus"
    panel.set_clip(a_clip(), VariantInfo("Variant 3 of Chorus", codes, is_preview=True))
    assert panel.source.text() == "Variant 3 of Chorus (preview)"
    assert made(panel).codes_path == codes
    assert made(panel, Path("/other.codes")).codes_path == Path("/other.codes")
    panel.set_clip(a_clip())
    assert made(panel).codes_path is None
    assert panel.source.text() == "Chorus"


def test_an_open_seed_is_new_each_time_and_a_locked_one_stays(
    qtbot: QtBot, panel: RequestPanel
) -> None:
    seeds = {made(panel).seed for _ in range(5)}
    assert len(seeds) > 1
    assert all(seed < SEEDS for seed in seeds)
    qtbot.mouseClick(panel.seed_lock, LEFT)
    locked = int(panel.seed.text())
    assert {made(panel).seed for _ in range(3)} == {locked}
    retype(qtbot, panel.seed, "12x3")
    assert made(panel).seed == 123
    panel.seed.selectAll()
    qtbot.keyClick(panel.seed, KEY.Key_Delete)
    assert "The seed is empty" in panel.problem.text()
    qtbot.mouseClick(panel.seed_new, LEFT)
    assert panel.seed.text()
    assert panel.generate.isEnabled()
    retype(qtbot, panel.seed, "99999999999999999999")
    assert "2^64" in panel.problem.text()


def test_requests_are_dated(panel: RequestPanel) -> None:
    date = made(panel).date
    assert date is not None
    assert date.tzinfo is not None


# Settings ----------------------------------------------------------------------------------------


def test_folds_hide_what_is_seldom_needed(qtbot: QtBot, panel: RequestPanel) -> None:
    assert not panel.sampling.isVisible()
    panel.drawing_fold.header.setFocus()
    qtbot.keyClick(panel.drawing_fold.header, KEY.Key_Space)
    assert panel.sampling.isVisible()
    qtbot.mouseClick(panel.drawing_fold.header, LEFT)
    assert not panel.sampling.isVisible()


def test_top_k_and_top_p_exclude_each_other(qtbot: QtBot, panel: RequestPanel) -> None:
    panel.drawing_fold.set_open(True)
    controls = panel.sampling
    retype(qtbot, controls.temperature.spin, "1.1")
    controls.choice.setFocus()
    qtbot.keyClick(controls.choice, KEY.Key_Down)
    retype(qtbot, controls.top_k, "50")
    assert made(panel).sampling == Sampling(1.1, 50, 0.0)
    qtbot.keyClick(controls.choice, KEY.Key_Down)
    assert not controls.top_k.isVisible()
    retype(qtbot, controls.top_p, "0.5")
    assert made(panel).sampling == Sampling(1.1, 0, 0.5)
    controls.in_order.click()
    assert made(panel).sampling == Sampling(1.1, 0, 0.5, "exact")


def test_a_result_can_be_had_sooner_or_in_less_memory_and_less_exact(
    qtbot: QtBot, panel: RequestPanel
) -> None:
    panel.drawing_fold.set_open(True)
    assert made(panel).precision == "float32"
    assert "slightly different" in panel.precision.toolTip()
    for precision in ("float16", "int8"):
        qtbot.keyClick(panel.precision, KEY.Key_Down)
        assert made(panel).precision == precision


def test_who_asks_for_words_is_led_to_them_as_the_model_recommends(panel: RequestPanel) -> None:
    panel.set_model(replace(a_model(), guidance=Leading(style=1.0, lyrics=4.0)))
    voice, words = panel.lyrics.voice, panel.lyric_guidance
    assert made(panel).guidance == Guidance(0.0, 0.0)
    voice.setCurrentIndex(voice.findData("words"))
    assert words.value() == 4.0
    assert panel.draft().guidance == Guidance(), "left open, so another model leads as it likes"
    panel.set_model(replace(a_model(), guidance=Leading(lyrics=3.0)))
    assert words.value() == 3.0
    voice.setCurrentIndex(voice.findData("open"))
    assert words.value() == 0.0
    words.spin.setValue(2.0)  # who has chosen is asked no more
    voice.setCurrentIndex(voice.findData("words"))
    assert words.value() == 2.0
    assert panel.draft().guidance == Guidance(lyrics=2.0)
    # A draft is shown as it is.
    panel.set_draft(replace(panel.draft(), guidance=Guidance(0.0, 0.0)))
    assert (words.value(), panel.draft().guidance) == (0.0, Guidance(0.0, 0.0))
    panel.set_draft(replace(panel.draft(), guidance=Guidance()))
    assert words.value() == 3.0


def test_a_level_can_be_drawn_otherwise(qtbot: QtBot, panel: RequestPanel) -> None:
    panel.drawing_fold.set_open(True)
    (bottom,) = [c for c in panel.findChildren(QWidget) if getattr(c, "level", None) == 0]
    own, controls = bottom.own, bottom.controls
    assert not controls.isVisible()
    own.setFocus()
    qtbot.keyClick(own, KEY.Key_Space)
    retype(qtbot, controls.temperature.spin, "0.7")
    assert made(panel).sampling_by_level == {0: Sampling(0.7, 0, 0.0)}
    # Another model and back: what was said of a level stays said.
    panel.set_model(replace(a_model(), levels=3))
    assert made(panel).sampling_by_level == {0: Sampling(0.7, 0, 0.0)}
    panel.set_model(a_model())
    assert made(panel).sampling_by_level == {0: Sampling(0.7, 0, 0.0)}


def test_sampling_begins_as_the_model_recommends(qtbot: QtBot, panel: RequestPanel) -> None:
    panel.drawing_fold.set_open(True)
    top, bottom = panel.findChildren(LevelControls)
    assert not top.otherwise.isVisible()
    assert not bottom.otherwise.isVisible()
    assert not panel.as_recommended.isEnabled()
    tuned = replace(a_model("tuned"), recommended={1: Drawing(0.9), 0: Drawing(0.65, top_p=0.9)})
    with qtbot.assertNotEmitted(panel.changed, wait=20):
        panel.set_model(tuned)
    assert panel.sampling.temperature.value() == 0.9
    assert bottom.otherwise.isVisible()
    assert "temperature 0.65, the likeliest share 0.9" in bottom.otherwise.text()
    assert not top.otherwise.isVisible()
    assert made(panel).sampling == Sampling(0.9, 0, 0.0)
    assert made(panel).sampling_by_level == {0: Sampling(0.65, 0, 0.9)}
    assert panel.draft() == replace(Draft(), seed=panel.draft().seed)
    # Settings of its own begin there too.
    bottom.own.click()
    assert bottom.controls.temperature.value() == 0.65
    assert bottom.controls.top_p.value() == 0.9
    assert not bottom.otherwise.isVisible()
    retype(qtbot, bottom.controls.top_p, "0.8")
    assert panel.as_recommended.isEnabled()
    # Another model changes what was not touched.
    panel.set_model(replace(a_model("other"), recommended={1: Drawing(1.2), 0: Drawing(0.7)}))
    assert panel.sampling.temperature.value() == 1.2
    assert made(panel).sampling_by_level == {0: Sampling(0.7, 0, 0.8)}
    retype(qtbot, panel.sampling.temperature.spin, "0.5")
    panel.set_model(tuned)
    assert made(panel).sampling == Sampling(0.5, 0, 0.0)
    assert made(panel).sampling_by_level == {0: Sampling(0.65, 0, 0.8)}
    # And back to the beginning.
    with qtbot.waitSignal(panel.changed):
        qtbot.mouseClick(panel.as_recommended, LEFT)
    assert made(panel).sampling == Sampling(0.9, 0, 0.0)
    assert made(panel).sampling_by_level == {0: Sampling(0.65, 0, 0.9)}
    assert not bottom.own.isChecked()
    assert not panel.as_recommended.isEnabled()


def test_output_and_guidance_reach_the_request(qtbot: QtBot, panel: RequestPanel) -> None:
    for fold in (panel.guidance_fold, panel.output_fold):
        fold.set_open(True)
    retype(qtbot, panel.style_guidance.spin, "1.5")
    retype(qtbot, panel.lyric_guidance.spin, "2")
    retype(qtbot, panel.variants, "7")
    retype(qtbot, panel.first_variant, "3")
    retype(qtbot, panel.width_amount.spin, "0.5")
    for box in (panel.to_grid, panel.preview_only, panel.says_place):
        box.setFocus()
        qtbot.keyClick(box, KEY.Key_Space)
    retype(qtbot, panel.song_seconds, "200")
    retype(qtbot, panel.clip_seconds, "30")
    panel.file_format.setFocus()
    qtbot.keyClick(panel.file_format, KEY.Key_End)
    request = made(panel)
    assert request.guidance == Guidance(1.5, 2.0)
    assert (request.variants, request.first_variant) == (7, 3)
    assert request.width == 0.5
    assert request.to_grid
    assert request.preview_only
    assert request.place is not None
    assert (request.place.song_seconds, request.place.clip_start_seconds) == (200.0, 30.0)
    assert request.file_format == "flac"
    retype(qtbot, panel.clip_seconds, "300")
    assert "A clip cannot start at 300 s" in panel.problem.text()


DRAFTS = [
    Draft(),
    Draft(kind="restyle", keep_restyle=0.15, style=Style.of("Ada:0.5,cy:0.5", "hum")),
    Draft(
        kind="vary",
        keep_vary=0.35,
        candidates=12,
        spans_seconds=((5.0, 6.0), (7.0, 8.0)),
        guidance=Guidance(0.75, 3.0),
        sampling=Sampling(3.5, 5000, 0.0),
        sampling_by_level={0: Sampling(0.5, 0, 0.3, "exact"), 2: Sampling(1.5)},
        variants=64,
        first_variant=65_535,
        seed=2**64 - 1,
        seed_locked=True,
    ),
    Draft(
        kind="relyric",
        spans_seconds=((5.0, 6.0),),
        voice="words",
        new_words="la\n\nlo",
        words_before="b",
        words_there="t",
        words_after="a",
        place_seconds=(180.5, 12.25),
        preview_only=True,
        width=1.75,
        to_grid=True,
        file_format="wav-float",
        precision="int8",
        style=Style((StylePoint(0.0, (Part("ada"),)), StylePoint(2.5, (Part("cy"),)))),
    ),
]


@pytest.mark.parametrize("draft", DRAFTS)
def test_the_panel_holds_a_draft(qtbot: QtBot, panel: RequestPanel, draft: Draft) -> None:
    if draft.spans_seconds:
        panel.set_selection(*draft.spans_seconds[0])
    with qtbot.assertNotEmitted(panel.changed, wait=20):
        panel.set_draft(draft)
    held = panel.draft()
    if draft.style.morphs:  # a name of no weight stays on its slider
        assert held.style.points[0].artists == (Part("ada"), Part("cy", 0.0))
        held = replace(held, style=draft.style)
    assert held == draft


def test_the_style_reaches_the_request(qtbot: QtBot, panel: RequestPanel) -> None:
    qtbot.keyClicks(panel.style_pad.artist_picker.field, "ada")
    with qtbot.waitSignal(panel.changed):
        qtbot.keyClick(panel.style_pad.artist_picker.field, KEY.Key_Return)
    assert made(panel).style == Style.of("ada")


def test_the_lane_of_the_timeline_follows(qtbot: QtBot, panel: RequestPanel) -> None:
    panel.style_pad.add("artists", "ada")
    panel.style_pad.add("artists", "cy")
    with qtbot.waitSignal(panel.morph_changed) as told:
        panel.style_pad.add_point()
    (morph,) = told.args
    assert isinstance(morph, Morph)
    # A continuation of 16 s, from the clip's end at 12 s.
    assert (morph.start_seconds, morph.length_seconds) == (12.0, 16.0)
    assert [point.at_seconds for point in morph.points] == [0.0, 16.0]
    with qtbot.waitSignal(panel.morph_changed) as told:
        choose(qtbot, panel, "restyle")
    assert (told.args[0].start_seconds, told.args[0].length_seconds) == (4.0, 8.0)
    with qtbot.waitSignal(panel.changed):
        panel.set_morph(told.args[0].with_point(2.0))
    assert len(made(panel).style.points) == 3
    panel.select_point(1)
    assert panel.style_pad.current_point == 1
    with qtbot.waitSignal(panel.morph_changed) as told:
        panel.set_clip(None)
    assert told.args == [None]


# Words -------------------------------------------------------------------------------------------


def test_words_of_the_clip_are_there_to_be_replaced(panel: RequestPanel) -> None:
    panel.set_clip(a_clip(lyrics="I walk the line", path="/b.wav"))
    assert panel.draft().words_there == "I walk the line"
    panel.set_clip(a_clip(lyrics="Another song", path="/c.wav"))
    assert panel.draft().words_there == "Another song"
    panel.lyrics.old.setPlainText("As I hear it")
    panel.set_clip(a_clip(lyrics="A third", path="/d.wav"))
    assert panel.draft().words_there == "As I hear it"


def test_what_the_model_sees_goes_along(qtbot: QtBot, panel: RequestPanel) -> None:
    panel.set_draft(Draft(voice="words", new_words="la " * 40))
    assert panel.lyrics.seen.text() == "Here the model sees characters 1 to 40 of 120."
    qtbot.keyClick(panel.lyrics.moment, KEY.Key_End)
    assert panel.lyrics.seen.text() == "Here the model sees characters 81 to 120 of 120."


def test_a_word_that_is_clicked_is_told(qtbot: QtBot, panel: RequestPanel) -> None:
    panel.set_aligned([("la", 5.0, 6.0)])
    panel.lyrics.sung.setFocus()
    with qtbot.waitSignal(panel.word_clicked) as told:
        qtbot.keyClick(panel.lyrics.sung, KEY.Key_Tab)
        qtbot.keyClick(panel.lyrics.sung, KEY.Key_Return)
    assert told.args == [5.0]


# Model -------------------------------------------------------------------------------------------


def test_the_model_is_chosen_and_its_licence_shown(qtbot: QtBot, panel: RequestPanel) -> None:
    assert panel.model.currentText() == "tiny"
    assert "Commercial use of the music is allowed" in panel.licence.text()
    panel.model.setFocus()
    with qtbot.waitSignal(panel.model_chosen) as told:
        qtbot.keyClick(panel.model, KEY.Key_Down)
    assert told.args == ["other"]
    panel.set_model(replace(a_model("other", sings=False), licence=OPENAI_JUKEBOX))
    assert "Not for commercial use" in panel.licence.text()
    assert "say: “Created using OpenAI's Jukebox.”" in panel.licence.text()
    assert not panel.lyrics_fold.isVisible()
    choose(qtbot, panel, "relyric")
    assert "other does not know words; choose a model that sings" in panel.problem.text()
    assert not panel.lyric_guidance.isVisibleTo(panel)
    with qtbot.waitSignal(panel.licence_requested):
        qtbot.mouseClick(panel.licence_button, LEFT)


def test_remarks_are_shown_and_stop_nothing(panel: RequestPanel) -> None:
    panel.set_draft(Draft(style=Style.of("stranger")))
    assert panel.remarks.isVisible()
    assert "does not know stranger" in panel.remarks.text()
    assert panel.generate.isEnabled()


# Presets -----------------------------------------------------------------------------------------


def test_a_preset_is_used_from_the_menu(qtbot: QtBot, panel: RequestPanel) -> None:
    panel.presets.set_presets(
        [Preset("Far & away", "", {"operation": {"kind": "restyle", "keep": 0.2}})]
    )
    (action,) = [a for a in panel.presets.actions_menu.actions() if a.text() == "Far && away"]
    with qtbot.waitSignal(panel.changed):
        action.trigger()
    assert made(panel).operation == Restyle(0.2)
    panel.use_preset(Preset("Bad", "", {"width": 7}))
    assert "The preset “Bad” cannot be used: width" in panel.problem.text()


def submenu_action(panel: RequestPanel, title: str, name: str) -> Callable[[], None]:
    for action in panel.presets.actions_menu.actions():
        menu = action.menu()
        if menu is not None and action.text() == title:
            return next(a.trigger for a in menu.actions() if a.text() == name)
    raise AssertionError(title)


def test_presets_are_saved_shared_and_deleted(
    qtbot: QtBot, panel: RequestPanel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, shared = tmp_path / "mine", tmp_path / "shared.json"
    shelf = PresetShelf(folder)
    with qtbot.waitSignal(shelf.presets_changed) as told:
        shelf.serve(panel.presets)
    shipped = len(told.args[0])
    assert shipped

    def fill_in() -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, SavePresetDialog)
        save = dialog.buttons.button(dialog.buttons.StandardButton.Save)
        assert save is not None
        assert not save.isEnabled()
        qtbot.keyClicks(dialog.name, "Mine")
        dialog.portions["style"].setFocus()
        qtbot.keyClick(dialog.portions["style"], KEY.Key_Space)
        qtbot.mouseClick(save, LEFT)

    retype(qtbot, panel.variants, "9")
    actions = {action.text(): action for action in panel.presets.actions_menu.actions()}
    QTimer.singleShot(50, fill_in)
    with qtbot.waitSignal(shelf.presets_changed):
        actions["&Save…"].trigger()
    (mine,) = [p for p in find_presets(folder)[0] if not p.is_shipped]
    assert mine.request["variants"] == 9
    assert "style" not in mine.request

    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(shared), ""))
    with qtbot.waitSignal(shelf.told):
        submenu_action(panel, "&Share as a file", "Mine")()
    assert load_preset(shared).name == "Mine"

    write_preset(replace(mine, request={"variants": 5}), shared)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(shared), ""))
    actions = {action.text(): action for action in panel.presets.actions_menu.actions()}
    with qtbot.waitSignal(shelf.presets_changed) as told:
        actions["&Import a file…"].trigger()
    assert [preset.name for preset in told.args[0][shipped:]] == ["Mine", "Mine (2)"]

    with qtbot.waitSignal(shelf.presets_changed) as told:
        submenu_action(panel, "&Delete", "Mine")()
    assert [preset.name for preset in told.args[0][shipped:]] == ["Mine (2)"]

    shared.write_text("not a preset")
    with qtbot.waitSignal(shelf.failed) as failed:
        shelf.import_file(shared)
    assert "not JSON" in failed.args[0]
    shelf.wait()


def test_a_name_that_is_taken_is_told(qtbot: QtBot) -> None:
    dialog = SavePresetDialog(["Mine"])
    qtbot.addWidget(dialog)
    qtbot.keyClicks(dialog.name, "mine")
    assert "replaced" in dialog.notice.text()
    assert set(unnamed(dialog)) == set(unnamed(dialog.buttons))  # these say what they do


def test_a_preset_of_the_panel_is_of_its_draft(panel: RequestPanel) -> None:
    panel.set_draft(Draft(kind="restyle", keep_restyle=0.9))
    preset = preset_of(panel.draft(), "Any")
    assert preset.request["operation"] == {"kind": "restyle", "keep": 0.9}


# For everybody -----------------------------------------------------------------------------------


def test_everything_has_a_name_and_a_tooltip(panel: RequestPanel) -> None:
    assert unnamed(panel) == []


def test_tab_reaches_every_control(qtbot: QtBot, panel: RequestPanel) -> None:
    for fold in (panel.guidance_fold, panel.drawing_fold, panel.output_fold):
        fold.set_open(True)
    panel.setFocus()
    reached = set()
    for _ in range(120):
        widget = QApplication.focusWidget()
        assert widget is not None
        reached.add(widget)
        qtbot.keyClick(widget, KEY.Key_Tab)
    wanted = [
        panel.length,
        panel.unit,
        panel.presets,
        panel.style_pad.artist_picker.field,
        panel.style_pad.genre_picker.browse,
        panel.style_pad.morph_fold.header,
        panel.variants,
        panel.seed,
        panel.seed_lock,
        panel.seed_new,
        panel.style_guidance.slider,
        panel.sampling.choice,
        panel.width_amount.spin,
        panel.to_grid,
        panel.file_format,
        panel.model,
        panel.generate,
    ]
    missing = [widget.accessibleName() for widget in wanted if widget not in reached]
    assert not missing


def test_the_wheel_scrolls_and_changes_nothing(qtbot: QtBot, panel: RequestPanel) -> None:
    panel.operation_buttons["continue"].setFocus()

    def wheel(widget: QWidget) -> None:
        at = QPointF(widget.rect().center())
        event = QWheelEvent(
            at,
            QPointF(widget.mapToGlobal(at.toPoint())),
            QPoint(),
            QPoint(0, 120),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(widget, event)

    wheel(panel.variants)
    wheel(panel.unit)
    assert panel.draft().variants == 3
    assert panel.draft().unit == "bars"
    panel.variants.setFocus()
    wheel(panel.variants)
    assert panel.draft().variants == 4


def test_long_names_do_not_widen_the_panel(panel: RequestPanel) -> None:
    narrow = panel.minimumSizeHint().width()
    panel.set_clip(a_clip(name="A very long name of a clip " * 8))
    panel.set_draft(Draft(style=Style.of("x" * 200 + "," + "y" * 200 + "," + "z" * 200)))
    panel.set_models(["m" * 64])
    assert panel.source.text() == "A very long name of a clip " * 8
    assert panel.minimumSizeHint().width() <= narrow
    assert panel.style_pad.minimumSizeHint().width() <= 360
