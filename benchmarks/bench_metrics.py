"""Benchmarks of `feature_collapse.metrics`: streaming at scale, noise at any N/d, the monitor's overhead.

    python benchmarks/bench_metrics.py stream [--rows 1000000] [--views none]
    python benchmarks/bench_metrics.py speed
    python benchmarks/bench_metrics.py noise
    python benchmarks/bench_metrics.py outcomes [--sets 40]
    python benchmarks/bench_metrics.py monitor

Each prints rows of a Markdown table. `stream` generates its batches, so that only one is in memory.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from feature_collapse.metrics import FeatureStatistics, measure
from feature_collapse.metrics.views import VIEWS


def stream(
    rows: int, views: tuple[str, ...], d: int = 768, n_concepts: int = 10_000, batch: int = 20_000
) -> None:
    """One pass over generated float32 batches, and the report."""
    generator = np.random.default_rng(0)
    means = generator.standard_normal((n_concepts, d), dtype=np.float32)
    statistics = FeatureStatistics(n_concepts, d, views=views)
    update = made = 0.0
    for _ in range(rows // batch):
        start = time.perf_counter()
        ids = generator.integers(n_concepts, size=batch)
        x = means[ids] + generator.standard_normal((batch, d), dtype=np.float32)
        middle = time.perf_counter()
        statistics.update(x, ids)
        made, update = made + middle - start, update + time.perf_counter() - middle
    start = time.perf_counter()
    report = statistics.finalize()
    finalize = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    values = {k: report.views[views[0]].values[k].value for k in ("spread", "cdnv", "effective_rank")}
    print(
        "| rows × d, concepts | views | making batches | update | finalize | peak | spread, CDNV, eff. rank |"
    )
    print("|---|---|---|---|---|---|---|")
    print(
        f"| {rows:,} × {d}, {n_concepts:,} | {', '.join(views)} | {made:.0f} s | {update:.0f} s | "
        f"{finalize:.0f} s | "
        f"{peak:.2f} GiB | {values['spread']:.4f}, {values['cdnv']:.4f}, {values['effective_rank']:.1f} |"
    )


def speed(d: int = 384) -> None:
    """Values alone, one pass of the stream beside its products, and the default report, of planted tables."""
    print("| rows × d, concepts | values | stream, of it products | default report |")
    print("|---|---|---|---|")
    generator = np.random.default_rng(0)
    for rows, n_concepts in ((14_416, 100), (100_000, 1000)):
        ids = np.arange(rows) % n_concepts
        x = generator.standard_normal((n_concepts, d), dtype=np.float32)[ids]
        x += generator.standard_normal((rows, d), dtype=np.float32)
        frequencies = 1.0 / (1.0 + np.arange(rows) // n_concepts)
        statistics = FeatureStatistics(n_concepts, d, views=("none",))
        wide = x.astype(float)
        work = (
            lambda x=x, ids=ids: measure(x, ids, resamples=0, shuffles=0),
            lambda x=x, ids=ids, s=statistics: s.update(x, ids),
            lambda wide=wide: [wide.T @ wide for _ in range(3)],
            lambda x=x, ids=ids, f=frequencies: measure(x, ids, f),
        )
        seconds = []
        for do in work:
            start = time.perf_counter()
            do()
            seconds.append(time.perf_counter() - start)
        values, update, products, whole = seconds
        print(
            f"| {rows:,} × {d}, {n_concepts:,} | {values:.2f} s | {update:.2f} s, {products:.2f} s "
            f"| {whole:.1f} s |"
        )


def noise(d: int = 64, concepts: int = 8, seeds: int = 10) -> None:
    """Pure noise at N/d from 0.5 to 100: what the report says, beside what a plain ratio would say."""
    print(
        "| N/d | N | spread (mean of 10) | residual to type III | plain within/total | tr Σ_W/tr Σ_B | "
        "p of spread < 0.05 | called collapse |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for ratio in (0.5, 1, 2, 5, 10, 20, 50, 100):
        n = int(ratio * d)
        found = []
        for seed in range(seeds):
            generator = np.random.default_rng(seed)
            x, y = generator.normal(size=(n, d)), np.arange(n) % concepts
            report = measure(x, y, resamples=0, shuffles=99)
            means = np.array([x[y == k].mean(axis=0) for k in range(concepts)])
            plain = np.sum((x - means[y]) ** 2) / np.sum((x - x.mean(axis=0)) ** 2)
            found.append(
                (
                    report["spread"].value,
                    report["type_III"].value,
                    plain,
                    report["nc1_trace_ratio"].value,
                    report["spread"].p < 0.05,
                    any(v.verdict in ("I", "II", "III", "point") for v in report.views.values()),
                )
            )
        m = np.mean(np.array(found, dtype=float), axis=0)
        print(
            f"| {ratio} | {n} | {m[0]:.3f} | {m[1]:.3f} | {m[2]:.3f} | {m[3]:.3g} | "
            f"{round(m[4] * seeds)} of {seeds} | {round(m[5] * seeds)} of {seeds} |"
        )


def monitor(steps: int = 4000) -> None:
    """Share of the training time that the monitor takes at its default period."""
    import torch

    from feature_collapse.metrics.monitor import EmbeddingMonitor

    print("| model | steps | measurements | skipped | monitor's own time | share |")
    print("|---|---|---|---|---|---|")
    for rows, d, hidden, batch in ((1200, 100, 256, 100), (5000, 64, 512, 256)):
        torch.manual_seed(0)
        embed = torch.nn.Embedding(rows, d)
        model = torch.nn.Sequential(
            embed,
            torch.nn.Flatten(),
            torch.nn.Linear(8 * d, hidden),
            torch.nn.ReLU(),
            torch.nn.Linear(hidden, 10),
        )
        optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
        watched = EmbeddingMonitor(model, "0", [i % 10 for i in range(rows)])
        for _ in range(steps):
            x, y = torch.randint(rows, (batch, 8)), torch.randint(10, (batch,))
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(model(x), y).backward()
            optimiser.step()
            watched.step()
        print(
            f"| embedding {rows} × {d}, batch {batch} | {steps} | {len(watched.history)} | "
            f"{watched.skipped} | "
            f"{watched.seconds:.2f} s | {100 * watched.overhead:.2f}% |"
        )


PLANTED = ("frame", "frame + common mean", "orthogonal", "clusters, no frame", "directions", "loose", "noise")


def _planted(
    kind: str, sizes: np.ndarray, d: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Features of one planted kind; noise has a fifth of the means' length, 0.7 of it where loose."""
    c = len(sizes)
    q = np.linalg.qr(generator.normal(size=(d, d)))[0]
    f = (np.eye(c) - 1 / c) @ q[:c] * np.sqrt(c / (c - 1))
    means = {
        "frame + common mean": f + 2 * q[-1],
        "orthogonal": q[:c],
        "clusters, no frame": f * np.linspace(0.3, 3, c)[:, None],
        "noise": 0 * f,
    }.get(kind, f)
    y = np.repeat(np.arange(c), sizes)
    noise = {"loose": 0.7, "noise": 1.0}.get(kind, 0.2) * generator.normal(size=(len(y), d)) / np.sqrt(d)
    x = means[y] + noise
    return (x * np.exp(generator.normal(size=(len(y), 1))) if kind == "directions" else x), y


def outcomes(sets: int) -> None:
    """How often each outcome is called on planted data: 3 to 20 concepts in 24 and 100 dimensions."""
    print("| planted | members | called (share of data sets) |")
    print("|---|---|---|")
    for kind in PLANTED:
        for members in ("3", "10", "100", "3 to 100"):
            called: dict[str, int] = {}
            for seed in range(sets):
                generator = np.random.default_rng(seed)
                c, d = (3, 8, 20)[seed % 3], (24, 100)[seed // 3 % 2]
                sizes = np.geomspace(3, 100, c).astype(int) if " " in members else np.full(c, int(members))
                x, y = _planted(kind, sizes, d, generator)
                found = measure(x, y, resamples=0, shuffles=40, seed=seed, views=("none",)).outcome
                called[found] = called.get(found, 0) + 1
            shares = sorted(called.items(), key=lambda item: -item[1])
            print(
                f"| {kind} | {members} | " + ", ".join(f"{k} {v / sets:.2f}" for k, v in shares) + " |",
                flush=True,
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["stream", "speed", "noise", "monitor", "outcomes"])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--sets", type=int, default=300)
    parser.add_argument("--views", nargs="+", default=list(VIEWS))
    options = parser.parse_args()
    if options.what == "stream":
        stream(options.rows, tuple(options.views))
    elif options.what == "speed":
        speed()
    elif options.what == "noise":
        noise()
    elif options.what == "outcomes":
        outcomes(options.sets)
    else:
        monitor()
