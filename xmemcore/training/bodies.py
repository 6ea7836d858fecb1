"""Bodies in three dimensions, made from numbers alone: vessels, stones, boxes, wheels, animals, figures and vehicles.

A body is a list of parts, each a closed mesh with texture coordinates. Parts swing about their joints, so that an animal walks and a
wheel turns. Nothing comes from a file, so a training on these bodies needs nobody's licence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

KINDS = ("vessel", "stone", "box", "ring", "animal", "figure", "vehicle", "plant")


@dataclass(frozen=True)
class Mesh:
    """A closed surface."""

    vertices: np.ndarray
    """(V, 3)."""
    uvs: np.ndarray
    """(V, 2), in [0, 1]."""
    triangles: np.ndarray
    """(F, 3), vertex numbers; counter-clockwise seen from outside."""

    @property
    def normals(self) -> np.ndarray:
        """Give a unit normal for each vertex, (V, 3)."""
        a, b, c = (self.vertices[self.triangles[:, k]] for k in range(3))
        across = np.cross(b - a, c - a)
        total = np.zeros_like(self.vertices)
        for k in range(3):
            np.add.at(total, self.triangles[:, k], across)
        return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-9)


@dataclass(frozen=True)
class Part:
    """One piece of a body."""

    mesh: Mesh
    """The part's surface at rest, in the body's own coordinates."""
    skin: int
    """Parts of one skin share their texture and count as one labelled part."""
    joint: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Point that the part swings about."""
    axis: tuple[float, float, float] = (0.0, 1.0, 0.0)
    swing: float = 0.0
    """Largest angle to either side, radians."""
    phase: float = 0.0
    """Phase of the swing, in turns."""
    rolls: bool = False
    """Whether the part keeps turning like a wheel, instead of swinging."""


@dataclass
class Body:
    """A body of several parts, within a ball of radius 1 about the origin, z up, x ahead."""

    kind: str
    parts: list[Part] = field(default_factory=list)
    stands: bool = True
    """Whether it keeps upright; others tumble."""

    @property
    def skins(self) -> int:
        return 1 + max(part.skin for part in self.parts)


def make_body(rng: np.random.Generator, kind: str | None = None) -> Body:
    """Make a body of a kind, of any when none is named."""
    kind = kind or str(rng.choice(KINDS))
    body = _MAKERS[kind](rng)
    body.kind = kind
    reach = max(float(np.linalg.norm(part.mesh.vertices, axis=1).max()) for part in body.parts)
    return Body(kind, [_scaled(part, 1 / reach) for part in body.parts], body.stands)


def turned(axis: tuple[float, float, float] | np.ndarray, angle: float) -> np.ndarray:
    """Give the rotation by an angle about an axis, (3, 3)."""
    x, y, z = np.asarray(axis, np.float64) / max(float(np.linalg.norm(axis)), 1e-9)
    cross = np.array(((0, -z, y), (z, 0, -x), (-y, x, 0)))
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def ball(rows: int = 12, columns: int = 20) -> Mesh:
    """Make a unit ball, poles up and down."""
    down, around = np.meshgrid(np.linspace(0, np.pi, rows), np.linspace(0, 2 * np.pi, columns), indexing="ij")
    points = np.stack((np.sin(down) * np.cos(around), np.sin(down) * np.sin(around), np.cos(down)), axis=-1)
    return _sheet(points, np.stack((around / (2 * np.pi), down / np.pi), axis=-1))


def lump(rng: np.random.Generator, roughness: float, rows: int = 14, columns: int = 24) -> Mesh:
    """Push a ball out of shape by a few smooth waves."""
    mesh = ball(rows, columns)
    reach = np.ones(len(mesh.vertices))
    for _ in range(5):
        reach += roughness * rng.normal() * np.sin(mesh.vertices @ rng.normal(0, 2.0, 3) + rng.uniform(0, 2 * np.pi))
    return Mesh(mesh.vertices * np.clip(reach, 0.45, 1.8)[:, None], mesh.uvs, mesh.triangles)


def rounded_box(rng: np.random.Generator, rows: int = 12, columns: int = 24) -> Mesh:
    """Make a superquadric: anything between a box, a cylinder and a double cone."""
    north, east = rng.choice((0.15, 0.3, 1.0, 1.6), 2, p=(0.4, 0.3, 0.2, 0.1))
    mesh = ball(rows, columns)
    x, y, z = mesh.vertices.T
    level = np.hypot(x, y)
    cos, sin = (np.divide(v, level, out=np.zeros_like(v), where=level > 1e-9) for v in (x, y))

    def powered(v: np.ndarray, power: float) -> np.ndarray:
        return np.sign(v) * np.abs(v) ** power

    points = np.stack((powered(level, north) * powered(cos, east), powered(level, north) * powered(sin, east), powered(z, north)), axis=1)
    return Mesh(points, mesh.uvs, mesh.triangles)


def vessel(radii: np.ndarray, heights: np.ndarray, columns: int = 24) -> Mesh:
    """Turn a profile about the upright axis; both ends are closed."""
    radii, heights = np.concatenate(([0], radii, [0])), np.concatenate((heights[:1], heights, heights[-1:]))
    around = np.linspace(0, 2 * np.pi, columns)
    points = np.stack(
        (radii[:, None] * np.cos(around), radii[:, None] * np.sin(around), np.broadcast_to(heights[:, None], (len(radii), columns))),
        axis=-1,
    )[::-1]
    down = np.linspace(0, 1, len(radii))
    return _sheet(points, np.stack(np.broadcast_arrays(around / (2 * np.pi), down[:, None]), axis=-1))


def tube(path: np.ndarray, radii: np.ndarray, columns: int = 10) -> Mesh:
    """Lay a tube along points (N, 3) with a radius at each; both ends are closed."""
    path = np.concatenate((path[:1], path, path[-1:]))
    radii = np.concatenate(([0.0], radii, [0.0]))
    ahead = np.gradient(path, axis=0)
    ahead[0], ahead[-1] = ahead[1], ahead[-2]
    ahead /= np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-9)
    aside = np.cross(ahead, np.array((0.31, 0.27, 0.91)))
    aside /= np.maximum(np.linalg.norm(aside, axis=1, keepdims=True), 1e-9)
    up = np.cross(ahead, aside)
    around = np.linspace(0, 2 * np.pi, columns)
    rings = np.cos(around)[None, :, None] * aside[:, None] + np.sin(around)[None, :, None] * up[:, None]
    points = path[:, None] + radii[:, None, None] * rings
    along = np.linspace(0, 1, len(path))
    return _sheet(points[:, ::-1], np.stack(np.broadcast_arrays(around / (2 * np.pi), along[:, None]), axis=-1))


def placed(mesh: Mesh, size: tuple[float, float, float], at: tuple[float, float, float], turn: np.ndarray | None = None) -> Mesh:
    """Stretch, turn and move a mesh."""
    points = mesh.vertices * np.array(size)
    return Mesh((points if turn is None else points @ turn.T) + np.array(at), mesh.uvs, mesh.triangles)


def _sheet(points: np.ndarray, uvs: np.ndarray) -> Mesh:
    """Join a grid of points (R, C, 3) with triangles."""
    rows, columns = points.shape[:2]
    number = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = number[:-1, :-1], number[1:, :-1], number[:-1, 1:], number[1:, 1:]
    triangles = np.concatenate([np.stack(three, axis=-1).reshape(-1, 3) for three in ((a, b, c), (c, b, d))])
    return Mesh(points.reshape(-1, 3).astype(np.float64), uvs.reshape(-1, 2).astype(np.float64), triangles)


def _scaled(part: Part, factor: float) -> Part:
    mesh = Mesh(part.mesh.vertices * factor, part.mesh.uvs, part.mesh.triangles)
    x, y, z = part.joint
    return Part(mesh, part.skin, (x * factor, y * factor, z * factor), part.axis, part.swing, part.phase, part.rolls)


def _vessel(rng: np.random.Generator) -> Body:
    """Bottles, cups, lamps; some with a handle, some with a lid."""
    rings = int(rng.integers(4, 10))
    heights = np.linspace(-1, 1, rings)
    radii = np.clip(rng.uniform(0.25, 0.7) + np.cumsum(rng.normal(0, 0.14, rings)), 0.1, 0.9)
    body = Body("", [Part(vessel(radii, heights), 0)], stands=rng.random() < 0.5)
    if rng.random() < 0.5:
        bow = np.linspace(-1.2, 1.2, 9)
        out = float(np.interp(0, heights, radii))
        path = np.stack((out - 0.05 + 0.4 * np.cos(bow), np.zeros(9), 0.5 * np.sin(bow)), axis=1)
        body.parts.append(Part(tube(path, np.full(9, rng.uniform(0.05, 0.1))), 1))
    if rng.random() < 0.4:
        body.parts.append(Part(placed(ball(8, 14), (radii[-1] * 0.9, radii[-1] * 0.9, 0.2), (0, 0, 1.05)), body.skins))
    return body


def _stone(rng: np.random.Generator) -> Body:
    """A lump, some with others stuck to it."""
    size = rng.uniform(0.45, 1.0, 3)
    body = Body("", [Part(placed(lump(rng, rng.uniform(0.05, 0.22)), tuple(size), (0, 0, 0)), 0)], stands=rng.random() < 0.2)
    for _ in range(int(rng.integers(0, 4))):
        away = rng.normal(0, 1, 3)
        away *= size / np.linalg.norm(away)
        small = rng.uniform(0.12, 0.4)
        body.parts.append(Part(placed(lump(rng, 0.12, 9, 14), (small, small, small), tuple(away)), body.skins))
    return body


def _box(rng: np.random.Generator) -> Body:
    """Boxes, books, tins, furniture: one to four rounded boxes; some on legs."""
    size = rng.uniform(0.3, 1.0, 3)
    body = Body("", [Part(placed(rounded_box(rng), tuple(size), (0, 0, 0)), 0)], stands=rng.random() < 0.4)
    for _ in range(int(rng.integers(0, 3))):
        small = size * rng.uniform(0.2, 0.7, 3)
        body.parts.append(Part(placed(rounded_box(rng, 8, 16), tuple(small), tuple(size * rng.choice((-1, 0, 1), 3))), body.skins))
    if rng.random() < 0.35:
        skin, thick, long = body.skins, rng.uniform(0.04, 0.1), rng.uniform(0.3, 0.9)
        for x in (-0.8, 0.8):
            for y in (-0.8, 0.8):
                top = np.array((x * size[0], y * size[1], -size[2] * 0.8))
                body.parts.append(Part(tube(np.stack((top, top - (0, 0, long))), np.full(2, thick), 8), skin))
        body.stands = True
    return body


def _ring(rng: np.random.Generator) -> Body:
    """Rings, wheels with spokes, coils and knots."""
    turns = int(rng.choice((1, 1, 2, 3)))
    at = np.linspace(0, 2 * np.pi * turns, 24 * turns + 1)
    wave = rng.uniform(0, 0.35)
    path = np.stack((np.cos(at), np.sin(at), (at / at[-1] - 0.5) * (turns - 1) * 0.8 + wave * np.sin(3 * at)), axis=1)
    body = Body("", [Part(tube(path, np.full(len(at), rng.uniform(0.06, 0.28))), 0)], stands=False)
    for angle in np.linspace(0, np.pi, int(rng.integers(2, 6)) if turns == 1 and rng.random() < 0.5 else 0, endpoint=False):
        end = np.array((np.cos(angle), np.sin(angle), 0))
        body.parts.append(Part(tube(np.stack((-end, end)), np.full(2, rng.uniform(0.02, 0.05)), 6), 1))
    return body


def _limb(rng: np.random.Generator, body: Body, top: np.ndarray, long: float, thick: float, skin: int, phase: float, swing: float) -> None:
    """Hang a bent limb from a point; it swings to and fro."""
    knee = top + np.array((rng.normal(0, 0.04), 0, -0.5 * long))
    foot = knee + np.array((rng.normal(0, 0.04), 0, -0.5 * long))
    path = np.stack((top, (top + knee) / 2, knee, (knee + foot) / 2, foot, foot + np.array((0.35 * long * 0.4, 0, 0))))
    radii = thick * np.array((1.3, 1.1, 0.8, 0.75, 0.6, 0.5))
    body.parts.append(Part(tube(path, radii, 10), skin, tuple(top), (0, 1, 0), swing, phase))


def _animal(rng: np.random.Generator) -> Body:
    """A trunk on four legs with neck, head, ears and tail."""
    long, deep = rng.uniform(0.6, 1.0), rng.uniform(0.22, 0.45)
    body = Body("", [Part(placed(lump(rng, 0.07), (long, deep * 0.8, deep), (0, 0, 0)), 0)])
    swing, leg, thick = rng.uniform(0.1, 0.7), rng.uniform(0.45, 1.1), rng.uniform(0.05, 0.12)
    patched = int(rng.random() < 0.5)
    for phase, x in ((0.0, 0.65), (0.5, 0.6), (0.5, -0.65), (0.0, -0.6)):
        side = 1 if len(body.parts) % 2 else -1
        _limb(rng, body, np.array((x * long, side * deep * 0.5, -deep * 0.4)), leg, thick, patched, phase, swing)
    rise = rng.uniform(0.1, 0.9)
    throat, crown = np.array((0.8 * long, 0, 0.2 * deep)), np.array((long + 0.2, 0, 0.2 * deep + rise))
    body.parts.append(Part(tube(np.stack((throat, (throat + crown) / 2, crown)), np.array((1.2, 0.8, 0.7)) * deep * 0.6), 0))
    head, small = 1 + patched, rng.uniform(0.16, 0.3)
    nod: dict[str, Any] = {"joint": tuple(throat), "swing": rng.uniform(0, 0.25), "phase": float(rng.random())}
    body.parts[-1] = Part(body.parts[-1].mesh, 0, **nod)
    body.parts.append(Part(placed(lump(rng, 0.05, 10, 16), (small * 1.5, small, small), tuple(crown + (small * 0.7, 0, 0))), head, **nod))
    for side in (-1, 1):
        ear = crown + np.array((0, side * small * 0.7, small * 0.5))
        tip = ear + np.array((-0.05, side * 0.1, rng.uniform(0.08, 0.35)))
        body.parts.append(Part(tube(np.stack((ear, tip)), np.array((0.35, 0.15)) * small, 8), head, **nod))
    root = np.array((-0.95 * long, 0, 0.3 * deep))
    tail = np.stack([root + t * np.array((-0.5, 0, rng.uniform(-0.4, 0.5))) for t in np.linspace(0, 1, 4)])
    body.parts.append(Part(tube(tail, np.full(4, rng.uniform(0.03, 0.09)), 8), patched, tuple(root), (0, 0, 1), 0.4, 0.3))
    return body


def _figure(rng: np.random.Generator) -> Body:
    """Somebody who walks or waves: head, hair, trunk, skirt or trousers, arms, legs, shoes."""
    broad = rng.uniform(0.16, 0.26)
    skirt = rng.random() < 0.35
    body = Body("", [Part(placed(lump(rng, 0.04), (broad * 0.7, broad, 0.36), (0, 0, 0.3)), 0)])
    swing = rng.uniform(0.1, 0.8)
    body.parts.append(Part(placed(ball(10, 16), (0.12, 0.11, 0.15), (0.01, 0, 0.83)), 1))
    body.parts.append(Part(placed(lump(rng, 0.08, 10, 16), (0.13, 0.135, 0.13), (-0.035, 0, 0.88)), 2))
    lean = rng.uniform(0, 1.2) if rng.random() < 0.4 else 0.0
    for side, phase in ((1, 0.5), (-1, 0.0)):
        shoulder, hip = np.array((0, side * broad * 1.05, 0.56)), np.array((0, side * broad * 0.5, 0.0))
        elbow = shoulder + np.array((0, side * (0.07 + 0.25 * lean), -0.28 + 0.25 * lean))
        hand = elbow + np.array((rng.uniform(0, 0.15), side * 0.12 * lean, -0.25 + 0.4 * lean))
        moved: dict[str, Any] = {"joint": tuple(shoulder), "axis": (0, 1, 0), "swing": swing, "phase": phase}
        body.parts.append(Part(tube(np.stack((shoulder, elbow)), np.array((0.085, 0.065)), 10), 0, **moved))
        body.parts.append(Part(tube(np.stack((elbow, (elbow + hand) / 2, hand)), np.array((0.06, 0.05, 0.04)), 10), 1, **moved))
        knee, foot = hip + np.array((0.02, 0, -0.42)), hip + np.array((0, 0, -0.84))
        moved = {"joint": tuple(hip), "axis": (0, 1, 0), "swing": swing, "phase": phase + 0.5}
        leg = tube(np.stack((hip, (hip + knee) / 2, knee, foot)), np.array((0.12, 0.1, 0.08, 0.055)), 10)
        body.parts.append(Part(leg, 1 if skirt else 3, **moved))
        body.parts.append(Part(placed(ball(8, 12), (0.12, 0.06, 0.05), (foot[0] + 0.06, foot[1], foot[2] - 0.03)), 4, **moved))
    if skirt:
        flare = rng.uniform(1.3, 2.4)
        cone = vessel(np.array((flare, 1.2, 0.9)) * broad, np.array((-0.5, -0.1, 0.15)) * rng.uniform(0.6, 1.2))
        body.parts.append(Part(cone, 3, (0, 0, 0.1), (0, 1, 0), swing * 0.15, 0.2))
    return body


def _vehicle(rng: np.random.Generator) -> Body:
    """A hull on two or four wheels; those on two have thin frames and sometimes a rider."""
    wheel = rng.uniform(0.2, 0.4)
    thin = rng.random() < 0.45
    body = Body("")
    sides = (0.0,) if thin else (-0.42, 0.42)
    if thin:
        corners = np.array(((-0.65, 0, 0), (-0.1, 0, 0.45), (0.5, 0, 0.5), (0.65, 0, 0), (0.0, 0, 0.0), (-0.65, 0, 0)))
        for first, second in zip(corners[:-1], corners[1:]):
            body.parts.append(Part(tube(np.stack((first, second)), np.full(2, 0.04), 8), 0))
        body.parts.append(Part(placed(ball(8, 12), (0.18, 0.08, 0.05), (-0.15, 0, 0.52)), 1))
        bar = np.stack((np.array((0.5, -0.3, 0.6)), np.array((0.5, 0.3, 0.6))))
        body.parts.append(Part(tube(bar, np.full(2, 0.03), 8), 1))
    else:
        body.parts.append(Part(placed(rounded_box(rng), (0.95, 0.42, rng.uniform(0.15, 0.3)), (0, 0, 0.15)), 0))
        cabin = (rng.uniform(0.3, 0.6), 0.36, rng.uniform(0.15, 0.3))
        body.parts.append(Part(placed(rounded_box(rng), cabin, (rng.uniform(-0.3, 0.2), 0, 0.5)), 1))
    for x in (-0.65, 0.65):
        for y in sides:
            at = np.linspace(0, 2 * np.pi, 19)
            tyre = np.stack((x + wheel * np.cos(at), np.full(19, y), wheel * np.sin(at)), axis=1)
            turn: dict[str, Any] = {"joint": (x, y, 0.0), "axis": (0, 1, 0), "rolls": True}
            body.parts.append(Part(tube(tyre, np.full(19, 0.05 if thin else 0.1), 8), 2, **turn))
            if thin:
                for angle in np.linspace(0, np.pi, 4, endpoint=False):
                    end = wheel * np.array((np.cos(angle), 0, np.sin(angle)))
                    body.parts.append(Part(tube(np.stack((end, -end)) + (x, y, 0), np.full(2, 0.012), 5), 2, **turn))
            else:
                body.parts.append(Part(placed(ball(8, 12), (wheel * 0.8, 0.06, wheel * 0.8), (x, y, 0)), 3, **turn))
    if thin and rng.random() < 0.6:
        seat, neck = np.array((-0.15, 0, 0.55)), np.array((0.1, 0, 1.1))
        body.parts.append(Part(tube(np.stack((seat, (seat + neck) / 2, neck)), np.array((0.16, 0.18, 0.12))), 3))
        body.parts.append(Part(placed(ball(10, 14), (0.14, 0.12, 0.15), (0.17, 0, 1.3)), 4))
        for side in (-1, 1):
            body.parts.append(Part(tube(np.stack((neck, (0.25, side * 0.25, 0.8), (0.5, side * 0.25, 0.62))), np.full(3, 0.06), 8), 3))
            knee = (0.25, side * 0.13, 0.45)
            leg = tube(np.stack((seat, knee, (0.05, side * 0.12, -0.05))), np.array((0.1, 0.08, 0.06)), 8)
            body.parts.append(Part(leg, 5, tuple(seat), (0, 1, 0), 0.25, 0.5 * (side > 0)))
    return body


def _plant(rng: np.random.Generator) -> Body:
    """A trunk or stem that branches, with leaves or without; some in a pot."""
    body = Body("")
    leafy = rng.random() < 0.7
    for _ in range(int(rng.integers(2, 7))):
        path, heading = [np.array((0.0, 0.0, -0.6))], np.array((rng.normal(0, 0.3), rng.normal(0, 0.3), 1.0))
        for _ in range(4):
            heading = heading + rng.normal(0, 0.35, 3) * (1, 1, 0.4)
            path.append(path[-1] + 0.38 * heading / np.linalg.norm(heading))
        body.parts.append(Part(tube(np.stack(path), np.linspace(rng.uniform(0.03, 0.09), 0.015, 5), 6), 0))
        for at in path[2:] if leafy else []:
            turn = turned(rng.normal(0, 1, 3), rng.uniform(0, np.pi))
            leaf = placed(ball(6, 10), (rng.uniform(0.15, 0.35), rng.uniform(0.06, 0.16), 0.02), tuple(at), turn)
            body.parts.append(Part(leaf, 1, tuple(at), (1, 0, 0), 0.15, float(rng.random())))
    if rng.random() < 0.5:
        body.parts.append(Part(vessel(np.array((0.2, 0.3, 0.35)), np.array((-1.0, -0.75, -0.5))), body.skins))
    return body


_MAKERS = {
    "vessel": _vessel,
    "stone": _stone,
    "box": _box,
    "ring": _ring,
    "animal": _animal,
    "figure": _figure,
    "vehicle": _vehicle,
    "plant": _plant,
}
