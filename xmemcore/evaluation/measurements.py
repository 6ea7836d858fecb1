"""Write the tables of the experiments as a page, and the curve over annotations as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from xmemcore.evaluation.experiments import EXPERIMENTS, Experiment, table_path
from xmemcore.evaluation.picture import write_picture
from xmemcore.network.catalogue import Model
from xmemcore.protocol.outside import read_object

APART = ("caps", "combo-dance-dog-libby")
"""Clips that stand apart from the means: one with five masks only, one that was put together from two others."""

REACHED = 0.9
"""J&F that a number of keys is asked for."""

FIGURE_NAMES = ("J", "F", "JF", "J_hold", "F_hold", "JF_hold")


def write_page(out: Path, model: Model, experiments: Sequence[Experiment] = EXPERIMENTS) -> list[Path]:
    """Write `measurements.md` of all tables of these weights, and `annotations.png` when that experiment has been run."""
    parts = [f"# Measurements: {model.name}\n"]
    written = []
    for experiment in experiments:
        tables = {row.label: table for row in experiment.rows if (table := _load(table_path(out, experiment, row), model))}
        if not tables:
            continue
        parts.append(f"## {experiment.name}\n\n{experiment.question} ({experiment.source}.)\n")
        parts.append(means_table(tables))
        if experiment.name == "needed":
            parts.append(needed_text(tables))
        if experiment.name == "selection":
            parts.append(selection_text(tables))
        parts.append(clips_table(tables, everything=experiment.name == "annotations"))
        if experiment.name == "annotations":
            picture = out / "annotations.png"
            write_picture(draw_curves(curves(tables)), picture)
            written.append(picture)
            parts.append("![J&F over annotated frames](annotations.png)\n")
    page = out / "measurements.md"
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text("\n".join(parts), encoding="utf-8")
    return [page, *written]


def means(table: Mapping[str, Any], among: Set[str] | None = None) -> dict[int, dict[str, float]]:
    """Average a table over its clips, or over those named, without those that stand apart, by number of annotations."""
    rows: dict[int, list[dict[str, float]]] = {}
    for name, by_k in table["clips"].items():
        if name not in APART and (among is None or name in among):
            for k, figures in by_k.items():
                rows.setdefault(int(k), []).append(figures)
    return {
        k: {**{name: sum(f[name] for f in figures) / len(figures) for name in FIGURE_NAMES}, "clips": len(figures)}
        for k, figures in sorted(rows.items())
    }


def means_table(tables: Mapping[str, Mapping[str, Any]]) -> str:
    """Print means over clips, one line for each row and number of annotations; again over the clips of all rows where some have few."""
    clips = [set(table["clips"]) for table in tables.values()]
    apart = sorted(set.union(*clips) & set(APART))
    text = (f"Means without {' and '.join(apart)}.\n\n" if apart else "") + _means_lines(tables)
    if all(some == clips[0] for some in clips):
        return text
    return f"{text}\nThe same over the clips that every row has.\n\n" + _means_lines(tables, set.intersection(*clips))


def _means_lines(tables: Mapping[str, Mapping[str, Any]], among: Set[str] | None = None) -> str:
    lines = ["| | annotated | J | F | J&F | hold J | hold J&F | clips |", "|---|---|---|---|---|---|---|---|"]
    for label, table in tables.items():
        for k, mean in means(table, among).items():
            lines.append(
                f"| {label} | {k} | {mean['J']:.3f} | {mean['F']:.3f} | **{mean['JF']:.3f}** "
                f"| {mean['J_hold']:.3f} | {mean['JF_hold']:.3f} | {mean['clips']:.0f} |"
            )
    return "\n".join(lines) + "\n"


def clips_table(tables: Mapping[str, Mapping[str, Any]], everything: bool) -> str:
    """Print clip by clip: J, F and J&F, or J&F alone; the hold baseline's J&F beside the first row."""
    columns = [(label, k) for label, table in tables.items() for k in sorted({int(k) for by_k in table["clips"].values() for k in by_k})]
    first = next(iter(tables))
    names = sorted({name for table in tables.values() for name in table["clips"]})
    head = "| clip | " + " | ".join(f"{label} @{k}" + (" (hold)" if label == first else "") for label, k in columns) + " |"
    lines = [head, "|---" * (len(columns) + 1) + "|"]
    for name in names:
        cells = []
        for label, k in columns:
            figures = tables[label]["clips"].get(name, {}).get(str(k))
            if figures is None:
                cells.append("-")
                continue
            text = f"{figures['J']:.3f} {figures['F']:.3f} **{figures['JF']:.3f}**" if everything else f"{figures['JF']:.3f}"
            cells.append(text + (f" ({figures['JF_hold']:.3f})" if label == first else ""))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    scores = "J, F and **J&F**" if everything else "J&F"
    return f"{scores} by clip.\n\n" + "\n".join(lines) + "\n"


def needed_text(tables: Mapping[str, Mapping[str, Any]]) -> str:
    """Say how many annotations xmem needs to reach what xmem++ has at 5."""
    if not {"xmem++", "xmem"} <= set(tables) or 5 not in (plus := means(tables["xmem++"])):
        return ""
    target = plus[5]["JF"]
    reached = next((k for k, mean in means(tables["xmem"]).items() if mean["JF"] >= target), None)
    if reached is None:
        most = max(means(tables["xmem"]))
        return f"xmem++ has J&F {target:.3f} at 5; xmem has not reached it with {most} annotations.\n"
    return f"xmem++ has J&F {target:.3f} at 5; xmem reaches it with {reached} annotations.\n"


def selection_text(tables: Mapping[str, Mapping[str, Any]]) -> str:
    """Sum up each way to choose keys, over the clips of all rows: mean J&F of 2 to 6 keys, and the keys it takes to reach a target."""
    among = set.intersection(*(set(table["clips"]) for table in tables.values()))
    lines = [
        f"| | J&F, mean of 2 to 6 keys | keys to reach {REACHED:.2f}, on the mean of {len(among - set(APART))} clips |",
        "|---|---|---|",
    ]
    for label, table in tables.items():
        by_k = {k: mean["JF"] for k, mean in means(table, among).items()}
        some = [value for k, value in by_k.items() if 2 <= k <= 6]
        needed = next((str(k) for k, value in by_k.items() if value >= REACHED), "more" if by_k else "-")
        lines.append(f"| {label} | {f'{sum(some) / len(some):.4f}' if some else '-'} | {needed} |")
    return "\n".join(lines) + "\n"


def curves(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    """Take mean J&F over annotations for each row, and for the hold baseline."""
    lines = {label: [(k, mean["JF"]) for k, mean in means(table).items()] for label, table in tables.items()}
    lines["hold"] = [(k, mean["JF_hold"]) for k, mean in means(next(iter(tables.values()))).items()]
    return lines


COLOURS = ((30, 110, 220), (230, 120, 30), (130, 130, 130), (60, 160, 80))


def draw_curves(lines: Mapping[str, Sequence[tuple[int, float]]]) -> Image.Image:
    """Draw J&F over the number of annotated frames."""
    width, height, left, right, top, bottom = 960, 600, 80, 30, 40, 70
    image = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(image)
    font, small = ImageFont.load_default(20), ImageFont.load_default(16)
    points = [point for line in lines.values() for point in line]
    if not points:
        return image
    most = max(k for k, _ in points)
    lowest = min(0.9, int(min(value for _, value in points) * 10) / 10)

    def at(k: float, value: float) -> tuple[float, float]:
        return left + (width - left - right) * k / most, height - bottom - (height - top - bottom) * (value - lowest) / (1 - lowest)

    for tenth in range(round(lowest * 10), 11):
        y = at(0, tenth / 10)[1]
        pen.line((left, y, width - right, y), fill=(225, 225, 225))
        pen.text((left - 40, y - 9), f"{tenth / 10:.1f}", (90, 90, 90), font=small)
    for k in sorted({k for k, _ in points}):
        pen.text((at(k, lowest)[0] - 6, height - bottom + 8), str(k), (90, 90, 90), font=small)
    pen.text((width / 2 - 90, height - 36), "annotated frames", (40, 40, 40), font=font)
    pen.text((12, 8), "J&F", (40, 40, 40), font=font)
    for number, (label, line) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        corners = [at(k, value) for k, value in line]
        if len(corners) > 1:
            pen.line(corners, fill=colour, width=3)
        for x, y in corners:
            pen.ellipse((x - 5, y - 5, x + 5, y + 5), fill=colour)
        pen.text((width - right - 110, height - bottom - 30 - 26 * (len(lines) - number)), label, colour, font=font)
    return image


def _load(path: Path, model: Model) -> dict[str, Any] | None:
    table = read_object(path)
    return table if table is not None and table.get("model_sha256") == model.sha256 else None
