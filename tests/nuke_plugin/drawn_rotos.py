"""Rotos that several tests draw, as curves texts, and the plugin's reading of them."""

# ruff: noqa: UP031, E501 -- curves text is all braces and its lines are as long as Nuke writes them
from __future__ import annotations

TWO = (
    "{v x3f99999a} {f 0} {n {layer Root {f 0} {t 32 24} {a} "
    "{curvegroup tri 512 bezier {{cc {f 8192} {px 1001 {0 0} {10 10} {0 0} {0 0} {40 10} {0 0} {0 0} {25 36} {0 0}}} idem} {t 25 18} {a}} "
    "{curvegroup hat 512 bezier {{cc {f 8192} {px 1001 {0 0} {4 4} {0 0} {0 0} {9 4} {0 0} {0 0} {6 9} {0 0}}} idem} {t 6 6} {a}}}}"
)

HEAD = "AddMode 0 0 1 0 {{v x3f99999a} {f 0} {n {layer Root {f 0} {t 960 540} {a} "

FEATHERED = (
    "curvegroup soft 512 bezier {{cc {f 8192} {p {0 0} {100 100} {0 0} {-20 5} {400 100} {30 -5} {0 0} {250 360} {0 0}}} "
    "{cc {f 8192} {p {0 0} {-10 -12} {0 0} {-20 5} {14 -9} {30 -5} {0 0} {0 22} {0 0}}}} {t 250 186 0 5 -7 0 0 0 30 1.5 0.75} {a fx 6 fy 3 ff 2 opc 0.5}"
)

NESTED = "layer outer {f 512} {t 100 50 0 {{1001 0 -} {1010 90 -}} 20 0 0 0 15} {a} {layer inner {f 512} {t 30 40 0 0 0 0 0 0 -40 0.5 2} {a} {%s}}"


def curves(*elements: str) -> str:
    return HEAD + " ".join("{%s}" % element for element in elements) + "}}}"


def triangle(name: str, keys: str = "1001", attributes: str = "", transform: str = "{t 250 186}", more: int = 1) -> str:
    """A triangle, keyed at one or several times; with several, x moves by 10 for each key."""
    count = len(keys.split())
    times = keys if count == 1 else "{%s}" % keys

    def number(value: float) -> str:
        if value == 0 or count == 1:
            return str(value)
        return "{%s}" % " ".join("{%d %s}" % (value + 10 * i * more, "0.5 1 1.5 1" if i else "-") for i in range(count))

    points = " ".join("{0 0} {%s %s} {0 0}" % (number(x), number(y)) for x, y in ((100, 100), (400, 100), (250, 360)))
    return "curvegroup %s 512 bezier {{cc {f 8192} {px %s %s}} idem} %s {a %s}" % (name, times, points, transform, attributes)


def read(nodes, one_object: bool = False):
    """Read a chain of Rotos, the topmost first."""
    from xmem_roto_nuke.roto.reading import read_rotos

    return read_rotos([(node.name(), node["curves"].toScript(), node["curves"]) for node in nodes], one_object)
