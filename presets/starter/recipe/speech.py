"""Three free text-to-speech programs, made to tell when each phoneme of each word sounds.

They speak a phrase at a time, words without punctuation, in their own rhythm and melody;
singer.py then gives both away for those of a score.
"""

import ctypes
import functools
import re
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
from errors import RecipeError
from sound import Audio

# First letters of vowels: flite and festival write ARPAbet, espeak-ng its own mnemonics.
ARPABET_VOWELS = frozenset(
    "aa ae ah ao aw ax axr ay eh er ey ih ix iy ow oy uh uw".split()  # noqa: SIM905
)
ESPEAK_VOWELS = frozenset("aAeEiIoOuUyY3@0VWQ&")
PAUSES = frozenset(("pau", "brth", "h#", "#", "ssil", ""))


@dataclass(frozen=True)
class Phone:
    """A phoneme as it was spoken; `word` counts the words of the phrase from 0."""

    is_vowel: bool
    start_seconds: float
    end_seconds: float
    word: int


@dataclass(frozen=True)
class Speech:
    """A spoken phrase: mono audio and its phonemes, pauses left out."""

    samples: Audio
    rate_hz: int
    phones: tuple[Phone, ...]


Engine = Callable[[list[list[str]], str, str], list[Speech]]


def speak(engine: str, voice: str, language: str, phrases: list[list[str]]) -> list[Speech]:
    """Speak phrases (lists of words) with a voice of "flite", "espeak" or "festival"."""
    spoken = ENGINES[engine](phrases, voice, language)
    for words, speech in zip(phrases, spoken, strict=True):
        missing = set(range(len(words))) - {phone.word for phone in speech.phones}
        if missing:
            silent = ", ".join(words[i] for i in sorted(missing))
            raise RecipeError(f"{engine} ({voice}) did not pronounce: {silent}.")
    return spoken


def _library(name: str) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(name)
    except OSError as error:
        raise RecipeError(f"The speech library {name} is missing: {error}.") from error


# ---- flite -------------------------------------------------------------------------------------


class _FliteWave(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_char_p),
        ("rate_hz", ctypes.c_int),
        ("num_samples", ctypes.c_int),
        ("num_channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    )


@functools.cache
def _flite() -> ctypes.CDLL:
    library = _library("libflite.so.1")
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    for name, result, arguments in (
        ("flite_init", ctypes.c_int, []),
        ("flite_synth_text", pointer, [text, pointer]),
        ("utt_relation", pointer, [pointer, text]),
        ("relation_head", pointer, [pointer]),
        ("item_next", pointer, [pointer]),
        ("path_to_item", pointer, [pointer, text]),
        ("ffeature_string", text, [pointer, text]),
        ("ffeature_float", ctypes.c_float, [pointer, text]),
        ("utt_wave", ctypes.POINTER(_FliteWave), [pointer]),
        ("delete_utterance", None, [pointer]),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    library.flite_init()
    return library


@functools.cache
def _flite_voice(name: str) -> int:
    _flite()
    register = _library(f"libflite_cmu_us_{name}.so.1")[f"register_cmu_us_{name}"]
    register.restype, register.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
    return int(register(None))


def _speak_flite(phrases: list[list[str]], voice: str, language: str) -> list[Speech]:
    flite = _flite()
    spoken = []
    for words in phrases:
        # Its noise comes from C's random numbers: without this a phrase would depend on those
        # spoken before it.
        _library("libc.so.6").srand(1)
        utterance = flite.flite_synth_text(" ".join(words).encode(), _flite_voice(voice))
        tokens = _flite_items(utterance, b"Token")
        phones = []
        start = 0.0
        for segment in _flite_items(utterance, b"Segment"):
            name = flite.ffeature_string(segment, b"name").decode()
            end = float(flite.ffeature_float(segment, b"end"))
            token = flite.path_to_item(
                segment, b"R:SylStructure.parent.parent.R:Token.parent.R:Token"
            )
            if name not in PAUSES and token in tokens:
                phones.append(Phone(name in ARPABET_VOWELS, start, end, tokens.index(token)))
            start = end
        wave = flite.utt_wave(utterance).contents
        pcm = np.ctypeslib.as_array(wave.samples, (wave.num_samples,))
        spoken.append(Speech(pcm.astype(np.float64) / 32768, wave.rate_hz, tuple(phones)))
        flite.delete_utterance(utterance)
    return spoken


def _flite_items(utterance: int, relation: bytes) -> list[int]:
    flite = _flite()
    items = []
    item = flite.relation_head(flite.utt_relation(utterance, relation))
    while item:
        items.append(item)
        item = flite.item_next(item)
    return items


@functools.cache
def syllable_count(word: str) -> int:
    """Return how many syllables flite's English dictionary and rules give a word."""
    (speech,) = _speak_flite([[word]], "kal16", "en")
    return max(1, sum(phone.is_vowel for phone in speech.phones))


# ---- espeak-ng ---------------------------------------------------------------------------------


class _EspeakId(ctypes.Union):
    _fields_ = (
        ("number", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("string", ctypes.c_char * 8),
    )


class _EspeakEvent(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position_milliseconds", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EspeakId),
    )


_EVENT_END, _EVENT_WORD, _EVENT_PHONEME = 0, 1, 7
_OUTPUT_SYNCHRONOUS, _INITIALISE_PHONEME_EVENTS = 2, 1
_PARAMETER_RATE, _CHARACTERS_UTF8 = 1, 1
_ESPEAK_WORDS_PER_MINUTE = 130
_EspeakCallback = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.POINTER(ctypes.c_short),
    ctypes.c_int,
    ctypes.POINTER(_EspeakEvent),
)


class _Espeak:
    """libespeak-ng, which hands audio and events to a callback while it speaks."""

    def __init__(self) -> None:
        self.library = _library("libespeak-ng.so.1")
        self.chunks: list[np.ndarray] = []
        self.events: list[tuple[int, float, int, str]] = []
        # Kept in self: ctypes does not, and espeak would call freed memory.
        self.callback = _EspeakCallback(self._receive)
        self.rate_hz = int(
            self.library.espeak_Initialize(_OUTPUT_SYNCHRONOUS, 0, None, _INITIALISE_PHONEME_EVENTS)
        )
        self.library.espeak_SetSynthCallback(self.callback)

    def _receive(self, wave: object, num_samples: int, events: object) -> int:
        if num_samples > 0:
            self.chunks.append(np.ctypeslib.as_array(wave, (num_samples,)).copy())
        for event in events:  # type: ignore[attr-defined]
            if event.type == _EVENT_END:
                break
            if event.type in (_EVENT_WORD, _EVENT_PHONEME):
                name = ""
                if event.type == _EVENT_PHONEME:
                    name = bytes(event.id.string).split(b"\0")[0].decode("utf-8", "replace")
                seconds = event.audio_position_milliseconds / 1000
                self.events.append((event.type, seconds, event.text_position, name))
        return 0

    def speak(self, text: str, voice: str) -> None:
        """Speak a text; what it gave is then in `chunks` and `events`."""
        self.chunks.clear()
        self.events.clear()
        if self.library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise RecipeError(f"espeak-ng has no voice {voice}.")
        self.library.espeak_SetParameter(_PARAMETER_RATE, _ESPEAK_WORDS_PER_MINUTE, 0)
        data = text.encode()
        self.library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _CHARACTERS_UTF8, None, None)
        self.library.espeak_Synchronize()


@functools.cache
def _espeak() -> _Espeak:
    return _Espeak()


def _speak_espeak(phrases: list[list[str]], voice: str, language: str) -> list[Speech]:
    espeak = _espeak()
    accent = {"en": "en-us", "de": "de"}[language]
    spoken = []
    for words in phrases:
        text = " ".join(words)
        espeak.speak(text, f"{accent}+{voice}")
        samples = np.concatenate(espeak.chunks).astype(np.float64) / 32768
        # espeak counts characters from 1.
        starts = [match.start() + 1 for match in re.finditer(r"\S+", text)]
        length_seconds = len(samples) / espeak.rate_hz
        ends = [seconds for _, seconds, _, _ in espeak.events[1:]] + [length_seconds]
        phones = []
        word = -1
        for (kind, start, position, name), end in zip(espeak.events, ends, strict=True):
            if kind == _EVENT_WORD:
                word = max(i for i, at in enumerate(starts) if at <= max(position, 1))
            elif word >= 0 and name and name[0] not in "_ ;:" and end > start:
                phones.append(Phone(name[0] in ESPEAK_VOWELS, start, end, word))
        if len(words) > 1:
            phones = _unmerged(phones, words, voice, language)
        spoken.append(Speech(samples, espeak.rate_hz, tuple(phones)))
    return spoken


def _unmerged(phones: list[Phone], words: list[str], voice: str, language: str) -> list[Phone]:
    """Give words their own phonemes where espeak speaks two or three ("shall not") as one.

    It reports such a group as its first word. The group is cut where the words, spoken one by
    one, would be cut.
    """
    found = {phone.word for phone in phones}
    for first in sorted(found):
        group = [first]
        while group[-1] + 1 < len(words) and group[-1] + 1 not in found:
            group.append(group[-1] + 1)
        if len(group) == 1:
            continue
        own = [i for i, phone in enumerate(phones) if phone.word == first]
        alone = [len(_espeak_alone(words[word], voice, language).phones) for word in group]
        bounds = np.round(np.cumsum(alone) / sum(alone) * len(own))
        for order, i in enumerate(own):
            word = group[int(np.searchsorted(bounds, order, side="right"))]
            phones[i] = replace(phones[i], word=word)
    return phones


@functools.cache
def _espeak_alone(word: str, voice: str, language: str) -> Speech:
    return _speak_espeak([[word]], voice, language)[0]


# ---- festival ----------------------------------------------------------------------------------

# A line for each phoneme: utterance, name, end, and which token (word of the text) it is in.
_FESTIVAL_SCRIPT = """(voice_{voice})
(define (say n text file)
  (let ((u (utt.synth (eval (list 'Utterance 'Text text)))))
    (utt.save.wave u file)
    (mapcar (lambda (s)
      (format t "phone %d %s %s %s\\n" n (item.name s) (item.feat s "end")
        (item.feat s "R:SylStructure.parent.parent.R:Token.parent.addr")))
      (utt.relation.items u 'Segment))))
"""


def _speak_festival(phrases: list[list[str]], voice: str, language: str) -> list[Speech]:
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{number}.wav" for number in range(len(phrases))]
        script = _FESTIVAL_SCRIPT.format(voice=voice)
        for number, (words, file) in enumerate(zip(phrases, files, strict=True)):
            script += f'(say {number} "{" ".join(words)}" "{file}")\n'
        try:
            output = subprocess.run(
                ["festival", "--pipe"], input=script, capture_output=True, text=True, check=True
            ).stdout
        except (FileNotFoundError, subprocess.CalledProcessError) as error:
            raise RecipeError(f"The program festival is missing or failed: {error}.") from error
        waves = [soundfile.read(file, dtype="float64") for file in files]
    phones: list[list[Phone]] = [[] for _ in phrases]
    tokens: list[list[str]] = [[] for _ in phrases]
    starts = [0.0] * len(phrases)
    for line in output.splitlines():
        if not line.startswith("phone "):
            continue
        _, number_text, name, end_text, token = line.split()
        number, end = int(number_text), float(end_text)
        start, starts[number] = starts[number], end
        if name not in PAUSES and token != "0":
            if token not in tokens[number]:
                tokens[number].append(token)
            word = tokens[number].index(token)
            phones[number].append(Phone(name in ARPABET_VOWELS, start, end, word))
    return [
        Speech(samples, rate_hz, tuple(found))
        for (samples, rate_hz), found in zip(waves, phones, strict=True)
    ]


ENGINES: dict[str, Engine] = {
    "flite": _speak_flite,
    "espeak": _speak_espeak,
    "festival": _speak_festival,
}
