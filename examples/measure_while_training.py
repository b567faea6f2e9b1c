"""Watch feature collapse in two training loops: a plain one, and a `transformers`-style language model's.

The task is the paper's in small: words fall into three concepts, a class is a sequence of concepts, and a
sentence of the class puts a word in each place. Words of one concept play the same role; the monitor shows
their vectors becoming one direction. The second model is built from a configuration with random weights,
nothing is downloaded: GPT-2 of the library `transformers` where it is installed, otherwise a small module
with the same attribute names.

    python examples/measure_while_training.py
"""

from __future__ import annotations

import importlib.util

import torch

from feature_collapse.metrics.monitor import ActivationMonitor, EmbeddingMonitor, Monitor

N_C, S_C, LENGTH, CLASSES, D = 3, 10, 6, 20, 16
WORDS = N_C * S_C


def batch(latents: torch.Tensor, size: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Sentences (size, LENGTH) of word indices and their classes (size,); words follow Zipf's law."""
    law = 1 / torch.arange(1, S_C + 1)
    y = torch.randint(CLASSES, (size,), generator=generator)
    word = torch.multinomial(law, size * LENGTH, replacement=True, generator=generator).reshape(size, LENGTH)
    return latents[y] * S_C + word, y


def show(title: str, monitor: Monitor) -> None:
    """Print the history."""
    print(title)
    for record in monitor.history:
        v = record.values
        slope = f", slope of length {v['length_slope']:+.3f}" if "length_slope" in v else ""
        print(
            f"  step {record.step:4d}: spread of direction {v['direction_spread']:.3f}{slope}, "
            f"nc1 {v['nc1']:.3f}, verdict {record.verdict}"
        )
    print(f"  monitor's share of the time: {100 * monitor.overhead:.1f}%")


def plain_loop() -> Monitor:
    """An embedding and a linear layer, trained by hand-written SGD steps."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    latents = torch.randint(N_C, (CLASSES, LENGTH), generator=generator)
    model = torch.nn.Sequential(
        torch.nn.Embedding(WORDS, D), torch.nn.Flatten(), torch.nn.Linear(LENGTH * D, CLASSES, bias=False)
    )
    with torch.no_grad():
        for p in model.parameters():
            p /= 100
    optimiser = torch.optim.SGD(model.parameters(), lr=0.5, weight_decay=1e-3)
    concepts = [f"concept {i // S_C}" for i in range(WORDS)]
    frequencies = [1 / (1 + i % S_C) for i in range(WORDS)]
    monitor = EmbeddingMonitor(model, "0", concepts, frequencies=frequencies, every=100, budget=None)
    for _ in range(500):
        x, y = batch(latents, 64, generator)
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimiser.step()
        monitor.step()
    return monitor


class SmallModel(torch.nn.Module):
    """What this example needs of GPT-2, with its names: transformer.wte, transformer.ln_f, lm_head."""

    def __init__(self, vocabulary: int, width: int) -> None:
        """Build the layers."""
        super().__init__()
        self.transformer = torch.nn.ModuleDict(
            {
                "wte": torch.nn.Embedding(vocabulary, width),
                "h": torch.nn.TransformerEncoderLayer(width, 2, 4 * width, dropout=0.0, batch_first=True),
                "ln_f": torch.nn.LayerNorm(width),
            }
        )
        self.lm_head = torch.nn.Linear(width, vocabulary, bias=False)
        torch.nn.init.normal_(self.transformer["wte"].weight, std=0.02)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Logits (n, length, vocabulary) of the next word at each place."""
        mask = torch.nn.Transformer.generate_square_subsequent_mask(input_ids.shape[1])
        hidden = self.transformer["h"](self.transformer["wte"](input_ids), src_mask=mask, is_causal=True)
        return self.lm_head(self.transformer["ln_f"](hidden))


def language_model() -> tuple[torch.nn.Module, str]:
    """A causal language model from a configuration: the library's if it is there, else ours."""
    if importlib.util.find_spec("transformers") is None:
        return SmallModel(WORDS + 1, 32), "a transformers-style module"
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=WORDS + 1,
        n_positions=LENGTH + 1,
        n_embd=32,
        n_layer=1,
        n_head=2,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=WORDS,
        eos_token_id=WORDS,
    )
    return GPT2LMHeadModel(config), "GPT-2 of transformers, from a configuration"


def transformers_loop() -> tuple[Monitor, Monitor, str]:
    """Next-word training; the token embedding and the last hidden state are both watched, by name."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    latents = torch.randint(N_C, (CLASSES, LENGTH), generator=generator)
    model, name = language_model()
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    labels = {i: f"concept {i // S_C}" for i in range(WORDS)}  # the start token has none
    embedding = EmbeddingMonitor(model, "transformer.wte", labels, every=50, budget=None)
    hidden = ActivationMonitor(model, "transformer.ln_f", N_C, every=50, window=2, budget=None)
    for _ in range(200):
        words, _ = batch(latents, 64, generator)
        ids = torch.cat([torch.full((64, 1), WORDS), words], dim=1)
        out = model(ids)
        logits = getattr(out, "logits", out)
        loss = torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, WORDS + 1), words.reshape(-1))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        embedding.step()
        following = torch.cat([words // S_C, torch.full((64, 1), -1)], dim=1)  # the concept to be predicted
        hidden.step(following)
    hidden.close()
    return embedding, hidden, name


if __name__ == "__main__":
    show("plain loop, word embedding:", plain_loop())
    embedding, hidden, name = transformers_loop()
    show(f"{name}, transformer.wte:", embedding)
    show(f"{name}, output of transformer.ln_f:", hidden)
