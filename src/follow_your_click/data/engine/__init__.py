"""The data engine: from any pile of videos to motion-captioned training shards.

The way of a video: `sources` lists it, `decode` reads it, `shots` cuts it, `sampling` takes clips, `flows` and `camera` measure
how these move, `motion` says what moves by itself, `filters` and `duplicates` drop what teaches nothing, `captioning` names the
motion, `shards` writes what is left. `runner` does all of it, again and again until it is done.
"""
