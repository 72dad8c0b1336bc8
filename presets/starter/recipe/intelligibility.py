"""Can the words be understood? Forced alignment of the true words against shuffled ones.

Free speech recognisers cannot follow singing, but an aligner can be asked how well given words
fit. Of each track some windows of about a dozen words are tried; the true order must fit better
than every shuffled one. The aligner knows English sounds only: German words are spelled in the
nearest of them, so German scores are a lower bound.

Run as: python presets/starter/recipe/intelligibility.py --out DIR [--count 40]
"""

import argparse
import json
import random
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
import soxr
from pocketsphinx import Decoder
from songbook import songs
from sound import Audio
from tracks import read_tracks

ALIGNER_RATE_HZ = 16000
WINDOW_WORDS = 12
WINDOW_MARGIN_SECONDS = 0.2
SHUFFLES = 4
# The aligner's models know speech: very high voices are played slower, so lower, as far as it
# takes. The name is that of the only voice that is that high.
SLOWER = {"Starter Voice 4 (synthetic)": 0.85}
# By default it gives up paths that fall behind, and so gives wrong words no score at all.
SEARCH = {"beam": 1e-200, "pbeam": 1e-200, "wbeam": 1e-150, "maxhmmpf": -1}

# espeak-ng's names of German sounds, in the aligner's nearest English ones.
GERMAN_SOUNDS = {
    "a": "AA", "A": "AA", "A:": "AA", "E": "EH", "E:": "EH", "E2": "EH", "e:": "EY", "@": "AH",
    "@-": "AH", "3": "AH", "I": "IH", "i:": "IY", "O": "AO", "o:": "OW", "U": "UH", "u:": "UW",
    "y": "IH", "y:": "UW", "W": "ER", "Y:": "ER", "aI": "AY", "aU": "AW", "OY": "OY", "UR": "UH R",
    "p": "P", "b": "B", "t": "T", "d": "D", "k": "K", "g": "G", "f": "F", "v": "V", "s": "S",
    "z": "Z", "S": "SH", "C": "HH", "x": "HH", "h": "HH", "m": "M", "n": "N", "N": "NG", "l": "L",
    "r": "R", "R": "R", "j": "Y", "ts": "T S", "pF": "P F",
}  # fmt: skip


@dataclass
class Tally:
    """What was counted for one voice, alone or over a backing."""

    windows: int = 0
    wins: int = 0
    log10_ratios: list[float] = field(default_factory=list)
    onset_errors_seconds: list[float] = field(default_factory=list)


def align(decoder: Decoder, pcm: Audio, words: list[str]) -> tuple[float, list[float]] | None:
    """Return the score of words and the start of each in seconds; None where none fits."""
    decoder.set_align_text(" ".join(words))
    decoder.start_utt()
    decoder.process_raw(pcm.astype(np.int16).tobytes(), full_utt=True)
    decoder.end_utt()
    hypothesis = decoder.hyp()
    if hypothesis is None or not hypothesis.hypstr:
        return None
    starts = [part.start_frame / 100 for part in decoder.seg() if part.word[0] not in "<["]
    return float(hypothesis.score), starts


def spell(decoder: Decoder, window: list, german: bool) -> list[str]:
    """Return the words of a window as the aligner's dictionary has them, adding what it lacks."""
    plain = [re.sub(r"[^a-z']", "", word["text"].lower()) for word in window]
    if not german:
        for word in plain:
            if decoder.lookup_word(word) is None:
                decoder.add_word(word, _english_sounds(word), True)
        return plain
    for word in plain:
        if decoder.lookup_word(f"de_{word}") is None:
            decoder.add_word(f"de_{word}", _german_sounds(word), True)
    return [f"de_{word}" for word in plain]


def _english_sounds(word: str) -> str:
    """Ask flite, whose sounds are those of the aligner but for three kinds of weak vowel."""
    said = _output(["flite", "-voice", "kal16", "-ps", "-t", word, "none"]).upper().split()
    weak = {"AX": "AH", "AXR": "ER", "IX": "IH"}
    return " ".join(weak.get(sound, sound) for sound in said if sound != "PAU")


def _german_sounds(word: str) -> str:
    """Ask espeak-ng, once the umlauts are back that the lyrics write as two letters."""
    word = re.sub(r"(?<![aeq])ue", "ü", word.replace("ae", "ä").replace("oe", "ö"))
    names = _output(["espeak-ng", "-v", "de", "-q", "-x", "--sep= ", word]).split()
    names = [name.strip("',_|!") for name in names]
    return " ".join(GERMAN_SOUNDS[name] for name in names if name in GERMAN_SOUNDS)


def _output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def windows(lyrics: dict[str, object]) -> Iterator[list[dict[str, object]]]:
    """Yield runs of whole lines with about WINDOW_WORDS words, with their times."""
    words = list(lyrics["words"])  # type: ignore[call-overload]
    window: list[dict[str, object]] = []
    for line in str(lyrics["text"]).split("\n"):
        count = len(line.split())
        window += words[:count]
        del words[:count]
        if len(window) >= WINDOW_WORDS:
            yield window
            window = []


def judge(
    decoder: Decoder,
    audio: Audio,
    speed: float,
    window: list,
    words: list[str],
    tally: Tally,
) -> None:
    """Try one window: `audio` is played at `speed` of its own."""
    rate = ALIGNER_RATE_HZ / speed
    start = max(0.0, window[0]["start_seconds"] - WINDOW_MARGIN_SECONDS)
    end = window[-1]["end_seconds"] + WINDOW_MARGIN_SECONDS
    piece = audio[round(start * rate) : round(end * rate)]
    true = align(decoder, piece, words)
    tally.windows += 1
    if true is None:
        return
    score, starts = true
    if len(starts) == len(words):
        tally.onset_errors_seconds += [
            abs(found * speed + start - word["start_seconds"])
            for found, word in zip(starts, window, strict=True)
        ]
    rng = random.Random(0)
    best_wrong = 0.0
    for _ in range(SHUFFLES):
        rng.shuffle(words)
        wrong = align(decoder, piece, words)
        best_wrong = max(best_wrong, wrong[0] if wrong else 0.0)
    tally.wins += score > best_wrong
    if best_wrong > 0:
        tally.log10_ratios.append(float(np.log10(score / best_wrong)))


def main() -> None:
    """Print a table: how often the true words fit best, and how far word starts are found."""
    parser = argparse.ArgumentParser(description="Align the sung words, true and shuffled.")
    parser.add_argument("--out", type=Path, required=True, help="the data folder")
    parser.add_argument("--count", type=int, default=40, help="how many tracks to try")
    arguments = parser.parse_args()
    tracks = [track for track in read_tracks(arguments.out / "tracks.csv") if track.has_words]
    german_titles = {song.title for song in songs() if song.language == "de"}
    random.Random(1).shuffle(tracks)
    decoder = Decoder(samprate=ALIGNER_RATE_HZ, lm=None, loglevel="FATAL", bestpath=False, **SEARCH)
    tallies: dict[tuple[str, str], Tally] = {}
    for track in tracks[: arguments.count]:
        speed = SLOWER.get(track.artist, 1.0)
        samples, rate_hz = soundfile.read(arguments.out / track.file)
        audio = soxr.resample(samples, rate_hz * speed, ALIGNER_RATE_HZ)
        audio *= 29000 / np.abs(audio).max()
        lyrics = json.loads((arguments.out / track.lyrics_file).read_text(encoding="utf-8"))
        german = "chorale" in track.genre or track.title in german_titles
        kind = f"{'German' if german else 'English'} {track.genre.split()[-1]}"
        tally = tallies.setdefault((track.artist, kind), Tally())
        for window in windows(lyrics):
            words = spell(decoder, window, german)
            judge(decoder, audio, speed, window, words, tally)
    print("| voice | language, over what | windows | true best | log10 ratio | onset error |")
    print("|---|---|---:|---:|---:|---:|")
    for (artist, where), tally in sorted(tallies.items()):
        _print_row(artist, where, tally)
    for where in sorted({where for _, where in tallies}):
        total = Tally()
        for (_, own), tally in tallies.items():
            if own == where:
                total.windows += tally.windows
                total.wins += tally.wins
                total.log10_ratios += tally.log10_ratios
                total.onset_errors_seconds += tally.onset_errors_seconds
        _print_row("all", where, total)


def _print_row(artist: str, where: str, tally: Tally) -> None:
    ratio = np.median(tally.log10_ratios) if tally.log10_ratios else float("nan")
    error = np.median(tally.onset_errors_seconds) if tally.onset_errors_seconds else float("nan")
    share = tally.wins / max(tally.windows, 1)
    print(
        f"| {artist} | {where} | {tally.windows} | {share:.0%} | {ratio:.1f} | "
        f"{error * 1000:.0f} ms |"
    )


if __name__ == "__main__":
    main()
