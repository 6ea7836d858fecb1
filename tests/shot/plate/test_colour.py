"""Colour: curves by their published values, primaries by an independent library's numbers, and a shoulder without a kink."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xmemcore.protocol.colorspaces import COLORSPACES
from xmemcore.protocol.failures import RequestError
from xmemcore.shot.plate import gamut, ocio
from xmemcore.shot.plate.colour import (
    BRIGHTEST,
    display_curve,
    display_encoded,
    logc3_to_linear,
    logc4_to_linear,
    settled,
    signature,
    slog3_to_linear,
)

SRGB_OF_18_PERCENT = 0.46135613


def encoded(rgb: tuple[float, float, float], colorspace: str, dtype: type = np.float32) -> np.ndarray:
    return display_encoded([np.full((1, 1), value, dtype) for value in rgb], colorspace)[0, 0]


# The curve


@pytest.mark.parametrize(
    ("light", "value"),
    [(0.0, 0.0), (-3.0, 0.0), (0.0031308, 0.04044994), (0.18, SRGB_OF_18_PERCENT), (0.5, 0.73535698), (0.6, 0.79773772)],
)
def test_curve_is_srgb_up_to_the_shoulder(light: float, value: float) -> None:
    assert display_curve(np.array(light)) == pytest.approx(value, abs=2e-6)


def test_highlights_roll_off_towards_1_and_never_reach_it() -> None:
    values = display_curve(np.array([0.7, 1.0, 2.0, 10.0, 100.0, 1000.0, BRIGHTEST]))
    assert np.all(np.diff(values) > 0) and 0.8 < values[0] and values[-1] < 1
    assert values[1] == pytest.approx(0.9) and values[-1] > 0.999


def test_curve_and_its_slope_are_continuous() -> None:
    light = np.linspace(0, 4, 400_001)
    value = display_curve(light).astype(np.float64)
    step = np.diff(value)
    assert step.min() >= 0
    # Away from the toe, where sRGB itself has a small kink, a slope never jumps by more than its curvature explains.
    beyond_toe = light[2:] > 0.004
    assert np.abs(np.diff(step)[beyond_toe]).max() < 3e-7


@given(st.lists(st.floats(-BRIGHTEST, BRIGHTEST, width=32), min_size=2, max_size=40))
@settings(max_examples=40, deadline=None)
def test_brighter_light_never_looks_darker(light: list[float]) -> None:
    ordered = np.sort(np.array(light, np.float32))
    values = display_encoded([ordered[None]] * 3, "linear")[0, :, 0]
    assert np.all(np.diff(values) >= 0) and values.min() >= 0 and values.max() <= 1


def test_every_half_is_encoded_as_its_value_is() -> None:
    halves = np.arange(65536, dtype=np.uint32).astype(np.uint16).view(np.float16)
    finite = halves[np.isfinite(halves)]
    assert np.array_equal(display_encoded([finite[None]] * 3, "linear")[0, :, 1], display_curve(finite))


def test_every_byte_is_encoded_as_its_share_of_white() -> None:
    planes = [np.roll(np.arange(256, dtype=np.uint8), shift)[None] for shift in range(3)]
    shares = np.stack(planes, axis=-1).astype(np.float32) / np.float32(255)
    assert np.array_equal(display_encoded(planes, "srgb"), shares)
    mixed = display_encoded([planes[0], planes[1].astype(np.uint16) * 257, shares[..., 2]], "srgb")
    assert np.array_equal(mixed[..., 0], shares[..., 0]) and np.array_equal(mixed[..., 2], shares[..., 2])
    assert np.abs(mixed - shares).max() < 1e-6


def test_floats_are_encoded_almost_as_finely_as_halves_allow() -> None:
    light = np.random.default_rng(0).random((50, 50)).astype(np.float32) * 3
    assert np.abs(display_encoded([light] * 3, "linear")[..., 0] - display_curve(light)).max() < 4e-4


def test_light_beyond_a_half_is_white_not_black() -> None:
    assert np.allclose(encoded((1e30, 70000.0, BRIGHTEST), "linear"), 1, atol=2e-3)


# Files that are display-encoded already


def test_srgb_is_left_alone_and_clipped() -> None:
    ramp = np.linspace(-0.5, 1.5, 41, dtype=np.float32)[None]
    assert np.array_equal(display_encoded([ramp] * 3, "srgb")[0, :, 2], np.clip(ramp[0], 0, 1))


# Cameras


@pytest.mark.parametrize(
    ("decode", "signal", "light"),
    [
        # ARRI, "ALEXA Log C Curve, Usage in VFX": mid grey at EI 800 is 400 of 1023.
        (logc3_to_linear, 400 / 1023, 0.18),
        (logc3_to_linear, 0.092809, 0.0),
        (logc3_to_linear, 0.149658, 0.010591),
        # ARRI, LogC4 specification: 0 light is 95 of 1023; 1 is 469.8.
        (logc4_to_linear, 95 / 1023, 0.0),
        (logc4_to_linear, 0.2783958, 0.18),
        (logc4_to_linear, 1.0, 469.8),
        # Sony, technical summary, table: 0, 18 and 90 % reflection are 95, 420 and 598 of 1023.
        (slog3_to_linear, 95 / 1023, 0.0),
        (slog3_to_linear, 420 / 1023, 0.18),
        (slog3_to_linear, 598 / 1023, 0.90),
    ],
)
def test_camera_curves_have_their_published_values(decode: object, signal: float, light: float) -> None:
    assert float(decode(np.float32(signal))) == pytest.approx(light, rel=5e-3, abs=2e-5)  # type: ignore[operator]


@pytest.mark.parametrize(("decode", "cut"), [(logc3_to_linear, 0.149658), (logc4_to_linear, 0.0), (slog3_to_linear, 171.2102946929 / 1023)])
def test_camera_curves_rise_without_a_step_where_their_formulas_meet(decode: object, cut: float) -> None:
    signal = np.linspace(-0.05, 1.05, 20_001)
    light = decode(signal)  # type: ignore[operator]
    assert np.all(np.diff(light) > 0)
    below, above = decode(np.array([cut - 1e-6, cut + 1e-6]))  # type: ignore[operator]
    assert abs(above - below) < 1e-5


@pytest.mark.parametrize("colorspace", ["linear", "acescg"])
@pytest.mark.parametrize("light", [0.05, 0.18, 0.5])
def test_grey_stays_grey(colorspace: str, light: float) -> None:
    assert np.allclose(encoded((light,) * 3, colorspace), display_curve(np.array(light)), atol=5e-4)


@pytest.mark.parametrize(("colorspace", "signal"), [("logc3", 400 / 1023), ("logc4", 0.2783958), ("slog3", 420 / 1023)])
def test_mid_grey_of_a_camera_is_mid_grey_on_screen(colorspace: str, signal: float) -> None:
    assert np.allclose(encoded((signal,) * 3, colorspace), SRGB_OF_18_PERCENT, atol=1.5e-3)


# From OpenColorIO 2.6.0, studio-config-v2.2.0_aces-v1.3_ocio-v2.4, to "Linear Rec.709 (sRGB)"; input (0.45, 0.35, 0.4).
@pytest.mark.parametrize(
    ("colorspace", "light"),
    [
        ("acescg", (0.516342, 0.336447, 0.405248)),
        ("logc3", (0.435155, 0.085311, 0.21179)),
        ("logc4", (2.010612, 0.199417, 0.780976)),
        ("slog3", (0.356308, 0.056145, 0.171048)),
    ],
)
def test_primaries_agree_with_opencolorio(colorspace: str, light: tuple[float, float, float]) -> None:
    seen = encoded((0.45, 0.35, 0.4), colorspace)
    # It goes through ACES' white with other cone responses, which turns colours by a hair.
    assert np.allclose(seen, display_curve(np.array(light)), atol=2e-3)


@pytest.mark.parametrize("wide", [gamut.REC_709, gamut.AP1, gamut.ALEXA_WIDE_GAMUT_3, gamut.ARRI_WIDE_GAMUT_4, gamut.S_GAMUT_3_CINE])
def test_white_of_every_gamut_is_white(wide: gamut.Gamut) -> None:
    assert np.allclose(gamut.to_rec709(wide).sum(axis=1), 1, atol=1e-6)


def test_rec709_is_its_own_gamut() -> None:
    assert np.allclose(gamut.to_rec709(gamut.REC_709), np.eye(3), atol=1e-6)


@pytest.mark.parametrize("colorspace", COLORSPACES)
@pytest.mark.parametrize("value", [-1e6, -1.0, 0.0, 0.5, 1.0, 50.0, BRIGHTEST, 3e38])
def test_no_value_leaves_the_display_range(colorspace: str, value: float) -> None:
    for rgb in ((value,) * 3, (value, 0.0, 0.0), (0.2, 0.3, value)):
        seen = encoded(rgb, colorspace)
        assert np.all(np.isfinite(seen)) and seen.min() >= 0 and seen.max() <= 1


@pytest.mark.parametrize("colorspace", COLORSPACES)
def test_very_bright_is_never_black(colorspace: str) -> None:
    assert encoded((3e38,) * 3, colorspace).min() > 0.99


@pytest.mark.parametrize("colorspace", ["rec2100", "", "cineon"])
def test_other_colour_spaces_are_refused_by_name(colorspace: str) -> None:
    with pytest.raises(RequestError, match=f"There is no colour space '{colorspace}' here. Choose one of: linear, acescg, srgb"):
        settled(colorspace)
    with pytest.raises(RequestError):
        encoded((0, 0, 0), colorspace)


def test_pictures_keep_their_shape_and_channel_order() -> None:
    planes = [np.full((2, 3), value, np.float16) for value in (0.1, 0.2, 0.3)]
    picture = display_encoded(planes, "linear")
    assert picture.shape == (2, 3, 3) and picture.dtype == np.float32
    assert np.all(np.diff(picture, axis=-1) > 0)
    assert cv2.resize(picture, (1, 1)).shape == (1, 1, 3), "opencv takes it as it is"


@pytest.mark.parametrize(
    ("name", "space"),
    [
        ("ACEScg", "acescg"),
        ("sRGB", "srgb"),
        ("LogC3", "logc3"),
        ("Linear", "linear"),
        ("ACES - ACEScg", "acescg"),
        ("scene_linear", "linear"),
        ("LINEAR", "linear"),
        ("Utility - Linear - sRGB", "linear"),
        ("lin_rec709", "linear"),
        ("Linear Rec.709 (sRGB)", "linear"),
        ("scene_linear (ACES - ACEScg)", "acescg"),
        ("ACES/ACEScg", "acescg"),
        ("ACEScg\tScene-linear", "acescg"),
        ("sRGB - Texture", "srgb"),
        ("Output - sRGB", "srgb"),
        ("AlexaV3LogC", "logc3"),
        ("ARRI LogC3 (EI800)", "logc3"),
        ("Input - ARRI - V3 LogC (EI800) - Wide Gamut", "logc3"),
        ("ARRILogC4", "logc4"),
        ("S-Log3 S-Gamut3.Cine", "slog3"),
        ("SLog3", "slog3"),
    ],
)
def test_names_that_nuke_and_ocio_give_the_spaces_are_taken(name: str, space: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OCIO", raising=False)
    assert settled(name) == space == settled(f"  {name.upper()} ")


@pytest.mark.parametrize("name", ["rec709", "aces2065-1", "S-Log3 S-Gamut3", "Raw", "", "linear p3"])
def test_names_of_other_spaces_are_not_taken_for_ours(name: str) -> None:
    with pytest.raises(RequestError, match="or write ocio:NAME for a space of an OCIO configuration"):
        settled(name)


def test_ocio_names_the_extra_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PyOpenColorIO", None)
    ocio._config.cache_clear()
    with pytest.raises(RequestError, match="need the extra 'color'. Install it"):
        settled("ocio:ACES2065-1")


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("PyOpenColorIO", reason="the extra 'color' is not installed")
    monkeypatch.delenv("OCIO", raising=False)


@pytest.mark.parametrize(
    ("theirs", "ours"), [("ACEScg", "acescg"), ("ARRI LogC3 (EI800)", "logc3"), ("ARRI LogC4", "logc4"), ("s-log3 s-gamut3.cine", "slog3")]
)
def test_spaces_of_ocio_and_ours_of_the_same_name_agree(theirs: str, ours: str, config: None) -> None:
    rng = np.random.default_rng(0)
    # Colours as cameras see them: of pure ones the matrices leave small differences of large numbers.
    planes = [plane.astype(np.float32) for plane in 0.2 + 0.4 * rng.random((20, 30)) + 0.06 * rng.random((3, 20, 30))]
    by_ocio = display_encoded(planes, settled(f"ocio:{theirs}"))
    # The curves' published constants are rounded in one place or another.
    assert np.abs(by_ocio - display_encoded(planes, ours)).max() < 5e-3


def test_any_space_of_ocio_is_taken_whatever_its_case_and_others_are_refused(config: None) -> None:
    assert settled("OCIO:aces2065-1") == "ocio:ACES2065-1"
    grey = [np.full((2, 2), 0.18, np.float32)] * 3
    assert np.allclose(display_encoded(grey, settled("ocio:ACES2065-1")), display_curve(np.float32(0.18)), atol=2e-3)
    with pytest.raises(RequestError, match="has no colour space 'nope'; it has .* Write ocio: and one of its names"):
        settled("ocio:nope")
    assert signature("linear") == "linear" and signature("ocio:ACEScg").startswith("ocio:ACEScg ")


def test_studios_own_configuration_counts_and_its_roles(config: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = """ocio_profile_version: 1
roles: {scene_linear: light, default: light}
displays: {screen: [!<View> {name: raw, colorspace: light}]}
colorspaces:
  - !<ColorSpace> {name: light}
  - !<ColorSpace> {name: lin_rec709, to_reference: !<MatrixTransform> {matrix: [0.5, 0, 0, 0, 0, 0.5, 0, 0, 0, 0, 0.5, 0, 0, 0, 0, 1]}}
"""
    (tmp_path / "config.ocio").write_text(text)
    monkeypatch.setenv("OCIO", str(tmp_path / "config.ocio"))
    assert settled("scene_linear") == "ocio:light"
    grey = [np.full((2, 2), 0.1, np.float32)] * 3
    assert np.allclose(display_encoded(grey, "ocio:light"), display_curve(np.float32(0.2)), atol=2e-3)
    monkeypatch.setenv("OCIO", str(tmp_path / "nowhere.ocio"))
    with pytest.raises(RequestError, match="configuration .*nowhere.ocio cannot be read: .*Check .OCIO"):
        settled("ocio:light")
