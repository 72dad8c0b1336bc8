"""The control surface: what Live calls."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import Live
from ableton.v2.control_surface import ControlSurface

from .exchange import Exchange
from .studio import Studio

# What sends the selected clip, on the input port that is chosen beside the script's name.
MIDI_CHANNEL = 15  # the sixteenth
MIDI_CONTROLLER = 119
_CONTROL_CHANGE = 0xB0


class JukeboxStudio(ControlSurface):  # type: ignore[misc]
    """Lives as long as it is chosen in Live's settings."""

    def __init__(self, c_instance: Any) -> None:
        super().__init__(c_instance)
        settings = json.loads((Path(__file__).parent / "settings.json").read_text("utf-8"))
        application = Live.Application.get_application()
        parts = (
            application.get_major_version(),
            application.get_minor_version(),
            application.get_bugfix_version(),
        )
        version = ".".join(str(part) for part in parts)
        exchange = Exchange(Path(settings["configuration"]), settings["messages"], "Live", version)
        self._studio = Studio(
            application.get_document, exchange, self.show_message, Live.Clip.WarpMarker
        )

    def update_display(self) -> None:
        """Called by Live every 100 ms, on its own thread: nothing in here may wait."""
        super().update_display()
        self._studio.tick(time.monotonic())

    def build_midi_map(self, midi_map_handle: Any) -> None:
        super().build_midi_map(midi_map_handle)
        Live.MidiMap.forward_midi_cc(
            self._c_instance.handle(), midi_map_handle, MIDI_CHANNEL, MIDI_CONTROLLER
        )

    def receive_midi(self, midi_bytes: Any) -> None:
        if tuple(midi_bytes[:2]) != (_CONTROL_CHANGE | MIDI_CHANNEL, MIDI_CONTROLLER):
            super().receive_midi(midi_bytes)
        elif midi_bytes[2] > 0:
            self._studio.wants_to_send()

    def disconnect(self) -> None:
        self._studio.close()
        super().disconnect()
