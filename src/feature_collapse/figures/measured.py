"""The report's pictures, drawn without global state: each function fills one axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from feature_collapse.figures.scene import COLOURS, SHAPES, Scene, look, short
from feature_collapse.metrics.arrays import Floats
from feature_collapse.metrics.report import view_name
from feature_collapse.metrics.value import Value
from feature_collapse.metrics.views import normalise

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PAIRS = 200_000


def lengths(ax: Axes, scene: Scene) -> None:
    """Draw length against frequency with the fitted slope; without frequencies, lengths by concept."""
    size = np.linalg.norm(scene.x, axis=1)
    f = scene.frequencies
    if f is None or not np.any((f > 0) & (size > 0)) or np.ptp(f[f > 0]) == 0:
        _lengths_by_concept(ax, scene, size)
        return
    usable = (f > 0) & (size > 0)
    scene.scatter(ax, np.where(usable, f, np.nan), np.where(usable, size, np.nan))
    slope = scene.report.views["none"].values.get("length_slope")
    if slope is not None and np.isfinite(slope.value):
        x, y = np.log(f[usable]), np.log(size[usable])
        ends = np.array([x.min(), x.max()])
        ax.plot(np.exp(ends), np.exp(y.mean() + slope.value * (ends - x.mean())), c="#333333", lw=1.5)
        ax.set_title(f"length against frequency: slope {slope.value:.3g}")
    ax.set_xscale("log")
    if size[usable].max() > 2 * size[usable].min():
        ax.set_yscale("log")
        _plain_log_ticks(ax)
    else:
        _honest_limits(ax, size[usable])
    ax.set_xlabel("frequency")
    ax.set_ylabel("length")


def _plain_log_ticks(ax: Axes) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

    low, high = ax.get_ylim()
    if high / max(low, 1e-300) < 100:
        ax.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.yaxis.set_major_formatter(ScalarFormatter())
        ax.yaxis.set_minor_formatter(NullFormatter())


def _honest_limits(ax: Axes, values: NDArray[Any]) -> None:
    """Never zoom into rounding errors: show at least a tenth of the size around the middle."""
    low, high = float(np.min(values)), float(np.max(values))
    half = max(0.6 * (high - low), 0.05 * abs(high), 1e-300)
    ax.set_ylim((low + high) / 2 - half, (low + high) / 2 + half)
    ax.ticklabel_format(axis="y", useOffset=False)


def _lengths_by_concept(ax: Axes, scene: Scene, size: Floats) -> None:
    for k, c in enumerate(scene.coloured):
        mine, (colour, marker) = size[scene.codes == c], look(k)
        jitter = scene.generator.uniform(-0.25, 0.25, len(mine))
        ax.scatter(k + jitter, mine, s=10, c=colour, marker=marker, alpha=0.6, linewidths=0)
    names = [short(scene.names[c], 12) for c in scene.coloured]
    angle = 0 if sum(map(len, names)) <= 40 else 30 if len(names) <= 8 else 90
    ax.set_xticks(range(len(names)), names, rotation=angle, ha={30: "right"}.get(angle, "center"))
    _honest_limits(ax, size)
    ax.set_ylabel("length")
    every = len(scene.names) == len(scene.coloured)
    ax.set_title("lengths by concept" if every else "lengths of the largest concepts")


def angles(ax: Axes, scene: Scene) -> None:
    """Draw a histogram of the cosines of pairs inside and between concepts; the line is −1/(n_c − 1)."""
    units = normalise(scene.view(scene.report.normaliser), "sphere")
    n = len(units)
    if n * (n - 1) // 2 <= PAIRS:
        i, j = np.triu_indices(n, 1)
    else:
        i, j = scene.generator.integers(n, size=(2, PAIRS))
        i, j = i[i != j], j[i != j]
    same = scene.codes[i] == scene.codes[j]
    if n * (n - 1) // 2 > PAIRS and same.sum() < 2000:  # many small concepts: draw partners inside concepts
        i, j, same = _add_partners(scene, i, j, same)
    cosines = np.empty(len(i))
    for start in range(0, len(i), 20_000):
        part = slice(start, start + 20_000)
        cosines[part] = np.einsum("ij,ij->i", units[i[part]], units[j[part]])
    low = min(-0.1, float(cosines.min()) if len(cosines) else -0.1)
    bins = np.linspace(max(-1.0, low) - 0.02, 1.02, 61 if same.sum() > 3000 else 31)
    for which, colour, label, hatch in (
        (same, COLOURS[0], "same concept", ""),
        (~same, COLOURS[1], "different", "///"),
    ):
        if which.any():
            weights = np.full(int(which.sum()), 100 / which.sum())
            ax.hist(
                cosines[which],
                bins=list(bins),
                weights=weights,
                alpha=0.6,
                color=colour,
                label=label,
                hatch=hatch,
                edgecolor=colour,
            )
    c = scene.report.n_concepts
    if c >= 2:
        ax.axvline(-1 / (c - 1), c="#333333", ls="--", lw=1, label=f"−1/({c} − 1)")
    ax.set_xlabel("cosine of two entities")
    ax.set_ylabel("% of pairs")
    ax.set_title(f"angles, {view_name(scene.report.normaliser)}")
    if ax.get_legend_handles_labels()[0]:
        ax.legend(fontsize=8, frameon=False)


def _add_partners(scene: Scene, i: Any, j: Any, same: Any) -> tuple[Any, Any, Any]:
    order = np.argsort(scene.codes, kind="stable")
    neighbours = scene.codes[order[1:]] == scene.codes[order[:-1]]
    a, b = order[1:][neighbours], order[:-1][neighbours]
    return np.concatenate([i, a]), np.concatenate([j, b]), np.concatenate([same, np.ones(len(a), dtype=bool)])


def pca(ax: Axes, scene: Scene, view: str) -> None:
    """Draw the first two principal components of one view, coloured by concept, equal scales on both axes."""
    x = scene.view(view)
    centred = x - x.mean(axis=0)
    _, s, vt = np.linalg.svd(centred, full_matrices=False)
    y = np.zeros((len(x), 2))
    share = np.zeros(2)
    k = min(2, len(s))
    if s[0] > 1e-12 * max(1e-300, float(np.abs(x).max())):
        y[:, :k] = centred @ vt[:k].T
        share[:k] = s[:k] ** 2 / np.sum(s**2)
    scene.scatter(ax, y[:, 0], y[:, 1])
    ax.set_aspect("equal", adjustable="datalim")
    ax.set_xlabel(f"component 1 ({100 * share[0]:.0f}% of variance)")
    ax.set_ylabel(f"component 2 ({100 * share[1]:.0f}%)")
    ax.set_title(f"principal components, {view_name(view)}")


def spectrum(ax: Axes, scene: Scene) -> None:
    """Singular values of the centred features, largest = 1, before and after the sphere and LayerNorm."""
    top = 1
    for view, colour, style in (
        ("none", COLOURS[0], "-"),
        ("layernorm", COLOURS[4], "--"),
        ("sphere", COLOURS[2], ":"),
    ):
        x = scene.view(view)
        s = np.linalg.svd(x - x.mean(axis=0), compute_uv=False)
        if s[0] > 1e-12 * max(1e-300, float(np.abs(x).max())):
            s = s[s > 1e-7 * s[0]] / s[0]  # what is exactly zero (LayerNorm's mean) is not drawn
            top = max(top, len(s))
            ax.plot(
                np.arange(1, len(s) + 1),
                s,
                ls=style,
                c=colour,
                lw=1.8,
                label=view_name(view),
                marker="o" if len(s) <= 12 else None,
                ms=4,
            )
    if not ax.lines:
        ax.text(0.5, 0.5, "all entities are equal", transform=ax.transAxes, ha="center")
        return
    ax.set_yscale("log")
    low = min(float(np.min(np.asarray(line.get_ydata()))) for line in ax.lines)
    ax.set_ylim(min(low / 1.5, 0.05), 1.3)
    if top > 30:
        ax.set_xscale("log")
    ax.set_xlabel("index")
    ax.set_ylabel("singular value / largest")
    ax.set_title("spectrum (centred)")
    ax.legend(fontsize=8, frameon=False)


def before_after(ax: Axes, scene: Scene) -> None:
    """Spread and residual before and after each normaliser, with intervals; ticks mark shuffled labels."""
    views = ("none", "layernorm", "rmsnorm", "sphere")
    rows = (("spread", "spread"), ("direction_spread", "spread of direction"), ("type", "residual to type"))
    step, width = 1.0, 0.24
    for r, (key, label) in enumerate(rows):
        for v, name in enumerate(views):
            values = scene.report.views[name].values
            wanted = ("type_III" if name == "none" else "type_II") if key == "type" else key
            value = values.get(wanted)
            if value is None or not np.isfinite(value.value):
                continue
            at = v * step + (r - 1) * width
            ax.bar(at, value.value, width=width * 0.92, color=COLOURS[r * 2], label=label if v == 0 else None)
            _whisker(ax, at, value)
            if np.isfinite(value.chance):
                ax.plot(
                    [at - width * 0.46, at + width * 0.46],
                    [value.chance] * 2,
                    c="#333333",
                    lw=1.5,
                    label="shuffled labels" if (v, r) == (0, 0) else None,
                )
    ax.set_xticks(np.arange(4) * step, [view_name(v).replace("after ", "after\n") for v in views])
    ax.set_ylim(0, 1.42)
    ax.set_yticks(np.linspace(0, 1, 6))
    ax.set_ylabel("0 collapsed … 1 not at all")
    ax.set_title("before and after normalisation")
    if ax.get_legend_handles_labels()[0]:
        ax.legend(fontsize=8, frameon=False, ncol=2, loc="upper center")
    else:
        ax.text(0.5, 0.5, "undefined for these data", transform=ax.transAxes, ha="center")


def _whisker(ax: Axes, at: float, value: Value) -> None:
    if np.isfinite(value.low):
        ax.plot([at, at], [value.low, value.high], c="#666666", lw=1.2)


def concepts(ax: Axes, scene: Scene, most: int = 15) -> None:
    """Direction spread of each concept with its interval, the worst on top; the band is shuffled labels."""
    view = scene.report.views[scene.report.normaliser]
    known = [c for c in view.concepts if np.isfinite(c.values["direction_spread"].value)]
    known = sorted(known, key=lambda c: c.values["direction_spread"].value)[-most:]
    for k, c in enumerate(known):
        v = c.values["direction_spread"]
        if np.isfinite(v.chance_low):
            ax.fill_betweenx(
                [k - 0.4, k + 0.4],
                v.chance_low,
                v.chance_high,
                color="#DDDDDD",
                lw=0,
                label="shuffled labels (95%)" if k == 0 else None,
            )
        if np.isfinite(v.low):
            ax.plot([v.low, v.high], [k, k], c=COLOURS[0], lw=1.5)
        ax.plot(v.value, k, "o", c=COLOURS[0], ms=5)
    ax.set_yticks(range(len(known)), [f"{short(c.name)} ({c.count})" for c in known])
    ax.set_ylim(-0.7, max(len(known) - 0.3, 0.7))
    ax.set_xlim(-0.02, 1.05)
    ax.set_xlabel("spread of direction (0 collapsed)")
    worst = f"the worst of {len(view.concepts)}" if len(view.concepts) > most else "the worst on top"
    ax.set_title(f"concepts, {view_name(view.normaliser)}, {worst}")
    if any(np.isfinite(c.values["direction_spread"].chance_low) for c in known):
        ax.legend(fontsize=8, frameon=False, loc="lower right")


class Series(Protocol):
    """What has curves: a monitor over steps, or checkpoints by number."""

    def series(self, key: str) -> tuple[Sequence[float], Sequence[float]]:
        """Return where the value `key` was measured, and what it was."""


def history(ax: Axes, monitor: Series, keys: Sequence[str] = ("direction_spread", "spread")) -> None:
    """Draw the values of a monitor, or of checkpoints, over the training steps."""
    for key, colour, shape in zip(keys, COLOURS, SHAPES, strict=False):
        ax.plot(*monitor.series(key), c=colour, marker=shape, ms=4, lw=1.5, label=key)
    ax.set_xlabel("step")
    ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]))
    ax.legend(fontsize=8, frameon=False)
