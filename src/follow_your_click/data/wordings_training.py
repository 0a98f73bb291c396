"""What training prompts say of a motion, beside the verbs that `wordings` crosses with directions.

Entries stand between semicolons or on lines of their own; the defaults of `wordings` hold here too.
"""

OWN_TRAINING = {
    "translate_up": """fly away; soar; fly off; take wing; lift up; fly higher; fly into the sky; fly up into the clouds
        climb higher; go higher; climb; climb the wall; crawl up the wall; swim to the surface; soar into the sky
        soar like an eagle; fly away like a bird; fly off into the sky; scroll up; slowly fly away; quickly fly away""",
    "translate_down": """descend; lower; come down; sink; sink down; sink slowly; slowly sink; sink to the bottom
        sink into the water; sink like a ship; descend slowly; slowly descend; go lower; dive; dive down; swoop down
        climb down; land; land on the ground; settle down; come down slowly; touch down; crawl down the wall
        scroll down; gently sink; slowly come down; dive into the water""",
    "drift_left": """drift; drift away; float along; drift on the water; drift gently; float; float on the water; drift off
        float like a cloud; drift like a cloud; drift with the current; drift with the wind; float in the air
        drift slowly; float gently; float slowly; waft away; drift across the sky; move like a cloud; float around
        slowly drift; gently drift; slowly float; gently float; slowly drift away; drift through the air; drift around
        float like a feather; glide on the water; drift along the river; be carried by the wind; drifting
        be carried by the water; drift in the wind; drift in the breeze; float in the breeze; floating; drift softly
        float on the river; drift calmly; a drifting cloud""",
    "turn_left": """turn the head; turn its head; shake the head to the left; turn; look away; look aside; turn away
        turn the head away; turn its head away; turn its face away; look to one side; turn to the side; turn her head
        turn his head; look over the shoulder; move its head to the side; slowly turn the head; turn the head slowly
        look to the side; turn the head to the side; turn its head to the side; turn the face; turn the face away""",
    "flow_down": """flow; stream; flow like a waterfall; pour; water flows down; run down; cascade; fall like a waterfall
        cascade down; drip; drip down; trickle; trickle down; run down the wall; stream down the wall; rain; rain down
        flow like a river; flow like water; flow slowly; flow gently; slowly flow; gently flow; flow quickly; melt
        flow fast; flow on; flow like lava; flow over the edge; flow over the rocks; melt and run down; a waterfall
        waterfall; like a waterfall; flowing water; flowing; a river; running water; make it rain""",
    "flow_up": """flow up like smoke; rise like smoke; rise like steam; go up in smoke; smoke; smoke going up; steam
        burn; burn like fire; flicker like fire; move like flames; flames going up; bubble up; shoot up like a fountain
        spray up; flow up like a fountain; blow smoke""",
    "bounce": """bounce; bounce up and down; bounce twice; bounce like a ball; keep bouncing; bounce on the ground
        bounce in place; spring up and down; hop up and down; hop; hop twice; make small hops; bob up and down
        dribble; bounce off the floor; bounce around; move up and down; bounce happily; keep hopping; bounce again
        bounce a little; bounce softly; bounce gently; gently bounce; slowly bounce; quickly bounce; bounce quickly
        bounce fast; bounce slowly; bounce high; bounce higher; bounce lightly; bounce again and again; bouncing
        bounce over and over; bounce on the spot; bounce like a rubber ball; bounce like a basketball; bouncy
        bounce like a kangaroo; hop like a rabbit; hop like a bunny; hop in place; hop slowly; hop quickly; hopping
        gently hop up and down; jump up and down; jump again and again; keep jumping; bob; bob gently; go up and down
        bob up and down on the water; move up and down quickly; move up and down slowly; slowly move up and down
        move up and down like a ball; go up and down again and again; move down and up; a bouncing ball; up and down
        jumping up and down; bounce on a spring; keep bouncing up and down; bounce with joy; make little jumps
        slide up and down; hop happily; hop around""",
    "jump": """jump; jump up; leap; leap up; jump once; jump high; leap into the air; jump into the air
        make a jump; take a leap; crouch and jump; jump up and land; jump off the ground; spring into the air
        jump on the spot; leap high; do a jump; jump and come back down; jump for joy; make one big jump
        jump a little; jump a bit; quickly jump; jump quickly; suddenly jump; jump slowly; jump very high; jump up high
        jump up once; jump up in the air; jump in the air; jump like a frog; jump like a cat; jump like a kangaroo
        jump over something; jump over a fence; jump forward; jump upward; jump upwards; jump straight up; jumping
        leap up high; leap upwards; leap once; leap like a deer; leap like a frog; take a big leap; make a leap
        make a big leap; take a jump; do a big jump; make a high jump; a jump; one jump; a big jump; a high jump
        spring up; spring up from the ground; jump from the ground; jump and land; jump and land again; leaping
        crouch and leap; squat and jump; bend the knees and jump; push off the ground; push off and jump; jump with joy
        jump happily; jump in place; start to jump; try to jump; jump over an obstacle; jump off the floor; jump twice""",
    "fall": """fall; fall down; drop; drop down; fall to the ground; plunge; plunge down; plummet; crash down
        fall off; fall faster and faster; drop to the floor; fall like a stone; fall from the sky; tumble down
        drop straight down; fall over the edge; let go and fall; be dropped; speed up downward
        fall slowly; slowly fall; fall quickly; fall fast; suddenly fall; fall suddenly; fall gently; gently fall
        fall softly; fall a little; fall straight down; fall to the floor; fall onto the ground; fall on the ground
        fall to the bottom; fall to earth; fall out of the sky; fall from above; fall from the tree; fall from the top
        fall like a leaf; fall like rain; fall like snow; fall off a cliff; fall off the table; fall over; free fall
        drop quickly; drop fast; suddenly drop; slowly drop; drop to the ground; drop from the sky; drop off the edge
        plunge to the ground; plunge into the water; plummet to the ground; crash to the ground; crash; tumble
        tumble over; tumble to the ground; tumble off; collapse; collapse to the ground; trip and fall; in free fall
        lose balance and fall; keel over; hit the ground; go down faster and faster; speed down; let it fall; let it drop
        be pulled down by gravity; gravity; flop down; plop down; fall and hit the ground; drop suddenly; a fall""",
    "rise": """rise; rise up; ascend; take off; lift off; float up; float upward; levitate; rise into the air
        rise slowly; rise like a balloon; launch; launch into the sky; go up faster and faster; blast off
        float into the sky; rise from the ground; rise higher; start to rise; speed up upward
        rise gently; rise softly; rise quickly; rise fast; rise a little; slowly rise; gently rise; quickly rise
        slowly rise up; rise into the sky; rise to the top; rise toward the sky; rise straight up; rise like the sun
        rise like a rocket; rise above the ground; rise off the ground; rise off the floor; rise from the floor
        rise from the water; rise out of the water; keep rising; float upwards; slowly float up; float up slowly
        float up gently; gently float upward; float up into the air; float off the ground; levitate slowly; get up
        levitate off the ground; levitate in the air; levitate a little; slowly levitate; ascend slowly; slowly ascend
        ascend into the sky; ascend to heaven; lift off slowly; lift off the ground; lift off like a rocket; stand up
        lift off like a helicopter; take off slowly; take off like a plane; take off like a rocket; take flight
        take off into the sky; take off from the ground; launch upward; launch like a rocket; launch into space
        shoot up; shoot into the sky; shoot up like a rocket; blast off into space; defy gravity; start flying; liftoff
        takeoff; go up like an elevator; go into space; be lifted up; be lifted into the air; rise and rise""",
    "swing": """swing; swing back and forth; swing like a pendulum; swing from side to side; dangle; hang and swing
        swing to and fro; swing on a rope; swing in the air; swing freely; swing gently; keep swinging; swing once
        dangle back and forth; dangle from above; swing like a bell; hang from a string and swing; swing widely
        swing left and right; swing in an arc
        swing slowly; swing fast; swing quickly; swing a little; swing softly; swing lightly; swing high; swing hard
        slowly swing; gently swing; gently swing back and forth; swing slowly from side to side; swing on a chain
        swing gently from side to side; swing back and forth like a pendulum; swing from left to right; swinging
        swing from right to left; swing right and left; swing forward and back; swing forward and backward
        swing like a clock; swing like a hammock; swing like a lantern; swing like a monkey; swing on a swing
        swing on a string; swing from a rope; swing from a branch; swing from the ceiling; swing from above
        swing in the wind; swing in the breeze; hang in the air and swing; hang from a rope; hang from the ceiling
        hang down and swing; dangle slowly; dangle gently; dangle from a string; dangle from a rope; dangle in the wind
        move like a pendulum; move back and forth like a pendulum; go back and forth like a pendulum; pendulum
        like a pendulum; a pendulum; pendulum motion; swinging back and forth; start to swing; rock like a swing
        to and fro; go to and fro; slowly swing to and fro""",
    "sway": """sway; sway in the wind; sway gently; sway from side to side; bend in the wind; bend from side to side
        sway in the breeze; sway back and forth; sway like grass; sway like a tree
        wave in the wind; sway softly; bend back and forth; move in the breeze; sway to the music; sway slowly
        rock in the wind; sway left and right; move in the wind; dance in the wind
        sway gently in the wind; sway softly in the breeze; gently sway; slowly sway; softly sway; sway a little
        gently sway in the wind; gently sway in the breeze; slowly sway from side to side; sway with the wind
        sway slowly from side to side; sway from side to side in the wind; sway from left to right; sway lightly
        sway slightly; sway quickly; sway strongly; sway to and fro; sway in a light breeze; sway in a strong wind
        sway with the music; sway like a flower; sway like a branch; sway like wheat; sway like seaweed; swaying
        sway like leaves; bend in the breeze; bend gently; bend a little; bend left and right
        move gently in the wind; move gently in the breeze; move slowly in the wind; move with the wind; in the wind
        move a little in the wind; move from side to side in the wind; wave gently in the wind; wave in the breeze
        blow in the wind; blow in the breeze; dance in the breeze; dance gently; dance to the music; dance; breeze
        rock in the breeze
        in the breeze; a light breeze; a gentle breeze; wind; windy; swaying in the wind
        be blown by the wind; keep swaying""",
    "rock": """rock; rock from side to side; rock back and forth; rock gently; rock like a boat; rock slowly; rock on the waves
        rock on the water; rock in the waves; rock with the waves; tilt from side to side; lean from side to side
        gently rock; slowly rock; rock to and fro; rock left and right; rock from left to right; rock in place; seesaw
        roll from side to side; tilt back and forth; tilt left and right; lean back and forth
        rock a little; rock softly; rock slightly; rock like a cradle; rock like a rocking chair; rock like a rocking horse
        rock like a ship; rock like a canoe; rock like a raft; rock on its base
        bob and tilt; tilt with the waves; tilt on the waves; roll on the waves; roll with the swell; lean left and right
        teeter; totter; teeter totter; seesaw back and forth; tilt one way and the other; tilt this way and that
        lean this way and that; lean to and fro; tilt to and fro; rock the baby; rock the cradle; rock in its chair
        rock to sleep; rock on its heels; rock back and forth gently; gently rock back and forth; gently rock from side to side
        slowly rock from side to side; rock gently on the waves; rock gently on the water; rock gently from side to side
        slowly rock back and forth; keep rocking; start rocking; rock like a hobby horse; rock like a seesaw; rock like a swing boat
        be rocked; be rocked by the waves; be rocked by the sea; list; lurch; careen; lilt; lull; cradle; roll gently; roll lightly
        hush the baby; soothe the baby; rockabye; be seasick; find its sea legs; heel to and fro; pitch to and fro
        rocking; rocking gently; a rocking chair; a rocking horse; a cradle; a moored boat; an anchored boat; a seesaw
        a lullaby; a roly-poly toy; an inverted pendulum; tottering; teetering; a rowing boat on the waves""",
    "shake": """shake; shake body; shake the body; shake its body; shake from side to side; shake hard; shake quickly
        shake sideways; shake left and right; rattle; shake back and forth; shake in place; jolt from side to side
        shake fast; wag; shake itself; wiggle; wiggle left and right; wiggle from side to side; keep shaking
        shake violently; wag from side to side; shake the whole body; wiggle quickly
        shake a little; shake slightly; shake gently; shake slowly; shake strongly; shake wildly; shake rapidly
        shake very fast; slowly shake; quickly shake; violently shake; shake from left to right; shake to and fro
        shake like a dog; shake like a wet dog; shake like a rattle; shake off the water; shake around; shake it off
        shake on the spot; shake again and again; shake its tail; shake the tail; shake its hips; shake the hips
        shake his body; shake her body; rattle back and forth; rattle around; rattle in place; jolt; jolt left and right
        jolt back and forth; wag its tail; wag the tail; wag quickly; wag left and right; wag happily
        wiggle back and forth; wiggle its tail; wiggle its hips; wiggle around; wiggle a little; wiggle slowly
        wiggle fast; wiggle in place; wiggle like a worm; quickly wiggle; move quickly from side to side; wiggling
        move quickly left and right; move left and right; move from side to side; move back and forth
        go left and right; go back and forth; slide left and right; slide back and forth; move fast from side to side
        left and right; back and forth; from side to side""",
    "tremble": """tremble; shiver; quiver; vibrate; tremble with fear; shiver from the cold; tremble slightly; buzz
        shiver with cold; vibrate fast; tremble all over; quiver a little; jitter; jitter in place; vibrate in place
        shudder; tremble in fear; keep trembling; shiver all over; vibrate like a phone; tremble like a leaf
        tremble a little; tremble lightly; tremble gently; tremble softly; tremble quickly; tremble strongly
        tremble violently; tremble with cold; tremble from the cold; tremble in the cold; tremble with excitement
        tremble in place; tremble on the spot; tremble nervously; slightly tremble; gently tremble; shiver a little
        shiver slightly; shiver quickly; shiver in the cold; shiver in fear; shiver with fear; shiver like a leaf
        shiver in place; shiver gently; shiver in the snow; keep shivering; quiver slightly; quiver gently
        quiver in place; quiver with fear; quiver like a leaf; vibrate a little; vibrate slightly; vibrate quickly
        vibrate rapidly; vibrate slowly; vibrate strongly; vibrate gently; vibrate like a motor; vibrate like a machine
        vibrate like an engine; vibrate like an alarm clock; vibrate on the spot; keep vibrating; buzz like a bee
        buzz like a phone; jitter quickly; jitter a little; jitter nervously; shudder with cold; shudder with fear
        shudder a little; feel cold; trembling; shivering; vibrating
        vibration; rumble; hum; chatter with cold""",
    "rotate_clockwise": """rotate; rotate clockwise; turn clockwise; rotate to the right; rotate slowly
        rotate about its centre; keep rotating; rotate like a clock hand; rotate around; revolve; turn like a clock
        rotate steadily; rotate rightward; tilt to the right; rotate the object; rotate in place; rotate a little
        rotate a bit; rotate gently; rotate smoothly; slowly rotate; gently rotate; turn like a clock hand
        turn like the hands of a clock; move like a clock hand; turn to the right like a clock; rotate right
        rotate 90 degrees; rotate 90 degrees to the right; rotate 90 degrees clockwise; turn by 90 degrees; rotation
        rotate in a circle; turn in a circle; rotate around its center; rotate around its axis; rotate on its axis
        rotate on the spot; rotate rightwards; rotate toward the right; rotate like a wheel; rotate like a record
        turn like a screw; turn like a key; turn like a knob; tilt right; tilt slowly to the right; lean to the right
        tilt a little to the right; slowly tilt to the right; roll over to the right; twist to the right; clockwise
        revolve slowly; revolve around its axis; clockwise rotation; rotation to the right; rotating; rotating slowly
        rotating clockwise; slow rotation; turn like a steering wheel to the right""",
    "rotate_counterclockwise": """rotate counterclockwise; turn counterclockwise; rotate to the left
        rotate backward; tilt to the left; revolve backward; rotate leftward; rotate the other way; rotate left
        turn to the left like a wheel; rotate 90 degrees to the left; rotate 90 degrees counterclockwise
        rotate leftwards; rotate toward the left; tilt left; tilt slowly to the left; lean to the left
        tilt a little to the left; slowly tilt to the left; roll over to the left; twist to the left; counterclockwise
        anticlockwise; counter-clockwise; counter clockwise; anti-clockwise; counterclockwise rotation
        rotation to the left; rotating counterclockwise; rotating anticlockwise; rotate backwards
        turn like a steering wheel to the left; turn like a clock running backwards; turn the other way round
        rotate opposite to a clock hand""",
    "spin": """spin; spin around; spin fast; spin quickly; twirl; whirl; spin like a top; spin in place; twirl around
        spin round and round; keep spinning; spin clockwise; whirl around; spin like a wheel; go round and round
        spin on the spot; spin rapidly; spin very fast; turn round and round; spin like a fan; spin in circles
        spin wildly; spin slowly; spin a little; spin gently; spin smoothly; spin around quickly; spin around fast
        spin around slowly; slowly spin; quickly spin; rapidly spin; quickly spin around; spin around and around
        spin around its axis; spin on its axis; spin around itself; spin like a ballerina; spin like a coin
        spin like a windmill; spin like a record; spin like a ball; spin like crazy; spin like a turbine
        spin out of control; spin without stopping; spin nonstop; spin forever; spin faster; spin faster and faster
        spin in a circle; spin twice; spin once; do a spin; twirl fast; twirl quickly; twirl in place; twirl on the spot
        twirl round and round; twirl like a ballerina; slowly twirl; whirl fast; whirl quickly; whirl round and round
        whirl like a top; whirl in circles; go round in circles; go around and around; go around in circles; spinning
        turn around and around; turn around quickly; turn around fast; turn in circles; turn like a windmill
        spinning fast; a spin; a fast spin; a spinning top; do a full turn; go round like a carousel; round and round""",
    "wave": """wave; wave like a flag; billow; undulate; wave in the storm; storm; a storm; stormy waves; roll like waves
        billow in the wind; move in waves; wave up and down; undulate like a snake; make waves; rough sea; big waves
        blow in the storm; wave like the sea; surge; surge in waves; flap like a flag; waves rolling; swell; heave
        wave gently; wave slowly; wave softly; wave quickly; wave strongly; wave wildly; wave lightly; slowly wave
        gently wave; wave a little; wave back and forth; wave from side to side; wave like a flag in the wind; waves
        wave like cloth; wave like a curtain; wave like water; wave like a scarf; wave like a ribbon; wave smoothly
        flap in the wind; flap in the breeze; flutter in the wind; flutter in the breeze; flutter like a flag; a wave
        blow like a flag; blow like a curtain; billow gently; billow softly; billow slowly; billow in the breeze
        billow like a curtain; undulate slowly; undulate gently; undulate like waves; slowly undulate; move like a wave
        move like waves; move like the sea; move like a flag; move like a flag in the wind; roll like the sea
        move up and down like waves; rise and fall like waves; surge up and down; swell like the sea; heave up and down
        crash like waves; make a wave; make big waves; form waves; waves on the sea; sea waves; gentle waves; wavy
        small waves; high waves; strong waves; a waving flag; like a flag; like a wave; a stormy sea; stormy; a rough sea
        choppy water; rolling waves; a flag in the wind; a hurricane; thunderstorm; waving""",
    "ripple": """ripple; ripple like water; ripple outward; make ripples; ripple gently; form ripples; shimmer
        spread ripples; ripple from the centre; water ripples; ripples on water; ripple like a pond
        wobble like jelly; ripple in circles; circular ripples; spread rings; shimmer like water; keep rippling
        ripple like a lake; jiggle like jelly; ripple outwards
        ripple slowly; ripple softly; ripple lightly; ripple a little; ripple quickly; slowly ripple; gently ripple
        ripple like a pool; ripple like liquid; ripple like the surface of water; ripple like the surface of a lake
        ripple in the wind; ripple in the breeze; ripple in the water; ripple across the surface; ripple on the surface
        ripple from the center; ripple from the middle; ripple out from the center; ripple out; ripple in rings
        form rings; form circles; form circular ripples; make small ripples; make gentle ripples; rippling
        make circular ripples; spread like ripples; spread out in rings; spread out in circles; spread outward
        send out ripples; send out rings; send ripples over the surface; shimmer gently; shimmer softly
        shimmer slowly; shimmer in the light; shimmer like a lake
        wobble like water; wobble like rubber; wobble all over; jiggle; jiggle gently; jiggle a little
        jiggle softly; jelly; like jelly; like water; ripples; gentle ripples; small ripples; ripples in the water
        ripples on a lake; rippling water; ripples spreading; rings on the water; drops on water
        like a stone thrown into water; glisten; glitter""",
    "breathe": """breathe; breathe in and out; breathe deeply; breathe slowly; pulse; pulsate; throb; breathe calmly
        take a breath; take deep breaths; inhale and exhale; beat like a heart; expand and contract; keep breathing
        swell and shrink; pulse like a heart; breathe gently; grow and shrink again and again; pulse slowly
        beat; get bigger and smaller; inflate and deflate
        breathe softly; breathe quickly; breathe fast; breathe heavily; breathe quietly; breathe peacefully; inhale
        breathe normally; breathe steadily; breathe hard; breathe a little; slowly breathe; gently breathe; exhale
        deeply breathe; calmly breathe; slowly breathe in and out; gently breathe in and out; breathe in and out slowly
        breathe in; breathe in deeply; breathe out; breathe out slowly; breathe in its sleep; breathe again and again
        breathe like a sleeping baby; take a deep breath; take slow breaths; inhale deeply; inhale and exhale slowly
        sigh; snore; sleep; sleep peacefully; pulse gently; pulse softly; pulse quickly; pulse fast; pulse in and out
        pulse steadily; slowly pulse; gently pulse; pulsate slowly; pulsate gently; pulsate like a heart; throb slowly
        throb gently; beat slowly; beat fast; beat steadily; expand and contract slowly; slowly expand and contract
        contract and expand; grow and shrink; grow and shrink slowly; slowly grow and shrink; shrink and grow
        get bigger and smaller again and again; become bigger and smaller; get larger and smaller; get smaller and bigger
        pump like a heart; breathing; breathing slowly; slow breathing; deep breaths; like a heart; pulsing; in and out
        move in and out""",
    "grow": """grow; grow bigger; grow larger; get bigger; get larger; expand; become bigger; become larger; scale up
        come closer; move closer; approach; grow slowly; come toward the camera; inflate; enlarge; increase in size
        come nearer; swell up; zoom in; move toward the viewer; keep growing; come forward; grow in size
        grow fast; grow quickly; grow a little; grow bigger and bigger; grow larger and larger; grow big; grow huge
        grow taller; grow up; grow like a balloon; grow like a plant; slowly grow; gently grow; quickly grow
        slowly grow bigger; slowly get bigger; get a little bigger; get bigger slowly; get bigger and bigger
        get much bigger; get huge; get nearer; become huge; become bigger and bigger; become giant; growing; bigger
        expand slowly; expand quickly; expand outward; expand in size; expand like a balloon; slowly expand
        gently expand; slowly scale up; inflate slowly; inflate like a balloon; slowly inflate; slowly enlarge
        increase its size; swell up like a balloon; zoom in slowly; slowly zoom in; zoom in closer; slowly come closer
        come closer and closer; come near; come toward me; come towards us; come to the front; come towards the camera
        walk toward the camera; walk towards the viewer; run toward the camera; run towards us; drive toward the camera
        fly toward the camera; move toward the camera; move closer to the camera; move forward; move to the front
        slowly move closer; step closer; step forward; go forward; walk forward; drive forward; approach the camera
        slowly approach; larger; bigger and bigger; double in size; open up like a flower""",
    "shrink": """shrink; shrink down; get smaller; grow smaller; become smaller; scale down; contract; go away; recede
        move away; move farther away; shrink slowly; deflate; decrease in size; go into the distance; back away
        zoom out; move away from the camera; keep shrinking; go backward; become tiny; shrink away; get tiny
        fade into the distance; shrink fast; shrink quickly; shrink a little; shrink more and more; shrink in size
        shrink to nothing; shrink to a dot; shrink like a balloon losing air; slowly shrink; gently shrink
        quickly shrink; slowly get smaller; get a little smaller; get smaller slowly; get smaller and smaller
        get much smaller; get small; become small; become smaller and smaller; slowly become smaller; grow small
        grow smaller and smaller; contract slowly; slowly contract; scale down slowly; slowly scale down; deflate slowly
        slowly deflate; deflate like a balloon; decrease its size; reduce in size; zoom out slowly; slowly zoom out
        zoom away; move away slowly; slowly move away; move away from us; move far away; move into the distance
        move backward; move backwards; move back; move to the back; go far away; go backwards; go back; walk away
        walk away from the camera; walk into the distance; walk backwards; run away; run away from us; run away quickly
        drive away; drive off into the distance; ride away; leave; vanish; disappear; disappear in the distance
        vanish into the distance; step back; step away; slowly back away; get farther away; smaller; smaller and smaller
        shrinking; half as big; leave slowly; slowly recede""",
    "nod": """nod; nod the head; nod its head; nod twice; nod up and down; nod yes; say yes; bow; bow the head
        bow its head; nod in agreement; nod gently; move the head up and down; nod slowly; agree with a nod
        dip the head; lower the head and raise it; bow slightly; keep nodding; bob the head; nod and agree
        nod quickly; nod softly; nod a little; nod slightly; nod once; nod again and again; nod politely; nod happily
        slowly nod; gently nod; quickly nod; slowly nod the head; gently nod its head; slowly nod its head; nodding
        nod his head; nod her head; nod with the head; nod the head slowly; nod the head up and down; nod in approval
        nod its head up and down; nod to say yes; nod hello; nod to the music; nod to the beat; nod like a horse; a nod
        nod approvingly; nod forward; nod down and up; move its head up and down; move his head up and down
        move her head up and down; slowly move the head up and down; move the head down and up; bob its head
        bob its head to the music; bob the head up and down; dip its head; lower its head; lower the head
        raise and lower the head; raise and lower its head; lift and lower the head; look up and down; look down and up
        bow down; bow politely; bow slowly; bow deeply; slowly bow; take a bow; make a bow; a bow; bow his head
        bow her head; agree; say yes with the head; say hello with the head; show agreement; shake the head up and down
        bend the head; drop the head; hang the head""",
    "flap": """flap; flap its wings; flap the wings; flutter; flap wings; flutter its wings; beat its wings; flap fast
        flap up and down; flutter like a butterfly; flap like a bird; keep flapping; move its wings; flutter around
        beat the wings; flap quickly; flutter quickly; open and close its wings; fold and spread its wings
        flap hard; spread the wings and flap; flap slowly; flap gently; flap softly; flap a little; flap rapidly
        flap wildly; flap strongly; flap lightly; slowly flap; gently flap; quickly flap; slowly flap its wings
        gently flap its wings; quickly flap its wings; flap its wings slowly; flap its wings quickly; flap its wings fast
        flap its wings up and down; flap the wings slowly; flap the wings up and down; flap its arms; flap the arms
        flap its ears; flap like a butterfly; flap like a bat; flap like an eagle; flap and fly
        flap in place; flap again and again; flap to fly; flap and take off; flutter gently; flutter softly; flapping
        flutter slowly; flutter a little; gently flutter; flutter up and down; flutter like a bird; flutter like a bee
        flutter the wings; flutter its wings quickly; flutter its wings gently; beat its wings slowly; flapping wings
        beat its wings fast; beat its wings up and down; beat the wings quickly; move the wings; move wings up and down
        move its wings up and down; slowly move its wings; move its wings slowly; open and close the wings
        open and close wings; open its wings; spread its wings; spread its wings and fly; spread the wings; use its wings
        raise and lower its wings; lift and lower the wings; fly in place; fly like a butterfly
        swing its wings; keep flapping its wings; stretch its wings; bat its wings""",
    "still": """stay still; do not move; keep still; stay in place; stand still; remain still; freeze; hold still; stop
        stay frozen; be still; no motion; no movement; stay put; remain motionless; do nothing; stay as it is
        don't move; rest; stay where it is; stand motionless; remain in place; stay; stay there; stay the same
        stay completely still; stay absolutely still; stay perfectly still; stay very still; stay quiet and still
        stay motionless; stay unchanged; stay like this; stay like that; stay here; stay in position; stay on the spot
        remain as it is; remain where it is; remain unchanged; remain frozen; remain the same; remain there; remain
        keep completely still; keep in place; keep position; keep it still; keep it as it is; keep motionless; still
        stand completely still; stand perfectly still; stand in place; stand there; stand without moving; static
        lie still; lie motionless; freeze in place; freeze completely; freeze the object; freeze like ice; frozen
        hold completely still; hold position; hold on; hold its position; stop moving; stop the motion; stop completely
        do not change; don't change; do not do anything; never move; not moving
        must not move; should not move; no change; no animation; nothing; nothing moves; without motion; motionless
        without moving; without movement; no moving; unchanged; stationary; pause; wait; be quiet; be motionless
        stay asleep""",
}
"""Further wordings by motion."""

OWN_NOMINALS = """rocking; rocking gently; a rocking chair; a rocking horse; a cradle; a moored boat; an anchored boat; a seesaw
    a lullaby; a roly-poly toy; an inverted pendulum; tottering; teetering; a rowing boat on the waves
    drifting; floating; a drifting cloud; be carried by the wind; be carried by the water; a waterfall
    waterfall; like a waterfall; flowing water; flowing; a river; running water; make it rain; smoke; smoke going up
    steam; flames going up; bouncing; bouncy; hopping; a bouncing ball; up and down; jumping up and down
    jumping; leaping; a jump; one jump; a big jump; a high jump; free fall; in free fall; let it fall; let it drop
    be pulled down by gravity; gravity; a fall; liftoff; takeoff; be lifted up; be lifted into the air; swinging
    pendulum; like a pendulum; a pendulum; pendulum motion; swinging back and forth; to and fro; swaying; in the wind
    breeze; in the breeze; a light breeze; a gentle breeze; wind; windy; swaying in the wind; be blown by the wind
    wiggling; left and right; back and forth; from side to side
    trembling; shivering; vibrating; vibration; rotation; clockwise; clockwise rotation; rotation to the right
    rotating; rotating slowly; rotating clockwise; slow rotation; counterclockwise; anticlockwise; counter-clockwise
    counter clockwise; anti-clockwise; counterclockwise rotation; rotation to the left; rotating counterclockwise
    rotating anticlockwise; spinning; spinning fast; a spin; a fast spin; a spinning top; round and round; waves
    a wave; waves on the sea; sea waves; gentle waves; wavy; small waves; high waves; strong waves; a waving flag
    like a flag; like a wave; a stormy sea; stormy; a rough sea; choppy water; rolling waves; a flag in the wind
    a hurricane; thunderstorm; waving; make a wave; make big waves; rippling; jelly; like jelly; like water; ripples
    gentle ripples; small ripples; ripples in the water; ripples on a lake; rippling water; ripples spreading
    rings on the water; drops on water; like a stone thrown into water; breathing; breathing slowly; slow breathing
    deep breaths; like a heart; pulsing; in and out; growing; bigger; larger; bigger and bigger; smaller
    smaller and smaller; shrinking; half as big; nodding; a nod; a bow; flapping; flapping wings; still; static; frozen; keep it still; keep it as it is; freeze the object; stop the motion
    do not change; don't change; do not do anything; never move; not moving
    must not move; should not move; no change; no animation; nothing; nothing moves; without motion; motionless
    without moving; without movement; no moving; unchanged; stationary; be quiet; be motionless; hold on
    zoom in slowly; slowly zoom in; zoom in closer; zoom out slowly; slowly zoom out; zoom away"""
"""Those of them that are used as they are."""
