"""One roto, three roads to pixels: points sampled through nuke.rotopaint, the text alone, and Nuke's own render."""

from __future__ import annotations

import numpy as np
import pytest

from tests.nuke_plugin.drawn_rotos import FEATHERED, NESTED, curves, read, triangle
from xmemcore.curves import write_tree
from xmemcore.roto import PixelGrid, rasterise, read_roto
from xmemcore.shot.annotations.host_alpha import difference
from xmemcore.shot.files.box import Box
from xmemcore.shot.plate.canvas import Canvas

pytestmark = pytest.mark.timeout(300)
WIDTH, HEIGHT = 480, 400

PLAIN_FEATHER = FEATHERED.replace("fx 6 fy 3 ", "").replace(" 0 5 -7 0 0 0 30 1.5 0.75", "").replace("ff 2 ", "")
CASES = {
    "hard edge": (curves(triangle("one", "1001 1010")), 1004),
    "nested layers, turned": (curves(NESTED % triangle("deep", "1001 1010")), 1004),
    "opacity and feather": (curves(PLAIN_FEATHER), 1001),
    "two that overlap": (curves(triangle("a", "1001", "opc 0.5"), triangle("b", "1001 1010", "", "{t 0 0 0 -40 20}")), 1001),
}


@pytest.mark.parametrize("case", CASES)
def test_the_three_rasters_agree(start, case):
    from_text, frame = CASES[case]
    stage = start()
    nuke = stage.nuke
    nuke.addFormat(f"{WIDTH} {HEIGHT} 0 0 {WIDTH} {HEIGHT} 1 raster")
    nuke.root()["format"].setValue("raster")
    node = nuke.nodes.Roto()
    node["curves"].fromScript(from_text)
    from xmem_roto_nuke.roto import sampling

    (read_node,) = read([node]).nodes
    root = read_node.reading.root
    every = {path for path, _ in sampling.shapes_with_paths(root)}
    asked = write_tree(sampling.sampled(root, read_node.elements, every, [frame], [frame]))
    grid = PixelGrid(WIDTH, HEIGHT)

    def union(roto) -> np.ndarray:
        return 1 - np.prod([1 - rasterise(obj.at(frame), grid) for obj in roto.objects], axis=0)

    through_api, through_text = union(read_roto(asked)), union(read_roto(from_text))
    np.testing.assert_allclose(through_api, through_text, atol=2e-3)
    assert 0.02 < (through_api > 0.4).mean() < 0.8, "there is something to compare"
    picture = stage.host.pixels(node, frame, ["rgba.alpha"])
    stand_in = np.asarray(picture.planes["rgba.alpha"], np.float32).reshape(picture.height, picture.width)[::-1]
    canvas = Canvas(Box(0, 0, WIDTH, HEIGHT), Box(0, 0, WIDTH, HEIGHT))
    assert difference(stand_in, through_api, canvas, frame) is None
