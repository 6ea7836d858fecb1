"""Who imports whom, read from the source; and the picture of the rooms that is drawn from it.

    python -m tests.rooms     writes docs/rooms.svg, which a test compares with the source

A room is a folder of modules that change together. An arrow that others imply is left out: where A needs B and B needs C, no arrow leads
from A to C.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
PICTURE = CHECKOUT / "docs" / "rooms.svg"
PLUGIN, PLUGIN_NAME = "nuke_plugin", "xmem_roto_nuke"
CORE = "xmemcore"
FOUNDATIONS = {
    **{f"nuke_plugin/{name}.py": "nuke_plugin/host" for name in ("environment", "graph", "words")},
    "xmemcore/shot/listener.py": "xmemcore/shot/listener",
}
"""Modules that stand apart from the folder they lie in: what every room of the plugin speaks to Nuke through, and whom every job tells."""
SPLIT = ("shot",)
"""Packages of the core whose folders are rooms of their own."""

PLACES = {
    "nuke_plugin/saved_by_0_2_0": (0, 0), "xmemcore/cli": (4, 0),
    "nuke_plugin": (1, 1), "xmemcore/training": (4, 1), "xmemcore/worker": (3, 1),
    "nuke_plugin/panel": (0, 2), "xmemcore/evaluation": (4, 2),
    "nuke_plugin/staleness": (1, 3), "xmemcore/shot": (3, 3),
    "nuke_plugin/handover": (2, 4), "xmemcore/shot/run": (4, 4),
    "xmemcore/shot/suggestion": (3, 5), "xmemcore/shot/plan": (4, 5), "xmemcore/shot/listener": (5, 6),
    "nuke_plugin/node": (1, 6), "xmemcore/shot/inputs": (4, 6),
    "nuke_plugin/core": (0, 7), "nuke_plugin/roto": (1, 7), "xmemcore/shot/mattes": (4, 7), "xmemcore/shot/machine": (2, 7),
    "nuke_plugin/host": (0, 8), "xmemcore/shot/annotations": (3, 8),
    "xmemcore/roto": (2, 9), "xmemcore/shot/plate": (4, 9),
    "xmemcore/shot/files": (4, 10), "xmemcore/shot/store": (5, 10),
    "xmemcore/curves": (2, 11), "xmemcore/engine": (3, 11),
    "xmemcore/network": (3, 12), "xmemcore/memory": (4, 12),
    "xmemcore/protocol": (2, 13),
}  # fmt: skip
"""Column and row of every room in the picture."""

BOX_WIDTH, BOX_HEIGHT, WIDE, HIGH, MARGIN = 168, 34, 190, 74, 24
PAPER, INK, ARROW, UP = "#ffffff", "#1c2733", "#8a97a5", "#c0392b"
COLOURS = {PLUGIN: "#fde8cf", "shot": "#d8e9f7", CORE: "#e2eede", "shared": "#f6e3ef"}
SHARED = ("protocol", "curves")
"""Rooms of the core that the plugin imports too."""


def modules(folder: str) -> list[Path]:
    """List the modules below a folder of the checkout; there is one at least, or the checks that ask have nothing to look at."""
    found = sorted((CHECKOUT / folder).rglob("*.py"))
    assert found, f"{folder} holds no module"
    return found


def imports(path: Path) -> set[str]:
    """List the dotted names that a module imports when it runs, at the top or inside functions; relative ones made absolute."""
    package = path.relative_to(CHECKOUT).with_suffix("").parts[:-1]
    found: set[str] = set()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for block in [node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")]:
        block.body = []  # seen by type checkers alone
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found |= {f"{module}.{alias.name}" for alias in node.names} | {module}
    return found


def rooms() -> list[str]:
    """List every room: the plugin's folders, the core's packages, and the folders of those that are split."""
    folders = [CHECKOUT / PLUGIN, *(CHECKOUT / PLUGIN).iterdir(), *(CHECKOUT / CORE).iterdir()]
    folders += [folder for name in SPLIT for folder in (CHECKOUT / CORE / name).iterdir()]
    found = {folder.relative_to(CHECKOUT).as_posix() for folder in folders if folder.is_dir() and any(folder.glob("*.py"))}
    return sorted(found | set(FOUNDATIONS.values()))


def arrows() -> dict[str, set[str]]:
    """Say for every room which others it imports."""
    all_rooms = rooms()
    found: dict[str, set[str]] = {room: set() for room in all_rooms}
    for path in [*modules(PLUGIN), *modules(CORE)]:
        room = _room_of(path.relative_to(CHECKOUT).with_suffix("").as_posix(), all_rooms)
        if room is not None:
            names = (name.replace(PLUGIN_NAME, PLUGIN, 1) if name.startswith(PLUGIN_NAME) else name for name in imports(path))
            # `from package import module` names the package too, of which nothing else may be wanted.
            reached = {_room_of(name.replace(".", "/"), all_rooms) for name in names if name != PLUGIN}
            found[room] |= {other for other in reached if other is not None and other != room}
    return found


def back_up(graph: Mapping[str, Iterable[str]]) -> set[tuple[str, str]]:
    """List the arrows that do not lead downward in the picture."""
    return {(room, other) for room, others in graph.items() for other in others if PLACES[other][1] <= PLACES[room][1]}


def direct(graph: Mapping[str, Iterable[str]]) -> dict[str, set[str]]:
    """Give the arrows that lead downward, without those that a way over other rooms implies."""
    down = {room: {other for other in others if PLACES[other][1] > PLACES[room][1]} for room, others in graph.items()}

    def beyond(room: str) -> set[str]:
        return down[room] | {far for other in down[room] for far in beyond(other)}

    return {room: {to for to in others if not any(to in beyond(way) for way in others - {to})} for room, others in down.items()}


def svg() -> str:
    """Draw the rooms; whoever imports stands above. Arrows that run back up are dashed and red."""
    graph = arrows()
    centres = {room: (MARGIN + (column + 0.5) * WIDE, MARGIN + row * HIGH) for room, (column, row) in PLACES.items()}
    width = 2 * MARGIN + WIDE * (1 + max(column for column, _ in PLACES.values()))
    height = 2 * MARGIN + HIGH * max(row for _, row in PLACES.values()) + BOX_HEIGHT
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}">',
        "<!-- Drawn by tests/rooms.py from the imports: python -m tests.rooms -->",
        f'<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 L8 4 L0 8 Z" fill="{ARROW}"/></marker></defs>',
        f'<rect width="100%" height="100%" fill="{PAPER}"/>',
    ]
    for room, others in sorted(direct(graph).items()):
        (x0, y0), colour = centres[room], ARROW
        for other in sorted(others):
            x1, y1 = centres[other]
            lines.append(_curve((x0, y0 + BOX_HEIGHT), (x1, y1), f'stroke="{colour}" marker-end="url(#tip)"'))
    for room, other in sorted(back_up(graph)):
        (x0, y0), (x1, y1) = centres[room], centres[other]
        lines.append(_curve((x0 + BOX_WIDTH / 4, y0), (x1 + BOX_WIDTH / 4, y1 + BOX_HEIGHT), f'stroke="{UP}" stroke-dasharray="4 3"'))
    lines.append(f'<g font-family="sans-serif" font-size="13" fill="{INK}" text-anchor="middle">')
    for room, (x, y) in centres.items():
        lines.append(
            f'<rect x="{x - BOX_WIDTH / 2:g}" y="{y:g}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6" fill="{_colour(room)}" '
            f'stroke="{INK}" stroke-width="0.6"/><text x="{x:g}" y="{y + BOX_HEIGHT / 2 + 4.5:g}">{_name(room)}</text>'
        )
    return "\n".join([*lines, "</g>", "</svg>", ""])


def _curve(start: tuple[float, float], end: tuple[float, float], style: str) -> str:
    (x0, y0), (x1, y1) = start, end
    middle = (y0 + y1) / 2
    return f'<path d="M{x0:g} {y0:g} C{x0:g} {middle:g} {x1:g} {middle:g} {x1:g} {y1:g}" fill="none" stroke-width="1.2" {style}/>'


def _room_of(path: str, all_rooms: list[str]) -> str | None:
    """Find the innermost room that holds a module or folder."""
    path = next((room for module, room in FOUNDATIONS.items() if path == module[:-3] or path.startswith(f"{module[:-3]}/")), path)
    found = [room for room in all_rooms if path == room or path.startswith(f"{room}/")]
    return max(found, key=len, default=None)


def _name(room: str) -> str:
    if room == PLUGIN:
        return "plugin"
    return room.replace(f"{PLUGIN}/", "plugin: ").replace(f"{CORE}/", "").replace("/", ": ")


def _colour(room: str) -> str:
    if room.startswith(PLUGIN):
        return COLOURS[PLUGIN]
    package = room.split("/")[1]
    return COLOURS["shared" if package in SHARED else package if package in COLOURS else CORE]


if __name__ == "__main__":
    PICTURE.write_text(svg(), encoding="utf-8")
    print(PICTURE)
