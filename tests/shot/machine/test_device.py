"""Where the network computes: one of several cards, and how much of its memory."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from xmemcore.protocol.failures import DeviceMissing, RequestError
from xmemcore.protocol.requests import PropagateRequest
from xmemcore.shot.machine.device import choose_device, limit_memory


@pytest.fixture
def two_cards(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, torch.device]]:
    """Make torch say that there are two cards of 10 GB; give what it is told of their memory."""
    limits: list[tuple[float, torch.device]] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(total_memory=10 * 10**9))
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda share, device: limits.append((share, device)))
    return limits


@pytest.mark.parametrize(
    ("name", "device"), [("auto", "cuda"), ("cuda", "cuda"), ("cuda:0", "cuda:0"), ("cuda:1", "cuda:1"), ("cpu", "cpu")]
)
def test_each_card_can_be_chosen(two_cards: object, name: str, device: str) -> None:
    assert choose_device(name) == torch.device(device)


def test_a_card_that_is_not_there_is_named_beside_those_that_are(two_cards: object) -> None:
    with pytest.raises(DeviceMissing, match="no device cuda:2 here. Choose one of: auto, cpu, cuda, cuda:0, cuda:1.$"):
        choose_device("cuda:2")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a card")
@pytest.mark.parametrize("name", ["cuda", "cuda:0"])
def test_a_machine_without_cards_says_what_it_has(name: str) -> None:
    with pytest.raises(DeviceMissing, match=f"no device {name} here. Choose one of: auto, cpu"):
        choose_device(name)


@pytest.mark.parametrize("name", ["cuda:", "cuda:x", "cuda:-1", "cuda:100", "cpu:1", "gpu"])
def test_what_names_no_device_is_refused(name: str) -> None:
    with pytest.raises(RequestError, match="There is no device '.*'. Choose one of: auto, cpu, cuda, mps, cuda:N."):
        PropagateRequest("p.exr", device=name).require_possible()


@pytest.mark.parametrize(("gigabytes", "share"), [(None, 1.0), (4.0, 0.4), (12.0, 1.0)])
def test_memory_of_a_card_is_limited_by_its_share(
    two_cards: list[tuple[float, torch.device]], gigabytes: float | None, share: float
) -> None:
    limit_memory(torch.device("cuda:1"), gigabytes)
    limit_memory(torch.device("cpu"), gigabytes)
    assert two_cards == [(pytest.approx(share), torch.device("cuda:1"))]
