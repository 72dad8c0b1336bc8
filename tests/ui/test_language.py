"""What people read can be translated, is translated into German, and fits into the window."""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hand_engine import HandEngine
from PyQt6.lupdate.pylupdate import lupdate
from PyQt6.QtCore import QCoreApplication, QLocale, QPoint, QTranslator
from PyQt6.QtGui import QFont
from PyQt6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QMenuBar,
    QStyle,
    QStyleOptionComboBox,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot
from ui_parts import NotedPlayer, sound

from jukebox_studio import session
from ui import words
from ui.daw_link import DawLink
from ui.draft import ModelSummary
from ui.language import FOLDER, languages, speak
from ui.panel_controls import ElidedLabel, Fold
from ui.settings import SettingsPage, SettingsStore
from ui.settings_file import Settings
from ui.window import MainWindow

UI = Path(words.__file__).parent
SOURCES = sorted(UI.glob("*.py"))
CATALOGUES = sorted(FOLDER.glob("*.ts"))
MARKS = {"tr", "translate", "QT_TRANSLATE_NOOP"}
SHOWING = {
    "JukeboxError", "QAction", "QCheckBox", "QGroupBox", "QLabel", "QLineEdit", "QPushButton",
    "addAction", "addButton", "addItem", "addItems", "addMenu", "addRow", "addTab", "describe",
    "emit", "icon_button", "quiet_label", "say", "setAccessibleDescription", "setAccessibleName",
    "setPlaceholderText", "setStatusTip", "setSuffix", "setText", "setTitle", "setToolTip",
    "setWindowTitle",
}  # fmt: skip
"""Calls whose texts people read."""
NOT_READ_BY_PEOPLE = {
    # Answers to programs: what a DAW's script is told, and what a process of ours says to another.
    ("daw_link.py", "There is no clip "),
    ("daw_link.py", " of "),
    ("daw_link.py", "; send it first."),
    ("daw_link.py", "There is no render "),
    ("playback.py", "The player knows no command “"),
    ("session_jobs.py", "The session has no job that works in "),
}
IN_ANOTHER_PROCESS = {"playable.py", "playback.py"}
"""These have no Qt and so no catalogue: the window shows what they say as they say it."""


@pytest.fixture
def german(qapp: QApplication) -> Iterator[None]:
    before = QLocale()
    installed = speak(qapp, "de")
    assert len(installed) == 2
    yield
    for translator in installed:
        qapp.removeTranslator(translator)
    QLocale.setDefault(before)


def messages(path: Path) -> Iterator[tuple[str, str, ElementTree.Element]]:
    for context in ElementTree.parse(path).getroot().iter("context"):
        name = context.findtext("name") or ""
        for message in context.iter("message"):
            translation = message.find("translation")
            assert translation is not None
            yield name, message.findtext("source") or "", translation


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda path: path.stem)
def test_every_text_of_the_code_is_in_the_catalogue(catalogue: Path, tmp_path: Path) -> None:
    """Where this fails: scripts/translations.sh, translate what is unfinished, and again."""
    before = {(name, text) for name, text, _ in messages(catalogue)}
    path = tmp_path / catalogue.name
    shutil.copy(catalogue, path)
    lupdate([str(source) for source in SOURCES], [str(path)], no_obsolete=True, no_summary=True)
    after = {(name, text) for name, text, _ in messages(path)}
    assert after - before == set()
    assert before - after == set()


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda path: path.stem)
def test_every_text_is_translated_with_what_is_put_into_it(catalogue: Path) -> None:
    holes = re.compile(r"\{[^}]*\}|%n")
    for name, text, translation in messages(catalogue):
        forms = [form.text or "" for form in translation.findall("numerusform")]
        for said in forms or [translation.text or ""]:
            assert said.strip() or not text.strip(), (name, text)
            assert translation.get("type") is None, (name, text)
            assert sorted(holes.findall(said)) == sorted(holes.findall(text)), (name, text)
            assert said.count("&") == text.count("&"), (name, text)


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda path: path.stem)
def test_what_is_loaded_is_what_the_catalogue_says(catalogue: Path, qapp: QApplication) -> None:
    """The .qm file is made of the .ts file, and lies beside it."""
    translator = QTranslator()
    assert translator.load(str(catalogue.with_suffix(".qm")))
    qapp.installTranslator(translator)
    try:
        for name, text, translation in messages(catalogue):
            if translation.find("numerusform") is None:
                assert QCoreApplication.translate(name, text) == translation.text, (name, text)
                continue
            forms = {form.text for form in translation.findall("numerusform")}
            for n in range(30):
                said = QCoreApplication.translate(name, text, "", n)
                assert said in {(form or "").replace("%n", str(n)) for form in forms}
    finally:
        qapp.removeTranslator(translator)


def test_nothing_that_people_read_goes_past_the_catalogues() -> None:
    found = []
    for source in SOURCES:
        if source.name in IN_ANOTHER_PROCESS:
            continue
        tree = ast.parse(source.read_text())
        above = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
        for node in ast.walk(tree):
            text = node.value if isinstance(node, ast.Constant) else None
            if not isinstance(text, str) or not re.search(r"[A-Za-z]{2}.* |^[A-Z][a-z]+$", text):
                continue
            calls: list[str] = []
            at: ast.AST = node
            while at in above and not isinstance(at, ast.stmt):
                at = above[at]
                if isinstance(at, ast.Call):
                    function = at.func
                    calls.append(getattr(function, "attr", getattr(function, "id", "")))
            if not MARKS & set(calls) and SHOWING & set(calls):
                found.append((source.name, text))
    assert set(found) - NOT_READ_BY_PEOPLE == set()


def test_tr_is_asked_in_the_class_that_the_catalogue_files_it_under() -> None:
    """PyQt takes the class of the object, lupdate the one around the call: no class that says
    `self.tr` may have another of ours below it."""
    said_in, bases = set(), set()
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.ClassDef):
                bases |= {base.id for base in node.bases if isinstance(base, ast.Name)}
                if any(
                    isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "tr"
                    for call in ast.walk(node)
                ):
                    said_in.add(node.name)
    assert said_in & bases == set()


def test_the_names_of_changes_are_those_of_the_session(german: None) -> None:
    logged = set()
    for node in ast.walk(ast.parse(Path(session.__file__).read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("_set", "_change"):
            logged |= {
                part.value
                for part in ast.walk(node.args[0])
                if isinstance(part, ast.Constant) and isinstance(part.value, str)
            }
    assert len(logged) > 8
    assert [label for label in logged if words.change_name(label) == label] == []


def test_the_language_is_the_systems_or_the_chosen_one(
    qapp: QApplication, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert languages() == {"en": "American English", "de": "Deutsch"}
    assert Settings().language == ""
    monkeypatch.setattr(QLocale, "system", lambda: QLocale("de_AT"))
    before = QLocale()
    installed = speak(qapp, "")
    assert QCoreApplication.translate("TransportBar", "Play") == "Abspielen"
    for translator in installed:
        qapp.removeTranslator(translator)
    assert speak(qapp, "en") == []
    assert QCoreApplication.translate("TransportBar", "Play") == "Play"
    QLocale.setDefault(before)
    store = SettingsStore(tmp_path / "settings.json")
    page = SettingsPage(store)
    qtbot.addWidget(page)
    assert "Deutsch" in page.language.currentText()
    page.language.setCurrentIndex(page.language.findData("de"))
    page.language.activated.emit(page.language.currentIndex())
    assert store.settings.language == "de"


def test_many_have_other_forms_than_one(german: None) -> None:
    text = "%n letters in {seconds} s are more than anybody can sing; shorten the words or select more music."  # noqa: E501
    assert words.translate("Draft", text, "", 1).startswith("1 Buchstabe in")
    assert words.translate("Draft", text, "", 5).startswith("5 Buchstaben in")


def room_px(widget: QWidget) -> int:
    """How wide a text a control can show whole."""
    style = widget.style()
    assert style is not None
    if isinstance(widget, QComboBox):
        option = QStyleOptionComboBox()
        widget.initStyleOption(option)
        field = QStyle.SubControl.SC_ComboBoxEditField
        box = QStyle.ComplexControl.CC_ComboBox
        return style.subControlRect(box, option, field, widget).width()
    # A tool button elides within its border and padding.
    frame_px = 10 if isinstance(widget, QToolButton) and widget.text() else 0
    return widget.contentsRect().width() - frame_px


def is_cut_by_its_place(widget: QWidget) -> bool:
    """Whether what is around it hides its left or right end."""
    above = widget.parentWidget()
    while above is not None and not above.isWindow():
        left = widget.mapTo(above, QPoint(0, 0)).x()
        if left < 0 or left + widget.width() > above.width():
            return True
        above = above.parentWidget()
    return False


def cut_off(window: QWidget) -> list[str]:
    """Controls that are seen, but not whole, or not with the whole of their text."""
    found = []
    for kind in (QAbstractButton, QComboBox, QLabel, QAbstractSpinBox, QLineEdit):
        for widget in window.findChildren(kind):
            if not widget.isVisible() or isinstance(widget, ElidedLabel):
                continue
            text = ""
            if isinstance(widget, QComboBox):
                text = widget.currentText()
            elif isinstance(widget, QAbstractButton):
                text = widget.text().replace("&", "")
            elif isinstance(widget, QLabel) and not widget.wordWrap():
                text = widget.text().replace("&", "") if widget.buddy() else widget.text()
            said = text or widget.accessibleName()
            if widget.fontMetrics().horizontalAdvance(text) > room_px(widget):
                found.append(f"{said!r} has no room for its text")
            if is_cut_by_its_place(widget):
                found.append(f"{said!r} is cut by the edge")
    return found


def mnemonics_taken_twice(window: MainWindow) -> list[str]:
    """Of the menus and the panel, which share one Alt."""
    bar = window.menuBar()
    assert isinstance(bar, QMenuBar)
    texts = [action.text() for action in bar.actions()]
    texts += [button.text() for button in window.findChildren(QAbstractButton)]
    texts += [label.text() for label in window.findChildren(QLabel) if label.buddy()]
    keys = [found[1].casefold() for text in set(texts) if (found := re.search("&(.)", text))]
    assert len(keys) > 10
    return sorted({key for key in keys if keys.count(key) > 1})


@pytest.fixture(params=[1.0, 1.25], ids=["usual", "large"])
def font_scale(request: pytest.FixtureRequest, qapp: QApplication) -> Iterator[float]:
    """A system whose text is larger."""
    before = qapp.font()
    larger = QFont(before)
    larger.setPointSizeF(request.param * before.pointSizeF())
    qapp.setFont(larger)
    yield request.param
    qapp.setFont(before)


def test_the_german_window_cuts_nothing_off(
    german: None,
    font_scale: float,
    tmp_path: Path,
    engine: HandEngine,
    player: NotedPlayer,
    daw: DawLink,
    model: ModelSummary,
    qtbot: QtBot,
    request: pytest.FixtureRequest,
) -> None:
    window: MainWindow = request.getfixturevalue("window")
    window.resize(1280, 800)
    window.add_files([sound(tmp_path / "beat 120bpm.wav")])
    qtbot.waitUntil(lambda: window.clip_id is not None, timeout=20_000)
    bar = window.menuBar()
    assert isinstance(bar, QMenuBar)
    assert [action.text() for action in bar.actions()][1] == "&Bearbeiten"
    panel = window.request_panel
    for fold in panel.findChildren(Fold):
        fold.set_open(True)
    for kind, button in panel.operation_buttons.items():
        button.click()
        QApplication.processEvents()
        assert cut_off(window) == [], kind
    assert window.width() == 1280
    assert mnemonics_taken_twice(window) == []
    # The test sees what is cut.
    panel.scroll_area.setFixedWidth(250)
    QApplication.processEvents()
    assert any("by the edge" in fault for fault in cut_off(window))
