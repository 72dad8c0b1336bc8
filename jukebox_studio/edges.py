"""What arrives from a file or over the network is checked by pydantic and refused in a sentence."""

from __future__ import annotations

from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from jukebox_studio.errors import JukeboxError

T = TypeVar("T")


def checked(kind: TypeAdapter[T], data: object, what: str) -> T:
    """`data` as `kind`; JukeboxError that begins with `what` and names the first field at fault."""
    try:
        return kind.validate_python(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise JukeboxError(f"{what}: {where + ': ' if where else ''}{first['msg']}.") from error
