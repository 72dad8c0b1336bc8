"""The commands as people call them: in a process of their own, without a network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

COMMAND = (sys.executable, "-c", "from jukebox_studio.cli import main; main()")
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}


def call(*arguments: object, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*before, *COMMAND, *(str(a) for a in arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env=ENVIRONMENT,
        check=False,
    )


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "my clip é.wav"
    soundfile.write(path, 0.2 * np.sin(np.arange(24_000)[:, None] / [20, 30]), 48_000)
    return path


def isolated() -> tuple[str, ...]:
    """The prefix that runs a command without any network, where this machine allows it."""
    for prefix in (("unshare", "-n"), ("unshare", "-rn")):
        if (
            shutil.which("unshare")
            and subprocess.run([*prefix, "true"], check=False).returncode == 0
        ):
            return prefix
    pytest.skip("this machine cannot make a network namespace")


def test_continue_works_without_a_network(tiny_bundle: Path, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = call(
        *("continue", clip, "--bars", 1, "--tempo", 240, "--meter", "3/4"),
        *("--variants", 3, "--seed", 7, "--out", out, "--model", tiny_bundle, "--json"),
        before=isolated(),
    )
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert {"loading", "progress", "variant"} <= {event["event"] for event in events}
    assert any("finishes that bar" in e["text"] for e in events if e["event"] == "note")
    results = sorted(out.glob("*.wav"))
    assert len(results) == 3
    for path in results:
        info = soundfile.info(path)
        # The clip ends on the last beat of its bar, which is finished first.
        assert (info.frames, info.samplerate, info.channels) == (48_000, 48_000, 2)
        assert info.subtype == "PCM_24"
        assert json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["seed"] == 7


def test_a_terminal_is_told_where_the_results_are(
    tiny_bundle: Path, clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "takes [red] :fire:"  # what the terminal's colours and signs are named by
    done = call(
        *("continue", clip, "--bars", 0.25, "--tempo", 240, "--variants", 1),
        *("--out", out, "--model", tiny_bundle),
    )
    assert done.returncode == 0, done.stderr
    (result,) = out.glob("*.wav")
    assert str(result) in done.stdout.replace("\n", "")
    assert "CC-BY-SA-4.0" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--bars", "0"), "number of bars"),
        (("--bars", "-1"), "number of bars"),
        (("--bars", "nan"), "number of bars"),
        (("--bars", "inf"), "number of bars"),
        (("--tempo", "0"), "tempo"),
        (("--tempo", "nan"), "tempo"),
        (("--meter", "4"), "meter"),
        (("--variants", "0"), "variants"),
        (("--seed", "-1"), "seed"),
        (("--seed", "1.5"), "whole number"),
        (("--variants", "many"), "whole number"),
        (("--bars", "four"), "four"),
        (("--colour", "blue"), "--colour"),
        (("--temperature", "1e-300"), "temperature"),
        (("--temperature", "0"), "temperature"),
        (("--top-k", "5", "--top-p", "0.9"), "not both"),
        (("--model", "no such model"), "no model"),
    ],
)
def test_bad_wishes_get_one_sentence(
    tiny_bundle: Path, clip: Path, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    wishes = {"--bars": "1", "--tempo": "240", "--model": str(tiny_bundle)}
    wishes |= dict(zip(arguments[::2], arguments[1::2], strict=True))
    flat = [part for wish in wishes.items() for part in wish]
    done = call("continue", clip, "--out", tmp_path / "out", *flat)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.glob("out/*"))


def test_a_file_that_is_no_audio_gets_one_sentence(tiny_bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "notes.wav"
    path.write_text("not audio at all", encoding="utf-8")
    out = tmp_path / "out"
    done = call(
        *("continue", path, "--bars", 1, "--tempo", 120, "--out", out, "--model", tiny_bundle)
    )
    assert done.returncode == 2
    assert "notes.wav" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.glob("out/*"))


def test_a_folder_of_results_that_is_a_file_gets_one_sentence(
    tiny_bundle: Path, clip: Path, tmp_path: Path
) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine", encoding="utf-8")
    done = call(
        *("continue", clip, "--bars", 1, "--tempo", 120, "--out", taken, "--model", tiny_bundle)
    )
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert taken.read_text(encoding="utf-8") == "mine"


@pytest.mark.skipif(sys.platform == "win32", reason="pipes end otherwise there")
def test_a_reader_that_has_enough_is_no_error() -> None:
    command = [*COMMAND, "models", "info", "starter"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        assert run.stdout.readline()
        run.stdout.close()
        assert run.stderr.read() == b""
    assert run.returncode == 141


def test_help_needs_no_torch() -> None:
    code = (
        "import sys\n"
        "from jukebox_studio.cli import app\n"
        "app(['--help'], exit_on_error=False, result_action='return_value')\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=ENVIRONMENT
    )
    assert done.returncode == 0, done.stderr
    for command in ("continue", "models", "train", "evaluate", "check-reference"):
        assert command in done.stdout
