"""The strip in the node's panel: the shot's frames in a row, and below it the suggested ones as cards.

Nuke deletes the widget with its panel, so its content is kept in the node's hidden knob `suggestions`, and in `timeline`.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Sequence

from xmem_roto_nuke import host
from xmem_roto_nuke.node import identity
from xmem_roto_nuke.panel import colours, timeline
from xmem_roto_nuke.panel.frames_bar import FramesBar, as_it_is
from xmem_roto_nuke.panel.qt import QtCore, QtGui, QtWidgets
from xmem_roto_nuke.panel.timeline import Timeline
from xmemcore.protocol.places import THUMBNAIL_HEIGHT, THUMBNAIL_WIDTH

if TYPE_CHECKING:
    import nuke

CARD_WIDTH = THUMBNAIL_WIDTH + 16

STYLE = """
QFrame#card { background: #393939; border: 1px solid #262626; border-radius: 4px; }
QFrame#card:hover { border: 1px solid #f0a030; }
QLabel { color: #c8c8c8; font-size: 11px; background: transparent; border: none; }
QLabel#frame { color: #f0f0f0; font-size: 14px; font-weight: bold; }
QLabel#message { color: #c8c8c8; }
QLabel#counts { color: #a0a0a0; }
QPushButton { background: #4a4a4a; color: #e0e0e0; border: 1px solid #262626; border-radius: 3px; padding: 2px 8px; font-size: 11px; }
QPushButton:hover { background: #5a5a5a; }
QScrollArea, QWidget#cards { background: #323232; border: none; }
QScrollBar:horizontal { background: #2a2a2a; height: 10px; border: none; }
QScrollBar::handle:horizontal { background: #5a5a5a; border-radius: 4px; min-width: 30px; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; border: none; }
"""


@dataclass(frozen=True)
class Card:
    """One suggested frame as it is shown."""

    frame: int
    share: float
    """Its score against the best one's, in [0, 1]."""
    score: float
    object: str
    reason: str
    thumbnail: Optional[str]
    """Path of a picture; None when there is none."""


def cards_of(answer: Dict[str, Any]) -> List[Card]:
    """Make cards of what the hidden knob holds."""
    suggestions = answer.get("suggestions") or []
    best = max((float(suggestion["score"]) for suggestion in suggestions), default=0.0) or 1.0
    thumbnails = answer.get("thumbnails") or {}  # in nodes saved by 0.2.0
    objects = [str(suggestion.get("object") or answer.get("object") or "") for suggestion in suggestions]
    return [
        Card(
            frame=int(suggestion["frame"]),
            share=max(0.0, min(1.0, float(suggestion["score"]) / best)),
            score=float(suggestion["score"]),
            object=name,
            reason=timeline.without_name(str(suggestion["reason"]), name),
            thumbnail=suggestion.get("thumbnail") or thumbnails.get(str(suggestion["frame"])),
        )
        for suggestion, name in zip(suggestions, objects)
    ]


class Strip(QtWidgets.QWidget):
    """The row of frames, a sentence, and a row of cards."""

    def __init__(self, go_to: Callable[[int], None], make_key: Callable[[int], None], current_frame: Callable[[], int]) -> None:
        """Take the actions of a click on a frame or card and on a card's button, and a function for the frame that is shown."""
        super().__init__()
        self.frames = FramesBar(go_to, current_frame)
        self._counts = _label("", "counts", wraps=True)
        self._go_to, self._make_key = go_to, make_key
        self.setStyleSheet(STYLE)
        self._message = _label("", "message", wraps=True)
        self._row = QtWidgets.QWidget()
        self._row.setObjectName("cards")
        self._shown: List[CardWidget] = []
        self._cards = QtWidgets.QHBoxLayout(self._row)
        self._cards.setContentsMargins(0, 0, 0, 0)
        self._cards.setSpacing(6)
        scroll = QtWidgets.QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(self._row)
        scroll.setVerticalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll = scroll
        layout = self._rows = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self.frames)
        layout.addWidget(self._counts)
        layout.addWidget(self._message)
        layout.addWidget(scroll)
        layout.addStretch(1)

    def resizeEvent(self, event: Any) -> None:
        """Ask for the height that the sentences need where they are this narrow; Nuke gives a widget what it asks for."""
        super().resizeEvent(event)
        self._ask_for_height()

    def _ask_for_height(self) -> None:
        rows = self._rows
        self.setMinimumHeight(rows.heightForWidth(self.width()) if rows.hasHeightForWidth() else rows.sizeHint().height())

    def show_frames(self, shown: Optional[Timeline]) -> None:
        """Replace the row of frames."""
        self.frames.show_frames(shown)
        self._counts.setText("" if shown is None else counts_of(shown))
        self._counts.setVisible(shown is not None)
        self._ask_for_height()

    def show_cards(self, message: str, cards: Sequence[Card]) -> None:
        """Replace what is shown."""
        for shown in self._shown:
            shown.setParent(None)
            shown.deleteLater()
        while self._cards.count():
            self._cards.takeAt(0)
        self._message.setText(as_it_is(message))
        self._shown = [CardWidget(card, self._go_to, self._make_key) for card in cards]
        for shown in self._shown:
            self._cards.addWidget(shown)
        self._cards.addStretch(1)
        self._scroll.setVisible(bool(cards))
        if cards:
            height = max(shown.needed_height() for shown in self._shown)
            bar = self._scroll.horizontalScrollBar()
            bar.ensurePolished()
            self._scroll.setFixedHeight(height + bar.sizeHint().height() + 4)
        self._ask_for_height()


class CardWidget(QtWidgets.QFrame):
    """One frame: thumbnail, number, how much it is worth, why; a click anywhere goes there."""

    def __init__(self, card: Card, go_to: Callable[[int], None], make_key: Callable[[int], None]) -> None:
        super().__init__()
        self.setObjectName("card")
        self._frame, self._go_to = card.frame, go_to
        self.setFixedWidth(CARD_WIDTH)
        self.setCursor(QtGui.QCursor(QtCore.Qt.CursorShape.PointingHandCursor))
        self.setToolTip(as_it_is(f"Go to frame {card.frame}. {card.reason}"))
        layout = self._rows = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(7, 7, 7, 7)
        layout.setSpacing(4)
        layout.addWidget(Thumbnail(card.thumbnail))
        head = QtWidgets.QHBoxLayout()
        head.addWidget(_label(str(card.frame), "frame"))
        head.addStretch(1)
        head.addWidget(_label(card.object, "object"))
        layout.addLayout(head)
        layout.addWidget(ScoreBar(card.share, card.score))
        self._reason = _label(card.reason, "reason", wraps=True)
        self._reason.setAlignment(QtCore.Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self._reason, 1)
        button = QtWidgets.QPushButton("Make key here")
        button.setToolTip(
            "Go to this frame and key the roto's shapes there, to be corrected: moved onto the matte, or as 'make key by' in Advanced says."
        )
        button.clicked.connect(lambda *_: make_key(card.frame))
        layout.addWidget(button)

    def needed_height(self) -> int:
        """Give the height that shows everything, in the fonts that the style gives the card where it stands."""
        for part in self.findChildren(QtWidgets.QWidget):
            part.ensurePolished()
        self._reason.setMinimumHeight(self._reason.heightForWidth(CARD_WIDTH - 16))
        rows = self._rows
        rows.invalidate()
        return int(rows.totalHeightForWidth(CARD_WIDTH) if rows.hasHeightForWidth() else rows.sizeHint().height()) + 2

    def mousePressEvent(self, event: Any) -> None:
        """Go to the frame."""
        self._go_to(self._frame)


class Thumbnail(QtWidgets.QWidget):
    """A small picture, in as many pixels as the screen has that shows it, which is known when it is drawn."""

    def __init__(self, path: Optional[str]) -> None:
        super().__init__()
        self.setFixedSize(THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT)
        self._picture = QtGui.QPixmap(path) if path else QtGui.QPixmap()

    def paintEvent(self, event: Any) -> None:
        """Draw the picture in the middle, or say that there is none."""
        painter = QtGui.QPainter(self)
        painter.fillRect(self.rect(), QtGui.QColor("#1e1e1e"))
        if self._picture.isNull():
            painter.setPen(QtGui.QColor("#c8c8c8"))
            painter.drawText(self.rect(), int(QtCore.Qt.AlignmentFlag.AlignCenter), "no picture")
        else:
            dense = self.devicePixelRatioF()
            ratio, smooth = QtCore.Qt.AspectRatioMode.KeepAspectRatio, QtCore.Qt.TransformationMode.SmoothTransformation
            picture = self._picture.scaled(round(self.width() * dense), round(self.height() * dense), ratio, smooth)
            picture.setDevicePixelRatio(dense)
            left, top = self.width() - picture.width() / dense, self.height() - picture.height() / dense
            painter.drawPixmap(QtCore.QPointF(left / 2, top / 2), picture)
        painter.end()


class ScoreBar(QtWidgets.QWidget):
    """The score as a bar: full is the frame that is most worth keying."""

    def __init__(self, share: float, score: float) -> None:
        super().__init__()
        self._share = share
        self.setFixedHeight(8)
        self.setToolTip(f"Score {score:.3g}: how much a key here would help. Comparable within one shot and way of choosing only.")

    def paintEvent(self, event: Any) -> None:
        """Draw the bar."""
        painter = QtGui.QPainter(self)
        painter.setPen(QtCore.Qt.PenStyle.NoPen)
        painter.setBrush(QtGui.QColor("#262626"))
        painter.drawRoundedRect(self.rect(), 3, 3)
        filled = QtCore.QRect(0, 0, max(4, int(self.width() * self._share)), self.height())
        painter.setBrush(QtGui.QColor("#f0a030"))
        painter.drawRoundedRect(filled, 3, 3)
        painter.end()


def _label(text: str, name: str, wraps: bool = False) -> QtWidgets.QLabel:
    """Make a label that the style finds by its name."""
    label = QtWidgets.QLabel(as_it_is(text))
    label.setObjectName(name)
    label.setWordWrap(wraps)
    return label


class StripKnob:
    """The object behind a PyCustom knob, as Nuke calls it."""

    def __init__(self, node: nuke.Node) -> None:
        """Remember the node; the widget is made when the panel opens."""
        self._node = node
        self.widget: Optional[Strip] = None

    def makeUI(self) -> Optional[Strip]:
        """Build the widget; None without a GUI, where Qt would end the process."""
        if QtWidgets.QApplication.instance() is None:
            return None
        self.widget = Strip(self._go_to, self._make_key, host.current_frame)
        self.updateValue()
        return self.widget

    def updateValue(self) -> None:
        """Show what the node holds now."""
        if self.widget is None:
            return
        try:
            answer = identity.read_hidden(self._node, "suggestions")
            shown = timeline.of_node(str(self._node["node_id"].value()))
            self.widget.show_frames(shown)
            self.widget.show_cards(message_of(answer, shown is not None and shown.advice_is_old), cards_of(answer))
        except (RuntimeError, ValueError):
            self.widget = None  # Nuke closed the panel, and with it the widget, or the node is gone

    def _go_to(self, frame: int) -> None:
        host.go_to(frame)

    def _make_key(self, frame: int) -> None:
        host.go_to(frame)
        self._node["make_key"].execute()  # type: ignore[attr-defined]


def counts_of(shown: Timeline) -> str:
    """Write what the row shows: the objects in their colours, and how many frames there are of each kind."""
    named = [
        f'<font color="{colours.as_hex(colours.of_object(place))}">&#9670;</font>&nbsp;{html.escape(name)}'
        for place, name in enumerate(shown.keyed)
    ]
    return " ".join([*named, *filter(None, ["&nbsp;", html.escape(shown.sentence())])])


def message_of(answer: Dict[str, Any], is_old: bool = False) -> str:
    """Write what stands above the cards; that of other mattes than the ones that show says so."""
    if not answer:
        return "Press Suggest frames to see which frames are worth keying next."
    text = str(answer.get("message") or "")
    return f"Found before the last change of the mattes; press Suggest frames again. {text}" if is_old else text


def strip_of(node: nuke.Node) -> StripKnob:
    """Make the strip of a node; the gizmo's knob calls this."""
    return StripKnob(node)
