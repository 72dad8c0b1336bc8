"""Jukebox Studio's remote script. It runs in Live's Python: 3.11 in Live 12, 3.7 in Live 11.

`jukebox-studio daw install live` copies this folder, and a `settings.json` for the machine, into
Live's User Library. It imports nothing else of the project, and nothing that Live does not have.
"""

from __future__ import annotations

from typing import Any


def create_instance(c_instance: Any) -> Any:
    """What Live calls to start the script."""
    from .surface import JukeboxStudio  # Live's own modules are in Live only

    return JukeboxStudio(c_instance)
