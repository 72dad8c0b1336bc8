"""A sound server of one's own, whose sink leads nowhere. Linux with PulseAudio."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from pathlib import Path


def null_sink(folder: Path, stack: contextlib.ExitStack, rate_hz: int) -> dict[str, str]:
    """Starts it, until `stack` is closed; the environment in which programs play to it.

    Its monitor, `null.monitor`, can be recorded.
    """
    socket = folder / "native"
    alsa = folder / "asound.conf"
    alsa.write_text(
        "</usr/share/alsa/alsa.conf>\n"
        f'pcm.!default {{ type pulse server "unix:{socket}" }}\n'
        f'ctl.!default {{ type pulse server "unix:{socket}" }}\n',
        encoding="utf-8",
    )
    environment = os.environ | {
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder),
        "PULSE_SERVER": f"unix:{socket}",
        "ALSA_CONFIG_PATH": str(alsa),
    }
    server = subprocess.Popen(
        [
            *("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"),
            *("--disable-shm=yes", "-L", f"module-native-protocol-unix socket={socket}", "-L"),
            f"module-null-sink sink_name=null rate={rate_hz} format=float32le channels=2",
        ],
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    stack.callback(server.wait)
    stack.callback(server.terminate)
    while not socket.exists():
        time.sleep(0.1)
    return environment
