"""`models`: list, get, verify, info."""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path

from xmemcore.cli.options import Parser, add_json_option
from xmemcore.cli.progress import TerminalListener
from xmemcore.network import catalogue
from xmemcore.network.catalogue import KnownModel, Model, NoModel
from xmemcore.protocol.failures import MachineError, RequestError
from xmemcore.protocol.outside import parse_json
from xmemcore.protocol.words import plural

LONGEST_LINE = 400
"""Characters of a metadata value that `info` prints."""
MORE = "(--json shows all)"


def add_models(commands: argparse._SubParsersAction[Parser]) -> None:
    """Describe the command."""
    parser = commands.add_parser("models", help="list, get, verify, or say more of models")
    parser.add_argument("action", choices=("list", "get", "verify", "info"), nargs="?", default="list")
    parser.add_argument("name", metavar="NAME|FILE", nargs="?", help="which model; for get, one that `list` shows with an address")
    parser.add_argument("--sha256", metavar="HEX", type=_sha256, help="for get: the hash that the file must have; any other is refused")
    add_json_option(parser)
    parser.set_defaults(run=run)


def _sha256(text: str) -> str:
    if re.fullmatch(r"[0-9a-fA-F]{64}", text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no SHA-256: that has 64 digits, 0 to 9 and a to f")
    return text.lower()


def run(chosen: argparse.Namespace) -> int:
    """Do what was asked and print the answer."""
    if chosen.sha256 is not None and chosen.action != "get":
        raise RequestError(f"--sha256 is for `models get`. `models {chosen.action}` compares with the hash that is recorded.")
    if chosen.action == "list" and chosen.name is not None:
        raise RequestError(f"`models list` shows all models and takes no name. More of one: `xmem-roto models info {chosen.name}`.")
    answer = {"list": _list, "get": _get, "verify": _verify, "info": _info}[chosen.action](chosen)
    if chosen.json:
        print(json.dumps(answer))
    return 0


def _list(chosen: argparse.Namespace) -> dict[str, object]:
    installed = catalogue.installed()
    missing = [model for model in catalogue.KNOWN if model.url and model.name not in {m.name for m in installed}]
    if not chosen.json:
        for number, model in enumerate(installed):
            print(f"{model.name}{'  (default)' if number == 0 else ''}\n    {model.summary}\n    {model.terms}\n    {model.path}")
        for known in missing:
            how = f"not installed: xmem-roto models get {known.name}"
            print(f"{known.name}  ({how})\n    {known.summary}\n    {known.terms}\n    {known.url}")
        if not installed:
            print("No model is installed yet.")
    return {
        "default": installed[0].name if installed else None,
        "installed": [model.as_json() for model in installed],
        "available": [{"name": m.name, "summary": m.summary, "terms": m.terms, "url": m.url} for m in missing],
    }


def _get(chosen: argparse.Namespace) -> dict[str, object]:
    known = _downloadable(chosen.name)
    assert known.url is not None
    target = catalogue.models_folder() / known.file
    if target.exists():
        model = catalogue.resolve(known.name)
        sha256 = catalogue.verify(model)
        _require_hash(known.name, sha256, chosen.sha256, f"Delete {target}, then get it again.")
        if not chosen.json:
            print(f"{known.name} is installed already: {target}\nSHA-256 {sha256}")
        return {"name": known.name, "path": str(target), "sha256": sha256, "downloaded": False}
    from xmemcore.network.download import download

    print(f"Getting {known.name} from {known.url}\n{known.terms}", file=sys.stderr)
    listener = TerminalListener(known.name, unit="bytes")
    try:
        result = download(known.url, target, listener.progress, check=partial(_check, known, chosen.sha256))
    finally:
        listener.close()
    if not chosen.json:
        print(f"{known.name} is installed: {result.path} ({result.bytes / 1e6:.1f} MB)")
        print(f"SHA-256 {result.sha256} (recorded; `models verify` compares)")
    return {"name": known.name, "path": str(result.path), "sha256": result.sha256, "downloaded": True}


def _downloadable(name: str | None) -> KnownModel:
    public = [model for model in catalogue.KNOWN if model.url]
    names = ", ".join(model.name for model in public)
    if name is None:
        raise RequestError(f"Say which model to get. These can be had: {names}.")
    for model in public:
        if model.name == name:
            return model
    if any(model.name == name for model in catalogue.KNOWN):
        raise RequestError(f"{name} comes with the package and cannot be downloaded. These can: {names}.")
    raise RequestError(f"There is no model called {name}. These can be had: {names}.")


def _check(known: KnownModel, wanted: str | None, path: Path) -> None:
    """Compare a finished download with the hash that was asked for, and load it."""
    advice = f"It was not installed. Ask who gave you the hash, or who serves {known.url}."
    if wanted is not None:
        _require_hash(known.name, catalogue.hash_file(path), wanted, advice)
    _check_loads(path)


def _check_loads(path: Path) -> None:
    """Load a file as the checkpoint that it must be; the name of a download does not end in .pth yet."""
    from xmemcore.network.checkpoint import load_network

    load_network(path)


def _require_hash(name: str, sha256: str, wanted: str | None, advice: str) -> None:
    """Raise MachineError where the file is another one."""
    if wanted not in (None, sha256):
        raise MachineError(f"{name} has the SHA-256 {sha256}, not {wanted}. {advice}")


def _verify(chosen: argparse.Namespace) -> dict[str, object]:
    models = [catalogue.resolve(chosen.name)] if chosen.name else catalogue.installed()
    if not models:
        raise NoModel("No model is installed. Run `xmem-roto models get xmem`.")
    hashes = {}
    for model in models:
        hashes[model.name] = catalogue.verify(model)
        _check_loads(model.path)
        if not chosen.json:
            known = "as recorded" if model.sha256 else "no hash was recorded for it"
            print(f"{model.name}: loads, SHA-256 {hashes[model.name]} ({known})")
    return {"sha256": hashes}


def _info(chosen: argparse.Namespace) -> dict[str, object]:
    model = catalogue.resolve(chosen.name)
    answer = _described(model)
    if not chosen.json:
        print(f"{model.name}: {model.summary}\nterms: {model.terms}")
        for key, value in answer.items():
            if key not in ("name", "summary", "terms"):
                print("\n".join(_lines(key, value)))
    return answer


def _lines(key: str, value: object) -> list[str]:
    """List a model's metadata, one line each: the plain values of a record, and one line for each round of a training."""
    record = _record(value)
    if key == "training" and record is not None:
        rounds = [record]
        while (before := _record(rounds[0].get("before"))) is not None:
            rounds.insert(0, before)
        numbered = [f"    {number}. {_round(lines)}" for number, lines in enumerate(rounds, 1)]
        return [f"training: {plural(len(rounds), 'round')} {MORE}", *numbered]
    text = " ".join((str(value) if record is None else _plain(record)).split())
    return [f"{key.replace('_', ' ')}: {text if len(text) <= LONGEST_LINE else f'{text[:LONGEST_LINE]} ... {MORE}'}"]


def _record(value: object) -> dict[str, object] | None:
    """Give a value that is a record, or a record's JSON; else None."""
    try:
        content = parse_json(value) if isinstance(value, str) else value
    except ValueError:
        return None
    return content if isinstance(content, dict) else None


def _round(record: dict[str, object]) -> str:
    """Say what one round of a training was, and how well it did at its end."""
    validations = record.get("validations")
    last = _record(validations[-1]) if isinstance(validations, list) and validations else None
    return _plain(record) + (f"; at its end {_plain({k: v for k, v in last.items() if k.startswith('J')})}" if last else "")


def _plain(record: dict[str, object]) -> str:
    """Name the values of a record that fit into a line: words and numbers, and short rows of them."""
    shown = {name: value if isinstance(value, (list, tuple)) else [value] for name, value in record.items()}
    plain = {name: row for name, row in shown.items() if len(row) <= 4 and all(isinstance(number, (str, int, float)) for number in row)}
    return ", ".join(f"{name.replace('_', ' ')} {' '.join(map(str, row))}" for name, row in plain.items())


def _described(model: Model) -> dict[str, object]:
    from xmemcore.network.checkpoint import load_network

    network = load_network(model.path)
    answer: dict[str, object] = {
        **model.as_json(),
        "sha256": catalogue.hash_file(model.path),
        "parameters": sum(tensor.numel() for tensor in network.state_dict().values()),
        "dimensions": asdict(network.config),
    }
    return {**answer, **{key: value for key, value in catalogue.read_header(model.path).items() if key not in answer}}
