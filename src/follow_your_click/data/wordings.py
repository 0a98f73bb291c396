"""The tables behind `motion_prompts`: how people say each motion.

A table entry is an imperative ("drift to the left"); entries that do not start with a verb are
nominals ("a storm") and are used as they are. Held-out entries are never seen in training. Tables begin with the commoner entries.

Defaults where the words leave a side open, the same everywhere: turning the head goes to the left,
rotating and spinning go clockwise, drifting goes to the left, flowing goes down, flying away goes up.
No training wording has a held-out wording in it, nor a word that was new in the held-out ones.
"""

from dataclasses import replace

from follow_your_click.data.wording_files import (
    Things,
    as_lines,
    by_motion,
    read_asked,
    read_lists,
    read_prompts,
    read_tables,
    read_things,
)
from follow_your_click.data.wordings_rarer import (
    RARER_DRIFT,
    RARER_FLOW,
    RARER_NOMINALS,
    RARER_ROTATE,
    RARER_TRAINING,
    RARER_TRAVEL,
    RARER_TURN,
    RARER_VERTICAL,
)
from follow_your_click.data.wordings_training import OWN_NOMINALS, OWN_TRAINING

_TO_SIDE = (
    *("{s}", "to the {s}", "{s}ward", "{s}wards", "toward the {s}", "towards the {s} side"),
    *("from {o} to {s}", "slowly to the {s}", "towards the {s}", "from the {o} to the {s}"),
    *("a little to the {s}", "toward the {s} edge", "to the {s} side", "over to the {s}"),
    *("a bit to the {s}", "quickly to the {s}", "all the way to the {s}", "gently to the {s}"),
    *("farther {s}", "across to the {s}", "to the {s} side of the picture", "straight to the {s}"),
)
_TURN_TO_SIDE = (
    *("{s}", "to the {s}", "{s}ward", "{s}wards", "toward the {s}", "towards the {s} side"),
    *("slowly to the {s}", "a little to the {s}", "towards the {s}", "over to the {s}"),
    *("to the {s} side", "quickly to the {s}", "a bit {s}", "gently to the {s}"),
)
_TO_SIDE_HELD_OUT = ("off to the {s}", "in the {s} direction", "toward the {s}-hand side", "{s}")
_UP = (
    *("up", "upward", "upwards", "straight up", "toward the top", "up the picture"),
    *("to the top", "up a little", "up slowly", "toward the sky", "higher", "from bottom to top"),
    *("toward the top edge", "higher and higher", "vertically up", "up to the top", "up and up"),
    *("from the bottom to the top", "a bit up", "quickly up", "all the way up", "farther up"),
)
_DOWN = (
    *("down", "downward", "downwards", "straight down", "toward the bottom", "down the picture"),
    *("to the bottom", "down a little", "down slowly", "toward the ground", "lower"),
    *("from top to bottom", "toward the bottom edge", "lower and lower", "vertically down"),
    *("down to the bottom", "down and down", "from the top to the bottom", "a bit down"),
    *("quickly down", "all the way down", "farther down"),
)
_UP_HELD_OUT = ("up", "in the upward direction", "to the upper edge", "upward")
_DOWN_HELD_OUT = ("down", "in the downward direction", "to the lower edge", "downward")
_CORNER = (
    *("{v} and {s}", "{v} and to the {s}", "{v} {s}", "to the {c} {s}", "toward the {c} {s}"),
    *("diagonally {v} and {s}", "to the {t} {s}", "toward the {t} {s}", "diagonally {v} {s}"),
    *("{v}ward and {s}ward", "{v}wards and to the {s}", "diagonally to the {c} {s}"),
    *("{v} {s} diagonally", "diagonally toward the {t} {s}", "towards the {t} {s} of the picture"),
    *("to the {c} {s} side", "slowly {v} and to the {s}", "{v} and then {s}", "{v} and a bit {s}"),
    *("{v}hill {s}", "{v}hill towards the {s}", "{v}hill to the {s} side"),
    *("{v} and toward the {s}", "from the {b} {o} to the {t} {s}"),
)
_CORNER_HELD_OUT = ("{v}-{s}", "toward the {c} {s}-hand corner", "{s} and {v}", "{v} to the {s}")


_TRAVEL = (
    *("move", "go", "slide", "shift", "glide", "travel", "head", "fly", "drive", "run", "walk"),
    *("roll", "dash", "rush", "crawl", "swim", "race", "slowly move", "move slowly"),
    *("gently move", "quickly move", "move quickly", "keep moving", "start moving", "speed"),
    "ride",
)
_COMMON_TRAVEL = ("move", "go", "run", "walk", "drive", "fly", "swim", "gallop")
_TRAVEL_HELD_OUT = ("scoot", "proceed", "march", "advance", "zoom")
_TRAVEL_BOTH_VERTICAL = (
    *("move", "go", "slide", "shift", "glide", "travel", "head", "fly", "push", "crawl", "walk"),
    *("swim", "rush", "step", "slowly move", "move slowly", "gently move", "quickly move"),
    *("move quickly", "keep moving", "start moving", "inch", "slowly slide", "pull", "creep"),
)
_TRAVEL_VERTICAL = (*_TRAVEL_BOTH_VERTICAL, "climb", "slowly climb", "run")
_TRAVEL_DOWN = (*_TRAVEL_BOTH_VERTICAL, "come", "slowly come")
_DRIFT = (
    *("drift", "float", "drift slowly", "float gently", "waft", "drift along", "drift lazily"),
    *("slowly drift", "gently drift", "drift gently", "drift softly", "float slowly"),
    *("slowly float", "gently float", "float softly", "float along", "keep drifting", "coast"),
    *("keep floating", "drift in the wind", "drift on the water", "float in the air", "wander"),
    *("drift with the current", "meander"),
)
_DRIFT_HELD_OUT = ("sail", "hover slowly", "cruise calmly")
_FLOW = (
    *("flow", "stream", "run like water", "flow steadily", "flow smoothly", "keep flowing"),
    *("flow slowly", "slowly flow", "flow gently", "gently flow", "flow quickly", "flow fast"),
    *("flow like a river", "flow like water", "stream along", "keep streaming", "trickle"),
    *("spill", "stream slowly", "flow along", "flow calmly"),
)
_FLOW_HELD_OUT = ("gush", "pour along", "course")
_TURN = (
    *("turn", "turn the head", "turn its head", "look", "face", "turn around", "twist the head"),
    *("slowly turn", "turn slowly", "slowly turn the head", "quickly turn the head", "look over"),
    *("move the head", "move its head", "turn her head", "turn his head", "rotate the head"),
    *("turn the face", "turn its face", "look back", "slowly look", "turn the body", "stare"),
    *("turn its body", "keep looking", "gently turn its head", "peek"),
)
_TURN_HELD_OUT = ("glance", "swivel", "gaze", "pivot the face")

_SIDE_PHRASES = (
    *("go {w}", "move sideways to the {s}", "move {w}", "head {w}", "{s}", "to the {s}", "{s}ward"),
    *("{s}wards", "from {o} to {s}", "toward the {s}", "moving {s}", "motion to the {s}"),
    *("take a step to the {s}", "cross the picture from {o} to {s}", "leave on the {s} side"),
    *("come in from the {o}", "enter from the {o}", "come from the {o}", "slide in from the {o}"),
    *("move in from the {o}", "drive in from the {o}", "fly in from the {o}", "leave to the {s}"),
    *("come into the picture from the {o}", "enter from {o}", "slide in from {o}", "go out {s}"),
)
_UPRIGHT_PHRASES = (
    *("go {w}", "move {w}", "head {w}", "{v}", "{v}ward", "{v}wards", "moving {v}"),
    *("{v}ward motion", "straight {v}", "move vertically {v}ward"),
)
_CORNER_PHRASES = (
    *("go {w}", "move {w}", "head {w}", "fly {w}", "toward the {w}", "{w}", "{v} and {s}"),
    *("{c} {s}", "{t} {s}", "to the {t} {s}", "diagonally {v} {s}", "moving {v} and {s}"),
)
_CORNER_WORDS = {
    "up": {"c": "upper", "t": "top", "b": "bottom"},
    "down": {"c": "lower", "t": "bottom", "b": "top"},
}
_OTHER = {"left": "right", "right": "left"}
_NOMINAL_PHRASES = (
    *("{s}", "to the {s}", "{s}ward", "{s}wards", "from {o} to {s}", "toward the {s}"),
    *("moving {s}", "motion to the {s}", "{v}", "{v}ward", "{v}wards", "moving {v}"),
    *("{v}ward motion", "straight {v}", "{w}", "toward the {w}", "{v} and {s}", "{c} {s}"),
    *("{t} {s}", "to the {t} {s}", "diagonally {v} {s}", "moving {v} and {s}"),
)
_CLOCKWISE = (
    *("clockwise", "in a clockwise direction", "clockwise around the center"),
    *("clockwise a little", "to the right like a clock hand", "clockwise on the spot"),
)
_COUNTERCLOCKWISE = (
    *("counterclockwise", "anticlockwise", "in a counterclockwise direction"),
    *("counter-clockwise", "against the clock", "counter clockwise", "anti-clockwise"),
    *("in an anticlockwise direction", "to the left against the clock"),
)
_ROTATE = (
    *("rotate", "turn", "slowly rotate", "rotate slowly", "slowly turn", "turn slowly", "tilt"),
    *("gently rotate", "rotate gently", "pivot", "roll", "twist", "revolve", "wheel", "go around"),
    *("go round", "move", "circle", "keep rotating", "keep turning", "rotate smoothly"),
)


def _crossed(verbs: tuple[str, ...], ways: tuple[str, ...], *, each: int) -> tuple[str, ...]:
    """Verbs with directions: the first verb with all of them, the others with `each` in turn."""
    phrases = [f"{verbs[0]} {way}" for way in ways]
    for index, verb in enumerate(verbs[1:]):
        phrases += [f"{verb} {ways[(index + step) % len(ways)]}" for step in range(each)]
    return tuple(dict.fromkeys(phrases))


def _spread(verbs: tuple[str, ...], ways: tuple[str, ...], *, each: int) -> tuple[str, ...]:
    """As `_crossed`, but every verb also has the first, plainest direction."""
    plain = tuple(f"{verb} {ways[0]}" for verb in verbs)
    return tuple(dict.fromkeys((*plain, *_crossed(verbs, ways, each=each))))


def _each(verbs: tuple[str, ...], ways: tuple[str, ...]) -> tuple[str, ...]:
    """Every verb with every direction."""
    return tuple(f"{verb} {way}" for way in ways for verb in verbs)


def _added(verbs: tuple[str, ...], ways: tuple[str, ...]) -> tuple[str, ...]:
    """Rarer verbs, each with the plainest direction and one more in turn."""
    more = ways[1:]
    return tuple(
        f"{verb} {way}"
        for index, verb in enumerate(verbs)
        for way in (ways[0], more[index % len(more)])
    )


def _filled(ways: tuple[str, ...], **words: str) -> tuple[str, ...]:
    return tuple(way.format(**words) for way in ways)


def _sideways(compass: dict[str, str]) -> tuple[dict[str, tuple[str, ...]], ...]:
    training: dict[str, tuple[str, ...]] = {}
    held_out: dict[str, tuple[str, ...]] = {}
    for side, other in (("left", "right"), ("right", "left")):
        ways, new_ways = _filled(_TO_SIDE, s=side, o=other), _filled(_TO_SIDE_HELD_OUT, s=side)
        turn_ways = _filled(_TURN_TO_SIDE, s=side)
        training[f"translate_{side}"] = (
            *_each(_COMMON_TRAVEL, ways),
            *_spread(_TRAVEL, ways, each=2),
            *_filled(_SIDE_PHRASES, s=side, o=other, w=compass[side]),
            *_added((*RARER_TRAVEL, *_WIDER["TRAVEL"]), ways),
        )
        held_out[f"translate_{side}"] = _crossed(_TRAVEL_HELD_OUT, new_ways, each=1)
        training[f"drift_{side}"] = (
            *_spread(_DRIFT, ways, each=1),
            *_added((*RARER_DRIFT, *_WIDER["DRIFT"]), ways),
        )
        held_out[f"drift_{side}"] = _crossed(_DRIFT_HELD_OUT, new_ways, each=2)
        training[f"flow_{side}"] = (
            *_spread(_FLOW, ways, each=1),
            *_added((*RARER_FLOW, *_WIDER["FLOW"]), ways),
        )
        held_out[f"flow_{side}"] = _crossed(_FLOW_HELD_OUT, new_ways, each=2)
        training[f"turn_{side}"] = (
            *_spread(_TURN, turn_ways, each=2),
            *_added((*RARER_TURN, *_WIDER["TURN"]), turn_ways),
        )
        held_out[f"turn_{side}"] = _crossed(_TURN_HELD_OUT, new_ways, each=2)
    return training, held_out


def _upright(compass: dict[str, str]) -> tuple[dict[str, tuple[str, ...]], ...]:
    ways = {"up": (_UP, _UP_HELD_OUT), "down": (_DOWN, _DOWN_HELD_OUT)}
    verbs = {"up": _TRAVEL_VERTICAL, "down": _TRAVEL_DOWN}
    training: dict[str, tuple[str, ...]] = {}
    held_out: dict[str, tuple[str, ...]] = {}
    for way, (known, new) in ways.items():
        training[f"translate_{way}"] = (
            *_spread(verbs[way], known, each=1),
            *_filled(_UPRIGHT_PHRASES, v=way, w=compass[way]),
            *_added((*RARER_VERTICAL, *_WIDER["VERTICAL"]), known),
        )
        held_out[f"translate_{way}"] = _crossed(
            ("scoot", "proceed", "advance", "march"), new, each=2
        )
        training[f"flow_{way}"] = (
            *_spread(_FLOW, known, each=1),
            *_added((*RARER_FLOW, *_WIDER["FLOW"]), known),
        )
        held_out[f"flow_{way}"] = _crossed(_FLOW_HELD_OUT, new, each=2)
        for side in ("left", "right"):
            words = {"v": way, "s": side, **_CORNER_WORDS[way], "o": _OTHER[side]}
            corner, new_corner = _filled(_CORNER, **words), _filled(_CORNER_HELD_OUT, **words)
            name = f"translate_{way}_{side}"
            training[name] = (
                *_each(_COMMON_TRAVEL, corner),
                *_spread(_TRAVEL, corner, each=2),
                *_filled(_CORNER_PHRASES, **words, w=compass[way] + compass[side]),
                *_added((*RARER_TRAVEL, *_WIDER["TRAVEL"]), corner),
            )
            held_out[name] = _crossed(_TRAVEL_HELD_OUT, new_corner, each=2)
    return training, held_out


def _rotations() -> dict[str, tuple[str, ...]]:
    return {
        "rotate_clockwise": (
            *_spread(_ROTATE, _CLOCKWISE, each=1),
            *_added((*RARER_ROTATE, *_WIDER["ROTATE"]), _CLOCKWISE),
        ),
        "rotate_counterclockwise": (
            *_spread(_ROTATE, _COUNTERCLOCKWISE, each=2),
            *_added((*RARER_ROTATE, *_WIDER["ROTATE"]), _COUNTERCLOCKWISE),
        ),
    }


def _direction_nominals() -> tuple[str, ...]:
    """The phrases for directions that have no verb."""
    nominals: list[str] = []
    for side, other in _OTHER.items():
        for way, corner in _CORNER_WORDS.items():
            for compass in (*_COMPASS.values(), _COMPASS[way] + _COMPASS[side]):
                words = {"s": side, "o": other, "v": way, "w": compass, **corner}
                nominals += _filled(_NOMINAL_PHRASES, **words)
    return tuple(nominals)


def _things(tables: list[tuple[str, Things]]) -> dict[str, tuple[Things, ...]]:
    """By motion; what is said under "FLOW" goes with every direction."""
    ways = {side: _filled(_TO_SIDE, s=side, o=other) for side, other in _OTHER.items()}
    ways |= {"up": _UP, "down": _DOWN}
    found: dict[str, tuple[Things, ...]] = {}
    for heading, things in tables:
        of_motions = {heading: things}
        if heading == "FLOW":
            of_motions = {
                f"flow_{way}": replace(things, said=_spread(things.said, phrases, each=2))
                for way, phrases in ways.items()
            }
        for motion, own in of_motions.items():
            found[motion] = (*found.get(motion, ()), own)
    return found


_WIDER, _WIDER_NOMINALS = read_tables("wordings_wider.txt")
_WIDER_OWN = {name: "; ".join(said) for name, said in _WIDER.items() if name.islower()}
_SHORT, _SHORT_NOMINALS = read_tables("wordings_short.txt")
UNKNOWN_WORDINGS = _SHORT.pop("unknown")
"""What people ask for that no motion can show: "smile", "become night", "a sunset"."""
THINGS = _things(read_things("wordings_things.txt"))
"""What may be asked of things that hardly move in another way: "smoke goes up" flows, "ferris wheel" spins."""
_COMPASS = {"left": "west", "right": "east", "up": "north", "down": "south"}
_SIDE_TRAINING, _SIDE_HELD_OUT = _sideways(_COMPASS)
_UPRIGHT_TRAINING, _UPRIGHT_HELD_OUT = _upright(_COMPASS)


_OWN_HELD_OUT = {
    "bounce": "hop about; bounce in the air; rebound; skip up and down; bob on the spot; spring repeatedly; trampoline",
    "jump": "vault upward; hop once high; leap off the floor; perform a leap; bound into the air; pounce upward",
    "fall": "topple down; nosedive; take a fall; come crashing down; drop like a rock; slip off and fall; be falling",
    "rise": "soar off the ground; gain height; elevate; float away like a balloon; lift into the sky; climb ever faster",
    "swing": "oscillate like a pendulum; swing about a hook; hang loosely; dangle in the air; sling back and forth; swing to both sides",
    "sway": "lean in the gale; bend with the breeze; waver in the wind; swish from side to side; sway like a reed; rock like a palm tree",
    "rock": "rock like a dinghy; rock like a pontoon; tilt like a catamaran; rock astride the waves; seesaw like a plank; tilt like a wonky table",
    "shake": "jerk left and right; shake about; waggle; shimmy; jostle sideways; joggle from side to side",
    "tremble": "quake; shiver with fright; twitch; be shaking with cold; vibrate like a string; quaver",
    "rotate_clockwise": "swivel clockwise; orbit clockwise; gyrate slowly; rotate with the clock; crank clockwise; angle to the right",
    "rotate_counterclockwise": "swivel counterclockwise; orbit anticlockwise; crank counterclockwise; spin backward; angle to the left; rotate in reverse",
    "spin": "pirouette; whirl like a tornado; swirl around; rotate at high speed; twirl like a dancer; spin like a propeller",
    "wave": "tempest; a raging sea; fly like a banner; move like a snake; tossing waves; ocean swells; billow like a sail",
    "ripple": "quiver like pudding; concentric rings; make rings like a raindrop; wobble like gelatin; pond waves spread; ripple in all directions",
    "breathe": "respire; throb like a heart; puff in and out; chest rises and falls; pant; heartbeat",
    "grow": "magnify; blow up; get closer; balloon in size; loom; widen and heighten; advance to the viewer",
    "shrink": "dwindle; get further away; diminish; retreat; minimize; withdraw into the background",
    "nod": "give a nod; tip the head forward; curtsy; affirm with the head; duck the head; greet with a bow",
    "flap": "wings beating; flit; flap around like a moth; wave both wings; winnow; fan its wings",
    "still": "sit still; remain unmoving; keep calm and still; stay fixed; hold the pose; stay at rest; be a statue",
}


def _merged(
    side: dict[str, tuple[str, ...]],
    upright: dict[str, tuple[str, ...]],
    *own: dict[str, str],
) -> dict[str, tuple[str, ...]]:
    merged = {motion: tuple(dict.fromkeys(said)) for motion, said in {**side, **upright}.items()}
    for table in own:
        for motion, text in table.items():
            merged[motion] = tuple(dict.fromkeys((*merged.get(motion, ()), *as_lines(text))))
    return merged


def _with_short(tables: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Short wordings come after the first quarter of a table: among the commoner ones, and drawn less than those."""
    merged = {}
    for motion, said in tables.items():
        at, short = len(said) // 4, _SHORT.get(motion, ())
        merged[motion] = tuple(dict.fromkeys((*said[:at], *short, *said[at:])))
    return merged


TRAINING_WORDINGS = _with_short(
    _merged(
        *(_SIDE_TRAINING, {**_UPRIGHT_TRAINING, **_rotations()}),
        *(OWN_TRAINING, RARER_TRAINING, _WIDER_OWN),
    )
)
HELD_OUT_WORDINGS = _merged(_SIDE_HELD_OUT, _UPRIGHT_HELD_OUT, _OWN_HELD_OUT)
NOMINALS = frozenset(
    as_lines(
        """storm; a storm; stormy waves; rough sea; big waves; waves rolling; ripples on water; water ripples
        circular ripples; no motion; no movement; water flows down; tempest; a raging sea; tossing waves
        ocean swells; concentric rings; pond waves spread; chest rises and falls; heartbeat; wings beating; trampoline
        do not move; don't move; be dropped; be still; be falling; be shaking with cold; be a statue
        turn; stop; rest; beat; zoom in; zoom out; make waves; do nothing; rotate the object"""
    )
    + as_lines(OWN_NOMINALS)
    + as_lines(RARER_NOMINALS)
    + tuple(_WIDER_NOMINALS)
    + tuple(_SHORT_NOMINALS)
    + _direction_nominals()
)
"""Wordings used as they are: they have no verb to conjugate, or read oddly about a noun."""

SURROUNDINGS = read_lists("sentences.txt")
"""What people type around a wording, by heading of `sentences.txt`; "*" stands for the thing."""

PEOPLE_PROMPTS = by_motion(read_prompts("wordings_people.tsv"))
"""Whole prompts for training, as a language model thinks that many kinds of people type them; with no word of a held-out wording in any form."""
EVERYDAY_PROMPTS = by_motion(read_prompts("wordings_everyday.tsv"))
"""Prompts as people would type them, in common words. A language model wrote them that saw none of the tables (but the 11 with "+flap"); those that training could draw were taken out."""


SHORT_PROMPTS = read_asked("prompts_short.tsv")
"""Prompts of few words as impatient people type them, each with all motions that may be meant, or "unknown". Written and cleared like the everyday ones."""
TYPED_PROMPTS = read_asked("prompts_typed.tsv")
"""Prompts of one word to twenty as many kinds of people type them; as the short ones, and two motions at once are joined by "+"."""
PACED_PROMPTS = read_asked("prompts_paced.tsv")
"""Prompts as many kinds of people type them, each with how strong a motion they expect: faint, gentle, plain, strong or fierce. Written like the others,
after the words of `pace` had been chosen on other ones."""
PART_PROMPTS = read_asked("prompts_parts.tsv")
"""Prompts as many kinds of people type them who clicked on a part and name it (named) or do not (unnamed), or who mean all of a thing (whole), though they may
name a part in passing. Written like the others; none was looked at while the rules of `named_parts` were chosen, on others of the same writers."""
