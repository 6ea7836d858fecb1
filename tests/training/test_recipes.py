"""Recipes: what is bundled is valid, what is wrong is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from xmemcore.protocol.failures import RequestError
from xmemcore.training.recipe import RECIPES, Recipe, read_recipe, recipe_of


@pytest.mark.parametrize("name", sorted(path.stem for path in RECIPES.glob("*.toml")))
def test_bundled_recipes_are_found_by_name_and_survive_json(name: str) -> None:
    recipe = read_recipe(name)
    assert recipe_of(recipe.as_json(), "json") == recipe


def test_an_unknown_field_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("learning_rate = 1e-3\n")
    with pytest.raises(RequestError, match=r"mine.toml has no field learning_rate. Its fields are: seed, key_encoder, .*, phases\.$"):
        read_recipe(path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[scene]\npartly = 1.0", r"\[scene\] of the recipe .* has no field partly. Its fields are: partial, "),
        ("[[phases]]\nsize = 64", r"\[\[phases\]\] of the recipe .* does not say until"),
        ('rate = "fast"', "gives rate as 'fast'. Write a number."),
        ("seed = -1", "has the seed -1. Choose a whole number from 0"),
        ("[scene]\nenergy = [0.5, 0.5]", "Write 3 numbers in square brackets."),
    ],
)
def test_what_is_wrong_in_a_recipe_is_said_in_its_own_words(tmp_path: Path, content: str, sentence: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(content)
    with pytest.raises(RequestError, match=sentence):
        read_recipe(path)


@pytest.mark.parametrize(
    "content",
    [
        'precision = "int8"',
        "keep = 1.0",
        'key_encoder = "resnet50"',
        "[[phases]]\nuntil = 0.5",
        "[[phases]]\nuntil = 1.0\nsize = 100",
        "[[phases]]\nuntil = 1.0\nframes = 1",
        "[[phases]]\nuntil = 1.0\nbatch = 0",
        "phases = 3",
        "scene = 3",
        "seed = true",
        "seed = ",
        "[scene]\npartly = 1.0",
        "rate = 1" + "0" * 400,
        "rate = 1" + "0" * 5000,
        "rate = nan",
        "a = " + "[" * 90_000,
        "a." * 20_000 + "a = 1",
        "[[phases]]\nuntil = 1.0\nsize = 1600000000",
        "[[phases]]\nuntil = 1.0\nbatch = 1000000000",
        "\0",
    ],
    ids=range(20),
)
def test_unusable_recipes_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(content)
    with pytest.raises(RequestError):
        read_recipe(path)


def test_a_missing_recipe_names_the_bundled_ones() -> None:
    with pytest.raises(
        RequestError,
        match="compact, compact-clean, compact-fourth, compact-generated, compact-resnet, compact-second, compact-third, "
        "equal-steps, finetune",
    ):
        read_recipe("no-such-recipe")


def test_the_rate_warms_up_and_ends_near_nothing() -> None:
    recipe = Recipe(warm_up_steps=10)
    assert recipe.rate_at(0, 0.0) == pytest.approx(0.1)
    assert recipe.rate_at(50, 0.0) == pytest.approx(1.0)
    assert recipe.rate_at(50, 1.0) == pytest.approx(0.01)


def test_every_progress_has_its_phase() -> None:
    recipe = Recipe()
    assert [recipe.phase(p).frames for p in (0.0, 0.49, 0.5, 0.99, 1.0)] == [4, 4, 4, 8, 8]
    assert recipe.phase(0.5).size == 256
