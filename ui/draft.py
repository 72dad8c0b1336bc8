"""All that the request panel holds, as one frozen object, and the requests it stands for. No Qt.

A draft knows no clip: the same settings may be asked of the next one. `request_of` joins the two
and raises `JukeboxError` with a sentence for what is wrong; `draft_of` goes back.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction
from functools import cached_property, lru_cache
from itertools import accumulate
from pathlib import Path
from string import capwords
from typing import Any, Literal, get_args

import numpy as np

from jukebox_studio.bundle import Bundle
from jukebox_studio.clip import Clip
from jukebox_studio.drawing import Drawing, Leading
from jukebox_studio.errors import JukeboxError
from jukebox_studio.licences import Licence
from jukebox_studio.model.config import PUBLISHED_PRIORS, Precision
from jukebox_studio.model.labels import (
    LabelTables,
    Version,
    clean_lyrics,
    even_times,
    normalize_artist,
    normalize_genre,
    sung_window,
)
from jukebox_studio.operations import clip_result_samples, continue_samples
from jukebox_studio.request import (
    Continue,
    FileFormat,
    Guidance,
    Operation,
    Place,
    Relyric,
    Request,
    Restyle,
    Sampling,
    Span,
    Vary,
)
from jukebox_studio.style import Style
from jukebox_studio.tempo import nearest
from ui.words import translate

Kind = Literal["continue", "restyle", "relyric", "vary"]
Unit = Literal["bars", "beats", "seconds"]
Voice = Literal["open", "words", "none"]
"""Whether anybody sings: left to the model, the new words, or nobody."""

KINDS: tuple[Kind, ...] = get_args(Kind)
UNITS: tuple[Unit, ...] = get_args(Unit)
MOST_CHARACTERS_PER_SECOND = 40.0
"""As in `told.py`, which needs torch; the tests hold them together."""
SEEDS = 2**32
"""New seeds lie below: short enough to be read out, and more than anybody will ever render."""

Times = tuple[float, float]
"""Start and end in seconds on the timeline."""
AlignedWord = tuple[str, float, float]
"""A word, and where it starts and ends on the timeline in seconds."""


@dataclass(frozen=True)
class ModelSummary:
    """What the panel needs to know of a bundle."""

    name: str
    folder: Path
    licence: Licence
    levels: int
    description: str = ""
    artists: tuple[str, ...] = ()
    """Without `unknown`, in alphabetical order, as are the genres."""
    genres: tuple[str, ...] = ()
    version: Version | None = None
    """Of its names and characters; None where it takes no labels."""
    lyric_tokens: int = 0
    """Characters it sees at a time; 0 where it knows no words."""
    centred_lyrics: bool = False
    """What it sees of them moves with the music even where it could see all; see LyricsConfig."""
    window_seconds: float = 0.0
    """How much music it sees at a time."""
    longest_seconds: float | None = None
    guidance_is_contrast: bool = False
    """It was not trained with labels left out."""
    recommended: Mapping[int, Drawing] = field(default_factory=dict)
    """How its levels are best drawn; as published where it does not say."""
    guidance: Leading = field(default_factory=Leading)
    """How hard it is best led to what is asked for."""

    @property
    def has_lyrics(self) -> bool:
        return self.lyric_tokens > 0

    @cached_property
    def artist_set(self) -> frozenset[str]:
        return frozenset(self.artists)

    @property
    def drawings(self) -> dict[int, Drawing]:
        """How each level is drawn where a draft leaves it open."""
        return {level: self.recommended.get(level, Drawing()) for level in range(self.levels)}

    @classmethod
    def of(cls, bundle: Bundle) -> ModelSummary:
        """Reads the label tables: for a thread of its own. JukeboxError where that fails."""
        manifest = bundle.manifest
        top = manifest.priors[max(manifest.priors)] if manifest.priors else None
        labels, lyrics = (top.labels, top.lyrics) if top else (None, None)
        tables = None
        if labels is not None:
            tables = LabelTables.from_file(bundle.labels_path(labels.version))
        return cls(
            name=manifest.name,
            folder=bundle.folder,
            licence=manifest.licence,
            levels=manifest.levels,
            description=manifest.description,
            artists=_listed(tables.artists) if tables else (),
            genres=_listed(tables.genres) if tables else (),
            version=labels.version if labels else None,
            lyric_tokens=lyrics.n_tokens if lyrics else 0,
            centred_lyrics=lyrics is not None and lyrics.centred,
            window_seconds=top.sample_length / top.sample_rate_hz if top else 0.0,
            longest_seconds=labels.max_duration_seconds if labels else None,
            guidance_is_contrast=top is not None and top.name in PUBLISHED_PRIORS,
            recommended=manifest.recommended,
            guidance=manifest.guidance,
        )


def _listed(table: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(sorted(name for name, number in table.items() if number and name.strip()))


@dataclass(frozen=True)
class VariantInfo:
    """The variant that is worked on, where it is not the clip itself."""

    name: str
    codes_path: Path | None = None
    is_preview: bool = False


@dataclass(frozen=True)
class Draft:
    """What the panel holds. Everything has a value that works, but for what a clip must give."""

    kind: Kind = "continue"
    length: float = 8.0
    unit: Unit = "bars"
    keep_restyle: float = 0.5
    keep_relyric: float = 0.3
    keep_vary: float = 0.0
    candidates: int = 4
    spans_seconds: tuple[Times, ...] = ()
    """What is selected, on the timeline; relyric takes the first."""
    style: Style = field(default_factory=Style)
    voice: Voice = "open"
    new_words: str = ""
    words_before: str = ""
    words_there: str = ""
    words_after: str = ""
    guidance: Guidance = field(default_factory=Guidance)
    sampling: Sampling = field(default_factory=Sampling)
    sampling_by_level: dict[int, Sampling] = field(default_factory=dict)
    place_seconds: tuple[float, float] | None = None
    """How long the song is, and where in it the clip starts; None takes what the DAW said."""
    variants: int = 3
    first_variant: int = 0
    seed: int | None = None
    seed_locked: bool = False
    """Otherwise every request gets a new one, and `seed` is the last."""
    preview_only: bool = False
    width: float = 1.0
    to_grid: bool = False
    file_format: FileFormat = "wav"
    precision: Precision = "float32"

    @property
    def keep(self) -> float | None:
        """Of this operation; None where it has none."""
        keeps = {"restyle": self.keep_restyle, "relyric": self.keep_relyric, "vary": self.keep_vary}
        return keeps.get(self.kind)

    @property
    def lyrics(self) -> str | None:
        """As a request has them: None leaves open what is sung, empty asks for no voice."""
        return {"open": None, "words": self.new_words, "none": ""}[self.voice]


def new_seed() -> int:
    return secrets.randbelow(SEEDS)


# Draft -> request --------------------------------------------------------------------------------


def request_of(
    draft: Draft,
    clip: Clip | None,
    model: ModelSummary | None,
    *,
    codes_path: Path | None = None,
    date: datetime | None = None,
) -> Request:
    """The request that a draft makes of a clip. JukeboxError says what is missing or wrong.

    It says all of the sampling, as the panel showed it. `codes_path`: of the variant that the clip
    is, see `Request`.
    """
    if clip is None:
        raise JukeboxError(
            translate("Draft", "There is no clip yet; send one from your DAW or drop a file here.")
        )
    if model is None:
        raise JukeboxError(
            translate("Draft", "No model is chosen; choose one, or import one on the models page.")
        )
    if draft.seed is None and draft.seed_locked:
        raise JukeboxError(
            translate(
                "Draft", "The seed is empty; type a whole number, or unlock it for a new one."
            )
        )
    _check_words(draft, clip, model)
    operation = operation_of(draft, clip)
    _check_length(draft, clip, model)
    return Request(
        clip=clip,
        operation=operation,
        codes_path=codes_path,
        style=draft.style,
        lyrics=draft.lyrics if model.has_lyrics else None,
        guidance=draft.guidance,
        sampling=draft.sampling,
        sampling_by_level={
            level: sampling
            for level, sampling in draft.sampling_by_level.items()
            if level < model.levels
        },
        place=None if draft.place_seconds is None else Place(*draft.place_seconds),
        variants=draft.variants,
        first_variant=draft.first_variant,
        seed=new_seed() if draft.seed is None else draft.seed,
        preview_only=draft.preview_only,
        width=draft.width,
        to_grid=draft.to_grid,
        file_format=draft.file_format,
        precision=draft.precision,
        date=date,
    ).settled(model.drawings, model.guidance)


def operation_of(draft: Draft, clip: Clip) -> Operation:
    """JukeboxError where the selection does not fit the clip."""
    if draft.kind == "continue":
        return Continue(draft.length, draft.unit)
    if draft.kind == "restyle":
        return Restyle(draft.keep_restyle)
    if draft.kind == "relyric":
        return Relyric(
            spans_of(draft, clip)[0],
            draft.keep_relyric,
            draft.words_before,
            draft.words_there,
            draft.words_after,
        )
    return Vary(tuple(spans_of(draft, clip)), draft.keep_vary, draft.candidates)


def spans_of(draft: Draft, clip: Clip) -> list[Span]:
    """What is selected of a clip, in its samples, in order, what overlaps joined.

    A selection that reaches over the clip is cut to it. JukeboxError where nothing is left.
    """
    found: list[tuple[int, int]] = []
    wanted = draft.spans_seconds[:1] if draft.kind == "relyric" else draft.spans_seconds
    for start, end in sorted(wanted):
        first, last = (
            min(max(nearest((Fraction(s) - clip.start_seconds) * clip.rate_hz), 0), length)
            for s, length in ((start, clip.length_samples), (end, clip.length_samples))
        )
        if first >= last:
            continue
        if found and first <= found[-1][1]:
            found[-1] = found[-1][0], max(last, found[-1][1])
        else:
            found.append((first, last))
    if not found:
        if wanted:
            raise JukeboxError(
                translate("Draft", "The selection lies outside the clip; select a part of it.")
            )
        raise JukeboxError(
            translate("Draft", "Nothing is selected; select in the timeline what to sing again.")
            if draft.kind == "relyric"
            else translate(
                "Draft", "Nothing is selected; select in the timeline what to make anew."
            )
        )
    return [Span(*pair) for pair in found]


def _check_words(draft: Draft, clip: Clip, model: ModelSummary) -> None:
    if draft.kind == "relyric":
        if not model.has_lyrics:
            raise JukeboxError(
                translate(
                    "Draft", "{0} does not know words; choose a model that sings to sing new ones."
                ).format(model.name)
            )
        if not (draft.lyrics or "").strip():
            raise JukeboxError(
                translate("Draft", "There are no new words; type what is to be sung.")
            )
    if draft.voice != "words":
        return
    if not draft.new_words.strip():
        raise JukeboxError(
            translate(
                "Draft",
                "There are no new words; type what is to be sung, or choose that nobody sings.",
            )
        )
    if not model.has_lyrics or model.version is None:
        return
    start, end = _sung_seconds(draft, clip)
    letters = len(clean_lyrics(draft.new_words, model.version))
    if letters > MOST_CHARACTERS_PER_SECOND * (end - start):
        raise JukeboxError(
            translate(
                "Draft",
                "%n letters in {seconds} s are more than anybody can sing; shorten the words or"
                " select more music.",
                "",
                letters,
            ).format(seconds=f"{end - start:.1f}")
        )


def _check_length(draft: Draft, clip: Clip, model: ModelSummary) -> None:
    start, end = made_seconds(draft, clip)
    longest = model.longest_seconds
    if longest is not None and end - start >= longest:
        raise JukeboxError(
            translate(
                "Draft",
                "The result would last {asked} s; {model} knows songs up to {longest} s. Ask for"
                " less at a time.",
            ).format(asked=f"{end - start:.0f}", model=model.name, longest=f"{longest:g}")
        )


def made_seconds(draft: Draft, clip: Clip) -> Times:
    """Where the result lies, from the clip's start. JukeboxError where it has no sample."""
    length = clip.length_samples / clip.rate_hz
    if draft.kind == "continue":
        samples, _ = continue_samples(clip, Continue(draft.length, draft.unit))
        return length, length + samples / clip.timeline_rate_hz
    return 0.0, clip_result_samples(clip) / clip.timeline_rate_hz


def _sung_seconds(draft: Draft, clip: Clip) -> Times:
    """Where the new words are sung, from the clip's start."""
    if draft.kind != "relyric":
        return made_seconds(draft, clip)
    (span,) = spans_of(draft, clip)
    return span.start_samples / clip.rate_hz, span.end_samples / clip.rate_hz


# Request -> draft --------------------------------------------------------------------------------


def draft_of(
    request: Request, model: ModelSummary | None = None, *, seed_locked: bool = True
) -> Draft:
    """The settings of a request that was made. JukeboxError for an upsampling, which has none.

    Sampling that is just as `model` recommends is left open.
    """
    operation, clip = request.operation, request.clip
    values: dict[str, object]
    if isinstance(operation, Continue):
        values = {"kind": "continue", "length": operation.length, "unit": operation.unit}
    elif isinstance(operation, Restyle):
        values = {"kind": "restyle", "keep_restyle": operation.keep}
    elif isinstance(operation, Relyric):
        values = {
            "kind": "relyric",
            "keep_relyric": operation.keep,
            "spans_seconds": (_times(clip, operation.span),),
            "words_before": operation.words_before,
            "words_there": operation.words_there,
            "words_after": operation.words_after,
        }
    elif isinstance(operation, Vary):
        values = {
            "kind": "vary",
            "keep_vary": operation.keep,
            "candidates": operation.candidates,
            "spans_seconds": tuple(_times(clip, span) for span in operation.spans),
        }
    else:
        raise JukeboxError(
            translate(
                "Draft", "An upsampling has no settings of its own; choose what it came from."
            )
        )
    place = request.place
    if model is not None:
        sampling = Sampling(schedule=request.sampling.schedule)
        choices: tuple[dict[str, Any], ...] = (
            {"sampling": sampling, "sampling_by_level": {}},
            {"guidance": Guidance()},
        )
        settled = request
        for choice in choices:  # what is as recommended is left open again
            if replace(settled, **choice).settled(model.drawings, model.guidance) == settled:
                request = replace(request, **choice)
    return Draft(
        **values,  # type: ignore[arg-type]
        style=request.style,
        voice="open" if request.lyrics is None else "words" if request.lyrics else "none",
        new_words=request.lyrics or "",
        guidance=request.guidance,
        sampling=request.sampling,
        sampling_by_level=dict(request.sampling_by_level),
        place_seconds=None if place is None else (place.song_seconds, place.clip_start_seconds),
        variants=request.variants,
        first_variant=request.first_variant,
        seed=request.seed,
        seed_locked=seed_locked,
        preview_only=request.preview_only,
        width=request.width,
        to_grid=request.to_grid,
        file_format=request.file_format,
        precision=request.precision,
    )


def _times(clip: Clip, span: Span) -> Times:
    start, end = (
        float(clip.start_seconds + Fraction(samples, clip.rate_hz))
        for samples in (span.start_samples, span.end_samples)
    )
    return start, end


# Sentences ---------------------------------------------------------------------------------------


def outcome(draft: Draft, clip: Clip) -> str:
    """What comes out, in a sentence. JukeboxError where nothing can."""
    rate = clip.timeline_rate_hz
    if draft.kind == "continue":
        samples, note = continue_samples(clip, Continue(draft.length, draft.unit))
        end = Fraction(clip.end_position(rate) + samples, rate)
        asked, long = asked_length(draft.length, draft.unit), f"{samples / rate:.2f} s"
        said = long if draft.unit == "seconds" else f"{asked} = {long}"
        if note:
            said = translate("Draft", "{asked} and the rest of the begun bar = {seconds}").format(
                asked=asked, seconds=long
            )
        return translate("Draft", "{length}, ends on {place}").format(
            length=said, place=_place(clip, end)
        )
    whole = f"{clip_result_samples(clip) / rate:.2f} s"
    if draft.kind == "restyle":
        first, last = _place(clip, clip.start_seconds), _place(clip, clip.end_seconds)
        return translate("Draft", "The whole clip again: {length}, {first} to {last}").format(
            length=whole, first=first, last=last
        )
    spans = spans_of(draft, clip)
    made = sum(s.end_samples - s.start_samples for s in spans) / clip.rate_hz
    times = [_exact_times(clip, span) for span in spans]
    where = ", ".join(
        translate("Draft", "{0} to {1}").format(_place(clip, a), _place(clip, b)) for a, b in times
    )
    if draft.kind == "relyric":
        said = translate("Draft", "{made} s of {whole} sung again: {where}")
    else:
        said = translate("Draft", "{made} s of {whole} made anew: {where}")
    return said.format(made=f"{made:.2f}", whole=whole, where=where)


def asked_length(length: float, unit: Unit) -> str:
    """Such as "1 bar", "2.5 bars"."""
    one, more = {
        "bars": (translate("Draft", "1 bar"), translate("Draft", "{0} bars")),
        "beats": (translate("Draft", "1 beat"), translate("Draft", "{0} beats")),
        "seconds": (translate("Draft", "1 second"), translate("Draft", "{0} seconds")),
    }[unit]
    return one if length == 1 else more.format(f"{length:g}")


def _exact_times(clip: Clip, span: Span) -> tuple[Fraction, Fraction]:
    return (
        clip.start_seconds + Fraction(span.start_samples, clip.rate_hz),
        clip.start_seconds + Fraction(span.end_samples, clip.rate_hz),
    )


def _place(clip: Clip, seconds: Fraction) -> str:
    """`bar 14`, or `bar 14, beat 2.5`. A bar line that is a sample away was meant."""
    rate = max(clip.rate_hz, clip.timeline_rate_hz)
    sample = nearest(seconds * rate)
    line = clip.song.bar_line_from(sample, rate, slack_samples=2)
    if abs(clip.song.sample_at(line, rate) - sample) <= 2:
        return translate("Draft", "bar {0}").format(clip.song.bar_beat_at(line).bar)
    place = clip.song.bar_beat_at(clip.song.tempo.beat_at(seconds))
    beat = f"{float(place.beat):.2f}".rstrip("0").rstrip(".")
    return translate("Draft", "bar {0}, beat {1}").format(place.bar, beat)


def leading_of(draft: Draft, model: ModelSummary | None) -> Leading:
    """How hard a draft leads: as it says, else as the model recommends to what is asked for."""
    best = Leading() if model is None else model.guidance
    return draft.guidance.leading(best, draft.style, sings=draft.voice == "words")


def remarks(draft: Draft, model: ModelSummary) -> list[str]:
    """What people should know of a request that can be made all the same."""
    found = []
    if draft.kind == "restyle" and not (draft.style.artist_names or draft.style.genre_names):
        found.append(
            translate("Draft", "No artist or genre is chosen: the model picks a style of its own.")
        )
    if model.version is not None:
        artists, genres = unlisted(draft.style, model)
        if names := [*artists, *genres]:
            found.append(
                translate("Draft", "{0} does not know {1}: `unknown` is used.").format(
                    model.name, ", ".join(names)
                )
            )
    elif draft.style.artist_names or draft.style.genre_names:
        found.append(
            translate("Draft", "{0} knows no artists and genres: the style is left out.").format(
                model.name
            )
        )
    led = leading_of(draft, model)
    if (
        model.version is not None
        and draft.style.artist_names
        and not led.style
        and draft.voice != "words"  # singing loses more by it than it wins (docs/starter.md)
        and not model.guidance_is_contrast
    ):
        found.append(
            translate(
                "Draft", "Guidance towards the style, 1 to 2, makes an artist heard more clearly."
            )
        )
    if draft.voice == "words" and not model.has_lyrics:
        found.append(
            translate("Draft", "{0} does not know words: they are left out.").format(model.name)
        )
    if led.lyrics and not model.has_lyrics:
        found.append(
            translate(
                "Draft", "{0} does not know words, so guiding towards them does nothing."
            ).format(model.name)
        )
    if model.guidance_is_contrast and (led.style or led.lyrics):
        found.append(
            translate(
                "Draft",
                "{0} was not trained with labels left out: guidance is a contrast there, and"
                " nobody has shown what it is worth.",
            ).format(model.name)
        )
    return found


def unlisted(style: Style, model: ModelSummary) -> tuple[list[str], list[str]]:
    """The artists and the genres of a style that a model does not list."""
    version = model.version
    if version is None:
        return style.artist_names, style.genre_names
    genres = frozenset(model.genres)
    return (
        [n for n in style.artist_names if normalize_artist(n, version) not in model.artist_set],
        [n for n in style.genre_names if not genres.issuperset(normalize_genre(n, version))],
    )


# Words -------------------------------------------------------------------------------------------


def split_words(words: Sequence[AlignedWord], start: float, end: float) -> tuple[str, str, str]:
    """Aligned words before, inside and after a stretch; a word belongs where its middle is."""
    parts: tuple[list[str], list[str], list[str]] = ([], [], [])
    for word, first, last in words:
        middle = (first + last) / 2
        parts[(middle >= start) + (middle >= end)].append(word)
    before, there, after = (" ".join(part) for part in parts)
    return before, there, after


def words_exceed_sight(draft: Draft, clip: Clip, model: ModelSummary) -> bool:
    """Whether there are more words than the model sees at a time."""
    if model.version is None:
        return False
    texts = [draft.new_words]
    if draft.kind == "continue":
        texts.append(clip.lyrics)
    elif draft.kind == "relyric":
        texts += [draft.words_before, draft.words_after]
    # Around the moment that it is at, it sees half of what it can on each side.
    most = model.lyric_tokens // 2 if model.centred_lyrics else model.lyric_tokens
    return sum(len(clean_lyrics(text, model.version)) for text in texts) >= most


def seen_words(
    draft: Draft, clip: Clip, model: ModelSummary, at_share: float
) -> tuple[int, int] | None:
    """Which characters of the new words the model sees, as (first, end) of `new_words`.

    `at_share`: how far into the new words' stretch the middle of the model's window lies, 0 to 1.
    As `told.py` has it, words go evenly over the time they are sung in. None where the model knows
    no words or none are given; (n, n) where it sees only what is around them.
    """
    version = model.version
    if version is None or not model.has_lyrics or draft.voice != "words":
        return None
    begin, end = _sung_seconds(draft, clip)
    length = clip.length_samples / clip.rate_hz
    before, after = "", ""
    if draft.kind == "continue":
        before = clip.lyrics
    elif draft.kind == "relyric":
        before, after = draft.words_before, draft.words_after
    cleaned = [clean_lyrics(text, version) for text in (before, draft.new_words, after)]
    edges = [(min(0.0, begin), begin), (begin, end), (end, max(end, length))]
    times: list[float] = []
    first = 0
    for number, (part, (a, b)) in enumerate(zip(cleaned, edges, strict=True)):
        if part and times:
            times.append(a)  # the line break between them
        if number == 1:
            first = len(times)
        times += even_times(part, a, b).tolist()
    middle = begin + (end - begin) * at_share
    window = sung_window(np.array(times), model.lyric_tokens, middle, centred=model.centred_lyrics)
    seen = window[window >= 0] - first
    lengths = [_cleaned_length(c, version) for c in draft.new_words]
    ends = list(accumulate(lengths))
    if not len(seen) or not ends:
        return (0, 0)
    low, high = int(seen[0]), int(seen[-1]) + 1
    # Characters that are left out belong to what is before them.
    start = next((i for i, last in enumerate(ends) if last > low), len(ends)) if low > 0 else 0
    stop = next((i + 1 for i, last in enumerate(ends) if last >= high), len(ends))
    return (start, stop) if high > 0 and start < stop else (start, start)


@lru_cache(maxsize=4096)
def _cleaned_length(character: str, version: Version) -> int:
    return len(clean_lyrics(character, version))


def shown_name(name: str) -> str:
    """How people read the name of a label table: `marine_baklund` is Marine Baklund."""
    return capwords(name.replace("_", " "))


@dataclass(frozen=True)
class SyllableCounts:
    """Of old and new words, by line as typed."""

    old: tuple[int | None, ...] = ()
    """None where a line has no words."""
    new: tuple[int | None, ...] = ()
    mismatched: frozenset[int] = frozenset()
    """Lines of the new words that do not fit their old ones."""
    sentence: str = ""


def syllable_counts(old: str, new: str) -> SyllableCounts:
    """Takes a second the first time, for the dictionary: call it in a thread."""
    from jukebox_studio import syllables

    def by_line(text: str) -> tuple[int | None, ...]:
        language = syllables.language_of(text)
        return tuple(syllables.count(line, language) or None for line in text.split("\n"))

    if not old.strip() or not new.strip():
        return SyllableCounts(by_line(old), by_line(new))
    compared, counts = syllables.compare(old, new), by_line(new)
    sung = [number for number, syllable_count in enumerate(counts) if syllable_count]
    wrong = {m.line - 1 for m in compared.mismatches}
    return SyllableCounts(
        by_line(old),
        counts,
        frozenset(number for place, number in enumerate(sung) if place in wrong),
        compared.sentence() or "",
    )
