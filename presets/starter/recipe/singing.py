"""Synthetic singing with exact word times: who sings which song, alone or over a backing."""

import hashlib
import json
import multiprocessing
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import cycle
from pathlib import Path
from statistics import median

import backing
import numpy as np
import sound
from chorales import chorales
from ledger import Ledger
from psalms import psalms
from scores import Note, Song, Word
from singer import SungWord, Voice, sing
from songbook import songs
from sound import SAMPLE_RATE_HZ, Audio
from tracks import Track, split_by_group, write_text

# Raise this when a change of the code changes the sound.
RECIPE_VERSION = 1
LICENCE = "CC-BY-SA-4.0"
CHORALE_COUNT = 130
PSALM_COUNT = 96
VOICES_PER_SONG = 1
VOICE_LEVEL, BACKING_LEVEL = 0.11, 0.042
VOICES = (
    Voice("Starter Voice 1 (synthetic)", "festival", "cmu_us_slt_arctic_hts", 66),
    Voice("Starter Voice 2 (synthetic)", "flite", "rms", 53),
    Voice("Starter Voice 3 (synthetic)", "flite", "awb", 50, formant_scale=1.03),
    Voice("Starter Voice 4 (synthetic)", "festival", "cmu_us_slt_arctic_hts", 71, ("en",), 1.12),
    Voice("Starter Voice 5 (synthetic)", "espeak", "f5", 67, ("de", "en")),
    Voice("Starter Voice 6 (synthetic)", "espeak", "m3", 54, ("de", "en")),
    Voice("Starter Voice 7 (synthetic)", "espeak", "f2", 63, ("de", "en"), 0.95),
    Voice("Starter Voice 8 (synthetic)", "espeak", "m7", 48, ("de", "en")),
)


@dataclass(frozen=True)
class Performance:
    """One track: a song by a voice, alone or over its backing."""

    song: Song
    voice: Voice
    kind: str
    over_backing: bool

    @property
    def slug(self) -> str:
        """The name of its files."""
        number = VOICES.index(self.voice) + 1
        return f"voice-{number}-{self.song.slug}-{'backing' if self.over_backing else 'solo'}"

    @property
    def files(self) -> tuple[str, str]:
        """Its audio and its lyrics, relative to the data folder."""
        return f"audio/{self.slug}.flac", f"lyrics/{self.slug}.json"


def performances(cache: Path) -> Iterator[Performance]:
    """Yield all tracks; voices take turns, and each sings about half its songs alone."""
    for kind, collection, voices_per_song in (
        ("chorale", chorales(CHORALE_COUNT, cache), 1),
        ("psalm", psalms(PSALM_COUNT), 1),
        ("folk", songs(), VOICES_PER_SONG),
    ):
        turns = {
            language: cycle([voice for voice in VOICES if language in voice.languages])
            for language in ("de", "en")
        }
        alone = dict.fromkeys(VOICES, False)
        for song in collection * voices_per_song:
            voice = next(turns[song.language])
            alone[voice] = not alone[voice]
            yield Performance(song, voice, kind, over_backing=not alone[voice])


def build(
    out: Path,
    cache: Path,
    ledger: Ledger,
    only: str | None = None,
    limit: int | None = None,
    jobs: int = 1,
) -> list[Track]:
    """Write every performance to OUT/audio and OUT/lyrics and return their tracks.

    `only` names the split that is sung; the others are not made.
    `limit` takes only so many, spread over all of them, to try the recipe out.
    """
    (out / "lyrics").mkdir(exist_ok=True)
    todo = list(performances(cache))
    split = _split_by_song(todo)
    if only:
        todo = [p for p in todo if split[p.song.slug] == only]
    if limit:
        todo = todo[:: max(1, len(todo) // limit)][:limit]
    missing = [p for p in todo if any(ledger.get(n, _recipe(p)) is None for n in p.files)]
    context = multiprocessing.get_context("fork")
    # A process for each: what espeak says depends on what its process said before.
    with context.Pool(jobs, maxtasksperchild=1) as pool:
        tasks = [(out, performance) for performance in missing]
        for performance, seconds in zip(missing, pool.imap(_render, tasks), strict=True):
            for name in performance.files:
                ledger.put(name, _recipe(performance), seconds)
            print(f"singing: {performance.slug} {seconds:.0f} s", flush=True)
    return [_track(performance, split, ledger) for performance in todo]


def _split_by_song(todo: list[Performance]) -> dict[str, str]:
    """Assign a split to each song, whoever sings it, so that every voice has all three.

    The songs are shared out within those that a voice is the first to sing.
    """
    first_voices: dict[str, dict[str, float]] = {}
    seen: set[str] = set()
    for performance in todo:
        song = performance.song
        if song.slug not in seen:
            seen.add(song.slug)
            seconds = song.length_beats * 60 / song.tempo_bpm
            first_voices.setdefault(performance.voice.name, {})[song.slug] = seconds
    split: dict[str, str] = {}
    for songs_seconds in first_voices.values():
        split |= split_by_group(songs_seconds)
    return split


def _track(performance: Performance, split: dict[str, str], ledger: Ledger) -> Track:
    audio, lyrics = performance.files
    song = performance.song
    where = "backing" if performance.over_backing else "solo"
    return Track(
        file=audio,
        artist=performance.voice.name,
        genre=f"synthetic singing {performance.kind} {where}",
        title=song.title,
        split=split[song.slug],
        source_package=f"{performance.voice.engine} ({performance.voice.speaker})",
        source_file=song.source,
        licence=LICENCE,
        duration_seconds=float(ledger.entries[audio]["duration_seconds"]),
        lyrics_file=lyrics,
    )


def _recipe(performance: Performance) -> str:
    return f"singing {RECIPE_VERSION} " + _hash(performance)


def _hash(performance: Performance) -> str:
    text = json.dumps(asdict(performance), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _render(task: tuple[Path, Performance]) -> float:
    out, performance = task
    audio, lyrics = performance.files
    return render(performance, out / audio, out / lyrics)


def render(performance: Performance, audio: Path, lyrics: Path) -> float:
    """Write one performance and its words; return its duration in seconds."""
    song = performance.song
    octaves, transpose = divmod(_transposition(song, performance.voice) + 6, 12)
    transpose -= 6
    intro_bars = 1 if performance.over_backing and not song.parts else 0
    played = _delayed(song, intro_bars * song.beats_per_bar)
    seed = int(_hash(performance)[:8], 16)
    voice, words = sing(played, performance.voice, transpose + 12 * octaves, seed)
    mixed = voice * (VOICE_LEVEL / _loudness(voice))
    if performance.over_backing:
        instruments = backing.play(song, transpose, intro_bars, len(voice))
        mixed = mixed + instruments * (BACKING_LEVEL / _loudness(instruments))
    mixed = sound.peak_safe(mixed)
    sound.write_flac(audio, mixed)
    write_text(lyrics, _lyrics(played, words))
    return len(mixed) / SAMPLE_RATE_HZ


def _transposition(song: Song, voice: Voice) -> int:
    """Return the semitones that bring the middle of the tune to the middle of the voice."""
    return round(voice.centre_pitch - median(note.pitch for note in song.notes()))


def _delayed(song: Song, beats: float) -> Song:
    """Return the song with its words `beats` later."""
    if not beats:
        return song

    def later(note: Note) -> Note:
        return replace(note, start_beats=note.start_beats + beats)

    def word_later(word: Word) -> Word:
        return replace(word, syllables=tuple(tuple(map(later, s)) for s in word.syllables))

    phrases = tuple(tuple(map(word_later, phrase)) for phrase in song.phrases)
    return replace(song, phrases=phrases, length_beats=song.length_beats + beats)


def _loudness(samples: Audio) -> float:
    """Return the root mean square of the parts that sound, silence between phrases left out."""
    block = SAMPLE_RATE_HZ // 20
    blocks = samples[: len(samples) // block * block].reshape(-1, block)
    power = (blocks**2).mean(axis=1)
    return float(np.sqrt(power[power > power.max() * 1e-3].mean()))


def _lyrics(song: Song, words: list[SungWord]) -> str:
    text = "\n".join(" ".join(word.text for word in phrase) for phrase in song.phrases)
    timed = [
        {
            "text": word.text,
            "start_seconds": round(word.start_seconds, 4),
            "end_seconds": round(word.end_seconds, 4),
        }
        for word in words
    ]
    return json.dumps({"text": text, "words": timed}, indent=1) + "\n"
