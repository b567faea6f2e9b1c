"""One session: a run that is shown, what was pressed, what is proved beside it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from typing import Any

from bokeh.document import Document
from bokeh.models import Div, Range1d, TextInput

from feature_collapse.errors import InputError, RunStopped, check_choice
from feature_collapse.explorer.beside import Exact, Minimiser, Outlines, exact, in_plane, minimise, outlines
from feature_collapse.explorer.choice import Choice
from feature_collapse.explorer.measurement import epoch_of, measure_state, picture_of
from feature_collapse.explorer.page import readout
from feature_collapse.explorer.page.controls import SPEEDS, Buttons, Controls
from feature_collapse.explorer.page.errands import Errands
from feature_collapse.explorer.page.house import House
from feature_collapse.explorer.page.map_picture import MapPicture
from feature_collapse.explorer.page.own_page import OwnPage
from feature_collapse.explorer.page.pictures import Pictures
from feature_collapse.explorer.page.shown import LAST, begun, first
from feature_collapse.explorer.page.style import TABLES, WIDGETS
from feature_collapse.explorer.plane import PLANES
from feature_collapse.explorer.presets import CHOICES, PRESETS, name_of

PERIOD = 40  # milliseconds between two frames
AHEAD = 2  # frames that may be on their way to the browser
FAST = 1000, 3.0  # steps of a frame, and shares of time, on the way to the epoch that an address names
REST = 4.0  # a measurement is made after so many times its own duration


class Session:
    """The run of one browser tab."""

    def __init__(self, document: Document, house: House, arguments: Mapping[str, Sequence[str]]) -> None:
        """Fill a document; the first picture is that of the address, or of figure 3 where it is wrong.

        Args:
            document: of the session.
            house: what all sessions share.
            arguments: of the address.
        """
        self.document, self.house = document, house
        self.errands = Errands(document, house, self.say)
        self.pictures, self.map, self.own = Pictures(), MapPicture(), OwnPage(self.errands, self.say)
        self.controls, self.buttons = Controls(), Buttons()
        self.words = {name: _words() for name in ("verdict", "beside", "numbers", "look", "message")}
        self.sent, self.seen = Range1d(start=0, end=0), Range1d(start=0, end=0)
        self.address, self.pressed = TextInput(), TextInput()
        self.plane, self.playing, self._due, self._quiet = "theory", False, 0.0, False
        self._ticking: Any = None
        self.now, wrong = first(arguments, self.plane)
        self.say(wrong)
        self._begin()
        self._listen()
        if self.now.fast:
            self.play()

    # the run

    def restart(self, choice: Choice | None = None) -> None:
        """Begin anew, with another choice where one is given; the run goes on playing if it did.

        A choice that cannot be run leaves the page as it is, with one sentence.
        """
        try:
            now = begun(self.now.choice if choice is None else choice, self.plane)
        except InputError as error:
            self._show_controls(self.now.choice)
            self.say(str(error))
            return
        self.now = now
        self.say("")
        self._begin()

    def _begin(self) -> None:
        """Draw the start of a run, and ask for what stands beside it."""
        now, task = self.now, self.now.training.experiment.task
        self.pictures.begin(task)
        self.map.show(now.choice)
        self._show_controls(now.choice)
        name = name_of(now.choice)
        for other, button in self.buttons.presets.items():
            button.button_type = "primary" if other == name else "default"
        self.words["look"].text = "" if name is None else f"<p>{escape(PRESETS[name].look)}</p>"
        self._show()
        self._show_measurement()
        self.words["beside"].text = ""
        training = now.training
        self.errands.send(
            "theory",
            lambda: (outlines(training), exact(training)),
            self._stand_beside,
            lambda: training is self.now.training,
        )

    def play(self) -> None:
        """Go on by itself, or stop doing so."""
        self.playing = not self.playing
        self.buttons.play.label = "Pause" if self.playing else "Play"
        self.house.playing += 1 if self.playing else -1
        if self.playing:
            if self.now.done >= self.now.goal:
                self.now = replace(self.now, goal=LAST * self.now.training.steps_per_epoch)
            self._ticking = self.document.add_periodic_callback(self.tick, PERIOD)
        else:
            self.document.remove_periodic_callback(self._ticking)
            self._measure()

    def tick(self) -> None:
        """Draw the next frame, unless the browser is still busy with the last ones."""
        if self.sent.end - self.seen.end >= AHEAD:
            return
        now = self.now
        steps, shares = FAST if now.fast else (self._speed(), 1.0)
        self._advance(min(steps, now.goal - now.done), shares * self.house.share())
        if self.playing and self.now.done >= self.now.goal:
            self.now = replace(self.now, fast=False)
            self.play()
        elif self.playing and time.monotonic() > self._due:
            self._measure()

    def step(self) -> None:
        """Do the number of steps that speed says, once."""
        if self.playing:
            self.play()
        self._advance(min(self._speed(), LAST * self.now.training.steps_per_epoch - self.now.done), 1.0)
        self._measure()

    def _speed(self) -> int:
        return SPEEDS.get(str(self.buttons.speed.value), 1)

    def _advance(self, steps: int, seconds: float) -> None:
        now = self.now
        if steps <= 0:
            return
        try:
            state = now.training.advance(now.state, steps, seconds)
        except RunStopped as error:
            if self.playing:
                self.play()
            self.say(str(error))
            return
        epoch = epoch_of(now.training, state)
        found = picture_of(now.training, now.training.weights(state), epoch, self.plane)
        self.now = replace(now, state=state, picture=found)
        self._show()

    def _measure(self) -> None:
        """Measure the present state, and say when to do so next."""
        now, began = self.now, time.monotonic()
        if now.measurement.picture.epoch != now.picture.epoch or not self.playing:
            found = measure_state(now.training, now.state, self.plane)
            self.now = replace(now, measurement=found)
        self._show_measurement()
        ended = time.monotonic()
        self._due = ended + REST * max(1, self.house.playing) * (ended - began)

    # what is shown

    def _show(self) -> None:
        self.pictures.show(self.now.picture)
        self.sent.end += 1

    def _show_measurement(self) -> None:
        now = self.now
        self.pictures.trace(now.measurement)
        self.words["verdict"].text = readout.verdict(now.measurement, now.picture)
        self.words["numbers"].text = readout.numbers(now.choice, now.measurement, now.outlines, now.best)
        if not self.playing:
            self.address.value = now.choice.replace(epoch=now.state.epoch, step=now.state.step).query()

    def _show_controls(self, choice: Choice) -> None:
        self._quiet = True
        self.controls.show(choice)
        self._quiet = False

    def say(self, sentence: str) -> None:
        """Show one sentence, or none."""
        self.words["message"].text = f"<p>{escape(sentence)}</p>" if sentence else ""
        self.words["message"].visible = bool(sentence)

    # what stands beside

    def minimise(self) -> None:
        """Find the certified minimiser, and draw it over the run."""
        choice, training = self.now.choice, self.now.training

        def still() -> bool:
            return training is self.now.training

        if not self.errands.busy("minimiser"):
            check = self.errands.while_wanted(still)
            self.errands.send("minimiser", lambda: minimise(choice, callback=check), self._overlay, still)

    def _overlay(self, best: Minimiser) -> None:
        """Draw the minimiser in the plane that is shown now, whichever was when it was asked for."""
        best = in_plane(best, self.now.training, self.plane)
        self.now = replace(self.now, best=best)
        self.pictures.overlay(best.measurement, self.now.training.experiment.task)
        self._show_beside()

    def _stand_beside(self, found: tuple[Outlines, Exact | None]) -> None:
        self.now = replace(self.now, outlines=found[0], exact=found[1])
        self._show_outlines()
        self._show_beside()

    def _show_outlines(self) -> None:
        """Draw the theory where the plane is its own; with three concepts the components are it too."""
        now, task = self.now, self.now.training.experiment.task
        if now.outlines is not None and (self.plane == "theory" or task.n_c <= 3):
            self.pictures.outline(now.outlines, now.exact, task)

    def _show_beside(self) -> None:
        now = self.now
        self.words["beside"].text = readout.beside(now.outlines, now.exact, now.best)
        self.words["numbers"].text = readout.numbers(now.choice, now.measurement, now.outlines, now.best)

    def change_plane(self) -> None:
        """Draw in the other plane."""
        self.plane = check_choice("plane", self.buttons.plane.value, PLANES)
        now = self.now
        weights = now.training.weights(now.state)
        self.now = replace(now, picture=picture_of(now.training, weights, now.picture.epoch, self.plane))
        for cloud in (self.pictures.words, self.pictures.linear):
            cloud.clear()
        self._show()
        self._show_outlines()
        if now.best is not None:
            self._overlay(now.best)

    # what is heard

    def _listen(self) -> None:
        buttons = self.buttons
        buttons.play.on_click(self.play)
        buttons.step.on_click(self.step)
        buttons.restart.on_click(lambda: self.restart())
        buttons.minimise.on_click(self.minimise)
        for name, button in buttons.presets.items():
            button.on_click(lambda name=name: self.restart(CHOICES[name]))
        buttons.plane.on_change("value", lambda attr, old, new: self.change_plane())
        self.controls.on_change(self._changed)
        self.pressed.on_change("value", lambda attr, old, new: self._key(str(new)))

    def _changed(self) -> None:
        if self._quiet:
            return
        try:
            choice = self.controls.choice(self.now.choice)
        except InputError as error:
            self._show_controls(self.now.choice)
            self.say(str(error))
            return
        self.restart(choice)

    def _key(self, text: str) -> None:
        """Do what a key says; the number after it only makes two presses differ."""
        key = text.partition(":")[0]
        if key in "12345" and key:
            self.restart(list(CHOICES.values())[int(key) - 1])
        elif key in (known := {" ": self.play, "s": self.step, "r": self.restart, "m": self.minimise}):
            known[key]()

    def close(self) -> None:
        """Stop: the tab is gone."""
        self.errands.closed = True
        if self.playing:
            self.playing = False
            self.house.playing -= 1
        self.house.leave()


def _words() -> Div:
    return Div(sizing_mode="stretch_width", stylesheets=[WIDGETS, TABLES])
