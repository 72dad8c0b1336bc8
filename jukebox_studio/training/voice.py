"""Is somebody singing? silero-vad (MIT), through onnxruntime."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from jukebox_studio import audio
from jukebox_studio.training.extra import from_extra

RATE_HZ = 16_000
FRAME_SAMPLES = 512
CONTEXT_SAMPLES = 64
"""Of the frame before, which the model is given again."""
LIKELY = 0.5
LEAST_SECONDS = 0.25
"""A voice is heard where it is likely for so long without a break."""

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Heard:
    share: float
    """Of the frames in which a voice is likely."""
    longest_seconds: float

    @property
    def voice(self) -> bool:
        return self.longest_seconds >= LEAST_SECONDS


class VoiceDetector:
    def __init__(self) -> None:
        runtime = from_extra("onnxruntime", "Hearing voices")
        # Found, not imported: the package's own code is not needed.
        found = importlib.util.find_spec("silero_vad")
        if found is None or found.origin is None:
            from_extra("silero_vad", "Hearing voices")
            raise AssertionError("a package without a place")
        options = runtime.SessionOptions()
        options.inter_op_num_threads = options.intra_op_num_threads = 1
        model = Path(found.origin).parent / "data" / "silero_vad.onnx"
        self._session = runtime.InferenceSession(
            str(model), options, providers=["CPUExecutionProvider"]
        )

    def hear(self, samples: Samples, rate_hz: int) -> Heard:
        """Of mono sound."""
        likely = self.probabilities(samples, rate_hz) >= LIKELY
        longest = run = 0
        for frame in likely:
            run = run + 1 if frame else 0
            longest = max(longest, run)
        share = float(likely.mean()) if len(likely) else 0.0
        return Heard(share, longest * FRAME_SAMPLES / RATE_HZ)

    def probabilities(self, samples: Samples, rate_hz: int) -> NDArray[np.float32]:
        """The chance of a voice in each frame of 32 ms: Array[frames]."""
        sound = audio.resample(samples.astype(np.float32), rate_hz, RATE_HZ)
        frames = sound[: len(sound) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
        state = np.zeros((2, 1, 128), np.float32)
        before = np.zeros(CONTEXT_SAMPLES, np.float32)
        found = np.zeros(len(frames), np.float32)
        for i, frame in enumerate(frames):
            given = {
                "input": np.concatenate([before, frame])[None],
                "state": state,
                "sr": np.array(RATE_HZ, np.int64),
            }
            chance, state = self._session.run(None, given)
            found[i] = float(chance[0, 0])
            before = frame[-CONTEXT_SAMPLES:]
        return found
