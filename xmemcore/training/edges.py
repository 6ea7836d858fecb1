"""Train the network of edges.

First pictures are drawn into `OUT/pictures`, each with what the guided filter makes of its answer; those that are there already stay. Then
the network learns to correct the filter; `OUT/edges.safetensors` is what ships. The terms of `--photographs` go into it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from xmemcore.network.checkpoint import save_weights
from xmemcore.network.edges import EdgeNetwork, enlarged
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.version import VERSION
from xmemcore.protocol.whole_file import whole
from xmemcore.shot.mattes.edges import BAND_CELLS, DECIDED, FAINTEST_SPREAD, fitted, undecided
from xmemcore.training import record
from xmemcore.training.edge_pictures import CELLS, EdgePictures
from xmemcore.training.start import spread
from xmemcore.training.stills import terms_of

SCALES = (2, 3, 2, 4, 3)
"""Pixels a cell, batch by batch."""
DRAWN_TOGETHER = 32
"""Pictures of a file, of which a step takes half."""
HELD_OUT = 5
"""Files, the first ones, that nothing is learned from."""
GENERATED = "generated pictures alone: no photograph has a part in these weights"
UNSAID = "photographs of unknown terms"
_RATE, _WARM_UP_STEPS, _AVERAGE = 2e-3, 100, 0.998
_EDGE_PIXELS = 4
"""Pixels around alpha strictly between 0 and 1, which count three times."""
_REPORT_STEPS = 100


@dataclass(frozen=True)
class Batch:
    """Pictures of one scale; S * CELLS pixels and CELLS cells a side."""

    picture: Tensor
    """(B, 3, H, W) in [0, 1]."""
    alpha: Tensor
    """(B, 1, H, W) in [0, 1]."""
    answer: Tensor
    """(B, 1, h, w) in [0, 1]."""
    filtered: Tensor
    """(B, 5, h, w): the filter's function, then its trust."""

    def turned(self, rng: np.random.Generator) -> Batch:
        """Turn and mirror it, and swap its colours: an edge is one whichever way it runs."""
        quarters, mirrored, colours = int(rng.integers(4)), bool(rng.random() < 0.5), torch.from_numpy(rng.permutation(3))

        def moved(planes: Tensor) -> Tensor:
            planes = torch.rot90(planes, quarters, (2, 3))
            return planes.flip(3) if mirrored else planes

        picture, filtered = moved(self.picture)[:, colours], moved(self.filtered)
        return Batch(picture, moved(self.alpha), moved(self.answer), torch.cat((filtered[:, :3][:, colours], filtered[:, 3:]), dim=1))


def draw_pictures(folder: Path, files: int, seed: int, photographs: Sequence[Path]) -> None:
    """Draw the pictures that a folder lacks; raises RequestError, OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    pictures = EdgePictures(seed, photographs)
    for number in range(files):
        path = folder / f"{number:04d}.npz"
        if path.exists():
            continue
        rng = np.random.default_rng([seed, number])
        drawn = [pictures.draw(rng, SCALES[number % len(SCALES)]) for _ in range(DRAWN_TOGETHER)]
        with whole(path) as file:
            np.savez(
                file,
                picture=np.stack([np.round(255 * each.picture).astype(np.uint8) for each in drawn]),
                alpha=np.stack([np.round(255 * each.alpha).astype(np.uint8) for each in drawn]),
                answer=np.stack([each.answer for each in drawn]).astype(np.float16),
                filtered=np.stack([_filtered(each.picture, each.answer) for each in drawn]),
            )


def _filtered(picture: np.ndarray, answer: np.ndarray) -> np.ndarray:
    """Give the filter's function and trust, (5, h, w) float32."""
    band = undecided(answer[None])
    function, trust = np.zeros((*answer.shape, 4), np.float32), np.zeros(answer.shape, np.float32)
    function[..., 3] = answer
    if band.any():
        cells = cv2.resize(picture, answer.shape[::-1], interpolation=cv2.INTER_AREA)
        function, trust = fitted(cv2.split(cells), answer.astype(np.float32), band)
    return np.dstack((function, trust)).transpose(2, 0, 1)


def read_batch(path: Path, chosen: np.ndarray) -> Batch:
    """Read some pictures of a file."""
    with np.load(path) as kept:
        picture, alpha = (torch.from_numpy(kept[name][chosen]).float() / 255 for name in ("picture", "alpha"))
        answer, filtered = torch.from_numpy(kept["answer"][chosen]).float(), torch.from_numpy(kept["filtered"][chosen])
    return Batch(picture.permute(0, 3, 1, 2), alpha[:, None], answer[:, None], filtered)


def solved(network: EdgeNetwork, batch: Batch) -> Tensor:
    """Refine the answers: alpha (B, 1, H, W). While it learns, a function may point a little beyond 0 and 1, so that it can come back."""
    cells, brightness = F.adaptive_avg_pool2d(batch.picture, CELLS), batch.picture.mean(dim=1, keepdim=True)
    variance = F.adaptive_avg_pool2d(brightness**2, CELLS) - F.adaptive_avg_pool2d(brightness, CELLS) ** 2
    spread_of_cells = (variance.clamp(min=0) + FAINTEST_SPREAD**2).sqrt()
    function, logit = network.corrected(cells, batch.answer, spread_of_cells, batch.filtered[:, :4], batch.filtered[:, 4:])
    return _asked(batch, function, torch.sigmoid(enlarged(logit, batch.picture)))


def _asked(batch: Batch, function: Tensor, trust: Tensor) -> Tensor:
    """Ask the pictures' own pixels: a function (B, 4, h, w) of the colours, trusted (B, 1, H, W) so far; alpha (B, 1, H, W)."""
    function, plain = enlarged(function, batch.picture), enlarged(batch.answer, batch.picture)
    fit = (function[:, :3] * batch.picture).sum(dim=1, keepdim=True) + function[:, 3:]
    fit = fit + (0.95 if torch.is_grad_enabled() else 1) * (fit.clamp(0, 1) - fit)
    return plain + trust * (fit - plain)


def errors(found: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Give each picture's mean error in the band (B,), three times as much near a true edge; and the error of the gradient, a number."""
    reach = 2 * BAND_CELLS + 1
    near = (F.max_pool2d(batch.answer, reach, 1, BAND_CELLS) > DECIDED) & (-F.max_pool2d(-batch.answer, reach, 1, BAND_CELLS) < 1 - DECIDED)
    band = (enlarged(near.float(), found) > 0).float()
    mixed = ((batch.alpha > 0.01) & (batch.alpha < 0.99)).float()
    weight = band * (1 + 2 * F.max_pool2d(mixed, 2 * _EDGE_PIXELS + 1, 1, _EDGE_PIXELS))
    mean = (weight * (found - batch.alpha).abs()).sum(dim=(1, 2, 3)) / (weight.sum(dim=(1, 2, 3)) + 50)
    slopes = [(dim, (found.diff(dim=dim) - batch.alpha.diff(dim=dim)).abs()) for dim in (2, 3)]
    gradient = sum(((band.narrow(dim, 1, band.shape[dim] - 1) * slope).sum() for dim, slope in slopes), torch.zeros(()))
    return mean, gradient / (band.sum() + 50)


def train(out: Path, steps: int, seed: int, terms: str) -> Iterator[dict[str, float]]:
    """Learn; yields, every so many steps, the error of the held-out pictures beside that of the enlarged answers and of the filter."""
    files = sorted((out / "pictures").glob("*.npz"))
    held_out = [read_batch(path, np.arange(DRAWN_TOGETHER)) for path in files[:HELD_OUT]]
    torch.manual_seed(seed)
    network, average = _new_network(), _new_network()
    average.load_state_dict(network.state_dict())
    optimiser = torch.optim.AdamW(network.parameters(), _RATE, weight_decay=1e-3)
    for step in range(steps):
        rng = np.random.default_rng([seed, step])
        path = files[HELD_OUT + int(rng.integers(len(files) - HELD_OUT))]
        batch = read_batch(path, rng.permutation(DRAWN_TOGETHER)[: DRAWN_TOGETHER // 2]).turned(rng)
        for group in optimiser.param_groups:
            group["lr"] = _RATE * min(1, (step + 1) / _WARM_UP_STEPS) * (0.02 + 0.49 * (1 + np.cos(np.pi * step / steps)))
        mean, gradient = errors(solved(network, batch), batch)
        optimiser.zero_grad()
        (mean.mean() + 0.5 * gradient).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        with torch.no_grad():
            for kept, learned in zip(average.parameters(), network.parameters(), strict=True):
                kept.lerp_(learned, 1 - min(_AVERAGE, (1 + step) / (10 + step)))
        if (step + 1) % _REPORT_STEPS == 0 or step + 1 == steps:
            entry = {"step": step + 1, **_compared(average, held_out)}
            record.append(out / record.LOSSES, entry)
            training = entry | {"steps": steps, "seed": seed, "pictures": len(files) * DRAWN_TOGETHER}
            _save(out / "edges.safetensors", average, training, terms)
            yield entry


def _new_network() -> EdgeNetwork:
    """Make a network that begins with hardly a change to the filter."""
    network = EdgeNetwork()
    spread(network)
    last = network.to_fine[-1]
    with torch.no_grad():
        last.weight.mul_(0.05)  # type: ignore[operator, union-attr]
    return network


@torch.no_grad()
def _compared(network: EdgeNetwork, batches: Sequence[Batch]) -> dict[str, float]:
    """Give mean errors: of the enlarged answers, of the filter, of the network."""
    untouched = torch.zeros(3)
    for batch in batches:
        filtered = _asked(batch, batch.filtered[:, :4], enlarged(batch.filtered[:, 4:], batch.picture))
        answers = enlarged(batch.answer, batch.picture), filtered, solved(network, batch)
        untouched += torch.stack([errors(found, batch)[0].mean() for found in answers])
    plain_error, filter_error, error = (round(float(value), 5) for value in untouched / len(batches))
    return {"plain": plain_error, "filter": filter_error, "network": error}


def _save(path: Path, network: EdgeNetwork, training: dict[str, float], terms: str) -> None:
    metadata = {"terms": terms, "licence": "Apache-2.0", "made_by": f"xmem-roto {VERSION}", "training": training}
    save_weights(path, network, metadata)
    path.chmod(0o644)  # as in `export`: a package's files are read by all users


def draw_and_train(out: Path, files: int, steps: int, photographs: Path | None, seed: int, threads: int) -> Iterator[dict[str, float]]:
    """Draw the pictures that are not there yet, train, and write the weights.

    Args:
        out: folder of pictures, losses and weights.
        files: of DRAWN_TOGETHER pictures each, of which HELD_OUT teach nothing.
        steps: of the training.
        photographs: folder of JPEGs for textures, their terms in terms.txt; None: generated textures alone.
        seed: of pictures and steps.
        threads: of the network.

    Yields:
        Entries of losses.jsonl.

    Raises:
        RequestError: no photographs in the folder.
    """
    torch.set_num_threads(threads)
    cv2.setNumThreads(1)
    found = sorted(photographs.glob("*.jpg")) if photographs is not None else []
    if photographs is not None and not found:
        raise RequestError(f"There are no JPEGs in {photographs}. Name their folder, or leave --photographs out for generated textures.")
    draw_pictures(out / "pictures", files, seed, found)
    yield from train(out, steps, seed, (terms_of(photographs) or UNSAID) if photographs is not None else GENERATED)
