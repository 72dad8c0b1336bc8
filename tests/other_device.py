"""A second device where there is none: tensors that say they are on a GPU and compute here.

As on a real one, what is given to an operation has to be on one device, and NumPy sees nothing of
it. Values are real, so that code may branch on them as it may on a GPU.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = torch.device("lazy:0")


class Elsewhere(Tensor):
    """`here` holds the values."""

    here: Tensor

    @staticmethod
    def __new__(cls, here: Tensor) -> "Elsewhere":
        made: Elsewhere = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            here.shape,
            strides=here.stride(),
            storage_offset=here.storage_offset(),
            dtype=here.dtype,
            device=DEVICE,
        )
        made.here = here
        return made

    def data_ptr(self) -> int:
        return self.here.data_ptr()

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:  # outside the mode: when a module is looked at
        with OtherDevice():
            return func(*args, **(kwargs or {}))


class OtherDevice(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        given = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
        there = [t for t in given if isinstance(t, Elsewhere)]
        name = func.overloadpacket.__name__
        if name == "_fused_sdp_choice":
            return 0  # the plain one, which every device has
        # An index may lie on the processor, and so may a number.
        must = given[:1] if name in ("index", "index_put_") else [t for t in given if t.dim()]
        if there and name != "copy_" and any(not isinstance(t, Elsewhere) for t in must):
            raise RuntimeError(f"{name}: tensors are on two devices.")
        to = kwargs.get("device")
        is_there = to.type == DEVICE.type if to is not None else bool(there)
        if name == "copy_":
            is_there = isinstance(args[0], Elsewhere)
        if to is not None:
            kwargs["device"] = torch.device("cpu")
        wrapped = {id(t.here): t for t in there}
        args, kwargs = tree_map(lambda x: x.here if isinstance(x, Elsewhere) else x, (args, kwargs))

        def back(x: Any) -> Any:
            if not isinstance(x, Tensor) or not is_there:
                return x
            return wrapped[id(x)] if id(x) in wrapped else Elsewhere(x)

        with torch.inference_mode(False), torch.no_grad():
            return tree_map(back, func(*args, **kwargs))


class _MadeHere(TorchFunctionMode):
    """torch.tensor asks no mode where to put things."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.tensor and (device := kwargs.pop("device", None)) is not None:
            return func(*args, **kwargs).to(device)
        return func(*args, **kwargs)


@contextmanager
def other_device() -> Iterator[None]:
    with OtherDevice(), _MadeHere():
        yield


def moved(module: nn.Module) -> nn.Module:
    """A module on the other device, in place."""
    for part in module.modules():
        for key, value in part._parameters.items():
            if value is not None:
                part._parameters[key] = nn.Parameter(Elsewhere(value.detach()), False)
        for key, buffer in part._buffers.items():
            if buffer is not None:
                part._buffers[key] = Elsewhere(buffer)
    return module
