"""The benchmarks that predict held-out music, on a tiny bundle."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def make_music(folder: Path) -> None:
    """Noise in two splits; that for training is no audio and must not be touched."""
    lines = ["file,artist,genre,split", "broken.wav,Ada,hum,train"]
    (folder / "broken.wav").write_bytes(b"")
    rng = np.random.default_rng(0)
    for number in range(2):
        samples = 0.1 * rng.standard_normal(22_050).astype(np.float32)
        soundfile.write(folder / f"{number}.wav", samples, 22_050)
        lines.append(f"{number}.wav,Ada,hum,validation")
    (folder / "tracks.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_precisions_and_style_are_measured_on_the_split_that_was_asked_for(
    tiny_bundle: Path, tmp_path: Path
) -> None:
    make_music(tmp_path)

    def run(name: str, *more: str) -> str:
        options = ["--data", tmp_path, "--cache", tmp_path / "cache", "--model", tiny_bundle]
        command = [sys.executable, BENCHMARKS / name, *options, *more]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    results = tmp_path / "results.json"
    printed = run("precision_bits.py", "--windows", "2", "--results", str(results))
    found = json.loads(results.read_text(encoding="utf-8"))
    assert (found["model"], found["split"], list(found["levels"])) == (
        "tiny",
        "validation",
        ["1", "0"],
    )
    for level in found["levels"].values():
        assert level["windows"] == 4, "two of each track"
        for precision, most in (("float16", 0.01), ("int8", 0.1)):
            assert abs(level[precision] - level["float32"]) < most
            assert level[f"{precision} error"] > 0
        assert abs(level["plain"] - level["float32"]) < 1e-3
    assert printed.count("\n") == 2 + 3 * 2
    assert run("style_by_level.py").count("| 2 |") == 2
