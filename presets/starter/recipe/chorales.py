"""German songs: Bach's chorales as music21 ships them, with their words.

The soprano sings; alto, tenor and bass are the backing. Many chorales share a tune or a text, and
one tune or text must never be in two splits, so one chorale is taken for each.
"""

import random
import re
from itertools import pairwise
from pathlib import Path

import music21
from music21.note import Note as CorpusNote
from scores import Note, Song, Word, songs_from_json, songs_to_json
from tracks import write_text

SOURCE = "J. S. Bach (1685-1750), chorale {number}; notes and words from music21 {version}"
# Taking a breath where the score has a fermata.
BREATH_BEATS = 0.25
MIN_WORDS = 15
# Raise this when the reading of the chorales changes.
CACHE_VERSION = 1
TRANSLITERATION = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "’": "'"}
)


def chorales(count: int, cache: Path) -> list[Song]:
    """Return up to `count` chorales, no two with the same tune or the same first words.

    Reading them takes music21 a minute, so what it gave is kept in the folder `cache`.
    """
    kept = cache / f"chorales-{CACHE_VERSION}-music21-{music21.__version__}-{count}.json"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_text(kept, songs_to_json(_selected(count)))
    return songs_from_json(kept.read_text(encoding="utf-8"))


def _selected(count: int) -> list[Song]:
    seen: set[str] = set()
    songs: list[Song] = []
    paths = [str(path) for path in music21.corpus.getComposer("bach")]
    # Sorted by number, then mixed: neighbours are from the same cantata.
    paths.sort(key=lambda path: [int(n) for n in re.findall(r"\d+", path.rsplit("/", 1)[-1])])
    random.Random(4).shuffle(paths)
    for path in paths:
        if len(songs) == count:
            break
        song = _chorale(path)
        if song is None:
            continue
        keys = {tune_key(song), text_key(song)}
        if not keys & seen:
            songs.append(song)
        seen |= keys
    return songs


def tune_key(song: Song) -> str:
    """Return what two settings of one tune share: the steps between its first pitches."""
    pitches = [note.pitch for note in song.notes()]
    steps = [b - a for a, b in pairwise(pitches) if a != b]
    return "tune " + " ".join(map(str, steps[:7]))


def text_key(song: Song) -> str:
    """Return the first three words, in one spelling."""
    return "text " + " ".join(word.spoken.lower() for word in song.words[:3])


def _chorale(path: str) -> Song | None:
    """Read a chorale; None where the soprano has too few words or there are not four parts."""
    score = music21.corpus.parse(path)
    if len(score.parts) < 4:
        return None
    soprano, *others = (part.stripTies() for part in score.parts[:4])
    phrases = _phrases(soprano)
    if sum(len(phrase) for phrase in phrases) < MIN_WORDS:
        return None
    end_beats = phrases[-1][-1].notes[-1].end_beats
    number = path.rsplit("/", 1)[-1].removesuffix(".mxl").removeprefix("bwv")
    parts = tuple(
        tuple(
            Note(pitch.midi, float(n.offset), float(n.quarterLength))
            for n in part.flatten().notes
            for pitch in n.pitches
            if float(n.offset) < end_beats and n.quarterLength > 0
        )
        for part in others
    )
    title = " ".join(word.text for word in phrases[0])
    return Song(
        slug=f"chorale-{number.replace('.', '-')}",
        title=re.sub(r"[.,:;!?]+$", "", title),
        language="de",
        source=SOURCE.format(number=f"BWV {number}", version=music21.__version__),
        tempo_bpm=float(random.Random(number).choice((84, 88, 92, 96))),
        beats_per_bar=4,
        length_beats=end_beats,
        phrases=tuple(phrases),
        parts=parts,
    )


def _phrases(soprano: music21.stream.Part) -> list[tuple[Word, ...]]:
    """Collect the words of a part; a rest or a fermata ends a phrase."""
    phrases: list[tuple[Word, ...]] = []
    words: list[tuple[str, list[list[Note]]]] = []
    in_word = False
    breathing = True
    for element in soprano.flatten().notesAndRests:
        if not isinstance(element, CorpusNote):
            phrases, words, breathing = _ended(phrases, words), [], True
            continue
        fermata = any(isinstance(e, music21.expressions.Fermata) for e in element.expressions)
        length = float(element.quarterLength) - (BREATH_BEATS if fermata else 0)
        if length <= 0:
            continue  # a grace note
        note = Note(element.pitch.midi, float(element.offset), length)
        lyric = next((sung for sung in element.lyrics if (sung.text or "").strip(" _-")), None)
        if lyric is not None:
            if in_word and words and lyric.syllabic in ("middle", "end"):
                text, syllables = words[-1]
                words[-1] = (text + lyric.text.strip(), [*syllables, [note]])
            else:
                words.append((lyric.text.strip(), [[note]]))
            in_word = lyric.syllabic in ("begin", "middle")
            breathing = False
        elif words and not breathing:
            words[-1][1][-1].append(note)
        # Else a phrase without words, as in the repeats of some chorales: the singer is silent.
        if fermata:
            phrases, words, breathing = _ended(phrases, words), [], True
    return _ended(phrases, words)


def _ended(
    phrases: list[tuple[Word, ...]], words: list[tuple[str, list[list[Note]]]]
) -> list[tuple[Word, ...]]:
    """Return the phrases with one more, if it has words."""
    made = []
    for text, syllables in words:
        plain = re.sub(r"[^A-Za-z.,:;!?']", "", text.translate(TRANSLITERATION))
        spoken = re.sub(r"[^A-Za-zÄÖÜäöüß]", "", text)
        if spoken:
            made.append(Word(plain, spoken, tuple(tuple(notes) for notes in syllables)))
    return [*phrases, tuple(made)] if made else phrases
