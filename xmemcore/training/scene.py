"""Stage a clip: choose the target, the things beside it and in front of it, and how all of them move.

Every choice is a share in `SceneConfig`, so that a recipe can weigh it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from xmemcore.training import motion, regions
from xmemcore.training.cutouts import Cutout, Source, TooSmall, recoloured, soft_alpha, without
from xmemcore.training.motion import Path
from xmemcore.training.plan import ClipPlan, Layer, Look
from xmemcore.training.rendered import Scenes, targets

_WIDEST = float(np.log(0.75))
"""Log scale at which the background covers three quarters of the canvas."""


@dataclass(frozen=True)
class SceneConfig:
    """Shares of clips, in [0, 1], unless stated otherwise."""

    partial: float = 0.22
    """Targets that are regions and not things. With too many the network learns not to complete a thing."""
    in_place: float = 0.5
    """Targets that stay in their own photograph, where their edges and light are true."""
    look_alike: float = 0.3
    """Clips with a copy of the target that is no target, or is another one."""
    target_scale: tuple[float, float] = (0.18, 0.85)
    """Smallest and largest half of the longer side of a target on a foreign background, in halves of the canvas, before it moves."""
    energy: tuple[float, float, float] = (0.3, 0.45, 0.25)
    """Shares of calm, lively and wild clips."""
    bystanders: float = 0.9
    """Mean number of other things."""
    occluder: float = 0.3
    thin_target: float = 0.08
    thin_limbs: float = 0.12
    thin_occluder: float = 0.15
    turning: float = 0.3
    """Targets that show their other side."""
    leaving: float = 0.15
    zooming: float = 0.2
    """Scale changes of 3 to 7 times within the clip."""
    bending: float = 0.6
    smearing: float = 0.3
    shaded: float = 0.0
    """Clips over which shadows and patches of light drift."""
    camouflaged: float = 0.0
    """Targets on a foreign background that take on its colours."""
    hidden: float = 0.0
    """Clips in which blocks cover the target, and other blocks other frames: what is covered in one must be known from another."""


@dataclass(frozen=True)
class ClipShape:
    """The shape that all clips of a batch share."""

    size: int = 192
    frames: int = 4
    objects: int = 1
    """1 or 2."""
    regular: bool = False
    """Whether frames are evenly spaced, as in a shot; otherwise they lie anywhere, as memory frames do."""


def stage(rng: np.random.Generator, source: Source, thin: Source, shape: ClipShape, config: SceneConfig) -> ClipPlan:
    """Plan one clip."""
    while True:
        try:
            return _stage(rng, source, thin, shape, config)
        except TooSmall:
            continue


def stage_rendered(
    rng: np.random.Generator, scenes: Scenes, source: Source, thin: Source, shape: ClipShape, config: SceneConfig
) -> ClipPlan:
    """Plan one clip in which a rendered scene's bodies are the targets, over a picture of the source and among things of it."""
    while True:
        try:
            return _stage_rendered(rng, scenes, source, thin, shape, config)
        except TooSmall:
            continue


def _stage_rendered(
    rng: np.random.Generator, scenes: Scenes, source: Source, thin: Source, shape: ClipShape, config: SceneConfig
) -> ClipPlan:
    at = motion.times(rng, shape.frames, shape.regular)
    energy = float(rng.choice((0.2, 0.5, 0.9), p=config.energy))
    shutter = rng.uniform(0.1, 0.5) if rng.random() < config.smearing else 0.0
    plan = ClipPlan(shape.size, _camera(rng, at, energy, config))
    background = source.background(rng)
    ground = _ground(rng, background, at, energy, None)
    ground.smear = shutter
    plan.layers.append(ground)
    plan.camera.log_scale += max(0.0, _WIDEST - float(plan.camera.log_scale.min()) - ground.path.log_scale[0])

    scene = scenes.scene(rng, at)
    marks = targets(rng, scene.labels, shape.objects, partial=rng.random() < config.partial)
    colours = scene.colours[..., :3]
    if config.camouflaged and rng.random() < config.camouflaged:
        covered = scene.colours[..., 3].reshape(-1, scene.colours.shape[2])
        share = rng.uniform(0.4, 1.0)
        flat = recoloured(np.ascontiguousarray(colours.reshape(-1, *colours.shape[2:])), covered, background, share)
        colours = flat.reshape(colours.shape)
    side = scene.colours.shape[2]
    scale = float(np.exp(rng.uniform(np.log(0.8), np.log(1.5))))
    bodies = Layer(colours[0], scene.colours[0, ..., 3], motion.still(shape.frames, (0.0, 0.0), scale), (side / 2, side / 2), side / 2)
    bodies.moments = [(np.ascontiguousarray(c), np.ascontiguousarray(s[..., 3]), m) for c, s, m in zip(colours, scene.colours, marks)]
    path = bodies.path
    path.centre += motion.wander(rng, at, 0.25 * energy, 2)
    path.log_scale += np.clip(motion.wander(rng, at, 0.15 * energy)[:, 0], -0.6, 0.6)
    path.angle += motion.wander(rng, at, 0.1 * energy)[:, 0]
    if rng.random() < config.zooming:
        path.log_scale += _sweep(rng, at, 1.6 if scale > 1.1 else -1.4)
    if rng.random() < config.leaving:
        _let_leave(rng, path, at)
    if rng.random() < config.bending * 0.5:
        motion.bend(rng, path, at, rng.uniform(0.05, 0.2))
    bodies.smear = shutter
    others = [_pasted(rng, source, at, energy, shutter, config, label=0) for _ in range(min(2, int(rng.poisson(config.bystanders * 0.6))))]
    plan.layers += [*others, bodies]
    _cover(rng, plan, at, source, thin, shutter, energy, config, path)
    return plan


def _cover(
    rng: np.random.Generator,
    plan: ClipPlan,
    at: np.ndarray,
    source: Source,
    thin: Source,
    shutter: float,
    energy: float,
    config: SceneConfig,
    over: Path,
) -> None:
    """Lead things across the target, hide parts of it, and choose light and lens."""
    if rng.random() < config.occluder:
        passing = _pasted(rng, source, at, energy, shutter, config, label=0)
        _let_pass(rng, passing.path, at, over)
        plan.layers.append(passing)
    if rng.random() < config.thin_occluder:
        plan.layers.append(_pasted(rng, thin, at, energy, shutter, config, label=0))
    if config.hidden and rng.random() < config.hidden:
        plan.layers += _blocks(rng, at, source, over)
    plan.look = look(rng, at)
    if config.shaded and rng.random() < config.shaded:
        plan.look.shade = motion.shade(rng, at, rng.uniform(0.3, 0.9))


def _blocks(rng: np.random.Generator, at: np.ndarray, source: Source, over: Path) -> list[Layer]:
    """Hide parts of the target behind plain blocks, another block in each frame and none in some; what is hidden is no target there."""
    blocks = []
    for frame in range(len(at)):
        if rng.random() < 0.35:
            continue
        picture = cv2.resize(source.background(rng), (64, 64), interpolation=cv2.INTER_AREA)
        path = motion.still(len(at), (0.0, 0.0), float(rng.uniform(0.25, 0.7) * np.exp(over.log_scale[frame])))
        # In every other frame the block is far outside of the canvas.
        path.centre[:] = 40.0
        path.centre[frame] = over.centre[frame] + rng.uniform(-0.7, 0.7, 2) * np.exp(over.log_scale[frame])
        path.width *= np.exp(rng.uniform(-0.7, 0.7))
        blocks.append(Layer(picture, np.full((64, 64), 255, np.uint8), path, (32.0, 32.0), 32.0))
    return blocks


def _stage(rng: np.random.Generator, source: Source, thin: Source, shape: ClipShape, config: SceneConfig) -> ClipPlan:
    at = motion.times(rng, shape.frames, shape.regular)
    energy = float(rng.choice((0.35, 0.8, 1.3), p=config.energy))
    shutter = rng.uniform(0.1, 0.5) if rng.random() < config.smearing else 0.0
    plan = ClipPlan(shape.size, _camera(rng, at, energy, config))
    is_partial = rng.random() < config.partial
    on_surface = is_partial and rng.random() < 0.2
    in_place = rng.random() < config.in_place and not on_surface

    cutout, background = _material(rng, source, thin, config, in_place)
    ground = _ground(rng, background, at, energy, cutout.box if in_place else None)
    ground.smear = shutter
    plan.layers.append(ground)
    # Far beyond a photograph's border there would be nothing but mirrors of it.
    plan.camera.log_scale += max(0.0, _WIDEST - float(plan.camera.log_scale.min()) - ground.path.log_scale[0])
    targets = 0
    if on_surface:
        ground.regions, targets = regions.blob(rng, np.full(background.shape[:2], 255, np.uint8)), 1

    if in_place:
        base = _in_its_picture(cutout, ground, shape.frames)
        # Often the thing only moves along with its surroundings.
        liveliness = energy * float(rng.choice((0.0, 0.4, 1.0)))
    else:
        base = motion.still(shape.frames, tuple(rng.uniform(-0.6, 0.6, 2)), float(np.exp(rng.uniform(*np.log(config.target_scale)))))
        liveliness = energy
    main = _layer(cutout, base, shutter)
    _animate(rng, main, at, liveliness, config, target=True)
    if not on_surface:
        targets = _label(rng, main, cutout, shape.objects, is_partial)
    others = [main]

    if rng.random() < config.look_alike and not on_surface:
        twin = _twin(rng, main, cutout, at, energy, shutter, config)
        if targets < shape.objects and not is_partial:
            twin.label, targets = 2, targets + 1
        others.append(twin)
    while targets < shape.objects:
        targets += 1
        others.append(_pasted(rng, source, at, energy, shutter, config, label=targets))
    for _ in range(min(3, int(rng.poisson(config.bystanders)))):
        others.append(_pasted(rng, source, at, energy, shutter, config, label=0))
    rng.shuffle(others)
    plan.layers += others
    _cover(rng, plan, at, source, thin, shutter, energy, config, main.path)
    return plan


def _material(rng: np.random.Generator, source: Source, thin: Source, config: SceneConfig, in_place: bool) -> tuple[Cutout, np.ndarray]:
    """Choose the target, and the picture behind it: its own one without it, or another one."""
    cutout = thin.cutout(rng) if not in_place and rng.random() < config.thin_target else source.cutout(rng)
    if rng.random() < config.thin_limbs:
        cutout = _with_limbs(rng, cutout, thin)
    background = without(cutout.picture, cutout.mask) if in_place else source.background(rng)
    if config.camouflaged and not in_place and rng.random() < config.camouflaged:
        cutout = replace(cutout, picture=recoloured(cutout.picture, cutout.mask, background, rng.uniform(0.5, 1.0)))
    return cutout, background


def _in_its_picture(cutout: Cutout, ground: Layer, frames: int) -> Path:
    """Rest where the thing stands in the picture that it was cut out of, which is the ground."""
    x, y, radius = cutout.box
    scale = np.exp(ground.path.log_scale[0])
    across, down = ((x - ground.centre[0]) / ground.radius, (y - ground.centre[1]) / ground.radius)
    place = (ground.path.centre[0, 0] + across * scale, ground.path.centre[0, 1] + down * scale)
    return motion.still(frames, place, radius / ground.radius * scale)


def _label(rng: np.random.Generator, main: Layer, cutout: Cutout, objects: int, is_partial: bool) -> int:
    """Label the thing, or parts of it, as target; give the number of targets."""
    main.label = 1
    if not is_partial:
        return 1
    main.regions = regions.partial(rng, cutout)
    if objects == 1:
        main.regions = np.where(main.regions == 1, 1, 0).astype(np.uint8)
        return 1
    return 2


def _twin(
    rng: np.random.Generator, main: Layer, cutout: Cutout, at: np.ndarray, energy: float, shutter: float, config: SceneConfig
) -> Layer:
    """Make a copy of the target that moves beside it."""
    place = _beside(rng, main)
    size = float(np.exp(main.path.log_scale[0]) * rng.uniform(0.75, 1.3))
    twin = _layer(cutout, motion.still(len(at), place, size), shutter)
    _animate(rng, twin, at, energy * 0.6, config, target=False)
    return twin


def _camera(rng: np.random.Generator, at: np.ndarray, energy: float, config: SceneConfig) -> Path:
    camera = motion.still(len(at), (0.0, 0.0), 1.0)
    camera.centre += motion.wander(rng, at, 0.2 * energy, 2)
    camera.angle += motion.wander(rng, at, 0.08 * energy)[:, 0]
    camera.log_scale += np.clip(motion.wander(rng, at, 0.12 * energy)[:, 0], -0.5, 0.7)
    camera.tilt += np.clip(motion.wander(rng, at, 0.08 * energy, 2), -0.25, 0.25)
    if rng.random() < config.zooming * 0.4:
        camera.log_scale += _sweep(rng, at, 1.2)
    return camera


def _ground(rng: np.random.Generator, picture: np.ndarray, at: np.ndarray, energy: float, keep: tuple[float, float, float] | None) -> Layer:
    """Lay out the background; `keep` is the box of a thing that must be in view."""
    height, width = picture.shape[:2]
    radius = min(height, width) / 2
    scale = float(np.exp(rng.uniform(-0.15, 0.5)))
    centre = np.array([width / 2, height / 2])
    if keep is not None:
        x, y, keep_radius = keep
        scale = float(np.clip(np.exp(rng.uniform(np.log(0.2), np.log(0.9))) * radius / keep_radius, 0.7, 2.2))
        centre = np.array([x, y]) + rng.uniform(-0.5, 0.5, 2) * radius / scale
        span = np.maximum(np.array([width, height]) / 2 - 0.8 * radius / scale, 0)
        centre = np.clip(centre, np.array([width, height]) / 2 - span, np.array([width, height]) / 2 + span)
    layer = Layer(picture, None, motion.still(len(at), (0.0, 0.0), scale), (float(centre[0]), float(centre[1])), radius)
    if rng.random() < 0.3:
        motion.bend(rng, layer.path, at, 0.06 * energy)
    return layer


def _layer(cutout: Cutout, path: Path, shutter: float) -> Layer:
    x, y, radius = cutout.box
    return Layer(cutout.picture, soft_alpha(cutout.mask, 0.8), path, (x, y), radius, smear=shutter)


def _pasted(
    rng: np.random.Generator, source: Source, at: np.ndarray, energy: float, shutter: float, config: SceneConfig, label: int
) -> Layer:
    scale = float(np.exp(rng.uniform(np.log(0.15), np.log(0.75))))
    layer = _layer(source.cutout(rng), motion.still(len(at), tuple(rng.uniform(-0.9, 0.9, 2)), scale), shutter)
    _animate(rng, layer, at, energy, config, target=label > 0)
    layer.label = label
    return layer


def _animate(rng: np.random.Generator, layer: Layer, at: np.ndarray, energy: float, config: SceneConfig, target: bool) -> None:
    """Move a thing, and change how it looks."""
    path = layer.path
    scale = float(np.exp(path.log_scale[0]))
    path.centre += motion.wander(rng, at, 0.4 * energy, 2)
    path.log_scale += np.clip(motion.wander(rng, at, 0.2 * energy)[:, 0], -0.8, 0.8)
    path.angle += motion.wander(rng, at, 0.25 * energy)[:, 0]
    path.width *= np.exp(np.clip(motion.wander(rng, at, 0.15 * energy)[:, 0], -0.5, 0.5))
    path.shear += motion.wander(rng, at, 0.12 * energy)[:, 0]
    path.tilt += np.clip(motion.wander(rng, at, 0.12 * energy, 2), -0.3, 0.3)
    if rng.random() < config.bending:
        motion.bend(rng, path, at, rng.uniform(0.1, 0.35))
    if target and rng.random() < config.zooming:
        path.log_scale += _sweep(rng, at, 1.9 if scale > 0.3 else -1.9)
    if target and rng.random() < config.leaving:
        _let_leave(rng, path, at)
    if rng.random() < config.turning:
        _turn(rng, layer, at)
    if rng.random() < 0.5:
        light = motion.wander(rng, at, 0.15, 1) + motion.wander(rng, at, 0.04, 3)
        layer.gain = np.exp(np.clip(light, -0.6, 0.5))


def _sweep(rng: np.random.Generator, at: np.ndarray, reach: float) -> np.ndarray:
    """Grow or shrink monotonously; a positive reach shrinks on the whole, to e^-reach at most."""
    way = at if rng.random() < 0.5 else 1 - at
    return -np.sign(reach) * rng.uniform(0.55, 1.0) * abs(reach) * way ** rng.uniform(0.6, 1.6)


def _let_leave(rng: np.random.Generator, path: Path, at: np.ndarray) -> None:
    """Push a thing out of the frame and back."""
    moment, width, heading = rng.uniform(0.2, 1.1), rng.uniform(0.1, 0.3), rng.uniform(0, 2 * np.pi)
    away = np.exp(-(((at - moment) / width) ** 2)) * (1.3 + np.exp(path.log_scale))
    path.centre += away[:, None] * np.array([np.cos(heading), np.sin(heading)])


def _let_pass(rng: np.random.Generator, path: Path, at: np.ndarray, over: Path) -> None:
    """Lead a path across another at some moment."""
    moment, heading = rng.uniform(0, 1), rng.uniform(0, 2 * np.pi)
    way = (at - moment) * rng.uniform(1.0, 4.0)
    path.centre = over.centre + way[:, None] * np.array([np.cos(heading), np.sin(heading)])
    path.log_scale = over.log_scale + rng.uniform(-1.0, 0.4)


def _turn(rng: np.random.Generator, layer: Layer, at: np.ndarray) -> None:
    """Turn a thing about its upright axis, to its other side and perhaps back."""
    far = rng.uniform(0.5, 1.0) * np.pi * (1.0 if rng.random() < 0.7 else 1.6)
    begin = rng.uniform(-0.3, 0.3)
    cosine = np.cos(begin + far * np.clip((at - rng.uniform(0, 0.3)) * rng.uniform(1.0, 1.8), 0, 1))
    layer.path.width *= np.where(cosine < 0, -1, 1) * np.maximum(np.abs(cosine), 0.3)
    layer.back = _other_side(rng, layer.picture)


def _other_side(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Invent the side that was not seen: the same thing with other colours in places."""
    hsv = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV).astype(np.int16)
    hsv[..., 0] = (hsv[..., 0] + int(rng.integers(-12, 13))) % 180
    hsv[..., 1] = np.clip(hsv[..., 1] * rng.uniform(0.6, 1.3), 0, 255)
    hsv[..., 2] = np.clip(hsv[..., 2] * rng.uniform(0.6, 1.25), 0, 255)
    changed = cv2.cvtColor(hsv.astype(np.uint8), cv2.COLOR_HSV2RGB)
    turned = np.roll(changed[:, ::-1], int(rng.integers(-20, 21)), axis=1)
    spots = cv2.resize(rng.random((5, 5), np.float32), (picture.shape[1], picture.shape[0]), interpolation=cv2.INTER_CUBIC)
    share = np.clip((spots - rng.uniform(0.3, 0.8)) * 6, 0, 1)[..., None]
    return (changed * (1 - share) + turned * share).astype(np.uint8)


def _beside(rng: np.random.Generator, layer: Layer) -> tuple[float, float]:
    heading = rng.uniform(0, 2 * np.pi)
    away = np.exp(layer.path.log_scale[0]) * rng.uniform(1.0, 2.2)
    x, y = layer.path.centre[0]
    return float(np.clip(x + away * np.cos(heading), -0.9, 0.9)), float(np.clip(y + away * np.sin(heading), -0.9, 0.9))


def _with_limbs(rng: np.random.Generator, cutout: Cutout, thin: Source) -> Cutout:
    """Give a thing thin limbs that belong to it."""
    wood = thin.cutout(rng)
    height, width = cutout.mask.shape
    x, y, radius = cutout.box
    side = max(8, int(2.4 * radius))
    limbs = cv2.resize(wood.mask, (side, side), interpolation=cv2.INTER_AREA)
    filling = cv2.resize(wood.picture, (width, height), interpolation=cv2.INTER_AREA)
    mask = np.zeros_like(cutout.mask)
    left, top = int(x - side / 2), int(y - side / 2)
    into = (slice(max(0, top), min(height, top + side)), slice(max(0, left), min(width, left + side)))
    mask[into] = limbs[into[0].start - top : into[0].stop - top, into[1].start - left : into[1].stop - left]
    new = (mask > 100) & (cutout.mask == 0)
    picture = np.where(new[..., None], filling, cutout.picture)
    return Cutout(picture, np.where(new, 255, cutout.mask).astype(np.uint8), cutout.parts)


def look(rng: np.random.Generator, at: np.ndarray) -> Look:
    """Choose exposure, colour, focus, grain and compression, constant and drifting."""
    count = len(at)
    drift = float(rng.choice((0.0, 0.06, 0.2), p=(0.3, 0.5, 0.2)))
    gain = np.exp(
        rng.normal(0, 0.15) + rng.normal(0, 0.06, 3)[None] + motion.wander(rng, at, drift) + motion.wander(rng, at, drift * 0.3, 3)
    )
    soft = rng.uniform(0.4, 1.6) if rng.random() < 0.2 else 0.0
    return Look(
        gain=np.clip(gain, 0.35, 1.9),
        gamma=np.exp(np.clip(rng.normal(0, 0.15) + motion.wander(rng, at, drift * 0.5)[:, 0], -0.6, 0.6)),
        offset=rng.normal(0, 6) + np.zeros((count, 3)),
        blur=np.abs(soft * (1 + motion.wander(rng, at, 0.5)[:, 0])),
        noise=np.full(count, rng.uniform(2, 12) if rng.random() < 0.35 else 0.0),
        quality=np.full(count, int(rng.integers(45, 96)) if rng.random() < 0.4 else 0),
        seed=int(rng.integers(2**31)),
    )
