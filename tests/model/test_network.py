import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from feature_collapse.errors import InputError
from feature_collapse.model.network import Network
from feature_collapse.model.normalisers import (
    LayerNorm,
    RMSNorm,
    UnitSphere,
    make_normaliser,
    normaliser_names,
)

NAMES = list(normaliser_names())


def random_network(name, eps=0.0, seed=0, n_w=6, L=3, K=4, d=5):
    generator = torch.Generator().manual_seed(seed)
    network = Network(n_w, L, K, d, make_normaliser(name, eps), dtype=torch.float64)
    W, U = (torch.randn(p.shape, generator=generator, dtype=torch.float64) for p in (network.W, network.U))
    return network.load(W, U)


@pytest.mark.parametrize("name", NAMES)
def test_scores_are_the_sum_over_positions_of_inner_products(name):
    network = random_network(name).requires_grad_(False)
    x = [5, 0, 5]
    phi = network.features()
    expected = [sum(float(network.U[k, i] @ phi[w]) for i, w in enumerate(x)) for k in range(4)]
    np.testing.assert_allclose(network(torch.tensor([x])).detach()[0], expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("eps", [0.0, 1e-5])
def test_layernorm_is_pytorchs(eps):
    v = torch.randn(7, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    theirs = torch.nn.functional.layer_norm(v, (9,), eps=eps)
    torch.testing.assert_close(LayerNorm(eps).forward(v), theirs, rtol=1e-13, atol=1e-13)


def test_rmsnorm_is_pytorchs():
    v = torch.randn(7, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    theirs = torch.nn.functional.rms_norm(v, (9,), eps=1e-5)
    torch.testing.assert_close(RMSNorm(1e-5).forward(v), theirs, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("name", [n for n in NAMES if n != "none"])
def test_without_epsilon_the_norm_is_the_radius(name):
    normaliser = make_normaliser(name)
    v = torch.randn(4, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    norms = normaliser.forward(v).norm(dim=1)
    torch.testing.assert_close(norms, torch.full((4,), normaliser.radius(9), dtype=torch.float64))
    assert not torch.allclose(make_normaliser(name, 0.5).forward(v).norm(dim=1), norms)  # ε does matter


def test_layernorm_centres_and_the_others_do_not():
    v = torch.randn(4, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    assert LayerNorm().forward(v).mean(1).abs().max() < 1e-14
    assert RMSNorm().forward(v).mean(1).abs().max() > 1e-2
    assert UnitSphere().forward(v).mean(1).abs().max() > 1e-2


@given(st.sampled_from(NAMES), st.sampled_from([0.0, 1e-5, 0.3]), st.integers(0, 1000))
def test_vjp_is_the_derivative(name, eps, seed):
    normaliser = make_normaliser(name, eps)
    generator = torch.Generator().manual_seed(seed)
    v, g = (torch.randn(3, 6, dtype=torch.float64, generator=generator) for _ in range(2))
    v.requires_grad_()
    (theirs,) = torch.autograd.grad((normaliser.forward(v) * g).sum(), v)
    torch.testing.assert_close(normaliser.vjp(v.detach(), g), theirs, rtol=1e-9, atol=1e-10)


@given(st.sampled_from(NAMES), st.integers(0, 100), st.permutations(range(6)))
def test_renaming_the_words_does_not_change_the_scores(name, seed, order):
    network = random_network(name, seed=seed)
    words = torch.randint(6, (5, 3), generator=torch.Generator().manual_seed(seed))
    renamed = Network(6, 3, 4, 5, network.normaliser, dtype=torch.float64)
    order = torch.tensor(order)
    renamed.load(network.W[order], network.U)
    torch.testing.assert_close(renamed(order.argsort()[words]), network(words))


@given(st.sampled_from(["none", "rmsnorm", "sphere"]), st.integers(0, 100))
def test_rotating_the_embedding_space_does_not_change_the_scores(name, seed):
    network = random_network(name, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    q, _ = torch.linalg.qr(torch.randn(5, 5, dtype=torch.float64, generator=generator))
    turned = Network(6, 3, 4, 5, network.normaliser, dtype=torch.float64).load(network.W @ q, network.U @ q)
    words = torch.randint(6, (5, 3), generator=generator)
    torch.testing.assert_close(turned(words), network(words))


def test_layernorm_is_not_invariant_under_every_rotation():
    network = random_network("layernorm")
    q, _ = torch.linalg.qr(torch.randn(5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(3)))
    turned = Network(6, 3, 4, 5, network.normaliser, dtype=torch.float64).load(network.W @ q, network.U @ q)
    words = torch.tensor([[0, 1, 2]])
    assert (turned(words) - network(words)).detach().abs().max() > 1e-3


def test_the_start_is_pytorchs_default_scaled():
    network = Network(4000, 15, 50, 20).start(np.random.default_rng(0), 1e-3)
    assert float(network.W.detach().std()) == pytest.approx(1e-3, rel=0.02)
    bound = 1e-3 / np.sqrt(15 * 20)
    assert bound * 0.999 < float(network.U.detach().abs().max()) <= bound


def test_accuracy_and_cross_entropy_do_not_depend_on_the_chunk():
    network = random_network("none")
    words = np.random.default_rng(0).integers(6, size=(20, 3))
    labels = np.random.default_rng(1).integers(4, size=20)
    assert network.accuracy(words, labels, chunk=3) == network.accuracy(words, labels)
    expected = torch.nn.functional.cross_entropy(network(torch.from_numpy(words)), torch.from_numpy(labels))
    assert network.cross_entropy(words, labels, chunk=7) == pytest.approx(float(expected.detach()), rel=1e-12)


@pytest.mark.parametrize("name", ["n_w", "L", "K", "d"])
def test_sizes_below_one_are_refused(name):
    with pytest.raises(InputError, match=f"{name} = 0"):
        Network(**({"n_w": 2, "L": 2, "K": 2, "d": 2} | {name: 0}))


def test_wrong_normalisers_are_refused():
    with pytest.raises(InputError, match="did you mean 'layernorm'"):
        make_normaliser("layer_norm")
    with pytest.raises(InputError, match="eps = -1"):
        make_normaliser("layernorm", -1.0)


def test_of_equal_highest_scores_the_first_counts_and_the_loss_is_pytorchs():
    network = Network(2, 1, 3, 1, dtype=torch.float64)
    network.load(torch.tensor([[1.0], [-2.0]]), torch.tensor([[[1.0]], [[4.0]], [[4.0]]]))
    words, labels = np.array([[0], [0], [0], [1]]), np.array([0, 1, 2, 0])
    loss, accuracy = network.losses(words, labels)
    scores = network(torch.from_numpy(words)).detach()
    assert accuracy == float((scores.argmax(1) == torch.from_numpy(labels)).double().mean()) == 0.5
    assert loss == pytest.approx(float(torch.nn.functional.cross_entropy(scores, torch.from_numpy(labels))))
    zero = Network(2, 1, 3, 1)
    assert zero.accuracy(words, labels) == 0.5  # all scores are equal: class 0


def test_the_only_class_is_always_right():
    assert Network(2, 1, 1, 1).losses(np.array([[0], [1]]), np.array([0, 0])) == (0.0, 1.0)
