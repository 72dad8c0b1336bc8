"""A DAW's script talks to the window over the real bridge."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import mido
import pytest
from bridge_parts import clip_of, write_sound
from hand_engine import HandEngine
from pytestqt.qtbot import QtBot
from ui_parts import NotedPlayer, result

from bridge.clip_message import clip_to_values
from bridge.conversation import Heard
from bridge.osc import Client
from bridge.token import load_token
from jukebox_studio.errors import JukeboxError
from jukebox_studio.events import Finished
from ui.daw_link import DawLink
from ui.window import MainWindow

WAIT_MS = 20_000


@pytest.fixture
def daw_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Messages may name files in the user's own folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / "bridge"


def test_send_generate_insert(
    window: MainWindow,
    engine: HandEngine,
    player: NotedPlayer,
    daw: DawLink,
    daw_folder: Path,
    tmp_path: Path,
    qtbot: QtBot,
) -> None:
    daw.start_bridge(daw_folder, port=0)
    assert daw.bridge is not None
    heard: list[Heard] = []
    token = load_token(daw_folder / "bridge-token")
    with Client(token, daw.bridge.port, on_heard=heard.append) as client:
        client.hello("Ardour", "7.3")
        qtbot.waitUntil(lambda: window.transport.daw.text() == "Ardour", timeout=WAIT_MS)
        assert "Ardour 7.3" in daw.sentence()
        window.shortcuts.actions["fetch"].trigger()
        qtbot.waitUntil(lambda: any(h.name == "fetch" for h in heard), timeout=WAIT_MS)

        clip = replace(clip_of(write_sound(tmp_path / "take.wav")), position_samples=441_000)
        client.send("clip", clip_to_values("region-1", clip))
        client.wait()
        qtbot.waitUntil(lambda: window.clip_id is not None, timeout=WAIT_MS)
        row = window.inbox.model.rows[0]
        assert (row.name, row.track) == ("take 1", "Gitarre für Ada")
        assert not row.is_steady

        client.send("select", {"clip": "region-9"})
        with pytest.raises(JukeboxError, match="send it first"):
            client.wait()
        client.send(
            "generate",
            {"clip": "region-1", "operation": "continue", "length_bars": 2.0, "variants": 1,
             "seed": 11},
        )  # fmt: skip
        client.wait()
        qtbot.waitUntil(lambda: not engine.begun.empty(), timeout=WAIT_MS)
        request, out, _ = engine.begun.get()
        assert (request["seed"], request["variants"]) == (11, 1)
        assert request["operation"] == {"kind": "continue", "length": 2.0, "unit": "bars"}
        engine.says.put(result(out, 0))
        engine.says.put(Finished())
        qtbot.waitUntil(lambda: any(h.name == "variant" for h in heard), timeout=WAIT_MS)

        client.send("rate", {"job": "", "variant": 1, "stars": 5})
        client.send("choose", {"job": "", "variant": 1})
        client.wait()
        assert window.project is not None
        session = window.project.session
        qtbot.waitUntil(lambda: session.variants()[0].rating == 5, timeout=WAIT_MS)
        qtbot.waitUntil(lambda: window.audition.heard == "variant-1", timeout=WAIT_MS)

        window.shortcuts.actions["send"].trigger()
        qtbot.waitUntil(lambda: any(h.name == "insert" for h in heard), timeout=WAIT_MS)
        insert = next(h.values for h in heard if h.name == "insert")
        assert Path(str(insert["path"])).is_file()
        assert insert["position_samples"] == window.project.position_samples(1)
        client.send("inserted", {"insert": insert["insert"], "done": True, "sentence": ""})
        client.wait()
        qtbot.waitUntil(lambda: bool(session.placements(1)), timeout=WAIT_MS)
        placed = session.placements(1)[0]
        assert (placed.how, placed.daw) == ("inserted", "Ardour")
        client.send("goodbye", {})
        client.wait()
    qtbot.waitUntil(lambda: not daw.peers, timeout=WAIT_MS)


def test_without_a_daw_sending_says_what_to_do(
    window: MainWindow, engine: HandEngine, tmp_path: Path, qtbot: QtBot
) -> None:
    from ui_parts import sound

    window.add_files([sound(tmp_path / "b 120bpm.wav")])
    qtbot.waitUntil(lambda: window.clip_id is not None, timeout=WAIT_MS)
    window.request_panel.variants.setValue(1)
    window.generate()
    _, out, _ = engine.begun.get(timeout=20)
    engine.says.put(result(out, 0))
    engine.says.put(Finished())
    qtbot.waitUntil(lambda: len(window.history.model.nodes) == 1, timeout=WAIT_MS)
    window.history.choose(1)
    window.shortcuts.actions["send"].trigger()
    assert "drag the variant there" in window.messages.messages[0].text
    window.shortcuts.actions["fetch"].trigger()
    assert "drag and drop" in window.messages.messages[0].text


def test_the_daws_transport_is_shown(daw: DawLink, daw_folder: Path, qtbot: QtBot) -> None:
    daw.start_bridge(daw_folder, port=0)
    assert daw.bridge is not None
    token = load_token(daw_folder / "bridge-token")
    with Client(token, daw.bridge.port) as client:
        client.hello("REAPER")
        told = {"playing": True, "position_samples": 48_000, "timeline_rate_hz": 48_000,
                "tempo_bpm": 97.5, "meter": "4/4"}  # fmt: skip

        def shown() -> bool:
            client.send_once("transport", told)
            time.sleep(0.01)
            return daw.state is not None and daw.state.source == "osc"

        qtbot.waitUntil(shown, timeout=WAIT_MS)
        assert daw.state is not None
        assert daw.state.tempo_bpm == pytest.approx(97.5, abs=0.01)
        assert daw.state.playing
    daw.close()


class OnePort:
    """A MIDI system with Ardour's clock."""

    def __init__(self) -> None:
        self.received: Callable[[bytes], None] | None = None

    def input_names(self) -> list[str]:
        return ["ardour:MIDI Clock out"]

    def open_input(self, name: str, received: Callable[[bytes], None]) -> Callable[[], None]:
        self.received = received
        return lambda: None


def test_the_hello_of_a_daw_corrects_its_midi_clock(
    daw: DawLink, daw_folder: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ardour 7.3 tells its place six times too large, in ticks."""
    midi = OnePort()
    monkeypatch.setattr("bridge.midi.RtMidi", lambda: midi)
    daw.set_midi(True)
    daw.start_bridge(daw_folder, port=0)
    assert daw.bridge is not None

    def beat() -> float | None:
        assert midi.received is not None
        told = mido.Message("songpos", pos=8 * 24).bytes()
        for data in (told, *[mido.Message("clock").bytes()] * 2):
            midi.received(bytes(data))
        return daw.state.beat if daw.state is not None and daw.state.source == "midi" else None

    with (
        Client(load_token(daw_folder / "bridge-token"), daw.bridge.port) as pedal,
        Client(load_token(daw_folder / "bridge-token"), daw.bridge.port) as ardour,
    ):
        pedal.hello("Pedal", "1")
        qtbot.waitUntil(lambda: len(daw.peers) == 1, timeout=WAIT_MS)
        qtbot.waitUntil(lambda: midi.received is not None and beat() == 48, timeout=WAIT_MS)
        ardour.hello("Ardour", "7.3.0")
        qtbot.waitUntil(lambda: beat() == 8, timeout=WAIT_MS)
    daw.set_midi(False)
