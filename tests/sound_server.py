"""A sound server of a test's own: PulseAudio, a sink that leads nowhere, and what it was given."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from real_programs import cannot, needed, running

RATE_HZ = 48_000
ALSA_MODULES = ("usr/lib*/alsa-lib", "usr/lib/*/alsa-lib")


@dataclass(frozen=True)
class Recorder:
    """Everything the sink was given, as the file grows."""

    file: Path
    environment: dict[str, str]
    """What leads a program to this server, be it through ALSA."""

    def heard(self, start_samples: int = 0) -> np.ndarray:
        """[T, 2], from a sample of the recording on."""
        count = self.length_samples - start_samples
        values = np.fromfile(self.file, "<f4", 2 * count, offset=8 * start_samples)
        return values.reshape(-1, 2)

    @property
    def length_samples(self) -> int:
        return self.file.stat().st_size // 8


def needed_for_sound() -> None:
    needed("pulseaudio", package="pulseaudio")
    needed("parec", "pactl", package="pulseaudio-utils")
    module = "libasound_module_pcm_pulse.so"
    if not any(any(Path("/").glob(f"{folder}/{module}")) for folder in ALSA_MODULES):
        cannot("ALSA cannot reach PulseAudio (Debian's package libasound2-plugins)")


@contextmanager
def sound_server(folder: Path) -> Iterator[Recorder]:
    """PortAudio reaches it through ALSA, PulseAudio's own programs directly."""
    needed_for_sound()
    socket, alsa, recording = folder / "native", folder / "asound.conf", folder / "recording.f32"
    alsa.write_text(
        "</usr/share/alsa/alsa.conf>\n"
        f'pcm.!default {{ type pulse server "unix:{socket}" }}\n'
        f'ctl.!default {{ type pulse server "unix:{socket}" }}\n',
        encoding="utf-8",
    )
    environment = {
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder),
        "PULSE_SERVER": f"unix:{socket}",
        "ALSA_CONFIG_PATH": str(alsa),
    }
    with ExitStack() as stack:
        whole = os.environ | environment
        server = stack.enter_context(
            running(
                *("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1"),
                *("--use-pid-file=no", "-L"),
                f"module-native-protocol-unix socket={socket} auth-anonymous=1",
                *("-L", "module-null-sink sink_name=null rate=48000 format=float32le channels=2"),
                environment=whole,
            )
        )
        give_up = time.monotonic() + 30
        asked = ("pactl", "info")
        while subprocess.run(asked, env=whole, capture_output=True, check=False).returncode:
            assert server.poll() is None, "pulseaudio ended"
            assert time.monotonic() < give_up, "pulseaudio does not answer"
            time.sleep(0.1)
        format_of = ("--format=float32le", "--rate=48000", "--channels=2", "--latency-msec=200")
        command = ["parec", "-d", "null.monitor", *format_of]
        with recording.open("wb") as file:
            parec = subprocess.Popen(command, stdout=file, stderr=subprocess.DEVNULL, env=whole)
        stack.callback(parec.wait)
        stack.callback(parec.terminate)
        while recording.stat().st_size == 0:
            assert parec.poll() is None, "parec ended"
            assert time.monotonic() < give_up, "parec records nothing"
            time.sleep(0.1)
        yield Recorder(recording, environment)
