"""The data term against autograd, finite differences and one sentence at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from feature_collapse.risk.empirical import EmpiricalRisk
from setting import problem_of, random_data, random_weights, slow_gradient

N_W, L, K, D = 12, 4, 6, 5


def tensors(seed: int, scale: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    W, U = random_weights(seed, scale=scale)
    return torch.tensor(W), torch.tensor(U).reshape(K, -1)


def risk_on(seed: int, device: str = "cpu") -> EmpiricalRisk:
    problem = problem_of(*random_data(seed), N_W, K, 1.0, device=device)
    return EmpiricalRisk(problem, dtype=torch.float64)


def test_value_is_the_mean_cross_entropy() -> None:
    words, labels = random_data(0)
    V, U = random_weights(0)
    value, _, _ = risk_on(0).value_and_gradient(torch.tensor(V), torch.tensor(U).reshape(K, -1))
    assert value == pytest.approx(slow_gradient(V, U, words, labels)[2], abs=1e-13)


def test_gradient_is_that_of_autograd() -> None:
    words, labels = random_data(1)
    V, U = (x.requires_grad_() for x in tensors(1))
    scores = V[torch.from_numpy(words).long()].flatten(1) @ U.T
    torch.nn.functional.cross_entropy(scores, torch.from_numpy(labels).long()).backward()
    _, gV, gU = risk_on(1).value_and_gradient(V.detach(), U.detach())
    torch.testing.assert_close(gV, V.grad, atol=1e-14, rtol=1e-12)
    torch.testing.assert_close(gU, U.grad, atol=1e-14, rtol=1e-12)


def test_gradient_is_the_slope_of_the_value() -> None:
    risk, (V, U), (dV, dU) = risk_on(2), tensors(2), tensors(3)
    _, gV, gU = risk.value_and_gradient(V, U)
    h = 1e-5
    up, _, _ = risk.value_and_gradient(V + h * dV, U + h * dU)
    down, _, _ = risk.value_and_gradient(V - h * dV, U - h * dU)
    slope = float((gV * dV).sum() + (gU * dU).sum())
    assert (up - down) / (2 * h) == pytest.approx(slope, rel=1e-7)  # the error of central differences is h²


@pytest.mark.parametrize("chunk_bytes", [1, 64 * 7 * 8, 10**9])
def test_chunks_do_not_change_the_result(chunk_bytes: int) -> None:
    words, labels = random_data(4, N=200)
    V, U = tensors(4)
    one = EmpiricalRisk(problem_of(words, labels, N_W, K, 1.0), dtype=torch.float64)
    many = EmpiricalRisk(problem_of(words, labels, N_W, K, 1.0), dtype=torch.float64, chunk_bytes=chunk_bytes)
    for _ in range(2):  # the second evaluation uses the shifts of the first
        a, b = one.value_and_gradient(V, U), many.value_and_gradient(V, U)
        assert a[0] == pytest.approx(b[0], abs=1e-13)
        torch.testing.assert_close(a[2], b[2], atol=1e-14, rtol=1e-12)


def test_a_shift_that_fails_is_replaced() -> None:
    risk, (V, U) = risk_on(5), tensors(5)
    risk.value_and_gradient(V, U)
    far = 30.0 * V  # scores move by hundreds: the old log-sum-exps are useless as shifts
    again, fresh = risk.value_and_gradient(far, U), risk_on(5).value_and_gradient(far, U)
    assert again[0] == pytest.approx(fresh[0], rel=1e-12)
    torch.testing.assert_close(again[1], fresh[1], atol=1e-12, rtol=1e-10)


def test_integer_weights_are_repetitions() -> None:
    words, labels = random_data(6)
    times = np.random.default_rng(6).integers(0, 4, size=len(labels))
    V, U = tensors(6)
    weighted = EmpiricalRisk(
        problem_of(words, labels, N_W, K, 1.0, omega=times / times.sum()), dtype=torch.float64
    )
    repeated = EmpiricalRisk(
        problem_of(words.repeat(times, 0), labels.repeat(times), N_W, K, 1.0), dtype=torch.float64
    )
    assert weighted.value_and_gradient(V, U)[0] == pytest.approx(
        repeated.value_and_gradient(V, U)[0], abs=1e-13
    )


def test_single_precision_agrees_to_its_precision() -> None:
    words, labels = random_data(7)
    V, U = tensors(7)
    single = EmpiricalRisk(problem_of(words, labels, N_W, K, 1.0), dtype=torch.float32).value_and_gradient(
        V, U
    )
    double = risk_on(7).value_and_gradient(V, U)
    assert single[0] == pytest.approx(double[0], rel=1e-6)
    torch.testing.assert_close(single[1].double(), double[1], atol=1e-6, rtol=1e-5)


def test_gradient_matrix_is_applied_without_being_built() -> None:
    words, labels = random_data(8)
    V, U = random_weights(8)
    Q = np.random.default_rng(8).standard_normal((N_W, 3))
    _, G, _ = slow_gradient(V, U, words, labels)
    found = risk_on(8).apply_gradient(torch.tensor(V), torch.tensor(U).reshape(K, -1), torch.tensor(Q))
    np.testing.assert_allclose(found.numpy().reshape(K * L, 3), G @ Q, atol=1e-14)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_gives_what_the_cpu_gives() -> None:
    V, U = tensors(9)
    gpu = risk_on(9, "cuda")
    a, b = gpu.value_and_gradient(V.cuda(), U.cuda()), risk_on(9).value_and_gradient(V, U)
    assert a[0] == pytest.approx(b[0], abs=1e-12)
    torch.testing.assert_close(a[1].cpu(), b[1], atol=1e-13, rtol=1e-11)
