"""Edges at the plate's resolution: where a matte is undecided, the plate itself says where the edge runs.

The network answers at working size, softly, and astray by parts of a cell. But it says for sure what lies to either side of an edge.
Around every cell the colours of these sure sides are separated by a linear function (a guided filter whose samples are weighted by how
sure they are). A small network, which has seen many drawn edges, corrects that function and says how far it is to be trusted. Brought to
the plate's size, the function is asked with the plate's own pixels. Where colours separate the sides badly, as along a region that follows
no edge, the enlarged matte stays as it is: nothing snaps to an edge nearby.

Source: He, Sun & Tang, "Guided Image Filtering", ECCV 2010, with its coefficients computed at low resolution (arXiv 1505.00996); the
weights of the samples, and the network, are ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from xmemcore.network.edges import COARSEST, edge_network, seen
from xmemcore.shot.mattes.cells import CellBox, Part, runs, strips
from xmemcore.shot.mattes.matting import ClosedForm, Opinion
from xmemcore.shot.mattes.planes import Planes, as_kept, share_out

VERSION = 5
"""Raised whenever the same planes and picture would give other edges: it is part of every signature."""

RADIUS_CELLS = 7
"""Radius of the window in which matte and colours are compared, at working size."""
SMOOTHNESS = 1e-4
"""Variance of a colour, in [0, 1], that counts as none: the filter's epsilon."""
DECIDED = 0.02
"""Where all of a matte around a cell is this near to 0 or 1, it is set to 0 or 1."""
UNSURE = 0.05
"""Weight of a cell in the band against a sure one; not 0, for a thin part has no sure cell."""
SEPARATED = (0.1, 0.5)
"""Share of the matte's variance that colours explain: up to the first they say nothing, from the second on they say all."""
AGREED, APART = 0.14, 0.24
"""Bounds of the mean difference, around a cell, between the network's matte and the matte that the colours give. Up to the first both
agree; an edge that is one cell astray differs by half of it. From the second on the colours follow another edge."""
AROUND_CELLS = 9
"""Side of the square that these means are taken over."""
NETWORK = 0.6
"""Share of the network's word in function and trust, against the filter's: each is better on some plates, and the mean on nearly all."""
CONTRAST = 0.02
"""Deviation of the colours around a cell from which on the network is heard; where there is nothing to see it would guess."""
FAINTEST_SPREAD = 1e-3
"""Spread of brightness within a cell below which nothing is told apart."""
HAZE = 0.2
"""Where the network's matte is decided, a change smaller than this is the plate's texture; one of twice that is an edge."""
BAND_CELLS = 2
"""How far "all around" is, at working size."""
ROOM_CELLS = BAND_CELLS + 2 * RADIUS_CELLS + 1
"""How far from the cells near an edge the filter looks."""
WORTH_CELLS = 2500
"""Cells between edges that must be spared by a region of their own: every region takes as long as so many cells, besides."""
STRETCH_CELLS = 12
"""How far around a cell trust is averaged, for the closed form."""


class Refinement:
    """One group's prediction for one frame, explained by the plate's colours."""

    def __init__(self, small: Planes, picture: np.ndarray, soft: Planes | None = None) -> None:
        """Explain.

        Args:
            small: (1 + K, h, w) float32 in [0, 1] at working size, what is behind the objects first.
            picture: (H, W, 3) float32, display-encoded in [0, 1].
            soft: (K, h, w) in [0, 1], where each object's edge is soft by the artist's will: the plate is not asked there; None: nowhere.
        """
        bands = as_kept((undecided(plane[None]) for plane in small[1:]), small)
        band = reduce(np.logical_or, bands)
        self._regions: list[_Region] = []
        if not band.any():
            return
        plate = _Plate(picture, (band.shape[0], band.shape[1]))
        for part in _apart(band):
            alone = (_only(near, part) for near in bands)
            explained = [
                self._explain(plate, plane, near, None if soft is None else soft[obj]) if near.any() else None
                for obj, (plane, near) in enumerate(zip(small[1:], alone))
            ]
            self._regions.append(_Region(picture, _only(band, part), explained))

    def rows(self, band: slice, enlarged: np.ndarray) -> np.ndarray:
        """Move the edges of some rows to the edges of the plate.

        Args:
            band: rows of the plate.
            enlarged: (1 + K, n, W) float32, the planes of these rows at the plate's size; they sum to 1.

        Returns:
            (1 + K, n, W) float32, which sum to 1; exactly 0 or 1 where the matte is decided.
        """
        values = np.round(enlarged)
        for region in self._regions:
            region.solve(band, enlarged, values)
        return values

    def _explain(self, plate: _Plate, matte: np.ndarray, band: np.ndarray, soft: np.ndarray | None) -> _Explained:
        return _Explained(plate, matte, band, soft)


class Matting(Refinement):
    """A refinement whose alpha is solved from the plate's pixels in closed form, where the filter alone would follow the plate."""

    def _explain(self, plate: _Plate, matte: np.ndarray, band: np.ndarray, soft: np.ndarray | None) -> _Explained:
        return _Matted(plate, matte, band, soft)


class _Region:
    """Some edges of one group, far from all others."""

    def __init__(self, picture: np.ndarray, band: np.ndarray, explained: Sequence[_Explained | None]) -> None:
        """Take the plate (H, W, 3), cells near the edges (h, w), and what explains each object; None where it has no edge here."""
        self._picture, self._explained = picture, explained
        self._box = _around(band, picture.shape[:2])
        self._near = self._box.of(band.astype(np.float32))
        self._parts = [self._box.pixels(part) for part in strips(_beside(self._near))]

    def solve(self, band: slice, enlarged: np.ndarray, values: np.ndarray) -> None:
        """Solve the edges among some rows of the plate; see `Refinement.rows`. The answer goes into `values` where there is an edge."""
        for rows, columns in self._parts:
            rows = slice(max(rows.start, band.start), min(rows.stop, band.stop))
            # A few cells of a plate that is smaller than the working size may be less than a pixel wide.
            if rows.start >= rows.stop or columns.start >= columns.stop:
                continue
            place = slice(None), slice(rows.start - band.start, rows.stop - band.start), columns
            near = self._box.enlarged(self._near, (rows, columns)) > 0
            np.copyto(values[place], self._solved((rows, columns), enlarged[place].copy()), where=near)

    def _solved(self, part: Part, planes: np.ndarray) -> np.ndarray:
        """Solve the planes (1 + K, n, m) of a rectangle of the plate, in place."""
        for plane, explained in zip(planes[1:], self._explained):
            if explained is None:
                np.round(plane, out=plane)
                continue
            explained.move(plane, part, self._picture[part])
        return share_out(planes)


def undecided(objects: np.ndarray) -> np.ndarray:
    """Say which cells of (K, h, w) are near an edge of any object: (h, w) booleans."""
    around = np.ones((2 * BAND_CELLS + 1,) * 2, np.uint8)
    near = np.zeros(objects.shape[1:], bool)
    for plane in objects:
        near |= (cv2.dilate(plane, around) > DECIDED) & (cv2.erode(plane, around) < 1 - DECIDED)
    return near


def _apart(band: np.ndarray) -> Iterator[Part]:
    """Split the cells near edges (h, w) into rectangles so far from each other that no filter looks at another's, where it is worth it."""
    parts: list[Part] = [(slice(0, band.shape[0]), slice(0, band.shape[1]))]
    while parts:
        part = parts.pop()
        for axis in (0, 1):
            first, across = part[axis].start, part[1 - axis].stop - part[1 - axis].start
            gap = 2 * ROOM_CELLS + WORTH_CELLS // across
            found = [slice(first + run.start, first + run.stop) for run in runs(np.any(band[part], axis=1 - axis), gap)]
            if len(found) > 1:
                parts += [(run, part[1]) if axis == 0 else (part[0], run) for run in found]
                break
        else:
            yield part


def _only(band: np.ndarray, part: Part) -> np.ndarray:
    """Give the cells (h, w) of a part; others are False."""
    alone = np.zeros_like(band)
    alone[part] = band[part]
    return alone


def _around(band: np.ndarray, size: tuple[int, int]) -> CellBox:
    """Enclose the cells (h, w) near edges, with room for the filter, on a plate of a height and width."""
    sides = []
    for axis in (0, 1):
        positions = np.flatnonzero(band.any(axis=1 - axis))
        # The network halves its cells from the corner, so the corner must not jump between halves from frame to frame.
        first = max(int(positions[0]) - ROOM_CELLS, 0) // COARSEST * COARSEST
        sides.append(slice(first, min(int(positions[-1]) + 1 + ROOM_CELLS, band.shape[axis])))
    return CellBox((sides[0], sides[1]), size, (band.shape[0] / size[0], band.shape[1] / size[1]))


class _Plate:
    """The plate as cells of the working size see it."""

    def __init__(self, picture: np.ndarray, cells: tuple[int, int]) -> None:
        """Average a picture (H, W, 3) over its cells (h, w)."""
        self.picture = picture
        self.size: tuple[int, int] = (picture.shape[0], picture.shape[1])
        self.colours: Sequence[np.ndarray] = cv2.split(cells_of(picture, cells))
        """Three planes (h, w) float32 in [0, 1]."""
        brightness = cv2.transform(picture, np.full((1, 3), 1 / 3, np.float32))
        red, green, blue = self.colours
        variance = cells_of(cv2.multiply(brightness, brightness, dst=brightness), cells) - ((red + green + blue) / 3) ** 2
        self.spread = np.sqrt(variance.clip(0) + FAINTEST_SPREAD**2)
        """(h, w): standard deviation of the brightness within each cell."""


class _Explained:
    """One object's matte as a linear function of the colours, around each cell near its edge."""

    def __init__(self, plate: _Plate, matte: np.ndarray, band: np.ndarray, soft: np.ndarray | None) -> None:
        """Fit.

        Args:
            plate: under the matte.
            matte: (h, w) float32 in [0, 1].
            band: (h, w) booleans, cells near this matte's edge; there is one.
            soft: (h, w) in [0, 1], where the edge is to stay soft; None: nowhere.
        """
        self._box = box = _around(band, plate.size)
        colours, matte = [box.of(plane) for plane in plate.colours], box.of(matte)
        near = box.of(band)
        self._function, self._trust = fitted(colours, matte, near)
        _corrected(colours, matte, near, box.of(plate.spread), self._function, self._trust)
        if soft is not None:
            self._trust *= 1 - box.of(soft)

    def move(self, plane: np.ndarray, part: Part, pixels: np.ndarray) -> None:
        """Move the edges of the enlarged matte (n, m) of a rectangle of the plate, in place, as its pixels (n, m, 3) say."""
        solid, empty = plane >= 1 - DECIDED, plane <= DECIDED
        fitted, trust = self.asked(part, pixels)
        plane += trust * (fitted - plane)
        # Where the network is sure, the plate may move an edge, but texture must leave no haze.
        plane -= empty * _haze(plane)
        plane += solid * _haze(1 - plane)

    def asked(self, part: Part, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Ask a rectangle of the plate: what its pixels (n, m, 3) make of the matte, and how far that is to be trusted, (n, m) each."""
        red, green, blue, constant = cv2.split(self._box.enlarged(self._function, part))
        r, g, b = cv2.split(pixels)
        matte = (red * r + green * g + blue * b + constant).clip(0, 1)
        return matte, self._box.enlarged(self._trust, part)


class _Matted(_Explained):
    """One object's matte in closed form; the linear function of the colours is a second opinion."""

    def __init__(self, plate: _Plate, matte: np.ndarray, band: np.ndarray, soft: np.ndarray | None) -> None:
        """Fit, then solve; as of `_Explained`."""
        super().__init__(plate, matte, band, soft)
        box, self._picture = self._box, plate.picture
        self._matte, self._near = box.of(matte), box.of(band.astype(np.float32))
        # A region without an edge has little trust all along; hair has it in most places, and the others should be solved with them.
        near, trusted = (
            cv2.blur(each, (2 * STRETCH_CELLS + 1,) * 2, borderType=cv2.BORDER_REFLECT) for each in (self._near, self._near * self._trust)
        )
        self._stretch = trusted / np.maximum(near, 1e-6)
        if soft is not None:
            self._stretch *= 1 - box.of(soft)
        height, width = self._near.shape
        self._closed = ClosedForm(plate.picture, box.pixels((slice(0, height), slice(0, width))), self._opinion)

    def _opinion(self, part: Part) -> Opinion:
        alpha, undecided = self._box.enlarged(self._matte, part), self._box.enlarged(self._near, part) > 0
        fitted, trust = self.asked(part, self._picture[part])
        refined = np.where(undecided, alpha + trust * (fitted - alpha), np.round(alpha))
        return Opinion(refined, self._box.enlarged(self._stretch, part), undecided)

    def move(self, plane: np.ndarray, part: Part, pixels: np.ndarray) -> None:
        """As of `_Explained`; faint alpha stays, since hair is made of it."""
        undecided = self._box.enlarged(self._near, part) > 0
        plane[...] = np.where(undecided, self._closed.alpha(part), np.round(plane))


def cells_of(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Average over cells."""
    return cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA)


def _corrected(
    colours: Sequence[np.ndarray], matte: np.ndarray, band: np.ndarray, spread: np.ndarray, function: np.ndarray, trust: np.ndarray
) -> None:
    """Let the network correct a function (h, w, 4) and its trust (h, w), in and beside a band, in place: both by the share that counts."""
    height, width = matte.shape

    def given(plane: np.ndarray) -> Tensor:
        """Give planes (h, w) or (h, w, C) as (1, C, h, w), repeated at the far sides up to a size that the network takes."""
        tensor = torch.from_numpy(np.atleast_3d(plane)).permute(2, 0, 1)[None]
        return F.pad(tensor, (0, -width % COARSEST, 0, -height % COARSEST), mode="replicate")

    def chosen(planes: np.ndarray) -> Tensor:
        """Give the cells that are asked, (1, C, 1, n), of planes (h, w, C)."""
        return torch.from_numpy(planes[cells].T.reshape(1, planes.shape[2], 1, -1))

    network, seen_colours = edge_network(), cv2.merge(colours)
    cells = np.nonzero(_beside(band))
    with torch.inference_mode():
        changes = network(seen(given(seen_colours), given(matte), given(spread), given(function), given(trust)))
        changes = changes[0, :, :height, :width].permute(1, 2, 0).numpy()
        moved, logit = network.moved(*(chosen(planes) for planes in (changes, seen_colours, function, trust[..., None])))
        corrected, trusted = moved[0, :, 0].numpy().T, torch.sigmoid(logit)[0, 0, 0].numpy()
    share = NETWORK * _contrast(colours)[cells]
    function[cells] += share[:, None] * (corrected - function[cells])
    trust[cells] += share * (trusted - trust[cells])


def _beside(band: np.ndarray) -> np.ndarray:
    """Add to cells (h, w) all neighbours."""
    return cv2.dilate(band.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0


def _contrast(colours: Sequence[np.ndarray]) -> np.ndarray:
    """Say how much there is to see around each cell, (h, w) in [0, 1]: 0 where all colours are the same."""
    variance = sum(_average(plane * plane) - _average(plane) ** 2 for plane in colours)
    return (np.sqrt(np.maximum(variance, 0)) / CONTRAST).clip(0, 1).astype(np.float32)


def fitted(colours: Sequence[np.ndarray], matte: np.ndarray, band: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Write a matte as a linear function of the colours, around each cell; planes (h, w).

    Returns:
        Weight of each colour, then the constant (h, w, 4); and how far the function is to be trusted (h, w), in [0, 1]: by the share of the
        matte's variance that it explains, and less where it is far from the matte, for then colours follow another edge.
    """
    sure = np.where(band, UNSURE * (2 * matte - 1) ** 2, 1).astype(np.float32)
    target = ((matte - DECIDED) / (1 - 2 * DECIDED)).clip(0, 1)
    samples = (*colours, target)
    scale = 1 / (_average(sure) + 1e-6)
    weighted = [sure * plane for plane in samples]
    means = [_average(plane) * scale for plane in weighted]

    def moment(channel: int, partner: int) -> np.ndarray:
        return _average(weighted[channel] * samples[partner]) * scale - means[channel] * means[partner]

    rr, gg, bb = (moment(channel, channel) + SMOOTHNESS for channel in range(3))
    rg, rb, gb = moment(0, 1), moment(0, 2), moment(1, 2)
    common, variance = [moment(channel, 3) for channel in range(3)], moment(3, 3)
    # The inverse of the symmetric 3 x 3 matrix of variances, row by row.
    inverse = (gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg, rr * bb - rb * rb, rb * rg - rr * gb, rr * gg - rg * rg)
    over = 1 / np.maximum(rr * inverse[0] + rg * inverse[1] + rb * inverse[2], SMOOTHNESS**3)
    rows = ((0, 1, 2), (1, 3, 4), (2, 4, 5))
    slopes = [over * (inverse[a] * common[0] + inverse[b] * common[1] + inverse[c] * common[2]) for a, b, c in rows]
    constant = means[3] - slopes[0] * means[0] - slopes[1] * means[1] - slopes[2] * means[2]
    share = (slopes[0] * common[0] + slopes[1] * common[1] + slopes[2] * common[2]) / np.maximum(variance, 1e-3)
    smooth = [cv2.blur(plane, (5, 5), borderType=cv2.BORDER_REFLECT) for plane in (*slopes, constant)]
    explained = smooth[0] * colours[0] + smooth[1] * colours[1] + smooth[2] * colours[2] + smooth[3]
    apart = cv2.blur(np.abs(explained.clip(0, 1) - matte), (AROUND_CELLS, AROUND_CELLS))
    apart = cv2.dilate(apart, np.ones((2 * BAND_CELLS + 1,) * 2, np.uint8))
    agreed = ((APART - apart) / (APART - AGREED)).clip(0, 1)
    separated = ((share - SEPARATED[0]) / (SEPARATED[1] - SEPARATED[0])).clip(0, 1)
    return cv2.merge(smooth), cv2.blur((separated * agreed).astype(np.float32), (5, 5), borderType=cv2.BORDER_REFLECT)


def _haze(change: np.ndarray) -> np.ndarray:
    """Give what of a change (n, m) is taken for texture: all of it below HAZE, nothing from twice that."""
    return change * (2 - change / HAZE).clip(0, 1)


def _average(plane: np.ndarray) -> np.ndarray:
    """Average (h, w) over the window around each cell."""
    return cv2.blur(plane, (2 * RADIUS_CELLS + 1,) * 2, borderType=cv2.BORDER_REFLECT)
