"""What people read, in their language, for modules that are to know no Qt.

Widgets say `self.tr`. `scripts/translations.sh` finds both in the code.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge.midi_map import Control
    from bridge.transport import TransportState
    from jukebox_studio.drawing import Drawing
    from jukebox_studio.licences import Licence
    from jukebox_studio.tempo_detection import TempoGuess


def translate(context: str, text: str, disambiguation: str = "", n: int = -1) -> str:
    """As `QCoreApplication.translate`; in a process without Qt, the text itself.

    A text with `%n` has other forms for other numbers in many languages; it is for all but 1,
    which gets a text of its own, so that English needs no catalogue.
    """
    core = sys.modules.get("PyQt6.QtCore")
    if core is None:
        return text.replace("%n", str(n))
    return str(core.QCoreApplication.translate(context, text, disambiguation, n))


def operation_name(kind: str) -> str:
    """What people call an operation of `jukebox_studio.request`."""
    names = {
        "continue": translate("Words", "Continue"),
        "restyle": translate("Words", "Restyle"),
        "relyric": translate("Words", "Re-sing"),
        "vary": translate("Words", "Vary"),
        "upsample": translate("Words", "Upsample"),
    }
    return names.get(kind, kind)


def change_name(label: str) -> str:
    """What people call a change that the session has logged under a label."""
    names = {
        "Add clip": translate("Words", "Add clip"),
        "Edit clip": translate("Words", "Edit clip"),
        "Rename clip": translate("Words", "Rename clip"),
        "Remove clip": translate("Words", "Remove clip"),
        "Edit notes": translate("Words", "Edit notes"),
        "Rename": translate("Words", "Rename"),
        "Rate": translate("Words", "Rate"),
        "Hide": translate("Words", "Hide"),
        "Show": translate("Words", "Show"),
        "Prune": translate("Words", "Prune"),
        "Branch": translate("Words", "Branch"),
        "Reorder queue": translate("Words", "Reorder queue"),
    }
    return names.get(label, label)


def licence_said(licence: Licence) -> str:
    """What may be done with the music, and what to say with it."""
    if licence.commercial_use:
        use = translate("Words", "{0}. Commercial use of the music is allowed by it.")
    else:
        use = translate(
            "Words",
            "{0}. Not for commercial use: neither the model nor the music made with it.",
        )
    if not licence.disclosure:
        return use.format(licence.name)
    say = translate("Words", "When you share the music, say: “{0}”").format(licence.disclosure)
    return f"{use.format(licence.name)} {say}"


def drawing_said(drawing: Drawing) -> str:
    """How codes are drawn, to go on in a sentence."""
    said = translate("Words", "temperature {0}").format(f"{drawing.temperature:g}")
    if drawing.top_k:
        return said + translate("Words", ", the likeliest {0} codes").format(drawing.top_k)
    if drawing.top_p:
        return said + translate("Words", ", the likeliest share {0}").format(f"{drawing.top_p:g}")
    return said


def transport_said(state: TransportState) -> str:
    """Who tells the time, how fast, and whether it plays; as `TransportState.sentence`."""
    names = {
        "link": translate("Words", "Ableton Link"),
        "midi": translate("Words", "MIDI clock"),
        "osc": translate("Words", "the DAW"),
    }
    source = names.get(state.source or "", "")
    if state.playing:
        said = translate("Words", "{tempo} BPM from {source}, playing.")
    else:
        said = translate("Words", "{tempo} BPM from {source}, stopped.")
    text = said.format(tempo=f"{state.tempo_bpm:.1f}", source=source)
    if state.lost in names:
        text += " " + translate("Words", "Lost: {source}.").format(source=names[state.lost])
    return text


def control_said(control: Control) -> str:
    """A note or controller of a device, as its own `str` is in English."""
    kinds = {
        "note": translate("Words", "note {0}"),
        "cc": translate("Words", "CC {0}"),
        "cc14": translate("Words", "CC {0} (14 bit)"),
    }
    kind = kinds[control.kind].format(control.number)
    if control.channel is None:
        return translate("Words", "{0}, any channel").format(kind)
    return translate("Words", "{0}, channel {1}").format(kind, control.channel)


def tempo_guess_said(guess: TempoGuess) -> str:
    """What was heard, how sure that is, and what else it may be."""
    if guess.confidence > 0.8:
        said = translate("Words", "Sounds like {tempo} BPM (sure, {percent}%); it may be {others}.")
    elif guess.confidence > 0.5:
        said = translate(
            "Words", "Sounds like {tempo} BPM (fairly sure, {percent}%); it may be {others}."
        )
    else:
        said = translate(
            "Words", "Sounds like {tempo} BPM (not sure, {percent}%); it may be {others}."
        )
    others = translate("Words", " or ").join(f"{tempo:.1f}" for tempo in guess.alternatives)
    return said.format(
        tempo=f"{guess.tempo_bpm:.1f}", percent=round(100 * guess.confidence), others=others
    )
