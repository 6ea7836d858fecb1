"""What the plugin sends: texts of a chain of rotos, with the artist's edits."""

from __future__ import annotations

import json

import pytest

from tests.roto.made_roto import curves, layer, square
from xmemcore.curves import SentRoto
from xmemcore.curves.script import Format
from xmemcore.protocol.failures import RequestError
from xmemcore.roto import Roto, read_roto

SLEEVE = square("sleeve", 10, 20, 8, "{1001 1010 1020}")


def sent(*rotos: str, **edits: object) -> Roto:
    texts = tuple((f"Roto{len(rotos) - i}", "AddMode 0 0 1 0 " + text[1:-1]) for i, text in enumerate(rotos))
    return read_roto(SentRoto((1920, 1080, 2.0), texts, **edits).write())


def test_texts_come_through_as_their_nodes_have_them() -> None:
    roto = sent(curves(SLEEVE, layer("body", square("arm", 0, 0, 4))), curves(square("sleeve", 50, 20, 8)))
    assert roto.format == Format(1920, 1080, 2.0)
    assert [(obj.name, obj.keyframes) for obj in roto.objects] == [
        ("Roto2.sleeve", (1001, 1010, 1020)), ("body", (1001,)), ("Roto1.sleeve", (1001,)),
    ]  # fmt: skip


def test_the_artists_keyframes_and_absences_go_before_the_keys() -> None:
    roto = sent(curves(SLEEVE, square("hat", 0, 0, 4)), keyframes={"sleeve": (1001, 1005)}, absent={"sleeve": (1005, 1030)})
    sleeve, hat = roto.objects
    assert (sleeve.keyframes, hat.keyframes) == ((1001, 1005), (1001,))
    assert sleeve.at(1005) == [] and [sleeve.absent(frame) for frame in (1001, 1005, 1030)] == [False, True, True]


def test_all_shapes_may_be_one_object() -> None:
    roto = sent(
        curves(SLEEVE, square("hat", 0, 0, 4, "1002")), curves(square("low", 50, 20, 8, "1003")), union="roto", keyframes={"roto": (1001,)}
    )
    (obj,) = roto.objects
    assert (obj.name, obj.keyframes) == ("roto", (1001,))
    assert [shape.points[0, 0, 0] for shape in obj.at(1001)] == [50, 0, 10]
    assert sent(curves(square("hole", 0, 0, 4, attributes="bm 12"), SLEEVE), union="roto").warnings == (), "the hole is in the sleeve"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"format": [1, 2]}, "the format is not"),
        ({"format": [1, 2, 0]}, "the pixel aspect"),
        ({"rotos": []}, "it has no roto"),
        ({"rotos": [{"name": "Roto1"}]}, "curves text is None"),
        ({"rotos": [{"name": "Roto1", "curves": "{{v 1"}]}, "Roto1: The roto is broken at line 1"),
        ({"rotos": [{"name": "Roto1", "curves": "{{v 1} {f 0} {n {layer Root}}}"}]}, "Roto1 has no shapes"),
        ({"keyframes": {"a": [1.5]}}, "a frame of 'a' is 1.5"),
        ({"keyframes": {"a": 3}}, "are no list"),
        ({"absent": []}, "the absent frames is a list"),
        ({"union": 3}, "the name of the union"),
    ],
)
def test_what_is_wrong_with_it_is_said(change: dict[str, object], sentence: str) -> None:
    content = {**json.loads(SentRoto((64, 48, 1.0), (("Roto1", curves(SLEEVE)),)).write()), **change}
    with pytest.raises(RequestError) as caught:
        read_roto(json.dumps(content))
    assert sentence in str(caught.value)
