"""`jukebox-studio bridge` as a program: found, spoken to, ended."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bridge_parts import clip_of, write_sound

from bridge import headless_command
from bridge.clip_message import clip_to_values
from bridge.headless import Settings
from bridge.headless_command import run_bridge, running
from bridge.osc import Client
from bridge.paths import Roots
from jukebox_studio.bundle import MANIFEST
from jukebox_studio.errors import JukeboxError
from jukebox_studio.session import Session

START_SECONDS = 120


@pytest.fixture
def environment(tmp_path):
    return os.environ | {
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_DATA_HOME": str(tmp_path / "data"),
    }


@pytest.fixture
def home(tmp_path, environment, monkeypatch):
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, environment[name])
    return tmp_path


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends programs without a signal")
def test_the_program_takes_a_clip_and_ends_when_told(tmp_path, environment, tiny_bundle):
    code = "from jukebox_studio.cli import main; main()"
    session = tmp_path / "session"
    options = ["bridge", "--model", str(tiny_bundle), "--session", str(session), "--port", "0"]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *options],
        env=environment,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    where = tmp_path / "config" / "jukebox-studio" / "bridge.json"
    try:
        give_up = time.monotonic() + START_SECONDS
        while not where.exists():
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < give_up
            time.sleep(0.1)
        told = json.loads(where.read_text())
        assert told["pid"] == process.pid
        token = (where.parent / "bridge-token").read_text()
        clip = clip_of(write_sound(tmp_path / "a.wav"))
        with Client(token, told["port"]) as client:
            client.hello("Test", "1")
            client.send("clip", clip_to_values("c1", clip))
            client.wait()
            client.send("clip", clip_to_values("c2", clip) | {"path": "/dev/zero"})
            with pytest.raises(JukeboxError, match="outside the folders"):
                client.wait()
    finally:
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=START_SECONDS)
    assert process.returncode == 0
    assert not where.exists(), "scripts must not write to a program that has ended"
    for line in ("Listening at 127.0.0.1", "Clip 1 from Test 1: take 1", "Ending"):
        assert line in log
    assert token not in log
    with Session.open(session) as opened:
        assert [kept.clip for kept in opened.clips()] == [clip]


def test_it_ends_by_itself_when_nobody_needs_it(home, monkeypatch, tiny_bundle, caplog):
    monkeypatch.setattr(headless_command, "IDLE_SECONDS", 0.0)
    monkeypatch.setattr(headless_command, "POLL_SECONDS", 0.01)
    with caplog.at_level(logging.INFO):
        run_bridge(model=str(tiny_bundle), until_idle=True, port=0, root=(home,))
    assert "Ending" in caplog.text


def test_a_second_one_is_refused(home):
    (home / "model").mkdir()
    (home / "model" / MANIFEST).touch()
    settings = Settings(home / "model")

    def started(session: Path):
        return running(settings, session, Roots(()), 1, port=0)

    with started(home / "s"):
        with pytest.raises(JukeboxError), started(home / "s"):
            pass
        assert (home / "config" / "jukebox-studio" / "bridge.json").exists(), "the first one's"
    with started(home / "s"):
        pass


def test_other_machines_are_let_in_only_on_purpose(home, tiny_bundle):
    with pytest.raises(JukeboxError, match="other machines can reach it"):
        run_bridge(model=str(tiny_bundle), host="0.0.0.0", port=0, root=(home,))
