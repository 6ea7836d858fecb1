"""The training loop. It keeps everything that a killed run needs to go on."""

from __future__ import annotations

import copy
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from xmemcore.engine.losses import dice, hard_cross_entropy, hardest_share
from xmemcore.engine.sequence import Roles, segment
from xmemcore.network.xmem import XMem
from xmemcore.training import record
from xmemcore.training.clips import ClipSource, choose_roles
from xmemcore.training.cores import Cores
from xmemcore.training.draw_torch import draw_on
from xmemcore.training.loader import Batch, Loader, Order
from xmemcore.training.recipe import Recipe
from xmemcore.training.sheet import overlaid, write_sheet
from xmemcore.training.start import freeze, optimiser
from xmemcore.training.state import write_state
from xmemcore.training.validate import Yardstick, measure


class Average:
    """An exponential average of a network's weights: smoother than those of the last step, and what is shipped.

    It follows quickly at first, so that the random start loses its weight soon.
    """

    def __init__(self, network: XMem, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._decay = decay

    @torch.no_grad()
    def follow(self, network: XMem, step: int) -> None:
        """Take in the weights after a step."""
        decay = min(self._decay, (1 + step) / (10 + step))
        for weight, trained in zip(self.network.parameters(), network.parameters(), strict=True):
            if trained.requires_grad:
                weight.lerp_(trained, 1 - decay)
        # Running statistics of batch norm are averages already.
        for averaged, new in zip(self.network.buffers(), network.buffers(), strict=True):
            averaged.copy_(new)


@dataclass(frozen=True)
class Length:
    """How long a training lasts: a number of steps, or minutes of work."""

    steps: int | None = None
    minutes: float | None = None

    def progress(self, step: int, seconds: float) -> float:
        """Give the share that is done, in [0, 1]."""
        done = step / self.steps if self.steps else seconds / (60 * (self.minutes or 1e-9))
        return min(1.0, done)


@dataclass(frozen=True)
class Habits:
    """Intervals, in seconds of work, of saving, validating and reporting."""

    checkpoint_seconds: float = 180
    validate_seconds: float = 480
    sheet_seconds: float = 300
    report_steps: int = 20
    draws_on_device: bool = False
    """Whether clips are drawn where the network is; then the processes only plan them."""
    workers: int = 1


class Trainer:
    """One run, in one folder."""

    def __init__(
        self, network: XMem, recipe: Recipe, length: Length, folder: Path, device: torch.device, habits: Habits, yardstick: Yardstick | None
    ) -> None:
        self.recipe, self.length, self.folder, self.device, self.habits = recipe, length, folder, device, habits
        self.network = network.to(device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
        freeze(self.network, recipe.frozen_blocks)
        self.average = Average(self.network, recipe.average)
        self.optimiser = optimiser(self.network, recipe)
        self.step = 0
        self.seconds = 0.0
        self._yardstick = yardstick
        self._clips = yardstick.clips() if yardstick else []
        self._due = {"checkpoint": habits.checkpoint_seconds, "validate": habits.validate_seconds, "sheet": 0.0}
        self._orders: dict[int, Order] = {}

    @property
    def progress(self) -> float:
        return self.length.progress(self.step, self.seconds)

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.network.load_state_dict(state["network"])
        self.average.network.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.seconds = state["step"], state["seconds"]
        self._due = {
            "checkpoint": self.seconds + self.habits.checkpoint_seconds,
            "validate": state["next_validation"],
            "sheet": state["next_sheet"],
        }
        for name in (record.LOSSES, record.VALIDATIONS):
            record.forget_after(self.folder / name, self.step)

    def run(self, make_source: Callable[[], ClipSource], stopped: Callable[[], bool]) -> bool:
        """Train until the length is reached, then validate and keep the last state.

        Args:
            make_source: of the clips; picklable.
            stopped: whether somebody asks to stop. The step in work is the last one then; the state is kept, so that the run can be
                resumed, unless there was no step yet.

        Returns:
            Whether the training was finished.
        """
        loader = Loader(make_source, self.habits.workers)
        ahead, asked = max(1, 3 * self.habits.workers), self.step
        cores = Cores(torch.get_num_threads() if self.device.type == "cpu" else 1)
        try:
            while self.progress < 1 and not stopped():
                began = time.perf_counter()
                while asked <= self.step + ahead:
                    self._ask(loader, asked)
                    asked += 1
                if (batch := loader.take(self.step, stopped)) is None:
                    break
                waited = time.perf_counter() - began
                self._train_on(batch, waited, began)
                cores.after_step()
                self._keep_house(batch, stopped)
        finally:
            loader.close()
        finished = self.progress >= 1 and self._validate(stopped)
        if self.step:
            self._checkpoint()
        return finished

    def _ask(self, loader: Loader, step: int) -> None:
        # With a length in steps the shape of a step depends on nothing else, so that a resumed run sees the same clips.
        progress = self.length.progress(step, self.seconds)
        shape, phase, in_order = self.recipe.shape(step, progress)
        self._orders[step] = Order(step, step * 64, phase.batch, shape, in_order, planned=self.habits.draws_on_device)
        loader.ask(self._orders[step])

    def _train_on(self, batch: Batch, waited: float, began: float) -> None:
        rng = np.random.default_rng([self.recipe.seed, 2, self.step])
        progress = self.progress
        order = self._orders.pop(self.step)
        objects = order.shape.objects
        roles = Roles(*choose_roles(rng, order.shape.frames, order.in_order, self.recipe.roles))
        factor = self.recipe.rate_at(self.step, progress)
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * factor
        frames, labels = self._drawn(batch)
        share = hardest_share(progress)
        crossed, overlapped, count = torch.zeros((), device=self.device), torch.zeros((), device=self.device), 0
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.precision == "bfloat16"):
            for t, competing in segment(self.network, frames, labels, objects, roles):
                crossed = crossed + hard_cross_entropy(competing, labels[:, t], share)
                overlapped = overlapped + dice(competing, labels[:, t])
                count += 1
        loss = (crossed + overlapped) / count
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_([p for p in self.network.parameters() if p.requires_grad], self.recipe.clip_gradient)
        if torch.isfinite(norm):
            self.optimiser.step()
            self.average.follow(self.network, self.step)
        entry = {
            "step": self.step,
            "loss": round(float(loss.detach()), 6),
            "dice": round(float(overlapped.detach()) / count, 6),
            "norm": round(float(norm), 4),
            "rate": round(factor * self.recipe.rate, 8),
            "clips": len(frames),
        }
        self.step += 1
        self.seconds += time.perf_counter() - began
        record.append(
            self.folder / record.LOSSES,
            entry | {"seconds": round(self.seconds, 2), "waited": round(waited, 3), "threads": torch.get_num_threads()},
        )
        if self.step % self.habits.report_steps == 0:
            self._report(entry)

    def _drawn(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Give frames (B, T, S, S, 3) uint8 and labels (B, T, S, S) on the device."""
        if batch.frames is not None and batch.labels is not None:
            return torch.from_numpy(batch.frames).to(self.device), torch.from_numpy(batch.labels).to(self.device).long()
        frames, labels = draw_on([clip.plan for clip in batch.plans], self.device)
        order = torch.from_numpy(np.stack([clip.order for clip in batch.plans])).to(self.device)
        rows = torch.arange(len(order), device=self.device).unsqueeze(1)
        return frames[rows, order], labels[rows, order].long()

    def _report(self, entry: dict[str, Any]) -> None:
        progress = max(self.progress, 1e-9)
        left = self.seconds * (1 - progress) / progress
        print(
            f"step {self.step}  loss {entry['loss']:.4f}  {100 * progress:.1f} %  "
            f"{self.seconds / 60:.1f} min done, {left / 60:.1f} min left",
            file=sys.stderr,
            flush=True,
        )

    def _keep_house(self, batch: Batch, stopped: Callable[[], bool]) -> None:
        """Save, validate and report when it is time. This counts as work, so that minutes are minutes of the clock."""
        began = time.perf_counter()
        if self.seconds >= self._due["sheet"]:
            self._due["sheet"] = self.seconds + self.habits.sheet_seconds
            self._draw_sheet(batch)
        if self.seconds >= self._due["validate"]:
            self._due["validate"] = self.seconds + self.habits.validate_seconds
            self._validate(stopped)
        if self.seconds >= self._due["checkpoint"]:
            self._due["checkpoint"] = self.seconds + self.habits.checkpoint_seconds
            self._checkpoint()
        self.seconds += time.perf_counter() - began

    def _validate(self, stopped: Callable[[], bool]) -> bool:
        """Measure and write down; returns False where `stopped` said so before the end."""
        if not self._clips or self._yardstick is None:
            return True
        figures = measure(self.average.network, self._clips, self._yardstick, stopped)
        if figures is None:
            return False
        record.append(self.folder / record.VALIDATIONS, {"step": self.step, "seconds": round(self.seconds, 1), **figures})
        print(f"step {self.step}  " + "  ".join(f"{name} {value:.3f}" for name, value in figures.items()), file=sys.stderr, flush=True)
        return True

    def _checkpoint(self) -> None:
        write_state(
            self.folder,
            {
                "network": self.network.state_dict(),
                "average": self.average.network.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "step": self.step,
                "seconds": self.seconds,
                "next_validation": self._due["validate"],
                "next_sheet": self._due["sheet"],
            },
        )
        losses, validations = record.entries(self.folder / record.LOSSES), record.entries(self.folder / record.VALIDATIONS)
        record.draw_curve(self.folder / "curve.png", losses, validations)

    @torch.no_grad()
    def _draw_sheet(self, batch: Batch) -> None:
        """Draw truth above prediction, one annotation each."""
        frames, labels = self._drawn(batch)
        length, objects = frames.shape[1], max(1, int(labels.max()))
        roles = Roles((True,) + (False,) * (length - 1), (True,) * length)
        pictures, truths = frames.cpu().numpy(), labels.to(torch.uint8).cpu().numpy()
        shown = [[overlaid(picture, truth) for picture, truth in zip(*clip)] for clip in zip(pictures, truths)]
        predicted = [[row[0]] for row in shown]
        for t, competing in segment(self.average.network, frames, labels, objects, roles):
            for clip, found in enumerate(competing.argmax(dim=1).to(torch.uint8).cpu().numpy()):
                predicted[clip].append(overlaid(pictures[clip, t], found))
        write_sheet(self.folder / f"sheet_{self.step:06d}.png", [row for pair in zip(shown, predicted) for row in pair])
