"""What a model is told of a song, as numbers: artist, genres, timing and lyrics. No torch.

A label is the vector `y` = [total length, offset, window length (all in samples), artist id,
genre ids padded with -1, lyric tokens]. Two vocabularies exist: v2 (5b, 5b_lyrics and every
upsampler) and v3 (1b_lyrics). The tables of names are data of the model's user or of a bundle;
none is part of this package.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from unidecode import unidecode  # type: ignore[import-untyped]

from jukebox_studio.errors import JukeboxError
from jukebox_studio.model.config import LabelConfig, PriorConfig

Version = Literal["v2", "v3"]
Precision = Literal["float64", "float32"]
Ints = NDArray[np.int64]

UNKNOWN = 0
"""Id of the artist and genre `unknown`, and the lyric token of padding."""
NO_GENRE = -1
UNKNOWN_LENGTH = -1
"""Total length of a song of which nothing is told about time. The original has no such thing."""
TIMING_FIELDS = 3
LEAD_FIELDS = 4
"""Fields of `y` ahead of the genres: three of timing, and the artist."""

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_REST = "'\"()[] \t\n"
LYRIC_CHARACTERS: dict[Version, str] = {
    "v2": f"{_LETTERS}0123456789.,:;!?-+{_REST}",
    "v3": f"{_LETTERS}0123456789.,:;!?-{_REST}",
}
"""The token of a character is its place here plus one."""

_HF_V2 = ".v2"
"""Ends the names of the v2 vocabulary in the tables of the Hugging Face checkpoints."""


# Names -------------------------------------------------------------------------------------------


def normalize_artist(name: str, version: Version) -> str:
    """The spelling under which the tables of a version list an artist."""
    return name.lower() if version == "v3" else _alphanumeric(name)


def normalize_genre(name: str, version: Version) -> list[str]:
    """The spellings of a genre: one name in v3, a bag of words in v2."""
    return [name.lower()] if version == "v3" else _alphanumeric(name).split("_")


def _alphanumeric(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


@dataclass(frozen=True)
class LabelTables:
    """Artists and genres that a model knows: normalised name -> id. Id 0 is `unknown`."""

    version: Version
    artists: Mapping[str, int]
    genres: Mapping[str, int]

    @classmethod
    def from_text(cls, artists: Path, genres: Path, version: Version) -> LabelTables:
        """Tables in the original's form: a line `name;id` for each name. A later line wins.

        Raises JukeboxError for a missing file or a bad line.
        """
        return cls(version, _read_text_table(artists), _read_text_table(genres))

    @classmethod
    def from_ids_folder(cls, folder: Path, version: Version) -> LabelTables:
        """Tables of one version from the original repository's `ids` folder."""
        return cls.from_text(
            folder / f"{version}_artist_ids.txt", folder / f"{version}_genre_ids.txt", version
        )

    @classmethod
    def from_hugging_face(cls, folder: Path, version: Version) -> LabelTables:
        """Tables of one version from artists.json and genres.json, which hold both.

        There the names of v2 end in `.v2`. Their lyrics.json is not needed: which token stands for
        which character was fixed by training, see LYRIC_CHARACTERS.

        Raises JukeboxError for a missing file or one of another form.
        """
        artists = _hugging_face_names(folder / "artists.json", version)
        genres = _hugging_face_names(folder / "genres.json", version)
        return cls(version, artists, genres)

    @classmethod
    def from_file(cls, path: Path) -> LabelTables:
        """Tables of a bundle. Raises JukeboxError where the file is missing or is no table."""
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise JukeboxError(f"{path} cannot be read as a table of names: {error}.") from error
        return cls.from_json(value, str(path))

    @classmethod
    def from_json(cls, value: Any, source: str = "the label tables") -> LabelTables:
        """Tables of a bundle, as `to_json` wrote them. `source` is named in errors."""
        try:
            version = value["version"]
            if version not in LYRIC_CHARACTERS:
                raise JukeboxError(f"{source}: version {version!r} is neither v2 nor v3.")
            artists = _checked_table(value["artists"], source)
            genres = _checked_table(value["genres"], source)
            return cls(version, artists, genres)
        except (KeyError, TypeError, AttributeError) as error:
            raise JukeboxError(f"{source}: expected version, artists and genres.") from error

    def to_json(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "artists": dict(self.artists),
            "genres": dict(self.genres),
        }

    def artist_id(self, name: str) -> int:
        """The id of an artist; 0 (`unknown`) for one that is not listed."""
        return self.artists.get(normalize_artist(name, self.version), UNKNOWN)

    def genre_ids(self, name: str) -> list[int]:
        """The ids of a genre's words (v2) or of the genre (v3); 0 for what is not listed."""
        return [self.genres.get(word, UNKNOWN) for word in normalize_genre(name, self.version)]

    def unlisted(self, artist: str, genre: str) -> list[str]:
        """A sentence for each given name that becomes `unknown`. Empty names are not given."""
        notes = []
        if artist.strip() and normalize_artist(artist, self.version) not in self.artists:
            notes.append(f"The model does not know the artist “{artist}”, so `unknown` is used.")
        for word in normalize_genre(genre, self.version):
            if word.strip() and word not in self.genres:
                notes.append(f"The model does not know the genre “{word}”, so `unknown` is used.")
        return notes

    def artist_name(self, artist_id: int) -> str:
        """All names of an id in alphabetical order, joined by an underscore."""
        return _joined_names(self.artists, artist_id, "artist")

    def genre_name(self, genre_id: int) -> str:
        return _joined_names(self.genres, genre_id, "genre")


def _joined_names(table: Mapping[str, int], wanted: int, kind: str) -> str:
    names = sorted(name for name, found in table.items() if found == wanted)
    if not names:
        raise JukeboxError(f"No {kind} has the id {wanted}.")
    return "_".join(names)


def _read_text_table(path: Path) -> dict[str, int]:
    table: dict[str, int] = {}
    try:
        # Not splitlines, which also breaks at characters that a name may hold.
        lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise JukeboxError(f"{path} cannot be read as a table of names: {error}.") from error
    for number, line in enumerate(lines, 1):
        name, separator, ident = line.strip().rpartition(";")
        if not separator or not ident.isdecimal():
            raise JukeboxError(f"{path}, line {number}: expected `name;id`.")
        table[name.lower()] = int(ident)
    return table


def _read_json_table(path: Path) -> dict[str, int]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise JukeboxError(f"{path} cannot be read as a table of names: {error}.") from error
    return _checked_table(value, str(path))


def _hugging_face_names(path: Path, version: Version) -> dict[str, int]:
    table = _read_json_table(path)
    if version == "v2":
        table = {k.removesuffix(_HF_V2): v for k, v in table.items() if k.endswith(_HF_V2)}
    else:
        table = {k: v for k, v in table.items() if not k.endswith(_HF_V2)}
    if not table:
        raise JukeboxError(f"{path} holds no names of {version}.")
    return table


def _checked_table(value: Any, source: str) -> dict[str, int]:
    ok = isinstance(value, Mapping) and all(
        isinstance(k, str) and type(v) is int and v >= 0 for k, v in value.items()
    )
    if not ok:
        raise JukeboxError(f"{source}: expected an object of names and their ids.")
    return dict(value)


# Lyrics ------------------------------------------------------------------------------------------


def clean_lyrics(text: str, version: Version) -> str:
    """Lyrics in the characters of a version: transliterated, backslash to newline, rest dropped."""
    keep = LYRIC_CHARACTERS[version]
    return "".join(c for c in unidecode(text).replace("\\", "\n") if c in keep)


def dropped_characters(text: str, version: Version) -> str:
    """Each visible character of `text` that `clean_lyrics` loses, in whole or in part, once."""
    keep = {*LYRIC_CHARACTERS[version], "\\"}

    def kept(character: str) -> bool:
        spelled = unidecode(character)
        return bool(spelled) and keep.issuperset(spelled)

    return "".join(dict.fromkeys(c for c in text if c.isprintable() and not kept(c)))


def tokenize(lyrics: str, version: Version) -> list[int]:
    """The tokens of cleaned lyrics, one a character. JukeboxError for a character outside."""
    tokens = [LYRIC_CHARACTERS[version].find(c) + 1 for c in lyrics]
    if 0 in tokens:
        outside = lyrics[tokens.index(0)]
        raise JukeboxError(f"The lyrics hold {outside!r}, which no token stands for.")
    return tokens


def detokenize(tokens: Iterable[int], version: Version) -> str:
    """The text of lyric tokens; padding (0) is nothing."""
    characters = LYRIC_CHARACTERS[version]
    return "".join(characters[t - 1] for t in tokens if t)


def vocabulary_size(version: Version) -> int:
    """Lyric tokens of a version, the unknown one included (80 in v2, 79 in v3)."""
    return len(LYRIC_CHARACTERS[version]) + 1


def lyric_window(
    lyric_length: int,
    n_tokens: int,
    *,
    total_samples: int,
    offset_samples: int,
    window_samples: int,
    precision: Precision,
) -> Ints:
    """Which characters of the lyrics a window of music is given: indices [n_tokens], -1 = padding.

    Lyrics shorter than `n_tokens` are given whole, padded on the left. Longer ones are cut around
    the share of the song at which the middle of the window lies, as if words were spread evenly.

    `precision`: the original works in float64 where it makes a label and in float32 where it moves
    one to a window while sampling, so the two can differ by one character.

    Raises ValueError for an odd `n_tokens` under lyrics at least as long (the window is two equal
    halves; the original fails there too) and JukeboxError for an offset outside the song.
    """
    if lyric_length < n_tokens:
        return np.concatenate(
            [np.full(n_tokens - lyric_length, -1), np.arange(lyric_length)], dtype=np.int64
        )
    if n_tokens % 2:
        raise ValueError(f"The lyric window must be even to be centred, and is {n_tokens}.")
    if not 0 <= offset_samples < total_samples:
        raise JukeboxError(
            f"The window starts at sample {offset_samples} of a song of {total_samples} samples."
        )
    if precision == "float64":
        middle = int(lyric_length * (offset_samples + window_samples / 2) / total_samples)
    else:
        f = np.float32
        # In this order: every step rounds.
        middle = int(
            f(lyric_length) * (f(offset_samples) + f(window_samples) / f(2)) / f(total_samples)
        )
    half = n_tokens // 2
    middle = min(max(middle, half), lyric_length - half)
    return np.arange(middle - half, middle + half, dtype=np.int64)


def sung_window(
    sung_at_samples: NDArray[np.float64],
    n_tokens: int,
    middle_samples: float,
    shift: int = 0,
    *,
    centred: bool,
) -> Ints:
    """As `lyric_window`, where it is known when each character is sung: indices [n_tokens].

    sung_at_samples [characters], never falling. The window lies around what is sung in the middle
    of the music, `shift` characters further on. centred: also where that goes past the ends of the
    lyrics, which are then padded; see LyricsConfig.
    """
    length = len(sung_at_samples)
    if length < n_tokens and not centred:
        return np.concatenate([np.full(n_tokens - length, -1), np.arange(length)], dtype=np.int64)
    centre = int(np.searchsorted(sung_at_samples, middle_samples)) + shift
    if centred:
        indices = np.arange(centre - n_tokens // 2, centre - n_tokens // 2 + n_tokens)
        return np.where((indices >= 0) & (indices < length), indices, -1)
    first = min(max(centre - n_tokens // 2, 0), length - n_tokens)
    return np.arange(first, first + n_tokens, dtype=np.int64)


SILENT = -math.inf
"""As a place in a lyric window: nobody sings. Where nobody knows, it is NaN."""


def sung_places(
    sung_at: NDArray[np.float64],
    pauses: NDArray[np.bool_],
    indices: Ints,
    at: NDArray[np.float64],
) -> NDArray[np.float64]:
    """What is sung at each of some times, as a place in a lyric window: [times].

    sung_at [characters + 1], never falling: when each begins, and the last ends; pauses
    [characters], which of them are spaces; indices [n_tokens], the window. Place k is the middle of
    its character k, and halfway to k + 1 the next one begins. SILENT in pauses and after the end;
    NaN before the first character, and where the window does not hold what is sung.
    """
    character = np.searchsorted(sung_at, at, side="right") - 1
    first = int((indices >= 0).argmax())
    ahead = first - indices[first]
    place = np.interp(at, sung_at, np.arange(len(sung_at))) - 0.5 + ahead
    held = np.append(indices >= 0, False)[np.clip(character + ahead, -1, len(indices))]
    place = np.where(held, place, np.nan)
    place = np.where(np.append(pauses, True)[character], SILENT, place)
    return np.where(character < 0, np.nan, place)


VOWEL_LENGTH, LINE_REST = 4.0, 6.0
"""How long a vowel is held, and how long a singer rests at the end of a line, where a consonant is
1: about as the synthetic singers do that our own models learned from. Words are sung on vowels."""
VOWELS = re.compile("[aeiou]+y?|y(?![aeiou])", re.IGNORECASE)
"""As many as a word has syllables, roughly."""


def sung_lengths(text: str) -> NDArray[np.float64]:
    """How long each character of cleaned lyrics is sung beside the others: [characters].

    By spelling, so roughly. Vowels side by side share the time of one; spaces within a line and
    punctuation take none.
    """
    lengths = np.array([LINE_REST if c == "\n" else float(c.isalnum()) for c in text])
    for vowel in VOWELS.finditer(text):
        lengths[vowel.start() : vowel.end()] = VOWEL_LENGTH / len(vowel[0])
    return lengths


def even_times(text: str, begin: float, end: float) -> NDArray[np.float64]:
    """When each character of cleaned lyrics begins if they fill a time evenly: [characters]."""
    lengths = sung_lengths(text)
    begun: NDArray[np.float64] = (lengths.cumsum() - lengths) / max(1.0, lengths.sum())
    return begin + (end - begin) * begun


def pauses_of(text: str) -> NDArray[np.bool_]:
    """Which characters of cleaned lyrics stand for no sound: [characters]."""
    return np.array([c.isspace() for c in text], dtype=bool)


def window_tokens(full_tokens: Sequence[int], indices: Ints) -> Ints:
    """The lyric tokens at `indices` [n_tokens]; 0 at padding."""
    padded = np.array([*full_tokens, UNKNOWN], dtype=np.int64)
    return padded[indices]


# Labels ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Label:
    """One song as a model is told of it."""

    y: Ints
    artist: str
    genre: str
    lyrics: str
    """Cleaned."""
    full_tokens: tuple[int, ...]
    """All of the lyrics, of which `y` holds one window."""
    notes: tuple[str, ...] = ()
    """Sentences for people: names taken for `unknown`, characters dropped."""


@dataclass(frozen=True)
class LabelBatch:
    """Labels of the rows of a batch. `y` [B, fields]; all lyrics of each row."""

    y: Ints
    full_tokens: tuple[tuple[int, ...], ...]
    sung_at_samples: tuple[NDArray[np.float64] | None, ...] | None = None
    """Array[characters + 1] of each row: when each begins and the last ends, from the sample that
    `at` calls 0. None, of a row or all, leaves it to the share of the song, as in the original."""
    centred: bool = False
    """How the lyric window lies where that is known; see LyricsConfig."""
    pauses: tuple[NDArray[np.bool_], ...] = ()
    """Array[characters] of each row: which are spaces. Empty where nothing is known of times."""

    @classmethod
    def of(
        cls,
        labels: Sequence[Label],
        sung_at_samples: Sequence[NDArray[np.float64] | None] | None = None,
        *,
        centred: bool = False,
    ) -> LabelBatch:
        tokens = tuple(lb.full_tokens for lb in labels)
        sung_at = None if sung_at_samples is None else tuple(sung_at_samples)
        pauses = () if sung_at is None else tuple(pauses_of(lb.lyrics) for lb in labels)
        return cls(np.stack([lb.y for lb in labels]), tokens, sung_at, centred, pauses)

    def rows(self, rows: slice) -> LabelBatch:
        sung_at = None if self.sung_at_samples is None else self.sung_at_samples[rows]
        tokens, pauses = self.full_tokens[rows], self.pauses[rows]
        return LabelBatch(self.y[rows], tokens, sung_at, self.centred, pauses)

    def at(self, start_samples: int, window_samples: int, n_tokens: int) -> tuple[Ints, Ints]:
        """The labels of a window `start_samples` further on, as the original moves them.

        Returns y [B, fields] and the index of each lyric character [B, n_tokens] (-1 = padding).
        """
        y = self.y.copy()
        y[:, 1] += start_samples
        y[:, 2] = window_samples
        indices = np.empty((len(y), n_tokens), dtype=np.int64)
        if n_tokens:
            for row, full in enumerate(self.full_tokens):
                sung_at = None if self.sung_at_samples is None else self.sung_at_samples[row]
                if sung_at is not None:
                    middle = start_samples + window_samples / 2
                    indices[row] = sung_window(sung_at[:-1], n_tokens, middle, centred=self.centred)
                else:
                    indices[row] = lyric_window(
                        len(full),
                        n_tokens,
                        total_samples=int(y[row, 0]),
                        offset_samples=int(y[row, 1]),
                        window_samples=window_samples,
                        precision="float32",
                    )
                y[row, -n_tokens:] = window_tokens(full, indices[row])
        return y, indices

    def plan(
        self, indices: Ints, start_samples: int, hop_samples: int, n_ctx: int
    ) -> NDArray[np.float64]:
        """What is to be sung at each code of a window, as `sung_places` has it: [B, n_ctx].

        indices, start_samples: of the window, from and as for `at`.
        """
        places = np.full((len(indices), n_ctx), np.nan)
        middles = start_samples + (np.arange(n_ctx, dtype=np.float64) + 0.5) * hop_samples
        for row, sung_at in enumerate(self.sung_at_samples or ()):
            if sung_at is not None:
                places[row] = sung_places(sung_at, self.pauses[row], indices[row], middles)
        return places


@dataclass(frozen=True)
class Labeller:
    """Makes the labels of one model."""

    tables: LabelTables
    max_genres: int
    n_tokens: int
    sample_length: int
    """Audio samples under one window of the model."""
    null_token: int | None = None
    """Stands for words that are not known; see LyricsConfig."""

    @classmethod
    def for_prior(cls, config: PriorConfig, tables: LabelTables) -> Labeller:
        """The labeller of a prior. JukeboxError where the tables are those of another model."""
        labels = config.labels
        if labels is None:
            raise JukeboxError(f"{config.name} takes no labels.")
        if tables.version != labels.version:
            raise JukeboxError(
                f"{config.name} needs label tables of {labels.version}, not of {tables.version}."
            )
        for kind, table, bins in (
            ("artist", tables.artists, labels.artist_bins),
            ("genre", tables.genres, labels.genre_bins),
        ):
            highest = max(table.values(), default=0)
            if highest >= bins:
                raise JukeboxError(
                    f"The {kind} table goes up to id {highest}, but {config.name} has {bins}."
                )
        n_tokens = config.lyrics.n_tokens if config.lyrics else 0
        null_token = config.lyrics.null_token if config.lyrics else None
        return cls(tables, labels.max_genres, n_tokens, config.sample_length, null_token)

    def label(
        self,
        *,
        artist: str,
        genre: str,
        lyrics: str | None,
        total_samples: int,
        offset_samples: int,
    ) -> Label:
        """The label of a song of `total_samples`, of which music starts at `offset_samples`.

        Empty lyrics mean that nobody sings; None, that what is sung is not known, which to a model
        without a token for it is the same.

        An unlisted artist or genre becomes `unknown`, with a note. JukeboxError for more genres
        than the model takes, or an offset outside the song.
        """
        version = self.tables.version
        genres = self.tables.genre_ids(genre)
        if len(genres) > self.max_genres:
            raise JukeboxError(
                f"The genre “{genre}” is {len(genres)} words; the model takes {self.max_genres}."
            )
        cleaned = clean_lyrics(lyrics or "", version)
        full = tokenize(cleaned, version)
        if lyrics is None and self.null_token is not None:
            full = [self.null_token] * self.n_tokens
        indices = lyric_window(
            len(full),
            self.n_tokens,
            total_samples=total_samples,
            offset_samples=offset_samples,
            window_samples=self.sample_length,
            precision="float64",
        )
        y = np.array(
            [
                total_samples,
                offset_samples,
                self.sample_length,
                self.tables.artist_id(artist),
                *genres,
                *[NO_GENRE] * (self.max_genres - len(genres)),
                *window_tokens(full, indices),
            ],
            dtype=np.int64,
        )
        notes = self.tables.unlisted(artist, genre)
        if dropped := dropped_characters(lyrics or "", version):
            notes.append(f"The lyrics cannot be sung with these characters, left out: {dropped}")
        return Label(y, artist, genre, cleaned, tuple(full), tuple(notes))

    def describe(self, y: Ints) -> tuple[str, str, str]:
        """Artist, genre and the window of lyrics that a label [fields] stands for."""
        genre_ids = y[LEAD_FIELDS : LEAD_FIELDS + self.max_genres]
        tokens = y[LEAD_FIELDS + self.max_genres :]
        return (
            self.tables.artist_name(int(y[LEAD_FIELDS - 1])),
            "_".join(self.tables.genre_name(int(g)) for g in genre_ids if g >= 0),
            detokenize((int(t) for t in tokens if t != self.null_token), self.tables.version),
        )


# Timing ------------------------------------------------------------------------------------------


class TimingBins(NamedTuple):
    """Rows of the three timing embeddings."""

    total: Ints
    """[B, 1]"""
    absolute: Ints
    """[B, n_ctx]"""
    relative: Ints
    """[B, n_ctx]"""


def timing_bins(y: Ints, config: LabelConfig, n_ctx: int, sample_rate_hz: int) -> TimingBins:
    """Where each position of a window lies in its song, in bins.

    y [B, at least 3]: total length, offset and window length in samples. All of it is float32 in
    the original's order, or bins at their edges would differ.

    Raises JukeboxError where a value rounds out of its range: a song too short or too long for the
    model, a window past the longest song, or one starting so near the end of its song that a
    position rounds up to the end itself.
    """
    if config.t_bins is None or config.min_duration_seconds is None:
        raise ValueError("A model without timing labels has no timing bins.")
    assert config.max_duration_seconds is not None
    shortest = config.min_duration_seconds * sample_rate_hz
    longest = config.max_duration_seconds * sample_rate_hz
    total, start = (y[:, i : i + 1].astype(np.float32) for i in (0, 1))
    end = (y[:, 1:2] + y[:, 2:3]).astype(np.float32)
    if np.any(total < np.float32(shortest)) or np.any(total >= np.float32(longest)):
        raise JukeboxError(
            f"The song lasts {_seconds(y[:, 0], sample_rate_hz)}; the model takes from "
            f"{config.min_duration_seconds:g} to just under {config.max_duration_seconds:g} s."
        )
    if np.any(start < 0) or np.any(end > np.float32(longest)):
        raise JukeboxError(
            f"The window from {_seconds(y[:, 1], sample_rate_hz)} on lies outside the "
            f"{config.max_duration_seconds:g} s that the model takes."
        )
    if np.any(start >= total):
        raise JukeboxError(
            f"The window starts at {_seconds(y[:, 1], sample_rate_hz)}, where the song is over."
        )
    relative_end = np.clip(end / total, np.float32(0), np.float32(1))
    bins = TimingBins(
        _bins(total, total, 1, shortest, longest, config.t_bins),
        _bins(start, end, n_ctx, 0.0, longest, config.t_bins),
        _bins(start / total, relative_end, n_ctx, 0.0, 1.0, config.t_bins),
    )
    if max(b.max() for b in bins) >= config.t_bins:
        raise JukeboxError(
            f"The window starts at {_seconds(y[:, 1], sample_rate_hz)}, too near the end of its "
            "song; make the song longer."
        )
    return bins


def _bins(
    start: NDArray[np.float32],
    end: NDArray[np.float32],
    positions: int,
    lowest: float,
    highest: float,
    bins: int,
) -> Ints:
    """Positions evenly spread over [start, end) [B, 1] to bins [B, positions] of a range."""
    f = np.float32
    at = start
    if positions > 1:
        steps = np.arange(positions, dtype=f)[None] / f(positions)
        at = start + (end - start) * steps
    share = (at - f(lowest)) / f(highest - lowest)
    binned: Ints = np.floor(f(bins) * share).astype(np.int64)
    return binned


def _seconds(samples: Ints, sample_rate_hz: int) -> str:
    values = dict.fromkeys(f"{s / sample_rate_hz:.2f} s" for s in samples.tolist())
    return ", ".join(values)


def fit_timing(config: PriorConfig, total_samples: int, offset_samples: int) -> tuple[int, int]:
    """Total length and offset as near to the given as the model's timing labels allow.

    A song outside the model's range counts as its shortest or longest; a window past the end of a
    song that counts as shorter lies at its end.
    """
    labels = config.labels
    if labels is None or labels.min_duration_seconds is None:
        return total_samples, offset_samples
    assert labels.max_duration_seconds is not None
    rate = config.sample_rate_hz
    # A sample within either end, since float32 may round up to the end itself.
    shortest = int(labels.min_duration_seconds * rate) + 2
    longest = int(labels.max_duration_seconds * rate) - 2
    total = min(max(total_samples, shortest), longest)
    offset = min(offset_samples, max(0, total - config.sample_length))
    return total, offset
