"""What a session shows: one immutable value, replaced as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from feature_collapse.errors import InputError
from feature_collapse.explorer.beside import Exact, Minimiser, Outlines
from feature_collapse.explorer.choice import CAPS, Choice
from feature_collapse.explorer.live import State, Training
from feature_collapse.explorer.measurement import Measurement, Picture, measure_state
from feature_collapse.explorer.presets import CHOICES, PRESETS, name_of

LAST = int(CAPS["epoch"].high)


@dataclass(frozen=True, eq=False)
class Shown:
    """What a session shows; replaced as a whole.

    Attributes:
        choice: the settings.
        training, state: the run and where it is.
        picture: of the state.
        measurement: the last one; not always of this state while the run plays.
        goal: the steps after which it pauses.
        fast: whether it is on the way to a step that the address names.
        outlines, exact, best: what stands beside it, once it is known.
    """

    choice: Choice
    training: Training
    state: State
    picture: Picture
    measurement: Measurement
    goal: int
    fast: bool = False
    outlines: Outlines | None = None
    exact: Exact | None = None
    best: Minimiser | None = None

    @property
    def done(self) -> int:
        """Steps that are behind."""
        return self.state.epoch * self.training.steps_per_epoch + self.state.step


def first(arguments: Mapping[str, Sequence[str]], plane: str) -> tuple[Shown, str]:
    """Return what an address shows, or figure 3 and a sentence where it is wrong or cannot be run."""
    try:
        return begun(Choice.from_query(arguments, CHOICES), plane), ""
    except InputError as error:
        return begun(Choice(), plane), str(error)


def begun(choice: Choice, plane: str) -> Shown:
    """Return what is shown at the start of a choice's run.

    Raises:
        InputError: a choice that cannot be run.
    """
    training = Training.of(choice)
    state = training.start()
    found = measure_state(training, state, plane)
    name, per_epoch = name_of(choice), training.steps_per_epoch
    named = min(choice.epoch * per_epoch + choice.step, LAST * per_epoch)
    goal = named or per_epoch * (LAST if name is None else PRESETS[name].epochs)
    rest = choice.replace(epoch=0, step=0)
    return Shown(rest, training, state, found.picture, found, goal, named > 0)
