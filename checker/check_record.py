"""Check a record without the package: recompute its risk, and prove a lower bound, from its files alone.

    python checker/check_record.py results/figure4b-certified

numpy and the standard library; no line is shared with the solver. The risk (2) or (3) must be
summary.json's to 1e-9 (float32: 1e-5). The lower bound is R2 or, for normalised words, R3 with the record's
ν, or, where that does not suffice, with one found here; a Cholesky factorisation proves its norm or ν. Exit
code: 0 it holds, 1 it does not, 2 its files cannot be read, 3 its bound is over 1e-9 + n_w²·2⁻⁵¹ of the risk
(R3 with ν found here: 2e-4) above what its weights prove: of a run that stalls, the best of its certificates.
"""

import json
import sys
from pathlib import Path

import numpy as np

Array = np.ndarray
TYPES = {"F64": "<f8", "F32": "<f4", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1"}


def read_tensors(path: Path) -> dict[str, Array]:
    """Name -> array of a safetensors file: a length, a JSON header, the raw numbers."""
    raw, tensors = path.read_bytes(), {}
    start = 8 + int.from_bytes(raw[:8], "little")
    for name, entry in json.loads(raw[8:start]).items():
        if name != "__metadata__":
            numbers = raw[start:][slice(*entry["data_offsets"])]
            tensors[name] = np.frombuffer(numbers, TYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors


def normalise(W: Array, kind: str, eps: float) -> tuple[Array, float | None]:
    """φ of each row, and its length ρ (None: free, and W is penalised)."""
    if kind == "none":
        return W, None
    centred, averaged = {"layernorm": (1, 1), "rmsnorm": (0, 1), "sphere": (0, 0)}[kind]
    W = W / np.maximum(np.abs(W).max(1, keepdims=True), 1e-300) if eps == 0 else W  # keep squares in range
    C, d = W - centred * W.mean(1, keepdims=True), W.shape[1] ** averaged
    C = C - centred * C.mean(1, keepdims=True)  # once more, for the rounding of a large mean
    return C / np.sqrt(np.maximum((C**2).sum(1, keepdims=True) / d + eps, 1e-300)), d**0.5


def decay(setting: dict, mu: Array, words: Array, n_w: int) -> Array:
    """a_j of the penalty (λ/2) Σ a_j ‖w_j‖²: 1, or a power of the word's frequency (R8)."""
    lazy, share = setting.get("decay") == "lazy", np.tile(mu * len(mu), n_w // len(mu))
    if lazy or setting.get("decay_frequency") == "data":
        share = np.bincount(words.ravel(), minlength=n_w) / words.size * n_w
    return np.maximum(share ** (1.0 if lazy else setting.get("decay_exponent", 0.0)), 1e-100)


def pass_over(V: Array, U: Array, words: Array, labels: Array) -> tuple[Array, Array, Array, Array]:
    """Each sentence's cross-entropy, p_y and entropy of the other classes; GᵀG of the gradient G."""
    (n_w, _), (K, L, _), N = V.shape, U.shape, len(words)
    if not N or min(words.min(), labels.min()) < 0 or words.shape != (N, L) or labels.shape != (N,):
        raise ValueError("the sentences do not fit the weights")
    G, (losses, at_label, other) = np.zeros((L, n_w, K)), np.empty((3, N))
    for low in range(0, N, 4096):
        here = slice(low, low + 4096)
        x, own = words[here].astype(int), (np.arange(len(labels[here])), labels[here].astype(int))
        s = V[x].reshape(len(x), -1) @ U.reshape(K, -1).T
        s -= s[own][:, None]
        losses[here] = np.logaddexp.reduce(s, axis=1)
        s -= losses[here, None]  # log p
        p = np.exp(s)
        at_label[here], p[own] = p[own], 0.0
        other[here] = -np.einsum("ik,ik->i", p, s)
        p[own] = -p.sum(1)  # p_y - 1 without cancellation
        for position, column in enumerate(x.T):
            order = np.argsort(column)
            found, begin = np.unique(column[order], return_index=True)
            G[position, found] += np.add.reduceat(p[order], begin, axis=0)
    flat = G.transpose(1, 0, 2).reshape(n_w, -1) / N
    return losses, at_label, other, flat @ flat.T


def factorises(nu: Array, A: Array) -> bool:
    """Whether Diag(ν) - A has a Cholesky factorisation."""
    try:
        return bool(np.isfinite(np.linalg.cholesky(np.diag(nu) - A)).all())
    except np.linalg.LinAlgError:
        return False


def proved(nu: Array, A: Array) -> Array:
    """A hardly larger ν with Diag(ν) - A positive semi-definite in spite of rounding (Rump 2006)."""
    growth = next((g for g in 1 + 1e-11 * 2.0 ** np.arange(60) if factorises(nu * g, A)), None)
    slack = np.inf if growth is None else 2.3e-16 * (len(nu) + 3) * growth * nu.sum()
    return nu * (growth or 1.0) + slack


def least_nu(guess: Array, A: Array) -> Array:
    """Near the least Σν with Diag(ν) - A ⪰ 0, from a guess of no larger sum: barrier and Newton's method."""
    scale = np.maximum(guess, 0.03 * np.abs(A).sum(1))
    B = A / np.sqrt(scale) / np.sqrt(scale)[:, None]
    best = np.linalg.eigvalsh(B)[-1] * np.ones(len(A))  # times the scale it is feasible, but loose
    x, mu = 1.004 * best, 6e-4 * (scale @ best) / len(A)
    while len(A) * mu > 1e-5 * (scale @ best):
        inverse = np.linalg.inv(np.diag(x) - B)
        slope = scale / mu - inverse.diagonal()
        step = -np.linalg.solve(inverse * inverse, slope)
        size = next((0.4**k for k in range(25) if factorises(x + 0.4**k * step, B)), 0.0)
        x = x + (size if size == 1 else 0.7 * size) * step
        best = x if scale @ x < scale @ best else best
        mu *= 0.1 if -slope @ step < 1 or size == 0 else 0.97  # sooner where near the barrier's centre
    return best * scale


def lower_bound(
    V: Array, A: Array, radius: float | None, lambda_: float, p: Array, other: Array, nu: Array | None
) -> float:
    """R2 or R3 at the best θ: moving the outputs to the labels by 1 - θ makes the gradient θG."""
    if lambda_ == 0:
        return 0.0
    used = A.diagonal() > 0
    A, V, low, high, cost = A[np.ix_(used, used)], V[used], 0.0, 1.0, 0.0
    if used.any() and radius is None:
        high = min(1.0, lambda_ / proved(np.full(len(A), np.linalg.eigvalsh(A)[-1]), A)[0] ** 0.5)
    elif used.any():
        if nu is not None and not (nu.shape == used.shape and np.isfinite(nu).all() and (nu >= 0).all()):
            raise ValueError("nu is not a number >= 0 for each word")
        nu = least_nu((A @ V * V).sum(1) / radius**2, A) if nu is None else nu[used].astype(float)
        cost = radius**2 / (2 * lambda_) * proved(nu, A).sum()

    def value(t: float) -> float:
        on = np.maximum(1 - t + t * p, 1e-300)
        return float(np.mean(t * (other - (1 - p) * np.log(t)) - on * np.log(on)) - cost * t * t)

    for _ in range(40):  # concave in θ: one of the outer thirds has not the best
        left, right = low + (high - low) / 3, high - (high - low) / 3
        low, high = (left, high) if value(left) < value(right) else (low, right)
    return max(0.0, value(high))


def check(folder: Path) -> int:
    """Print risk, bound and what is wrong; the exit code."""
    config, summary = (json.loads((folder / f"{x}.json").read_text("utf-8")) for x in ("config", "summary"))
    weights, task = (read_tensors(folder / f"{name}.safetensors") for name in ("weights", "task"))
    W, U, setting = weights["W"].astype(float), weights["U"].astype(float), config["settings"]
    V, radius = normalise(W, setting["normaliser"], setting["eps"])
    losses, p, other, A = pass_over(V, U, task["train_sentences"], task["train_labels"])
    a = decay(setting, task["mu"], task["train_sentences"], len(W))
    risk = losses.mean() + setting["lambda"] / 2 * ((U**2).sum() + (radius is None) * (a @ W**2).sum())
    A, claim = A / np.sqrt(np.outer(a, a)), summary.get("lower_bound")
    bound, slack, at = -1.0, 1e-9 + len(W) ** 2 * 2.0**-51, (V, A, radius, setting["lambda"], p, other)
    if radius is None or "nu" in weights:
        bound = lower_bound(*at, weights.get("nu"))
    if radius and (claim is None or claim > bound + slack * risk):  # without ν, or of another certificate
        bound, slack = max(bound, lower_bound(*at, None)), 2e-4
    stated, rule = summary["risk"], "R3" if radius else "R2"
    print(f"risk   {risk:.15g}, recorded {stated:.15g}, apart {abs(risk - stated):.1e}")
    print(f"bound  {bound:.15g} by {rule}, recorded {claim}, relative gap {1 - bound / (risk or 1):.3e}")
    if not (np.isfinite(risk) and 0 <= setting["lambda"] < np.inf):
        raise ValueError("the risk or lambda is out of range")
    close = (1e-9 if weights["W"].dtype == float else 1e-5) * risk
    holds = {"the risk is not that of the weights": abs(risk - stated) <= close}
    holds["what is proved here is above the risk"] = bound <= risk * (1 + 1e-9)
    if claim is not None:
        holds["the bound is above the risk"] = claim <= stated + close
        holds["the gap is not risk less bound"] = abs(summary["gap"] - (stated - claim)) <= close
    wrong = [fault for fault, true in holds.items() if not true]
    proved = claim is None or claim <= bound + slack * risk
    print("; ".join(wrong) or ("holds" if proved else "consistent, but these weights do not prove the bound"))
    return 1 if wrong else 0 if proved else 3


if __name__ == "__main__":
    try:
        sys.exit(check(Path(sys.argv[1])))
    except Exception as error:  # whatever damaged files lead to
        print(f"{sys.argv[1:]} cannot be checked: {error!r}", file=sys.stderr)
        sys.exit(2)
