"""Can sung words be understood? Forced alignment of the true words against shuffled ones.

Free speech recognisers cannot follow singing, but an aligner (pocketsphinx, BSD licence) can be
asked how well given words fit a sound. It knows English sounds: German words are spelled in the
nearest of them, so German scores are a lower bound. Words that its dictionary lacks are asked of
flite (English) and espeak-ng (German), where those programs are installed.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jukebox_studio import audio
from jukebox_studio.training.extra import from_extra

RATE_HZ = 16_000
SHUFFLES = 4
FEWEST_WORDS = 3
PEAK = 29_000
"""Of 16 bits: the aligner's models know speech at a good level."""
# By default the search gives up paths that fall behind, and so gives wrong words no score at all.
SEARCH = {"beam": 1e-200, "pbeam": 1e-200, "wbeam": 1e-150, "maxhmmpf": -1}

GERMAN_WORDS = frozenset(
    ("und", "der", "die", "das", "ist", "ich", "nicht", "ein", "mein", "mit", "zu", "auf", "sich")
)
ENGLISH_WORDS = frozenset(
    ("and", "the", "of", "to", "is", "in", "that", "my", "thy", "for", "they", "with", "shall")
)
# flite's weak vowels, and espeak-ng's names of German sounds, in the aligner's nearest ones.
_WEAK = {"AX": "AH", "AXR": "ER", "IX": "IH"}
_GERMAN = {
    "a": "AA", "A": "AA", "A:": "AA", "a:": "AA", "E": "EH", "E:": "EH", "E2": "EH", "e:": "EY",
    "@": "AH", "@-": "AH", "3": "AH", "I": "IH", "i:": "IY", "O": "AO", "o:": "OW", "U": "UH",
    "u:": "UW", "y": "IH", "y:": "UW", "W": "ER", "Y:": "ER", "aI": "AY", "aU": "AW", "OY": "OY",
    "UR": "UH R", "p": "P", "b": "B", "t": "T", "d": "D", "k": "K", "g": "G", "f": "F", "v": "V",
    "s": "S", "z": "Z", "S": "SH", "C": "HH", "x": "HH", "h": "HH", "m": "M", "n": "N", "N": "NG",
    "l": "L", "r": "R", "R": "R", "j": "Y", "ts": "T S", "pF": "P F", "tS": "CH",
}  # fmt: skip

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Fit:
    """How well words fit a sound; scores are log10 likelihoods, -inf where the words do not fit."""

    true: float
    shuffled: tuple[float, ...]

    @property
    def pairs(self) -> float:
        """Share of the shuffled orders that fit worse; one that fits as well counts half."""
        return float(np.mean([(self.true > s) + 0.5 * (self.true == s) for s in self.shuffled]))

    @property
    def best(self) -> bool:
        """Whether the true order fits better than every other; by chance, one time in five."""
        return self.true > max(self.shuffled)


def is_german(text: str) -> bool:
    """By its commonest words."""
    words = re.findall(r"[a-zäöüß]+", text.lower())
    return sum(w in GERMAN_WORDS for w in words) > sum(w in ENGLISH_WORDS for w in words)


class Aligner:
    def __init__(self) -> None:
        sphinx = from_extra("pocketsphinx", "Aligning sung words")
        self._decoder = sphinx.Decoder(
            samprate=RATE_HZ, lm=None, loglevel="FATAL", bestpath=False, **SEARCH
        )

    def fit(
        self, samples: Samples, rate_hz: int, words: Sequence[str], *, german: bool, seed: int
    ) -> Fit | None:
        """Of mono sound; None for fewer than FEWEST_WORDS, or a word that nobody can spell."""
        spelled = self.spell(words, german)
        if spelled is None or len(set(spelled)) < FEWEST_WORDS:
            return None
        pcm = _pcm(samples, rate_hz)
        rng = np.random.default_rng(seed)
        shuffled: list[list[str]] = []
        while len(shuffled) < SHUFFLES:
            order = [spelled[i] for i in rng.permutation(len(spelled))]
            if order != spelled:
                shuffled.append(order)
        true = self._score(pcm, spelled)
        return Fit(true, tuple(self._score(pcm, order) for order in shuffled))

    def prefers(
        self,
        samples: Samples,
        rate_hz: int,
        words: Sequence[str],
        others: Sequence[str],
        *,
        german: bool,
    ) -> bool | None:
        """Whether `words` fit mono sound better than `others`; None where one cannot be spelled."""
        spelled = [self.spell(text, german) for text in (words, others)]
        if not all(found and len(set(found)) >= FEWEST_WORDS for found in spelled):
            return None
        pcm = _pcm(samples, rate_hz)
        first, second = (self._score(pcm, found) for found in spelled if found)
        return None if first == second else first > second

    def _score(self, pcm: bytes, words: Sequence[str]) -> float:
        decoder = self._decoder
        decoder.set_align_text(" ".join(words))
        decoder.start_utt()
        decoder.process_raw(pcm, full_utt=True)
        decoder.end_utt()
        hypothesis = decoder.hyp()
        if hypothesis is None or not hypothesis.hypstr or hypothesis.score <= 0:
            return float("-inf")
        return float(np.log10(hypothesis.score))

    def spell(self, words: Sequence[str], german: bool) -> list[str] | None:
        """Words as the aligner's dictionary has them, after adding what it lacks."""
        spelled = []
        for word in words:
            plain = re.sub(r"[^a-zäöüß']", "", word.lower()).strip("'")
            if not plain:
                continue
            name = f"de_{plain}" if german else plain
            if self._decoder.lookup_word(name) is None:
                sounds = german_sounds(plain) if german else english_sounds(plain)
                if not sounds:
                    return None
                self._decoder.add_word(name, sounds, True)
            spelled.append(name)
        return spelled


def _pcm(samples: Samples, rate_hz: int) -> bytes:
    """Mono sound as the aligner takes it."""
    sound = audio.resample(samples.astype(np.float32), rate_hz, RATE_HZ)
    sound = sound * (PEAK / max(float(np.abs(sound).max(initial=0.0)), 1e-6))
    return sound.astype(np.int16).tobytes()


def english_sounds(word: str) -> str:
    """The sounds of a word as flite says it; empty without flite."""
    said = _said(["flite", "-voice", "kal16", "-ps", "-t", word, "none"]).upper().split()
    return " ".join(_WEAK.get(sound, sound) for sound in said if sound != "PAU")


def german_sounds(word: str) -> str:
    """The nearest English sounds to how espeak-ng says a German word; empty without it."""
    # Lyrics may write umlauts as two letters.
    word = re.sub(r"(?<![aeq])ue", "ü", word.replace("ae", "ä").replace("oe", "ö"))
    names = _said(["espeak-ng", "-v", "de", "-q", "-x", "--sep= ", word]).split()
    plain = [name.strip("',_|!") for name in names]
    return " ".join(_GERMAN[name] for name in plain if name in _GERMAN)


def _said(command: list[str]) -> str:
    if shutil.which(command[0]) is None:
        return ""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
