"""A session: its numbers are the command line's, its sentences are escaped, its state is in the address."""

import json
import re
import shlex

import pytest

pytest.importorskip("bokeh", reason="needs the extra explore")

from html import unescape

from bokeh.document import Document

from feature_collapse.explorer.page.document import fill
from feature_collapse.explorer.page.house import House
from feature_collapse.explorer.presets import PRESETS

SMALL = {"n_w": ["30"], "K": ["20"], "L": ["4"], "d": ["12"]}


def opened(house=None, **arguments):
    return fill(Document(), house or House(), {**SMALL, **arguments})


def finish(session):
    """Do what the document would do next: the answers of longer work."""
    import time

    for _ in range(600):
        callbacks = session.document.session_callbacks
        waiting = [c for c in callbacks if type(c).__name__ == "NextTickCallback"]
        for callback in waiting:
            session.document.remove_next_tick_callback(callback)
            callback.callback()
        if waiting:
            return
        time.sleep(0.05)
    raise AssertionError("no answer came")


def numbers(session):
    """Return the page's table, by row the run's, the minimiser's and the theory's value, and the commands."""
    text = session.words["numbers"].text
    rows = {}
    for name, cells in re.findall(r"<tr><th scope='row'>(.*?)</th>(.*?)</tr>", text):
        rows[name] = [float(x) if x else None for x in re.findall(r"<td>(.*?)</td>", cells)]
    return rows, [unescape(line) for line in re.findall(r"<code>(.*?)</code>", text)]


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"exponent": ["1.0"]},
        {"exponent": ["1.0"], "normaliser": ["layernorm"], "lambda": ["0.05"], "learning_rate": ["0.1"]},
        {"exponent": ["1.0"], "decay_exponent": ["1.0"]},
        {"exponent": ["1.0"], "lazy": ["1"], "learning_rate": ["0.1"]},
        {"exponent": ["2.5"], "n_c": ["5"], "lambda": ["0.001"], "seed": ["7"]},
    ],
    ids=["uniform words", "long tail", "layernorm", "fair decay", "lazy decay", "five concepts"],
)
def test_the_numbers_are_those_of_the_command_line(arguments, command_line):
    session = opened(**arguments)
    finish(session)  # theory
    for _ in range(3):
        session.step()
    session.minimise()
    finish(session)
    rows, (train, solve) = numbers(session)
    code, out, error = command_line(*shlex.split(train)[1:], "--json")
    assert code == 0, error
    summary = json.loads(out)
    same = ("risk", "train_ce", "penalty", "train_accuracy", "test_accuracy", "norm_W_mean", "norm_W_std")
    for name in same:
        assert rows[name][0] == pytest.approx(summary[name], rel=1e-6, abs=1e-9), name
    predicted = summary["prediction"]
    for name in ("risk", "train_ce", "norm_W_mean") if predicted["risk"] is not None else ():
        assert rows[name][2] == pytest.approx(predicted[name], rel=1e-6), name
    folder = shlex.split(train)[-1]
    code, out, error = command_line("certify", folder, "--json")
    assert code == 0, error
    (bound,) = json.loads(out).values()
    for name in ("risk", "lower_bound", "relative_gap"):
        assert rows[name][0] == pytest.approx(bound[name], rel=1e-6, abs=1e-9), name
    code, out, error = command_line("check", folder, "--json")
    fits = json.loads(out)["fits"]
    for kind, fit in fits.items():
        assert rows[f"residual_{kind}"][0] == pytest.approx(fit["residual"], rel=1e-6), kind
    code, out, error = command_line(*shlex.split(solve)[1:], "--json")
    assert code == 0, error
    least = json.loads(out)
    for name in ("risk", "lower_bound", "train_ce", "test_accuracy", "norm_W_mean"):
        assert rows[name][1] == pytest.approx(least[name], rel=1e-6, abs=1e-9), name


def test_the_bound_is_below_the_risk_and_the_minimiser_between():
    session = opened(exponent=["1.0"])
    finish(session)
    session.minimise()
    finish(session)
    for _ in range(5):
        session.step()
        rows, _ = numbers(session)
        assert rows["lower_bound"][0] <= rows["risk"][1] + 1e-9 <= rows["risk"][0] * (1 + 1e-2)
        assert rows["relative_gap"][0] >= 0


def test_the_address_leads_to_the_same_weights():
    first = opened(seed=["4"])
    for _ in range(7):
        first.step()
    from urllib.parse import parse_qs

    second = fill(Document(), House(), parse_qs(first.address.value))
    assert second.playing
    while second.playing:
        second.seen.end = second.sent.end
        second.tick()
    assert second.address.value == first.address.value
    assert (second.now.state.W == first.now.state.W).all()


def test_a_wrong_address_is_one_escaped_sentence_and_figure_three():
    session = fill(Document(), House(), {"normaliser": ["<img src=x onerror=alert(1)>"]})
    text = session.words["message"].text
    assert "&lt;img" in text and "<img" not in text
    assert session.now.choice == PRESETS["3"].choice


@pytest.mark.parametrize(
    "query", [{"lazy": ["1"], "lambda": ["0.1"]}, {"decay_exponent": ["2"], "exponent": ["2.5"]}]
)
def test_an_address_that_cannot_be_run_is_one_sentence_and_holds_no_place_twice(query):
    house = House(most=1)
    session = fill(Document(), house, query)
    assert "must be ≤ 1" in session.words["message"].text
    assert session.now.choice == PRESETS["3"].choice
    session.close()
    assert house.open == 0


def test_a_session_that_fails_leaves_its_place(monkeypatch):
    import feature_collapse.explorer.page.session as module

    monkeypatch.setattr(module, "Pictures", lambda: 1 / 0)
    house = House(most=1)
    with pytest.raises(ZeroDivisionError):
        fill(Document(), house, {})
    assert house.open == 0


def test_a_frame_waits_for_a_browser_that_is_busy():
    session = opened()
    session.play()
    for _ in range(10):
        session.tick()
    assert session.sent.end - session.seen.end <= 2
    held = session.now.state
    session.tick()
    assert session.now.state is held
    session.seen.end = session.sent.end
    session.tick()
    assert session.now.state is not held


def test_a_preset_pauses_where_it_has_come_to_rest_and_goes_on_when_asked():
    session = fill(Document(), House(), {"preset": ["4c"]})
    session.buttons.speed.value = "100 steps"
    session.play()
    while session.playing:
        session.seen.end = session.sent.end
        session.tick()
    assert session.now.state.epoch == PRESETS["4c"].epochs
    session.play()
    session.seen.end = session.sent.end
    session.tick()
    assert session.playing and session.now.state.epoch >= PRESETS["4c"].epochs


def test_sessions_are_separate():
    house = House()
    first, second = opened(house), opened(house)
    first.step()
    assert (first.now.state.epoch, second.now.state.epoch) == (20 * 5 // 100 * 5, 0)
    assert not {m.id for m in first.document.models} & {m.id for m in second.document.models}


def test_tabs_on_their_way_to_an_epoch_share_the_time_too(monkeypatch):
    house, seconds = House(), []
    sessions = [opened(house, epoch=["5000"]) for _ in range(4)]
    monkeypatch.setattr(type(sessions[0].now.training), "advance", lambda *a: seconds.append(a[3]) or a[1])
    for session in sessions:
        session.tick()
    assert sum(seconds) <= 0.1


def test_the_minimiser_is_found_for_the_run_that_is_shown(monkeypatch):
    import threading

    import feature_collapse.explorer.page.session as module

    held, ended, minimise = threading.Event(), [], module.minimise

    def slow(choice, callback):
        held.wait(30)
        try:
            callback(None)
        except BaseException as error:
            ended.append(type(error).__name__)
            raise
        return minimise(choice, callback=callback)

    monkeypatch.setattr(module, "minimise", slow)
    session = opened()
    finish(session)
    session.minimise()
    session.restart(session.now.choice.replace(seed=5))
    assert not session.errands.busy("minimiser")
    session.minimise()  # the first one is no longer wanted, and does not stand in its way
    held.set()
    while session.now.best is None:
        finish(session)
    assert ended == ["CancelledError"]
    assert number_of(session, "risk", 1) == session.now.best.measurement.bound.risk


def number_of(session, name, column):
    return pytest.approx(numbers(session)[0][name][column], rel=1e-9)


def test_the_minimiser_is_drawn_in_the_plane_that_is_shown():
    session = opened(exponent=["1.0"], n_c=["5"])
    finish(session)
    session.minimise()
    session.buttons.plane.value = "pca"  # while it is sought
    finish(session)
    while session.now.best is None:
        finish(session)
    first = session.now.best.measurement.picture.points.words
    session.buttons.plane.value = "theory"
    other = session.now.best.measurement.picture.points.words
    assert abs(first - other).max() > 1e-3
    for words in (first, other):
        session.buttons.plane.value = "pca" if words is first else "theory"
        drawn = session.pictures.words.best.data
        assert (drawn["x"] == session.now.best.measurement.picture.points.words[:, 0]).all()
        assert (drawn["x"] == words[:, 0]).all()


def test_the_pointer_names_a_few_words_where_many_lie_on_each_other():
    session = opened()
    for figure in (session.pictures.words.figure, session.own.cloud):
        (hover,) = figure.tools
        assert hover.limit == 5


def test_no_name_of_a_curve_lies_over_a_curve():
    session = opened()
    pictures = session.pictures
    for figure in (pictures.accuracy, pictures.risk, pictures.lengths, session.own.angles):
        (legend,) = figure.legend
        assert legend in figure.above and legend not in figure.center


def test_there_is_room_for_so_many_and_a_tab_that_goes_makes_room():
    house = House(most=2)
    first, second = opened(house), opened(house)
    first.play()
    document = Document()
    assert fill(document, house, {}) is None
    assert "close one" in document.template_variables["sentence"]
    first.close()
    assert house.playing == 0
    assert opened(house) is not None
    assert second.house.open == 2


def test_longer_work_beyond_what_may_wait_is_one_sentence():
    house = House()
    house._waiting = 12
    session = opened(house)
    assert "try again" in session.words["message"].text


def test_keys_do_what_buttons_do():
    session = opened()
    session.pressed.value = "s:1"
    assert session.now.state.epoch > 0
    session.pressed.value = " :2"
    assert session.playing
    session.pressed.value = "3:3"
    assert session.now.choice == PRESETS["4b"].choice
    session.pressed.value = "zz:4"
    session.pressed.value = ""
