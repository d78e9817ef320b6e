"""Patches cover a frame and make it again, bit for bit; their seams lie in the middle of what they share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lic_codecs import BYTE, Chain
from numpy.typing import NDArray

from bitsmith.gen.passes.resize import resized
from bitsmith.models.lic.frames import OVERLAP, PATCH, Patches
from bitsmith.sim.errors import BitsmithError
from bitsmith.sim.fast.predict import Reference


def frame(height: int, width: int, channels: int = 3) -> NDArray[np.uint8]:
    return np.random.default_rng(height * 7919 + width).integers(0, 256, (height, width, channels), np.uint8)


def test_the_papers_frame() -> None:
    """1280 × 720 with 56 pixels shared: 28 patches; with a stride of 56, which the paper writes, it would be 200."""
    patches = Patches(720, 1280)
    assert (patches.patch, patches.overlap) == (256, 56)
    assert patches.count == 28
    assert patches.rows == (0, 200, 400, 464)
    assert patches.columns == (0, 200, 400, 600, 800, 1000, 1024)
    assert Patches(720, 1280, overlap=PATCH - 56).count == 200


@pytest.mark.parametrize(
    ("height", "width"), [(720, 1280), (256, 256), (257, 256), (1, 1), (100, 700), (255, 456), (457, 1)]
)
def test_an_identity_codec_gives_the_identical_frame(height: int, width: int) -> None:
    image, patches = frame(height, width), Patches(height, width)
    cut = patches.cut(image)
    assert cut.shape == (patches.count, PATCH, PATCH, 3)
    np.testing.assert_array_equal(patches.join(cut), image)


@st.composite
def layouts(draw: st.DrawFn) -> Patches:
    patch = draw(st.integers(1, 24))
    return Patches(draw(st.integers(1, 70)), draw(st.integers(1, 70)), patch, draw(st.integers(0, patch - 1)))


@settings(max_examples=300)
@given(layouts())
def test_any_layout_covers_the_frame_and_makes_it_again(patches: Patches) -> None:
    image = frame(patches.height, patches.width, 1)
    np.testing.assert_array_equal(patches.join(patches.cut(image)), image)
    for starts, size in ((patches.rows, patches.height), (patches.columns, patches.width)):
        assert starts[0] == 0
        assert starts[-1] + patches.patch == max(size, patches.patch)
        strides = np.diff(starts)
        assert (strides > 0).all()
        assert (patches.patch - strides >= patches.overlap).all()
        if len(strides) > 1:
            assert (strides[:-1] == patches.patch - patches.overlap).all()


@settings(max_examples=200)
@given(layouts())
def test_each_pixel_comes_from_the_patch_in_which_it_lies_deepest(patches: Patches) -> None:
    """Each patch is filled with its own number. How deep a pixel lies counts to the patch's edges; where an edge is the
    frame's too, there is nothing to be seen behind it.
    """
    filled = np.arange(patches.count)[:, None, None, None] * np.ones((1, patches.patch, patches.patch, 1), np.int64)
    chosen = patches.join(filled)[:, :, 0]
    for axis, starts in enumerate((patches.rows, patches.columns)):
        size = (patches.height, patches.width)[axis]
        index = np.unravel_index(chosen.take(0, axis=1 - axis), (len(patches.rows), len(patches.columns)))[axis]
        for place in range(size):
            depths = [depth(place, start, patches.patch, size) for start in starts]
            assert depths[index[place]] >= max(0, max(depths) - 1)


def depth(place: int, start: int, patch: int, size: int) -> int:
    """Pixels to the patch's nearest inner edge; negative outside of it."""
    left = place - start if start > 0 else size
    right = start + patch - 1 - place if start + patch < size else size
    return min(left, right)


def test_a_network_that_sees_less_than_half_the_overlap_shows_no_seam() -> None:
    """Eight 3×3 convolutions look 8 pixels far; 16 are shared: patch by patch gives the whole frame's integers."""
    chain = Chain("net", (32, 32, 3), BYTE, 4)
    for _ in range(8):
        chain.conv(3, 3)
        chain.round(BYTE)
    image, patches = frame(75, 90), Patches(75, 90, 32, 16)
    signed = image.astype(np.int64) - 128
    (parts,) = Reference(chain.graph()).predict_raw(patches.cut(signed))
    (whole,) = Reference(resized(chain.graph(), 75, 90)).predict_raw(signed[None])
    np.testing.assert_array_equal(patches.join(parts), whole[0])
    assert whole.std() > 10
    narrow = Patches(75, 90, 32, 6)
    (parts,) = Reference(chain.graph()).predict_raw(narrow.cut(signed))
    assert (narrow.join(parts) != whole[0]).any()


@pytest.mark.parametrize("values", [(0, 5, 4, 1), (5, -1, 4, 1), (5, 5, 0, 0), (5, 5, 4, 4), (5, 5, 4, -1)])
def test_layouts_that_cannot_be(values: tuple[int, int, int, int]) -> None:
    with pytest.raises(BitsmithError, match="smaller than a patch"):
        Patches(*values)


def test_arrays_of_another_shape_are_refused() -> None:
    patches = Patches(10, 20, 8, 2)
    for shape in ((20, 10, 3), (10, 20), (10, 20, 3, 1)):
        with pytest.raises(BitsmithError, match="a frame of shape"):
            patches.cut(np.zeros(shape, np.uint8))
    for shape in ((patches.count + 1, 8, 8, 3), (patches.count, 8, 7, 3), (patches.count, 8, 8)):
        with pytest.raises(BitsmithError, match="patches of shape"):
            patches.join(np.zeros(shape, np.uint8))
    assert OVERLAP < PATCH
