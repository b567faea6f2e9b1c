"""Data with a known answer, and slow independent transcriptions of the published formulas."""

import numpy as np
from scipy.spatial.distance import pdist


def frame(n_concepts, d, generator):
    """Equiangular unit vectors (n_concepts, d) in a random position: rows of a rotated simplex."""
    simplex = np.eye(n_concepts) - 1 / n_concepts
    basis = np.linalg.svd(simplex)[2][: n_concepts - 1]
    rotation = np.linalg.qr(generator.normal(size=(d, d)))[0]
    f = (simplex @ basis.T) @ rotation[: n_concepts - 1]
    return f / np.linalg.norm(f, axis=1, keepdims=True)


def mean_zero_frame(n_concepts, d, generator):
    """Equiangular unit vectors that are orthogonal to (1, …, 1)."""
    ones = np.full(d, 1 / np.sqrt(d))
    rest = np.linalg.qr(np.column_stack([ones, generator.normal(size=(d, d - 1))]))[0][:, 1:]
    return frame(n_concepts, d - 1, generator) @ rest.T


def clusters(n_concepts, members, d, noise, seed):
    generator = np.random.default_rng(seed)
    codes = np.repeat(np.arange(n_concepts), members)
    means = generator.normal(size=(n_concepts, d))
    return means[codes] + noise * generator.normal(size=(len(codes), d)), codes


def literal(x, y, classifier=None):
    """Every label value written out from its publication, with loops and full matrices."""
    labels = np.unique(y)
    c, n = len(labels), len(x)
    mu_g = x.mean(axis=0)
    mu = np.array([x[y == k].mean(axis=0) for k in labels])
    sigma_w = (
        sum(
            np.outer(x[i] - mu[list(labels).index(y[i])], x[i] - mu[list(labels).index(y[i])])
            for i in range(n)
        )
        / n
    )
    sigma_b = sum(np.outer(m - mu_g, m - mu_g) for m in mu) / c
    out = {
        "nc1": np.trace(sigma_w @ np.linalg.pinv(sigma_b, rcond=1e-10, hermitian=True)) / c,
        "nc1_trace_ratio": np.trace(sigma_w) / np.trace(sigma_b),
    }
    pairs = [(a, b) for a in range(c) for b in range(c) if a != b]
    variance = [np.mean(np.sum((x[y == k] - mu[i]) ** 2, axis=1)) for i, k in enumerate(labels)]
    out["cdnv"] = np.mean(
        [(variance[a] + variance[b]) / (2 * np.sum((mu[a] - mu[b]) ** 2)) for a, b in pairs]
    )
    centred = mu - mu_g
    norms = np.array([np.linalg.norm(m) for m in centred])
    cosines = np.array([centred[a] @ centred[b] / (norms[a] * norms[b]) for a, b in pairs])
    out["nc2_norms"] = np.std(norms) / np.mean(norms)
    out["nc2_angles"] = np.std(cosines)
    out["nc2_angle_error"] = np.mean(np.abs(cosines + 1 / (c - 1)))
    gram = centred @ centred.T
    etf = (np.eye(c) - np.ones((c, c)) / c) / np.sqrt(c - 1)
    out["nc2_etf"] = np.sqrt(np.sum((gram / np.sqrt(np.sum(gram**2)) - etf) ** 2))
    raw = np.array([mu[a] @ mu[b] / (np.linalg.norm(mu[a]) * np.linalg.norm(mu[b])) for a, b in pairs])
    sizes = np.linalg.norm(mu, axis=1)
    out["frame_norms"] = np.std(sizes) / np.mean(sizes)
    out["frame_cosine"] = np.mean(raw)
    out["frame_angle_error"] = np.mean(np.abs(raw + 1 / (c - 1)))
    own = []
    for i in range(n):
        distances = []
        for k in labels:
            others = (y == k) & (np.arange(n) != i)
            distances.append(np.linalg.norm(x[i] - x[others].mean(axis=0)))
        own.append(labels[np.argmin(distances)] == y[i])
    out["nearest_centre"] = np.mean(own)
    if classifier is not None:
        a, b = classifier / np.linalg.norm(classifier), centred / np.linalg.norm(centred)
        out["nc3"] = np.linalg.norm(a - b) ** 2
        decided = [np.argmax([w @ h for w in classifier]) for h in x]
        nearest = [np.argmin([np.linalg.norm(h - m) for m in mu]) for h in x]
        out["nc4"] = np.mean(np.array(decided) == np.array(nearest))
    units = x / np.linalg.norm(x, axis=1, keepdims=True)
    positive = [np.sum((units[i] - units[j]) ** 2) for i in range(n) for j in range(i) if y[i] == y[j]]
    out["alignment"] = np.mean(positive)
    out["uniformity"] = np.log(np.mean(np.exp(-2 * pdist(units) ** 2)))
    s = np.linalg.svd(x, compute_uv=False)
    p = s / s.sum() + 1e-7
    out["rankme"] = np.exp(-np.sum(p * np.log(p)))
    s = np.linalg.svd(x - mu_g, compute_uv=False)
    p = s[s > 1e-12 * s[0]] / s.sum()
    out["effective_rank"] = np.exp(-np.sum(p * np.log(p)))
    eigenvalues = np.linalg.eigvalsh(np.cov(x.T))
    out["participation_ratio"] = eigenvalues.sum() ** 2 / np.sum(eigenvalues**2)
    out.update(literal_spread(x, y))
    return out


def literal_spread(x, y):
    """One minus the intraclass correlation by analysis of variance, concepts weighing the same."""
    labels = np.unique(y)
    out = {}
    for key, z in (("spread", x), ("direction_spread", x / np.linalg.norm(x, axis=1, keepdims=True))):
        inside = np.array([np.trace(np.atleast_2d(np.cov(z[y == k].T))) for k in labels])
        count = np.array([np.sum(y == k) for k in labels])
        between = np.trace(np.cov(np.array([z[y == k].mean(axis=0) for k in labels]).T)) - np.mean(
            inside / count
        )
        out[key] = np.mean(inside) / (np.mean(inside) + max(between, 0))
    length = np.linalg.norm(x, axis=1)
    out["length_spread"] = np.sqrt(
        np.mean([(length[y == k].std(ddof=1) / length[y == k].mean()) ** 2 for k in labels])
    )
    out["length_variation"] = length.std(ddof=1) / length.mean()
    return out
