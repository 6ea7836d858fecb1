"""Draw planned clips on an accelerator, the same plans as `draw`: a loader that only plans is quick enough for it.

Drawing a whole batch takes one `grid_sample` for each layer number; small differences from opencv (reduction of large pictures,
compression, the grain's numbers) are of no consequence for training.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from xmemcore.training import motion
from xmemcore.training.plan import ClipPlan, Layer, Look, canvas_motion, source_step, warp


def draw_on(plans: list[ClipPlan], device: torch.device) -> tuple[Tensor, Tensor]:
    """Draw a batch of plans of one size and length.

    Returns:
        Frames (B, T, S, S, 3) uint8 and labels (B, T, S, S) uint8 on the device.
    """
    drawn = [_draw(plan, device) for plan in plans]
    return torch.stack([frames for frames, _ in drawn]), torch.stack([labels for _, labels in drawn])


def _draw(plan: ClipPlan, device: torch.device) -> tuple[Tensor, Tensor]:
    length, size = plan.frames, plan.size
    colour = torch.zeros(length, 3, size, size, device=device)
    labels = torch.zeros(length, 1, size, size, device=device)
    coarse = motion.grid(size)
    for layer in plan.layers:
        _add(plan, layer, coarse, colour, labels)
    if plan.look is not None:
        colour = _developed(colour, plan.look)
    return colour.clamp(0, 255).round().to(torch.uint8).permute(0, 2, 3, 1), labels[:, 0].to(torch.uint8)


def _add(plan: ClipPlan, layer: Layer, coarse: np.ndarray, colour: Tensor, labels: Tensor) -> None:
    """Lay one layer over all frames, in place."""
    device, length = colour.device, plan.frames
    height, width = layer.picture.shape[:2]
    at = torch.from_numpy(np.stack([warp(plan, layer, t, coarse) for t in range(length)])).to(device).permute(0, 3, 1, 2)
    g = motion.GRID_STEP
    fine = F.interpolate(at, scale_factor=g, mode="bilinear", align_corners=False)[..., g:-g, g:-g]
    side = torch.tensor((width, height), device=device, dtype=torch.float32).view(1, 2, 1, 1)
    grid = ((fine + 0.5) / side * 2 - 1).permute(0, 2, 3, 1)
    planes = _planes(plan, layer, device)
    mode = "reflection" if layer.alpha is None else "border"
    seen = F.grid_sample(planes[:, :3], grid, mode="bilinear", padding_mode=mode, align_corners=False)
    if layer.gain is not None:
        seen = seen * torch.from_numpy(layer.gain).float().to(device)[..., None, None]
    if layer.alpha is None:
        opacity = torch.ones_like(labels)
    else:
        opacity = F.grid_sample(planes[:, 3:4], grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    ways = np.stack([canvas_motion(plan, layer, t) * layer.smear for t in range(length)])
    seen, opacity = _smeared(torch.cat((seen, opacity), dim=1), ways).split((3, 1), dim=1)
    colour.copy_(colour * (1 - opacity) + seen * opacity)
    mark = torch.full_like(labels, layer.label)
    if layer.at(0).regions is not None:
        marks = np.stack([regions for t in range(length) if (regions := layer.at(t).regions) is not None])
        fields = torch.from_numpy(marks).float().to(device)[:, None]
        mark = F.grid_sample(fields, grid, mode="nearest", padding_mode="zeros", align_corners=False)
    labels.copy_(torch.where(opacity > 0.5, mark, labels))


def _planes(plan: ClipPlan, layer: Layer, device: torch.device) -> Tensor:
    """Give picture and opacity for each frame, (T, 4, h, w): the side that is shown, reduced so that no pixel is left out."""
    faces = []
    for t in range(plan.frames):
        now = layer.at(t)
        picture = now.back if now.back is not None and now.path.width[t] < 0 else now.picture
        alpha = now.alpha if now.alpha is not None else np.full(picture.shape[:2], 255, np.uint8)
        face = torch.from_numpy(np.dstack((picture, alpha))).to(device).permute(2, 0, 1).float()
        face = torch.cat((face[:3], face[3:] / 255))[None]
        step = source_step(plan, layer, t)
        if step > 1.5:
            # An average over what one pixel covers, put back to the picture's size so that frames stack.
            cells = [max(2, int(n / step)) for n in face.shape[-2:]]
            face = F.interpolate(F.interpolate(face, size=cells, mode="area"), size=face.shape[-2:], mode="bilinear", align_corners=False)
        faces.append(face)
    return torch.cat(faces)


def _smeared(planes: Tensor, ways: np.ndarray) -> Tensor:
    """Blur each frame along its way, (T, C, S, S)."""
    lengths = np.hypot(ways[:, 0], ways[:, 1])
    if lengths.max() < 2:
        return planes
    size = planes.shape[-1]
    total = torch.zeros_like(planes)
    taps = np.linspace(-0.5, 0.5, 7)
    ways = ways * np.minimum(1.0, 13 / np.maximum(lengths, 1e-6))[:, None]
    identity = torch.eye(2, 3, device=planes.device).expand(len(planes), -1, -1)
    for tap in taps:
        shift = torch.from_numpy(ways * tap * 2 / size).float().to(planes.device)
        moved = torch.cat((identity[..., :2], shift[..., None]), dim=2)
        total += F.grid_sample(
            planes, F.affine_grid(moved, list(planes.shape), align_corners=False), padding_mode="border", align_corners=False
        )
    return total / len(taps)


def _developed(colour: Tensor, look: Look) -> Tensor:
    """Shade, expose, blur and add grain; compression is left to the CPU's way."""
    if look.shade is not None:
        factors = torch.from_numpy(look.shade).to(colour.device)[:, None]
        colour = (colour * F.interpolate(factors, size=colour.shape[-2:], mode="bilinear", align_corners=False)).clamp(0, 255)

    def per_clip(values: np.ndarray) -> Tensor:
        return torch.from_numpy(np.asarray(values, np.float32)).to(colour.device).view(len(values), -1, 1, 1)

    colour = ((colour / 255).clamp(0, 1) ** per_clip(look.gamma) * 255 * per_clip(look.gain) + per_clip(look.offset)).clamp(0, 255)
    if look.blur.max() > 0.3:
        reach = torch.arange(-5, 6, device=colour.device, dtype=torch.float32).view(1, -1)
        kernels = torch.exp(-(reach**2) / (2 * per_clip(np.maximum(look.blur, 0.05)).view(-1, 1) ** 2))
        kernels = (kernels / kernels.sum(dim=1, keepdim=True)).repeat_interleave(3, dim=0)
        flat = colour.reshape(1, -1, *colour.shape[-2:])
        flat = F.conv2d(F.pad(flat, (5, 5, 0, 0), mode="replicate"), kernels.view(-1, 1, 1, 11), groups=len(kernels))
        flat = F.conv2d(F.pad(flat, (0, 0, 5, 5), mode="replicate"), kernels.view(-1, 1, 11, 1), groups=len(kernels))
        colour = flat.view_as(colour)
    generator = torch.Generator(colour.device).manual_seed(look.seed)
    return colour + torch.randn(colour.shape, generator=generator, device=colour.device) * per_clip(look.noise)
