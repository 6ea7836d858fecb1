"""Small pictures of suggested frames for the panel's strip: Nuke's Python can show a PNG but not read an EXR."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import cv2
import numpy as np

from xmemcore.protocol.failures import RequestError
from xmemcore.protocol.places import THUMBNAIL_HEIGHT, thumbnail
from xmemcore.protocol.requests import SuggestRequest
from xmemcore.protocol.results import SuggestResult
from xmemcore.shot.mattes.mattes import read_mattes
from xmemcore.shot.plate.plate import Plate

SHORT_SIDE = 2 * THUMBNAIL_HEIGHT
"""Pixels: dense screens have two for each that the panel counts."""
MATTE_COLOUR = np.array([0.95, 0.62, 0.19], np.float32)


def with_thumbnails(request: SuggestRequest, result: SuggestResult) -> SuggestResult:
    """Write one PNG for each suggestion, with the matte's outline where there is a matte, and name the files in the suggestions.

    A picture that cannot be made is left out: the suggestion holds without it.
    """
    paths = write_thumbnails(request, [suggestion.frame for suggestion in result.suggestions])
    return replace(
        result, suggestions=tuple(replace(suggestion, thumbnail=paths.get(suggestion.frame)) for suggestion in result.suggestions)
    )


def write_thumbnails(request: SuggestRequest, frames: Iterable[int]) -> dict[int, str]:
    """Write one PNG a frame; give the path of each that could be made."""
    if request.node_id is None:
        return {}
    paths: dict[int, str] = {}
    try:
        plate = Plate.open(request.plate, request.colorspace, request.view)
        mattes = read_mattes(request.mattes) if request.mattes is not None else None
    except RequestError:
        return paths
    for frame in frames:
        try:
            image = plate.working_image(frame, SHORT_SIDE, "area")
            if mattes is not None and frame in mattes.frames:
                image = outlined(image, mattes.read(frame, plate.canvas).union)
            path = thumbnail(request.node_id, frame, request.cache)
            path.parent.mkdir(parents=True, exist_ok=True)
            if cv2.imwrite(str(path), (image[..., ::-1] * 255.0 + 0.5).clip(0, 255).astype(np.uint8)):
                paths[frame] = path.as_posix()
        except (RequestError, OSError, cv2.error):
            continue
    return paths


def outlined(image: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """Draw the edge of a matte, (H, W), into a picture of the same canvas, (h, w, 3) in [0, 1]."""
    height, width = image.shape[:2]
    mask = (cv2.resize(matte, (width, height), interpolation=cv2.INTER_AREA) > 0.5).astype(np.uint8)
    edge = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8)) > 0
    image = image.copy()
    image[edge] = MATTE_COLOUR
    return image
