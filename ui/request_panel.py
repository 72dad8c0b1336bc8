"""What to do with a clip: the panel whose settings become a request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QRegularExpression, QSize, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QRegularExpressionValidator
from PyQt6.QtWidgets import (
    QAbstractSpinBox,
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from jukebox_studio.clip import Clip
from jukebox_studio.drawing import MOST_GUIDANCE
from jukebox_studio.errors import JukeboxError
from jukebox_studio.request import (
    FILE_FORMATS,
    MOST_CANDIDATES,
    MOST_VARIANTS,
    Guidance,
    Request,
    Sampling,
)
from ui.draft import (
    KINDS,
    UNITS,
    AlignedWord,
    Draft,
    Kind,
    ModelSummary,
    Times,
    VariantInfo,
    leading_of,
    made_seconds,
    new_seed,
    outcome,
    remarks,
    request_of,
    seen_words,
    words_exceed_sight,
)
from ui.draft_presets import Preset, filled
from ui.lyrics_editor import LyricsEditor
from ui.panel_controls import (
    Amount,
    ElidedLabel,
    Fold,
    PlainNumber,
    UpDownArea,
    WheelGuard,
    column,
    describe,
    icon_button,
    quiet_label,
    row,
    set_role,
)
from ui.preset_menu import PresetMenu
from ui.sampling_controls import LevelControls, SamplingControls
from ui.style_pad import StylePad
from ui.theme import GRID_PX, icon
from ui.timeline_morph import Morph
from ui.words import licence_said

HIGHEST_WIDTH = 2.0
_REST_MS = 100
_PAIRED = "stands before a field"


class RequestPanel(QWidget):
    """Holds a `Draft` and shows what comes of it; knows no project, no files and no engine."""

    generate_requested = pyqtSignal()
    changed = pyqtSignal()
    """The draft, by the musician's hand."""
    model_chosen = pyqtSignal(str)
    """A name from `set_models`; the window answers with `set_model`."""
    word_clicked = pyqtSignal(float)
    """Seconds on the timeline."""
    morph_changed = pyqtSignal(object)
    """A `Morph` for the timeline's lane, or None; what is done there comes back by `set_morph`."""
    point_selected = pyqtSignal(int)
    favourites_changed = pyqtSignal(object)
    """frozenset[str] of artists."""
    licence_requested = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._clip: Clip | None = None
        self._variant: VariantInfo | None = None
        self._model: ModelSummary | None = None
        self._selection: Times | None = None
        self._added: tuple[Times, ...] = ()
        self._levels: list[LevelControls] = []
        self._kept_levels: dict[int, Sampling] = {}
        self._is_loading = False
        self._guidance = Guidance()
        self._morph: Morph | None = None
        self._wheel = WheelGuard(self)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self._refresh)
        self.style_pad = StylePad()
        self.lyrics = LyricsEditor()
        self._make_operation()
        self._make_keep()
        self._make_variants()
        self._make_guidance()
        self._make_advanced()
        self._make_model()
        self._make_footer()
        self._lay_out()
        self._connect()
        self._show_model()
        self.set_draft(Draft())

    # Widgets -------------------------------------------------------------------------------------

    def _make_operation(self) -> None:
        self.source = ElidedLabel()
        self.source.setProperty("role", "title")
        self.presets = PresetMenu(self.draft)
        self.operations = QButtonGroup(self)
        self.operation_buttons: dict[Kind, QToolButton] = {}
        for number, (kind, text, tip, picture) in enumerate(
            (
                ("continue", self.tr("&Continue"), self.tr("Go on where the clip stops"), "right"),
                (
                    "restyle",
                    self.tr("&Restyle"),
                    self.tr("The clip again, in another style"),
                    "style",
                ),
                (
                    "relyric",
                    self.tr("Re-&sing"),
                    self.tr("Sing the selection again, with new words"),
                    "lyrics",
                ),
                (
                    "vary",
                    self.tr("Var&y"),
                    self.tr("Make the selection anew, inside what stands around it"),
                    "vary",
                ),
            )
        ):
            button = QToolButton()
            button.setText(text)
            button.setIcon(icon(picture))
            button.setCheckable(True)
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
            button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            said = text.replace("&", "")
            describe(button, said, tip)
            # It would rather shorten its text than be as wide as it says.
            room = self.fontMetrics().horizontalAdvance(said) + 5 * GRID_PX
            button.setMinimumWidth(room)
            self.operations.addButton(button, number)
            self.operation_buttons[KINDS[number]] = button
            assert KINDS[number] == kind
        self.length = PlainNumber()
        self.length.setRange(0.25, 100_000.0)
        self.length.setDecimals(3)
        describe(self.length, self.tr("Length"), self.tr("How much music is added"))
        self.unit = QComboBox()
        for unit, text in zip(
            UNITS, (self.tr("bars"), self.tr("beats"), self.tr("seconds")), strict=True
        ):
            self.unit.addItem(text, unit)
        describe(
            self.unit,
            self.tr("Unit of the length"),
            self.tr("Bars end on a bar line; beats are quarter notes"),
        )
        self.add_span = QPushButton(self.tr("Keep this selection and add another"))
        self.add_span.setIcon(icon("add"))
        describe(
            self.add_span,
            self.tr("Add another selection"),
            self.tr("Keep what is selected now; then select more in the timeline"),
        )
        self.spans = QListWidget()
        self.spans.setFixedHeight(3 * (self.fontMetrics().height() + 3 * GRID_PX))
        describe(
            self.spans,
            self.tr("Kept selections"),
            self.tr("Made anew beside what is selected now; Delete takes one out"),
        )
        self.remove_span = icon_button(
            "delete", self.tr("Remove the selection"), self.tr("Take the chosen selection out")
        )
        self.outcome = quiet_label(role="")

    def _make_keep(self) -> None:
        self.keep = Amount(
            self.tr("Keep"),
            self.tr("How much of the clip's own music stays"),
            0.0,
            1.0,
            ends=(self.tr("new"), self.tr("the same")),
        )
        self._keeps: dict[Kind, float] = {}

    def _make_variants(self) -> None:
        self.variants = QSpinBox()
        self.variants.setRange(1, MOST_VARIANTS)
        describe(self.variants, self.tr("Variants"), self.tr("How many different results"))
        self.seed = QLineEdit()
        self.seed.setPlaceholderText(self.tr("new each time"))
        self.seed.setValidator(QRegularExpressionValidator(QRegularExpression("[0-9]{1,20}")))
        describe(
            self.seed,
            self.tr("Seed"),
            self.tr("The same seed and settings give the same results"),
        )
        self.seed_lock = icon_button(
            "unlock",
            self.tr("Lock the seed"),
            self.tr("Locked, the seed stays; open, each request gets a new one"),
        )
        self.seed_lock.setCheckable(True)
        self.seed_new = icon_button(
            "random", self.tr("New seed"), self.tr("Draw a new seed at random and keep it")
        )

    def _make_guidance(self) -> None:
        self.style_guidance = Amount(
            self.tr("Guidance towards the style"),
            self.tr("How hard the model is led to the style; 0 is off, more takes longer"),
            0.0,
            MOST_GUIDANCE,
            step=0.25,
        )
        self.lyric_guidance = Amount(
            self.tr("Guidance towards the words"),
            self.tr("How hard the model is led to the words; 0 is off, more takes longer"),
            0.0,
            MOST_GUIDANCE,
            step=0.25,
        )

    def _make_advanced(self) -> None:
        self.sampling = SamplingControls()
        self.as_recommended = icon_button(
            "undo",
            self.tr("As the model recommends"),
            self.tr("Draw every level as the model recommends"),
        )
        self.precision = QComboBox()
        for text, value in (
            (self.tr("32 bits: exact"), "float32"),
            (self.tr("16 bits: for a GPU"), "float16"),
            (self.tr("8 bits: quicker"), "int8"),
        ):
            self.precision.addItem(text, value)
        describe(
            self.precision,
            self.tr("Numbers"),
            self.tr(
                "What is computed with: numbers of 8 bits are quicker on a processor, those of 16"
                " take half the memory of a GPU; the same seed gives a slightly different result"
            ),
        )
        self.candidates = QSpinBox()
        self.candidates.setRange(1, MOST_CANDIDATES)
        describe(
            self.candidates,
            self.tr("Candidates"),
            self.tr("Tops tried for each variant; the one that leads on best is kept"),
        )
        self.width_amount = Amount(
            self.tr("Stereo width"),
            self.tr("Of a stereo clip's results: 1 is as wide as the clip, 0 is mono"),
            0.0,
            HIGHEST_WIDTH,
        )
        self.to_grid = QCheckBox(self.tr("Stretch onto the beat"))
        describe(
            self.to_grid,
            self.tr("Stretch onto the beat"),
            self.tr("Stretch a result whose onsets lie off the beat"),
        )
        self.preview_only = QCheckBox(self.tr("Preview only"))
        describe(
            self.preview_only,
            self.tr("Preview only"),
            self.tr("Make the coarse level; bring the ones you like to full quality later"),
        )
        self.file_format = QComboBox()
        texts = {
            "wav": self.tr("WAV, 24 bit"),
            "wav-float": self.tr("WAV, 32-bit float"),
            "flac": self.tr("FLAC, 24 bit"),
        }
        for key in FILE_FORMATS:
            self.file_format.addItem(texts[key], key)
        describe(
            self.file_format, self.tr("File format"), self.tr("How results are stored on disk")
        )
        self.first_variant = QSpinBox()
        self.first_variant.setRange(0, 2**16 - 1)
        describe(
            self.first_variant,
            self.tr("Number of the first variant"),
            self.tr("Of this seed; more of a seed go on after those that are there"),
        )
        self.says_place = QCheckBox(self.tr("Say where in the song"))
        describe(
            self.says_place,
            self.tr("Say where in the song"),
            self.tr("Tell the model another place than the song's markers say"),
        )
        self.song_seconds, self.clip_seconds = PlainNumber(), PlainNumber()
        for spin, name, tip in (
            (self.song_seconds, self.tr("Length of the song"), self.tr("As the model is told")),
            (
                self.clip_seconds,
                self.tr("Start of the clip in the song"),
                self.tr("As the model is told"),
            ),
        ):
            spin.setRange(0.0, 86_400.0)
            spin.setDecimals(3)
            spin.setSuffix(self.tr(" s"))
            describe(spin, name, tip)
        self.song_seconds.setValue(180.0)

    def _make_model(self) -> None:
        self.model = QComboBox()
        self.model.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        describe(self.model, self.tr("Model"), self.tr("Which model makes the music"))
        self.licence = quiet_label()
        self.licence_button = icon_button(
            "licence",
            self.tr("Licence of the model"),
            self.tr("May I release what I render with this, and what must I say?"),
        )

    def _make_footer(self) -> None:
        self.problem = quiet_label(role="warning")
        self.remarks = quiet_label()
        self.generate = QPushButton(self.tr("&Generate"))
        self.generate.setProperty("primary", True)
        self.generate.setMinimumHeight(9 * GRID_PX)
        self.generate.setShortcut("Ctrl+Return")
        describe(
            self.generate,
            self.tr("Generate"),
            self.tr("Make the variants (Ctrl+Return)"),
        )

    # Layout --------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self._body = QWidget()
        body = QVBoxLayout(self._body)
        body.setContentsMargins(3 * GRID_PX, 2 * GRID_PX, 3 * GRID_PX, 3 * GRID_PX)
        body.setSpacing(3 * GRID_PX)
        title = row(self.source, self.presets)
        title.setStretch(0, 1)
        body.addLayout(title)
        kinds = row(*self.operation_buttons.values(), spacing=1)
        body.addLayout(kinds)
        self._length_row = _holder(
            _pair(self._heading(self.tr("Le&ngth"), self.length), self.length, self.unit)
        )
        body.addWidget(self._length_row)
        self._span_box = QWidget()
        spans = column(self._span_box, 1)
        self._span_list = _holder(_filled(row(self.spans, self.remove_span)))
        spans.addWidget(self._span_list)
        spans.addWidget(self.add_span)
        body.addWidget(self.outcome)
        body.addWidget(self._span_box)
        self._keep_box = QWidget()
        keep = column(self._keep_box, 1)
        keep.addWidget(self._heading(self.tr("&Keep"), self.keep.slider))
        keep.addWidget(self.keep)
        body.addWidget(self._keep_box)
        self.lyrics_fold = Fold(
            self.tr("Words"),
            self.tr("What is sung"),
            self.lyrics,
            is_open=True,
            is_section=True,
        )
        body.addWidget(self.lyrics_fold)
        self.style_fold = Fold(
            self.tr("Style"),
            self.tr("In whose style"),
            self.style_pad,
            is_open=True,
            is_section=True,
        )
        body.addWidget(self.style_fold)
        body.addLayout(
            _pair(self._heading(self.tr("V&ariants"), self.variants), self.variants, None)
        )
        body.addLayout(
            _pair(
                self._heading(self.tr("See&d"), self.seed), self.seed, self.seed_lock, self.seed_new
            )
        )
        body.addWidget(self._make_folds())
        body.addStretch(1)
        self.scroll_area = UpDownArea()
        self.scroll_area.setWidget(self._body)
        footer = QVBoxLayout()
        footer.setContentsMargins(3 * GRID_PX, 2 * GRID_PX, 3 * GRID_PX, 3 * GRID_PX)
        footer.setSpacing(2 * GRID_PX)
        chooser = row(self._heading(self.tr("M&odel"), self.model), self.model, self.licence_button)
        chooser.setStretch(1, 1)
        footer.addLayout(chooser)
        for widget in (self.licence, self.remarks, self.problem, self.generate):
            footer.addWidget(widget)
        layout = column(self, 0)
        layout.addWidget(self.scroll_area, 1)
        layout.addLayout(footer)
        self._wheel.guard(self._body)
        for spin in self._body.findChildren(QAbstractSpinBox):
            # Up, Down and typing do; the arrows are too small to hit and make a crowd.
            spin.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
        self._body.setMinimumWidth(77 * GRID_PX)
        headings = [label for label in self.findChildren(QLabel) if label.property(_PAIRED)]
        widest = max(22 * GRID_PX, *(label.sizeHint().width() for label in headings))
        for label in headings:
            label.setFixedWidth(widest)
        self.setFocusProxy(self.operation_buttons["continue"])
        QWidget.setTabOrder(self.operation_buttons["vary"], self.presets)

    def minimumSizeHint(self) -> QSize:
        """Room for the widest line beside the scroll bar; a scroll area tells nobody of it."""
        bar = self.scroll_area.verticalScrollBar()
        body = max(self._body.minimumWidth(), self._body.minimumSizeHint().width())
        width = body + (bar.sizeHint().width() if bar else 0)
        return super().minimumSizeHint().expandedTo(QSize(width, 0))

    def _make_folds(self) -> QWidget:
        guidance = QWidget()
        inside = column(guidance, 1)
        inside.addWidget(self._heading(self.tr("Towards the style"), self.style_guidance.slider))
        inside.addWidget(self.style_guidance)
        self._lyric_guidance_heading = self._heading(
            self.tr("Towards the words"), self.lyric_guidance.slider
        )
        inside.addWidget(self._lyric_guidance_heading)
        inside.addWidget(self.lyric_guidance)
        self.guidance_fold = Fold(
            self.tr("Guidance"), self.tr("How hard the model is led"), guidance
        )
        drawing = QWidget()
        inside = column(drawing, 1)
        heading = row(
            self._heading(self.tr("Temperature"), self.sampling.temperature.slider),
            self.as_recommended,
        )
        heading.setStretch(0, 1)
        inside.addLayout(heading)
        inside.addWidget(self.sampling)
        inside.addLayout(_pair(self._heading(self.tr("Numbers"), self.precision), self.precision))
        self._level_box = column()
        inside.addLayout(self._level_box)
        self._candidates_row = _holder(
            _pair(self._heading(self.tr("Candidates"), self.candidates), self.candidates, None)
        )
        inside.addWidget(self._candidates_row)
        self.drawing_fold = Fold(
            self.tr("How codes are drawn"),
            self.tr("Temperature, top-k and top-p, for all levels or one by one"),
            drawing,
        )
        output = QWidget()
        inside = column(output, 2)
        inside.addWidget(self._heading(self.tr("Stereo width"), self.width_amount.slider))
        inside.addWidget(self.width_amount)
        inside.addWidget(self.to_grid)
        inside.addWidget(self.preview_only)
        inside.addLayout(
            _pair(self._heading(self.tr("Format"), self.file_format), self.file_format)
        )
        inside.addLayout(
            _pair(
                self._heading(self.tr("First variant"), self.first_variant),
                self.first_variant,
                None,
            )
        )
        inside.addWidget(self.says_place)
        self._place_form = QWidget()
        form = QFormLayout(self._place_form)
        form.setContentsMargins(6 * GRID_PX, 0, 0, 0)
        form.addRow(self.tr("Song lasts"), self.song_seconds)
        form.addRow(self.tr("Clip starts at"), self.clip_seconds)
        inside.addWidget(self._place_form)
        self.output_fold = Fold(
            self.tr("Output and song"),
            self.tr("Width, stretching, format, and what the model is told of the song"),
            output,
        )
        content = QWidget()
        folds = column(content, 1)
        for fold in (self.guidance_fold, self.drawing_fold, self.output_fold):
            folds.addWidget(fold)
        return content

    def _heading(self, text: str, buddy: QWidget) -> QLabel:
        label = QLabel(text)
        label.setProperty("role", "dim")
        label.setBuddy(buddy)
        return label

    def _connect(self) -> None:
        self.operations.idToggled.connect(self._operation_chosen)
        self.keep.changed.connect(self._kept)
        for spin in (
            self.length,
            self.variants,
            self.candidates,
            self.first_variant,
            self.song_seconds,
            self.clip_seconds,
        ):
            spin.valueChanged.connect(lambda _: self._edited())
        for combo in (self.unit, self.file_format, self.precision):
            combo.currentIndexChanged.connect(lambda _: self._edited())
        for box in (self.to_grid, self.preview_only, self.says_place):
            box.toggled.connect(lambda _: self._edited())
        self.width_amount.changed.connect(lambda _: self._edited())
        self.style_guidance.changed.connect(lambda weight: self._led(style=weight))
        self.lyric_guidance.changed.connect(lambda weight: self._led(lyrics=weight))
        self.says_place.toggled.connect(self._place_form.setVisible)
        self.sampling.changed.connect(self._edited)
        self.as_recommended.clicked.connect(self._draw_as_recommended)
        self.seed.textEdited.connect(self._seed_typed)
        self.seed_lock.toggled.connect(self._locked)
        self.seed_new.clicked.connect(self._draw_seed)
        self.add_span.clicked.connect(self._keep_selection)
        self.remove_span.clicked.connect(self._remove_span)
        self.style_pad.changed.connect(self._edited)
        self.style_pad.point_selected.connect(self.point_selected)
        self.style_pad.favourites_changed.connect(self.favourites_changed)
        self.lyrics.changed.connect(self._words_typed)
        self.lyrics.word_clicked.connect(self.word_clicked)
        self.lyrics.moment_changed.connect(lambda _: self._show_seen())
        self.presets.chosen.connect(self.use_preset)
        self.model.activated.connect(lambda i: self.model_chosen.emit(self.model.itemText(i)))
        self.licence_button.clicked.connect(self.licence_requested)
        self.generate.clicked.connect(self._ask)

    # What the window sets ------------------------------------------------------------------------

    def set_clip(self, clip: Clip | None, variant: VariantInfo | None = None) -> None:
        """What is worked on; with `variant` where it is one, whose codes it then starts from."""
        before, self._clip, self._variant = self._clip, clip, variant
        if clip is None or before is None or clip.path != before.path:
            self._added = ()
        new, *old = self.lyrics.words()
        # Words that somebody typed or split stay; those of the last clip go with it.
        if clip is not None and old in (["", "", ""], ["", before.lyrics if before else "", ""]):
            self.lyrics.set_words(self.lyrics.voice.currentData(), new, "", clip.lyrics, "")
        self._refresh()

    def set_models(self, names: Sequence[str]) -> None:
        """Of all installed models; `set_model` says which is used."""
        self.model.clear()
        self.model.addItems(list(names))
        self._show_model()

    def set_model(self, model: ModelSummary | None) -> None:
        self._model = model
        self.style_pad.set_model(model)
        if model is not None:
            self.lyrics.set_model(model.name, model.version, has_lyrics=model.has_lyrics)
            self.sampling.set_recommended(model.drawings[model.levels - 1])
        self._show_levels()
        self._show_model()
        self._refresh()

    def set_selection(self, start_seconds: float | None, end_seconds: float | None = None) -> None:
        """On the timeline; None where nothing is selected."""
        if start_seconds is None or end_seconds is None or end_seconds <= start_seconds:
            self._selection = None
        else:
            self._selection = (start_seconds, end_seconds)
        self.lyrics.set_selection(self._selection)
        self._refresh()

    def set_aligned(self, words: Sequence[AlignedWord]) -> None:
        """The words of what is worked on, in time."""
        self.lyrics.set_aligned(words)

    def set_favourites(self, favourites: frozenset[str]) -> None:
        self.style_pad.set_favourites(favourites)

    def set_morph(self, morph: Morph) -> None:
        """What was done in the timeline's lane."""
        self._morph = morph  # known there already
        self.style_pad.set_morph(morph)

    def set_keep(self, keep: float) -> None:
        """As if the slider had been moved; nothing where the operation has none."""
        if self.kind != "continue":
            self.keep.set_value(keep)
            self._kept(self.keep.value())

    def set_blend(self, share: float) -> None:
        """As if the slider between two artists had been moved; nothing where there are not two."""
        self.style_pad.set_share(share)

    def select_point(self, number: int) -> None:
        """The point of the style that was chosen in the timeline's lane."""
        self.style_pad.select_point(number)

    # Draft and request ---------------------------------------------------------------------------

    @property
    def kind(self) -> Kind:
        return KINDS[self.operations.checkedId()]

    def draft(self) -> Draft:
        new, before, there, after = self.lyrics.words()
        keeps = {**self._keeps, self.kind: self.keep.value()}
        text = self.seed.text()
        kept = {level: s for level, s in self._kept_levels.items() if level >= len(self._levels)}
        own = {c.level: c.controls.sampling() for c in self._levels if c.own.isChecked()}
        spans = self._added if self._selection is None else (self._selection, *self._added)
        return Draft(
            kind=self.kind,
            length=self.length.value(),
            unit=self.unit.currentData(),
            keep_restyle=keeps["restyle"],
            keep_relyric=keeps["relyric"],
            keep_vary=keeps["vary"],
            candidates=self.candidates.value(),
            spans_seconds=spans,
            style=self.style_pad.chosen_style(),
            voice=self.lyrics.voice_of(),
            new_words=new,
            words_before=before,
            words_there=there,
            words_after=after,
            guidance=self._guidance,
            sampling=self.sampling.sampling(),
            sampling_by_level={**own, **kept},
            place_seconds=(self.song_seconds.value(), self.clip_seconds.value())
            if self.says_place.isChecked()
            else None,
            variants=self.variants.value(),
            first_variant=self.first_variant.value(),
            seed=int(text) if text else None,
            seed_locked=self.seed_lock.isChecked(),
            preview_only=self.preview_only.isChecked(),
            width=self.width_amount.value(),
            to_grid=self.to_grid.isChecked(),
            file_format=self.file_format.currentData(),
            precision=self.precision.currentData(),
        )

    def set_draft(self, draft: Draft) -> None:
        """Show a draft, without telling that it changed. The selection stays the timeline's."""
        self._is_loading = True
        self._keeps = {
            "continue": 0.0,
            "restyle": draft.keep_restyle,
            "relyric": draft.keep_relyric,
            "vary": draft.keep_vary,
        }
        self.operation_buttons[draft.kind].setChecked(True)
        self.length.setValue(draft.length)
        self.unit.setCurrentIndex(self.unit.findData(draft.unit))
        self.keep.set_value(self._keeps[draft.kind])
        self.candidates.setValue(draft.candidates)
        self._added = draft.spans_seconds[1:] if draft.kind == "vary" else ()
        self.style_pad.set_style(draft.style)
        self.lyrics.set_words(
            draft.voice, draft.new_words, draft.words_before, draft.words_there, draft.words_after
        )
        self._guidance = draft.guidance
        self.sampling.set_sampling(draft.sampling)
        self._kept_levels = dict(draft.sampling_by_level)
        self._show_levels()
        self.says_place.setChecked(draft.place_seconds is not None)
        self._place_form.setVisible(draft.place_seconds is not None)
        if draft.place_seconds is not None:
            self.song_seconds.setValue(draft.place_seconds[0])
            self.clip_seconds.setValue(draft.place_seconds[1])
        self.variants.setValue(draft.variants)
        self.first_variant.setValue(draft.first_variant)
        self.seed.setText("" if draft.seed is None else str(draft.seed))
        self.seed_lock.setChecked(draft.seed_locked)
        self.preview_only.setChecked(draft.preview_only)
        self.width_amount.set_value(draft.width)
        self.to_grid.setChecked(draft.to_grid)
        self.file_format.setCurrentIndex(self.file_format.findData(draft.file_format))
        self.precision.setCurrentIndex(self.precision.findData(draft.precision))
        self._is_loading = False
        self._refresh()

    def change_draft(self, **values: Any) -> None:
        """Other values of some fields of `Draft`, without telling; as undo wants it."""
        added = self._added
        self.set_draft(replace(self.draft(), **values))
        self._added = added
        self._refresh()

    def request(self, codes_path: Path | None = None) -> Request | str:
        """The request, or the sentence that says why there is none.

        Draws a new seed first, where it is not locked, and shows it. `codes_path` goes before that
        of the variant given to `set_clip`.
        """
        if not self.seed_lock.isChecked():
            self.seed.setText(str(new_seed()))
        if codes_path is None and self._variant is not None:
            codes_path = self._variant.codes_path
        try:
            return request_of(
                self.draft(),
                self._clip,
                self._model,
                codes_path=codes_path,
                date=datetime.now(UTC),
            )
        except JukeboxError as error:
            return str(error)

    def use_preset(self, preset: Preset) -> None:
        """What it says goes into the panel; the rest stays."""
        try:
            draft = filled(self.draft(), preset)
        except JukeboxError as error:
            self.problem.setText(str(error))
            self.problem.show()
            return
        self.set_draft(draft)
        self.changed.emit()

    # What happens --------------------------------------------------------------------------------

    def _ask(self) -> None:
        self._refresh()
        if self.generate.isEnabled():
            self.generate_requested.emit()

    def _edited(self) -> None:
        if not self._is_loading:
            self._refresh()
            self.changed.emit()

    def _led(self, **weights: float) -> None:
        """A slider was moved: from now on it is as it says."""
        if not self._is_loading:
            self._guidance = replace(self._guidance, **weights)
            self._edited()

    def _show_leading(self) -> None:
        """What is left open stands where the model recommends it for what is asked for."""
        led = leading_of(self.draft(), self._model)
        self._is_loading = True
        for amount, weight in ((self.style_guidance, led.style), (self.lyric_guidance, led.lyrics)):
            if amount.value() != weight:  # else what is being typed would be written over
                amount.set_value(weight)
        self._is_loading = False

    def _words_typed(self) -> None:
        """What follows from words is long to work out, and can wait until the keys rest."""
        if not self._is_loading:
            self._show_leading()
            self._rest.start()
            self.changed.emit()

    def _operation_chosen(self, number: int, is_chosen: bool) -> None:
        if is_chosen and not self._is_loading:
            self.keep.set_value(self._keeps[KINDS[number]])
            self._edited()

    def _kept(self, value: float) -> None:
        self._keeps[self.kind] = value
        self._edited()

    def _seed_typed(self, text: str) -> None:
        if text:  # who types a seed wants that one
            self.seed_lock.setChecked(True)
        self._edited()

    def _locked(self, is_locked: bool) -> None:
        self.seed_lock.setIcon(icon("lock" if is_locked else "unlock"))
        if is_locked and not self.seed.text():
            self.seed.setText(str(new_seed()))
        self._edited()

    def _draw_seed(self) -> None:
        self.seed_lock.setChecked(True)
        self.seed.setText(str(new_seed()))
        self._edited()

    def _draw_as_recommended(self) -> None:
        schedule = self.sampling.sampling().schedule
        self.change_draft(sampling=Sampling(schedule=schedule), sampling_by_level={})
        self.changed.emit()

    def _keep_selection(self) -> None:
        if self._selection is not None and self._selection not in self._added:
            self._added = (*self._added, self._selection)
            self._edited()

    def _remove_span(self) -> None:
        number = self.spans.currentRow()
        if 0 <= number < len(self._added):
            self._added = self._added[:number] + self._added[number + 1 :]
            self._edited()

    # What is shown -------------------------------------------------------------------------------

    def _refresh(self) -> None:
        if self._is_loading:
            return
        self._show_leading()
        kind, has_lyrics = self.kind, self._model is not None and self._model.has_lyrics
        self._length_row.setVisible(kind == "continue")
        self._keep_box.setVisible(kind != "continue")
        self._span_box.setVisible(kind == "vary")
        self._candidates_row.setVisible(kind == "vary")
        self._lyric_guidance_heading.setVisible(has_lyrics)
        self.lyric_guidance.setVisible(has_lyrics)
        # Without a model that sings, singing again is refused in a sentence of its own.
        self.lyrics_fold.setVisible(has_lyrics)
        self.lyrics.set_sings_again(kind == "relyric")
        self._show_source()
        self._show_spans()
        self._show_drawings()
        self._show_outcome()
        self._show_seen()
        self._show_morph()

    def _show_source(self) -> None:
        if self._variant is not None:
            text = self._variant.name
            if self._variant.is_preview:
                text = self.tr("{0} (preview)").format(text)
        elif self._clip is not None:
            text = self._clip.name or self._clip.path.name
        else:
            text = self.tr("No clip yet")
        self.source.setText(text)

    def _show_spans(self) -> None:
        current = self.spans.currentRow()
        self.spans.clear()
        for start, end in self._added:
            self.spans.addItem(self.tr("{0} to {1} s").format(f"{start:.2f}", f"{end:.2f}"))
        self.spans.setCurrentRow(min(current, self.spans.count() - 1))
        self._span_list.setVisible(bool(self._added))
        self.add_span.setEnabled(self._selection is not None)

    def _show_drawings(self) -> None:
        """Where levels are drawn otherwise than the controls for all of them show."""
        sampling, model = self.sampling.sampling(), self._model
        says = any(x is not None for x in (sampling.temperature, sampling.top_k, sampling.top_p))
        self.as_recommended.setEnabled(says or any(c.own.isChecked() for c in self._levels))
        if model is not None:
            shown = {n: sampling.over(drawing) for n, drawing in model.drawings.items()}
            for control in self._levels:
                control.show_drawing(shown[control.level], shown[model.levels - 1])

    def _show_outcome(self) -> None:
        draft, said, wrong = self.draft(), "", ""
        if self._clip is not None:
            try:
                said = outcome(draft, self._clip)
            except JukeboxError:
                said = ""  # told below, with what to do
        try:
            request_of(draft, self._clip, self._model)
        except JukeboxError as error:
            wrong = str(error)
        self.outcome.setText(said)
        self.outcome.setVisible(bool(said))
        # An empty panel is no mistake.
        set_role(self.problem, "warning" if self._clip and self._model else "dim")
        self.problem.setText(wrong)
        self.problem.setToolTip(wrong)
        self.problem.setVisible(bool(wrong))
        self.generate.setEnabled(not wrong)
        notes = remarks(draft, self._model) if self._model is not None and not wrong else []
        self.remarks.setText("\n".join(notes))
        self.remarks.setVisible(bool(notes))

    def _show_seen(self) -> None:
        clip, model, draft = self._clip, self._model, self.draft()
        if clip is None or model is None or not draft.new_words:
            self.lyrics.set_seen(None)
            return
        try:
            seen = seen_words(draft, clip, model, self.lyrics.moment_share())
            moves = words_exceed_sight(draft, clip, model)
        except JukeboxError:  # no selection yet, which is told already
            seen, moves = None, False
        self.lyrics.set_seen(seen, model.lyric_tokens, moves=moves)

    def _show_morph(self) -> None:
        """Tell the lane, where it has to change."""
        morph = None
        if self._clip is not None:
            try:
                start, end = made_seconds(self.draft(), self._clip)
            except JukeboxError:
                start = end = 0.0  # told already
            if end > start:
                self.style_pad.set_length(end - start)
                morph = self.style_pad.morph(float(self._clip.start_seconds) + start, end - start)
        if morph != self._morph:
            self._morph = morph
            self.morph_changed.emit(morph)

    def _show_levels(self) -> None:
        """Controls for each level of the model, as far as they differ."""
        kept = dict(self._kept_levels)
        kept |= {c.level: c.controls.sampling() for c in self._levels if c.own.isChecked()}
        if self._is_loading:
            kept = dict(self._kept_levels)
        levels = self._model.levels if self._model is not None else 0
        if len(self._levels) != levels:
            for old in self._levels:
                old.hide()
                old.deleteLater()
            self._levels = [LevelControls(level, levels) for level in reversed(range(levels))]
            for control in self._levels:
                self._level_box.addWidget(control)
                control.changed.connect(self._edited)
                self._wheel.guard(control)
        self._kept_levels = kept
        for control in self._levels:
            control.blockSignals(True)
            if self._model is not None:
                control.controls.set_recommended(self._model.drawings[control.level])
            control.own.setChecked(control.level in kept)
            control.controls.set_sampling(kept.get(control.level, Sampling()))
            control.blockSignals(False)

    def _show_model(self) -> None:
        model = self._model
        if model is None:
            self.model.setCurrentIndex(-1)
            self.licence.setText("")
            self.licence.hide()
            return
        if self.model.findText(model.name) < 0:
            self.model.addItem(model.name)
        self.model.setCurrentIndex(self.model.findText(model.name))
        self.model.setToolTip(model.description or self.tr("Which model makes the music"))
        self.licence.setText(licence_said(model.licence))
        self.licence.show()


def _pair(label: QWidget, *widgets: QWidget | None) -> QHBoxLayout:
    """A label of the common width, and what it is for; None leaves room."""
    line = QHBoxLayout()
    line.setContentsMargins(0, 0, 0, 0)
    line.setSpacing(2 * GRID_PX)
    label.setProperty(_PAIRED, True)
    line.addWidget(label)
    for number, widget in enumerate(widgets):
        if widget is None:
            line.addStretch(1)
        else:
            line.addWidget(widget, 1 if number == 0 else 0)
    return line


def _holder(layout: QHBoxLayout) -> QWidget:
    widget = QWidget()
    widget.setLayout(layout)
    return widget


def _filled(layout: QHBoxLayout) -> QHBoxLayout:
    layout.setStretch(0, 1)
    return layout
