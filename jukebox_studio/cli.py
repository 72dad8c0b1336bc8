"""The commands. Each is imported only when it is called, so that help needs no torch."""

from __future__ import annotations

import io
import os
import sys
from importlib.metadata import version
from pathlib import Path

from cyclopts import App, CycloptsError

from jukebox_studio.command_types import sentence
from jukebox_studio.errors import JukeboxError

BAD_INPUT_EXIT_CODE = 2

app = App(
    name="jukebox-studio",
    help="Continue, blend and re-sing music with a Jukebox model.",
    version=lambda: version("jukebox-studio"),
)
app.command("jukebox_studio.operation_commands:continue_clip", name="continue")
for operation in ("restyle", "relyric", "vary", "upsample"):
    app.command(f"jukebox_studio.operation_commands:{operation}", name=operation)
app.command("jukebox_studio.queue_command:app", name="queue")
app.command("jukebox_studio.queue_command:resume", name="resume")
app.command("jukebox_studio.info_command:info", name="info")
app.command("bridge.headless_command:run_bridge", name="bridge")
app.command("bridge.daw_command:app", name="daw")
# The second name is what a DAW is told to start, with the file after it.
app.command("bridge.editor_command:edit_file", name=["edit", "--edit"])
app.command("jukebox_studio.models_cli:app", name="models")
app.command("jukebox_studio.session_command:app", name="session")
app.command("jukebox_studio.training.evaluate_command:evaluate_bundle", name="evaluate")
app.command("jukebox_studio.training.commands:app", name="train")
app.command("jukebox_studio.reference.command:check_reference", name="check-reference")


@app.default
def open_window() -> None:
    """Open the window, which is what `jukebox-studio` without a command does."""
    window()


@app.command
def window(*paths: Path) -> None:
    """Open the window.

    Parameters
    ----------
    paths
        Folders of projects, of which the first is opened, or audio files to add.
    """
    try:
        from ui.app import run
    except ModuleNotFoundError as error:
        raise JukeboxError(
            f"The window needs {error.name}, which is not installed; install "
            "'jukebox-studio[window]'. The other commands work without it."
        ) from error
    sys.exit(run([path.absolute() for path in paths]))


def main() -> None:
    """Run one command. A JukeboxError is one sentence on stderr and exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A pipe on Windows has few characters; a name outside them must not end a render.
            stream.reconfigure(errors="backslashreplace")
    try:
        app(exit_on_error=False, print_error=False)
        sys.stdout.flush()
    except BrokenPipeError:  # who reads this has enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except CycloptsError as error:
        print(sentence(error), "See --help.", file=sys.stderr)
        sys.exit(BAD_INPUT_EXIT_CODE)
    except JukeboxError as error:
        print(error, file=sys.stderr)
        sys.exit(BAD_INPUT_EXIT_CODE)
    except KeyboardInterrupt:
        sys.exit(130)
