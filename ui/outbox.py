"""Out of the window: drag, export, copy, show in the folder, send to the DAW."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from PyQt6.QtCore import (
    QMimeData,
    QObject,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    QUrl,
    pyqtSignal,
)
from PyQt6.QtGui import QColor, QDesktopServices, QDrag, QGuiApplication, QPainter, QPixmap
from PyQt6.QtWidgets import QWidget

from ui.background import Background
from ui.daw_link import DawLink
from ui.project import Project
from ui.theme import GRID_PX, current_theme, icon, pen

DRAG_TEXT_PX = 240


def mime_of(paths: Sequence[Path]) -> QMimeData:
    """Files, as file managers and DAWs take them."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return mime


def drag_picture(text: str, widget: QWidget) -> QPixmap:
    """What hangs on the mouse: a card that is read on any ground."""
    theme, metrics = current_theme(), widget.fontMetrics()
    text = metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, DRAG_TEXT_PX)
    height = metrics.height() + 3 * GRID_PX
    size = QSize(metrics.horizontalAdvance(text) + height + 3 * GRID_PX, height)
    ratio = widget.devicePixelRatioF()
    picture = QPixmap(size * ratio)
    picture.setDevicePixelRatio(ratio)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(pen(theme.accent))
    painter.setBrush(QColor(theme.raised))
    painter.drawRoundedRect(QRectF(0.5, 0.5, size.width() - 1, size.height() - 1), 4, 4)
    sign = QRect(0, 0, height, height).adjusted(GRID_PX, GRID_PX, -GRID_PX, -GRID_PX)
    icon("variant", theme.accent).paint(painter, sign)
    painter.setPen(QColor(theme.text))
    painter.setFont(widget.font())
    painter.drawText(QRect(QPoint(height, 0), size), Qt.AlignmentFlag.AlignVCenter, text)
    painter.end()
    return picture


class Outbox(QObject):
    """Writes files for what leaves the window, in the exports folder, and notes where it went."""

    told = pyqtSignal(str)
    failed = pyqtSignal(str)

    def __init__(self, daw: DawLink, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._daw = daw
        self._background = Background(self, threads=1)
        self._background.failed.connect(self.failed)
        self._drags = False
        self._inserts: dict[str, tuple[Project, int, Path, int, int]] = {}
        daw.insert_ended.connect(self._insert_ended)

    def close(self) -> None:
        self._background.close()

    def export(
        self,
        project: Project,
        variant_ids: Sequence[int],
        *,
        as_flac: bool,
        between: tuple[float, float] | None,
        then: Callable[[list[Path]], None] | None = None,
    ) -> None:
        """Files in the exports folder, written in the background."""

        def done(paths: list[Path]) -> None:
            for id, path in zip(variant_ids, paths, strict=True):
                project.placed(id, path, "saved")
            names = ", ".join(path.name for path in paths)
            self.told.emit(
                self.tr("Exported to {folder}: {names}").format(folder=paths[0].parent, names=names)
            )

        if variant_ids:
            self._background.start(
                partial(self._written, project, variant_ids, as_flac, between), then or done
            )

    @staticmethod
    def _written(
        project: Project,
        variant_ids: Sequence[int],
        as_flac: bool,
        between: tuple[float, float] | None,
    ) -> list[Path]:
        return [project.export(id, as_flac=as_flac, between_seconds=between) for id in variant_ids]

    def copy(
        self,
        project: Project,
        variant_ids: Sequence[int],
        *,
        as_flac: bool,
        between: tuple[float, float] | None,
    ) -> None:
        """On the clipboard as files."""

        def done(paths: list[Path]) -> None:
            clipboard = QGuiApplication.clipboard()
            assert clipboard is not None
            clipboard.setMimeData(mime_of(paths))
            for id, path in zip(variant_ids, paths, strict=True):
                project.placed(id, path, "copied")
            self.told.emit(self.tr("Copied: paste it in your DAW or in a folder."))

        self.export(project, variant_ids, as_flac=as_flac, between=between, then=done)

    def reveal(self, project: Project, variant_ids: Sequence[int], *, as_flac: bool) -> None:
        """Open the folder of exports, in which the variant then lies."""

        def done(paths: list[Path]) -> None:
            if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(paths[0].parent))):
                self.told.emit(self.tr("It lies in {path}").format(path=paths[0]))

        self.export(project, variant_ids, as_flac=as_flac, between=None, then=done)

    def drag(
        self,
        project: Project,
        variant_ids: Sequence[int],
        widget: QWidget,
        *,
        as_flac: bool,
        between: tuple[float, float] | None,
    ) -> None:
        """Begin to drag once the files are written, since a DAW reads them when they drop.

        That takes a moment, in which the mouse may be let go; the next time they are there.
        """

        def done(paths: list[Path]) -> None:
            self._drags = False
            if not QGuiApplication.mouseButtons() & Qt.MouseButton.LeftButton:
                self.told.emit(self.tr("It is written now, and can be dragged at once."))
                return
            drag = QDrag(widget)
            drag.setMimeData(mime_of(paths))
            many = self.tr("{n} files").format(n=len(paths))
            drag.setPixmap(drag_picture(paths[0].stem if len(paths) == 1 else many, widget))
            if drag.exec(Qt.DropAction.CopyAction) != Qt.DropAction.IgnoreAction:
                for id, path in zip(variant_ids, paths, strict=True):
                    project.placed(id, path, "dragged")

        def failed(sentence: str) -> None:
            self._drags = False
            self.failed.emit(sentence)

        if variant_ids and not self._drags:  # a view asks with every step of the mouse
            self._drags = True
            self._background.start(
                partial(self._written, project, variant_ids, as_flac, between), done, failed
            )

    def send(self, project: Project, variant_id: int, *, as_flac: bool) -> None:
        """To the linked DAW, at the very sample of its timeline."""
        if not self._daw.peers:
            self.failed.emit(
                self.tr(
                    "{sentence} Start the script in your DAW, or drag the variant there."
                ).format(sentence=self._daw.sentence())
            )
            return

        def done(paths: list[Path]) -> None:
            variant = project.session.variant(variant_id)
            clip = project.session.clip(variant.clip_id).clip
            position = project.position_samples(variant_id)
            insert = self._daw.insert(
                paths[0], position, variant.rate_hz, clip.track_name, paths[0].stem
            )
            self._inserts[insert] = (project, variant_id, paths[0], position, variant.rate_hz)

        self.export(project, [variant_id], as_flac=as_flac, between=None, then=done)

    def _insert_ended(self, insert: str, done: bool, sentence: str) -> None:
        if insert not in self._inserts:
            return
        project, variant_id, path, position, rate_hz = self._inserts.pop(insert)
        if not done:
            self.failed.emit(
                self.tr("The DAW did not take the variant: {sentence}").format(sentence=sentence)
            )
            return
        daw = next(iter(self._daw.peers.values()), None)
        project.placed(
            variant_id,
            path,
            "inserted",
            daw=daw.daw if daw else "",
            position_samples=position,
            timeline_rate_hz=rate_hz,
        )
        self.told.emit(self.tr("The variant is on the DAW's timeline."))
