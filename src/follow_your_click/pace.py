"""How strongly a prompt asks for a motion: "barely", "gently", "fast", "as hard as it can".

Words of manner alone, found by what stands there: a model is told what, which way and how strongly, each by itself.
"""

from __future__ import annotations

import re

FAINT, GENTLE, PLAIN, STRONG, FIERCE = 0.4, 0.65, 1.0, 1.4, 2.0
"""Of the strength that a motion has by itself."""

_VERY = r"(?:very|v|really|rlly|real|super|so|extremely|incredibly|insanely|ultra|mega|ever so|sooo*|too)"
_SLOW = (
    r"(?:slo+w(?:ly|er)?|gentl[ye]|softly|lightly|slightly|subtl[ey]|laz(?:y|ily)|calmly|quietly|peaceful(?:ly)?|leisurely"
    r"|delicately|faintly|dreamily|mildly|slugg?ish(?:ly)?|tired(?:ly)?|sleepily|relaxed|chill|creeps?|creeping)"
)
_FAST = (
    r"(?:fast(?:er)?(?! asleep| food)|quick(?:ly|er)?|rapid(?:ly)?|swift(?:ly)?|speed(?:s|y|ily|ing)?(?: off| away)?|wild(?:ly)?"
    r"|violent(?:ly)?|furious(?:ly)?|frantic(?:ally)?|vigorous(?:ly)?|energetic(?:ally)?|excited(?:ly)?|madly|fierce(?:ly)?"
    r"|strong(?:ly|er)?|intense(?:ly)?|hard(?:er)?(?! hat| drive)|hectic(?:ally)?|dramatic(?:ally)?|rush(?:es|ing)?|hurr(?:y|ies|ying)"
    r"|roaring|raging|charg(?:es|ing)|a ?lot(?! of))"
)
_AIR = r"(?:winds?|breeze|gusts?|storm|gale|waves|breaths?)"
_LEVELS = tuple(
    (re.compile(rf"\b(?:{'|'.join(patterns)})(?!\w)"), level)
    for level, *patterns in (
        # What stands first is taken first: "not too fast" is gentle, though "too fast" is not.
        (PLAIN, r"(?:normal|constant|steady|even|same|medium|moderate) (?:speed|pace)"),
        (
            GENTLE,
            rf"(?:not|never|don'?t|\w+n't) (?:\w+ )?(?:{_VERY} )?(?:{_FAST}|much|wild|big|rough)",
            rf"(?:without|no|not in) (?:any |a )?{_FAST}",
            r"half (?:the )?speed",
        ),
        (
            FAINT,
            rf"{_VERY} (?:{_SLOW}|little|slight|slo[wmo -]+motion)|barely|hardly|almost (?:not|nothing)|imperceptibl[ye]",
            r"just a (?:touch|hint|little|bit|tad)|an? (?:touch|hint|tad|whisper)|tiniest|nearly still",
            r"(?:a |the )?(?:tiny|teeny|wee|little|slightest|smallest) (?:little )?bit",
            r"(?:a|like a|at a) (?:snail|sloth)'?s?(?: pace)?",
        ),
        (
            FIERCE,
            rf"{_VERY} (?:{_FAST}|high|big)|as (?:fast|quick(?:ly)?|hard|wild(?:ly)?|high|far) as",
            r"like (?:crazy|mad|a mad ?man|a maniac|hell|lightning|a rocket|the wind|a bat out of hell)|bonkers|berserk",
            r"(?:full|top|max(?:imum)?|high|lightning|warp|insane|breakneck) (?:speed|throttle|tilt|steam|power|force|blast)",
            r"(?:at|on|to) (?:full|max|maximum|11)|hurricane|tornado",
        ),
        (
            GENTLE,
            rf"{_SLOW}|slow[ -]?mo(?:tion)?|slo[ -]?mo|a bit|a lil|a small|soft(?= *(?:$|[,.!]))",
            rf"(?:light|soft|slight|mild|faint|little|tiny|small) {_AIR}",
            r"a little(?= *(?:$|[,.!?;]|(?:and|to|up|down|left|right|in|as|like|from|while|then|more|now|please|pls|with|on)\b))",
        ),
        (
            STRONG,
            rf"{_FAST}|(?:heavy|stiff|big|huge) {_AIR}|(?:in|through) (?:a|the) (?:storm|gale)|stormy|double (?:the )?speed",
            r"go(?:es|ing)? (?:crazy|mad|nuts)",
        ),
    )
)


def pace(prompt: str) -> float:
    """The share of a motion's own strength that a prompt asks for: 1 where it says nothing of that, or speaks both ways."""
    said = prompt.lower().replace("\u2019", "'")
    found: set[float] = set()
    for pattern, level in _LEVELS:
        said, count = pattern.subn(" | ", said)
        if count:
            found.add(level)
    gentle, strong = ({x for x in found if x < PLAIN}, {x for x in found if x > PLAIN})
    if bool(gentle) == bool(strong):
        return PLAIN
    return min(gentle) if gentle else max(strong)
