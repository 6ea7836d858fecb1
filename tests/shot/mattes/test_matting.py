"""Edges in closed form: hair comes back, nothing else moves, and the package that it needs is asked for in time.

What needs the package itself is skipped where it is not installed (`bootstrap.py setup --extras matting`); the rest solves with a stand-in.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.shot.mattes.drawn_edges import HEIGHT, WIDTH, disc, network, scene
from tests.witness.shots import write_shot
from xmemcore.evaluation import bench_edges
from xmemcore.evaluation.alpha_shots import AlphaShot
from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.files.box import Box
from xmemcore.shot.inputs.opened import open_propagate
from xmemcore.shot.mattes import matting
from xmemcore.shot.mattes.edges import Matting, Refinement
from xmemcore.shot.mattes.matting import COMPILED_VARIABLE, ClosedForm, Opinion, make_ready
from xmemcore.shot.mattes.steps import Enlarge, chain_of, keys_of
from xmemcore.shot.plate.canvas import Canvas
from xmemcore.shot.propagate import propagate

CANVAS = Canvas(Box(0, 0, 12, 8), Box(0, 0, 12, 8))
ASKED = PropagateRequest(plate="p", edges="matting")
Solver = Callable[[np.ndarray, Opinion, np.ndarray], Any]


def solved(small: np.ndarray, enlarged: np.ndarray, picture: np.ndarray, soft: np.ndarray | None = None) -> np.ndarray:
    return Matting(small, picture, soft).rows(slice(0, enlarged.shape[1]), enlarged.copy())


@pytest.fixture
def solve_with(monkeypatch: pytest.MonkeyPatch) -> Callable[[Solver], None]:
    """Solve with a stand-in, on tiles so small that an object lies in several."""
    monkeypatch.setattr(matting, "TILE_PIXELS", 48)
    monkeypatch.setattr(matting, "ROOM_PIXELS", 12)
    return lambda solver: monkeypatch.setattr(matting, "solution", solver)


@pytest.fixture
def without_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", absent)


@pytest.fixture
def with_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matting, "version", lambda: "9.9")


@pytest.mark.usefixtures("without_package")
def test_missing_package_is_one_sentence_before_anything_is_computed(tmp_path: Path) -> None:
    request = replace(write_shot("anamorphic", tmp_path).request, edges="matting")
    for asks in (lambda: open_propagate(request), lambda: chain_of(ASKED, CANVAS), lambda: make_ready(print)):
        with pytest.raises(RequestError, match="PyMatting, which is not installed here.*--extras matting.*--edges refined"):
            asks()
    assert open_propagate(replace(request, edges="refined")) and open_propagate(replace(request, plain=True))
    assert bench_edges.choices_here() == ("refined", "plain")


def test_version_of_the_package_is_in_the_signature(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matting, "version", lambda: "1.1")
    keys = keys_of(chain_of(ASKED, CANVAS))
    assert keys != keys_of(chain_of(PropagateRequest(plate="p"), CANVAS))
    monkeypatch.setattr(matting, "version", lambda: "1.2")
    assert keys_of(chain_of(ASKED, CANVAS)) != keys
    assert chain_of(replace(ASKED, plain=True), CANVAS) == (Enlarge(CANVAS),)


@pytest.mark.usefixtures("with_package")
def test_compiled_code_is_kept_in_the_cache_unless_the_studio_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.delitem(sys.modules, "pymatting", raising=False)
    monkeypatch.setattr(importlib, "import_module", lambda name: None)
    monkeypatch.setenv(COMPILED_VARIABLE, "/studio")
    make_ready(said.append, str(tmp_path))
    assert os.environ[COMPILED_VARIABLE] == "/studio"
    monkeypatch.delenv(COMPILED_VARIABLE)
    make_ready(said.append, str(tmp_path))
    assert os.environ[COMPILED_VARIABLE] == str(tmp_path / "compiled")
    assert len(said) == 2 and "first time" in said[0]


@pytest.mark.usefixtures("with_package")
def test_package_that_cannot_be_loaded_is_said_with_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise RuntimeError("no locator available")

    monkeypatch.setenv(COMPILED_VARIABLE, str(tmp_path))
    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(RequestError, match=f"9.9 cannot be loaded here: no locator available. Can {tmp_path} be written"):
        make_ready(print)


def test_what_is_decided_is_given_as_known_and_the_band_as_unknown(solve_with: Callable[[Solver], None]) -> None:
    small, enlarged = network(disc(120, 90, 50))

    def look(pixels: np.ndarray, opinion: Opinion, places: np.ndarray) -> np.ndarray:
        assert pixels.shape[:2] == opinion.alpha.shape == opinion.trust.shape
        assert set(np.unique(opinion.alpha[~opinion.undecided])) <= {0.0, 1.0}
        np.testing.assert_array_equal(places, np.flatnonzero(opinion.undecided))
        return np.full(len(places), 0.5)

    solve_with(look)
    fine = solved(small, enlarged, scene(disc(120, 90, 50)))[1]
    seen = np.abs(fine - 0.5) < 1e-6  # the shares of tiles sum to 1 up to rounding
    assert set(np.unique(fine[~seen])) == {0.0, 1.0}, "no seam between tiles, and all else is solid"
    edge = (enlarged[1] > 0.05) & (enlarged[1] < 0.95)
    assert seen[edge].all() and seen.mean() < 0.3


@pytest.mark.parametrize("answer", [None, np.nan], ids=["not solved", "not a number"])
def test_where_nothing_is_solved_the_filter_stands(solve_with: Callable[[Solver], None], answer: float | None) -> None:
    alpha = disc(120, 90, 50)
    small, enlarged = network(alpha)
    solve_with(lambda pixels, opinion, places: None if answer is None else np.full(len(places), answer))
    fine, refined = solved(small, enlarged, scene(alpha)), Refinement(small, scene(alpha)).rows(slice(0, HEIGHT), enlarged.copy())
    assert np.abs(fine - refined).max() < 0.2 and np.abs(fine - refined).mean() < 0.005, "but for what the filter takes for haze"


def test_planes_sum_to_one_and_bands_of_rows_change_nothing(solve_with: Callable[[Solver], None]) -> None:
    left, right = disc(95, 90, 40), disc(150, 90, 30) * (1 - disc(95, 90, 40))
    small, enlarged = network(left, right)
    picture = scene(left + right)
    solve_with(lambda pixels, opinion, places: pixels.mean(axis=2).flat[places])
    whole = solved(small, enlarged, picture)
    np.testing.assert_allclose(whole.sum(axis=0), 1, atol=1e-5)
    assert whole.min() >= 0 and whole.max() <= 1
    refinement = Matting(small, picture)
    bands = [refinement.rows(slice(top, top + 32), enlarged[:, top : top + 32].copy()) for top in range(0, HEIGHT, 32)]
    np.testing.assert_array_equal(np.concatenate(bands, axis=1), whole)


def test_soft_edges_of_the_artist_are_not_solved(solve_with: Callable[[Solver], None]) -> None:
    trusts: list[float] = []
    solve_with(lambda pixels, opinion, places: trusts.append(float(opinion.trust.max())))
    small, enlarged = network(disc(120, 90, 50))
    solved(small, enlarged, scene(disc(120, 90, 50)), np.ones_like(small[1:]))
    assert trusts and max(trusts) == 0


def test_shares_of_neighbouring_tiles_sum_to_one(solve_with: Callable[[Solver], None]) -> None:
    solve_with(lambda pixels, opinion, places: np.ones(len(places)))

    def opinion(part: tuple[slice, slice]) -> Opinion:
        size = [side.stop - side.start for side in part]
        return Opinion(np.zeros(size, np.float32), np.ones(size, np.float32), np.ones(size, bool))

    whole = slice(0, 100), slice(0, 150)
    closed = ClosedForm(np.zeros((100, 150, 3), np.float32), whole, opinion)
    np.testing.assert_allclose(closed.alpha(whole), 1, atol=1e-6)
    np.testing.assert_array_equal(closed.alpha((slice(30, 70), slice(40, 110))), closed.alpha(whole)[30:70, 40:110])


@pytest.mark.usefixtures("with_package")
def test_run_loads_the_package_solves_and_is_fresh_until_the_package_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, solve_with: Callable[[Solver], None]
) -> None:
    tiles: list[int] = []
    loaded: list[str] = []
    solve_with(lambda pixels, opinion, places: tiles.append(len(places)))
    monkeypatch.setattr(matting, "make_ready", lambda say, cache: loaded.append(cache))
    request = replace(write_shot("anamorphic", tmp_path).request, edges="matting")
    assert propagate(request).written and tiles and loaded == [request.cache]
    assert not propagate(request).written and len(loaded) == 1, "what is fresh loads nothing"
    monkeypatch.setattr(matting, "version", lambda: "10.0")
    assert propagate(request).written


@pytest.fixture(scope="module")
def pymatting() -> Any:
    return pytest.importorskip("pymatting", reason="the extra matting is not installed")


@pytest.mark.usefixtures("pymatting")
@pytest.mark.parametrize("kind", ["strands", "motion"])
def test_alpha_is_nearer_to_the_truth_than_the_filters(kind: str) -> None:
    frame = AlphaShot(kind, 1024, 576, 1).frame(0)
    figures = bench_edges._frame_figures((frame, frame), 240, 1, ("matting", "refined"))
    assert figures["matting"].band < 0.9 * figures["refined"].band


@pytest.mark.usefixtures("pymatting")
@pytest.mark.parametrize("inside", [8, 20])
def test_region_without_an_edge_does_not_snap_to_one_nearby(inside: int) -> None:
    region = disc(120, 90, 50 - inside)
    small, enlarged = network(region)
    fine = solved(small, enlarged, scene(disc(120, 90, 50)))
    assert np.abs(fine[1] - region).mean() <= 1.5 * np.abs(enlarged[1] - region).mean()
    assert 0.96 < (fine[1] > 0.5).sum() / (region > 0.5).sum() < 1.04
    np.testing.assert_array_equal(fine, solved(small, enlarged, scene(disc(120, 90, 50))))


@pytest.mark.usefixtures("pymatting")
def test_picture_that_says_nothing_leaves_the_enlarged_matte() -> None:
    small, enlarged = network(disc(120, 90, 50))
    band = np.abs(enlarged[1] - 0.5) < 0.45
    fine = solved(small, enlarged, np.full((HEIGHT, WIDTH, 3), 0.5, np.float32))
    assert np.abs(fine - enlarged)[:, band].max() <= 0.1
