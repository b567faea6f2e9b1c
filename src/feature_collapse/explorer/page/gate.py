"""What a page may send: plain values of its widgets, and presses of its buttons. All else is dropped.

bokeh lets a browser change any property of any model of its document and add models of its own. Here a patch
is looked through before it is applied, so that a session holds what the server put there and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LONGEST_LIST = 64
MOST_EVENTS = 8  # of one patch; a page of ours sends three, for a file
EVENTS = ("button_click",)


class Gate:
    """Which properties of which models a page may set, and how long their text may be.

    >>> gate = Gate({"1001": {"value": 200}})
    >>> event = {"kind": "ModelChanged", "model": {"id": "1001"}, "attr": "value", "new": 3}
    >>> gate.passes(event), gate.passes(event | {"attr": "title"}), gate.passes(event | {"new": {"id": "7"}})
    (True, False, False)
    """

    def __init__(
        self,
        settable: Mapping[str, Mapping[str, int]],
        buttons: frozenset[str] = frozenset(),
        uploads: frozenset[str] = frozenset(),
    ) -> None:
        """Hold what may be set.

        Args:
            settable: by model id and property the longest text.
            buttons: ids of the models that may be pressed.
            uploads: ids of the models whose text, where it is too long, arrives empty: the name of a file
                never stands over the bytes of the one before.
        """
        self.settable, self.buttons, self.uploads = settable, buttons, uploads

    def filtered(self, patch: Any) -> dict[str, list[Any]]:
        """Return a patch with the events that may pass, from JSON or from bokeh's wrapper of it.

        What comes after `MOST_EVENTS` is dropped: each may ask for a new run, and others wait meanwhile.
        """
        content = getattr(patch, "content", patch)
        events = content.get("events") if isinstance(content, dict) else None
        first = events[:MOST_EVENTS] if isinstance(events, list) else []
        return {"events": [e for e in map(self._emptied, first) if self.passes(e)]}

    def _emptied(self, event: Any) -> Any:
        """Return an event of an upload with a text that is too long made empty; any other as it is."""
        match event:
            case {"model": {"id": str(name)}, "attr": str(attr), "new": str(text)} if name in self.uploads:
                return {**event, "new": ""} if len(text) > self.settable[name].get(attr, 0) else event
        return event

    def passes(self, event: Any) -> bool:
        """Return whether an event may be applied."""
        if not isinstance(event, dict):
            return False
        if event.get("kind") == "MessageSent":
            return event.get("msg_type") == "bokeh_event" and self._is_press(event.get("msg_data"))
        if event.get("kind") != "ModelChanged":
            return False
        longest = self.settable.get(_id(event.get("model")), {}).get(str(event.get("attr")))
        return longest is not None and _is_plain(event.get("new"), longest)

    def _is_press(self, data: Any) -> bool:
        """Return whether a message is a press of a button that is there, with nothing else in it."""
        match data:
            case {
                "type": "event",
                "name": str(name),
                "values": {"type": "map", "entries": [["model", model]]},
            }:
                return name in EVENTS and _id(model) in self.buttons
        return False


def _id(model: Any) -> str:
    return str(model["id"]) if isinstance(model, dict) and set(model) == {"id"} else ""


def _is_plain(value: Any, longest: int) -> bool:
    """Return whether a value is a number, a short text or a short list of such; none is a reference."""
    if isinstance(value, str):
        return len(value) <= longest
    if isinstance(value, list):
        return len(value) <= LONGEST_LIST and all(
            isinstance(part, str | int | float) and _is_plain(part, longest) for part in value
        )
    return value is None or isinstance(value, bool | int | float)
