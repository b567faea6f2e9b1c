"""What a browser sends reaches a session only as the value of a widget or the press of a button of ours."""

import pytest

pytest.importorskip("bokeh", reason="needs the extra explore")

from bokeh.document import Document

from feature_collapse.explorer.page.document import fill, gate_of
from feature_collapse.explorer.page.house import House


@pytest.fixture
def opened():
    document = Document()
    return document, fill(document, House(), {})


def changed(model, attr, new):
    return {"kind": "ModelChanged", "model": {"id": model.id}, "attr": attr, "new": new}


def press(model, name="button_click"):
    values = {"type": "map", "entries": [["model", {"id": model.id}]]}
    data = {"type": "event", "name": name, "values": values}
    return {"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": data}


def test_a_widget_moves_the_run_and_a_press_steps_it(opened):
    document, session = opened
    document.apply_json_patch({"events": [changed(session.controls.sliders["exponent"], "value", 1.5)]})
    document.apply_json_patch(
        {"events": [changed(session.controls.sliders["exponent"], "value_throttled", 1.5)]}
    )
    assert session.now.choice.exponent == 1.5
    document.apply_json_patch({"events": [press(session.buttons.step)]})
    assert session.now.state.epoch == 1


def hostile(session):
    slider, words = session.controls.sliders["K"], session.words["message"]
    return {
        "a title": changed(slider, "title", "x"),
        "a larger end": changed(slider, "end", 10**9),
        "text of ours": changed(words, "text", "<script>"),
        "a model in a value": changed(slider, "value", {"type": "object", "name": "Div", "id": "new"}),
        "a list of models": changed(session.controls.seed, "value", [{"type": "object", "name": "Div"}]),
        "a long text": changed(session.buttons.speed, "value", "x" * 10_000),
        "columns": changed(session.pictures.words.points, "data", {"type": "map", "entries": [["x", [1]]]}),
        "a root": {"kind": "RootAdded", "model": {"type": "object", "name": "Div", "id": "new"}},
        "a root less": {"kind": "RootRemoved", "model": {"id": words.id}},
        "a new title": {"kind": "TitleChanged", "title": "x"},
        "a stream": {"kind": "ColumnsStreamed", "model": {"id": session.pictures.history.id}, "data": {}},
        "another event": press(session.buttons.play, "anything"),
        "a press of what is no button": press(words),
        "no event": 7,
        "no id": {"kind": "ModelChanged", "model": 3, "attr": "value", "new": 1},
        "a number for a name": {
            "kind": "ModelChanged",
            "model": {"id": slider.id},
            "attr": ["value"],
            "new": 1,
        },
        "a message": {"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": "x"},
    }


NAMES = list(hostile(fill(Document(), House(), {})))


@pytest.mark.parametrize("name", NAMES)
def test_everything_else_is_dropped(opened, name):
    document, session = opened
    before = document.to_json(deferred=False)["roots"]
    document.apply_json_patch({"events": [hostile(session)[name]]})
    assert document.to_json(deferred=False)["roots"] == before
    assert session.now.state.epoch == 0


@pytest.mark.parametrize("patch", [None, [], {}, {"events": None}, {"events": {}}])
def test_a_patch_that_is_none_is_dropped(opened, patch):
    opened[0].apply_json_patch(patch)


def test_a_document_is_not_replaced(opened):
    document, session = opened
    document.replace_with_json({"roots": [], "title": "x", "version": "3"})
    assert session.buttons.play in document.roots


def test_a_value_beyond_a_cap_is_one_sentence_and_changes_nothing(opened):
    document, session = opened
    held = session.now
    document.apply_json_patch({"events": [changed(session.controls.sliders["K"], "value", 10**6)]})
    document.apply_json_patch({"events": [changed(session.controls.sliders["K"], "value_throttled", 10**6)]})
    assert session.now is held
    assert "K = 1000000, but must be an integer from 2 to 100" in session.words["message"].text


def test_what_comes_after_the_first_events_of_a_patch_is_dropped(opened):
    document, session = opened
    document.apply_json_patch({"events": [press(session.buttons.step)] * 10_000})
    steps = session.now.done
    document.apply_json_patch({"events": [press(session.buttons.step)]})
    assert steps == 8 * (session.now.done - steps)


@pytest.mark.parametrize("new", [None, True, "x", [1], float("nan"), float("inf"), 10**400, "\ud800"])
def test_a_value_of_another_type_is_dropped_or_one_sentence_and_never_a_traceback(opened, new):
    document, session = opened
    held = session.now.choice
    widgets = (session.controls.sliders["K"], session.controls.s_c, session.controls.seed)
    others = (session.buttons.plane, session.own.view, session.seen, session.pressed, session.controls.lazy)
    for model in (*widgets, *others, *session.controls.lists.values()):
        for attr in gate_of(session).settable[model.id]:
            document.apply_json_patch({"events": [changed(model, attr, new)]})
    assert session.now.choice.replace(lazy=False) == held
    assert session.words["message"].text.count("<p>") <= 1
    session.tick()


def test_a_file_that_is_too_large_takes_the_place_of_the_one_before(opened):
    document, session = opened
    table = session.own.table
    file = [changed(table, "filename", "small.npy"), changed(table, "value", "AAAA")]
    document.apply_json_patch({"events": file})
    assert table.value == "AAAA"
    large = [changed(table, "filename", "large.npy"), changed(table, "value", "A" * (6 << 20))]
    document.apply_json_patch({"events": large})
    document.apply_json_patch({"events": [press(session.own.measure)]})
    assert "large.npy is empty or over 4 MB" in session.words["message"].text
