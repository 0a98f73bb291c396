"""Rarer words for the motions: few wordings each, many verbs and things that move so.

Static word vectors read a verb by its neighbours, so what helps a prompt with a word that no table has is how many words
near it are in them. Written as `wordings_training`; the same defaults where a side is left open.
"""

RARER_TRAVEL = (
    *("relocate", "transfer", "migrate", "journey", "trek", "trot", "jog", "gallop", "sprint"),
    *("scurry", "scamper", "scuttle", "skate", "ski", "cycle", "pedal", "hike", "stroll", "tiptoe"),
    *("slither", "sneak", "sidle", "edge", "steer", "veer", "nudge", "drag", "tow", "haul"),
    *("carry", "push", "pull", "shove", "send", "displace", "reposition", "propel", "hurtle"),
    *("whizz", "zip", "dart", "bolt", "flee", "pass", "progress", "hurry", "hasten", "trudge"),
    *("plod", "waddle", "strut", "stride", "pace", "skid", "shuffle", "wade", "paddle", "row"),
    *("taxi", "roam", "barrel", "transport", "translate", "continue", "set off", "depart"),
    *("creep", "inch", "stagger", "escape", "chase", "patrol", "parade", "cross over"),
    *("jump over", "lunge", "toss", "throw", "fling", "kick", "shoot", "blast", "swerve"),
)
RARER_VERTICAL = (
    *("relocate", "transfer", "journey", "scurry", "scamper", "scuttle", "edge", "nudge", "drag"),
    *("tow", "haul", "carry", "shove", "send", "displace", "reposition", "propel", "zip", "dart"),
    *("progress", "hurry", "hasten", "slither", "trek", "hike", "paddle", "transport", "translate"),
    *("continue", "bring", "take", "squeeze", "trot", "jog", "gallop", "sprint", "wade"),
    *("trudge", "plod", "stride", "pace", "steer", "veer", "sneak", "flee", "pass", "ride"),
)
RARER_DRIFT = (
    *("drift dreamily", "float lazily", "be wafted", "ride the wind", "ride the current", "stray"),
    *("be swept along", "be borne along", "amble", "saunter", "mosey", "glide peacefully"),
    *("bob along", "float freely", "hang in the air and drift", "roam lazily", "glide lazily"),
    *("drift aimlessly", "wander aimlessly", "slide lazily", "raft", "float downstream"),
    *("dawdle", "linger and drift", "ramble", "rove"),
)
RARER_FLOW = (
    *("spout", "spurt", "spew", "gurgle", "ooze", "seep", "leak", "drain", "jet", "squirt"),
    *("flood", "wash", "slosh", "bleed", "churn along", "spray", "overflow", "discharge"),
    *("drizzle", "shower", "swoosh", "sluice", "well", "dribble along", "splash"),
    *("swim like water", "purl", "funnel", "filter", "emanate", "issue", "percolate", "pump"),
)
RARER_TURN = (
    *("peer", "glimpse", "watch", "view", "check", "gape", "squint", "gawk", "spy", "observe"),
    *("orient the head", "twist the neck", "turn the neck", "crane the neck", "swing the head"),
    *("face toward something", "shift the eyes", "move the eyes", "roll the eyes", "eye"),
    *("point the nose", "rotate the face", "aim the face", "direct the eyes", "stare off"),
    *("twist its head", "revolve the head", "spin the head", "look out", "admire something"),
)
RARER_ROTATE = (
    *("whirl slowly", "screw", "wind", "reel", "bank", "cant", "slant", "incline", "tumble"),
    *("turn over", "swing round", "cycle", "loop", "spiral", "curl", "coil", "veer round", "dial"),
    *("spin slowly", "be rotated", "be turned", "whir", "churn", "cartwheel", "somersault"),
    *("lean", "roll around", "turn round and round", "gyre", "twirl slowly", "flip"),
)

RARER_TRAINING = {
    "translate_up": """be hoisted; clamber up; scale the wall; scramble up; shin up; go skyward; fly heavenward
        mount the stairs; walk upstairs; go upstairs; take the stairs up; crawl up; swim up""",
    "translate_down": """alight; go underwater; submerge; immerse; sag; subside; sink away; walk downstairs; go downstairs
        dip; go under; perch; settle; settle on the ground; come in to land; parachute; abseil; burrow; dig; dig down; drown
        submerge slowly; slump down; squat down; crouch; crouch down; kneel; kneel down; lie down; stoop""",
    "drift_left": """be adrift; glide; glide through the air; hang glide; paraglide; be blown away; stray; float weightlessly
        float in space; be carried along; be swept away; ride the breeze; lilt along; loaf; loiter; lounge on the water; roam""",
    "turn_left": """look elsewhere; avert the eyes; look out of the window; glimpse something; notice something; see who is there
        listen; check behind; turn the neck; twist the neck; crane the neck; look behind; look around; watch out; peer round
        search; spot something; be curious; turn about; face away; show its profile; observe""",
    "flow_down": """gurgle; ooze; seep; leak; dribble down; drain; spill over; overflow; shower; drizzle; flood; sluice; bleed
        spurt; squirt; spew; splash down; weep; cry; shed tears; sweat; thaw; dissolve; liquefy; slide like an avalanche
        snow; hail; sprinkle; percolate; swash; be a torrent; filter down; erupt and run down; brew; fill up; pump; babble""",
    "flow_up": """erupt; spout; fume; smolder; smoulder; blaze; flare; flare up; flame; glow like embers; evaporate; boil
        simmer; fizz; foam up; effervesce; exhale smoke; emit smoke; vaporize; ignite; catch fire; smoke like a chimney
        be on fire; well up; spray like a geyser; crackle; sizzle; roar like a fire; lick upward like flames""",
    "bounce": """pogo; jounce; ricochet; recoil; prance; frolic; gambol; caper; romp; cavort; frisk; jump rope; do jumping jacks
        jog on the spot; hop on one leg; dance up and down; pump up and down; spring like a coil; leapfrog; be springy
        hobble; trot on the spot; play hopscotch; jolt up and down; jiggle up and down
        dandle; boing; be elastic; bump up and down; nudge up and down; heave and drop; yo-yo; play ping pong; be dribbled
        hip hop; jive; rave; be excited; bounce off the walls; lollop; lope; buck; hop over and over; jump around""",
    "jump": """hurdle; hop over; clear a fence; clear the bar; catapult; catapult up; burst upward; spring high
        pop up; slam dunk; dunk; dunk a ball; do a somersault; do a flip; flip in the air; do a trick; take off and land
        launch itself and land; spring from a crouch; soar and land; high jump; long jump; high dive; do a box jump
        leap across; leap over; leapfrog over; lunge upward; hurtle up and land; hop off; hop up; hop onto; spring over
        fly up and come down; be startled; be catapulted; jump the rope; throw itself up; do parkour; jump a hurdle
        jump ship; skydive up; bunny hop; ollie; do an ollie; start with surprise""",
    "fall": """slump; slide off; cave in; crumble; stumble; faint; swoon; skydive; sink like lead; be thrown down; be knocked down
        come tumbling down; come down hard; drop out of the sky; spiral down; sag and fall; be shot down; cascade off
        swoop to the ground; go over the edge; lose its footing; fall apart; fall asleep and drop; buckle
        break off; break off and fall; come off; come loose and fall; detach; shed; rain down like stones; be dumped; dump
        dive to earth; decline; dive bomb; hurtle down; hurtle to the ground; descend rapidly
        flatten on the floor; land hard; smash; smash to the ground; shatter on the floor; splat; thud; thump; go splat
        drop dead; be released; release; let go; crumple; be demolished; fall in; fall flat; be felled; trip over; trip""",
    "rise": """uplift; hoist; arise; be raised; raise; raise up; rocket; rocket up; shoot skyward; buoy up; surge upward; come up
        go aloft; take to the air; boost; jet off; spiral up; emerge; emerge from the water; surface; come out of the water
        crane up; mount; mount up; come out of the ground; be airborne; get airborne; become weightless; hoist into the air
        be beamed up; ascend like an angel; go heavenward; stand up slowly; stand; straighten up; grow wings and rise
        sprout up; awaken and rise; wake up; get out of bed; climb into the air; skyrocket; zoomed up; levitating
        waft up; be pulled up; heave up; jack up; inflate and float up; erect; escalate; upsurge; be elevated""",
    "swing": """suspend; be suspended; be hung; hang; droop and swing; pendulate; tick like a metronome; tick; tick tock
        alternate left and right; vacillate; be on a swing; swing like a gate; swing like a door; swing like a chandelier
        swing like an ape; swing like a wrecking ball; swing like a punching bag; hang by a thread
        hang upside down; dangle its legs; dangle like keys; dangle like an earring; dangle like a puppet; trapeze
        ring like a bell; ring; toll; chime; peal; sound like a wind chime; move like a metronome; move like a church bell
        move like a playground swing; do the trapeze; be strung up; sweep back and forth; sweep to and fro
        scythe; bat back and forth; fan back and forth; go like a metronome; be a marionette; be tethered; be hooked""",
    "sway": """flex; stir; stir in the wind; rustle; rustle in the wind; reel
        be windswept; be blown about; droop; fluctuate; waltz; groove; boogie; tango
        slow dance; wave like grass; sway like a willow; sway like bamboo; sway like corn; sway like a drunk
        sway like a lily; sway like an anemone; sway like a kelp forest; bend like a bow; bow to the wind
        move like a tree; move like a branch; move like grass; move like a field
        be stirred by the wind; be moved by the wind; nod in the wind; flutter like leaves; toss in the breeze; stir softly
        stagger; wobble side to side; hula; dance the hula; jig; vibe; vibe to the music; listen to music; be tipsy; be drunk""",
    "shake": """judder; convulse; thrash; writhe; squirm; wriggle; fidget; rattle like dice; agitate; jar; flail; brandish
        toss about; shake roughly; rock violently; thrash about; thrash around; struggle; wrestle; kick about; twerk
        squirm around; shake to pieces; shake like a maraca; shake like a cocktail; shake like a washing machine; be jolted
        be shaken; be rattled; be tossed about; be agitated; resist; wrench; tug from side to side; tug; yank; scuffle
        sift; stir up; dust itself off; dry itself; scratch; have a seizure; go crazy; go wild; be restless; be in turbulence
        be in an earthquake; feel an earthquake; earthquake; turbulence; a tremendous shake; rock hard; rock wildly
        whip left and right; whip back and forth; flick; flick its tail; swing its tail; swipe back and forth; wobble hard""",
    "tremble": """thrum; resonate; palpitate; flinch; be nervous; have chills; be cold; be freezing; be scared; be afraid
        be frightened; be anxious; be terrified; have the jitters; jittery; tingle; ring like a phone; drone; whir; whirr; purr
        tremor; shake with fear; shake from cold; shake like a leaf; shake with anger; hum like a fridge; idle like an engine
        shudder like an engine; rattle slightly; chatter; chatter its teeth; be electrified; get an electric shock; twinge
        thrill; cower; cringe; wince; bristle; dither; falter; stutter; flicker; flicker nervously; pulsate nervously; fizzle
        oscillating slightly; micro vibrations; shakiness; goosebumps; chills; fear; feel fear; panic; be shy; growl; whimper""",
    "rotate_clockwise": """go around like a clock; screw in; tighten; tighten like a screw; tick around
        wind up; wind up like a clock; bank to the right; list to the right; slant to the right; incline to the right
        slump to the right; veer round to the right; turn like a valve; turn like a dial; turn like a page; unscrew to the right
        tilt its head; tilt the head; cock its head; orbiting; circle the center; turn like a globe; turn like a planet
        revolve like a planet; spin like the earth; roll like a wheel; roll forward; steer to the right; tilt; lean; lean over
        twist; twist around; pivot; wheel; gyration; turning; tilted; a slow turn; a turn to the right; skew""",
    "rotate_counterclockwise": """unscrew; loosen; loosen like a screw; unwind; bank to the left; list to the left
        slant to the left; incline to the left; slump to the left; veer round to the left; wind back; rewind; turn back the clock
        go backward like a clock; roll backward; roll backwards; steer to the left; counter rotate
        spin the other way; turn anti clockwise; revolve anti clockwise; a turn to the left; tilt its head to the left
        tilt the head to the left; cock its head to the left; skew to the left; turn backwards; turn round backwards""",
    "spin": """cartwheel; do cartwheels; somersault; do a pivot turn; tailspin; whirr around; reel around; roll around and around
        rev; rev up; whip around; whisk; churn; churn around; blend; stir round and round; drill; screw round and round
        spiral; corkscrew; twister; vortex; whirlpool; be dizzy; yo-yo around; be spun
        be spun around; loop the loop; do a barrel roll; barrel roll; do a twirl; do donuts
        breakdance; skate in circles; figure skate; dance in circles; twist round and round; go like a merry-go-round
        go like a whirlwind; go like a centrifuge; go like a blender; go like a drill; go like a helicopter blade; go like a hurricane
        chase its tail; turn like a rotor; turn like a mill; turn like a turbine; turn like a Ferris wheel; full rotation""",
    "wave": """surf; roll and pitch; pitch and roll; be stormy; be choppy; be turbulent; foam; froth; crest; break on the shore
        crash on the beach; lap; roll in; seethe; rage; slosh around; splash; splash around; ebb and flow
        ebb; tide; the tide; wash over the shore; writhe like an eel; snake; snake along; slither in waves; worm
        swim like a fish; swim like an eel; ruffle; ruffle in the wind; unfurl; stream in the wind; flow in the wind
        flow like hair; flow like silk; flow like fabric; flow like a dress; drape and wave; float like a cape; be a flag
        fill with wind; flap like a tent; flap like laundry; blow about in the storm; be storm tossed
        blizzard; squall; typhoon; cyclone; tsunami; monsoon; surfing waves; a heaving sea""",
    "ripple": """pucker; wrinkle; crinkle; dimple; spread in circles; radiate; radiate outward; sparkle
        twinkle; gleam; shine like water; dance like light on water; dapple; undulate outward; pulse outward in rings
        plop; drip into water; splash in a pool; drop a pebble; skim a stone; throw a pebble; echo outward; shock wave
        shockwave; jellylike; jiggle like a belly; wobble like a blancmange; wobble like custard
        bubble; bubble gently; fizz gently; simmer gently; glimmer; shine; shimmery; mirage; heat haze
        distort; warp; warp like glass; bend like a reflection; purl gently; lap gently; swash gently; rain on a pond
        a puddle in the rain; flexing like rubber; squish; squishy""",
    "breathe": """gasp; wheeze; huff; sniff; yawn; doze; doze off; nap; slumber; snooze; be asleep; relax; meditate
        rest and breathe; heave a sigh; swell and sink; swell and subside; swell and contract; swell and relax
        expand and shrink; dilate and contract; widening and narrowing; blow and suck
        aspirate; ventilate; suck in air; draw breath; catch its breath; hold its breath and let go
        sleep like a baby; sleep soundly; hibernate; purr softly; beat like a drum; drum; tick like a heart; be alive
        come alive; live; show life; show signs of life; pulsing like a jellyfish; squeeze and release
        inflate and shrink; fill and empty; open and close; flex and relax; clench and release; palpitate like a heart""",
    "grow": """amplify; augment; multiply; develop; stretch; stretch out; extend; dilate; bloat; bulge; spread out; broaden
        lengthen; fatten; thicken; rise like dough; bloom; blossom; sprout; unfold
        open; open up; mushroom; snowball; swell out; be inflated; be enlarged; be magnified; fill the frame; fill the screen
        come near the lens; come into the foreground; charge
        rush toward the camera; near; near the camera; close in; draw near; draw closer; emerge from afar
        arrive; visit; lean in; lean toward the camera; zoomed in; enlargement; expansion; growth; gigantic
        become a giant; turn huge; supersize; upscale; build up; accumulate; evolve; mature; ripen; double; triple; maximize""",
    "shrink": """wither; wilt; shrivel; compress; condense; compact; crumple up; dry up; lessen; reduce; decrease; downsize; downscale
        miniaturize; narrow; thin; taper; taper off; fade; fade away; wane; dissolve away; evaporate away; melt away; sink into itself
        implode; be compressed; be reduced; be squeezed; be sucked in; dwarf; minify; halve; become a dwarf; become a dot; turn tiny
        lose weight; lose size; lose air; slim; slim down; tighten up; curl up; fold up; close up; abandon us; abate; ebb away
        depart from us; flee from us; flee into the distance; escape into the distance; exit; go home; go off; go off into the sunset
        be far away; become distant; get distant; get away; distance itself; pull away; pull back; draw back; fall back; fall behind
        backpedal; back off; travel away; ride into the sunset; fly into the distance; zoomed out; reduction""",
    "nod": """acknowledge; assent; consent; approve; accept; confirm; salute; pray; thank; bob its beak; peck
        graze; drink; sip; headbang; bang its head; nod off; nod along; nod emphatically; nod respectfully; hang its head; hang low
        bow in respect; bow to the audience; bow before the king; kowtow; genuflect; kneel and bow; stoop its head
        look down; raise its head; lift its head; lift the head
        lift its chin; lift the chin; jut the chin; drop its chin; incline the head; dip its beak; dip the chin; dip forward
        understand; be polite; be grateful; respond yes; reply yes; answer yes; show respect; show consent; sway the head up and down""",
    "flap": """take wing and flutter; soar with wings; thresh; flail its arms; wave its arms; wave the arms
        lift its wings; pump its wings; work its wings; move like a butterfly; move like a bird; move like a bat; move like a fan
        fly like a bird; fly like a bee; fly like a dragonfly; fly like a bat; fly like an owl; fly on the spot; flying; try to fly
        ruffle its feathers; preen; shake its wings; fold its wings; unfold its wings; close its wings; clap its wings; clap
        clap its hands; applaud; open and shut; open and shut its wings; slap; batting its wings
        swat; wag its ears; move its ears; beat the air; paddle with its wings; row with its wings; buzz around
        bird in flight; a flying bird; dance like a butterfly; extend its wings; display its feathers""",
    "still": """halt; cease; cease moving; desist; come to a stop; come to rest; idle; be idle; park; be parked; lock; lock in place
        be locked; be stuck; get stuck; be paralyzed; paralyze; petrify; be petrified; be like a rock; be like a photograph
        be like a mountain; be a rock; be a painting; be steady; steady; keep steady; hold steady; hold tight; hold the position
        settle in place; anchor; be anchored; be rooted; take root; be dead; play dead; be silent; be inert; inert; inactive
        be inactive; be lifeless; lifeless; immobile; be immobile; immobilize; no action; zero motion; not a move
        do not stir; do not budge; never budge; stay quiet; stay silent; keep quiet; stand guard; stand firm
        linger; abide; persist; lurk; keep waiting; be patient; be paused; be constant; constant; be unchanged; leave it alone; leave it""",
}
"""Further wordings by motion."""

RARER_NOMINALS = """jittery; tick tock; turbulence; earthquake; a tremendous shake; shakiness; goosebumps; chills; fear
    micro vibrations; oscillating slightly; orbiting; gyration; turning; tilted; a slow turn; a turn to the right; a turn to the left
    twister; vortex; whirlpool; full rotation; tide; the tide; blizzard; squall; typhoon; cyclone
    tsunami; monsoon; surfing waves; a heaving sea; jellylike; shimmery; mirage; heat haze
    shock wave; shockwave; rain on a pond; a puddle in the rain
    flexing like rubber; squishy; widening and narrowing; pulsing like a jellyfish; zoomed in
    zoomed out; zoomed up; levitating; enlargement; expansion; growth; gigantic; reduction
    bird in flight; a flying bird; flying; batting its wings; inert; inactive; lifeless; immobile
    no action; zero motion; not a move; constant; steady; do not stir; do not budge; never budge
    high dive
    jet off; skew; hip hop; tremor"""
"""Those of them that are used as they are."""
