"""What the worker does with each request, on a made shot with a small untrained network."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.shot import made_shot
from xmemcore.protocol.messages import Clear, Models, Propagate, Status, Suggest
from xmemcore.protocol.requests import PropagateRequest, SuggestRequest
from xmemcore.protocol.results import Cleared
from xmemcore.worker.thumbnails import MATTE_COLOUR, outlined, write_thumbnails
from xmemcore.worker.work import work


class Recorder:
    def __init__(self):
        self.frames = []

    def message(self, text): ...
    def warning(self, text): ...
    def progress(self, done, total): ...

    def frame_done(self, frame, path):
        self.frames.append(frame)

    def cancelled(self):
        return False


@pytest.fixture(scope="module")
def shot(tmp_path_factory):
    folder = tmp_path_factory.mktemp("worker")
    return {
        "plate": made_shot.write_plate(folder / "plate"),
        "roto": made_shot.write_roto(folder / "roto.nk"),
        "model": str(made_shot.write_model(folder / "models")),
        "size": 64,
        "device": "cpu",
        "cache": str(folder / "cache"),
        "node_id": "0123abcd",
    }, folder


def test_each_request_is_answered(shot):
    fields, folder = shot
    out = str(folder / "mattes" / "matte.%04d.exr")
    propagate = PropagateRequest(**fields, frames="1001-1012", out=out)
    recorder = Recorder()
    done = work(Propagate(1, propagate), recorder)
    assert sorted(recorder.frames) == list(range(1001, 1013)) and done.layers == ("sleeve", "body") and done.encoded_frames > 0
    status = work(Status(2, propagate), recorder)
    assert status.stale == () and status.bytes_used > 0
    found = work(Suggest(3, SuggestRequest(**fields, mattes=out, count=2)), recorder)
    for suggestion in found.suggestions:
        assert cv2.imread(suggestion.thumbnail).shape == (198, 277, 3)
    assert work(Clear(4, "0123abcd", fields["cache"]), recorder) == Cleared()
    assert work(Status(5, propagate), recorder).annotations_to_encode > 0
    assert any(model.name == "xmem" for model in work(Models(6), recorder).models)


def test_thumbnails_need_a_node_and_are_left_out_where_the_plate_is_damaged(shot, tmp_path):
    fields, _ = shot
    fields = {**fields, "plate": made_shot.write_plate(tmp_path, 1001, 1002, ())}
    assert write_thumbnails(SuggestRequest(**{**fields, "node_id": None}), [1001]) == {}
    (tmp_path / "plate.1002.exr").write_bytes(b"no picture")
    assert write_thumbnails(SuggestRequest(**fields), [1002, 1001]) == {}


def test_the_mattes_edge_lies_around_the_object_where_the_plate_has_overscan(shot):
    fields, folder = shot
    out = str(folder / "mattes" / "matte.%04d.exr")
    work(Propagate(1, PropagateRequest(**fields, frames="1001", out=out)), Recorder())
    drawn, bare = (cv2.imread(write_thumbnails(SuggestRequest(**fields, mattes=mattes), [1001])[1001]) for mattes in (out, None))
    rows = np.nonzero((drawn != bare).any(axis=2))[0] / bare.shape[0] * (made_shot.HEIGHT + 2 * made_shot.OVERSCAN)
    assert abs(rows.min() - (made_shot.OVERSCAN + 16)) < 1.5 and abs(rows.max() - (made_shot.OVERSCAN + 48)) < 1.5


def test_the_mattes_edge_is_drawn_and_nothing_else():
    image = np.zeros((20, 30, 3), np.float32)
    matte = np.zeros((40, 60), np.float32)
    matte[10:30, 20:40] = 1.0
    drawn = outlined(image, matte)
    assert np.array_equal(drawn[5, 10], MATTE_COLOUR) and not drawn[10, 15].any() and not drawn[1, 1].any() and not image.any()
