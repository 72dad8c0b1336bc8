"""What is sung: a song as words on notes, with what the backing needs."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Note:
    """A note: MIDI pitch, and start and length in beats (quarters) from the song's start."""

    pitch: int
    start_beats: float
    length_beats: float

    @property
    def end_beats(self) -> float:
        """Where the note ends."""
        return self.start_beats + self.length_beats


@dataclass(frozen=True)
class Word:
    """A word: `text` as written, `spoken` without punctuation, the notes of each syllable."""

    text: str
    spoken: str
    syllables: tuple[tuple[Note, ...], ...]

    @property
    def notes(self) -> tuple[Note, ...]:
        """All notes of the word in order."""
        return tuple(note for syllable in self.syllables for note in syllable)


@dataclass(frozen=True)
class Song:
    """A tune with words, in phrases that are sung in one breath.

    The backing is either `chords` (a chord symbol list for each bar, in an mma style) or `parts`
    (the notes of the other voices of a chorale).
    """

    slug: str
    title: str
    language: str
    source: str
    tempo_bpm: float
    beats_per_bar: int
    length_beats: float
    phrases: tuple[tuple[Word, ...], ...]
    style: str = ""
    chords: tuple[tuple[str, ...], ...] = ()
    parts: tuple[tuple[Note, ...], ...] = ()

    @property
    def words(self) -> tuple[Word, ...]:
        """All words in order."""
        return tuple(word for phrase in self.phrases for word in phrase)

    def notes(self) -> Iterator[Note]:
        """Yield the notes of the tune in order."""
        for word in self.words:
            yield from word.notes
