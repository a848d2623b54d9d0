"""Explain in words what speaks for a candidate and what speaks against it.

The facts are the fields of `placeprint.evidence.FIELDS`; each sentence states one of them, with its number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from placeprint.evidence.record import DESCRIPTORS, VERIFICATIONS
from placeprint.types import Evidence

CALLED = {"keypoints": "its keypoints", "map": "a network's map of it", "aliked": "its ALIKED keypoints"}
"""What a descriptor is made of, in words."""
OPINIONS = {"sift": "SIFT keypoints", "lighterglue": "LighterGlue"}
FEW = 15
"""Matches below which another opinion does not confirm."""
CLOSE = 0.6
"""Share of the best photo's matches from which on another place is close."""
SMALL, LINE, STILL = 0.06, 0.08, 0.5
"""Coverage and spread below which, and share of unmoved matches above which, geometry says little."""
SURE = 4.0
"""Negative powers of ten from which on chance is worth a sentence."""
ROTATED, ZOOMED = 12.0, 0.6
"""Degrees and octaves from which on a rotation and a change of scale are worth a sentence."""
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
    said = [*_matches(candidate, facts, first, rival), *_similarity(candidate, facts)]
    for source, words in OPINIONS.items():
        if source != first and f"{source}.inliers" in facts:
            count = round(facts[f"{source}.inliers"])
            said.append(_opinion(words, count))
    return tuple(said)


def why_lost(best: Evidence, other: Evidence) -> str:
    """Return in a sentence why a candidate was not chosen.

    Args:
        best: the first candidate.
        other: one that came after it.
    """
    parts = []
    own, theirs = best.num_inliers or 0, other.num_inliers
    if theirs is None:
        parts.append("it was not checked by geometry, because it is less similar")
    elif theirs < own:
        parts.append(f"only {_count(theirs, 'match', 'matches')} could be verified, against {own}")
    elif theirs > own:
        parts.append(f"although more of its matches agree ({theirs} against {own})")
    if other.similarity < best.similarity:
        parts.append(f"it is less similar as a whole ({other.similarity:z.2f} against {best.similarity:z.2f})")
    if other.probability is not None and best.probability is not None:
        parts.append(f"together that makes {percent(other.probability)} against {percent(best.probability)}")
    words = "; ".join(parts) or "it comes after the first in every respect"
    return f"{words[0].upper()}{words[1:]}{'; neither is enough' if best.verdict == 'not confirmed' else ''}."


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
        return [Reason("Its matches were not checked by geometry.", None)]
    count = round(facts[f"{source}.inliers"])
    if check.transform is None or not count:
        return [Reason("No matches of keypoints agree with each other.", False)]

    def fact(name: str) -> float:
        return facts.get(f"{source}.{name}", math.nan)

    how = "lie on one plane" if check.model in {"homography", "affine", "similarity"} else "fit one scene seen twice"
    covered = fact("coverage")
    area = f" and cover {percent(covered)} of the photo" if covered >= SMALL else ""
    said = [Reason(f"{_count(count, 'match', 'matches')} of keypoints {how}{area}.", count >= FEW)]
    if covered < SMALL:
        said.append(Reason(f"They cover only {percent(covered)} of the photo.", False))
    if fact("significance") >= SURE:
        power = f"{-round(fact('significance'))}".translate(DIGITS)
        said.append(Reason(f"The odds that this many agree by chance are about 10{power}.", True))
    said += _oddities(fact("spread"), fact("static"))
    if rival is not None and rival.num_inliers is not None:
        said.append(_against_rival(count, rival.num_inliers))
    return said + _seen_differently(fact("rotation"), fact("zoom"))


def _oddities(spread: float, static: float) -> list[Reason]:
    said = []
    if spread < LINE:
        said.append(Reason("They lie almost on one line, which happens in many scenes.", False))
    if static > STILL:
        said.append(Reason("Most are at the same pixel in both photos, as what a camera writes on each.", False))
    return said


def _against_rival(count: int, theirs: int) -> Reason:
    if theirs >= count:
        return Reason(f"The best photo of another place has {theirs}, which is not less.", False)
    close = theirs > CLOSE * count
    return Reason(f"The best photo of another place has {'as many as' if close else 'only'} {theirs}.", not close)


def _seen_differently(rotation: float, zoom: float) -> list[Reason]:
    said = []
    if rotation > ROTATED:
        said.append(Reason(f"The photos are rotated against each other by {rotation:.0f} degrees.", None))
    if zoom > ZOOMED:
        said.append(Reason(f"One shows the place {2**zoom:.1f} times as large as the other.", None))
    return said


def _similarity(candidate: Evidence, facts: Mapping[str, float]) -> list[Reason]:
    said = []
    for source in DESCRIPTORS:
        if f"{source}.standard" not in facts:
            continue
        above, margin = facts[f"{source}.standard"], facts.get(f"{source}.margin", math.nan)
        words = f"By {CALLED[source]}, it is {_deviations(above)} more similar than a usual photo of the atlas"
        if margin >= 0:
            said.append(Reason(f"{words}, and {margin:.1f} more than the best of another place.", above > 2))
        else:
            said.append(Reason(f"{words}, but a photo of another place is more similar.", False))
    return said or [
        Reason(f"Its similarity as a whole is {candidate.similarity:z.2f}, where 1 is the same photo.", None)
    ]


def _opinion(words: str, count: int) -> Reason:
    if count < FEW:
        return Reason(f"A second check by {words} does not confirm it: {_count(count, 'match', 'matches')}.", False)
    return Reason(f"A second check by {words} agrees: {count} matches.", True)


def _deviations(value: float) -> str:
    return f"{value:.1f} standard deviations"


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
