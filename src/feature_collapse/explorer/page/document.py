"""A session's document: its parts by name, the template that places them, and what the browser may send."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bokeh.document import Document
from bokeh.models import CustomJS, Div, UIElement
from jinja2 import Environment, PackageLoader, StrictUndefined

from feature_collapse import __version__
from feature_collapse.errors import InputError
from feature_collapse.explorer.page.gate import Gate
from feature_collapse.explorer.page.house import House
from feature_collapse.explorer.page.own_page import LONGEST_UPLOAD
from feature_collapse.explorer.page.session import Session
from feature_collapse.explorer.presets import PRESETS
from feature_collapse.figures.style import COLOURS, LIGHT

TITLE = "Feature collapse: the explorer"
TEXT = 200  # characters of a value
_ENVIRONMENT = Environment(
    loader=PackageLoader("feature_collapse.explorer.page"), undefined=StrictUndefined, autoescape=False
)
# what the browser does by itself: acknowledge a frame, keep the address, hear keys
_READY = """
sent.properties.end.change.connect(() => {
  requestAnimationFrame(() => { seen.end = sent.end })
})
requestAnimationFrame(() => { seen.end = sent.end })
const keep = () => {
  const query = address.value ? "?" + address.value : location.pathname
  history.replaceState(null, "", query)
}
address.properties.value.change.connect(keep)
keep()
const label = (root) => {  // bokeh gives sliders and boxes no name that is read aloud
  for (const host of root.querySelectorAll("*")) {
    const inside = host.shadowRoot
    if (!inside) continue
    const title = inside.querySelector(".bk-slider-title"), box = inside.querySelector("input[type=checkbox]")
    for (const handle of inside.querySelectorAll(".noUi-handle")) {
      handle.setAttribute("aria-label", title ? title.textContent.split(":")[0] : "")
    }
    const text = box && inside.querySelector(".bk-label")
    if (text) box.setAttribute("aria-label", text.textContent)
    label(inside)
  }
}
label(document)
document.addEventListener("focusin", () => label(document))
let count = 0
document.addEventListener("keydown", (event) => {
  const at = event.composedPath()[0]
  const typing = ["INPUT", "SELECT", "TEXTAREA"].includes(at.tagName)
  const button = at.tagName == "BUTTON" || at.tagName == "SUMMARY"
  if (event.ctrlKey || event.metaKey || event.altKey || typing || (button && event.key == " ")) return
  if (at.getAttribute && at.getAttribute("role") == "slider") return
  if (!" srm12345".includes(event.key)) return
  event.preventDefault()
  count += 1
  pressed.value = event.key + ":" + count
})
document.body.dataset.ready = "yes"
"""
_LOST = """
document.getElementById("lost").hidden = false
"""


def fill(document: Document, house: House, arguments: Mapping[str, Sequence[str]]) -> Session | None:
    """Fill the document of a new session; None where there is no room for one more."""
    document.title = TITLE
    if not house.enter():
        sentence = f"{house.open} pages of this explorer are open, which is all it has room for; close one."
        document.template = _ENVIRONMENT.get_template("full.html.j2")
        document.template_variables.update(sentence=sentence)
        document.add_root(Div(text="", name="full"))
        guard(document, Gate({}))
        return None
    try:
        session = Session(document, house, arguments)
    except BaseException:
        house.leave()
        raise
    document.on_session_destroyed(lambda context: session.close())
    parts = parts_of(session)
    with document.models.freeze():  # its models are gathered once, not for each root
        for name, part in parts.items():
            part.name = name
            document.add_root(part)
    document.template = _ENVIRONMENT.get_template("page.html.j2")
    document.template_variables.update(
        presets=list(PRESETS),
        light=LIGHT,
        focus=COLOURS[5],
        version=__version__,
        controls=[name for name in parts if name.startswith("control-")],
    )
    arms = {name: getattr(session, name) for name in ("sent", "seen", "address", "pressed")}
    parts["message"].tags = list(arms.values())  # what no root holds is not of the document
    document.js_on_event("document_ready", CustomJS(args=arms, code=_READY))
    document.js_on_event("connection_lost", CustomJS(code=_LOST))
    guard(document, gate_of(session), session.say)
    return session


def parts_of(session: Session) -> dict[str, UIElement]:
    """Return the parts of the page by the names under which the template places them."""
    pictures, own, buttons = session.pictures, session.own, session.buttons
    controls = session.controls.widgets()
    return {
        **buttons.named(),
        "speed": buttons.speed,
        "plane": buttons.plane,
        **{f"control-{i}": widget for i, widget in enumerate(controls)},
        "words": pictures.words.figure,
        "linear": pictures.linear.figure,
        "lengths": pictures.lengths,
        "accuracy": pictures.accuracy,
        "risk": pictures.risk,
        "map": session.map.figure,
        "place": session.map.said,
        **session.words,
        "own-table": own.table,
        "own-groups": own.groups,
        "own-measure": own.measure,
        "own-view": own.view,
        "own-said": own.said,
        "own-cloud": own.cloud,
        "own-lengths": own.lengths,
        "own-angles": own.angles,
    }


def gate_of(session: Session) -> Gate:
    """Return what the browser may set: the values of the widgets, each with its longest text."""
    value = {"value": TEXT}
    settable: dict[str, dict[str, int]] = {session.seen.id: {"end": 0}, session.pressed.id: value}
    controls, own, buttons = session.controls, session.own, session.buttons
    for slider in (*controls.sliders.values(), controls.s_c):
        settable[slider.id] = {"value": 0, "value_throttled": 0}
    for select in (*controls.lists.values(), controls.normaliser, buttons.speed, buttons.plane, own.view):
        settable[select.id] = value
    settable[controls.lazy.id], settable[controls.seed.id] = {"active": 0}, {"value": 0}
    for upload in (own.table, own.groups):
        settable[upload.id] = {"value": LONGEST_UPLOAD, "filename": TEXT, "mime_type": TEXT}
    pressable = [*buttons.named().values(), own.measure]
    uploads = frozenset(upload.id for upload in (own.table, own.groups))
    return Gate(settable, frozenset(button.id for button in pressable), uploads)


def guard(document: Document, gate: Gate, say: Callable[[str], None] = lambda sentence: None) -> None:
    """Let a document apply from its browser only what a gate passes, and never be replaced as a whole.

    Args:
        document: of a session.
        gate: says what may pass.
        say: shows one sentence, where a value that passed is refused.
    """
    apply = document.apply_json_patch

    def apply_filtered(patch: Any, **options: Any) -> None:
        for event in gate.filtered(patch)["events"]:
            if not _is_of_its_type(document, event):
                continue
            try:
                apply({"events": [event]}, **options)
            except InputError as error:
                say(str(error))

    def refuse(*arguments: Any, **options: Any) -> None:
        return None

    # methods of this one document: bokeh has no hook between a message and what it changes
    setattr(document, "apply_json_patch", apply_filtered)  # noqa: B010
    setattr(document, "replace_with_json", refuse)  # noqa: B010


def _is_of_its_type(document: Document, event: Mapping[str, Any]) -> bool:
    """Return whether the property that an event sets takes such a value: a number, a text, a truth value."""
    if event["kind"] != "ModelChanged":
        return True
    model = document.models.get_by_id(event["model"]["id"])
    return model is not None and bool(model.lookup(event["attr"]).property.is_valid(event["new"]))
