"""English songs: psalms of the King James Bible on tunes of our own, made by a seeded rule.

The tunes are plain: a few rhythms for a bar, chord notes on the strong beats and steps between
them, and the same contour coming back every third phrase, so that there is something to expect.
"""

import random
import re
import subprocess
from dataclasses import dataclass

from errors import RecipeError
from scores import Note, Song, Word
from speech import syllable_count

SOURCE = "Psalm {verses}, King James Bible (public domain); tune of our own"
MIN_WORDS, MAX_WORDS = 60, 95
MIN_PHRASE_WORDS, MAX_PHRASE_WORDS = 3, 10
BEATS_PER_BAR = 4
# Lengths in beats of a bar's notes. The last syllable of a phrase takes what its bar has left.
RHYTHMS = (
    (1.0, 1.0, 1.0, 1.0),
    (1.0, 0.5, 0.5, 1.0, 1.0),
    (1.0, 1.0, 0.5, 0.5, 1.0),
    (1.5, 0.5, 1.0, 1.0),
    (0.5, 0.5, 1.0, 0.5, 0.5, 1.0),
)
STYLES = ("Folk", "FolkBallad", "PopBallad", "PianoBallad", "GuitarBallad", "SoftRock", "8Beat")
MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
# Chord roots as steps of the scale, one a bar.
MAJOR_LOOPS = ((0, 3, 4, 0), (0, 5, 3, 4), (0, 4, 5, 3), (0, 3, 0, 4), (5, 3, 0, 4))
MINOR_LOOPS = ((0, 5, 2, 6), (0, 3, 6, 0), (0, 6, 5, 6), (0, 3, 4, 0))
NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
TONIC_PITCH = 60


@dataclass(frozen=True)
class _Verse:
    psalm: int
    number: int
    text: str


def psalms(count: int) -> list[Song]:
    """Return `count` songs, each of the first verses of another psalm."""
    by_psalm: dict[int, list[_Verse]] = {}
    for verse in _verses():
        by_psalm.setdefault(verse.psalm, []).append(verse)
    songs = [_song(verses) for verses in by_psalm.values()]
    return [song for song in songs if song is not None][:count]


def _verses() -> list[_Verse]:
    """Read the book of Psalms from the program `bible`."""
    try:
        output = subprocess.run(
            ["bible", "-l10000", "ps1:1-ps150:6"], capture_output=True, text=True, check=True
        ).stdout
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        raise RecipeError(f"The program bible (package bible-kjv) is missing: {error}.") from error
    verses = []
    psalm = 0
    for line in output.splitlines():
        if heading := re.match(r"\s*Psalms? (\d+)\s*$", line):
            psalm = int(heading[1])
        elif verse := re.match(r"\s*(\d+) (.+)$", line):
            verses.append(_Verse(psalm, int(verse[1]), verse[2].strip()))
    return verses


def _song(verses: list[_Verse]) -> Song | None:
    """Make a song of as many verses as fit; None where already the first are too long."""
    taken: list[_Verse] = []
    words = 0
    for verse in verses:
        words += len(verse.text.split())
        if words > MAX_WORDS:
            break
        taken.append(verse)
        if words >= MIN_WORDS:
            break
    if sum(len(verse.text.split()) for verse in taken) < MIN_WORDS:
        return None
    psalm = taken[0].psalm
    lines = [line for verse in taken for line in _lines(verse.text)]
    slug = f"psalm-{psalm}"
    rng = random.Random(slug)
    tune = _Tune(rng)
    phrases = tuple(tune.phrase(number, line) for number, line in enumerate(lines))
    bars = round(tune.beat / BEATS_PER_BAR)
    return Song(
        slug=slug,
        title=f"Psalm {psalm}",
        language="en",
        source=SOURCE.format(verses=f"{psalm}:{taken[0].number}-{taken[-1].number}"),
        tempo_bpm=float(rng.choice((84, 88, 92, 96, 100))),
        beats_per_bar=BEATS_PER_BAR,
        length_beats=tune.beat,
        phrases=phrases,
        style=rng.choice(STYLES),
        chords=tuple((tune.chord_name(bar),) for bar in range(bars)),
    )


def _lines(text: str) -> list[list[str]]:
    """Cut a verse into lines for one breath: at punctuation, and where a clause is too long."""
    text = re.sub(r"[^A-Za-z.,:;!?' ]", "", text.replace("-", " "))
    text = text.replace("LORD", "Lord").replace("GOD", "God")
    lines: list[list[str]] = []
    for clause in re.findall(r"[^.,:;!?]+[.,:;!?']*", text):
        words = clause.split()
        if (
            lines
            and len(lines[-1]) + len(words) <= MAX_PHRASE_WORDS
            and (len(words) < MIN_PHRASE_WORDS or len(lines[-1]) < MIN_PHRASE_WORDS)
        ):
            lines[-1] += words
            continue
        parts = -(-len(words) // MAX_PHRASE_WORDS)
        for part in range(parts):
            lines.append(words[part * len(words) // parts : (part + 1) * len(words) // parts])
    return [line for line in lines if line]


class _Tune:
    """A tune under construction; `beat` is where the next bar starts."""

    def __init__(self, rng: random.Random) -> None:
        self.scale, loops = rng.choice(((MAJOR, MAJOR_LOOPS), (MINOR, MINOR_LOOPS)))
        self.loop = rng.choice(loops)
        self.seeds = [rng.random() for _ in range(3)]
        self.beat = 0.0
        self.step = 2

    def chord_steps(self, bar: int) -> tuple[int, int, int]:
        """Return the steps of the scale in a bar's chord, root first."""
        root = self.loop[bar % len(self.loop)]
        return root % 7, (root + 2) % 7, (root + 4) % 7

    def chord_name(self, bar: int) -> str:
        """Return a bar's chord as mma writes it, in the key of C."""
        root, third, fifth = (self.scale[step] for step in self.chord_steps(bar))
        kind = {(4, 7): "", (3, 7): "m", (3, 6): "dim"}[(third - root) % 12, (fifth - root) % 12]
        return NAMES[root] + kind

    def pitch(self, step: int) -> int:
        """Return the MIDI pitch of a step of the scale, octaves counted through."""
        return TONIC_PITCH + 12 * (step // 7) + self.scale[step % 7]

    def phrase(self, number: int, line: list[str]) -> tuple[Word, ...]:
        """Set a line to notes, from the start of a bar to the end of a bar."""
        rng = random.Random(self.seeds[number % len(self.seeds)])
        spoken = [re.sub(r"[^A-Za-z']", "", word) for word in line]
        counts = [syllable_count(word) for word in spoken]
        notes = self._notes(sum(counts), rng)
        words = []
        for text, said, count in zip(line, spoken, counts, strict=True):
            words.append(Word(text, said, tuple((notes.pop(0),) for _ in range(count))))
        return tuple(words)

    def _notes(self, count: int, rng: random.Random) -> list[Note]:
        notes: list[Note] = []
        while len(notes) < count:
            bar_start = self.beat
            offset = 0.0
            for length in rng.choice(RHYTHMS):
                if len(notes) == count:
                    break
                is_last = len(notes) == count - 1
                self._move(rng, strong=offset % 2 == 0 or is_last)
                if is_last:
                    # The last note rings, but leaves time to breathe before the next bar.
                    length = max(length, min(2.5, BEATS_PER_BAR - offset - 0.5))
                notes.append(Note(self.pitch(self.step), bar_start + offset, length))
                offset += length
            self.beat = bar_start + BEATS_PER_BAR
        if notes[-1].end_beats > self.beat - 0.5:
            self.beat += BEATS_PER_BAR
        return notes

    def _move(self, rng: random.Random, *, strong: bool) -> None:
        """Take a step; on a strong beat go to the nearest note of the chord."""
        self.step += rng.choice((-1, -1, 0, 1, 1, 2, -2))
        self.step = max(-2, min(8, self.step))
        if strong:
            chord = self.chord_steps(int(self.beat // BEATS_PER_BAR))
            near = sorted(range(-2, 9), key=lambda step: abs(step - self.step))
            self.step = next(step for step in near if step % 7 in chord)
