"""Traditional songs, typed in by hand: one text file each in songs/.

A file has a head (`title: ...`) and then blocks. The first line of a block is a piece of tune,
each other line the words of one verse on it, so that line n of every block is verse n. A note is
a letter, an accidental and an octave (`c`, `f#`, `bb3`; octave 4 when left out) and, after a
colon, its beats (`c:2`, `c:1/3`; one beat when left out). `r` is a rest, `c~d` two notes on one
syllable, `[G7]` the chord from here on and `|` a bar line, which must come where a bar ends.
Words are cut into syllables with hyphens.
"""

import re
from fractions import Fraction
from pathlib import Path

from errors import RecipeError
from fetch import HERE
from scores import Note, Song, Word

STEPS = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
ACCIDENTALS = {"": 0, "#": 1, "b": -1}
TRANSLITERATION = {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss"}


def songs() -> list[Song]:
    """Return all songs of the folder songs/, by file name."""
    return [read_song(path) for path in sorted((HERE / "songs").glob("*.txt"))]


def read_song(path: Path) -> Song:
    """Read one file; anything that does not add up is a RecipeError that names the place."""
    head_text, *blocks = path.read_text(encoding="utf-8").strip().split("\n\n")
    head = dict(line.split(": ", 1) for line in head_text.splitlines())
    beats_per_bar = int(head["beats_per_bar"])
    parser = _Parser(path.name, head["language"], beats_per_bar)
    lines = [block.splitlines() for block in blocks]
    for verse in range(1, len(lines[0])):
        for tune, *words in lines:
            parser.line(tune, words[verse - 1])
    if parser.beat % beats_per_bar:
        raise RecipeError(f"{path.name}: the last bar is not full.")
    return Song(
        slug=path.stem,
        title=head["title"],
        language=head["language"],
        source=f"{head['title']}: {head['source']}",
        tempo_bpm=float(head["tempo_bpm"]),
        beats_per_bar=beats_per_bar,
        length_beats=float(parser.beat),
        phrases=tuple(parser.phrases),
        style=head["style"],
        chords=tuple(parser.bars()),
    )


class _Parser:
    """Collects the phrases and chords of a song, line by line."""

    def __init__(self, name: str, language: str, beats_per_bar: int) -> None:
        self.name = name
        self.language = language
        self.beats_per_bar = beats_per_bar
        self.beat = Fraction(0)
        self.phrases: list[tuple[Word, ...]] = []
        self.chords: dict[Fraction, str] = {}

    def line(self, tune: str, text: str) -> None:
        """Add a piece of tune with the words of one verse."""
        syllables = self._syllables(tune)
        written = [word.split("-") for word in text.split()]
        if sum(map(len, written)) != len(syllables):
            raise RecipeError(
                f"{self.name}: {sum(map(len, written))} syllables on {len(syllables)} notes: {text}"
            )
        words = []
        for parts in written:
            word = "".join(parts)
            notes = tuple(syllables.pop(0) for _ in parts)
            spoken = re.sub(r"[^A-Za-zÄÖÜäöüß']", "", word)
            if self.language == "de":
                spoken = spoken.replace("'", "")
            words.append(Word(_plain(word), spoken, notes))
        self.phrases.append(tuple(words))

    def _syllables(self, tune: str) -> list[tuple[Note, ...]]:
        syllables = []
        for token in tune.split():
            if token == "|":
                if self.beat % self.beats_per_bar:
                    raise RecipeError(f"{self.name}: a bar line inside a bar in: {tune}")
            elif token.startswith("["):
                self.chords[self.beat] = token.strip("[]")
            elif token.startswith("r"):
                self.beat += _beats(token)
            else:
                syllables.append(tuple(self._note(part) for part in token.split("~")))
        return syllables

    def _note(self, token: str) -> Note:
        match = re.fullmatch(r"([a-g])([#b]?)(\d?)(:.*)?", token)
        if match is None:
            raise RecipeError(f"{self.name}: {token} is not a note.")
        letter, accidental, octave, _ = match.groups()
        pitch = 12 * (int(octave or 4) + 1) + STEPS[letter] + ACCIDENTALS[accidental]
        beats = _beats(token)
        note = Note(pitch, float(self.beat), float(beats))
        self.beat += beats
        return note

    def bars(self) -> list[tuple[str, ...]]:
        """Return the chords of each bar, one for each beat where a bar has more than one."""
        bars = []
        chord = self.chords[min(self.chords)]
        for bar in range(int(self.beat) // self.beats_per_bar):
            beats = []
            for beat in range(self.beats_per_bar):
                chord = self.chords.get(Fraction(bar * self.beats_per_bar + beat), chord)
                beats.append(chord)
            bars.append(tuple(beats) if len(set(beats)) > 1 else (beats[0],))
        return bars


def _beats(token: str) -> Fraction:
    return Fraction(token.split(":")[1]) if ":" in token else Fraction(1)


def _plain(word: str) -> str:
    for letter, plain in TRANSLITERATION.items():
        word = word.replace(letter, plain)
    return word
