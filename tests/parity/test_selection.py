"""Frame suggestion: dissimilarities, scores and picks against the public program's."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.parity.golden import GoldenClip, meta
from xmemcore.engine.suggestion import View, dissimilarity, suggest, view
from xmemcore.network.features import Features
from xmemcore.network.xmem import XMem

RGB_128 = 128 / 255
"""What DAVIS red weighs when the public command reads masks back from coloured PNGs."""


SMALL = 160
"""Short side of the pictures that are compared with every change."""


@pytest.mark.slow
def test_selection_agrees_with_the_public_program(selection_case: Path, whole: bool, shared: Path, network: XMem, capsys) -> None:
    golden = np.load(selection_case)
    cases = {case["key"]: case for case in meta(golden)["cases"]}
    worst = 0.0
    for name in sorted({name.rsplit("/", 1)[0] for name in golden.files if name.endswith("/chosen")}):
        case = cases.get(name)
        if case is not None and case.get("size", 0) > SMALL and not whole:
            continue
        if case is None or name.startswith("synthetic/"):
            views, percent, previous, least = _synthetic(golden, name)
            margins = [1.0] * len(golden[f"{name}/chosen"])
        else:
            views = _clip_views(shared, network, case)
            percent, previous, least = golden[f"{name.split('/')[0]}/mask_percent"], case["previous"], case["min_mask_presence_percent"]
            margins = case["winner_margin"]
            table = f"{name.rsplit('/', 1)[0]}/D"
            if table in golden.files:
                rows = sorted({0, len(views) // 2, *previous})
                ours = np.array([[dissimilarity(views[c], views[j]) if c != j else 0.0 for j in range(len(views))] for c in rows])
                error = np.abs(ours - golden[table][rows]).max() / golden[table].max()
                assert error <= 1e-4, f"{name}: D"
                worst = max(worst, error)
        scores, chosen = golden[f"{name}/scores"], golden[f"{name}/chosen"].tolist()
        picks = list(suggest(views.__getitem__, [p >= least for p in percent], previous, len(chosen)))
        if not scores[0].any():
            assert picks == [], "nothing is eligible, so nothing is suggested"
            continue
        for number, (pick, expected) in enumerate(zip(picks, chosen)):
            if margins[number] <= 1e-3 * scores[number].max() and pick.index != expected:
                break  # a tie went the other way: what follows differs lawfully
            assert pick.index == expected, f"{name}: pick {number}"
            error = np.abs(pick.scores.numpy() - scores[number]).max() / scores[number].max()
            assert error <= 1e-4, f"{name}: scores of round {number}"
            worst = max(worst, error)
    with capsys.disabled():
        print(f"\n{selection_case.stem}: largest relative error {worst:.1e}")


def _synthetic(golden: np.lib.npyio.NpzFile, name: str) -> tuple[list[View], np.ndarray, list[int], float]:
    alpha = float(name.split("alpha")[1].split("/")[0])
    previous = [int(number) for number in name.split("prev")[1].split("_")]
    key, shrinkage, selection, masks = (
        torch.from_numpy(golden[f"synthetic/{part}"]) for part in ("key", "shrinkage", "selection", "masks")
    )
    views = [
        view(Features(key[i : i + 1], shrinkage[i : i + 1], selection[i : i + 1], key, None, None), masks[i].amax(dim=0), alpha)
        for i in range(len(key))
    ]
    percent = 100 * (masks.amax(dim=1) > 0.5).float().mean(dim=(1, 2)).numpy()
    return views, percent, previous, 0.25


def _clip_views(shared: Path, network: XMem, case: dict) -> list[View]:
    first, last = case["frames"]
    weight = 1.0 if case["masks"] == "binary" else RGB_128
    masks = shared / "clips" / case["video"] / "masks"
    views = []
    for path, features in _features(shared, network, case["video"], first, last, case["size"]):
        with Image.open(masks / f"{path.stem}.png") as file:
            union = torch.from_numpy((np.asarray(file) > 0).astype(np.float32)) * weight
        views.append(view(features, union, case["alpha"]))
    return views


@lru_cache(maxsize=4)
def _features(shared: Path, network: XMem, video: str, first: int, last: int, size: int) -> list[tuple[Path, Features]]:
    paths = tuple(sorted((shared / "clips" / video / "frames").iterdir())[first : last + 1])
    source = GoldenClip(network, paths, {}, 1, size)
    keys = []
    for index, path in enumerate(paths):
        features = source.frame(index).features
        # Of the encoding only these three are compared; the rest of sixty frames would fill gigabytes.
        keys.append((path, Features(features.key, features.shrinkage, features.selection, features.key, None, None)))
    return keys


def test_there_are_selection_cases(shared: Path) -> None:
    if not (shared / "parity" / "selection.npz").is_file():
        pytest.fail("parity/selection.npz is missing from the shared data")
