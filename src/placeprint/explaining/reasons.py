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
    "keypoints": "In its details",
    "map": "In its overall look",
    "aliked": "In its details by a second network (ALIKED)",
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
"""Standard deviations from which on a photo is more, and far more, similar than most."""
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
        said.append("Whether its points fit was not checked.")
    elif theirs < CLOSE * own:
        said.append(f"Only {_count(theirs, 'of its points fits', 'of its points fit')}, against {own}.")
    elif theirs != own:
        said.append(f"{'Fewer' if theirs < own else 'More'} of its points fit: {theirs}, against {own}.")
    similar = f"{other.similarity:z.2f}", f"{best.similarity:z.2f}"
    if other.similarity < best.similarity and similar[0] != similar[1]:
        said.append(f"As a whole, it is less similar ({similar[0]} against {similar[1]}).")
    if other.probability is not None and best.probability is not None:
        said.append(_likely(percent(best.probability), percent(other.probability)))
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
        return Reason(
            f"Only {_count(count, 'point of both photos fits', 'points of both photos fit')} together.", False
        )
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
        return Reason(f"In the best photo of another place, only {_count(theirs, 'point fits', 'points fit')}.", True)
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
    much = "far more" if above > FAR_MORE else "more" if above > MORE else "hardly more" if above >= 0 else "less"
    words = f"{look}, this photo is {much} similar than most photos of the atlas"
    own = f"{above:z.1f}"
    if theirs is None:
        return Reason(f"{words} ({own} standard deviations).", above > MORE)
    numbers = f"({own} standard deviations, against {theirs:z.1f})"
    if own != f"{theirs:z.1f}" and above > theirs:
        return Reason(f"{words}, and the best photo of another place is less similar {numbers}.", above > MORE)
    other = "is just as" if own == f"{theirs:z.1f}" else "is more"
    return Reason(f"{words}, but the best photo of another place {other} similar {numbers}.", False)


def _opinion(words: str, count: int) -> Reason:
    if count < FEW:
        few = f"only {_count(count, 'point fits', 'points fit')}"
        return Reason(f"Another check, by {words}, does not confirm it: {few} together.", False)
    return Reason(f"Another check, by {words}, agrees: {count} points fit together.", True)


def _likely(best: str, other: str) -> str:
    if best == other:
        return f"Photo by photo, both are {best} likely to be right."
    return f"Photo by photo, the best is {best} likely to be right, and the runner-up {other}."


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
