"""The tables behind `motion_prompts`: how people say each motion.

A table entry is an imperative ("drift to the left"); entries that do not start with a verb are
nominals ("a storm") and are used as they are. Held-out entries are never seen in training.

Defaults where the words leave a side open, the same everywhere: turning the head goes to the left,
rotating and spinning go clockwise, drifting goes to the left, flowing goes down, flying away goes up.
"""

_TO_SIDE = ("{s}", "to the {s}", "{s}ward", "{s}wards", "toward the {s}", "towards the {s} side")
_TO_SIDE_HELD_OUT = ("off to the {s}", "in the {s} direction", "toward the {s}-hand side", "{s}")
_UP = ("up", "upward", "upwards", "straight up", "toward the top", "up the picture")
_DOWN = ("down", "downward", "downwards", "straight down", "toward the bottom", "down the picture")
_UP_HELD_OUT = ("up", "in the upward direction", "to the upper edge", "upward")
_DOWN_HELD_OUT = ("down", "in the downward direction", "to the lower edge", "downward")
_CORNER = (
    "{v} and {s}",
    "{v} and to the {s}",
    "{v} {s}",
    "to the {c} {s}",
    "toward the {c} {s}",
    "diagonally {v} and {s}",
)
_CORNER_HELD_OUT = ("{v}-{s}", "toward the {c} {s}-hand corner", "{s} and {v}", "{v} to the {s}")

_TRAVEL = (
    "move",
    "go",
    "slide",
    "shift",
    "glide",
    "travel",
    "head",
    "fly",
    "drive",
    "run",
    "walk",
    "roll",
)
_TRAVEL_HELD_OUT = ("scoot", "proceed", "march", "advance", "zoom")
_TRAVEL_VERTICAL = (
    "move",
    "go",
    "slide",
    "shift",
    "glide",
    "travel",
    "head",
    "fly",
    "climb",
    "push",
)
_TRAVEL_DOWN = ("move", "go", "slide", "shift", "glide", "travel", "head", "fly", "come", "push")
_DRIFT = ("drift", "float", "drift slowly", "float gently", "waft", "drift along", "drift lazily")
_DRIFT_HELD_OUT = ("sail", "hover slowly", "cruise calmly")
_FLOW = ("flow", "stream", "run like water", "flow steadily", "flow smoothly", "keep flowing")
_FLOW_HELD_OUT = ("gush", "pour along", "course")
_TURN = ("turn", "turn the head", "turn its head", "look", "face", "turn around", "twist the head")
_TURN_HELD_OUT = ("glance", "swivel", "gaze", "pivot the face")


def _crossed(verbs: tuple[str, ...], ways: tuple[str, ...], *, each: int) -> tuple[str, ...]:
    """Verbs with directions: the first verb with all of them, the others with `each` in turn."""
    phrases = [f"{verbs[0]} {way}" for way in ways]
    for index, verb in enumerate(verbs[1:]):
        phrases += [f"{verb} {ways[(index + step) % len(ways)]}" for step in range(each)]
    return tuple(dict.fromkeys(phrases))


def _filled(ways: tuple[str, ...], **words: str) -> tuple[str, ...]:
    return tuple(way.format(**words) for way in ways)


def _sideways(compass: dict[str, str]) -> tuple[dict[str, tuple[str, ...]], ...]:
    training: dict[str, tuple[str, ...]] = {}
    held_out: dict[str, tuple[str, ...]] = {}
    for side in ("left", "right"):
        ways, new_ways = _filled(_TO_SIDE, s=side), _filled(_TO_SIDE_HELD_OUT, s=side)
        training[f"translate_{side}"] = (
            *_crossed(_TRAVEL, ways, each=2),
            f"go {compass[side]}",
            f"move sideways to the {side}",
        )
        held_out[f"translate_{side}"] = _crossed(_TRAVEL_HELD_OUT, new_ways, each=1)
        training[f"drift_{side}"] = _crossed(_DRIFT, ways, each=3)
        held_out[f"drift_{side}"] = _crossed(_DRIFT_HELD_OUT, new_ways, each=2)
        training[f"flow_{side}"] = _crossed(_FLOW, ways, each=3)
        held_out[f"flow_{side}"] = _crossed(_FLOW_HELD_OUT, new_ways, each=2)
        training[f"turn_{side}"] = _crossed(_TURN, ways, each=3)
        held_out[f"turn_{side}"] = _crossed(_TURN_HELD_OUT, new_ways, each=2)
    return training, held_out


def _upright(compass: dict[str, str]) -> tuple[dict[str, tuple[str, ...]], ...]:
    ways = {"up": (_UP, _UP_HELD_OUT), "down": (_DOWN, _DOWN_HELD_OUT)}
    verbs = {"up": _TRAVEL_VERTICAL, "down": _TRAVEL_DOWN}
    training: dict[str, tuple[str, ...]] = {}
    held_out: dict[str, tuple[str, ...]] = {}
    for way, (known, new) in ways.items():
        training[f"translate_{way}"] = (
            *_crossed(verbs[way], known, each=2),
            f"go {compass[way]}",
        )
        held_out[f"translate_{way}"] = _crossed(
            ("scoot", "proceed", "advance", "march"), new, each=2
        )
        training[f"flow_{way}"] = _crossed(_FLOW, known, each=3)
        held_out[f"flow_{way}"] = _crossed(_FLOW_HELD_OUT, new, each=2)
        for side in ("left", "right"):
            words = {"v": way, "s": side, "c": {"up": "upper", "down": "lower"}[way]}
            corner, new_corner = _filled(_CORNER, **words), _filled(_CORNER_HELD_OUT, **words)
            name = f"translate_{way}_{side}"
            training[name] = (
                *_crossed(_TRAVEL, corner, each=2),
                f"go {compass[way]}{compass[side]}",
            )
            held_out[name] = _crossed(_TRAVEL_HELD_OUT, new_corner, each=2)
    return training, held_out


_COMPASS = {"left": "west", "right": "east", "up": "north", "down": "south"}
_SIDE_TRAINING, _SIDE_HELD_OUT = _sideways(_COMPASS)
_UPRIGHT_TRAINING, _UPRIGHT_HELD_OUT = _upright(_COMPASS)


def _lines(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.replace("\n", ";").split(";") if part.strip())


_OWN_TRAINING = {
    "translate_up": "fly away; soar; fly off; take wing; lift up",
    "translate_down": "descend; lower; come down; sink",
    "drift_left": "drift; drift away; float along; drift on the water; drift gently",
    "turn_left": "turn the head; turn its head; shake the head to the left; turn; look away",
    "flow_down": "flow; stream; flow like a waterfall; pour; water flows down; run down; cascade",
    "bounce": """bounce; bounce up and down; bounce twice; bounce like a ball; keep bouncing; bounce on the ground
        bounce in place; spring up and down; hop up and down; hop; hop twice; make small hops; bob up and down
        dribble; bounce off the floor; bounce around; move up and down; bounce happily; keep hopping; bounce again""",
    "jump": """jump; jump up; leap; leap up; jump once; jump high; leap into the air; jump into the air
        make a jump; take a leap; crouch and jump; jump up and land; jump off the ground; spring into the air
        jump on the spot; leap high; do a jump; jump and come back down; jump for joy; make one big jump""",
    "fall": """fall; fall down; drop; drop down; fall to the ground; plunge; plunge down; plummet; crash down
        fall off; fall faster and faster; drop to the floor; fall like a stone; fall from the sky; tumble down
        drop straight down; fall over the edge; let go and fall; be dropped; speed up downward""",
    "rise": """rise; rise up; ascend; take off; lift off; float up; float upward; levitate; rise into the air
        rise slowly; rise like a balloon; launch; launch into the sky; go up faster and faster; blast off
        float into the sky; rise from the ground; rise higher; start to rise; speed up upward""",
    "swing": """swing; swing back and forth; swing like a pendulum; swing from side to side; dangle; hang and swing
        swing to and fro; swing on a rope; swing in the air; swing freely; swing gently; keep swinging; swing once
        dangle back and forth; dangle from above; swing like a bell; hang from a string and swing; swing widely
        swing left and right; swing in an arc""",
    "sway": """sway; sway in the wind; sway gently; sway from side to side; bend in the wind; bend from side to side
        sway in the breeze; lean from side to side; sway back and forth; sway like grass; sway like a tree
        wave in the wind; sway softly; bend back and forth; move in the breeze; sway to the music; sway slowly
        rock in the wind; lean back and forth; sway left and right; move in the wind; dance in the wind""",
    "shake": """shake; shake body; shake the body; shake its body; shake from side to side; shake hard; shake quickly
        shake sideways; shake left and right; rattle; shake back and forth; shake in place; jolt from side to side
        shake fast; wag; shake itself; wiggle; wiggle left and right; wiggle from side to side; keep shaking
        shake violently; wag from side to side; shake the whole body; wiggle quickly""",
    "tremble": """tremble; shiver; quiver; vibrate; tremble with fear; shiver from the cold; tremble slightly; buzz
        shiver with cold; vibrate fast; tremble all over; quiver a little; jitter; jitter in place; vibrate in place
        shudder; tremble in fear; keep trembling; shiver all over; vibrate like a phone; tremble like a leaf""",
    "rotate_clockwise": """rotate; rotate clockwise; turn clockwise; rotate to the right; rotate slowly
        rotate slowly clockwise; rotate in a clockwise direction; rotate about its centre; pivot clockwise
        tilt clockwise; roll clockwise; twist clockwise; keep rotating; rotate like a clock hand; rotate around
        revolve; revolve clockwise; turn like a clock; rotate steadily; rotate rightward; tilt to the right
        rotate the object; wheel clockwise; rotate in place""",
    "rotate_counterclockwise": """rotate counterclockwise; turn counterclockwise; rotate to the left
        rotate anticlockwise; turn anticlockwise; rotate slowly counterclockwise; rotate backward; tilt to the left
        rotate in a counterclockwise direction; pivot counterclockwise; tilt counterclockwise; revolve backward
        roll counterclockwise; twist counterclockwise; revolve counterclockwise; rotate counter-clockwise
        rotate leftward; wheel counterclockwise; rotate against the clock; turn counter-clockwise; rotate the other way
        pivot anticlockwise; twist anticlockwise""",
    "spin": """spin; spin around; spin fast; spin quickly; twirl; whirl; spin like a top; spin in place; twirl around
        spin round and round; keep spinning; spin clockwise; whirl around; spin like a wheel; go round and round
        spin on the spot; spin rapidly; spin very fast; turn round and round; spin like a fan; spin in circles
        spin wildly""",
    "wave": """wave; wave like a flag; billow; undulate; wave in the storm; storm; a storm; stormy waves; roll like waves
        billow in the wind; move in waves; wave up and down; undulate like a snake; make waves; rough sea; big waves
        blow in the storm; wave like the sea; surge; surge in waves; flap like a flag; waves rolling; swell; heave""",
    "ripple": """ripple; ripple like water; ripple outward; make ripples; ripple gently; form ripples; shimmer
        spread ripples; ripple from the centre; water ripples; ripples on water; ripple like a pond; wobble
        wobble like jelly; ripple in circles; circular ripples; spread rings; shimmer like water; keep rippling
        ripple like a lake; jiggle like jelly; ripple outwards""",
    "breathe": """breathe; breathe in and out; breathe deeply; breathe slowly; pulse; pulsate; throb; breathe calmly
        take a breath; take deep breaths; inhale and exhale; beat like a heart; expand and contract; keep breathing
        swell and shrink; pulse like a heart; breathe gently; grow and shrink again and again; pulse slowly
        beat; get bigger and smaller; inflate and deflate""",
    "grow": """grow; grow bigger; grow larger; get bigger; get larger; expand; become bigger; become larger; scale up
        come closer; move closer; approach; grow slowly; come toward the camera; inflate; enlarge; increase in size
        come nearer; swell up; zoom in; move toward the viewer; keep growing; come forward; grow in size""",
    "shrink": """shrink; shrink down; get smaller; grow smaller; become smaller; scale down; contract; go away; recede
        move away; move farther away; shrink slowly; deflate; decrease in size; go into the distance; back away
        zoom out; move away from the camera; keep shrinking; go backward; become tiny; shrink away; get tiny
        fade into the distance""",
    "nod": """nod; nod the head; nod its head; nod twice; nod up and down; nod yes; say yes; bow; bow the head
        bow its head; nod in agreement; nod gently; move the head up and down; nod slowly; agree with a nod
        dip the head; lower the head and raise it; bow slightly; keep nodding; bob the head; nod and agree""",
    "flap": """flap; flap its wings; flap the wings; flutter; flap wings; flutter its wings; beat its wings; flap fast
        flap up and down; flutter like a butterfly; flap like a bird; keep flapping; move its wings; flutter around
        beat the wings; flap quickly; flutter quickly; open and close its wings; fold and spread its wings
        flap hard; spread the wings and flap""",
    "still": """stay still; do not move; keep still; stay in place; stand still; remain still; freeze; hold still; stop
        stay frozen; be still; no motion; no movement; stay put; remain motionless; do nothing; stay as it is
        don't move; rest; stay where it is; stand motionless; remain in place""",
}

_OWN_HELD_OUT = {
    "bounce": "hop about; bounce in the air; rebound; skip up and down; bob on the spot; spring repeatedly; trampoline",
    "jump": "vault upward; hop once high; leap off the floor; perform a leap; bound into the air; pounce upward",
    "fall": "topple down; nosedive; take a fall; come crashing down; drop like a rock; slip off and fall; be falling",
    "rise": "soar off the ground; gain height; elevate; float away like a balloon; lift into the sky; climb ever faster",
    "swing": "oscillate like a pendulum; swing about a hook; hang loosely; dangle in the air; sling back and forth; swing to both sides",
    "sway": "lean in the gale; bend with the breeze; waver in the wind; swish from side to side; sway like a reed; rock like a palm tree",
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
    own: dict[str, str],
) -> dict[str, tuple[str, ...]]:
    merged = {**side, **upright}
    for motion, text in own.items():
        merged[motion] = tuple(dict.fromkeys((*merged.get(motion, ()), *_lines(text))))
    return merged


TRAINING_WORDINGS = _merged(_SIDE_TRAINING, _UPRIGHT_TRAINING, _OWN_TRAINING)
HELD_OUT_WORDINGS = _merged(_SIDE_HELD_OUT, _UPRIGHT_HELD_OUT, _OWN_HELD_OUT)
NOMINALS = frozenset(
    _lines(
        """storm; a storm; stormy waves; rough sea; big waves; waves rolling; ripples on water; water ripples
        circular ripples; no motion; no movement; water flows down; tempest; a raging sea; tossing waves
        ocean swells; concentric rings; pond waves spread; chest rises and falls; heartbeat; wings beating; trampoline
        do not move; don't move; be dropped; be still; be falling; be shaking with cold; be a statue
        turn; stop; rest; beat; zoom in; zoom out; make waves; do nothing; rotate the object"""
    )
)
"""Wordings used as they are: they have no verb to conjugate, or read oddly about a noun."""
