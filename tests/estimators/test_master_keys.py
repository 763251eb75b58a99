"""The master keys: their published forms, planted recovery and nulls, and what they explain."""

import numpy as np
import pytest
from scipy.special import iv

from estimators.kernels import normalize_kernels
from estimators.master_keys import (
    MASTER_KEYS,
    NONE,
    SCALES,
    discrete_gaussian,
    explained_by_keys,
    master_keys,
)

SIZES = [3, 5, 7, 9]


def noisy_keys(size, each, noise, seed=0):
    """Master keys under white noise of `noise` times their norm, and their numbers."""
    numbers = np.repeat(np.arange(8), each)
    keys = master_keys(size)[numbers]
    rng = np.random.default_rng(seed)
    return keys + noise / np.sqrt(size**2 - 1) * rng.standard_normal(keys.shape), numbers


def share_above_half(size, count=50_000):
    noise = np.random.default_rng(0).standard_normal((count, size, size))
    return (explained_by_keys(normalize_kernels(noise).shapes).best_r2 > 0.5).mean()


@pytest.mark.parametrize("size", SIZES)
def test_keys_are_the_published_forms(size):
    """Pixel by pixel, from exp(-s) I_n(s) alone."""

    def smooth(row, column, scales):
        return np.prod([np.exp(-(s**2)) * iv(abs(n), s**2)
                        for n, s in zip((column, row), scales, strict=True)])  # fmt: skip

    half = size // 2
    forms = {
        "difference_down": lambda r, c, s: smooth(r, c, s) - smooth(r - 1, c, s),
        "difference_up": lambda r, c, s: smooth(r, c, s) - smooth(r + 1, c, s),
        "difference_right": lambda r, c, s: smooth(r, c, s) - smooth(r, c - 1, s),
        "difference_left": lambda r, c, s: smooth(r, c, s) - smooth(r, c + 1, s),
        "derivative_x": lambda r, c, s: smooth(r, c - 1, s) - smooth(r, c + 1, s),
        "derivative_y": lambda r, c, s: smooth(r - 1, c, s) - smooth(r + 1, c, s),
        "sharpening": lambda r, c, s: (r == c == 0) - 0.5 * (
            smooth(r + 1, c, s) + smooth(r - 1, c, s) + smooth(r, c + 1, s)
            + smooth(r, c - 1, s) - 4 * smooth(r, c, s)),
        "gaussian": smooth,
    }  # fmt: skip
    for key, name, scales in zip(master_keys(size), MASTER_KEYS, SCALES, strict=True):
        around = range(-half, half + 1)
        slow = np.array([[forms[name](r, c, scales) for c in around] for r in around])
        slow = (slow - slow.mean()) / np.linalg.norm(slow - slow.mean())
        np.testing.assert_allclose(key, slow, atol=1e-12, err_msg=name)


def test_symmetries_of_the_keys():
    """Differences and derivatives change sign about their centre; derivatives see no constant."""
    keys = dict(zip(MASTER_KEYS, master_keys(7), strict=True))
    for name, axis in (("derivative_x", 1), ("derivative_y", 0)):
        np.testing.assert_allclose(keys[name], -np.flip(keys[name], axis), atol=1e-12)
    for name in ("sharpening", "gaussian"):
        np.testing.assert_allclose(keys[name], keys[name][::-1, ::-1], atol=1e-12)
    # The two large pixels of a difference are the centre and the neighbor it is named after.
    sides = {"down": (4, 3), "up": (2, 3), "right": (3, 4), "left": (3, 2)}
    for side, place in sides.items():
        key = keys[f"difference_{side}"]
        largest = np.argsort(-np.abs(key), axis=None)[:2]
        assert set(map(tuple, np.argwhere(np.isin(np.arange(49).reshape(7, 7), largest)))) == {
            (3, 3),
            place,
        }
        assert key[3, 3] * key[place] < 0


def test_the_discrete_gaussian_diffuses():
    """T(s) * T(t) = T(s + t): what makes it the discrete analogue."""
    places = np.arange(-40, 41)
    both = np.convolve(discrete_gaussian(places, 1.2), discrete_gaussian(places, 1.6), "same")
    np.testing.assert_allclose(both, discrete_gaussian(places, 2.0), atol=1e-12)


def test_keys_7_and_8_are_alike():
    correlation = master_keys(7)[6].ravel() @ master_keys(7)[7].ravel()
    assert correlation == pytest.approx(0.90, abs=0.03)
    fit = explained_by_keys(master_keys(7))
    assert fit.margin[6:] == pytest.approx(1 - correlation**2)
    assert fit.runner_up[6:].tolist() == [7, 6]


# Recovery over the eight keys by noise over signal: the figures of a study that chose among eight
# fixed templates, and how far ours may fall short of them.
@pytest.mark.parametrize(
    ("size", "expected", "short"),
    [(7, (1.000, 0.993, 0.953, 0.780), 0.01), (3, (0.950, 0.900, 0.669, 0.339), 0.035)],
)
def test_planted_recovery(size, expected, short):
    for noise, share in zip((0.25, 0.5, 1, 2), expected, strict=True):
        kernels, numbers = noisy_keys(size, 2000, noise)
        found = explained_by_keys(normalize_kernels(kernels).shapes).best == numbers
        assert share - short < found.mean() < share + 0.035, noise


def test_what_noise_looks_like():
    """20 to 30 % of white 3 x 3 kernels have r^2 > 0.5 with a key; 5 x 5 few; 7 x 7 none."""
    assert 0.19 < share_above_half(3) < 0.30
    assert 0 < share_above_half(5) <= 0.0014
    assert share_above_half(7) < 1e-4


@pytest.mark.parametrize("noise", [0.25, 0.5, 1.0, 2.0])
def test_median_r2_is_the_closed_form(noise):
    kernels, numbers = noisy_keys(7, 1000, noise)
    r2 = explained_by_keys(normalize_kernels(kernels).shapes).r2
    own = r2[np.arange(len(r2)), numbers]
    assert np.median(own) == pytest.approx(1 / (1 + noise**2), abs=0.02)


@pytest.mark.parametrize("size", SIZES)
def test_shares_explained_are_those_of_least_squares(size):
    kernels = np.random.default_rng(1).standard_normal((20, size, size))
    fit = explained_by_keys(normalize_kernels(kernels).shapes)
    keys = master_keys(size).reshape(8, -1)
    for number, kernel in enumerate(kernels):
        flat = kernel.ravel()

        def share(columns, flat=flat):
            design = np.column_stack([*columns, np.ones(size * size)])
            left = flat - design @ np.linalg.lstsq(design, flat, rcond=None)[0]
            return 1 - left @ left / np.square(flat - flat.mean()).sum()

        assert fit.r2[number] == pytest.approx([share([key]) for key in keys], abs=1e-9)
        assert fit.span_r2[number] == pytest.approx(share(keys), abs=1e-6)
        assert fit.best[number] == fit.r2[number].argmax()
    assert (fit.span_r2 >= fit.best_r2 - 1e-9).all()


def test_gain_constant_and_sign_don_t_matter():
    kernels, _ = noisy_keys(7, 10, 0.5)
    first = explained_by_keys(normalize_kernels(kernels).shapes)
    second = explained_by_keys(normalize_kernels(5 - 3 * kernels).shapes)
    np.testing.assert_allclose(second.r2, first.r2, atol=1e-12)
    np.testing.assert_array_equal(second.best, first.best)


def test_dead_kernels_have_no_key():
    kernels = np.stack([np.zeros((7, 7)), np.full((7, 7), np.nan), master_keys(7)[2]])
    fit = explained_by_keys(normalize_kernels(kernels).shapes)
    assert fit.best.tolist() == [NONE, NONE, 2]
    assert fit.runner_up[:2].tolist() == [NONE, NONE]
    assert not fit.margin[:2].any()
    assert not fit.span_r2[:2].any()


@pytest.mark.parametrize("size", [2, 6, 1])
def test_sizes_without_a_central_pixel_are_refused(size):
    with pytest.raises(ValueError, match=f"odd k must hold, but got k={size}"):
        master_keys(size)
    with pytest.raises(ValueError, match=f"odd k must hold, but got k={size}"):
        explained_by_keys(np.zeros((3, size, size)))
