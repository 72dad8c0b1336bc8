"""The tree of variants as a model of Qt's."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot
from session_maker import add_tree, sound

from jukebox_studio.session import Session
from ui.history import VariantModel


def test_an_index_that_was_kept_too_long_names_nobody(tmp_path: Path, qtbot: QtBot) -> None:
    model = VariantModel()
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    with Session.create(tmp_path / "song") as session:
        first, second, inner = add_tree(session, sound(tmp_path / "clip.wav"))
    names = {first.id: "one", second.id: "two", inner.id: "inner"}
    model.set_variants([first, second, inner], {}, names, {})
    kept = model.index_of(second.id)
    assert model.data(kept) == "two"
    assert model.data(model.index(0, 0, model.index_of(first.id))) == "inner"
    assert model.parent(model.index_of(inner.id)) == model.index_of(first.id)

    model.set_variants([first, inner], {}, names, {})
    assert model.data(kept) is None
    assert model.rowCount() == 1
