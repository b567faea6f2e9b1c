"""What a monitor hands on: its history as CSV, as a table and as a picture, and its place in trainers."""

import numpy as np
import pytest
import torch

from feature_collapse.errors import InputError
from feature_collapse.metrics.monitor import ActivationMonitor, EmbeddingMonitor, MonitorCallback
from metrics.monitored import model


def test_history_is_written_as_csv(tmp_path):
    monitor = EmbeddingMonitor(model(), "0", [i % 3 for i in range(12)], every=1, budget=None)
    monitor.step()
    monitor.step()
    monitor.to_csv(tmp_path / "h.csv")
    lines = (tmp_path / "h.csv").read_text().splitlines()
    assert len(lines) == 3 and lines[0].startswith("step,outcome,verdict,seconds,")


def test_history_is_a_data_frame():
    pytest.importorskip("polars")
    monitor = EmbeddingMonitor(model(), "0", [i % 3 for i in range(12)], every=1, budget=None)
    monitor.step()
    monitor.step()
    frame = monitor.to_dataframe()
    assert frame["step"].to_list() == [1, 2]
    assert frame["spread"].to_list() == list(monitor.series("spread")[1])


def test_callback_steps_monitors_in_both_kinds_of_trainer():
    net = model()
    embedding = EmbeddingMonitor(net, "0", [i % 3 for i in range(12)], every=1, budget=None)
    hidden = ActivationMonitor(net, "3", 3, every=1, budget=None)
    callback = MonitorCallback(embedding, hidden, labels=lambda batch: batch[1])
    batch = torch.randint(12, (8, 2)), torch.randint(3, (8,))
    callback.on_train_begin("args", "state", "control", model=net)
    net(batch[0])
    callback.on_train_batch_end("trainer", net, {}, batch, 0)
    assert len(embedding.history) == len(hidden.history) == 1
    assert MonitorCallback(embedding).on_step_end("args", "state", "control", model=net) == "control"
    assert len(embedding.history) == 2
    with pytest.raises(InputError, match="labels is missing"):
        MonitorCallback(hidden)
    with pytest.raises(InputError, match="does not hand its batches on"):
        callback.on_step_end("args", "state", "control")
    with pytest.raises(AttributeError):
        _ = callback.something_else


def test_history_is_drawn():
    from matplotlib.figure import Figure

    from feature_collapse.figures.measured import history

    monitor = EmbeddingMonitor(model(), "0", [i % 3 for i in range(12)], every=1, budget=None)
    monitor.step()
    monitor.step()
    ax = Figure().subplots()
    history(ax, monitor, ("spread",))
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), monitor.series("spread")[1])
