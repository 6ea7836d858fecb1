"""Measure edges: every choice of `edges` whose packages are here on drawn shots with known alpha, its error and its time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np

from xmemcore.evaluation.alpha_shots import KINDS, AlphaFrame, AlphaShot, answered
from xmemcore.evaluation.metrics import boundary_f
from xmemcore.protocol.choices import EDGES
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.files.box import Box
from xmemcore.shot.listener import Listener
from xmemcore.shot.mattes.edges import undecided
from xmemcore.shot.mattes.matting import MATTING, make_ready, version
from xmemcore.shot.mattes.steps import Predicted, chain_of, finished
from xmemcore.shot.plate.canvas import Canvas
from xmemcore.shot.plate.flow import Flows, grey_of
from xmemcore.shot.plate.resampling import resampled

SIZES = ((2048, 1152), (4096, 2304))
BAND_PIXELS = 4
"""How far the judged band reaches beyond alpha strictly between 0 and 1."""
FAINT = 1 / 512
"""Alpha this near to 0 or 1 counts as 0 or 1: no file keeps so small a difference."""
GRADIENT_SIGMA = 1.4
"""Standard deviation of the Gaussian whose derivatives are compared.

Source: Rhemann et al., "A Perceptually Motivated Online Benchmark", CVPR 2009."""


@dataclass(frozen=True)
class EdgeFigures:
    """The figures of one frame."""

    band: float
    """Mean absolute alpha error in the band."""
    gradient: float
    """Mean absolute error of the gradient's magnitude in the band, per pixel."""
    f_1px: float
    f_2px: float
    """Boundary F, where the line of one half may be one or two pixels off."""
    outside: float
    """Largest change against `plain` where the network was decided."""
    milliseconds: float
    """Time of enlarging and solving, without reading and writing."""


def judged(frame: AlphaFrame, matte: np.ndarray, plain: np.ndarray, decided: np.ndarray, seconds: float) -> EdgeFigures:
    """Compare one matte (H, W) with the truth."""
    alpha = frame.alpha
    mixed = ((alpha > FAINT) & (alpha < 1 - FAINT)).astype(np.uint8)
    band = cv2.dilate(mixed, np.ones((2 * BAND_PIXELS + 1,) * 2, np.uint8)) > 0
    return EdgeFigures(
        band=float(np.abs(matte - alpha)[band].mean()),
        gradient=float(np.abs(_gradient(matte) - _gradient(alpha))[band].mean()),
        f_1px=boundary_f(matte >= 0.5, alpha >= 0.5, 1),
        f_2px=boundary_f(matte >= 0.5, alpha >= 0.5, 2),
        outside=float(np.abs(matte - plain)[decided].max()),
        milliseconds=1000 * seconds,
    )


def compare_edges(
    lines: int,
    listener: Listener,
    kinds: Sequence[str] | None = None,
    sizes: Sequence[tuple[int, int]] | None = None,
    seeds: Sequence[int] = (1,),
    frames: int = 1,
) -> dict[str, Any]:
    """Draw, answer as a network would, solve, compare.

    Args:
        lines: short side of the working size.
        listener: told of the progress.
        kinds: of `alpha_shots`; None: all.
        sizes: width and height of the plates; None: SIZES.
        seeds: of the shots.
        frames: of each shot.

    Returns:
        {"lines", "rows": [{"kind", "size", choice of edges: figures}]}, each row a mean over seeds and frames.
    """
    kinds, sizes, choices = kinds or tuple(KINDS), sizes or SIZES, choices_here()
    if MATTING in choices:
        make_ready(listener.message)  # or its loading would count for the first frame
    rows = []
    for done, (width, height, kind) in enumerate((*size, kind) for size in sizes for kind in kinds):
        found: dict[str, list[EdgeFigures]] = {choice: [] for choice in choices}
        for seed in seeds:
            for number in range(frames):
                shot = AlphaShot(kind, width, height, seed)
                pair = shot.frame(5 * number), shot.frame(5 * number + 1)
                for choice, figures in _frame_figures(pair, lines, seed, choices).items():
                    found[choice].append(figures)
        means = {choice: _mean(figures) for choice, figures in found.items()}
        rows.append({"kind": kind, "size": f"{width}x{height}", **means})
        listener.message(line(rows[-1]))
        listener.progress(done + 1, len(sizes) * len(kinds))
    return {"lines": lines, "rows": rows}


def choices_here() -> tuple[str, ...]:
    """Give the choices of `edges` whose packages are installed."""
    try:
        version()
    except RequestError:
        return tuple(choice for choice in EDGES if choice != MATTING)
    return EDGES


def _frame_figures(pair: tuple[AlphaFrame, AlphaFrame], lines: int, seed: int, choices: Sequence[str]) -> dict[str, EdgeFigures]:
    """Judge the first of two neighbouring frames."""
    frame, (height, width) = pair[0], pair[0].alpha.shape
    canvas = Canvas(Box(0, 0, width, height), Box(0, 0, width, height))
    answer = answered(frame.alpha, lines, seed)
    planes = np.stack((1 - answer, answer))
    greys = [grey_of(resampled(neighbour.picture, (answer.shape[0], answer.shape[1]))) for neighbour in pair]
    flows = Flows(greys.__getitem__)
    decided = cv2.resize(undecided(planes[1:]).astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR) == 0
    plain = _matte("plain", canvas, planes, frame, flows)
    figures = {}
    for choice in choices:
        began = time.perf_counter()
        matte = _matte(choice, canvas, planes, frame, flows)
        figures[choice] = judged(frame, matte, plain, decided, time.perf_counter() - began)
    return figures


def _matte(choice: str, canvas: Canvas, planes: np.ndarray, frame: AlphaFrame, flows: Flows) -> np.ndarray:
    chain = chain_of(PropagateRequest("", edges=choice), canvas, flows=flows, came_from=[{0: (1, 1)}])
    return np.concatenate([rows[1] for _, rows in finished(chain, canvas, Predicted(planes, 0, lambda: frame.picture))])


def _gradient(plane: np.ndarray) -> np.ndarray:
    soft = cv2.GaussianBlur(plane, (0, 0), GRADIENT_SIGMA)
    return np.hypot(cv2.Sobel(soft, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(soft, cv2.CV_32F, 0, 1, scale=1 / 8))


def _mean(figures: Sequence[EdgeFigures]) -> dict[str, float]:
    columns = [asdict(frame_figures) for frame_figures in figures]
    return {name: round(sum(column[name] for column in columns) / len(columns), 5) for name in columns[0]}


def line(row: dict[str, Any]) -> str:
    """Write one row."""
    parts = [f"{row['size']:>10s} {row['kind']:8s}"]
    for choice in (choice for choice in EDGES if choice in row):
        figures = row[choice]
        share = f" ({figures['band'] / row['plain']['band']:.2f} of plain)" if choice != "plain" else ""
        parts.append(
            f"{choice}: band {figures['band']:.4f}{share} gradient {figures['gradient']:.4f} "
            f"F {figures['f_1px']:.3f} {figures['f_2px']:.3f} {figures['milliseconds']:.0f} ms"
        )
    return "  ".join(parts)


def text(content: dict[str, Any]) -> str:
    """Write all rows, and the mean of each size."""
    lines = [line(row) for row in content["rows"]]
    for size in dict.fromkeys(row["size"] for row in content["rows"]):
        rows = [row for row in content["rows"] if row["size"] == size]
        choices = [choice for choice in EDGES if choice in rows[0]]
        means = {choice: {name: sum(row[choice][name] for row in rows) / len(rows) for name in rows[0][choice]} for choice in choices}
        lines.append(line({"size": size, "kind": "mean", **means}))
    return "\n".join(lines)
