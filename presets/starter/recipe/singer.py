"""Turn speech into singing: re-timed and re-pitched to a score with the WORLD vocoder.

A vowel starts where its note starts; the consonants before it take their time from the note
before, as singers do. So the start and the end of every word are known exactly.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyworld
import soxr
from numpy.typing import NDArray
from scores import Note, Song, Word
from sound import SAMPLE_RATE_HZ, Audio
from speech import Phone, Speech, speak

FRAME_SECONDS = 0.005
LEAD_IN_SECONDS = 0.4
TAIL_SECONDS = 0.6
# Consonants keep their spoken length up to this, and up to this share of the note they take
# their time from.
MAX_CONSONANTS_SECONDS = 0.24
MAX_CONSONANTS_SHARE = 0.45
# Vowels are stretched in their middle: the ends carry the neighbours' colour.
VOWEL_EDGE_SECONDS = 0.04
GLIDE_SECONDS = 0.07
VIBRATO_HZ = 5.5
VIBRATO_SEMITONES = 0.3
VIBRATO_AFTER_SECONDS = 0.25
DRIFT_SEMITONES = 0.08


@dataclass(frozen=True)
class Voice:
    """A singer: a speech voice, its usual pitch (MIDI), and a stretch of its formants."""

    name: str
    engine: str
    speaker: str
    centre_pitch: int
    languages: tuple[str, ...] = ("en",)
    formant_scale: float = 1.0


@dataclass(frozen=True)
class SungWord:
    """When a word is heard, from its first consonant to its last."""

    text: str
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True)
class _Syllable:
    """Phonemes around one vowel, and the notes it is sung on."""

    onset: tuple[Phone, ...]
    vowel: Phone
    coda: tuple[Phone, ...]
    notes: tuple[Note, ...]
    word: int


@dataclass(frozen=True)
class _Stretch:
    """Output from start to end plays input from `source_start` to `source_end`; in seconds."""

    start: float
    end: float
    source_start: float
    source_end: float


def sing(song: Song, voice: Voice, transpose: int, seed: int) -> tuple[Audio, list[SungWord]]:
    """Return the solo voice at SAMPLE_RATE_HZ and the time of every word.

    `transpose` is in semitones. Beat 0 is at LEAD_IN_SECONDS.
    """
    spoken = [[word.spoken for word in phrase] for phrase in song.phrases]
    speeches = speak(voice.engine, voice.speaker, song.language, spoken)
    rng = np.random.default_rng(seed)
    seconds_per_beat = 60 / song.tempo_bpm
    length_seconds = LEAD_IN_SECONDS + song.length_beats * seconds_per_beat + TAIL_SECONDS
    rate_hz = speeches[0].rate_hz
    voice_audio = np.zeros(int(length_seconds * rate_hz))
    words: list[SungWord] = []
    phrase_end_seconds = 0.0
    for phrase, speech in zip(song.phrases, speeches, strict=True):
        syllables = _syllables(phrase, speech)
        stretches = _plan(syllables, seconds_per_beat, phrase_end_seconds)
        phrase_end_seconds = stretches[-1][-1].end
        words += [
            SungWord(
                word.text,
                stretches[first][0].start,
                stretches[last][-1].end,
            )
            for word, (first, last) in zip(phrase, _spans(syllables), strict=True)
        ]
        line = _PhraseLine(syllables, stretches, seconds_per_beat)
        audio, start_seconds = line.render(speech, voice, transpose, rng)
        start = round(start_seconds * rate_hz)
        audio = audio[max(0, -start) : len(voice_audio) - start]
        start = max(0, start)
        voice_audio[start : start + len(audio)] += audio
    if rate_hz != SAMPLE_RATE_HZ:
        voice_audio = soxr.resample(voice_audio, rate_hz, SAMPLE_RATE_HZ, quality="VHQ")
    return voice_audio, words


def _syllables(phrase: tuple[Word, ...], speech: Speech) -> list[_Syllable]:
    """Cut the phonemes into syllables and give each the notes the score has for it."""
    syllables = []
    for index, word in enumerate(phrase):
        phones = [phone for phone in speech.phones if phone.word == index]
        vowels = [i for i, phone in enumerate(phones) if phone.is_vowel] or [len(phones) // 2]
        notes = _notes_for(word, len(vowels))
        # Of the consonants between two vowels the last starts a syllable, the others end one.
        starts = [0, *(max(here + 1, there - 1) for here, there in pairwise(vowels))]
        ends = [*starts[1:], len(phones)]
        for start, vowel, end, own in zip(starts, vowels, ends, notes, strict=True):
            syllables.append(
                _Syllable(
                    onset=tuple(phones[start:vowel]),
                    vowel=phones[vowel],
                    coda=tuple(phones[vowel + 1 : end]),
                    notes=own,
                    word=index,
                )
            )
    return syllables


def _notes_for(word: Word, vowels: int) -> list[tuple[Note, ...]]:
    """Return notes for each spoken vowel, where speaker and score may count differently.

    With too few vowels the last takes what is left; with too many the last syllable's first
    note is shared out.
    """
    groups = list(word.syllables)
    if vowels <= len(groups):
        rest = tuple(note for group in groups[vowels - 1 :] for note in group)
        return [*groups[: vowels - 1], rest]
    first, *others = groups[-1]
    parts = vowels - len(groups) + 1
    length = first.length_beats / parts
    shared = [(Note(first.pitch, first.start_beats + i * length, length),) for i in range(parts)]
    shared[-1] += tuple(others)
    return [*groups[:-1], *shared]


def _spans(syllables: list[_Syllable]) -> list[tuple[int, int]]:
    """Return the first and last syllable of each word."""
    count = syllables[-1].word + 1
    own = [[i for i, s in enumerate(syllables) if s.word == word] for word in range(count)]
    return [(indices[0], indices[-1]) for indices in own]


def _length(phones: tuple[Phone, ...]) -> float:
    return sum(phone.end_seconds - phone.start_seconds for phone in phones)


def _plan(
    syllables: list[_Syllable], seconds_per_beat: float, not_before_seconds: float
) -> list[list[_Stretch]]:
    """Lay the phonemes of each syllable on the time line, without gaps inside a run of notes."""
    starts = [LEAD_IN_SECONDS + s.notes[0].start_beats * seconds_per_beat for s in syllables]
    ends = [LEAD_IN_SECONDS + s.notes[-1].end_beats * seconds_per_beat for s in syllables]
    onsets, codas = [], []
    for i, syllable in enumerate(syllables):
        onsets.append(min(_length(syllable.onset), MAX_CONSONANTS_SECONDS))
        codas.append(min(_length(syllable.coda), MAX_CONSONANTS_SECONDS))
        note_seconds = ends[i] - starts[i]
        codas[i] = min(codas[i], note_seconds * MAX_CONSONANTS_SHARE)
        if i == 0:
            onsets[0] = min(onsets[0], starts[0] - not_before_seconds)
        elif starts[i] - ends[i - 1] < MAX_CONSONANTS_SECONDS:
            # The consonants before this vowel and those after the last one share its note.
            room = (ends[i - 1] - starts[i - 1]) * MAX_CONSONANTS_SHARE
            room += starts[i] - ends[i - 1]
            wanted = onsets[i] + codas[i - 1]
            if wanted > room:
                onsets[i] *= room / wanted
                codas[i - 1] *= room / wanted
    plan = []
    for i, syllable in enumerate(syllables):
        end = ends[i]
        if i + 1 < len(syllables) and starts[i + 1] - end < MAX_CONSONANTS_SECONDS:
            end = starts[i + 1] - onsets[i + 1]
        coda_start = end - codas[i]
        plan.append(
            [
                *_run(syllable.onset, starts[i] - onsets[i], starts[i]),
                *_vowel(syllable.vowel, starts[i], coda_start),
                *_run(syllable.coda, coda_start, end),
            ]
        )
    return plan


def _run(phones: tuple[Phone, ...], start: float, end: float) -> list[_Stretch]:
    """Lay consonants between two times, each with its share."""
    total = _length(phones)
    stretches = []
    for phone in phones:
        part = (phone.end_seconds - phone.start_seconds) / total * (end - start)
        stretches.append(_Stretch(start, start + part, phone.start_seconds, phone.end_seconds))
        start += part
    return stretches


def _vowel(phone: Phone, start: float, end: float) -> list[_Stretch]:
    """Lay a vowel between two times; its middle takes the stretching."""
    edge = min(VOWEL_EDGE_SECONDS, (phone.end_seconds - phone.start_seconds) / 3, (end - start) / 3)
    source = (
        phone.start_seconds,
        phone.start_seconds + edge,
        phone.end_seconds - edge,
        phone.end_seconds,
    )
    out = (start, start + edge, end - edge, end)
    return [_Stretch(out[i], out[i + 1], source[i], source[i + 1]) for i in range(3)]


class _PhraseLine:
    """The frames of one phrase: where each comes from in the speech, and its pitch."""

    def __init__(
        self,
        syllables: list[_Syllable],
        stretches: list[list[_Stretch]],
        seconds_per_beat: float,
    ) -> None:
        self.syllables = syllables
        self.stretches = stretches
        self.seconds_per_beat = seconds_per_beat
        self.start_seconds = stretches[0][0].start - 0.05
        end_seconds = stretches[-1][-1].end + 0.1
        count = int(np.ceil((end_seconds - self.start_seconds) / FRAME_SECONDS))
        self.times: Audio = self.start_seconds + np.arange(count) * FRAME_SECONDS

    def source_seconds(self) -> tuple[Audio, NDArray[np.bool_]]:
        """Return the time in the speech of each frame, and which frames sound at all."""
        source = np.zeros(len(self.times))
        sounds = np.zeros(len(self.times), dtype=bool)
        for stretch in (stretch for syllable in self.stretches for stretch in syllable):
            here = (self.times >= stretch.start) & (self.times < stretch.end)
            share = (self.times[here] - stretch.start) / max(stretch.end - stretch.start, 1e-9)
            source[here] = stretch.source_start + share * (
                stretch.source_end - stretch.source_start
            )
            sounds |= here
        return source, sounds

    def vowels(self) -> NDArray[np.bool_]:
        """Return which frames are in a vowel: they must have a pitch."""
        inside = np.zeros(len(self.times), dtype=bool)
        for syllable, stretches in zip(self.syllables, self.stretches, strict=True):
            first = len(syllable.onset)
            start, end = stretches[first].start, stretches[first + 2].end
            inside |= (self.times >= start + 0.01) & (self.times < end - 0.01)
        return inside

    def pitch(self, rng: np.random.Generator) -> Audio:
        """Return the MIDI pitch of each frame: notes, glides, vibrato and a little drift."""
        notes = [note for syllable in self.syllables for note in syllable.notes]
        starts = np.array([note.start_beats for note in notes]) * self.seconds_per_beat
        # A note's pitch is prepared during the consonants before it.
        starts += LEAD_IN_SECONDS - GLIDE_SECONDS / 2
        which = np.searchsorted(starts, self.times, side="right") - 1
        pitch = np.array([note.pitch for note in notes], dtype=float)[np.maximum(which, 0)]
        window = np.hanning(int(GLIDE_SECONDS / FRAME_SECONDS) | 1)
        pitch = _smoothed(pitch, window / window.sum())
        for note, start in zip(notes, starts, strict=True):
            begin = start + VIBRATO_AFTER_SECONDS
            end = start + note.length_beats * self.seconds_per_beat
            here = (self.times >= begin) & (self.times < end)
            seconds = self.times[here] - begin
            swell = np.minimum(1.0, seconds / 0.3)
            pitch[here] += VIBRATO_SEMITONES * swell * np.sin(2 * np.pi * VIBRATO_HZ * seconds)
        slow = np.hanning(101)
        drift = _smoothed(rng.normal(size=len(self.times)), slow / np.sqrt((slow**2).sum()))
        return pitch + DRIFT_SEMITONES * drift

    def render(
        self, speech: Speech, voice: Voice, transpose: int, rng: np.random.Generator
    ) -> tuple[Audio, float]:
        """Return the phrase as audio at the speech's rate, and when it starts in seconds."""
        f0_hz, envelope, aperiodicity = _analyse(speech, voice.formant_scale)
        source, sounds = self.source_seconds()
        frames = np.clip(source / FRAME_SECONDS, 0, len(f0_hz) - 1.001)
        vowels = self.vowels()
        voiced = (f0_hz[np.round(frames).astype(int)] > 0) | vowels
        low = frames.astype(int)
        share = (frames - low)[:, None]
        envelope = envelope[low] ** (1 - share) * envelope[low + 1] ** share
        aperiodicity = aperiodicity[low] * (1 - share) + aperiodicity[low + 1] * share
        # A vowel the analysis took for noise (creak, mostly) would hiss under a forced pitch.
        hissing = vowels & (aperiodicity[:, : len(aperiodicity[0]) // 8].mean(axis=1) > 0.9)
        aperiodicity[hissing] = np.linspace(0.05, 0.9, aperiodicity.shape[1])
        # Fades over a few frames where sound starts and stops, else the edges click.
        gain = _smoothed(sounds.astype(float), np.ones(3) / 3)
        envelope = envelope * (gain[:, None] ** 2) + 1e-16
        f0_out = np.where(
            voiced & sounds, 440.0 * 2 ** ((self.pitch(rng) + transpose - 69) / 12), 0.0
        )
        audio = pyworld.synthesize(
            f0_out,
            np.ascontiguousarray(envelope),
            np.ascontiguousarray(aperiodicity),
            speech.rate_hz,
            FRAME_SECONDS * 1000,
        )
        return audio, self.start_seconds


def _smoothed(values: Audio, window: Audio) -> Audio:
    half = len(window) // 2
    return np.convolve(np.pad(values, half, mode="edge"), window, mode="valid")


def _analyse(speech: Speech, formant_scale: float) -> tuple[Audio, Audio, Audio]:
    """Return pitch [frames], spectral envelope and aperiodicity [frames x bins] of speech."""
    samples = np.ascontiguousarray(speech.samples)
    period_ms = FRAME_SECONDS * 1000
    rough_hz, times = pyworld.dio(samples, speech.rate_hz, frame_period=period_ms)
    f0_hz = pyworld.stonemask(samples, rough_hz, times, speech.rate_hz)
    envelope = pyworld.cheaptrick(samples, f0_hz, times, speech.rate_hz)
    aperiodicity = pyworld.d4c(samples, f0_hz, times, speech.rate_hz)
    if formant_scale != 1.0:
        bins = np.arange(envelope.shape[1])
        source = np.clip(bins / formant_scale, 0, bins[-1] - 1e-6)
        low = source.astype(int)
        share = source - low
        envelope = envelope[:, low] ** (1 - share) * envelope[:, low + 1] ** share
        aperiodicity = aperiodicity[:, low] * (1 - share) + aperiodicity[:, low + 1] * share
    return f0_hz, envelope, aperiodicity
