"""The lyrics editor, driven by mouse and keys."""

from __future__ import annotations

import pytest
from panel_parts import unnamed
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QTextCharFormat, QTextCursor
from pytestqt.qtbot import QtBot

from ui.lyrics_editor import LyricsEditor, WordsEdit

LEFT = Qt.MouseButton.LeftButton
KEY = Qt.Key
WORDS = (("I", 10.0, 10.5), ("<walk>", 10.5, 11.0), ("the", 11.0, 11.2), ("line", 11.2, 12.0))


@pytest.fixture
def editor(qtbot: QtBot) -> LyricsEditor:
    made = LyricsEditor()
    made.set_model("tiny", "v2", has_lyrics=True)
    qtbot.addWidget(made)
    made.resize(360, 600)
    made.show()
    qtbot.waitExposed(made)
    return made


def write(qtbot: QtBot, edit: WordsEdit, text: str) -> None:
    """By keys, as far as they have the characters."""
    edit.setFocus()
    qtbot.keyClick(edit, KEY.Key_End, Qt.KeyboardModifier.ControlModifier)
    for number, line in enumerate(text.split("\n")):
        if number:
            qtbot.keyClick(edit, KEY.Key_Return)
        qtbot.keyClicks(edit, line)


def underlined(edit: WordsEdit) -> str:
    document = edit.document()
    assert document is not None
    found, block = "", document.firstBlock()
    while block.isValid():
        layout = block.layout()
        assert layout is not None
        wave = QTextCharFormat.UnderlineStyle.WaveUnderline
        units = block.text().encode("utf-16-le")
        for piece in layout.formats():
            if piece.format.underlineStyle() == wave:
                part = units[2 * piece.start : 2 * (piece.start + piece.length)]
                found += part.decode("utf-16-le")
        block = block.next()
    return found


def seen_text(edit: WordsEdit) -> str:
    return "".join(selection.cursor.selectedText() for selection in edit.extraSelections())


def test_words_are_asked_for_left_open_or_ruled_out(qtbot: QtBot, editor: LyricsEditor) -> None:
    assert editor.voice_of() == "open"
    assert not editor.new.isVisible()
    editor.voice.setFocus()
    with qtbot.waitSignal(editor.changed):
        qtbot.keyClick(editor.voice, KEY.Key_Down)
    assert editor.voice_of() == "words"
    assert editor.new.isVisible()
    assert not editor.old.isVisible()
    write(qtbot, editor.new, "la la\nlo")
    assert editor.words()[0] == "la la\nlo"
    qtbot.keyClick(editor.voice, KEY.Key_Down)
    assert editor.voice_of() == "none"
    assert not editor.new.isVisible()


def test_syllables_are_counted_as_one_types(qtbot: QtBot, editor: LyricsEditor) -> None:
    editor.set_sings_again(True)
    assert editor.voice_of() == "words"
    assert not editor.voice.isVisible()
    assert editor.old.isVisible()
    write(qtbot, editor.old, "I walk the line\nAll night")
    write(qtbot, editor.new, "I walk the line\nAll night")
    qtbot.waitUntil(lambda: editor.counts.new == (4, 2), timeout=20_000)
    assert editor.counts.old == (4, 2)
    assert not editor.mismatch.isVisible()
    write(qtbot, editor.new, " alone again my friend")
    qtbot.waitUntil(lambda: editor.counts.new == (4, 8), timeout=20_000)
    assert editor.counts.mismatched == {1}
    assert editor.mismatch.isVisible()
    assert "Line 2 has 8 syllables, and 2 before" in editor.mismatch.text()


def test_the_gutter_shows_a_mismatch(qtbot: QtBot, editor: LyricsEditor) -> None:
    editor.set_words("words", "one\ntwo", "", "", "")
    before = editor.new.grab().toImage()
    editor.new.set_counts((1, 1), frozenset())
    counted = editor.new.grab().toImage()
    editor.new.set_counts((1, 1), frozenset({1}))
    wrong = editor.new.grab().toImage()
    assert before != counted
    assert counted != wrong


def test_what_cannot_be_sung_is_marked(qtbot: QtBot, editor: LyricsEditor) -> None:
    editor.set_words("words", "a 😀 b\nc ☃ é", "", "", "")
    # é is spelled e, so it can be sung; the others are nothing.
    assert underlined(editor.new) == "😀☃"
    assert editor.unknown.isVisible()
    assert editor.unknown.text().endswith("😀 ☃")
    editor.set_words("words", "a b", "", "", "")
    assert underlined(editor.new) == ""
    assert not editor.unknown.isVisible()


def test_versions_differ_in_what_can_be_sung(editor: LyricsEditor) -> None:
    editor.set_words("words", "one + two", "", "", "")
    assert underlined(editor.new) == ""
    editor.set_model("older", "v3", has_lyrics=True)
    assert underlined(editor.new) == "+"


def test_the_window_that_the_model_sees_is_shown(qtbot: QtBot, editor: LyricsEditor) -> None:
    editor.set_words("words", "😀 la la la lo", "", "", "")
    editor.set_seen((2, 7), 5, moves=True)
    assert seen_text(editor.new) == "la la"
    assert editor.seen.text() == "Here the model sees characters 3 to 7 of 13."
    assert editor.moment.isVisible()
    with qtbot.waitSignal(editor.moment_changed) as told:
        qtbot.keyClick(editor.moment, KEY.Key_End)
    assert told.args == [1.0]
    editor.set_seen((0, 13), 40)
    assert editor.seen.text() == "The model sees all 13 characters here."
    assert not editor.moment.isVisible()
    editor.set_seen((13, 13), 5)
    assert "only the words around" in editor.seen.text()
    assert seen_text(editor.new) == ""
    editor.set_seen(None)
    assert not editor.seen.isVisible()


def test_aligned_words_lead_to_their_time(qtbot: QtBot, editor: LyricsEditor) -> None:
    assert not editor.sung.isVisible()
    editor.set_aligned(WORDS)
    assert editor.sung.toPlainText() == "I <walk> the line"
    cursor = QTextCursor(editor.sung.document())
    cursor.setPosition(4)
    with qtbot.waitSignal(editor.word_clicked) as told:
        at = editor.sung.cursorRect(cursor).center()
        qtbot.mouseClick(editor.sung.viewport(), LEFT, pos=at)
    assert told.args == [10.5]
    # By keys: the first word, the second, the third.
    editor.sung.setFocus()
    editor.set_aligned(WORDS)
    with qtbot.waitSignal(editor.word_clicked) as told:
        for _ in range(3):
            qtbot.keyClick(editor.sung, KEY.Key_Tab)
        qtbot.keyClick(editor.sung, KEY.Key_Return)
    assert told.args == [11.0]
    editor.set_aligned(())
    assert not editor.sung.isVisible()


def test_old_words_come_from_the_selection(qtbot: QtBot, editor: LyricsEditor) -> None:
    editor.set_sings_again(True)
    editor.set_aligned(WORDS)
    editor.set_selection(None)
    assert not editor.split.isEnabled()
    editor.set_selection((10.6, 11.3))
    with qtbot.waitSignal(editor.changed):
        qtbot.mouseClick(editor.split, LEFT)
    assert editor.words() == ("", "I", "<walk> the", "line")


def test_words_around_can_be_typed(qtbot: QtBot, editor: LyricsEditor) -> None:
    editor.set_sings_again(True)
    assert not editor.before.isVisible()
    qtbot.mouseClick(editor.around.header, LEFT)
    write(qtbot, editor.before, "before")
    write(qtbot, editor.after, "after")
    assert editor.words() == ("", "before", "", "after")
    # Tab goes on instead of into the text.
    qtbot.keyClick(editor.after, KEY.Key_Tab)
    assert editor.words()[3] == "after"


def test_a_model_that_does_not_sing_says_so(editor: LyricsEditor) -> None:
    editor.set_words("words", "la ☃", "", "", "")
    editor.set_model("mute", "v2", has_lyrics=False)
    assert editor.without.text() == "mute does not sing."
    assert editor.without.isVisible()
    assert not editor.new.isVisible()
    assert not editor.voice.isVisible()
    assert not editor.unknown.isVisible()
    # What was typed is there again with the next model.
    editor.set_model("tiny", "v2", has_lyrics=True)
    assert editor.words()[0] == "la ☃"
    assert editor.new.isVisible()


def test_setting_words_tells_nothing(qtbot: QtBot, editor: LyricsEditor) -> None:
    with qtbot.assertNotEmitted(editor.changed, wait=50):
        editor.set_words("words", "a", "b", "c", "d")
    assert editor.words() == ("a", "b", "c", "d")


def test_everything_has_a_name(editor: LyricsEditor) -> None:
    assert unnamed(editor) == []
