"""The network that corrects the filter of edges."""

from __future__ import annotations

import torch

from xmemcore.network.checkpoint import read_metadata
from xmemcore.network.edges import WEIGHTS, EdgeNetwork, edge_network

CELLS = 16


def planes() -> tuple[torch.Tensor, ...]:
    torch.manual_seed(1)
    colours, matte, spread, trust = (torch.rand(2, channels, CELLS, CELLS) for channels in (3, 1, 1, 1))
    return colours, matte, spread, torch.randn(2, 4, CELLS, CELLS), trust


def test_network_that_says_nothing_leaves_the_filters_answer() -> None:
    network = EdgeNetwork()
    last = network.to_fine[-1]
    torch.nn.init.zeros_(last.weight)
    torch.nn.init.zeros_(last.bias)
    colours, matte, spread, function, trust = planes()
    corrected, logit = network.corrected(colours, matte, spread, function, trust)
    torch.testing.assert_close(corrected, function, atol=1e-5, rtol=1e-5)
    assert ((torch.sigmoid(logit) - trust).abs() <= 0.021).all()


def test_change_of_the_answer_moves_what_a_cells_own_colour_gives() -> None:
    network = EdgeNetwork()
    last = network.to_fine[-1]
    torch.nn.init.zeros_(last.weight)
    with torch.no_grad():
        last.bias.copy_(torch.tensor([0.3, -0.2, 0.1, 0.25, 0.5, 0.0]))
    colours, matte, spread, function, trust = planes()
    corrected, _ = network.corrected(colours, matte, spread, function, trust)

    def answer(of: torch.Tensor) -> torch.Tensor:
        return (of[:, :3] * colours).sum(dim=1) + of[:, 3]

    # The slopes change what neighbouring colours give, not what the cell's mean gives.
    torch.testing.assert_close(answer(corrected), answer(function) + 0.25, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(corrected[:, :3], function[:, :3])


def test_bundled_weights_are_small_and_say_what_they_were_made_from() -> None:
    assert WEIGHTS.stat().st_size < 1 << 20
    metadata = read_metadata(WEIGHTS)
    assert metadata["licence"] == "Apache-2.0" and "photograph" in metadata["terms"]
    assert edge_network() is edge_network()
