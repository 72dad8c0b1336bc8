"""What is asked of the engine: frozen, complete, and the same JSON every time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, TypeAdapter, with_config

from jukebox_studio.clip import Clip
from jukebox_studio.drawing import Drawing, Leading, check_guidance
from jukebox_studio.edges import checked
from jukebox_studio.errors import JukeboxError
from jukebox_studio.model.config import Precision
from jukebox_studio.style import Style

MOST_VARIANTS = 64
MOST_CANDIDATES = 64
REQUEST_VERSION = 1

FileFormat = Literal["wav", "wav-float", "flac"]
FILE_FORMATS: dict[FileFormat, tuple[str, str]] = {
    "wav": (".wav", "PCM_24"),
    "wav-float": (".wav", "FLOAT"),
    "flac": (".flac", "PCM_24"),
}
"""Suffix, and libsndfile's name of how samples are stored."""

Schedule = Literal["parallel", "exact"]
"""How the windows of a level are sampled: one after the other as published, or those of the levels
below the top side by side, many times as fast, with joints in their codes."""

_STRICT = ConfigDict(extra="forbid")

Lyrics = Annotated[str, Field(max_length=100_000)]


@with_config(_STRICT)
@dataclass(frozen=True)
class Sampling:
    """How codes are drawn. What is None is as the model recommends for the level."""

    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    """Who says one of top-k and top-p has said both: the other is off."""
    schedule: Schedule = "parallel"

    def __post_init__(self) -> None:
        self.over(Drawing())  # which knows the limits

    def over(self, recommended: Drawing) -> Drawing:
        """With what is left open as recommended."""
        temperature = recommended.temperature if self.temperature is None else self.temperature
        if self.top_k is None and self.top_p is None:
            return Drawing(temperature, recommended.top_k, recommended.top_p)
        return Drawing(temperature, self.top_k or 0, self.top_p or 0.0)

    def settled(self, recommended: Drawing) -> Sampling:
        """The same with nothing left open."""
        drawing = self.over(recommended)
        return Sampling(drawing.temperature, drawing.top_k, drawing.top_p, self.schedule)


@with_config(_STRICT)
@dataclass(frozen=True)
class Guidance:
    """How hard the model is led towards style and words: 0 is not at all, each costs a row more.

    None is as the model recommends, where there is something to lead to. Classifier-free guidance
    (Ho and Salimans 2022); see `sampling.guidance.guide`.
    """

    style: float | None = None
    lyrics: float | None = None

    def __post_init__(self) -> None:
        check_guidance(self.style or 0.0, self.lyrics or 0.0)

    def over(self, recommended: Leading) -> Leading:
        """With what is left open as recommended."""
        return Leading(
            recommended.style if self.style is None else self.style,
            recommended.lyrics if self.lyrics is None else self.lyrics,
        )

    def leading(self, recommended: Leading, style: Style, *, sings: bool) -> Leading:
        """How hard the model is led that recommends this: of itself only to what is named."""
        names_style = bool(style.artist_names or style.genre_names)
        return self.over(
            Leading(
                recommended.style if names_style else 0.0,
                recommended.lyrics if sings else 0.0,
            )
        )


@with_config(_STRICT)
@dataclass(frozen=True)
class Place:
    """Where the clip lies in its song, as the model is told: edits what the DAW says."""

    song_seconds: float
    clip_start_seconds: float

    def __post_init__(self) -> None:
        if not 0.0 < self.song_seconds <= 86_400.0:
            raise JukeboxError(f"A song cannot last {self.song_seconds:g} s.")
        if not 0.0 <= self.clip_start_seconds < self.song_seconds:
            raise JukeboxError(
                f"A clip cannot start at {self.clip_start_seconds:g} s of a song of "
                f"{self.song_seconds:g} s."
            )


@with_config(_STRICT)
@dataclass(frozen=True)
class Span:
    """A stretch of the clip, in samples at its own rate from its first one; the end is left out."""

    start_samples: int
    end_samples: int

    def __post_init__(self) -> None:
        if not 0 <= self.start_samples < self.end_samples:
            raise JukeboxError(
                f"The span from sample {self.start_samples:,} to {self.end_samples:,} is empty; "
                "select some music inside the clip."
            )


def checked_keep(keep: float) -> float:
    """JukeboxError outside 0 (new) to 1 (the same)."""
    if not 0.0 <= keep <= 1.0:
        raise JukeboxError(f"Keep goes from 0 (new) to 1 (the same), not {keep:g}.")
    return keep


# Operations --------------------------------------------------------------------------------------


@with_config(_STRICT)
@dataclass(frozen=True)
class Continue:
    """Go on where the clip stops."""

    kind: ClassVar = "continue"
    length: float
    unit: Literal["bars", "beats", "seconds"] = "bars"
    """Bars end on a bar line: a bar that the clip leaves begun is finished first."""

    def __post_init__(self) -> None:
        longest = {"bars": 10_000.0, "beats": 100_000.0, "seconds": 36_000.0}[self.unit]
        if not 0.0 < self.length <= longest:
            raise JukeboxError(
                f"Ask for a number of {self.unit} above 0 and at most {longest:,.0f}, "
                f"not {self.length:g}."
            )


@with_config(_STRICT)
@dataclass(frozen=True)
class Restyle:
    """The clip again, in another style."""

    kind: ClassVar = "restyle"
    keep: float = 0.5
    """0: only the start of the clip guides it; 1: the clip's own codes."""

    def __post_init__(self) -> None:
        checked_keep(self.keep)


@with_config(_STRICT)
@dataclass(frozen=True)
class Relyric:
    """A span of the clip sung again, with the request's lyrics."""

    kind: ClassVar = "relyric"
    span: Span
    keep: float = 0.3
    words_before: Lyrics = ""
    """What the clip sings before the span, as far as it is known."""
    words_there: Lyrics = ""
    """What it sings in the span so far: its syllables are compared with the new ones."""
    words_after: Lyrics = ""

    def __post_init__(self) -> None:
        checked_keep(self.keep)


@with_config(_STRICT)
@dataclass(frozen=True)
class Vary:
    """Spans of the clip made anew inside what stands around them."""

    kind: ClassVar = "vary"
    spans: tuple[Span, ...]
    keep: float = 0.0
    candidates: int = 4
    """Tops sampled for each variant, of which the one that leads best to what follows is kept."""

    def __post_init__(self) -> None:
        checked_keep(self.keep)
        if not self.spans:
            raise JukeboxError("Nothing is selected; select a stretch of the clip to vary.")
        if not 1 <= self.candidates <= MOST_CANDIDATES:
            raise JukeboxError(
                f"Ask for 1 to {MOST_CANDIDATES} candidates a variant, not {self.candidates}."
            )
        for before, after in zip(self.spans, self.spans[1:], strict=False):
            if after.start_samples < before.end_samples:
                raise JukeboxError("The spans to vary overlap or are out of order; join them.")


@with_config(_STRICT)
@dataclass(frozen=True)
class Upsample:
    """A preview in full quality: the lower levels under the top codes that it has."""

    kind: ClassVar = "upsample"


Operation = Continue | Restyle | Relyric | Vary | Upsample
OPERATIONS: dict[str, type[Operation]] = {
    kind.kind: kind for kind in (Continue, Restyle, Relyric, Vary, Upsample)
}


@with_config(_STRICT)
@dataclass(frozen=True)
class Request:
    """One render, completely."""

    clip: Clip
    operation: Operation
    codes_path: Path | None = None
    """The codes of the variant that the clip is (`VariantFinished.codes_path`): the operation then
    starts from them, and what was made is never encoded again."""
    style: Style = field(default_factory=Style)
    lyrics: Lyrics | None = None
    """None leaves open what is sung; empty lyrics ask for music without a voice."""
    guidance: Guidance = field(default_factory=Guidance)
    sampling: Sampling = field(default_factory=Sampling)
    sampling_by_level: dict[int, Sampling] = field(default_factory=dict)
    """Levels that are drawn otherwise than `sampling` says."""
    place: Place | None = None
    variants: int = 3
    first_variant: int = 0
    """The number of the first: variant 3 of a seed alone is `first_variant=3, variants=1`."""
    seed: int = 0
    preview_only: bool = False
    """Stop when the top level is made; `Upsample` goes on from there."""
    width: float = 1.0
    """Of a stereo clip's results: 1 is as wide as the clip, 0 is mono in both channels."""
    to_grid: bool = False
    """Whether a result whose onsets lie off the beat is stretched onto it."""
    file_format: FileFormat = "wav"
    precision: Precision = "float32"
    """int8 is faster, float16 takes half the memory of a GPU; both draw a little otherwise."""
    date: datetime | None = None
    """When it was asked for; it goes into the file."""

    def __post_init__(self) -> None:
        if not 1 <= self.variants <= MOST_VARIANTS:
            raise JukeboxError(f"Ask for 1 to {MOST_VARIANTS} variants, not {self.variants}.")
        if not 0 <= self.first_variant < 2**16:
            raise JukeboxError(f"Variants count from 0 to 65,535, not {self.first_variant}.")
        if not 0 <= self.seed < 2**64:
            raise JukeboxError(f"A seed is a whole number from 0 to 2^64 - 1, not {self.seed}.")
        if not 0.0 <= self.width <= 2.0:
            raise JukeboxError(
                f"The stereo width goes from 0 (mono) to 2 (twice the clip's), not {self.width:g}."
            )
        if isinstance(self.operation, Upsample) and self.codes_path is None:
            raise JukeboxError("There are no codes to upsample; choose a variant.")
        if isinstance(self.operation, Upsample) and self.preview_only:
            raise JukeboxError("A preview of upsampling is what is there already.")

    def sampling_of(self, level: int) -> Sampling:
        return self.sampling_by_level.get(level, self.sampling)

    def leading(self, recommended: Leading) -> Leading:
        """How hard the model is led that recommends this."""
        return self.guidance.leading(recommended, self.style, sings=bool(self.lyrics))

    def settled(self, recommended: Mapping[int, Drawing], leading: Leading) -> Request:
        """The same with nothing left open, for a model with these levels that recommends this.

        Settled once, it stays as it is whatever is recommended later.
        """
        every = {n: self.sampling_of(n).settled(of) for n, of in recommended.items()}
        top = every.get(max(every, default=0), self.sampling)
        others = {n: sampling for n, sampling in every.items() if sampling != top}
        unknown = {n: s for n, s in self.sampling_by_level.items() if n not in every}
        led = self.leading(leading)
        return replace(
            self,
            sampling=top,
            sampling_by_level=others | unknown,
            guidance=Guidance(led.style, led.lyrics),
        )

    def drawn_as(self, other: Request) -> Request:
        """The same with the sampling and guidance of another."""
        return replace(
            self,
            sampling=other.sampling,
            sampling_by_level=other.sampling_by_level,
            guidance=other.guidance,
        )

    @property
    def variant_numbers(self) -> range:
        return range(self.first_variant, self.first_variant + self.variants)

    def to_json(self) -> dict[str, Any]:
        data: dict[str, Any] = _REQUEST.dump_python(self, mode="json", exclude={"operation"})
        operation = _OPERATIONS[self.operation.kind].dump_python(self.operation, mode="json")
        data["clip"] = self.clip.to_json()
        return {
            "version": REQUEST_VERSION,
            "operation": {"kind": self.operation.kind, **operation},
            **data,
        }


_REQUEST = TypeAdapter(Request)


_OPERATIONS = {name: TypeAdapter[Any](kind) for name, kind in OPERATIONS.items()}


def request_from_json(data: Any) -> Request:
    """The request that `to_json` wrote. JukeboxError names the field that is wrong."""
    if not isinstance(data, dict) or data.get("version") != REQUEST_VERSION:
        found = data.get("version") if isinstance(data, dict) else None
        raise JukeboxError(
            f"The request has version {found!r}, this program reads version {REQUEST_VERSION}."
        )
    what = "The request cannot be read"
    values = {key: value for key, value in data.items() if key != "version"}
    asked = values.get("operation")
    kind = OPERATIONS.get(asked.get("kind", "")) if isinstance(asked, dict) else None
    if not isinstance(asked, dict) or kind is None:
        name = asked.get("kind") if isinstance(asked, dict) else asked
        raise JukeboxError(f"{what}: there is no operation {name!r}.")
    arguments = {key: value for key, value in asked.items() if key != "kind"}
    values["operation"] = checked(_OPERATIONS[kind.kind], arguments, what)
    if "clip" in values:
        values["clip"] = Clip.from_json(values["clip"])
    return checked(_REQUEST, values, what)
