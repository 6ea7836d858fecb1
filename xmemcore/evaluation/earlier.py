"""Go on behind the answers that an earlier run of the same measurement wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xmemcore.network.catalogue import Model
from xmemcore.protocol.outside import read_object


def earlier(file: Path, answers: str, model: Model, **choices: int) -> dict[str, Any]:
    """Read the JSON that an earlier run wrote; answers of another model or of other choices do not count.

    Args:
        file: that is to be written again after each answer.
        answers: name of the object in it that holds the answers.
        model: asked.
        choices: other values that every answer depends on.

    Returns:
        What the file holds, or the same without any answer.
    """
    fresh: dict[str, Any] = {"model": model.name, "model_sha256": model.sha256, **choices}
    before = read_object(file)
    if before is None or any(before.get(name) != value for name, value in fresh.items()):
        return {**fresh, answers: {}}
    return before
