"""Nuke's expression language: C operators, frame, knob paths (`parent.x`, `input.width`, `Blur1.size.w`), and Tcl in brackets."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from .tcl_words import _after_bracket

_TOKENS = re.compile(
    r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|(?P<name>[A-Za-z_][A-Za-z_0-9]*(?:\.[A-Za-z_0-9]+)*)"
    r"|\$(?P<variable>gui)\b|(?P<op>\*\*|\|\||&&|==|!=|<=|>=|[-+*/%<>?:(),!^&|]))"
)
_FUNCTIONS: dict[str, Callable[..., float]] = {
    "abs": abs,
    "fabs": abs,
    "acos": math.acos,
    "asin": math.asin,
    "atan": math.atan,
    "atan2": math.atan2,
    "ceil": math.ceil,
    "cos": math.cos,
    "cosh": math.cosh,
    "degrees": math.degrees,
    "exp": math.exp,
    "floor": math.floor,
    "fmod": math.fmod,
    "hypot": math.hypot,
    "int": lambda v: float(int(v)),
    "ldexp": lambda a, b: a * 2.0**b,
    "log": math.log,
    "log10": math.log10,
    "max": max,
    "min": min,
    "pow": math.pow,
    "pow2": lambda v: v * v,
    "radians": math.radians,
    "rint": lambda v: math.floor(v + 0.5),
    "sin": math.sin,
    "sinh": math.sinh,
    "sqrt": math.sqrt,
    "tan": math.tan,
    "tanh": math.tanh,
    "trunc": math.trunc,
    "clamp": lambda v, a=0.0, b=1.0: min(max(v, a), b),
    "lerp": lambda a, b, x: a + (b - a) * x,
    "mix": lambda a, b, x: a + (b - a) * x,
    "step": lambda a, x: float(x >= a),
    "smoothstep": lambda a, b, x: (lambda u: u * u * (3 - 2 * u))(min(max((x - a) / (b - a), 0), 1)),
    "sign": lambda v: (v > 0) - (v < 0),
    "isnan": lambda v: float(v != v),
    "exponent": lambda v: float(math.frexp(v)[1]),
}


class ExpressionError(RuntimeError):
    """The expression does not parse, or names nothing."""


class _Parser:
    def __init__(self, text: str, name: Callable[[str], float], tcl: Callable[[str], str]) -> None:
        self.text, self.at, self.name, self.tcl = text, 0, name, tcl
        self.token: tuple[str, Any] = ("end", None)
        self.advance()

    def advance(self) -> None:
        rest = self.text[self.at :]
        if not rest.strip():
            self.token = ("end", None)
            return
        if rest.lstrip().startswith("["):
            start = self.at + len(rest) - len(rest.lstrip())
            end = _after_bracket(self.text, start)
            self.token, self.at = ("tcl", self.text[start + 1 : end - 1]), end
            return
        match = _TOKENS.match(self.text, self.at)
        if not match:
            raise ExpressionError(f"syntax error in expression {self.text!r} at {rest[:20]!r}")
        self.at = match.end()
        self.token = (str(match.lastgroup), match.group(str(match.lastgroup)))

    def take(self, *ops: str) -> str | None:
        kind, value = self.token
        if kind == "op" and value in ops:
            self.advance()
            return str(value)
        return None

    def ternary(self) -> float:
        value = self.binary(0)
        if self.take("?"):
            yes = self.ternary()
            if not self.take(":"):
                raise ExpressionError(f"missing : in expression {self.text!r}")
            no = self.ternary()
            return yes if value else no
        return value

    _LEVELS = (("||", "|"), ("&&", "&"), ("==", "!="), ("<", ">", "<=", ">="), ("+", "-"), ("*", "/", "%"))

    def binary(self, level: int) -> float:
        if level == len(self._LEVELS):
            return self.unary()
        value = self.binary(level + 1)
        while True:
            op = self.take(*self._LEVELS[level])
            if op is None:
                return value
            value = self.apply(op, value, self.binary(level + 1))

    @staticmethod
    def apply(op: str, a: float, b: float) -> float:
        if op in ("/", "%") and b == 0:
            return 0.0
        op = {"|": "||", "&": "&&"}.get(op, op)
        return {
            "||": lambda: float(bool(a) or bool(b)),
            "&&": lambda: float(bool(a) and bool(b)),
            "==": lambda: float(a == b),
            "!=": lambda: float(a != b),
            "<": lambda: float(a < b),
            ">": lambda: float(a > b),
            "<=": lambda: float(a <= b),
            ">=": lambda: float(a >= b),
            "+": lambda: a + b,
            "-": lambda: a - b,
            "*": lambda: a * b,
            "/": lambda: a / b,
            "%": lambda: math.fmod(a, b),
        }[op]()

    def unary(self) -> float:
        if self.take("-"):
            return -self.unary()
        if self.take("+"):
            return self.unary()
        if self.take("!"):
            return float(not self.unary())
        value = self.primary()
        if self.take("**", "^"):
            return float(value ** self.unary())
        return value

    def primary(self) -> float:
        kind, value = self.token
        if kind == "number":
            self.advance()
            return float(value)
        if kind == "tcl":
            self.advance()
            return to_number(self.tcl(value))
        if kind == "variable":
            self.advance()
            return self.name("$" + value)
        if kind == "name":
            self.advance()
            if value in _FUNCTIONS and self.take("("):
                arguments = []
                while not self.take(")"):
                    arguments.append(self.ternary())
                    self.take(",")
                return float(_FUNCTIONS[value](*arguments))
            return self.name(value)
        if self.take("("):
            inside = self.ternary()
            if not self.take(")"):
                raise ExpressionError(f"missing ) in expression {self.text!r}")
            return inside
        raise ExpressionError(f"syntax error in expression {self.text!r}")


def to_number(text: str) -> float:
    """Read what Tcl returned as a number; words true and false count."""
    word = text.strip()
    if word.lower() in ("true", "false"):
        return float(word.lower() == "true")
    try:
        return float(word)
    except ValueError:
        raise ExpressionError(f"{text!r} is not a number") from None


def evaluate(text: str, name: Callable[[str], float], tcl: Callable[[str], str]) -> float:
    """Evaluate an expression; `name` resolves dotted names, `tcl` runs what stands in brackets."""
    parser = _Parser(text, name, tcl)
    value = parser.ternary()
    if parser.token[0] != "end":
        raise ExpressionError(f"syntax error in expression {text!r}")
    return value
