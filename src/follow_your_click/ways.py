"""Which way things go, as rules tell from a prompt's words what its reading as a motion leaves out.

What walks or hops goes somewhere on its legs, and where it looks if nobody says; where a head goes is a nod, and no travel.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

TRAVELS = ("translate", "drift", "fall", "rise")
"""How the names of motions begin that go somewhere; nothing does two at once."""
SIDED = re.compile(r"\b(left|right|east|west)", re.IGNORECASE)
WALKS = re.compile(
    r"\b((walk|stroll|march|gallop|canter|sprint|prowl|sneak|crawl|creep|saunter|wander|trudg|waddl|strid|ambl|hik|tiptoe)(e|es|s|ed|ing)?"
    r"|(run|trot|jog|step|strut)(s|ning|ting|ging|ping)?|(scurr|hurr)(y|ies|ying)|cross(es|ing)? the (street|road))\b",
    re.IGNORECASE,
)
"""What is done on legs: `gait` moves them."""
HOPS = re.compile(
    r"\b(hop(s|ped|ping)?|(bounc|bound|leap|jump|skip)(e|es|s|ed|ing|ping|ped)?)\b", re.IGNORECASE
)
"""What is done in leaps: with a way to go, it is both."""
_SWIMS = re.compile(
    r"\b(swim(s|ming)?|fl(y|ies|ying)|(paddl|glid|soar)(e|es|s|ing)?)\b", re.IGNORECASE
)
_ONWARDS = re.compile(
    r"\b(left|right)(wards?)?\b|\b(away|along|across|ahead|past|forwards?|onwards?|off (to|in|into|towards?))\b",
    re.IGNORECASE,
)
"""What says that something goes somewhere."""
_PLACES = re.compile(
    r"(?P<thing>\b(the|this|that|these|those|a|an|my|our)\s+(\w+\s+){1,3}?)(on|at|in)\s+(the|our|my)\s+((far|very|upper|lower|top|bottom)\s+)*(left|right)\b"
    r"([\s-]+(hand\s+)?(side|corner|edge|end|half|part)\b)?(?!\s+direction)|\b(left|right)(most|-hand)\b"
    r"|\b(left|right)(?=\s+(wing|arm|hand|leg|ear|eye|paw|claw|pincer|horn|hoof|foot|fin|flipper|sleeve|shoulder|petal|leaf|branch|headlight|wheel)s?\b)",
    re.IGNORECASE,
)
"""What says where a thing is, not where it goes: "the branch on the right"."""
_WIND = re.compile(
    r",?\s*\b(?:(?:with|by|in|as|to)\s+)?(?:(?:the|a|an|some)\s+)?(?:(?!and\b)\w+\s+)?(?:wind|breeze|gust|draught|draft)s?\s+(?:is\s+|that\s+)?"
    r"(?:(?:coming|comes|blowing|blows)\s+)?(?:in\s+)?from\s+(?:the\s+)?(?:left|right|east|west|side|north|south)\b(?!\s+to)",
    re.IGNORECASE,
)
_COMES_FROM = re.compile(
    r"\bfrom\s+(?:the\s+|our\s+|my\s+)?(?:far\s+)?(left|right)\b", re.IGNORECASE
)
_TOWARDS = re.compile(r"\b(to|towards?)\s+(the\s+)?(left|right)\b|\bto and fro\b", re.IGNORECASE)
_UP = r"(ris(e|es|ing)|lift(s|ing)?|raises?|raising|(goes|go|going|floats?|floating|comes?|coming|moves?|moving) up|up(wards?)?)"
_FALL = (
    r"(falls?|falling|sinks?|sinking|dips?|dipping|drops?|dropping|lowers?|lowering|descends?|descending|subsides?|subsiding"
    r"|(goes|go|going|floats?|floating|comes?|coming|moves?|moving|back) down|down(wards?)?)"
)
_UP_AND_DOWN = re.compile(
    rf"\b{_UP}(\s+\w+){{0,4}}?\s*(,|\band\b|\bthen\b|&)+\s*(then\s+)?{_FALL}\b"
    rf"|\b{_FALL}(\s+\w+){{0,4}}?\s*(,|\band\b|\bthen\b|&)+\s*(then\s+)?{_UP}\b",
    re.IGNORECASE,
)
"""What rises and falls again, and so stays."""
_FORWARD = re.compile(r"\bforwards?\b", re.IGNORECASE)
_TO_US = re.compile(r"\b(me|us|you|camera|viewer|screen|lens|closer|nearer)\b", re.IGNORECASE)
_LOOKS = r"\b(look|glanc|gaz|peer)(s|es|e|ing)?(\s+(?!like|as|at|what)\w+){0,2}?"
_A_HEAD = r"\b(the|its|his|her|their|your|\w+'s)\s+(\w+\s+)?head\b"
_HEAD_UP = re.compile(
    rf"{_LOOKS}\s+(up|upwards?)\b|\b(lift|rais)(s|e|es|ing)?\b(\s+\w+){{0,3}}?\s+head\b(?! off)"
    rf"|{_A_HEAD}[^,]*\b(up|upwards?|rises|lifts)\b(?! off)",
    re.IGNORECASE,
)
_HEAD_DOWN = re.compile(
    rf"{_LOOKS}\s+(down|downwards?)\b"
    r"|\b(lower|drop|hang|bow|dip)(s|ed|ing|ping|ped)?\b(\s+\w+){0,3}?\s+head\b(?! off)",
    re.IGNORECASE,
)
"""What is done by a nod, for it says where the head goes: travel is not what is meant."""
_BENDS = re.compile(r"\b(bend|curl|lean|fold|droop|sag)(s|g?ing)?\b", re.IGNORECASE)
_TO_AND_FRO = re.compile(
    r"\b(forth|to and fro|and (left|right|down|up)|side to side|again)\b", re.IGNORECASE
)
_BENT = {
    "left": r"left(wards?)?",
    "right": r"right(wards?)?",
    "up": r"up(wards?)?|inwards?|in(?! \w)|curl(s|ing)?|fold(s|ing)?",
    "down": r"down(wards?)?|over|forwards?|droop(s|ing)?|sag(s|ging)?",
}
"""Where what bends goes, the first that is said; and by itself where things curl and droop."""
_OPENS = re.compile(
    r"\b(open|bloom|blossom|unfold|unfurl|uncurl)(s|ing)?\b|\bspreads? out\b", re.IGNORECASE
)
_CLOSES = re.compile(
    r"(?<!get )(?<!gets )(?<!come )(?<!comes )\b(close|clos|shut|fold|wilt|wither|shrivel)(e?s|t?ing)?\b(?! (to|by)\b)",
    re.IGNORECASE,
)
_DOWN, _OFF, _RIGHT = (
    re.compile(rf"\b{word}", re.IGNORECASE) for word in ("down", r"off\b", "right")
)
_IN_TURNS = re.compile(r"\bup(wards?)? (and|n|&) down(wards?)?\b", re.IGNORECASE)
_LEANS_AND_BACK = re.compile(
    r"\blean(s|ing)?\b.*\b(and|then)\b.*\b(back|up|upright|straight(en)?s?|again)\b", re.IGNORECASE
)
_RIPPLES = re.compile(r"\bripples\b", re.IGNORECASE)
_UNSENT = frozenset({"drift_left", "translate_left"})  # what travel is read as that names no side
_NEARER = frozenset({"grow", "shrink"})


def goes_ahead(prompt: str) -> bool:
    """Whether a prompt speaks of what people and animals do in the direction in which they look."""
    return any(words.search(prompt) for words in (WALKS, HOPS, _SWIMS))


def goes_aside(prompt: str, asked: Sequence[str]) -> bool:
    """Whether who is seen from the side goes to that side instead of away, or nearer: "runs away", "walks forward", but not "walks up to me"."""
    nearer = asked == ("grow",) and _FORWARD.search(prompt) and not _TO_US.search(prompt)
    return goes_ahead(prompt) and (asked == ("shrink",) or bool(nearer))


def in_its_place(prompt: str, asked: Sequence[str]) -> list[str]:
    """The motions that a prompt was read as, without travel where none is meant: ripples run in their place, and what leans and stands up again sways."""
    if _LEANS_AND_BACK.search(prompt):
        return ["sway"]
    if _RIPPLES.search(prompt) and all(motion.startswith((*TRAVELS, "flow")) for motion in asked):
        return ["ripple"]
    if _IN_TURNS.search(prompt) and not _ONWARDS.search(prompt):
        return [motion for motion in asked if motion not in _UNSENT] or list(asked)
    sided = SIDED.search(prompt) and _FORWARD.search(prompt)
    if sided and any(motion.startswith(TRAVELS) for motion in asked):
        return [motion for motion in asked if motion not in _NEARER]  # "forward, to the left"
    return list(asked)


def on_its_way(prompt: str, asked: Sequence[str]) -> list[str]:
    """The motions that a prompt was read as, and that it goes somewhere where what is done on legs and which way was read as one of the two."""
    walks, hops = (words.search(prompt) is not None for words in (WALKS, HOPS))
    somewhere = _ONWARDS.search(prompt) or (walks and _OFF.search(prompt))
    sided = SIDED.search(prompt) is not None
    if not ((walks or hops) and somewhere) or (_NEARER.issuperset(asked) and not sided):
        return list(asked)  # ahead may be towards who looks at it
    travels = [motion for motion in asked if motion.startswith(TRAVELS)]
    if travels and not hops:
        return [motion for motion in asked if not (sided and motion in _NEARER)]
    side = "right" if _RIGHT.search(prompt) else "left"
    travel = travels[0] if travels else f"translate_{side}"
    if hops:
        return [travel, "bounce"]
    return [travel] if _NEARER.issuperset(asked) else [travel, asked[0]]


def put_plainly(prompt: str) -> str:
    """A prompt without the sides to which nothing goes, where the thing is and where the wind comes from, and with what rises and falls in plain words.

    "the leaf on the right rises and sinks, wind from the left" -> "the leaf moves up and down in the wind"
    """
    short = _PLACES.sub(lambda found: found["thing"] or " ", _WIND.sub(" in the wind", prompt))
    if way_of_the_head(short) is None:
        short = _UP_AND_DOWN.sub(" moves up and down ", short)
    return " ".join(short.split()) or prompt


def whence(prompt: str, asked: Sequence[str]) -> list[str]:
    """The motions that a prompt was read as, but that what comes from a side goes to the other one."""
    came = _COMES_FROM.search(prompt)
    if came is None or _TOWARDS.search(prompt):
        return list(asked)
    here, there = ("left", "right") if came[1].lower() == "left" else ("right", "left")
    return [
        there.join(motion.rsplit(here, 1)) if motion.startswith((*TRAVELS, "flow")) else motion
        for motion in asked
    ]


def way_of_the_head(prompt: str) -> Literal["up", "down"] | None:
    """Where a prompt sends a head: down of both, as nods begin."""
    if _HEAD_DOWN.search(prompt) or (_HEAD_UP.search(prompt) and _DOWN.search(prompt)):
        return "down"
    return "up" if _HEAD_UP.search(prompt) else None


def way_of_bending(prompt: str) -> str | None:
    """The motion that a part's tip makes which a prompt bends to one side, not to and fro: "curl it to the left" -> "translate_left"."""
    if not _BENDS.search(prompt) or _TO_AND_FRO.search(prompt):
        return None
    for way in ("left", "right", "down", "up"):
        if re.search(rf"\b({_BENT[way]})\b", prompt, re.IGNORECASE):
            return f"translate_{way}"
    return None


def opening(prompt: str) -> str | None:
    """What is nearest to opening and to closing, as flowers do: "grow", "shrink"; None for neither, or both."""
    opens, closes = (words.search(prompt) is not None for words in (_OPENS, _CLOSES))
    if opens == closes:
        return None
    return "grow" if opens else "shrink"
