"""Closed-form matting of undecided edges, for hair: around every pixel alpha is a linear function of the plate's colours.

The package PyMatting gives the equations; they are solved here, tile by tile, with what the filter of edges says as a second opinion: it
weighs little where colours tell the two sides apart, and all where they do not. So the equations always have one solution, and a tile for
which none is found keeps that opinion.

Source: Levin, Lischinski & Weiss, "A Closed-Form Solution to Natural Image Matting", PAMI 2008.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.names import COMPILED
from xmemcore.protocol.places import cache_root
from xmemcore.protocol.requests import PropagateRequest

VERSION = 1
"""Raised whenever the same plate and opinion would give another alpha: it is part of every signature."""

MATTING = "matting"
"""The choice of `edges` that this is."""
PACKAGE = "pymatting"
COMPILED_VARIABLE = "NUMBA_CACHE_DIR"
"""Says where numba keeps what it has compiled."""

TILE_PIXELS = 512
"""Side of a tile. With its room it takes up to 0.4 GB while it is solved, however large the plate is."""
ROOM_PIXELS = 64
"""How far a tile reaches into its neighbours. Both answers are mixed there, so that no seam shows."""
REACH_PIXELS = 2
"""The equation of a pixel asks pixels up to here."""
SMOOTHNESS = 1e-7
"""Variance of a colour, in [0, 1], that counts as none."""
LEAST_OPINION, MOST_OPINION = 3e-4, 1.0
"""Weight of the filter's opinion against the equations, where colours are trusted and where they are not."""
TRUSTED = (0.15, 0.4)
"""Trust up to which colours are not trusted, and from which on they are."""
TOLERANCE = 1e-4
"""Largest rest of the equations, as a share of their right side, that counts as solved."""
MOST_ROUNDS = 2000
"""Rounds after which a tile counts as not solved; most take some hundred."""

Part = tuple[slice, slice]


@dataclass(frozen=True)
class Opinion:
    """What is thought of a rectangle of the plate, before the equations."""

    alpha: np.ndarray
    """(n, m) float32 in [0, 1]; what is not undecided is exactly 0 or 1."""
    trust: np.ndarray
    """(n, m) in [0, 1]: how far the plate's colours tell the two sides apart."""
    undecided: np.ndarray
    """(n, m) booleans."""


def wanted(request: PropagateRequest) -> bool:
    """Say whether a request wants its edges solved in closed form."""
    return request.edges == MATTING and not request.plain


def version() -> str:
    """Give the version of the package that is installed.

    Raises:
        RequestError: there is none.
    """
    try:
        return importlib.metadata.version(PACKAGE)
    except importlib.metadata.PackageNotFoundError as error:
        raise RequestError(
            "Edges 'matting' need the package PyMatting, which is not installed here. Run `bootstrap.py setup --extras matting`, "
            "or choose --edges refined."
        ) from error


def make_ready(say: Callable[[str], None], cache: str | None = None) -> None:
    """Load the package, which compiles itself the first time, into the cache.

    Args:
        say: told, in a sentence, that this may take long.
        cache: root of the cache; None: the usual one.

    Raises:
        RequestError: it is not installed, or cannot be loaded.
    """
    found = version()
    # numba keeps what it compiles beside the package by default, where a studio's installation cannot be written.
    folder = os.environ.setdefault(COMPILED_VARIABLE, str(cache_root(cache).absolute() / COMPILED))
    if PACKAGE not in sys.modules:
        say("Loading PyMatting. It compiles itself the first time, which takes a minute or more...")
    try:
        importlib.import_module(PACKAGE)
        importlib.import_module("scipy.sparse.linalg")
    except Exception as error:  # numba raises many kinds
        raise RequestError(
            f"Edges 'matting' need PyMatting, and version {found} cannot be loaded here: {error}. Can {folder} be written? Set "
            f"{COMPILED_VARIABLE} to a folder that can, run `bootstrap.py setup --extras matting` again, or choose --edges refined."
        ) from error


class ClosedForm:
    """One object's alpha, solved where it is undecided."""

    def __init__(self, picture: np.ndarray, box: Part, opinion: Callable[[Part], Opinion]) -> None:
        """Solve.

        Args:
            picture: (H, W, 3) float32, display-encoded in [0, 1].
            box: rectangle of the plate outside of which nothing is undecided.
            opinion: gives what is thought of a rectangle of the plate.
        """
        self._size = picture.shape[:2]
        self._shares: list[tuple[Part, np.ndarray]] = []
        # Tiles lie where they lie on the plate, so that they stay when an object moves.
        starts = [range(side.start // TILE_PIXELS * TILE_PIXELS, side.stop, TILE_PIXELS) for side in box]
        for corner in product(*starts):
            whole = self._with_room(corner)
            undecided = opinion(whole).undecided
            if undecided.any():
                part = _cropped(whole, undecided, self._size)
                alpha = _solved(picture[part], opinion(part))
                self._shares.append((part, alpha * self._weights(corner, part)))

    def alpha(self, part: Part) -> np.ndarray:
        """Give alpha (n, m) float32 of a rectangle of the plate; only where it is undecided does it mean anything."""
        given = np.zeros([side.stop - side.start for side in part], np.float32)
        for place, share in self._shares:
            rows, columns = (slice(max(one.start, two.start), min(one.stop, two.stop)) for one, two in zip(part, place))
            if rows.start < rows.stop and columns.start < columns.stop:
                given[_within(part, rows, columns)] += share[_within(place, rows, columns)]
        return given.clip(0, 1)

    def _with_room(self, corner: tuple[int, ...]) -> Part:
        rows, columns = (
            slice(max(first - ROOM_PIXELS, 0), min(first + TILE_PIXELS + ROOM_PIXELS, size)) for first, size in zip(corner, self._size)
        )
        return rows, columns

    def _weights(self, corner: tuple[int, ...], part: Part) -> np.ndarray:
        """Give a tile's share of the answer (n, m): all inside, less towards its neighbours; the shares of all tiles sum to 1."""
        down, across = (_ramp(first, side, size) for first, side, size in zip(corner, part, self._size))
        return down[:, None] * across


def _ramp(first: int, side: slice, size: int) -> np.ndarray:
    middles = np.arange(side.start, side.stop) + 0.5
    rising = ((middles - first) / (2 * ROOM_PIXELS) + 0.5).clip(0, 1) if first > 0 else np.ones(len(middles))
    last = first + TILE_PIXELS
    falling = ((last - middles) / (2 * ROOM_PIXELS) + 0.5).clip(0, 1) if last < size else np.ones(len(middles))
    return (rising * falling).astype(np.float32)


def _within(place: Part, rows: slice, columns: slice) -> Part:
    down, across = (slice(cut.start - side.start, cut.stop - side.start) for side, cut in zip(place, (rows, columns)))
    return down, across


def _cropped(whole: Part, undecided: np.ndarray, size: tuple[int, ...]) -> Part:
    """Give the smallest rectangle of a tile that holds all equations of what is undecided (n, m)."""
    sides = []
    for axis, side in enumerate(whole):
        places = np.flatnonzero(undecided.any(axis=1 - axis)) + side.start
        sides.append(slice(max(int(places[0]) - REACH_PIXELS, 0), min(int(places[-1]) + 1 + REACH_PIXELS, size[axis])))
    return sides[0], sides[1]


def _solved(pixels: np.ndarray, opinion: Opinion) -> np.ndarray:
    """Solve a tile of pixels (n, m, 3): alpha (n, m) float32, the opinion where no solution is found."""
    alpha = opinion.alpha.copy()
    places = np.flatnonzero(opinion.undecided)
    found = solution(pixels, opinion, places) if min(alpha.shape) > REACH_PIXELS else None
    if found is not None and np.isfinite(found).all():
        alpha.flat[places] = found.clip(0, 1)
    return alpha


def solution(pixels: np.ndarray, opinion: Opinion, places: np.ndarray) -> np.ndarray | None:
    """Solve the equations of a tile.

    Args:
        pixels: (n, m, 3) in [0, 1].
        opinion: of the tile.
        places: (U) flat indices of what is undecided.

    Returns:
        Alpha at these places (U); None where the equations were not solved.
    """
    from pymatting import cf_laplacian
    from scipy.sparse import diags
    from scipy.sparse.linalg import LinearOperator, cg

    known = ~opinion.undecided
    equations = cf_laplacian(pixels.astype(np.float64), epsilon=SMOOTHNESS, is_known=known)[places]
    guess, trust = (plane.flat[places].astype(np.float64) for plane in (opinion.alpha, opinion.trust))
    doubt = ((TRUSTED[1] - trust) / (TRUSTED[1] - TRUSTED[0])).clip(0, 1)
    weight = LEAST_OPINION + (MOST_OPINION - LEAST_OPINION) * doubt
    inner = equations[:, places] + diags(weight)
    right = weight * guess - equations @ (opinion.alpha * known).ravel().astype(np.float64)
    diagonal = inner.diagonal()
    if not (diagonal > 0).all():
        return None
    scaled = LinearOperator(inner.shape, matvec=lambda values: values / diagonal, dtype=np.float64)
    found, rounds = cg(inner, right, x0=guess, rtol=TOLERANCE, maxiter=MOST_ROUNDS, M=scaled)
    return found if rounds == 0 else None
