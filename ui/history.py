"""What was made of a clip, as a tree: branch, prune, hide, rate, note, search."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from PyQt6.QtCore import (
    QAbstractItemModel,
    QItemSelectionModel,
    QModelIndex,
    QObject,
    QPoint,
    QRect,
    QSize,
    Qt,
    pyqtSignal,
)
from PyQt6.QtGui import QColor, QFontMetrics, QPainter, QPolygon
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolButton,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from jukebox_studio.session_records import HIGHEST_RATING, Variant
from ui.panel_controls import icon_button, make_clearable, panel_head
from ui.theme import GRID_PX, current_theme, icon, small_font

NODE_ROLE = Qt.ItemDataRole.UserRole


@dataclass(eq=False)
class Node:
    """A variant and what stems from it."""

    variant: Variant
    name: str
    line: str
    """What was asked for."""
    key: int | None = None
    """The number that plays it."""
    above: Node | None = None
    below: list[Node] = field(default_factory=list)
    row: int = 0


class VariantModel(QAbstractItemModel):
    """The tree, in one column."""

    renamed = pyqtSignal(int, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._top: list[Node] = []
        self._nodes: dict[int, Node] = {}
        self._shape: list[tuple[int, int | None]] = []

    def set_variants(
        self,
        variants: Sequence[Variant],
        lines: Mapping[int, str],
        names: Mapping[int, str],
        keys: Mapping[int, int],
    ) -> None:
        """Parents before their children; `lines` by job, `names` and `keys` by variant.

        One whose parent is not among them stands at the top.
        """
        nodes: dict[int, Node] = {}
        top: list[Node] = []
        for v in variants:
            node = Node(v, names.get(v.id, v.name), lines.get(v.job_id, ""), keys.get(v.id))
            above = nodes.get(v.parent_id) if v.parent_id is not None else None
            row = above.below if above else top
            node.above, node.row = above, len(row)
            row.append(node)
            nodes[v.id] = node
        shape = [(n.variant.id, n.above.variant.id if n.above else None) for n in nodes.values()]
        if shape == self._shape:
            for id, node in self._nodes.items():
                new = nodes[id]
                same = (node.variant, node.name, node.line, node.key) == (
                    new.variant, new.name, new.line, new.key,
                )  # fmt: skip
                if not same:
                    node.variant, node.name = new.variant, new.name
                    node.line, node.key = new.line, new.key
                    index = self.index_of(id)
                    self.dataChanged.emit(index, index)
            return
        self.beginResetModel()
        self._top, self._nodes, self._shape = top, nodes, shape
        self.endResetModel()

    @property
    def nodes(self) -> Collection[Node]:
        return self._nodes.values()

    def node(self, index: QModelIndex) -> Node | None:
        # By number: an index that somebody has kept for too long may name nobody, but never memory
        # that is used for something else by now.
        return self._nodes.get(index.internalId()) if index.isValid() else None

    def index_of(self, variant_id: int) -> QModelIndex:
        node = self._nodes.get(variant_id)
        return self.createIndex(node.row, 0, variant_id) if node else QModelIndex()

    def index(
        self,
        row: int,
        column: int,
        parent: QModelIndex = QModelIndex(),  # noqa: B008
    ) -> QModelIndex:
        above = self.node(parent)
        rows = above.below if above else self._top
        if column == 0 and 0 <= row < len(rows):
            return self.createIndex(row, 0, rows[row].variant.id)
        return QModelIndex()

    def parent(self, index: QModelIndex) -> QModelIndex:  # type: ignore[override]
        node = self.node(index)
        if node is None or node.above is None:
            return QModelIndex()
        return self.createIndex(node.above.row, 0, node.above.variant.id)

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        node = self.node(parent)
        return len(node.below if node else self._top)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 1

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        node = self.node(index)
        if node is None:
            return None
        v = node.variant
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return node.name
        if role == Qt.ItemDataRole.ToolTipRole:
            parts = [node.name, node.line, self.tr("Seed {seed}").format(seed=v.seed), v.notes]
            return "\n".join([part for part in parts if part] + list(v.remarks))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            stars = self.tr("{n} of 5 stars").format(n=v.rating) if v.rating else ""
            state = self.tr("preview") if v.state == "preview" else ""
            hidden = self.tr("hidden") if v.hidden else ""
            return ", ".join(p for p in (node.name, node.line, state, stars, hidden, v.notes) if p)
        return node if role == NODE_ROLE else None

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        return (
            super().flags(index) | Qt.ItemFlag.ItemIsEditable | Qt.ItemFlag.ItemIsDragEnabled
            if index.isValid()
            else Qt.ItemFlag.NoItemFlags
        )

    def setData(
        self, index: QModelIndex, value: object, role: int = Qt.ItemDataRole.EditRole
    ) -> bool:
        node = self.node(index)
        if node is not None and role == Qt.ItemDataRole.EditRole:
            self.renamed.emit(node.variant.id, str(value).strip())
        return False


class VariantDelegate(QStyledItemDelegate):
    """Its key, its name, what was asked for, and its stars."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        small = QFontMetrics(small_font(option.font))
        return QSize(120, option.fontMetrics.height() + small.height() + 2 * GRID_PX)

    def paint(
        self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex
    ) -> None:
        node = index.data(NODE_ROLE)
        if painter is None or not isinstance(node, Node):
            return
        theme, variant = current_theme(), node.variant
        painter.save()
        area = option.rect
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(area, QColor(theme.raised))
            painter.fillRect(QRect(area.left(), area.top(), 3, area.height()), QColor(theme.accent))
        inner = area.adjusted(2 * GRID_PX, GRID_PX, -2 * GRID_PX, -GRID_PX)
        small = small_font(option.font)
        metrics, small_metrics = option.fontMetrics, QFontMetrics(small)
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
        key_px = metrics.horizontalAdvance("0") + 2 * GRID_PX
        painter.setFont(option.font)
        painter.setPen(QColor(theme.accent if node.key is not None else theme.text_off))
        painter.drawText(inner, left, str(node.key) if node.key is not None else "·")
        inner = inner.adjusted(key_px, 0, 0, 0)
        stars = "★" * variant.rating
        painter.setPen(QColor(theme.seam))
        painter.setFont(small)
        painter.drawText(inner, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop, stars)
        stars_px = small_metrics.horizontalAdvance(stars) + GRID_PX
        painter.setFont(option.font)
        painter.setPen(QColor(theme.text_off if variant.hidden else theme.text))
        name = metrics.elidedText(
            node.name, Qt.TextElideMode.ElideRight, max(0, inner.width() - stars_px)
        )
        painter.drawText(inner, left, name)
        lower = inner.adjusted(0, metrics.height(), 0, 0)
        painter.setFont(small)
        painter.setPen(QColor(theme.text_dim))
        said = [self.tr("preview") if variant.state == "preview" else "", node.line]
        if variant.notes:
            said.append("“" + variant.notes.splitlines()[0] + "”")
        line = small_metrics.elidedText(
            "  ·  ".join(part for part in said if part),
            Qt.TextElideMode.ElideRight,
            lower.width(),
        )
        painter.drawText(lower, left, line)
        painter.restore()


class _Tree(QTreeView):
    """Tells of drags, since what is dragged is written first."""

    drag_wanted = pyqtSignal()

    def startDrag(self, actions: Qt.DropAction) -> None:
        self.drag_wanted.emit()

    def drawBranches(self, painter: QPainter | None, rect: QRect, index: QModelIndex) -> None:
        """As the rows are: a quiet ground, and a triangle where something stems from a variant."""
        model, selection = self.model(), self.selectionModel()
        if painter is None or model is None or selection is None:
            return
        theme = current_theme()
        chosen = selection.isSelected(index)
        painter.fillRect(rect, QColor(theme.raised if chosen else theme.panel))
        if model.hasChildren(index):
            right, y = rect.right() - 2, rect.center().y()
            open_ = self.isExpanded(index)
            corners = [(-8, -2), (0, -2), (-4, 2)] if open_ else [(-6, -4), (-6, 4), (-2, 0)]
            painter.save()
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme.text_dim))
            painter.drawPolygon(QPolygon([QPoint(right + x, y + dy) for x, dy in corners]))
            painter.restore()


class VariantHistory(QWidget):
    """The tree with its search, its buttons, and a note for the variant that is chosen."""

    chosen = pyqtSignal(int)
    play_wanted = pyqtSignal(int)
    drag_wanted = pyqtSignal(list)
    renamed = pyqtSignal(int, str)
    rated = pyqtSignal(list, int)
    noted = pyqtSignal(int, str)
    searched = pyqtSignal(str)
    show_hidden_changed = pyqtSignal(bool)
    menu_wanted = pyqtSignal(list, QPoint)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._found: set[int] | None = None
        self._hides = False
        """Whether rows of the tree may be hidden."""
        self._noting: int | None = None
        self.model = VariantModel(self)
        self.model.renamed.connect(self.renamed)
        self._kept: list[int] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        shows = self.tr("Show hidden variants too")
        self.hidden_button = icon_button("show", shows, shows)
        self.hidden_button.setCheckable(True)
        self.hidden_button.toggled.connect(self.show_hidden_changed)
        column.addLayout(panel_head(self.tr("Variants"), self.hidden_button))
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Search names, notes, styles"))
        self.search.setAccessibleName(self.tr("Search variants"))
        make_clearable(self.search)
        self.search.textChanged.connect(self.searched)
        box = QHBoxLayout()
        box.setContentsMargins(2 * GRID_PX, 0, 2 * GRID_PX, GRID_PX)
        box.addWidget(self.search)
        column.addLayout(box)
        self.tree = _Tree()
        self.tree.setModel(self.model)
        self.tree.setItemDelegate(VariantDelegate(self.tree))
        self.tree.setFrameShape(QFrame.Shape.NoFrame)
        self.tree.setHeaderHidden(True)
        self.tree.setIndentation(3 * GRID_PX)
        self.tree.setUniformRowHeights(True)
        self.tree.setExpandsOnDoubleClick(False)
        self.tree.setDragEnabled(True)
        self.tree.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.tree.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.tree.setAccessibleName(self.tr("Variants"))
        self.tree.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.tree.customContextMenuRequested.connect(self._menu)
        self.tree.doubleClicked.connect(self._play)
        self.tree.drag_wanted.connect(lambda: self.drag_wanted.emit(self.selected))
        selection = self.tree.selectionModel()
        assert selection is not None
        selection.selectionChanged.connect(self._turned)
        # After the tree has heard of it, which closes all and forgets what was chosen.
        self.model.modelReset.connect(self._after_reset)
        self.model.modelAboutToBeReset.connect(self._before_reset)
        self.empty = QLabel()
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.empty.setProperty("role", "dim")
        self.empty.setWordWrap(True)
        self.empty.setContentsMargins(3 * GRID_PX, 0, 3 * GRID_PX, 0)
        column.addWidget(self.empty, 1)
        column.addWidget(self.tree, 1)
        column.addWidget(self._details())
        self._turned()
        self._filter()

    def _details(self) -> QWidget:
        self.details = QWidget()
        column = QVBoxLayout(self.details)
        column.setContentsMargins(2 * GRID_PX, GRID_PX, 2 * GRID_PX, 2 * GRID_PX)
        column.setSpacing(GRID_PX)
        row = QHBoxLayout()
        row.setSpacing(0)
        self.stars: list[QToolButton] = []
        for n in range(1, HIGHEST_RATING + 1):
            star = QToolButton()
            star.setAutoRaise(True)
            star.setProperty("tight", True)
            star.setIcon(icon("star"))
            star.setAccessibleName(self.tr("{n} of 5 stars").format(n=n))
            star.setToolTip(self.tr("Rate with {n} of 5 stars (Alt+{n})").format(n=n))
            star.clicked.connect(lambda _, n=n: self._rate(n))
            row.addWidget(star)
            self.stars.append(star)
        row.addStretch(1)
        self.buttons = row
        column.addLayout(row)
        self.note = QPlainTextEdit()
        self.note.setPlaceholderText(self.tr("A note on this variant"))
        self.note.setAccessibleName(self.tr("Note on the variant"))
        self.note.setTabChangesFocus(True)
        self.note.setFixedHeight(QFontMetrics(self.font()).height() * 2 + 4 * GRID_PX)
        self.note.focusOutEvent = self._note_left  # type: ignore[method-assign,assignment]
        column.addWidget(self.note)
        return self.details

    def add_button(self, button: QToolButton) -> None:
        """Beside the stars."""
        button.setProperty("tight", True)
        self.buttons.addWidget(button)

    def set_variants(
        self,
        variants: Sequence[Variant],
        lines: Mapping[int, str],
        names: Mapping[int, str],
        keys: Mapping[int, int],
    ) -> None:
        """As `VariantModel.set_variants`."""
        self.model.set_variants(variants, lines, names, keys)
        self._filter()
        self._show_details()

    def set_found(self, variant_ids: set[int] | None) -> None:
        """Show these and what they stem from; None shows all."""
        self._found = variant_ids
        self._filter()

    @property
    def selected(self) -> list[int]:
        """In the order of the tree."""
        selection = self.tree.selectionModel()
        assert selection is not None
        chosen = {n.variant.id for i in selection.selectedRows() if (n := self.model.node(i))}
        return [node.variant.id for node in self.model.nodes if node.variant.id in chosen]

    def choose(self, variant_id: int) -> None:
        index = self.model.index_of(variant_id)
        selection = self.tree.selectionModel()
        assert selection is not None
        if index.isValid() and self.selected != [variant_id]:
            # Said in full, since a view's own setter heeds a Ctrl that is still held.
            selection.setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
            self.tree.scrollTo(index)

    def edit_name(self) -> None:
        if self.selected:
            self.tree.edit(self.model.index_of(self.selected[0]))

    def edit_note(self) -> None:
        if self.selected:
            self.note.setFocus()

    def save_note(self) -> None:
        """What was typed and not yet told."""
        if self._noting is None:
            return
        node = self.model.node(self.model.index_of(self._noting))
        text = self.note.toPlainText().strip()
        if node is not None and text != node.variant.notes:
            self.noted.emit(self._noting, text)

    def _note_left(self, event: object) -> None:
        QPlainTextEdit.focusOutEvent(self.note, event)  # type: ignore[arg-type]
        self.save_note()

    def _rate(self, stars: int) -> None:
        ids = self.selected
        node = self.model.node(self.model.index_of(ids[0])) if ids else None
        if node is not None:
            # The star that is there already takes the rating away.
            self.rated.emit(ids, 0 if node.variant.rating == stars else stars)

    def _turned(self) -> None:
        self.save_note()
        self._show_details()
        if len(self.selected) == 1:
            self.chosen.emit(self.selected[0])

    def _show_details(self) -> None:
        ids = self.selected
        self.details.setEnabled(bool(ids))
        node = self.model.node(self.model.index_of(ids[0])) if ids else None
        rating = node.variant.rating if node else 0
        for n, star in enumerate(self.stars, 1):
            lit = n <= rating
            star.setIcon(icon("star-on", current_theme().seam) if lit else icon("star"))
        variant = node.variant if node and len(ids) == 1 else None
        self.note.setEnabled(variant is not None)
        is_other = (variant.id if variant else None) != self._noting
        self._noting = variant.id if variant else None
        if is_other or not self.note.hasFocus():
            text = variant.notes if variant else ""
            if text != self.note.toPlainText():
                self.note.setPlainText(text)

    def _play(self, index: QModelIndex) -> None:
        node = self.model.node(index)
        if node is not None:
            self.play_wanted.emit(node.variant.id)

    def _menu(self, place: QPoint) -> None:
        if self.selected:
            viewport = self.tree.viewport()
            assert viewport is not None
            self.menu_wanted.emit(self.selected, viewport.mapToGlobal(place))

    def _before_reset(self) -> None:
        self.save_note()
        self._kept = self.selected

    def _after_reset(self) -> None:
        self.tree.expandAll()
        for variant_id in self._kept[:1]:
            self.choose(variant_id)

    def _filter(self) -> None:
        shown = 0
        if self._found is None and not self._hides:
            shown = len(self.model.nodes)
        else:
            for node in self.model.nodes:
                is_there = self._found is None or self._leads_to_found(node)
                parent = self.model.parent(self.model.index_of(node.variant.id))
                self.tree.setRowHidden(node.row, parent, not is_there)
                shown += is_there
        self._hides = self._found is not None
        self.tree.setVisible(shown > 0)
        self.empty.setVisible(shown == 0)
        self.empty.setText(
            self.tr("Nothing found.")
            if self.model.nodes
            else self.tr("No variants yet: press Generate.")
        )

    def _leads_to_found(self, node: Node) -> bool:
        assert self._found is not None
        return node.variant.id in self._found or any(map(self._leads_to_found, node.below))
