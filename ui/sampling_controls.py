"""How codes are drawn: for all levels of a model, or for one that is to differ."""

from __future__ import annotations

from dataclasses import replace

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QSpinBox, QWidget

from jukebox_studio.drawing import HIGHEST_TEMPERATURE, LOWEST_TEMPERATURE, Drawing
from jukebox_studio.request import Sampling
from ui.panel_controls import Amount, column, describe, quiet_label, row
from ui.words import drawing_said

MOST_CODES = 2048
"""The largest codebook of the published models: top-k beyond is off anyway."""
COMFORTABLE_TEMPERATURE = 2.0
"""Where the slider ends; presets and requests may go beyond."""


class SamplingControls(QWidget):
    """Temperature, and which codes may be drawn. Top-k and top-p exclude each other.

    What nobody has touched shows what the model recommends, and is left open.
    """

    changed = pyqtSignal()

    def __init__(self, of: str = "") -> None:
        """`of`: what they are for, as in "level 1"; empty for all."""
        super().__init__()
        suffix = f", {of}" if of else ""
        self._recommended = Drawing()
        self._says_temperature = self._says_codes = False
        self.temperature = Amount(
            self.tr("Temperature") + suffix,
            self.tr("Below 1 is safer and plainer, above 1 wilder"),
            LOWEST_TEMPERATURE,
            COMFORTABLE_TEMPERATURE,
        )
        self.choice = QComboBox()
        for key, text in (
            ("all", self.tr("All codes")),
            ("k", self.tr("The likeliest k codes")),
            ("p", self.tr("The likeliest share p")),
        ):
            self.choice.addItem(text, key)
        describe(
            self.choice,
            self.tr("Codes to draw from") + suffix,
            self.tr("Leave unlikely codes out: by number (top-k) or by probability (top-p)"),
        )
        self.top_k = QSpinBox()
        self.top_k.setRange(1, MOST_CODES)
        self.top_k.setValue(200)
        describe(self.top_k, self.tr("Top-k") + suffix, self.tr("How many codes to draw from"))
        self.top_p = QDoubleSpinBox()
        self.top_p.setRange(0.01, 1.0)
        self.top_p.setSingleStep(0.01)
        self.top_p.setValue(0.95)
        describe(
            self.top_p, self.tr("Top-p") + suffix, self.tr("The probability they have together")
        )
        self.in_order = QCheckBox(self.tr("Window by window"))
        describe(
            self.in_order,
            self.tr("Window by window") + suffix,
            self.tr(
                "Draw the levels below the top in order, as published: slower, and without joints"
            ),
        )
        layout = column(self, 1)
        layout.addWidget(self.temperature)
        line = row(self.choice, self.top_k, self.top_p)
        line.setStretch(0, 1)
        layout.addLayout(line)
        layout.addWidget(self.in_order)
        self.temperature.changed.connect(self._temperature_said)
        self.choice.currentIndexChanged.connect(self._codes_said)
        self.top_k.valueChanged.connect(self._codes_said)
        self.top_p.valueChanged.connect(self._codes_said)
        self.in_order.toggled.connect(lambda _: self.changed.emit())
        self.set_sampling(Sampling())

    def sampling(self) -> Sampling:
        key = self.choice.currentData()
        sampling = Sampling(schedule="exact" if self.in_order.isChecked() else "parallel")
        if self._says_temperature:
            sampling = replace(sampling, temperature=round(self.temperature.value(), 4))
        if self._says_codes:
            sampling = replace(
                sampling,
                top_k=self.top_k.value() if key == "k" else 0,
                top_p=round(self.top_p.value(), 4) if key == "p" else 0.0,
            )
        return sampling

    def set_recommended(self, recommended: Drawing) -> None:
        """By the model, for what is left open."""
        self._recommended = recommended
        self.set_sampling(self.sampling())

    def set_sampling(self, sampling: Sampling) -> None:
        """Without telling that it changed."""
        drawing = sampling.over(self._recommended)
        self.blockSignals(True)
        self.temperature.set_range(
            LOWEST_TEMPERATURE,
            HIGHEST_TEMPERATURE
            if drawing.temperature > COMFORTABLE_TEMPERATURE
            else COMFORTABLE_TEMPERATURE,
        )
        self.temperature.set_value(drawing.temperature)
        if drawing.top_k:
            self.top_k.setMaximum(max(MOST_CODES, drawing.top_k))
            self.top_k.setValue(drawing.top_k)
        if drawing.top_p:
            self.top_p.setValue(drawing.top_p)
        self.in_order.setChecked(sampling.schedule == "exact")
        key = "k" if drawing.top_k else "p" if drawing.top_p else "all"
        self.choice.setCurrentIndex(self.choice.findData(key))
        self._show()
        self._says_temperature = sampling.temperature is not None
        self._says_codes = sampling.top_k is not None or sampling.top_p is not None
        self.blockSignals(False)

    def _temperature_said(self) -> None:
        self._says_temperature = True
        self.changed.emit()

    def _codes_said(self) -> None:
        self._says_codes = True
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        self.top_k.setVisible(self.choice.currentData() == "k")
        self.top_p.setVisible(self.choice.currentData() == "p")


class LevelControls(QWidget):
    """Sampling of one level, where it is to differ from the others."""

    changed = pyqtSignal()

    def __init__(self, level: int, levels: int) -> None:
        super().__init__()
        self.level = level
        place = self.tr("coarsest") if level == levels - 1 else self.tr("finest")
        between = 0 < level < levels - 1
        name = self.tr("level {0}").format(level)
        self.own = QCheckBox(
            self.tr("Level {0}").format(level) + ("" if between else f" ({place})")
        )
        describe(
            self.own,
            self.tr("Settings of its own for {0}").format(name),
            self.tr("Draw this level otherwise than the others"),
        )
        self.controls = SamplingControls(name)
        self.otherwise = quiet_label()
        layout = column(self, 1)
        layout.addWidget(self.own)
        layout.addWidget(self.otherwise)
        layout.addWidget(self.controls)
        self.own.toggled.connect(self.controls.setVisible)
        self.own.toggled.connect(lambda _: self.changed.emit())
        self.controls.changed.connect(self.changed)
        self.controls.hide()

    def show_drawing(self, drawing: Drawing, others: Drawing) -> None:
        """How the level is drawn without settings of its own, where that is not as the others."""
        said = drawing_said(drawing)
        self.otherwise.setText(self.tr("With this model: {0}").format(said))
        self.otherwise.setVisible(drawing != others and not self.own.isChecked())
