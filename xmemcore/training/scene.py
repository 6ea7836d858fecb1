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
_ENERGIES, _ENERGIES_RENDERED = (0.35, 0.8, 1.3), (0.2, 0.5, 0.9)
"""How much calm, lively and wild clips move; rendered bodies move by themselves."""


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
            return _Staging(rng, source, thin, shape, config, _ENERGIES).staged()
        except TooSmall:
            continue


def stage_rendered(
    rng: np.random.Generator, scenes: Scenes, source: Source, thin: Source, shape: ClipShape, config: SceneConfig
) -> ClipPlan:
    """Plan one clip in which a rendered scene's bodies are the targets, over a picture of the source and among things of it."""
    while True:
        try:
            return _Staging(rng, source, thin, shape, config, _ENERGIES_RENDERED).staged_rendered(scenes)
        except TooSmall:
            continue


class _Staging:
    """One clip while it is staged: the hand that draws its choices, and what all its things have in common."""

    def __init__(
        self,
        rng: np.random.Generator,
        source: Source,
        thin: Source,
        shape: ClipShape,
        config: SceneConfig,
        energies: tuple[float, float, float],
    ) -> None:
        """Choose the moments of the frames, and how much moves and smears.

        Args:
            rng: draws every choice, in the order in which they are written here.
            source: of pictures and things.
            thin: of thin things.
            shape: of the clip.
            config: how often what is chosen.
            energies: how much calm, lively and wild clips move.
        """
        self.rng, self.source, self.thin, self.shape, self.config = rng, source, thin, shape, config
        self.at = motion.times(rng, shape.frames, shape.regular)
        self.energy = float(rng.choice(energies, p=config.energy))
        self.shutter = rng.uniform(0.1, 0.5) if self.happens(config.smearing) else 0.0
        self.plan = ClipPlan(shape.size, self.camera())

    def happens(self, share: float) -> bool:
        """Draw whether something happens in this clip."""
        return self.rng.random() < share

    def staged(self) -> ClipPlan:
        """Stage things that are cut out of pictures."""
        rng, shape = self.rng, self.shape
        is_partial = self.happens(self.config.partial)
        on_surface = is_partial and self.happens(0.2)
        in_place = self.happens(self.config.in_place) and not on_surface
        cutout, background = self.material(in_place)
        ground = self.ground(background, cutout.box if in_place else None)
        targets = 0
        if on_surface:
            ground.regions, targets = regions.blob(rng, np.full(background.shape[:2], 255, np.uint8)), 1
        main = self.main(cutout, ground if in_place else None)
        if not on_surface:
            targets = self.labelled(main, cutout, is_partial)
        others = [main]
        if self.happens(self.config.look_alike) and not on_surface:
            twin = self.twin(main, cutout)
            if targets < shape.objects and not is_partial:
                twin.label, targets = 2, targets + 1
            others.append(twin)
        while targets < shape.objects:
            targets += 1
            others.append(self.pasted(self.source, targets))
        for _ in range(min(3, int(rng.poisson(self.config.bystanders)))):
            others.append(self.pasted(self.source))
        rng.shuffle(others)
        self.plan.layers += others
        self.cover(main.path)
        return self.plan

    def staged_rendered(self, scenes: Scenes) -> ClipPlan:
        """Stage the bodies of a rendered scene."""
        background = self.source.background(self.rng)
        self.ground(background, None)
        bodies = self.bodies(scenes, background)
        others = [self.pasted(self.source) for _ in range(min(2, int(self.rng.poisson(self.config.bystanders * 0.6))))]
        self.plan.layers += [*others, bodies]
        self.cover(bodies.path)
        return self.plan

    def camera(self) -> Path:
        """Move the camera."""
        rng, at, energy = self.rng, self.at, self.energy
        camera = motion.still(len(at), (0.0, 0.0), 1.0)
        camera.centre += motion.wander(rng, at, 0.2 * energy, 2)
        camera.angle += motion.wander(rng, at, 0.08 * energy)[:, 0]
        camera.log_scale += np.clip(motion.wander(rng, at, 0.12 * energy)[:, 0], -0.5, 0.7)
        camera.tilt += np.clip(motion.wander(rng, at, 0.08 * energy, 2), -0.25, 0.25)
        if self.happens(self.config.zooming * 0.4):
            camera.log_scale += self.sweep(1.2)
        return camera

    def ground(self, picture: np.ndarray, keep: tuple[float, float, float] | None) -> Layer:
        """Lay out the background, the lowest layer; `keep` is the box of a thing that must be in view."""
        rng = self.rng
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
        path = motion.still(len(self.at), (0.0, 0.0), scale)
        layer = Layer(picture, None, path, (float(centre[0]), float(centre[1])), radius, smear=self.shutter)
        if self.happens(0.3):
            motion.bend(rng, path, self.at, 0.06 * self.energy)
        self.plan.layers.append(layer)
        # Far beyond a photograph's border there would be nothing but mirrors of it.
        self.plan.camera.log_scale += max(0.0, _WIDEST - float(self.plan.camera.log_scale.min()) - path.log_scale[0])
        return layer

    def material(self, in_place: bool) -> tuple[Cutout, np.ndarray]:
        """Choose the target, and the picture behind it: its own one without it, or another one."""
        rng, config = self.rng, self.config
        cutout = self.thin.cutout(rng) if not in_place and self.happens(config.thin_target) else self.source.cutout(rng)
        if self.happens(config.thin_limbs):
            cutout = _with_limbs(rng, cutout, self.thin)
        background = without(cutout.picture, cutout.mask) if in_place else self.source.background(rng)
        if config.camouflaged and not in_place and self.happens(config.camouflaged):
            cutout = replace(cutout, picture=recoloured(cutout.picture, cutout.mask, background, rng.uniform(0.5, 1.0)))
        return cutout, background

    def main(self, cutout: Cutout, own: Layer | None) -> Layer:
        """Place the target and let it move; `own` is the ground where that is the picture that the target was cut out of."""
        rng, frames = self.rng, len(self.at)
        if own is not None:
            path = _in_its_picture(cutout, own, frames)
            # Often the thing only moves along with its surroundings.
            energy = self.energy * float(rng.choice((0.0, 0.4, 1.0)))
        else:
            place, scale = tuple(rng.uniform(-0.6, 0.6, 2)), float(np.exp(rng.uniform(*np.log(self.config.target_scale))))
            path, energy = motion.still(frames, place, scale), self.energy
        main = self.layer(cutout, path)
        self.animate(main, energy, target=True)
        return main

    def labelled(self, main: Layer, cutout: Cutout, is_partial: bool) -> int:
        """Label the thing, or parts of it, as target; give the number of targets."""
        main.label = 1
        if not is_partial:
            return 1
        main.regions = regions.partial(self.rng, cutout)
        if self.shape.objects == 1:
            main.regions = np.where(main.regions == 1, 1, 0).astype(np.uint8)
            return 1
        return 2

    def bodies(self, scenes: Scenes, background: np.ndarray) -> Layer:
        """Place the bodies of a rendered scene as one layer, and let it move."""
        rng, at, config = self.rng, self.at, self.config
        scene = scenes.scene(rng, at)
        marks = targets(rng, scene.labels, self.shape.objects, partial=self.happens(config.partial))
        colours = scene.colours[..., :3]
        if config.camouflaged and self.happens(config.camouflaged):
            covered = scene.colours[..., 3].reshape(-1, scene.colours.shape[2])
            share = rng.uniform(0.4, 1.0)
            flat = recoloured(np.ascontiguousarray(colours.reshape(-1, *colours.shape[2:])), covered, background, share)
            colours = flat.reshape(colours.shape)
        side = scene.colours.shape[2]
        scale = float(np.exp(rng.uniform(np.log(0.8), np.log(1.5))))
        path = motion.still(len(at), (0.0, 0.0), scale)
        bodies = Layer(colours[0], scene.colours[0, ..., 3], path, (side / 2, side / 2), side / 2, smear=self.shutter)
        bodies.moments = [(np.ascontiguousarray(c), np.ascontiguousarray(s[..., 3]), m) for c, s, m in zip(colours, scene.colours, marks)]
        path.centre += motion.wander(rng, at, 0.25 * self.energy, 2)
        path.log_scale += np.clip(motion.wander(rng, at, 0.15 * self.energy)[:, 0], -0.6, 0.6)
        path.angle += motion.wander(rng, at, 0.1 * self.energy)[:, 0]
        if self.happens(config.zooming):
            path.log_scale += self.sweep(1.6 if scale > 1.1 else -1.4)
        if self.happens(config.leaving):
            self.let_leave(path)
        if self.happens(config.bending * 0.5):
            motion.bend(rng, path, at, rng.uniform(0.05, 0.2))
        return bodies

    def twin(self, main: Layer, cutout: Cutout) -> Layer:
        """Make a copy of the target that moves beside it."""
        rng = self.rng
        heading = rng.uniform(0, 2 * np.pi)
        away = np.exp(main.path.log_scale[0]) * rng.uniform(1.0, 2.2)
        x, y = main.path.centre[0]
        place = float(np.clip(x + away * np.cos(heading), -0.9, 0.9)), float(np.clip(y + away * np.sin(heading), -0.9, 0.9))
        size = float(np.exp(main.path.log_scale[0]) * rng.uniform(0.75, 1.3))
        twin = self.layer(cutout, motion.still(len(self.at), place, size))
        self.animate(twin, self.energy * 0.6, target=False)
        return twin

    def pasted(self, source: Source, label: int = 0) -> Layer:
        """Paste a thing of a source anywhere, and let it move; 0: it is no target."""
        rng = self.rng
        scale = float(np.exp(rng.uniform(np.log(0.15), np.log(0.75))))
        layer = self.layer(source.cutout(rng), motion.still(len(self.at), tuple(rng.uniform(-0.9, 0.9, 2)), scale))
        self.animate(layer, self.energy, target=label > 0)
        layer.label = label
        return layer

    def layer(self, cutout: Cutout, path: Path) -> Layer:
        """Make a layer of a thing."""
        x, y, radius = cutout.box
        return Layer(cutout.picture, soft_alpha(cutout.mask, 0.8), path, (x, y), radius, smear=self.shutter)

    def cover(self, over: Path) -> None:
        """Lead things across the target, hide parts of it, and choose light and lens."""
        rng, config, plan = self.rng, self.config, self.plan
        if self.happens(config.occluder):
            passing = self.pasted(self.source)
            self.let_pass(passing.path, over)
            plan.layers.append(passing)
        if self.happens(config.thin_occluder):
            plan.layers.append(self.pasted(self.thin))
        if config.hidden and self.happens(config.hidden):
            plan.layers += self.blocks(over)
        plan.look = look(rng, self.at)
        if config.shaded and self.happens(config.shaded):
            plan.look.shade = motion.shade(rng, self.at, rng.uniform(0.3, 0.9))

    def blocks(self, over: Path) -> list[Layer]:
        """Hide parts of the target behind plain blocks, another block in each frame and none in some; what is hidden is no target there."""
        rng, frames, blocks = self.rng, len(self.at), []
        for frame in range(frames):
            if self.happens(0.35):
                continue
            picture = cv2.resize(self.source.background(rng), (64, 64), interpolation=cv2.INTER_AREA)
            path = motion.still(frames, (0.0, 0.0), float(rng.uniform(0.25, 0.7) * np.exp(over.log_scale[frame])))
            # In every other frame the block is far outside of the canvas.
            path.centre[:] = 40.0
            path.centre[frame] = over.centre[frame] + rng.uniform(-0.7, 0.7, 2) * np.exp(over.log_scale[frame])
            path.width *= np.exp(rng.uniform(-0.7, 0.7))
            blocks.append(Layer(picture, np.full((64, 64), 255, np.uint8), path, (32.0, 32.0), 32.0))
        return blocks

    def animate(self, layer: Layer, energy: float, target: bool) -> None:
        """Move a thing, and change how it looks; only a target grows far or leaves."""
        rng, at, config, path = self.rng, self.at, self.config, layer.path
        scale = float(np.exp(path.log_scale[0]))
        path.centre += motion.wander(rng, at, 0.4 * energy, 2)
        path.log_scale += np.clip(motion.wander(rng, at, 0.2 * energy)[:, 0], -0.8, 0.8)
        path.angle += motion.wander(rng, at, 0.25 * energy)[:, 0]
        path.width *= np.exp(np.clip(motion.wander(rng, at, 0.15 * energy)[:, 0], -0.5, 0.5))
        path.shear += motion.wander(rng, at, 0.12 * energy)[:, 0]
        path.tilt += np.clip(motion.wander(rng, at, 0.12 * energy, 2), -0.3, 0.3)
        if self.happens(config.bending):
            motion.bend(rng, path, at, rng.uniform(0.1, 0.35))
        if target and self.happens(config.zooming):
            path.log_scale += self.sweep(1.9 if scale > 0.3 else -1.9)
        if target and self.happens(config.leaving):
            self.let_leave(path)
        if self.happens(config.turning):
            self.turn(layer)
        if self.happens(0.5):
            light = motion.wander(rng, at, 0.15, 1) + motion.wander(rng, at, 0.04, 3)
            layer.gain = np.exp(np.clip(light, -0.6, 0.5))

    def sweep(self, reach: float) -> np.ndarray:
        """Grow or shrink monotonously; a positive reach shrinks on the whole, to e^-reach at most."""
        way = self.at if self.happens(0.5) else 1 - self.at
        return -np.sign(reach) * self.rng.uniform(0.55, 1.0) * abs(reach) * way ** self.rng.uniform(0.6, 1.6)

    def let_leave(self, path: Path) -> None:
        """Push a thing out of the frame and back."""
        moment, width, heading = self.rng.uniform(0.2, 1.1), self.rng.uniform(0.1, 0.3), self.rng.uniform(0, 2 * np.pi)
        away = np.exp(-(((self.at - moment) / width) ** 2)) * (1.3 + np.exp(path.log_scale))
        path.centre += away[:, None] * np.array([np.cos(heading), np.sin(heading)])

    def let_pass(self, path: Path, over: Path) -> None:
        """Lead a path across another at some moment."""
        moment, heading = self.rng.uniform(0, 1), self.rng.uniform(0, 2 * np.pi)
        way = (self.at - moment) * self.rng.uniform(1.0, 4.0)
        path.centre = over.centre + way[:, None] * np.array([np.cos(heading), np.sin(heading)])
        path.log_scale = over.log_scale + self.rng.uniform(-1.0, 0.4)

    def turn(self, layer: Layer) -> None:
        """Turn a thing about its upright axis, to its other side and perhaps back."""
        rng = self.rng
        far = rng.uniform(0.5, 1.0) * np.pi * (1.0 if self.happens(0.7) else 1.6)
        begin = rng.uniform(-0.3, 0.3)
        cosine = np.cos(begin + far * np.clip((self.at - rng.uniform(0, 0.3)) * rng.uniform(1.0, 1.8), 0, 1))
        layer.path.width *= np.where(cosine < 0, -1, 1) * np.maximum(np.abs(cosine), 0.3)
        layer.back = _other_side(rng, layer.picture)


def _in_its_picture(cutout: Cutout, ground: Layer, frames: int) -> Path:
    """Rest where the thing stands in the picture that it was cut out of, which is the ground."""
    x, y, radius = cutout.box
    scale = np.exp(ground.path.log_scale[0])
    across, down = ((x - ground.centre[0]) / ground.radius, (y - ground.centre[1]) / ground.radius)
    place = (ground.path.centre[0, 0] + across * scale, ground.path.centre[0, 1] + down * scale)
    return motion.still(frames, place, radius / ground.radius * scale)


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
