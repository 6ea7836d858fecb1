"""The strip of suggested frames in the node's panel: the one module with Qt.

A widget of Nuke dies with its panel, so it keeps nothing: what it shows stands in the node's hidden knob `suggestions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Sequence

from xmem_roto_nuke import host
from xmem_roto_nuke.node import identity
from xmem_roto_nuke.panel import keys
from xmemcore.protocol.failures import Failure

if TYPE_CHECKING:
    import nuke
    from PySide6 import QtCore, QtGui, QtWidgets
else:
    # Nuke 16 and later bring PySide6, those before it PySide2.
    try:
        from PySide6 import QtCore, QtGui, QtWidgets
    except ImportError:
        from PySide2 import QtCore, QtGui, QtWidgets

THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT = 176, 99
CARD_WIDTH = 192

STYLE = """
QFrame#card { background: #393939; border: 1px solid #262626; border-radius: 4px; }
QFrame#card:hover { border: 1px solid #f0a030; }
QLabel { color: #c8c8c8; font-size: 11px; background: transparent; border: none; }
QLabel#frame { color: #f0f0f0; font-size: 14px; font-weight: bold; }
QLabel#message { color: #c8c8c8; }
QPushButton { background: #4a4a4a; color: #e0e0e0; border: 1px solid #262626; border-radius: 3px; padding: 2px 8px; font-size: 11px; }
QPushButton:hover { background: #5a5a5a; }
QScrollArea, QWidget#cards { background: #323232; border: none; }
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


def cards_of(found: Dict[str, Any]) -> List[Card]:
    """Make cards of what the hidden knob holds."""
    suggestions = found.get("suggestions") or []
    best = max((float(one["score"]) for one in suggestions), default=0.0) or 1.0
    thumbnails = found.get("thumbnails") or {}  # in nodes saved by 0.2.0
    return [
        Card(
            frame=int(one["frame"]),
            share=max(0.0, min(1.0, float(one["score"]) / best)),
            score=float(one["score"]),
            object=str(found.get("object") or "all objects"),
            reason=str(one["reason"]),
            thumbnail=one.get("thumbnail") or thumbnails.get(str(one["frame"])),
        )
        for one in suggestions
    ]


class Strip(QtWidgets.QWidget):
    """A row of cards, with a sentence above it."""

    def __init__(self, go_to: Callable[[int], None], make_key: Callable[[int], None]) -> None:
        """Take what a click on a card, and on its button, does."""
        super().__init__()
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
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self._message)
        layout.addWidget(scroll)
        layout.addStretch(1)

    def show_cards(self, message: str, cards: Sequence[Card]) -> None:
        """Replace what is shown."""
        for shown in self._shown:
            shown.setParent(None)
            shown.deleteLater()
        while self._cards.count():
            self._cards.takeAt(0)
        self._message.setText(message)
        self._shown = [CardWidget(card, self._go_to, self._make_key) for card in cards]
        for shown in self._shown:
            self._cards.addWidget(shown)
        self._cards.addStretch(1)
        self._scroll.setVisible(bool(cards))
        if cards:
            height = max(shown.sizeHint().height() for shown in self._shown)
            self._scroll.setFixedHeight(height + self._scroll.horizontalScrollBar().sizeHint().height() + 4)


class CardWidget(QtWidgets.QFrame):
    """One frame: thumbnail, number, how much it is worth, why; a click anywhere goes there."""

    def __init__(self, card: Card, go_to: Callable[[int], None], make_key: Callable[[int], None]) -> None:
        super().__init__()
        self.setObjectName("card")
        self._frame, self._go_to = card.frame, go_to
        self.setFixedWidth(CARD_WIDTH)
        self.setCursor(QtGui.QCursor(QtCore.Qt.CursorShape.PointingHandCursor))
        self.setToolTip(f"Go to frame {card.frame}. {card.reason}")
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(7, 7, 7, 7)
        layout.setSpacing(4)
        layout.addWidget(_picture(card.thumbnail))
        head = QtWidgets.QHBoxLayout()
        head.addWidget(_label(str(card.frame), "frame"))
        head.addStretch(1)
        head.addWidget(QtWidgets.QLabel(card.object))
        layout.addLayout(head)
        layout.addWidget(ScoreBar(card.share, card.score))
        reason = _label(card.reason, "reason", wraps=True)
        reason.setAlignment(QtCore.Qt.AlignmentFlag.AlignTop)
        reason.setMinimumHeight(reason.heightForWidth(CARD_WIDTH - 16))
        layout.addWidget(reason, 1)
        button = QtWidgets.QPushButton("Make key here")
        button.setToolTip("Go to this frame and key the roto's shapes as they stand there, to be corrected.")
        button.clicked.connect(lambda *_: make_key(card.frame))
        layout.addWidget(button)

    def mousePressEvent(self, event: Any) -> None:
        """Go to the frame."""
        self._go_to(self._frame)


class ScoreBar(QtWidgets.QWidget):
    """The score as a bar: full is the frame that is most worth keying."""

    def __init__(self, share: float, score: float) -> None:
        super().__init__()
        self._share = share
        self.setFixedHeight(8)
        self.setToolTip(f"Score {score:.3g}: how badly the keyframes explain this frame. Comparable within one shot only.")

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
    label = QtWidgets.QLabel(text)
    label.setObjectName(name)
    label.setWordWrap(wraps)
    return label


def _picture(path: Optional[str]) -> QtWidgets.QLabel:
    label = QtWidgets.QLabel()
    label.setFixedSize(THUMBNAIL_WIDTH, THUMBNAIL_HEIGHT)
    label.setAlignment(QtCore.Qt.AlignmentFlag.AlignCenter)
    picture = QtGui.QPixmap(path) if path else QtGui.QPixmap()
    if picture.isNull():
        label.setText("no picture")
        label.setStyleSheet("background: #1e1e1e;")
        return label
    ratio = QtCore.Qt.AspectRatioMode.KeepAspectRatio
    dense = label.devicePixelRatioF()  # as many pixels as the screen has, where it has more than points
    size = QtCore.QSize(round(THUMBNAIL_WIDTH * dense), round(THUMBNAIL_HEIGHT * dense))
    picture = picture.scaled(size, ratio, QtCore.Qt.TransformationMode.SmoothTransformation)
    picture.setDevicePixelRatio(dense)
    label.setPixmap(picture)
    label.setStyleSheet("background: #1e1e1e;")
    return label


class StripKnob:
    """What Nuke asks of a PyCustom knob."""

    def __init__(self, node: nuke.Node) -> None:
        """Remember the node; the widget is made when the panel opens."""
        self._node = node
        self.widget: Optional[Strip] = None

    def makeUI(self) -> Optional[Strip]:
        """Build the widget; None without a GUI, where Qt would end the process."""
        if QtWidgets.QApplication.instance() is None:
            return None
        self.widget = Strip(self._go_to, self._make_key)
        self.updateValue()
        return self.widget

    def updateValue(self) -> None:
        """Show what the node holds now."""
        if self.widget is None:
            return
        try:
            found = identity.read_hidden(self._node, "suggestions")
            self.widget.show_cards(message_of(found), cards_of(found))
        except (RuntimeError, ValueError):
            self.widget = None  # Nuke closed the panel, and with it the widget, or the node is gone

    def _go_to(self, frame: int) -> None:
        host.go_to(frame)

    def _make_key(self, frame: int) -> None:
        host.go_to(frame)
        try:
            keys.key_roto(self._node)
        except Failure as failure:
            host.tell(str(failure))


def message_of(found: Dict[str, Any]) -> str:
    """Write the sentence above the strip."""
    if not found:
        return "Press Suggest frames to see which frames are worth keying next."
    lost = [str(frame) for frame in found.get("lost_frames") or ()]
    text = str(found.get("message") or "")
    if lost:
        text += f" The object is lost on {', '.join(lost[:8])}{' and more' if len(lost) > 8 else ''}: look at these first."
    return text


def strip_of(node: nuke.Node) -> StripKnob:
    """Make the strip of a node; the gizmo's knob calls this."""
    return StripKnob(node)
