"""The answer of an explanation in a few words: a title, one sentence, and the confidence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from placeprint.explaining.explanation import Explanation
from placeprint.explaining.reasons import percent

Tone = Literal["good", "warn", "bad"]


@dataclass(frozen=True)
class Headline:
    """What a page begins with.

    Args:
        short: a few words for the title of the page.
        words: the heading.
        lead: a sentence below it.
        badge: the verdict in two words.
        tone: the color of the badge.
        advice: what to do if the answer is not wanted; empty where the place was found.
    """

    short: str
    words: str
    lead: str
    badge: str
    tone: Tone
    advice: tuple[str, ...]


def headline_of(explanation: Explanation) -> Headline:
    """Return what the page of an explanation begins with."""
    state, first = explanation.state, explanation.first
    single, all_of_them = explanation.photos == 1, f"the {explanation.photos} photos of the atlas"
    advice = _advice(explanation)
    if first is None:
        reason = explanation.answer.note or "the atlas has no photos to compare"
        return Headline("No answer", "No answer", f"{reason[0].upper()}{reason[1:]}.", "No answer", "bad", advice)
    name, sure = Path(first.path).name, _sure(explanation)
    if state == "found":
        rotation = explanation.answer.rotation
        rotated = f" The query was rotated by {rotation:g} degrees for this match." if rotation else ""
        lead = f"{name} is the only photo of the atlas." if single else f"Among {all_of_them}, {name} shows it best."
        return Headline("Found", _title(explanation), lead + rotated, f"Found{sure}", "good", ())
    if state == "perhaps":
        lead = f"{name} may show it, but the evidence is not strong enough to be certain."
        return Headline("Perhaps", _title(explanation), lead, f"Perhaps{sure}", "warn", advice)
    nobody = f"The only photo of the atlas, {name}, does not show" if single else f"None of {all_of_them} shows"
    closest = "See" if single else f"{name} comes closest; see"
    lead = f"{nobody} this place with enough evidence. {closest} below what it lacks."
    return Headline("Not in the atlas", "Not in the atlas", lead, f"Not found{sure}", "bad", advice)


def _title(explanation: Explanation) -> str:
    """Return the name of the place, or the photo that shows it where that is all it is named after."""
    photos = {Path(each.path) for each in explanation.answer.evidence}
    sure = explanation.state == "found"
    if explanation.label in {name for path in photos for name in (path.name, path.stem)}:
        name = Path(explanation.first.path if explanation.first else "").name
        return f"{'Same' if sure else 'Perhaps the same'} place as {name}"
    return f"{'This is' if sure else 'Perhaps'} {explanation.label}"


def _sure(explanation: Explanation) -> str:
    if explanation.confidence is None:
        return ""
    return f", {percent(explanation.confidence)} {'sure' if explanation.state == 'found' else 'likely'}"


def _advice(explanation: Explanation) -> tuple[str, ...]:
    """Return what may help."""
    if not explanation.photos:
        return ("Add photos of known places with placeprint index.",)
    if not len(explanation.answer.features):
        return ("The photo has nothing to recognize. Use a sharper photo, or one that shows more of the scene.",)
    advice = [
        "If the place should be in the atlas, add more photos of it: from other sides, in other light, closer and "
        "farther away.",
        "Crop the query to buildings and other permanent things. People, cars, sky and plants help little.",
    ]
    if explanation.confidence is not None:
        advice.append("The preset best searches more thoroughly than fast and balanced.")
    return tuple(advice)
