import numpy as np
import pytest

from feature_collapse.errors import InputError
from feature_collapse.task import codes, latents, symmetry
from feature_collapse.task.assumption_b import assumption_b
from feature_collapse.task.symmetry import (
    assumption_a_spheres,
    distance_blocks,
    measure_symmetry,
    sphere_sizes,
)
from feature_collapse.task.weight_enumerators import code_symmetry
from oracles import loop_assumption_a, loop_distances

CODES = [
    ("tetracode", 3, 4),
    ("parity", 3, 4),
    ("simplex", 2, 7),
    ("hamming", 2, 7),
    ("repetition", 5, 3),
    ("golay", 3, 11),
]


def codewords(name, n_c, L):
    return codes.codewords(codes.generator(name, n_c, L), n_c)


def test_distances_and_spheres_agree_with_loops():
    z = latents.random(3, 5, 40, np.random.default_rng(0))
    expected = loop_distances(z)
    assert np.array_equal(np.vstack([block for _, block in distance_blocks(z, 3)]), expected)
    assert np.array_equal(sphere_sizes(z, 3), [np.bincount(row, minlength=6) for row in expected])


def test_both_ways_of_counting_distances_agree(monkeypatch):
    z = latents.random(4, 6, 50, np.random.default_rng(0))
    fast = sphere_sizes(z, 4)
    monkeypatch.setattr(symmetry, "_ONE_HOT", 0)
    monkeypatch.setattr(symmetry, "_BLOCK", 200)
    assert np.array_equal(sphere_sizes(z, 4), fast)


@pytest.mark.parametrize(("n_c", "L"), [(2, 1), (2, 4), (3, 3), (4, 2)])
def test_all_latents_satisfy_assumption_a_and_lemma_b(n_c, L):
    found = measure_symmetry(latents.every(n_c, L), n_c)
    assert found.assumption_a
    assert found.lemma_b
    assert np.array_equal(found.sizes, assumption_a_spheres(n_c, L, n_c**L))


def test_theta_and_a_have_their_closed_forms_under_assumption_a():
    n_c, L = 3, 4
    found = measure_symmetry(latents.every(n_c, L), n_c)
    same, other = symmetry.assumption_a_counts(n_c, L, n_c**L)
    assert np.abs(found.theta[1:] - (same - other)[1:]).max() < 1e-12
    assert np.abs(found.A[1:] - other[1:, None, None]).max() < 1e-12


def test_assumption_a_residual_agrees_with_loops():
    z = latents.random(3, 4, 12, np.random.default_rng(1))
    counts, expected = loop_assumption_a(z, 3)
    slow = np.linalg.norm(counts - expected) / np.linalg.norm(expected)
    assert abs(measure_symmetry(z, 3).residual_a - slow) < 1e-12


def test_one_latent_less_breaks_assumption_a_and_lemma_b():
    found = measure_symmetry(latents.every(3, 3)[1:], 3)
    assert not found.assumption_a
    assert not found.lemma_b
    assert min(found.residual_i, found.residual_ii, found.residual_iii) > 1e-3


def test_repeated_latents_keep_assumption_a_but_are_not_distinct():
    z = np.vstack([latents.every(2, 3)] * 2)
    found = measure_symmetry(z, 2)
    assert found.assumption_a
    assert not found.distinct


@pytest.mark.parametrize(("name", "n_c", "L"), CODES)
def test_codes_satisfy_lemma_b_but_not_assumption_a(name, n_c, L):
    found = measure_symmetry(codewords(name, n_c, L), n_c)
    assert found.lemma_b
    assert found.residual_a > 0.1


@pytest.mark.parametrize(("name", "n_c", "L"), CODES)
def test_theta_over_sphere_depends_on_the_distance_alone(name, n_c, L):
    found = measure_symmetry(codewords(name, n_c, L), n_c)
    for r in range(1, L + 1):
        if found.sizes[r]:
            assert abs(1 - found.theta[r] / found.sizes[r] - r / L * n_c / (n_c - 1)) < 1e-12


@pytest.mark.parametrize(("name", "n_c", "L"), CODES)
def test_weight_enumerator_agrees_with_counting(name, n_c, L):
    weights = np.bincount((codewords(name, n_c, L) != 0).sum(axis=1), minlength=L + 1)
    found = code_symmetry(codes.generator(name, n_c, L), n_c)
    assert list(found.sizes) == weights.tolist()
    assert found.lemma_b


@pytest.mark.parametrize(
    "rows", [[[1, 1, 0], [0, 0, 1]], [[1, 1, 0, 0], [0, 0, 1, 1]], [[1, 0, 2, 0, 1], [0, 1, 1, 0, 0]]]
)
def test_evenness_decides_lemma_b_for_any_code(rows):
    matrix = np.array(rows)
    assert code_symmetry(matrix, 3).lemma_b == measure_symmetry(codes.codewords(matrix, 3), 3).lemma_b


def test_a_code_that_favours_positions_breaks_lemma_b():
    found = code_symmetry(np.array([[1, 1, 0], [0, 0, 1]]), 3)
    assert not found.even
    assert not found.lemma_b


def test_a_zero_coordinate_breaks_lemma_b():
    assert not code_symmetry(np.array([[1, 1, 0]]), 3).lemma_b


def test_a_huge_code_is_counted_through_its_dual():
    found = code_symmetry(codes.generator("parity", 5, 60), 5)
    assert found.K == 5**59
    assert sum(found.sizes) == 5**59
    assert found.lemma_b


def test_twenty_thousand_latents_stay_within_two_gigabytes():
    # rows of a block times K float32 distances, and the one-hot table: bounded by construction
    K, L, n_c = 20_000, 15, 3
    assert symmetry._BLOCK * 4 * 4 + K * L * n_c * 4 < 0.5e9


@pytest.mark.parametrize("n_c", [2, 3, 4])
def test_assumption_b_holds_for_all_latents(n_c):
    assert assumption_b(latents.every(n_c, 2), n_c).holds


def test_assumption_b_fails_for_a_symmetric_set_of_five():
    # {(a, 2a)} over five elements: (i)-(iii) hold, B does not, so theorem 1 holds without its converse
    z = codes.codewords(np.array([[1, 2]]), 5)
    found = assumption_b(z, 5)
    assert measure_symmetry(z, 5).lemma_b
    assert not found.holds
    # circulant matrices with a(1) + a(2) + a(3) + a(4) fixed in pairs solve the system: more than I and 11ᵀ
    assert found.dimension == 6


def test_assumption_b_fails_where_a_concept_is_never_used():
    assert not assumption_b(latents.every(2, 2), 3).holds


def test_assumption_b_agrees_with_a_null_space():
    rng = np.random.default_rng(0)
    for K in (2, 3, 4, 5, 6):
        z = latents.random(3, 3, K, rng)
        upper = list(zip(*np.triu_indices(3), strict=True))
        rows = {}
        for j in range(K):
            for k in range(K):
                gamma = sum(
                    np.outer(np.eye(3)[z[k, i]] - np.eye(3)[z[j, i]], np.eye(3)[z[k, i]]) for i in range(3)
                )
                side = [gamma[a, b] + (gamma[b, a] if a != b else 0) for a, b in upper]
                rows.setdefault(int((z[j] != z[k]).sum()), []).append(side)
        system = np.vstack([np.array(r) - r[0] for r in rows.values()])
        assert assumption_b(z, 3).dimension == 6 - np.linalg.matrix_rank(system)


@pytest.mark.parametrize(
    "bad", [np.zeros((2, 2)), np.array([[0, 3]]), np.zeros((0, 2), dtype=int), np.array([1, 2]), "x"]
)
def test_wrong_latents_are_refused(bad):
    for function in (measure_symmetry, assumption_b, sphere_sizes):
        with pytest.raises(InputError, match="latents"):
            function(bad, 3)


@pytest.mark.parametrize(
    "bad", [np.array([[1, 1], [2, 2]]), np.array([[3, 1]]), np.array([1, 2]), np.array([[0.5, 1]])]
)
def test_wrong_generator_matrices_are_refused(bad):
    with pytest.raises(InputError, match="generator"):
        code_symmetry(bad, 3)
