"""Word lists of the rule-based captioner: everything in it that is about English rather than about grammar.

Verbs stand in their base form. A verb that is in no list counts as a motion: there are far fewer verbs of state
in captions than verbs of motion, and an unknown verb there is nearly always a motion.
"""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


STATE_VERBS = _words(
    """
    be have stand sit lie lay wait rest sleep nap doze dream stay remain hang look watch see stare gaze observe view
    face listen hear sound feel smell taste think know understand believe remember forget want need wish hope like love hate
    prefer enjoy relax live exist belong contain include consist hold keep own wear dress seem become mean matter
    cover surround enclose line border overlook adjoin reflect shine glow gleam glitter lead connect link
    show represent display feature depict illustrate advertise symbolize express convey suggest promise pose model perch nest
    roost lounge sunbathe camp stack pile heap locate situate abandon decorate adorn arrange light illuminate equip
    furnish frame isolate moor dock anchor park strand bury study learn read plan consider decide meet host attend
    participate celebrate spend visit explore admire suffer hurt meditate care fear worry concentrate focus
    contemplate ponder shop browse use concern deal manage lack cost fit suit depend resemble equal total await expect
    work cool dry age lean crouch squat slouch kneel recline bask loom tower dominate stock sell buy offer
    contain store house grow bloom blossom ripen wither sprawl nestle ring chime echo resound call name title
    base design locate inspire style theme relate associate protect preserve guard rely specialize
    monitor supervise survive provide support help assist organize research analyze analyse develop discover learn
    ignore miss trust respect imagine doubt recognize notice recharge
    """
)
"""States, postures, perception, and work that shows no particular movement."""

MACHINES = _words(
    """
    machine machinery robot arm jack jacks pump pumps engine engines excavator excavators crane cranes mill motor motors drill
    bulldozer bulldozers tractor tractors press printer loader harvester combine lathe turbine turbines gear gears
    mechanism conveyor crusher mixer
    """
)
"""Things of which "works" says that they move."""

GROWTH_VERBS = _words("grow bloom blossom ripen wither sprout dry")
"""Too slow to be seen, unless the film is sped up."""

LANDSCAPE = _words(
    """
    river rivers road roads path paths trail trails street streets track tracks coast coastline valley row rows stairs
    staircase wall fence mountains hills field fields vineyard vineyards railway bridge highway canal range forest beach
    line lines
    """
)
LANDSCAPE_VERBS = _words(
    "wind run stretch extend curve meander lead rise climb descend cross snake twist disappear go"
)
"""A road "runs" and a valley "stretches" without moving."""

MOTION_VERBS = _words(
    """
    arrive ascend bark bend billow blink blow bob boil bounce bow break breathe bubble burn burst chase chew circle clap climb
    collapse come crash crawl creep cross cut dance dart dig dip dive drag drift drink drip drive drop eat emerge erupt
    explode fall flap flash flee flick flicker flip float flow flutter fly gallop gather glide graze hop hover hurry jog
    jump kick knead land laugh lean leap leave lick lift march melt mix move nibble nod open orbit paddle pass pedal peck peel
    pick plunge point pop pour pull pulse punch push race raise reach ride ripple rise roar rock roll rotate run rush sail
    scatter scurry shake shimmer shiver sing sink sizzle skate ski skip slide slip slither smile smoke soar spark sparkle spill
    spin splash spray spread sprint squirt steam step stir stream stride stroll strike strut surf surge sway sweep swim
    swing swirl tap tear throw tilt tip toss tremble trickle trot trickle turn twirl twist type vibrate waddle wade wag walk wander
    wash wave wiggle wink wipe write yawn zoom
    """
)
"""Verbs that decide for a verb where the tagger saw a noun ("butterfly lands on ...")."""

MOSTLY_NOUNS = _words(
    """
    blinks bows breaks breezes bubbles burns bursts climbs crashes cuts drifts drinks drips drives drops falls flashes flicks
    flies flips floats flows jumps laughs leaps leaves lights marches moves passes picks pulses punches races ripples rides
    rocks rolls runs sails skates skis slides slips smiles smokes sparks splashes sprays springs steams steps strikes streams
    surges swings taps tears twists types walks washes waves whips
    """
)
"""Verbs in the third person that are plurals more often: "dew drops on grass" asks for clearer signs of a verb."""

POSTURES = _words("kneel lean stand crouch sit lie squat recline")
CHANGES_OF_POSTURE = _words("up down forward forwards back over into out")
"""States alone, motions with where to: leans forward, stands up."""

FILMING = _words("zoom pan film")

ATTRIBUTIVE_VERBS = _words(
    """
    applaud bark billow blink boil bounce bubble burn burst cascade cheer collapse crash crawl cry dance drift drip erupt
    explode fall flap flash flicker float flow flutter fly gallop glide glitter gush hover jump laugh leap march melt
    move ooze orbit plunge pour pulsate pulse race ripple rise roar roll rotate run rush shake shimmer shoot sink sizzle smile
    smoke smoulder soar spark spin splash spray steam stream surge sway swim swing swirl talk tremble trickle turn twirl
    twinkle twist vibrate walk wave whirl yawn
    """
)
"""Verbs that move the noun which they stand before: a laughing boy, boiling water, flashing lights."""

INSTRUMENTS = _words(
    """
    area bag bath beam bike board boat boots bridge bucket business can card centre center chair class classes clothes club
    competition concept costume course cream day desk equipment event fabric field gear glasses goggles gown ground hall
    hat helmet hill home kit knife lane lessons license licence line lounge machine mall map mat material net oven pan
    path picnic place platform point pole pool post practice purposes range road rod room route school season seat shed shoe
    shoes shop sign space spot stage stick sticks stone street studio style suit surface tab table tap time tool tools
    tour track trail trails tray trip trousers village wear wheel
    """
)
"""Things for doing: running shoes do not run."""

ING_NOUNS = _words(
    """
    anything beginning being blessing boring bring building carving ceiling clearing clothing cling coating covering crossing
    drawing dressing dwelling earring engraving evening everything farming ending feeling filling fishing flooring greeting
    hearing herring housing icing king landing lettering lightning lighting living lodging marketing meeting
    morning nothing outing packaging painting parking planning plumbing pudding railing ring roofing sapling
    savings scaffolding schooling seating setting shopping sibling sling something spelling spring sterling sting string
    surrounding surroundings swing thing tracking training vlogging wedding wing wiring writing
    """
)
"""Words in -ing that name things."""

LIGHT_VERBS = _words("get make do let take put give bring go come")
"""Verbs that say nothing alone (get ready), but much with what follows (get up)."""

CATENATIVES = _words("start begin continue keep")
"""Verbs that only say that another one goes on."""

MOVING_PASSIVES = _words(
    """
    bear beat blow bounce buffet carry catapult chase chop churn cut deliver drag draw drive drop fan fling flip hoist hurl
    kick knead knock lead lift lower mix move pick pour press propel pull push raise ride rock roll rotate row shake shape slice
    spill spin spray squeeze steer stir sweep swing throw tip toss tow tumble turn unload wash wheel whip whirl whisk
    """
)
"""Verbs whose passive says that something moves: carried away by the current. Most others tell a state (parked)."""

NEAR_SUBJECT_VERBS = _words(
    "billow blow burn burst drip flap flash flicker float flow flutter glow gush melt spill spray stream sway swirl wave"
)
"""What these say goes with the nearest noun: a woman with long hair blowing."""

COLLECTIVES = _words(
    "army band bunch cloud cluster colony column couple crowd flock flotilla group handful herd hundreds line lots number pack "
    "pair pairs plenty pod pride procession row school series shoal stream swarm team thousands trio drop drops"
)
"""A herd of cows moves as the cows do."""

PARTS_OF_FILM = _words(
    """
    view views shot shots footage video clip film scene close-up closeup close portrait silhouette silhouettes image timelapse
    hyperlapse animation loop sequence concept background panorama flyover pov movie recording part rendering
    illustration lapse angle perspective
    """
)
"""A shot of a dog running: the dog runs."""

CAMERA = _words(
    "camera cam lens gimbal steadicam camcorder pov dolly shot view footage video zoom pan tilt"
)
CAMERA_VERBS = _words(
    "fly move walk drive travel glide ride hover rise descend go pan tilt zoom dolly track orbit circle approach "
    "follow pull push soar pass rotate turn slide crane truck sail"
)
"""With no one named who does it, the camera does it."""

EVENT_NOUNS = {
    "rain": "fall",
    "rainfall": "fall",
    "snowfall": "fall",
    "hail": "fall",
    "drizzle": "fall",
    "waterfall": "flow",
    "waterfalls": "flow",
    "cascade": "flow",
    "fireworks": "explode",
    "explosion": "explode",
    "eruption": "erupt",
    "campfire": "burn",
    "bonfire": "burn",
    "wildfire": "burn",
    "thunderstorm": "storm",
    "snowstorm": "storm",
    "sandstorm": "storm",
    "blizzard": "storm",
    "traffic": "move",
    "handshake": "shake hands",
}
"""Nouns that name a motion, and how they move."""

DIRECTIONS = _words(
    """
    up down left right forward forwards backward backwards upward upwards downward downwards sideways clockwise
    counterclockwise anticlockwise overhead away back apart together around round off out inwards outwards ahead aside past
    high low fast open shut upright closer homeward skyward diagonally
    """
)
PATHS = _words(
    """
    up down through over across along around round into onto toward towards past off out away from to against inside above
    """
)
"""Prepositions whose phrase says where a motion goes; the others say where it takes place."""

CONTACT_VERBS = _words(
    "land fall crash put place pour drop splash press step sprinkle throw jump type climb pile load bite dip dive roll plunge point aim shoot"
)
"""After these, "on", "in" and "at" say where the motion goes."""

BACKDROPS = _words("sky background backdrop sunset horizon sunlight sun skyline white black")

SPED_UP = re.compile(r"\b(?:time|hyper)[ -]?lapse|\bfast[ -](?:forward|motion)|\bsped up")
FROM_THE_AIR = re.compile(
    r"\b(?:aerial|drone (?:shot|view|footage|video)|bird'?s[ -]eye|4k (?:drone|aerial))"
)

FILM_WORDS = re.compile(
    r"""
    \b(?:
      (?:extreme\ |super\ )?close[ -]?up(?:\ (?:shot|view|footage|video))?(?:\ of\b)?
    | (?:time|hyper)[ -]?lapse(?:\ (?:of|footage|video|clip)\b)?
    | (?:super\ |ultra\ |in\ super\ |in\ ultra\ |in\ )*(?:slow|fast|real)[ -](?:motion|mo|time|forward)(?:\ (?:of|video|shot))?
    | (?:aerial|top|back|front|side|rear|overhead|drone|low[ -]angle|high[ -]angle|wide|point\ of|bird'?s[ -]eye)(?:\ drone)?
      \ (?:view|shot|footage|angle|video|panorama)s?(?:\ (?:of|from)\b)?
    | (?:macro|dolly|tracking|crane|gimbal|steadicam|handheld|panning|medium|establishing|jib)\ (?:shot|view|footage|video)(?:\ of\b)?
    | (?:seamless(?:ly)?\ )?loop(?:able|ing|ed)?\ (?:background|animation|video)|seamless\ loop
    | (?:isolated\ )?on\ (?:a\ )?(?:white|black|green|transparent)\ (?:background|screen)
    | (?:green|blue)\ screen(?!\ \w) | chroma\ key | alpha\ channel | copy\ space | shallow\ depth\ of\ field | depth\ of\ field | still\ life
    | (?:4k|8k|uhd|full\ hd|hd|1080p|\d+\ ?fps)\b
    )
    """,
    re.VERBOSE,
)
"""How a clip was filmed: taken out before the words are read."""

DATELINE = re.compile(r"^[^:]{0,60}\b(?:circa|19\d\d|20\d\d)[^:]{0,12}:\s*", re.IGNORECASE)
"""TOKYO, JAPAN - CIRCA MAY 2018: ..."""
