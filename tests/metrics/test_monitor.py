"""The monitor: what it measures, when, and that it leaves the training alone."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from feature_collapse.errors import InputError
from feature_collapse.metrics import measure
from feature_collapse.metrics.monitor import ActivationMonitor, EmbeddingMonitor
from metrics.monitored import model
from metrics.planted import clusters


def test_importing_metrics_does_not_import_torch_or_matplotlib():
    heavy = "any(m in sys.modules for m in ('torch', 'matplotlib'))"
    code = f"import sys, feature_collapse.metrics; sys.exit({heavy})"
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": "src"}).returncode == 0


def test_embedding_is_measured_every_n_steps_and_agrees_with_measure():
    net = model()
    labels = [i % 3 for i in range(12)]
    monitor = EmbeddingMonitor(net, "0", labels, every=4, budget=None)
    records = []
    for _ in range(10):
        with torch.no_grad():
            net[0].weight += 0.1 * torch.randn(12, 6)
        if record := monitor.step():
            records.append(record)
            expected = measure(net[0].weight, labels, resamples=0, shuffles=0)
            for key in ("spread", "nc1", "type_I", "rankme", "uniformity"):
                assert record.values[key] == pytest.approx(expected[key].value, abs=1e-10), key
    assert [r.step for r in records] == [4, 8] == list(monitor.series("nc1")[0])
    assert monitor.series("nc1")[1][0] == records[0].values["nc1"]


def test_rows_without_a_label_are_left_out():
    net = model()
    labels = {0: "a", 1: "a", 5: "b", 7: "b"}
    listed = [labels.get(i) for i in range(12)]
    values = [
        EmbeddingMonitor(net, "0.weight", c, every=1, frequencies=[1, 2, 3, 4]).step().values
        for c in (labels, listed)
    ]
    assert values[0] == values[1]
    assert np.isfinite(values[0]["length_slope"])
    expected = measure(net[0].weight[[0, 1, 5, 7]], list("aabb"), [1, 2, 3, 4], resamples=0, shuffles=0)
    assert values[0]["length_slope"] == pytest.approx(expected["length_slope"].value, abs=1e-10)


def test_activations_are_measured_over_a_window_of_batches():
    net = model()
    monitor = ActivationMonitor(net, "3", 3, every=5, window=2, budget=None)
    caught = []
    for _ in range(10):
        x, y = torch.randint(12, (8, 2)), torch.randint(3, (8,))
        net(x)
        monitor.step(y)
        net.eval()
        caught.append((net[:4](x).detach().double().numpy(), y.numpy()))
        net.train()
    monitor.close()
    assert [r.step for r in monitor.history] == [5, 10]
    features, labels = (np.concatenate(z) for z in zip(caught[8], caught[9], strict=True))
    expected = measure(features, labels, resamples=0, shuffles=0)
    assert monitor.history[-1].values["nc1_trace_ratio"] == pytest.approx(
        expected["nc1_trace_ratio"].value, abs=1e-9
    )
    assert not net[3]._forward_hooks


def test_token_activations_and_ignored_labels():
    class Body(torch.nn.Module):
        def forward(self, x):
            return (x, "cache")

    net = torch.nn.Sequential(Body())
    monitor = ActivationMonitor(net, "0", 2, every=1)
    x = torch.randn(3, 4, 5)
    y = torch.tensor([[0, 1, -100, 0]] * 3)
    net(x)
    record = monitor.step(y)
    kept = y.reshape(-1) >= 0
    expected = measure(x.reshape(-1, 5)[kept], y.reshape(-1)[kept], resamples=0, shuffles=0)
    assert record.values["spread"] == pytest.approx(expected["spread"].value, abs=1e-10)


def test_training_is_the_same_with_and_without_the_monitor():
    results = []
    for watched in (False, True):
        net = model()
        optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
        generator = torch.Generator().manual_seed(1)
        monitors = []
        if watched:
            monitors = [
                EmbeddingMonitor(net, "0", [i % 3 for i in range(12)], every=2),
                ActivationMonitor(net, "2", 3, every=3),
            ]
        for _ in range(20):
            x = torch.randint(12, (8, 2), generator=generator)
            y = torch.randint(3, (8,), generator=generator)
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(net(x), y).backward()
            optimiser.step()
            for m, labels in zip(monitors, (None, y), strict=False):
                m.step() if labels is None else m.step(labels)
        results.append([p.detach().clone() for p in net.parameters()])
    for a, b in zip(*results, strict=True):
        assert torch.equal(a, b)


def test_measurements_over_budget_are_left_out_and_counted():
    monitor = EmbeddingMonitor(model(), "0", [i % 3 for i in range(12)], every=1, budget=1e-6)
    for _ in range(6):
        monitor.step()
    assert len(monitor.history) == 1 and monitor.skipped == 5
    free = EmbeddingMonitor(model(), "0", [i % 3 for i in range(12)], every=1, budget=None)
    for _ in range(6):
        free.step()
    assert len(free.history) == 6 and free.skipped == 0
    assert 0 < free.overhead <= 1


def test_collapse_during_training_is_seen():
    """Rows drawn to a frame: the verdict turns from none to type I."""
    from metrics.planted import frame

    goal = torch.tensor(frame(3, 6, np.random.default_rng(0)), dtype=torch.float32).repeat(4, 1)
    net = model()
    monitor = EmbeddingMonitor(net, "0", [i % 3 for i in range(12)], every=4, budget=None)
    for _ in range(40):
        with torch.no_grad():
            net[0].weight += 0.2 * (goal - net[0].weight)
        monitor.step()
    assert monitor.history[0].verdict in ("none", "III") and monitor.history[-1].verdict == "I"
    spreads = monitor.series("spread")[1]
    assert np.all(np.diff(spreads) < 0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda n: EmbeddingMonitor(n, "0.wight", [0] * 12), "did you mean '0.weight'"),
        (lambda n: EmbeddingMonitor(n, "2.bias", [0] * 5), r"shape \(5,\)"),
        (lambda n: EmbeddingMonitor(n, "0", [0] * 11), "11 labels, but '0' has 12 rows"),
        (lambda n: EmbeddingMonitor(n, "0", {99: "a"}), "row in concepts = 99"),
        (lambda n: EmbeddingMonitor(n, "0", {}), "no labels"),
        (lambda n: EmbeddingMonitor(n, "0", [0] * 12, every=0), "every = 0"),
        (lambda n: EmbeddingMonitor(n, "0", [0] * 12, budget=0.0), "budget"),
        (lambda n: EmbeddingMonitor(n, "0", [0] * 12, frequencies=[1.0]), "one per row"),
        (lambda n: ActivationMonitor(n, "9", 3), "module '9' is not in the model"),
        (lambda n: ActivationMonitor(n, "3", 3, window=200), "window = 200"),
        (lambda n: ActivationMonitor(n, "3", 3, concept_names=["a"]), "1 names"),
    ],
)
def test_wrong_use_is_one_sentence(make, words):
    with pytest.raises(InputError, match=words):
        make(model())


def test_wrong_labels_of_activations_are_one_sentence():
    net = model()
    monitor = ActivationMonitor(net, "3", 3, every=1)
    with pytest.raises(InputError, match="was not called in"):
        monitor.step([0, 1])
    for labels, words in (
        (None, "concepts is missing"),
        ([0], "1 ids, but the module's output has 2 rows"),
        ([0, 7], "0 to 2"),
    ):
        net(torch.zeros((2, 2), dtype=torch.long))
        with pytest.raises(InputError, match=words):
            monitor.step(labels)


def test_features_that_diverge_are_one_sentence():
    net = model()
    with torch.no_grad():
        net[0].weight[3, 2] = float("nan")
    with pytest.raises(InputError, match="row 3, column 2 is nan"):
        EmbeddingMonitor(net, "0", [i % 3 for i in range(12)], every=1).step()


def test_planted_clusters_are_not_needed_to_be_float32():
    x, y = clusters(3, 4, 6, 0.5, 0)
    net = torch.nn.Embedding.from_pretrained(torch.tensor(x, dtype=torch.bfloat16))
    holder = torch.nn.Sequential(net)
    record = EmbeddingMonitor(holder, "0", y, every=1, normaliser="layernorm", eps=1e-5).step()
    expected = measure(net.weight, y, normaliser="layernorm", eps=1e-5, resamples=0, shuffles=0)
    assert record.values["type_II"] == pytest.approx(expected["type_II"].value, abs=1e-10)


def lengths_follow_rows():
    """A table whose row i has length (i + 1)^0.2, with labels in another order than the rows."""
    x = np.random.default_rng(0).normal(size=(12, 6))
    x *= (np.arange(1, 13) ** 0.2 / np.linalg.norm(x, axis=1))[:, None]
    net = torch.nn.Sequential(torch.nn.Embedding.from_pretrained(torch.tensor(x)))
    rows = [7, 2, 11, 0, 5, 9, 3, 1]
    return net, {row: "ab"[row % 2] for row in rows}


@pytest.mark.parametrize(
    "frequencies",
    [
        {row: row + 1.0 for row in range(12)},
        [row + 1.0 for row in range(12)],
        torch.arange(1.0, 13.0),
        [row + 1.0 for row in (7, 2, 11, 0, 5, 9, 3, 1)],
    ],
)
def test_frequencies_follow_the_rows_whatever_the_order_of_the_concepts(frequencies):
    """Version 0.1 (8afd2f2) sorted the rows but not the frequencies, and took no mapping."""
    net, labels = lengths_follow_rows()
    found = EmbeddingMonitor(net, "0", labels, frequencies, every=1).step()
    assert found.values["length_slope"] == pytest.approx(0.2, abs=1e-9)


def test_frequencies_that_could_be_read_two_ways_or_are_missing_are_refused():
    net, labels = lengths_follow_rows()
    every = {row: "ab"[row % 2] for row in [3, 1, 2, 0, *range(4, 12)]}
    with pytest.raises(InputError, match="give a mapping"):
        EmbeddingMonitor(net, "0", every, [1.0] * 12)
    with pytest.raises(InputError, match="none for row 7"):
        EmbeddingMonitor(net, "0", labels, {0: 1.0})


def test_a_validation_pass_between_steps_is_not_measured():
    """Version 0.1 (8afd2f2) measured the validation batch with the training batch's labels."""
    net = model()
    monitor = ActivationMonitor(net, "3", 3, every=1, budget=None)
    x, y = torch.randint(12, (8, 2)), torch.randint(3, (8,))
    net.train()
    caught = net[:4](x).detach()
    net.eval()
    net(torch.randint(12, (8, 2)))
    net.train()
    found = monitor.step(y)
    expected = measure(caught, y, resamples=0, shuffles=0)["spread"].value
    assert found.values["spread"] == pytest.approx(expected)
    net.eval()
    net(x)
    with pytest.raises(InputError, match="not called in training mode"):
        monitor.step(y)
    seeing = ActivationMonitor(net, "3", 3, every=1, evaluation=True)
    net(x)
    assert seeing.step(y) is not None


def test_labels_of_one_batch_are_never_put_on_two():
    net = model()
    monitor = ActivationMonitor(net, "3", 3, every=1, budget=None)
    x, y = torch.randint(12, (8, 2)), torch.randint(3, (8,))
    net(x)
    net(x)  # the same batch again, as gradient checkpointing does
    assert monitor.step(y) is not None
    net(x)
    net(11 - x)
    with pytest.raises(InputError, match="on 2 batches"):
        monitor.step(y)


def test_a_budget_that_skips_most_is_said_once(caplog):
    monitor = EmbeddingMonitor(model(), "0", [i % 3 for i in range(12)], every=1, budget=1e-6)
    for _ in range(20):
        monitor.step()
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    assert "most of them" in caplog.text and "19 left out" in str(monitor)
    caplog.clear()
    free = EmbeddingMonitor(model(), "0", [i % 3 for i in range(12)], every=1, budget=None)
    for _ in range(20):
        free.step()
    assert not caplog.records and "left out" not in str(free)
