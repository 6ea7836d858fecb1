"""Render clips of turning bodies on a CPU, with exact masks of every part.

Each scene is a few bodies before nothing, seen by a moving camera: one that turns, neighbours of one kind that cross, or a small crowd.
What lies behind them is laid under when a clip is staged, so that one scene is seen over many backgrounds. The renderer is TinyRenderer,
as the package `pybullet` (zlib licence) carries it; none of the meshes and pictures that come with that package is used.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from xmemcore.protocol.failures import MachineError
from xmemcore.training.bodies import Body, Part, make_body, turned
from xmemcore.training.cutouts import Source
from xmemcore.training.motion import wander
from xmemcore.training.procedural import Procedural, shaded, texture
from xmemcore.training.rendered import GENERATED, UNSAID, RenderedScene, begin_folder, save_scene, scene_path
from xmemcore.training.stills import Stills

_SKIN = 192
"""Pixels of a side of a part's texture."""
_PHOTOGRAPHIC = 0.6
"""Share of skins cut from photographs, where there are any."""


class Stage:
    """One renderer with the bodies of one scene in it."""

    def __init__(self) -> None:
        """Start the renderer; raises MachineError."""
        try:
            import pybullet
        except ImportError as error:
            raise MachineError("Rendering clips needs the package pybullet. Install it: pip install -r requirements/train.txt") from error
        self._bullet: Any = pybullet
        self._client = pybullet.connect(pybullet.DIRECT)
        self._parts: list[tuple[int, Part]] = []
        self.labels: dict[int, tuple[int, int]] = {}
        """Body and skin of each part, both counted from 1, by the renderer's number of the part."""

    def close(self) -> None:
        self._bullet.disconnect(self._client)

    def add(self, number: int, body: Body, skins: list[np.ndarray]) -> list[tuple[int, Part]]:
        """Put a body in, its skins (h, w, 3) uint8; give its parts with the renderer's numbers."""
        bullet, found = self._bullet, []
        with tempfile.TemporaryDirectory() as folder:
            painted = []
            for place, skin in enumerate(skins):
                path = os.path.join(folder, f"{place}.png")
                cv2.imwrite(path, cv2.cvtColor(skin, cv2.COLOR_RGB2BGR))
                painted.append(bullet.loadTexture(path, physicsClientId=self._client))
            for part in body.parts:
                mesh = part.mesh
                shape = bullet.createVisualShape(
                    bullet.GEOM_MESH,
                    vertices=mesh.vertices.tolist(),
                    indices=mesh.triangles.ravel().tolist(),
                    uvs=mesh.uvs.tolist(),
                    normals=mesh.normals.tolist(),
                    specularColor=[0.2, 0.2, 0.2],
                    physicsClientId=self._client,
                )
                part_id = bullet.createMultiBody(0, -1, shape, physicsClientId=self._client)
                bullet.changeVisualShape(part_id, -1, textureUniqueId=painted[part.skin], physicsClientId=self._client)
                self.labels[part_id] = (number, part.skin + 1)
                found.append((part_id, part))
        return found

    def pose(self, part_id: int, turn: np.ndarray, at: np.ndarray) -> None:
        """Put one part somewhere: every vertex v comes to turn @ v + at."""
        self._bullet.resetBasePositionAndOrientation(part_id, at.tolist(), _quaternion(turn), physicsClientId=self._client)

    def shot(self, eye: np.ndarray, goal: np.ndarray, field: float, size: int, light: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """Render at twice the size and reduce.

        Returns:
            (size, size, 4) uint8, colour and cover; (size, size) int, the renderer's numbers, -1 for none.
        """
        bullet = self._bullet
        view = bullet.computeViewMatrix(eye.tolist(), goal.tolist(), [0, 0, 1])
        lens = bullet.computeProjectionMatrixFOV(field, 1.0, 0.1, 60.0)
        _, _, colour, _, numbers = bullet.getCameraImage(
            2 * size, 2 * size, view, lens, renderer=bullet.ER_TINY_RENDERER, physicsClientId=self._client, **light
        )
        numbers = np.asarray(numbers).reshape(2 * size, 2 * size)
        colour = np.asarray(colour, np.float32).reshape(2 * size, 2 * size, 4)[..., :3]
        cover = (numbers >= 0).astype(np.float32)[..., None]
        summed, share = (plane.reshape(size, 2, size, 2, -1).sum((1, 3)) for plane in (colour * cover, cover))
        # Where nothing is, colour runs on from the nearest thing: compression must not mix black into its edge.
        plain = summed.sum((0, 1)) / max(float(share.sum()), 1.0)
        mean = np.where(share > 0, summed / np.maximum(share, 1), plain)
        quads = np.sort(numbers.reshape(size, 2, size, 2).transpose(0, 2, 1, 3).reshape(size, size, 4), axis=-1)
        winner = np.where(quads[..., 1] == quads[..., 0], quads[..., 1], quads[..., 2])
        return np.dstack((mean, share * (255 / 4))).round().astype(np.uint8), winner


def render_scene(rng: np.random.Generator, pictures: Source, size: int, frames: int) -> RenderedScene:
    """Make up a scene and render it; raises MachineError."""
    stage = Stage()
    try:
        return _render(rng, stage, pictures, size, frames)
    finally:
        stage.close()


def _render(rng: np.random.Generator, stage: Stage, pictures: Source, size: int, frames: int) -> RenderedScene:
    at = np.linspace(0, 1, frames)
    plot = str(rng.choice(("alone", "neighbours", "crowd"), p=(0.4, 0.4, 0.2)))
    count = 1 if plot == "alone" else int(rng.integers(2, 4 if plot == "neighbours" else 5))
    first = make_body(rng)
    dress = _skins(rng, first, pictures)
    actors = []
    for number in range(1, count + 1):
        body, skins = (first, dress) if plot == "neighbours" or number == 1 else _other(rng, pictures)
        if plot == "neighbours" and number > 1 and rng.random() < 0.4:
            # Not quite the same: one skin differs, as a collar or a jersey's number does.
            skins = [*skins]
            skins[rng.integers(len(skins))] = _skin(rng, pictures)
        actors.append((stage.add(number, body, skins), body))
    ways = _ways(rng, at, count)
    turns = [_turning(rng, at, body) for _, body in actors]
    pace = [(rng.uniform(0.5, 3.0), rng.uniform(0, 1)) for _ in actors]
    around = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.02, frames)) + wander(rng, at, rng.choice((0.1, 0.5)))[:, 0]
    height = np.clip(rng.uniform(-0.1, 0.6) + wander(rng, at, 0.15)[:, 0], -0.3, 1.1)
    field = float(rng.uniform(28, 55))
    # A body's half height fills this share of half the picture's; several together stand further away.
    share = np.exp(rng.uniform(np.log(0.3), np.log(0.9))) / (1.0 if count == 1 else 1.6)
    far = np.exp(np.log(1 / (share * np.tan(np.deg2rad(field / 2)))) + np.clip(wander(rng, at, 0.2)[:, 0], -0.5, 0.5))
    far = np.maximum(far, 1.3 if count == 1 else 2.6)
    goal = wander(rng, at, 0.25, 3)
    light = {
        "lightDirection": (rng.normal(0, 1, 3) + np.array((0, 0, 1.2))).tolist(),
        "lightColor": rng.uniform(0.8, 1.0, 3).tolist(),
        "lightDistance": 8.0,
        "shadow": int(rng.random() < 0.5),
        "lightAmbientCoeff": float(rng.uniform(0.45, 0.85)),
        "lightDiffuseCoeff": float(rng.uniform(0.3, 0.8)),
        "lightSpecularCoeff": float(rng.choice((0.0, 0.1, 0.4))),
    }
    colours, labels = [], []
    for t in range(frames):
        for (parts, _), way, turn, (speed, phase) in zip(actors, ways, turns, pace):
            for part_id, part in parts:
                swing = _swung(part, speed * at[t] + phase)
                joint = np.array(part.joint)
                stage.pose(part_id, turn[t] @ swing, turn[t] @ (joint - swing @ joint) + way[t])
        eye = far[t] * np.array((np.cos(around[t]) * np.cos(height[t]), np.sin(around[t]) * np.cos(height[t]), np.sin(height[t])))
        colour, numbers = stage.shot(eye + goal[t], goal[t], field, size, light)
        colours.append(colour)
        table = np.zeros((max(stage.labels) + 2, 2), np.uint8)
        for part_id, (number, skin) in stage.labels.items():
            table[part_id] = number, skin
        labels.append(table[numbers])
    return RenderedScene(np.stack(colours), np.stack(labels))


def _other(rng: np.random.Generator, pictures: Source) -> tuple[Body, list[np.ndarray]]:
    body = make_body(rng)
    return body, _skins(rng, body, pictures)


def _skins(rng: np.random.Generator, body: Body, pictures: Source) -> list[np.ndarray]:
    return [_skin(rng, pictures) for _ in range(body.skins)]


def _skin(rng: np.random.Generator, pictures: Source) -> np.ndarray:
    """Give a texture: a patch of a photograph, or a generated one."""
    if rng.random() >= _PHOTOGRAPHIC:
        return cv2.resize(shaded(rng, texture(rng)), (_SKIN, _SKIN), interpolation=cv2.INTER_AREA)
    picture = pictures.background(rng)
    side = int(min(picture.shape[:2]) * rng.uniform(0.25, 1.0))
    top, left = (int(rng.integers(0, whole - side + 1)) for whole in picture.shape[:2])
    return cv2.resize(picture[top : top + side, left : left + side], (_SKIN, _SKIN), interpolation=cv2.INTER_AREA)


def _ways(rng: np.random.Generator, at: np.ndarray, count: int) -> np.ndarray:
    """Give where each of the bodies goes, (count, T, 3); several pass before one another."""
    if count == 1:
        return wander(rng, at, 0.4, 3)[None] * (1, 1, 0.4)
    ways = []
    spread = rng.uniform(0.7, 1.5)
    for number in range(count):
        begin = 2 * np.pi * number / count + rng.normal(0, 0.3)
        swept = begin + rng.choice((-1, 1)) * rng.uniform(0.2, 1.2) * np.pi * at
        ring = spread * np.stack((np.cos(swept), np.sin(swept), np.zeros_like(at)), axis=1)
        ways.append(ring + wander(rng, at, 0.25, 3) * (1, 1, 0.3))
    return np.stack(ways)


def _turning(rng: np.random.Generator, at: np.ndarray, body: Body) -> np.ndarray:
    """Give how a body is turned at each moment, (T, 3, 3): about the upright axis, or over and over."""
    yaw = rng.uniform(0, 2 * np.pi) + rng.choice((0.0, 1.0, 2.0), p=(0.2, 0.6, 0.2)) * rng.normal(0, 1.6) * at + wander(rng, at, 0.3)[:, 0]
    turns = np.stack([turned((0, 0, 1), angle) for angle in yaw])
    if body.stands:
        lean = wander(rng, at, 0.12, 2)
        return np.stack([turn @ turned((1, 0, 0), a) @ turned((0, 1, 0), b) for turn, (a, b) in zip(turns, lean)])
    axis, rest = rng.normal(0, 1, 3), turned(rng.normal(0, 1, 3), rng.uniform(0, np.pi))
    roll = rng.normal(0, 2.2) * at
    return np.stack([turned(axis, angle) @ turn @ rest for angle, turn in zip(roll, turns)])


def _swung(part: Part, turns: float) -> np.ndarray:
    angle = 2 * np.pi * turns if part.rolls else part.swing * np.sin(2 * np.pi * (turns + part.phase))
    return turned(part.axis, float(angle)) if angle else np.eye(3)


def _quaternion(turn: np.ndarray) -> list[float]:
    """Give x, y, z, w of a rotation."""
    w = np.sqrt(max(0.0, 1 + np.trace(turn))) / 2
    if w > 1e-3:
        return [*((turn[(2, 0, 1), (1, 2, 0)] - turn[(1, 2, 0), (2, 0, 1)]) / (4 * w)), w]
    # Half a turn: the axis is the column of (R + 1) / 2 that is longest.
    square = (turn + np.eye(3)) / 2
    axis = square[:, int(np.argmax(np.diag(square)))]
    return [*(axis / np.linalg.norm(axis)), 0.0]


def render_scenes(folder: Path, count: int, stills: str | None, seed: int, size: int, frames: int) -> int:
    """Render scenes into a folder; those that are there already stay.

    Args:
        folder: where.
        count: of scenes in all.
        stills: folder of photographs for the skins; None: all are generated.
        seed: of scene 0; each scene is the same whatever others are rendered.
        size: pixels of a side.
        frames: of a scene.

    Returns:
        How many were rendered now.

    Raises:
        RequestError: no such photographs, or the folder's scenes were made otherwise.
        MachineError: pybullet is not installed.
    """
    photographs = Stills(stills) if stills else None
    pictures: Source = photographs or Procedural()
    skins = GENERATED if photographs is None else photographs.terms or UNSAID
    begin_folder(folder, {"skins": skins, "seed": seed, "size": size, "frames": frames})
    missing = [number for number in range(count) if not scene_path(folder, number).exists()]
    for number in missing:
        save_scene(scene_path(folder, number), render_scene(np.random.default_rng([seed, number]), pictures, size, frames))
    return len(missing)
