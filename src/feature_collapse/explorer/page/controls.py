"""The widgets with which a choice is made. What they send is checked again when a `Choice` is made of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bokeh.models import Button, Checkbox, NumericInput, Select, Slider, Widget

from feature_collapse.boundary import clip
from feature_collapse.errors import InputError, check_choice
from feature_collapse.explorer.choice import CAPS, NORMALISERS, Choice
from feature_collapse.explorer.page.style import WIDGETS
from feature_collapse.explorer.presets import PRESETS

LISTS: dict[str, tuple[float, ...]] = {
    "n_spl": (1, 2, 3, 5, 8, 12, 20, 35, 50, 60, 100),
    "lambda_": (0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.05, 0.1, 0.2),
    "learning_rate": (0.03, 0.1, 0.3, 0.5, 1.0, 2.0),
}
SPEEDS = {"1 step a frame": 1, "2 steps": 2, "5 steps": 5, "10 steps": 10, "30 steps": 30, "100 steps": 100}
SLIDERS = {"exponent": 0.25, "n_c": 1, "L": 1, "K": 1, "decay_exponent": 0.25, "d": 1}
_LOOK: dict[str, Any] = {"stylesheets": [WIDGETS], "sizing_mode": "stretch_width"}


class Controls:
    """The widgets that hold a choice."""

    def __init__(self) -> None:
        """Make them, with the defaults."""
        self.sliders = {name: _slider(name, step) for name, step in SLIDERS.items()}
        self.s_c = Slider(title="words per concept", start=2, end=150, step=1, value=40, **_LOOK)
        self.lists = {
            name: Select(title=CAPS[name].label, options=[f"{v:g}" for v in values], **_LOOK)
            for name, values in LISTS.items()
        }
        self.normaliser = Select(title="normaliser", options=list(NORMALISERS), **_LOOK)
        self.lazy = Checkbox(label="lazy decay", stylesheets=[WIDGETS])
        self.seed = NumericInput(title="seed", mode="int", low=0, high=9999, **_LOOK)
        self.show(Choice())

    def show(self, choice: Choice) -> None:
        """Put the widgets where a choice has them."""
        for name, slider in self.sliders.items():
            slider.value = getattr(choice, name)
        self.s_c.value = choice.n_w // choice.n_c
        for name, select in self.lists.items():
            text = f"{getattr(choice, name):g}"
            if text not in select.options:
                select.options = sorted([*select.options, text], key=float)
            select.value = text
        self.normaliser.value, self.lazy.active, self.seed.value = choice.normaliser, choice.lazy, choice.seed

    def choice(self, held: Choice) -> Choice:
        """Return the choice that the widgets show; what has no widget is as it was held.

        Raises:
            InputError: a value that no widget of ours sends, or settings that do not go together.
        """
        changes: dict[str, Any] = {}
        for name, slider in self.sliders.items():
            changes[name] = _number(name, slider.value, held)
        for name, select in self.lists.items():
            shown = f"{getattr(held, name):g}"
            value = check_choice(name.rstrip("_"), select.value, select.options)
            if value != shown:
                changes[name] = int(value) if name == "n_spl" else float(value)
        s_c = self.s_c.value
        whole = isinstance(s_c, int) or (isinstance(s_c, float) and s_c.is_integer())
        if not whole or not 1 <= s_c <= 150:
            raise InputError(f"words per concept = {clip(s_c)}, but must be an integer from 1 to 150")
        changes |= {"n_w": int(s_c) * changes["n_c"], "normaliser": self.normaliser.value}
        return held.replace(**changes, lazy=bool(self.lazy.active), seed=self.seed.value, epoch=0, step=0)

    def widgets(self) -> list[Widget]:
        """Return the widgets in the order of the page."""
        first = [self.sliders["exponent"], self.lists["n_spl"], self.normaliser]
        rates = [self.lists["lambda_"], self.lists["learning_rate"]]
        sizes = [self.sliders["n_c"], self.s_c, self.sliders["L"], self.sliders["K"], self.sliders["d"]]
        return [*first, self.sliders["decay_exponent"], self.lazy, *rates, *sizes, self.seed]

    def on_change(self, changed: Callable[[], None]) -> None:
        """Call a function when a widget was changed by hand; a slider when it is let go."""

        def heard(attr: str, old: Any, new: Any) -> None:
            if old != new:
                changed()

        for slider in (*self.sliders.values(), self.s_c):
            slider.on_change("value_throttled", heard)
        for select in (*self.lists.values(), self.normaliser):
            select.on_change("value", heard)
        self.lazy.on_change("active", heard)
        self.seed.on_change("value", heard)


class Buttons:
    """The buttons of a run, and one for each preset."""

    def __init__(self) -> None:
        """Make them."""
        self.play = _button("Play", "success")
        self.step, self.restart = _button("Step"), _button("Restart")
        self.minimise = _button("Certified minimiser")
        self.presets = {name: _button(preset.title) for name, preset in PRESETS.items()}
        self.speed = Select(
            title="speed", options=list(SPEEDS), value="10 steps", width=120, stylesheets=[WIDGETS]
        )
        self.plane = Select(
            title="plane",
            options=[("theory", "the theory's"), ("pca", "principal components")],
            value="theory",
            width=150,
            stylesheets=[WIDGETS],
        )

    def named(self) -> dict[str, Button]:
        """Return all buttons by name."""
        own = {"play": self.play, "step": self.step, "restart": self.restart, "minimise": self.minimise}
        return {**own, **{f"preset-{name}": button for name, button in self.presets.items()}}


def _button(label: str, kind: str = "default") -> Button:
    return Button(label=label, button_type=kind, stylesheets=[WIDGETS])


def _slider(name: str, step: float) -> Slider:
    cap = CAPS[name]
    return Slider(title=cap.label, start=cap.low, end=cap.high, step=step, value=cap.low, **_LOOK)


def _number(name: str, value: Any, held: Choice) -> Any:
    """Return a slider's number as the choice has it: an integer where that is one."""
    if isinstance(getattr(held, name), int) and isinstance(value, float) and value.is_integer():
        return int(value)
    return float(value) if isinstance(value, int) and isinstance(getattr(held, name), float) else value
