"""What is sung and what is to be sung, side by side, with what the model makes of the words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from html import escape

from PyQt6.QtCore import (
    QEvent,
    QRect,
    QSize,
    Qt,
    QTimer,
    QUrl,
    pyqtSignal,
)
from PyQt6.QtGui import (
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QSyntaxHighlighter,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
)
from PyQt6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QSlider,
    QTextBrowser,
    QTextEdit,
    QWidget,
)

from jukebox_studio.model.labels import Version, dropped_characters
from ui.background import Background
from ui.draft import AlignedWord, SyllableCounts, Voice, split_words, syllable_counts
from ui.panel_controls import Fold, column, describe, quiet_label, row
from ui.theme import GRID_PX, current_theme, small_font, with_alpha

_WAIT_MS = 150
_SEEN_ALPHA = 0.16
_STEPS = 100
_LINES_SHOWN = 6


# Text with counts --------------------------------------------------------------------------------


class _UnknownCharacters(QSyntaxHighlighter):
    """Underlines what the model cannot sing."""

    version: Version | None = None

    def highlightBlock(self, text: str | None) -> None:
        if not text or self.version is None:
            return
        lost = dropped_characters(text, self.version)
        if not lost:
            return
        style = QTextCharFormat()
        style.setUnderlineStyle(QTextCharFormat.UnderlineStyle.WaveUnderline)
        style.setUnderlineColor(with_alpha(current_theme().error, 1.0))
        style.setForeground(with_alpha(current_theme().error, 1.0))
        at = 0  # Qt counts in UTF-16, where an emoji is two
        for character in text:
            width = len(character.encode("utf-16-le")) // 2
            if character in lost:
                self.setFormat(at, width, style)
            at += width


class _Gutter(QWidget):
    def __init__(self, words: WordsEdit) -> None:
        super().__init__(words)
        self._words = words

    def sizeHint(self) -> QSize:
        return QSize(self._words.gutter_width(), 0)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        self._words.paint_gutter(QPainter(self))


class WordsEdit(QPlainTextEdit):
    """Lyrics, each line with its number of syllables."""

    def __init__(self, name: str, tip: str, placeholder: str) -> None:
        super().__init__()
        self._counts: tuple[int | None, ...] = ()
        self._mismatched: frozenset[int] = frozenset()
        self.setPlaceholderText(placeholder)
        self.setTabChangesFocus(True)
        describe(self, name, tip)
        self.setMinimumHeight(_LINES_SHOWN * self.fontMetrics().lineSpacing() + 4 * GRID_PX)
        self._gutter = _Gutter(self)
        document = self.document()
        assert document is not None
        self._unknown = _UnknownCharacters(document)
        self.updateRequest.connect(self._scroll_gutter)
        self.set_counts((), frozenset())

    def set_counts(self, counts: tuple[int | None, ...], mismatched: frozenset[int]) -> None:
        self._counts, self._mismatched = counts, mismatched
        self.setViewportMargins(self.gutter_width(), 0, 0, 0)
        self._gutter.update()

    def set_version(self, version: Version | None) -> None:
        """Whose characters can be sung; None marks nothing."""
        if self._unknown.version != version:
            self._unknown.version = version
            self._unknown.rehighlight()

    def mark_seen(self, first: int, end: int) -> None:
        """A ground under characters `first` to `end`, counted as Python does; none where empty."""
        if first >= end:
            self.setExtraSelections([])
            return
        selection = QTextEdit.ExtraSelection()
        text = self.toPlainText()
        cursor = QTextCursor(self.document())
        cursor.setPosition(_utf16_length(text[:first]))
        cursor.setPosition(_utf16_length(text[:end]), QTextCursor.MoveMode.KeepAnchor)
        selection.cursor = cursor
        selection.format.setBackground(with_alpha(current_theme().accent, _SEEN_ALPHA))
        self.setExtraSelections([selection])

    def gutter_width(self) -> int:
        return self.fontMetrics().horizontalAdvance("000") + 2 * GRID_PX

    def paint_gutter(self, painter: QPainter) -> None:
        theme, offset = current_theme(), self.contentOffset()
        painter.setFont(small_font(self.font()))
        block = self.firstVisibleBlock()
        while block.isValid():
            box = self.blockBoundingGeometry(block).translated(offset)
            if box.top() > self.height():
                break
            number = block.blockNumber()
            count = self._counts[number] if number < len(self._counts) else None
            if count is not None:
                wrong = number in self._mismatched
                painter.setPen(with_alpha(theme.warning if wrong else theme.text_dim, 1.0))
                line = QRect(0, int(box.top()), self._gutter.width(), self._line_height())
                # Not by colour alone.
                text = f"{count}!" if wrong else str(count)
                painter.drawText(
                    line.adjusted(0, 0, -GRID_PX, 0),
                    Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter,
                    text,
                )
            block = block.next()

    def _line_height(self) -> int:
        return self.fontMetrics().height() + GRID_PX // 2

    def _scroll_gutter(self, rect: QRect, dy: int) -> None:
        if dy:
            self._gutter.scroll(0, dy)
        else:
            self._gutter.update(0, rect.y(), self._gutter.width(), rect.height())

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        inside = self.contentsRect()
        self._gutter.setGeometry(inside.left(), inside.top(), self.gutter_width(), inside.height())

    def changeEvent(self, event: QEvent | None) -> None:
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange and self.toPlainText():
            self._unknown.rehighlight()


def _utf16_length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


# The editor --------------------------------------------------------------------------------------


class LyricsEditor(QWidget):
    """New words, and for singing again the old ones beside them."""

    changed = pyqtSignal()
    word_clicked = pyqtSignal(float)
    """Seconds on the timeline at which an aligned word starts."""
    moment_changed = pyqtSignal(float)
    """How far into the new words to show what the model sees, 0 to 1."""

    def __init__(self) -> None:
        super().__init__()
        self._aligned: tuple[AlignedWord, ...] = ()
        self._selection: tuple[float, float] | None = None
        self._sings_again = False
        self._sings = True
        self._version: Version | None = None
        self._generation = 0
        self.counts = SyllableCounts()
        # One at a time, so that counts come in the order that was typed.
        self._background = Background(self, threads=1)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_WAIT_MS)
        self._timer.timeout.connect(self._rested)
        self._make_widgets()
        self._lay_out()
        self.set_sings_again(False)
        self._show_all()

    def _make_widgets(self) -> None:
        self.voice = QComboBox()
        for voice, text in (
            ("open", self.tr("Leave it open")),
            ("words", self.tr("These words")),
            ("none", self.tr("Nobody sings")),
        ):
            self.voice.addItem(text, voice)
        describe(
            self.voice,
            self.tr("What is sung"),
            self.tr("Leave it to the model, give it words, or ask for music without a voice"),
        )
        self.old = WordsEdit(
            self.tr("Words sung now"),
            self.tr("What the selection sings so far; its syllables are compared with the new"),
            self.tr("What is sung there now"),
        )
        self.new = WordsEdit(
            self.tr("New words"),
            self.tr("What is to be sung; the number beside a line counts its syllables"),
            self.tr("Type the new words"),
        )
        self.before = WordsEdit(
            self.tr("Words before"),
            self.tr("What is sung before the selection; the model goes on from it"),
            self.tr("Sung before the selection"),
        )
        self.after = WordsEdit(
            self.tr("Words after"),
            self.tr("What is sung after the selection; the model leads on to it"),
            self.tr("Sung after the selection"),
        )
        for edit in (self.before, self.after):
            edit.setMinimumHeight(3 * self.fontMetrics().lineSpacing())
        self.sung = QTextBrowser()
        self.sung.setOpenLinks(False)
        self.sung.setSizeAdjustPolicy(QTextBrowser.SizeAdjustPolicy.AdjustToContents)
        self.sung.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Maximum)
        self.sung.setMaximumHeight(4 * self.fontMetrics().lineSpacing() + 4 * GRID_PX)
        describe(
            self.sung,
            self.tr("Words as they are sung"),
            self.tr("Click a word to go to where it is sung; Tab goes from word to word"),
        )
        self.split = QPushButton(self.tr("Take old words from the selection"))
        describe(
            self.split,
            self.tr("Take old words from the selection"),
            self.tr("Fill in the words before, in and after the selection as they are sung"),
        )
        self.mismatch = quiet_label(role="warning")
        self.unknown = quiet_label(role="error")
        self.seen = quiet_label()
        self.moment = QSlider(Qt.Orientation.Horizontal)
        self.moment.setRange(0, _STEPS)
        describe(
            self.moment,
            self.tr("Moment of the words"),
            self.tr("Show which words the model sees while it makes this moment"),
        )
        self.without = quiet_label()

    def _lay_out(self) -> None:
        self._old_column, self._new_column = QWidget(), QWidget()
        for holder, title, edit in (
            (self._old_column, self.tr("Sung now"), self.old),
            (self._new_column, self.tr("New words"), self.new),
        ):
            inside = column(holder, 1)
            heading = QLabel(title)
            heading.setProperty("role", "dim")
            heading.setBuddy(edit)
            inside.addWidget(heading)
            inside.addWidget(edit)
        self.side_by_side = QWidget()
        beside = QHBoxLayout(self.side_by_side)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.setSpacing(GRID_PX)
        beside.addWidget(self._old_column, 1)
        beside.addWidget(self._new_column, 1)
        around = QWidget()
        inside = column(around, 1)
        inside.addWidget(self.before)
        inside.addWidget(self.after)
        self.around = Fold(
            self.tr("Words before and after"),
            self.tr("What is sung around the selection, for the model to go on from"),
            around,
        )
        self._moment_row = QWidget()
        moment = row(self.moment)
        self._moment_row.setLayout(moment)
        layout = column(self, 2)
        for widget in (
            self.without,
            self.voice,
            self.sung,
            self.split,
            self.side_by_side,
            self.mismatch,
            self.unknown,
            self.seen,
            self._moment_row,
            self.around,
        ):
            layout.addWidget(widget)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.voice.currentIndexChanged.connect(self._voice_chosen)
        for edit in (self.old, self.new, self.before, self.after):
            edit.textChanged.connect(self._typed)
        self.sung.anchorClicked.connect(self._clicked)
        self.split.clicked.connect(self._split)
        self.moment.valueChanged.connect(lambda v: self.moment_changed.emit(v / _STEPS))

    # What others see

    def voice_of(self) -> Voice:
        if self._sings_again:
            return "words"
        voice: Voice = self.voice.currentData()
        return voice

    def moment_share(self) -> float:
        """How far into the new words it is shown what the model sees, 0 to 1."""
        return self.moment.value() / _STEPS

    def words(self) -> tuple[str, str, str, str]:
        """New words, then the old ones before, in and after the selection."""
        new, before, old, after = (
            edit.toPlainText() for edit in (self.new, self.before, self.old, self.after)
        )
        return new, before, old, after

    def set_words(self, voice: Voice, new: str, before: str, old: str, after: str) -> None:
        """Without telling that they changed."""
        self.blockSignals(True)
        self.voice.setCurrentIndex(self.voice.findData(voice))
        texts = ((self.new, new), (self.before, before), (self.old, old), (self.after, after))
        for edit, text in texts:
            if edit.toPlainText() != text:
                edit.setPlainText(text)
        self.blockSignals(False)
        self._show_all()

    def set_model(self, name: str, version: Version | None, *, has_lyrics: bool) -> None:
        self._sings, self._version = has_lyrics, version
        self.without.setText("" if has_lyrics else self.tr("{0} does not sing.").format(name))
        for edit in (self.new, self.before, self.after):
            edit.set_version(version if has_lyrics else None)
        self._show_all()

    def set_sings_again(self, sings_again: bool) -> None:
        """Whether old words are replaced, which are then shown beside the new."""
        self._sings_again = sings_again
        self._show_all()

    def set_aligned(self, words: Sequence[AlignedWord]) -> None:
        """The words of the clip and when each is sung, on the timeline."""
        self._aligned = tuple(words)
        links = (f'<a href="#{i}">{escape(word)}</a>' for i, (word, _, _) in enumerate(words))
        document = self.sung.document()
        assert isinstance(document, QTextDocument)
        document.setDefaultStyleSheet("a { text-decoration: none; }")
        self.sung.setHtml(" ".join(links))
        self._show_all()

    def set_selection(self, selection: tuple[float, float] | None) -> None:
        self._selection = selection
        self.split.setEnabled(selection is not None)

    def set_seen(
        self, seen: tuple[int, int] | None, tokens: int = 0, *, moves: bool = False
    ) -> None:
        """The characters of the new words that the model sees at this moment, of `tokens`.

        `moves`: whether that is different at another moment.
        """
        length = len(self.new.toPlainText())
        self._moment_row.setVisible(seen is not None and moves)
        self.seen.setVisible(seen is not None)
        if seen is None:
            self.new.mark_seen(0, 0)
            return
        self.new.mark_seen(*seen)
        if seen[0] == 0 and seen[1] >= length:
            said = self.tr("The model sees all {0} characters here.").format(length)
        elif seen[0] >= seen[1]:
            said = self.tr("Here the model sees only the words around these.")
        else:
            said = self.tr("Here the model sees characters {0} to {1} of {2}.").format(
                seen[0] + 1, seen[1], length
            )
        self.seen.setText(said)
        self.seen.setToolTip(self.tr("It sees up to {0} characters at a time").format(tokens))

    # What happens

    def _voice_chosen(self) -> None:
        self._show_all()
        self.changed.emit()

    def _typed(self) -> None:
        self._timer.start()
        self.changed.emit()

    def _clicked(self, link: QUrl) -> None:
        number = link.fragment()
        if number.isdecimal() and int(number) < len(self._aligned):
            self.word_clicked.emit(self._aligned[int(number)][1])

    def _split(self) -> None:
        if self._selection is None:
            return
        before, there, after = split_words(self._aligned, *self._selection)
        texts = ((self.before, before), (self.old, there), (self.after, after))
        for edit, text in texts:
            edit.setPlainText(text)

    def _rested(self) -> None:
        self._show_unknown()
        self._generation += 1
        old = self.old.toPlainText() if self._sings_again else ""
        new = self.new.toPlainText()
        self._background.start(
            partial(syllable_counts, old, new), partial(self._counted, self._generation)
        )

    def _counted(self, number: int, counts: SyllableCounts) -> None:
        if number != self._generation:
            return
        self.counts = counts
        self.old.set_counts(counts.old, frozenset())
        self.new.set_counts(counts.new, counts.mismatched)
        self.mismatch.setText(counts.sentence)
        self.mismatch.setVisible(bool(counts.sentence) and self._sings_again)

    # What is shown

    def _show_all(self) -> None:
        writes = self._sings and (self._sings_again or self.voice.currentData() == "words")
        self.without.setVisible(not self._sings)
        self.voice.setVisible(self._sings and not self._sings_again)
        self._old_column.setVisible(self._sings_again)
        self.side_by_side.setVisible(writes)
        self.around.setVisible(writes and self._sings_again)
        self.sung.setVisible(bool(self._aligned))
        self.split.setVisible(writes and self._sings_again and bool(self._aligned))
        self.mismatch.setVisible(writes and self._sings_again and bool(self.counts.sentence))
        if not writes:
            self.set_seen(None, 0)
        self._show_unknown()
        if writes:
            self._timer.start()

    def _show_unknown(self) -> None:
        lost = ""
        if self._version is not None and self._sings and self.side_by_side.isVisibleTo(self):
            text = "".join(e.toPlainText() for e in (self.new, self.before, self.after))
            lost = dropped_characters(text, self._version)
        self.unknown.setVisible(bool(lost))
        self.unknown.setText(self.tr("The model cannot sing these: {0}").format(" ".join(lost)))
