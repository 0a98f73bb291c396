"""Parts that a prompt names and one click means: "this petal drops", "the lid lifts off"; but not "flap its wings".

Which prompts do is told by rules, as `pace` is: by one noun in the singular that parts of things bear, as what moves. What stands
after a preposition is where something moves ("falls off the branch"), and several parts are more than one click can mean.
"""

from __future__ import annotations

import re


def word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Of bodies, plants, vehicles, things, buildings, clothes, and of anything.
NOUNS = word_set(
    "antenna arm beak beard bill brow chin claw ear elbow eye eyebrow eyelid feeler fin finger fist flipper foot forehead"
    " hoof horn jaw knee leg limb lip mane mouth neck nose nostril paw pincer plume ponytail snout tail tentacle thumb toe"
    " tongue torso trunk tusk whisker wing wrist"
    " anther blossom branch bough bud calyx crown frond leaf needle petal seedhead sepal stalk stem tendril treetop twig"
    " bonnet boom bow bumper cockpit funnel headlight jib keel mainsail mast mirror pedal propeller prop rigging rotor rudder"
    " sail sidecar spoke stern tire topsail tyre wheel windscreen windshield wiper"
    " armrest axle backrest bezel blade bristle buckle bulb button cap cord crank cork cover crest cuff dial disc disk door"
    " drawer faucet finial flame flap gate gear gripper handle hatch hem hinge hood hook icing key knob lace lampshade latch"
    " leaflet lever lid needle nozzle panel pendulum pointer pot record saddle screen seat shade sheath shelf shutter sleeve"
    " slider spout spring strap string switch tap tassel tip tonearm topping turntable valve wick zip zipper"
    " balcony chimney dome door drawbridge gable roof shutter spire steeple turret vane weathercock window"
    " collar hood pocket sleeve"
    " awning banner flag pennant slice tuft"
    " center centre corner head hand face middle rim top"
)
# Of these, what has no bones or many, and bends.
BENDERS = word_set(
    "antenna arm branch feeler fin finger flipper leaf neck petal tail tentacle trunk"
)
# What is a verb as often, or says where: these count only behind an article or the like.
_UNSURE = word_set(
    "arm bill bow branch bud button cap claw cover crest crown cuff elbow face finger flag flap foot gear hand head hood hook"
    " horn key knee lace leaf mouth needle nose panel paw pocket pot prop record rim sail screen seat shade shelf slice spring"
    " stem string switch tail tap tip top trunk wing zip"
)
_POINTING = word_set(
    "the this that its his her their your my our a an one just only left right upper lower top bottom front back rear near far hind first second third last other outer inner"
    " middle big small little long short red green blue yellow white black brown golden minute hour"
)
# Up to here a prompt says what moves; behind it, where, whither or like what.
_WHERE = word_set(
    "about above across against along among around as at behind below beneath beside between beyond by down for from if in inside into like near"
    " of off on onto out over past round since so than through till to toward towards under until up upon via when where while with within"
    " without"
)
# Between what points and the noun: "his dangling arm".
_DOING = re.compile(r".{3}(?:ing|ed)$")
_LIKED = re.compile(r"\b(?:would|'d|i) like\b")
# What belongs to the verb and says of nothing where it is: "curl up this arm".
_PARTICLE = re.compile(
    r"\b((?:bend|close|curl|fold|kick|lift|open|roll|spread|stick|stretch)(?:s|es|ing)?) (?:up|down|out|in|over|back)\b"
)
_NEXT = re.compile(r"[,;.!?&+]|\b(?:and|then|but|while|whilst)\b")


def named_part(prompt: str) -> str | None:
    """The noun of the part of what is clicked on that is to move alone ("lid"); None where none is named."""
    found = (_named(part.split()) for part in _NEXT.split(_plain(prompt)))
    return next((noun for noun in found if noun is not None), None)


def part_noun(name: str) -> str:
    """What kind of part a name means: "left hind leg" and "legs (rear)" are a "leg"; "" for what no prompt can name."""
    words: list[str] = re.findall(r"[a-z]+", name.lower().split("(")[0])
    for word in reversed(words):
        for noun in (word, word.removesuffix("s"), word.removesuffix("es")):
            if noun in NOUNS:
                return noun
    return ""


def _plain(prompt: str) -> str:
    said = _LIKED.sub(" ", prompt.lower().replace("\u2019", "'").replace("-", " "))
    return _PARTICLE.sub(r"\1", said)


def _named(words: list[str]) -> str | None:
    """The noun of one clause."""
    for index, word in enumerate(words):
        if word in _WHERE:
            return None
        if word in NOUNS:
            follows = words[index + 1] if index + 1 < len(words) else ""
            acts = follows.endswith(("s", "ing")) and follows not in _POINTING
            before = words[index - 1] if index else ""
            if index > 1 and _DOING.search(before):
                before = words[index - 2]
            if before in _POINTING or acts or word not in _UNSURE:
                return word
    return None
