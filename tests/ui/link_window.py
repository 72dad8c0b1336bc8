"""Run in a network of its own by test_window_transport.py: the window meets a Link peer."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ["QT_QPA_PLATFORM"] = "offscreen"

from hand_engine import HandEngine
from PyQt6.QtWidgets import QApplication
from ui_parts import NotedPlayer, sound

from bridge.link import LinkPeer
from ui.daw_link import DawLink
from ui.settings import SettingsStore
from ui.window import MainWindow


def main() -> dict[str, object]:
    app = QApplication([])
    folder = Path(tempfile.mkdtemp())
    player = NotedPlayer()
    window = MainWindow(
        SettingsStore(folder / "settings.json"),
        HandEngine,  # type: ignore[arg-type]
        player,  # type: ignore[arg-type]
        DawLink(),
        log_path=folder / "log",
        presets_folder=folder / "presets",
    )
    window.new_project(folder / "song")
    sign = window.transport.tempo

    def until(true: Callable[[], bool], seconds: float = 30.0) -> bool:
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() > end:
                return False
            app.processEvents()
            time.sleep(0.01)
        return True

    result: dict[str, object] = {}
    other = LinkPeer(93.5)
    other.enable()
    # By the settings' own box, which starts it at once.
    window.pages.show_settings()
    assert window.pages.settings is not None
    window.pages.settings.link.click()
    window.pages.settings.follow.click()
    window.pages.settings.reject()
    # Whose tempo counts when two meet is up to Link.
    result["met"] = until(lambda: sign.text().endswith("Link"))
    other.set_tempo(93.5)
    result["shown"] = until(lambda: sign.text() == "93.5 Link")
    # What is shown is on its way there, a fifth of a second long.
    until(lambda: window.daw.state is not None and abs(window.daw.state.tempo_bpm - 93.5) < 1e-3)
    corner = window.timeline._grid.meter_and_tempo(0.0)[1]
    result["grid"] = round(float(corner), 1)

    window.add_files([sound(folder / "no tempo said.wav")])
    result["clip"] = until(lambda: window.clip_id is not None)
    result["clip_tempo"] = window.inbox.tempo.value()

    other.set_playing(True)
    result["starts"] = until(lambda: bool(player.told("play_on_bar")))
    asked = player.told("play_on_bar")[0]
    # The two agree on where in the bar they are, whatever each counts.
    theirs = other.state().beat - (time.monotonic() - asked[1]) * asked[3] / 60
    apart = (theirs - asked[2]) % 4
    result["same_beat"] = min(apart, 4 - apart) < 0.05
    result["tempo_is_theirs"] = abs(asked[3] - 93.5) < 0.01
    player.is_playing = True
    other.set_playing(False)
    result["stops"] = until(lambda: not player.is_playing)

    window.with_project(lambda p: p.set_tempo(window.clip_id or 0, 101.0))
    until(lambda: window.inbox.tempo.value() == 101.0)
    sign.click()
    [give] = [
        a for a in window.statuses.tempo_menu.actions() if "Link" in a.text() and "Set" in a.text()
    ]
    give.trigger()
    result["they_take_ours"] = until(lambda: abs(other.state().tempo_bpm - 101.0) < 1e-3)

    other.disable()
    result["loss"] = until(lambda: "fell silent" in sign.toolTip())
    result["told"] = any("fell silent" in message.text for message in window.messages.messages)
    window.close()
    return result


print(json.dumps(main()))
