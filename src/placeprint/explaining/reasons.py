"""Explain in words what speaks for a candidate and what speaks against it.

The facts are the fields of `placeprint.evidence.FIELDS`; each sentence states one of them, with its number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from placeprint.evidence.record import VERIFICATIONS
from placeprint.types import Evidence

LOOKS = {
    "keypoints": "In their details",
    "map": "In their overall look",
    "aliked": "In their details by a second network (ALIKED)",
}
"""What a descriptor compares."""
OPINIONS = {"sift": "SIFT", "lighterglue": "LighterGlue"}
ONE_PLANE = {"homography", "affine", "similarity"}
"""Transforms of a flat surface."""
FEW = 15
"""Matches below which another opinion does not confirm."""
CLOSE, ALMOST = 0.6, 0.8
"""Shares of the best photo's matches from which on another place is close, and has almost as many."""
SMALL, LINE, STILL = 0.06, 0.08, 0.5
"""Coverage and spread below which, and share of unmoved matches above which, geometry says little."""
RARE, NEVER = 4.0, 12.0
"""Negative powers of ten from which on chance is worth a sentence, and no number."""
ROTATED, ZOOMED = 12.0, 0.6
"""Degrees and octaves from which on a rotation and a change of scale are worth a sentence."""
MORE, FAR_MORE = 2.0, 5.0
"""Standard deviations from which on photos are more, and far more, similar than usual."""
DIGITS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Reason:
    """One fact in words.

    Args:
        words: a sentence.
        speaks_for: whether it speaks for the same place; None where it only says what is seen.
    """

    words: str
    speaks_for: bool | None


def reasons(candidate: Evidence, facts: Mapping[str, float], rival: Evidence | None) -> tuple[Reason, ...]:
    """Return what speaks for and against a candidate.

    Args:
        candidate: the candidate.
        facts: what was measured of it, by the names of `placeprint.evidence.FIELDS`.
        rival: the best candidate of another place, or None.
    """
    first = next((source for source in VERIFICATIONS if f"{source}.inliers" in facts), None)
    said = [*_matches(candidate, facts, first, rival), *_similarity(candidate, facts, rival)]
    opinions = (source for source in OPINIONS if source != first and f"{source}.inliers" in facts)
    return (*said, *(_opinion(OPINIONS[source], round(facts[f"{source}.inliers"])) for source in opinions))


def why_lost(best: Evidence, other: Evidence) -> str:
    """Return in a few sentences why a candidate was not chosen.

    Args:
        best: the first candidate.
        other: one that came after it.
    """
    said = []
    own, theirs = best.num_inliers or 0, other.num_inliers
    if theirs is None:
        said.append("Its points were not checked.")
    elif theirs < CLOSE * own:
        said.append(f"{_fit(theirs).capitalize()}, against {own}.")
    elif theirs != own:
        said.append(f"{'Fewer' if theirs < own else 'More'} points fit: {theirs}, against {own}.")
    similar = f"{other.similarity:z.2f}", f"{best.similarity:z.2f}"
    if other.similarity < best.similarity and similar[0] != similar[1]:
        said.append(f"As a whole, it is less similar ({similar[0]} against {similar[1]}).")
    if other.probability is not None and best.probability is not None:
        said.append(_likely(best.probability, other.probability))
    said = said or ["It has about the same evidence as the best photo."]
    return " ".join([*said, "Neither is enough."] if best.verdict == "not confirmed" else said)


def percent(share: float) -> str:
    """Return a share in percent, without claiming certainty.

    Example:
        >>> percent(0.423), percent(0.9999), percent(0.0001)
        ('42 %', 'over 99 %', 'under 1 %')
    """
    if share > 0.99:
        return "over 99 %"
    return "under 1 %" if share < 0.01 else f"{100 * share:.0f} %"


def _matches(
    candidate: Evidence, facts: Mapping[str, float], source: str | None, rival: Evidence | None
) -> list[Reason]:
    check = candidate.verification
    if source is None or check is None:
        return [Reason("Whether the points of both photos fit together was not checked.", None)]
    count = round(facts[f"{source}.inliers"])
    if check.transform is None or not count:
        return [Reason("No points of the two photos fit together.", False)]

    def fact(name: str) -> float:
        return facts.get(f"{source}.{name}", math.nan)

    said = [_fitting(count, check.model, fact("coverage")), *_chance(fact("significance"))]
    said += _oddities(fact("coverage"), fact("spread"), fact("static"))
    if rival is not None and rival.num_inliers is not None:
        said.append(_against_rival(count, rival.num_inliers))
    return said + _seen_differently(fact("rotation"), fact("zoom"))


def _fitting(count: int, model: str, covered: float) -> Reason:
    """Return how many points fit together, and how."""
    if count < FEW:
        return Reason(f"{_fit(count).capitalize()} in both photos.", False)
    how = "on one flat surface" if model in ONE_PLANE else "in one scene seen from two viewpoints"
    area = f" They cover {percent(covered)} of the photo." if covered >= SMALL else ""
    return Reason(f"{count} points of both photos fit together as {how}.{area}", True)


def _chance(significance: float) -> list[Reason]:
    """Return how rarely so many points fit by chance, given the negative power of ten of it."""
    if significance >= NEVER:
        return [Reason(f"By chance, this practically never happens (odds below {_power(NEVER)}).", True)]
    if significance >= RARE:
        return [Reason(f"By chance, this rarely happens (odds of about {_power(significance)}).", True)]
    return []


def _power(value: float) -> str:
    return f"10{f'{-round(value)}'.translate(DIGITS)}"


def _oddities(covered: float, spread: float, static: float) -> list[Reason]:
    said = []
    if covered < SMALL:
        said.append(f"The points cover little of the photo: {percent(covered)}.")
    if spread < LINE:
        said.append("The points lie almost on one line, as happens in many scenes.")
    if static > STILL:
        said.append("Most points are at the same spot in both photos, like a date that a camera prints on them.")
    return [Reason(words, False) for words in said]


def _against_rival(count: int, theirs: int) -> Reason:
    if theirs < CLOSE * count:
        return Reason(f"In the best photo of another place, {_fit(theirs)}.", True if count >= FEW else None)
    much = "more" if theirs > count else "just as many" if theirs == count else "almost as many"
    much = "more than half as many" if theirs < ALMOST * count else much
    return Reason(f"The best photo of another place has {much}: {theirs}, against {count} here.", False)


def _seen_differently(rotation: float, zoom: float) -> list[Reason]:
    said = []
    if rotation > ROTATED:
        said.append(Reason(f"One photo is rotated by {rotation:.0f} degrees against the other.", None))
    if zoom > ZOOMED:
        said.append(Reason(f"One photo shows the place {2**zoom:.1f} times as large as the other.", None))
    return said


def _similarity(candidate: Evidence, facts: Mapping[str, float], rival: Evidence | None) -> list[Reason]:
    said = []
    for source, look in LOOKS.items():
        name = f"{source}.standard"
        if name in facts:
            theirs = None if rival is None else rival.known.get(name)
            said.append(_look(look, facts[name], theirs))
    alone = f"As a whole, its similarity is {candidate.similarity:z.2f}. An identical photo would have 1."
    return said or [Reason(alone, None)]


def _look(look: str, above: float, theirs: float | None) -> Reason:
    """Return how similar a photo is, in standard deviations above the median of the atlas, and the rival beside it."""
    little = "a little more" if above >= 0 else "less"
    much = "far more" if above > FAR_MORE else "more" if above > MORE else little
    own = f"{above:z.1f}"
    words = f"{look}, the two photos are {much} similar than usual in this atlas ({own} standard deviations)."
    if theirs is None:
        return Reason(words, above > MORE)
    other = f"{theirs:z.1f}"
    ahead = above > theirs and own != other
    beside = "less" if ahead else "just as" if own == other else "more"
    words += f" The best photo of another place is {beside} similar ({other})."
    return Reason(words, ahead and above > MORE)


def _opinion(words: str, count: int) -> Reason:
    if count < FEW:
        return Reason(f"Another check, by {words}, does not confirm it: {_fit(count)} together.", False)
    return Reason(f"Another check, by {words}, agrees: {count} points fit together.", True)


def _likely(best: float, other: float) -> str:
    if percent(best) == percent(other):
        return f"Photo by photo, both are equally likely ({percent(best)})."
    less = "less" if other < best else "more"
    return f"Photo by photo, it is {less} likely (the best photo: {percent(best)}; the runner-up: {percent(other)})."


def _fit(count: int) -> str:
    """Return that few points fit."""
    return "no points fit" if not count else f"only {count} point{' fits' if count == 1 else 's fit'}"
