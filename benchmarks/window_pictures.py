"""Pictures of the window for the documentation, and to look at.

python benchmarks/window_pictures.py docs/images              # renders with the starter first
python benchmarks/window_pictures.py docs/images --project F  # of a project that is there; a copy

Everything in them is real: the demo clip, and what the installed starter makes of it. Each size and
scale is taken in a process of its own, since Qt reads the scale when it starts. pngquant makes the
files small where it is installed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

RENDER_SECONDS = 1_800
LOOKS = {
    # name: width, height, scale, theme
    "dark": (1280, 800, 1, "dark"),
    "light": (1280, 800, 1, "light"),
    "large-dark": (2560, 1440, 1, "dark"),
    "large-light": (2560, 1440, 1, "light"),
    "scaled-dark": (1280, 720, 2, "dark"),
}
IN_ALL_LOOKS = ("continue", "long-names", "empty", "bad-input")
"""The other pictures are taken of the first look alone."""
LONG_NAME = "Take 14, the slow one with the broken tambourine, after the rain, second chorus"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--project", type=Path)
    arguments.add_argument("--look", choices=LOOKS)
    told = arguments.parse_args()
    told.out.mkdir(parents=True, exist_ok=True)
    if told.look:
        take(told.out, told.look, told.project)
        return
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "My first song"
        if told.project:
            shutil.copytree(told.project, project)
        for look, (_, _, scale, _) in LOOKS.items():
            environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
            if scale != 1:
                environment["QT_SCALE_FACTOR"] = str(scale)
            command = [sys.executable, __file__, str(told.out), "--look", look]
            subprocess.run([*command, "--project", str(project)], env=environment, check=True)
    if pngquant := shutil.which("pngquant"):
        pictures = [str(path) for look in LOOKS for path in told.out.glob(f"*-{look}.png")]
        subprocess.run([pngquant, "--force", "--ext", ".png", "--strip", *pictures], check=True)


def take(out: Path, look: str, project: Path) -> None:
    """All pictures of one look."""
    from PyQt6.QtWidgets import QWidget

    from ui.app import application, make_window
    from ui.first_start import demo_clip, is_project

    width, height, _, theme = LOOKS[look]
    home = Path(tempfile.mkdtemp())
    os.environ["XDG_CONFIG_HOME"] = os.environ["XDG_DATA_HOME"] = str(home)
    os.environ["JUKEBOX_STUDIO_EXPORTS"] = str(home / "exports")
    app = application()
    window = make_window(app, home / "log")
    # What a machine without sound says is not what the picture is about.
    window.player.device_lost.disconnect(window.statuses.device_lost)
    # Nor is another window that listens for the DAW on this machine.
    window.daw.stop_bridge()
    window.daw.fault = ""
    window.store.change(theme=theme, was_toured=True)
    window.statuses.show_daw()
    window.resize(width, height)
    window.show()

    def wait(until: Callable[[], bool], most_seconds: float = 60.0) -> None:
        end = time.monotonic() + most_seconds
        while not until():
            if time.monotonic() > end:
                raise SystemExit(f"waited in vain for {until}")
            app.processEvents()
            time.sleep(0.01)

    def settle(seconds: float = 1.5) -> None:
        end = time.monotonic() + seconds
        wait(lambda: time.monotonic() > end)

    def picture(name: str, widget: QWidget | None = None, *, quiet: bool = True) -> None:
        if look != next(iter(LOOKS)) and name not in IN_ALL_LOOKS:
            return
        if quiet:
            window.messages.clear()
        settle()
        (widget or window).grab().save(str(out / f"{name}-{look}.png"))

    window.new_project(home / "An empty song")
    wait(lambda: window.project is not None and window.model is not None)
    picture("empty")
    if is_project(project):
        window.open_project(project)
    else:
        window.new_project(project)
        wait(lambda: "first" in window.windowTitle())
        assert window.project is not None
        window.project.add_file(demo_clip())
    wait(lambda: window.clip_id is not None and window.model is not None)
    if not window.history.model.nodes:
        window.request_panel.length.setValue(1)
        window.generate()
        wait(lambda: len(window.history.model.nodes) == 3, RENDER_SECONDS)
        assert window.project is not None
        window.project.rate([2], 4)
        window.project.note(2, "good end, use this")
    wait(lambda: len(window.timeline.lanes()) > 1)
    window.timeline.zoom_to_fit()
    window.hear(window.timeline.lanes()[2].id)
    picture("continue")
    window.shortcuts.actions["spectrum"].trigger()
    picture("spectrogram")
    window.shortcuts.actions["spectrum"].trigger()

    project_of_clip, clip_id = window.project, window.clip_id
    assert project_of_clip is not None
    assert clip_id is not None
    project_of_clip.rename_clip(clip_id, LONG_NAME)
    project_of_clip.rename(1, LONG_NAME)
    project_of_clip.note(3, LONG_NAME)
    picture("long-names")
    for _ in range(3):
        project_of_clip.undo()

    pad = window.request_panel.style_pad
    window.request_panel.operation_buttons["restyle"].click()
    names = window.model.artists if window.model else ()
    for name in names[:2]:
        pad.add("artists", name)
    picture("blend")
    window.request_panel.operation_buttons["relyric"].click()
    window.timeline.set_selection(2.0, 6.0)
    window.timeline.selection_changed.emit(2.0, 6.0)
    lyrics = window.request_panel.lyrics
    lyrics.old.setPlainText("Steam and iron all night long\nhammers sing a working song")
    lyrics.new.setPlainText("Rain is falling on the town\nslow machines are winding down")
    picture("re-sing")
    window.timeline.set_selection(0.0, 0.0)
    window.timeline.selection_changed.emit(0.0, 0.0)
    window.request_panel.operation_buttons["continue"].click()

    window.pages.show_tour()
    picture("tour")
    assert window.pages.tour is not None
    window.pages.tour.end()
    window.pages.show_models()
    assert window.pages.models is not None
    picture("models", window.pages.models)
    window.pages.models.close()
    window.pages.show_settings()
    assert window.pages.settings is not None
    picture("settings", window.pages.settings)
    window.pages.settings.tabs.setCurrentIndex(3)
    picture("midi", window.pages.settings)
    window.pages.settings.close()
    window.pages.show_keys()
    picture("keys", window.pages.keys)
    window.pages.keys.close()
    window.add_files([project / "not there.wav", project])
    wait(lambda: len(window.messages.messages) > 1)
    picture("bad-input", quiet=False)
    window.close()
    shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    main()
