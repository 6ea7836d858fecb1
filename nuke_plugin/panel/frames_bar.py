"""The shot's frames in one row: which have a matte, how sure it is, and, a lane for each object, where it is keyed; a click goes there."""

from __future__ import annotations

import html
from typing import Any, Callable, List, Mapping, Optional, Sequence, Tuple

from xmem_roto_nuke.panel import colours
from xmem_roto_nuke.panel.qt import QtCore, QtGui, QtWidgets
from xmem_roto_nuke.panel.timeline import Timeline, frames_of, runs

MATTES_HEIGHT, LANE_HEIGHT, MARGIN = 22, 11, 4
SIDE = 5
"""Pixels beside the first and the last frame, so that their marks are not cut off."""
MOST_LANES = 8
"""Lanes at most; see `Timeline.lanes`."""
CURRENT, STALE, FORMER, MISSING, NONE = "#5f9f63", "#c09030", "#7a7038", "#b04040", "#262626"
SURE, WEAK, HERE, LANE = "#dcdcdc", "#e06050", "#f0f0f0", "#2a2a2a"


class FramesBar(QtWidgets.QWidget):
    """Draws a Timeline."""

    def __init__(self, go_to: Callable[[int], None], current_frame: Callable[[], int]) -> None:
        """Take what a click does, and what tells the frame that is shown."""
        super().__init__()
        self._go_to, self._current_frame = go_to, current_frame
        self._timeline: Optional[Timeline] = None
        self.setMouseTracking(True)
        self.setCursor(QtGui.QCursor(QtCore.Qt.CursorShape.PointingHandCursor))
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Fixed)
        self.show_frames(None)

    def show_frames(self, timeline: Optional[Timeline]) -> None:
        """Replace what is shown; None for nothing."""
        self._timeline = timeline
        self.setVisible(timeline is not None)
        self.setFixedHeight(MATTES_HEIGHT + LANE_HEIGHT * len(self._lanes()) + MARGIN)
        self.update()

    def _lanes(self) -> List[List[str]]:
        return self._timeline.lanes(MOST_LANES) if self._timeline is not None else []

    def frame_at(self, x: float) -> int:
        """Give the frame that is drawn at a place."""
        assert self._timeline is not None
        count = self._timeline.last - self._timeline.first + 1
        place = int((x - SIDE) / max(self._length(), 1) * count)
        return self._timeline.first + min(max(place, 0), count - 1)

    def _span(self, frame: int) -> Tuple[float, float]:
        """Give where a frame begins and how wide it is."""
        assert self._timeline is not None
        wide = self._length() / (self._timeline.last - self._timeline.first + 1)
        return SIDE + (frame - self._timeline.first) * wide, wide

    def _length(self) -> int:
        return int(self.width()) - 2 * SIDE

    def described(self, frame: int) -> str:
        """Describe a frame in a sentence."""
        shown = self._timeline
        if shown is None:
            return ""
        facts = [name + " keyed" for name, frames in shown.keyed.items() if frame in frames]
        facts += [name + " absent" for name, frames in shown.absent.items() if frame in frames]
        facts += [name + " approved" for name, frames in shown.approved.items() if frame in frames]
        if frame in shown.current:
            facts.append("matte, stale" if shown.stale else "matte")
        elif frame in shown.former:
            facts.append("matte of an earlier run, stale" if frame in shown.outdated else "matte of an earlier run")
        elif frame in shown.missing:
            facts.append("matte missing")
        if frame in shown.sureness:
            facts.append(f"sure {shown.sureness[frame]:.2f}")
        if frame in shown.reasons:
            facts.append(shown.reasons[frame])
        return f"{frame}: {', '.join(facts) or 'nothing yet'}"

    def mousePressEvent(self, event: Any) -> None:
        """Go to the frame."""
        if self._timeline is not None:
            self._go_to(self.frame_at(_x_of(event)))
            self.update()

    def mouseMoveEvent(self, event: Any) -> None:
        """Describe the frame below the pointer."""
        if self._timeline is not None:
            self.setToolTip(as_it_is(self.described(self.frame_at(_x_of(event)))))

    def paintEvent(self, event: Any) -> None:
        """Draw the frames."""
        shown = self._timeline
        if shown is None:
            return
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), QtGui.QColor(NONE))
        current = (shown.current, STALE if shown.stale else CURRENT)
        for frames, colour in (current, (shown.former, FORMER), (shown.outdated, STALE), (shown.missing, MISSING)):
            for first, last in runs(frames):
                (x, _), (end, wide) = self._span(first), self._span(last)
                painter.fillRect(QtCore.QRectF(x, 0, end + wide - x, MATTES_HEIGHT), QtGui.QColor(colour))
        self._draw_sureness(painter, shown)
        for place, names in enumerate(self._lanes()):
            self._draw_lane(painter, shown, names, place)
        x, wide = self._span(self._current_frame())
        painter.setPen(QtGui.QPen(QtGui.QColor(HERE), 1.5))
        painter.drawLine(QtCore.QPointF(x + wide / 2, 0), QtCore.QPointF(x + wide / 2, self.height()))
        painter.end()

    def _draw_sureness(self, painter: Any, shown: Timeline) -> None:
        points = []
        for frame in sorted(shown.sureness):
            x, wide = self._span(frame)
            points.append(QtCore.QPointF(x + wide / 2, 2 + (1 - shown.sureness[frame]) * (MATTES_HEIGHT - 4)))
        painter.setPen(QtGui.QPen(QtGui.QColor(SURE), 1))
        painter.drawPolyline(QtGui.QPolygonF(points))
        # Red on amber is hard to see without a dark edge.
        painter.setPen(QtGui.QPen(QtGui.QColor(NONE), 1))
        painter.setBrush(QtGui.QColor(WEAK))
        for frame in shown.weak:
            x, wide = self._span(frame)
            middle = x + wide / 2
            corners = [(middle - 5, MATTES_HEIGHT), (middle + 5, MATTES_HEIGHT), (middle, MATTES_HEIGHT - 9)]
            painter.drawPolygon(QtGui.QPolygonF([QtCore.QPointF(*corner) for corner in corners]))

    def _draw_lane(self, painter: Any, shown: Timeline, names: List[str], place: int) -> None:
        top = MATTES_HEIGHT + MARGIN / 2 + place * LANE_HEIGHT
        painter.fillRect(QtCore.QRectF(0, top + 1, self.width(), LANE_HEIGHT - 2), QtGui.QColor(LANE))
        colour = QtGui.QColor(colours.as_hex(colours.of_object(place)) if len(names) == 1 else SURE)
        keyed, absent, approved = (_of_lane(listed, names) for listed in (shown.keyed, shown.absent, shown.approved))
        painter.setPen(QtCore.Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        middle = top + LANE_HEIGHT / 2
        for frame in keyed:
            x, wide = self._span(frame)
            at = x + wide / 2
            corners = [(at, middle - 5), (at + 4, middle), (at, middle + 5), (at - 4, middle)]
            painter.drawPolygon(QtGui.QPolygonF([QtCore.QPointF(*corner) for corner in corners]))
        painter.setPen(QtGui.QPen(colour, 1.5))
        for frame in absent:
            x, wide = self._span(frame)
            at = x + wide / 2
            painter.drawLine(QtCore.QPointF(at - 3, middle - 3), QtCore.QPointF(at + 3, middle + 3))
            painter.drawLine(QtCore.QPointF(at - 3, middle + 3), QtCore.QPointF(at + 3, middle - 3))
        for first, last in runs(approved):
            (x, _), (end, wide) = self._span(first), self._span(last)
            painter.drawLine(QtCore.QPointF(x, middle + 4), QtCore.QPointF(end + wide, middle + 4))


def _of_lane(listed: Mapping[str, Sequence[int]], names: Sequence[str]) -> List[int]:
    return frames_of({name: listed.get(name, ()) for name in names})


def as_it_is(text: str) -> str:
    """Write a text that Qt shows as it is; a name like `<hand>` would be taken for markup."""
    return f"<qt>{html.escape(text)}</qt>"


def _x_of(event: Any) -> float:
    """Give where the pointer is; PySide2 has another name for it."""
    return float(event.position().x() if hasattr(event, "position") else event.x())
