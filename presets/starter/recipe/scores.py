"""What is sung: a song as words on notes, with what the backing needs."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass


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


def songs_to_json(songs: list[Song]) -> str:
    """Return songs as JSON, for a cache."""
    return json.dumps([asdict(song) for song in songs])


def songs_from_json(text: str) -> list[Song]:
    """Read what songs_to_json wrote."""

    def notes(items: list[dict[str, float]]) -> tuple[Note, ...]:
        return tuple(Note(**item) for item in items)  # type: ignore[arg-type]

    songs = []
    for item in json.loads(text):
        item["phrases"] = tuple(
            tuple(Word(w["text"], w["spoken"], tuple(map(notes, w["syllables"]))) for w in phrase)
            for phrase in item["phrases"]
        )
        item["parts"] = tuple(map(notes, item["parts"]))
        item["chords"] = tuple(map(tuple, item["chords"]))
        songs.append(Song(**item))
    return songs
