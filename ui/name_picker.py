"""A searchable list of the names a model knows, thousands of them, with favourites first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from PyQt6.QtCore import QAbstractListModel, QEvent, QModelIndex, QObject, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QKeyEvent, QMouseEvent
from PyQt6.QtWidgets import QAbstractItemView, QLineEdit, QListView, QWidget

from ui.draft import shown_name
from ui.panel_controls import column, describe, icon_button, make_clearable, row
from ui.theme import GRID_PX, icon

NAME_ROLE = Qt.ItemDataRole.UserRole
FAVOURITE_ROLE = Qt.ItemDataRole.UserRole + 1
_ROWS = 6
_BATCH = 200
_HEART_PX = 7 * GRID_PX


class NamesModel(QAbstractListModel):
    """The names that a search leaves. Filtered as one list, since a proxy asks row by row; handed
    to the view bit by bit as it scrolls, since it lays out each row it is given."""

    def __init__(self) -> None:
        super().__init__()
        self._names: list[tuple[str, str]] = []
        self._favourites: frozenset[str] = frozenset()
        self._search = ""
        self._only_favourites = False
        self._found: list[str] = []
        self._fetched = 0
        self._on, self._off = icon("favourite-on"), icon("favourite")

    @property
    def favourites(self) -> frozenset[str]:
        return self._favourites

    def set_names(self, names: Iterable[str]) -> None:
        # As shown, then as listed: either may be typed.
        self._names = [(name, f"{name.replace('_', ' ')}\n{name}".casefold()) for name in names]
        self._filter()

    def set_favourites(self, favourites: frozenset[str]) -> None:
        self._favourites = favourites
        self._filter()

    def search(self, text: str, *, only_favourites: bool) -> None:
        """Names that hold every word of `text`; those that begin with it come first."""
        self._search, self._only_favourites = text.casefold().strip(), only_favourites
        self._filter()

    def _filter(self) -> None:
        words, favourites = self._search.split(), self._favourites
        found = self._names
        if self._only_favourites:
            found = [pair for pair in found if pair[0] in favourites]
        for word in words:
            found = [pair for pair in found if word in pair[1]]
        # Favourites, names that begin so, the rest; each group in its order.
        loved = [name for name, _ in found if name in favourites] if favourites else []
        others = [pair for pair in found if pair[0] not in favourites] if loved else list(found)
        if begins := self._search.replace("_", " "):
            # Python's sort keeps equals in their order.
            others.sort(key=lambda pair: not pair[1].startswith(begins))
        self.beginResetModel()
        self._found = [*loved, *(name for name, _ in others)]
        self._fetched = min(len(self._found), _BATCH)
        self.endResetModel()

    def row_of(self, name: str) -> int | None:
        """Where a found name lies, which is then there to be selected."""
        if name not in self._found:
            return None
        row = self._found.index(name)
        while row >= self._fetched:
            self.fetchMore(QModelIndex())
        return row

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else self._fetched

    def canFetchMore(self, parent: QModelIndex) -> bool:
        return not parent.isValid() and self._fetched < len(self._found)

    def fetchMore(self, parent: QModelIndex) -> None:
        more = min(_BATCH, len(self._found) - self._fetched)
        self.beginInsertRows(QModelIndex(), self._fetched, self._fetched + more - 1)
        self._fetched += more
        self.endInsertRows()

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        name = self._found[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return shown_name(name)
        if role == NAME_ROLE:
            return name
        if role == FAVOURITE_ROLE:
            return name in self._favourites
        if role == Qt.ItemDataRole.DecorationRole:
            return self._on if name in self._favourites else self._off
        if role == Qt.ItemDataRole.AccessibleTextRole:
            mark = self.tr(", favourite") if name in self._favourites else ""
            return shown_name(name) + mark
        return None


class _NamesView(QListView):
    heart_clicked = pyqtSignal(str)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        assert event is not None
        index = self.indexAt(event.position().toPoint())
        left = self.visualRect(index).left()
        if index.isValid() and event.position().x() < left + _HEART_PX:
            self.heart_clicked.emit(index.data(NAME_ROLE))
            return
        super().mousePressEvent(event)


class NamePicker(QWidget):
    """A field to search in, and the list under it. Enter or a double click picks a name."""

    picked = pyqtSignal(str)
    favourites_changed = pyqtSignal(object)
    """frozenset[str]"""

    def __init__(self, what: str, placeholder: str) -> None:
        """`what`: the plural of what is listed, as people read it."""
        super().__init__()
        self.model = NamesModel()
        self.field = QLineEdit()
        self.field.setPlaceholderText(placeholder)
        make_clearable(self.field)
        describe(
            self.field,
            placeholder,
            self.tr("Type to search; Enter adds the first found, the down key goes to the list"),
        )
        self.only_favourites = icon_button(
            "favourite",
            self.tr("Only favourite {0}").format(what),
            self.tr("Show favourites only"),
        )
        self.only_favourites.setCheckable(True)
        self.browse = icon_button(
            "down", self.tr("List of {0}").format(what), self.tr("Show or hide the list")
        )
        self.browse.setCheckable(True)
        self.list = _NamesView()
        self.list.setModel(self.model)
        self.list.setUniformItemSizes(True)
        self.list.setIconSize(QSize(3 * GRID_PX, 3 * GRID_PX))
        self.list.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        describe(
            self.list,
            what,
            self.tr("Enter or a double click adds; F or the heart makes a favourite"),
        )
        layout = column(self, 1)
        layout.addLayout(row(self.field, self.only_favourites, self.browse, spacing=1))
        layout.addWidget(self.list)
        self.list.setFixedHeight(_ROWS * (self.fontMetrics().height() + 2 * GRID_PX))
        self.list.hide()
        self.field.textChanged.connect(self._search)
        self.field.returnPressed.connect(self._pick_first)
        self.only_favourites.toggled.connect(self._show_favourites)
        self.browse.toggled.connect(self.list.setVisible)
        self.list.activated.connect(lambda index: self._pick(index.data(NAME_ROLE)))
        self.list.heart_clicked.connect(self.toggle_favourite)
        self.field.installEventFilter(self)
        self.list.installEventFilter(self)

    def set_names(self, names: Iterable[str]) -> None:
        self.model.set_names(names)

    def set_favourites(self, favourites: frozenset[str]) -> None:
        self.model.set_favourites(favourites)

    def toggle_favourite(self, name: str) -> None:
        favourites = self.model.favourites ^ {name}
        self.model.set_favourites(favourites)
        self._select(name)
        self.favourites_changed.emit(favourites)

    def _select(self, name: str) -> None:
        """The reset took the current row away; the musician is still at this name."""
        row_number = self.model.row_of(name)
        if row_number is not None:
            self.list.setCurrentIndex(self.model.index(row_number))

    def _search(self) -> None:
        self.model.search(self.field.text(), only_favourites=self.only_favourites.isChecked())
        if self.field.text():
            self.browse.setChecked(True)

    def _show_favourites(self, only: bool) -> None:
        self.only_favourites.setIcon(icon("favourite-on" if only else "favourite"))
        self._search()
        if only:
            self.browse.setChecked(True)

    def _pick_first(self) -> None:
        if self.field.text() and self.model.rowCount():
            self._pick(self.model.index(0).data(NAME_ROLE))

    def _pick(self, name: str) -> None:
        self.field.clear()
        self.picked.emit(name)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        if event is None or event.type() != QEvent.Type.KeyPress:
            return False
        assert isinstance(event, QKeyEvent)
        if watched is self.field and event.key() == Qt.Key.Key_Down and self.model.rowCount():
            self.browse.setChecked(True)
            self.list.setFocus()
            self.list.setCurrentIndex(self.model.index(0))
            return True
        if watched is self.field and event.key() == Qt.Key.Key_Escape and self.browse.isChecked():
            self.field.clear()
            self.browse.setChecked(False)
            return True
        if watched is self.list:
            name = self.list.currentIndex().data(NAME_ROLE)
            if event.key() == Qt.Key.Key_F and name is not None:
                self.toggle_favourite(name)
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and name is not None:
                self._pick(name)
                return True
            if event.key() == Qt.Key.Key_Escape:
                self.browse.setChecked(False)
                self.field.setFocus()
                return True
        return False
