"""Mattes as numbers that can be kept: decoded, laid on the whole canvas, every channel in steps of 1/255, nothing of the file itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenEXR

KEPT = Path(__file__).parent / "kept"
STEPS = 255


def decoded(folder: Path, window: tuple[int, int, int, int]) -> dict[str, np.ndarray]:
    """Read every matte of a folder.

    Args:
        folder: of `matte.%04d.exr`.
        window: (x0, y0, x1, y1), half-open: the canvas.

    Returns:
        By "frame/channel", (H, W) uint8.
    """
    x0, y0, x1, y1 = window
    planes = {}
    for path in sorted(folder.glob("matte.*.exr")):
        with OpenEXR.File(str(path), separate_channels=True) as file:
            (left, top), (right, bottom) = file.header()["dataWindow"]
            for name, channel in file.channels().items():
                plane = np.zeros((y1 - y0, x1 - x0), np.float32)
                plane[top - y0 : bottom + 1 - y0, left - x0 : right + 1 - x0] = channel.pixels
                planes[f"{int(path.name.split('.')[1])}/{name}"] = np.round(plane * STEPS).astype(np.uint8)
    return planes


def keep(name: str, planes: dict[str, np.ndarray]) -> None:
    """Write a kept result: the pixels of every third frame, and of every frame the mean."""
    frames = sorted({int(plane.split("/")[0]) for plane in planes})
    shown = {f"{frame}/" for frame in frames[::3]}
    pixels = {plane: values for plane, values in planes.items() if plane[: plane.index("/") + 1] in shown}
    means = {f"mean/{plane}": np.float32(values.mean()) for plane, values in planes.items()}
    KEPT.mkdir(exist_ok=True)
    np.savez_compressed(KEPT / f"{name}.npz", **pixels, **means)


def kept(name: str) -> dict[str, np.ndarray]:
    """Read a kept result."""
    with np.load(KEPT / f"{name}.npz") as file:
        return dict(file)


def differences_from_kept(planes: dict[str, np.ndarray], name: str) -> list[str]:
    """Say where a result differs from a kept one by more than rounding; empty when nowhere."""
    former = kept(name)
    means = {plane.removeprefix("mean/"): float(value) for plane, value in former.items() if plane.startswith("mean/")}
    found = [f"{plane} is only in one of them" for plane in sorted(planes.keys() ^ means.keys())]
    found += [
        f"{plane}: the mean is {planes[plane].mean():.3f}, was {mean:.3f}"
        for plane, mean in means.items()
        if plane in planes and abs(planes[plane].mean() - mean) > 0.05
    ]
    pixels = {plane: values for plane, values in former.items() if not plane.startswith("mean/")}
    return found + differences({plane: values for plane, values in planes.items() if plane in pixels}, pixels)


def differences(planes: dict[str, np.ndarray], others: dict[str, np.ndarray]) -> list[str]:
    """Say where two results differ by more than rounding; empty when nowhere.

    Processors round the same convolution differently, and a value on the edge between two steps then falls to either side; a matching
    among equals may fall to another neighbour too. So one step is allowed anywhere, and more on one pixel in a thousand. Confidence is
    a difference of two probabilities, each with its own rounding: two steps are allowed there.
    """
    found = [f"{name} is only in one of them" for name in sorted(planes.keys() ^ others.keys())]
    for name in sorted(planes.keys() & others.keys()):
        if planes[name].shape != others[name].shape:
            found.append(f"{name} is {planes[name].shape}, was {others[name].shape}")
            continue
        apart = np.abs(planes[name].astype(int) - others[name].astype(int))
        allowed = 2 if name.endswith("/confidence.value") else 1
        if (apart > allowed).mean() > 0.001:
            found.append(f"{name}: {(apart > allowed).sum()} pixels differ, by {apart.max()}/{STEPS} at most")
    return found
