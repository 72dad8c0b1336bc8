"""Adam as the original trained with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor


class JukeboxAdam(torch.optim.Optimizer):
    """Adam (Kingma and Ba 2015) with two twists that torch's own Adam does not have.

    epsilon is added to sqrt(v) *before* the bias correction, and weight decay moves a parameter by
    -step_size * weight_decay * p, with the bias-corrected step size.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 3e-4,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step over all parameters that have a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            self._step_group(group)
        return loss

    def _step_group(self, group: dict[str, Any]) -> None:
        params = [p for p in group["params"] if p.grad is not None]
        if not params:
            return
        grads = [p.grad for p in params]
        for p in params:
            if not self.state[p]:
                self.state[p].update(step=0, m=torch.zeros_like(p), v=torch.zeros_like(p))
            self.state[p]["step"] += 1
        m = [self.state[p]["m"] for p in params]
        v = [self.state[p]["v"] for p in params]
        beta1, beta2 = group["betas"]
        step = self.state[params[0]]["step"]

        torch._foreach_lerp_(m, grads, 1 - beta1)
        torch._foreach_mul_(v, beta2)
        torch._foreach_addcmul_(v, grads, grads, 1 - beta2)
        denominator = torch._foreach_sqrt(v)
        torch._foreach_add_(denominator, group["eps"])

        step_size = group["lr"] * math.sqrt(1 - beta2**step) / (1 - beta1**step)
        change = torch._foreach_div(m, denominator)
        if group["weight_decay"]:
            torch._foreach_add_(change, params, alpha=group["weight_decay"])
        torch._foreach_add_(params, change, alpha=-step_size)
