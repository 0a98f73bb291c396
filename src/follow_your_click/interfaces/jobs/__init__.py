"""The work behind the page and the REST API: clips asked for, in a line, made one at a time per device.

request.py   ClipRequest: all that a clip is made from
shelf.py     ModelShelf: models and segmenters by name, loaded once
progress.py  Snapshot: how far a job is; stages -> share of the whole, words, seconds left
job.py       Job: one clip in the making, from anybody's thread
queue.py     JobQueue: the line, its limits, one worker per device
worker.py    AnimatorWorker: makes the clip in this process, and can be stopped
store.py     ClipStore: finished clips on disk, as files of any kind
"""

from follow_your_click.interfaces.jobs.job import Job, Listener
from follow_your_click.interfaces.jobs.progress import JobCancelled, JobState, Snapshot
from follow_your_click.interfaces.jobs.queue import JobQueue, Worker
from follow_your_click.interfaces.jobs.request import ClipRequest
from follow_your_click.interfaces.jobs.shelf import ModelShelf, Offer
from follow_your_click.interfaces.jobs.store import FORMATS, ClipFormat, ClipStore
from follow_your_click.interfaces.jobs.worker import AnimatorWorker

__all__ = [
    "FORMATS",
    "AnimatorWorker",
    "ClipFormat",
    "ClipRequest",
    "ClipStore",
    "Job",
    "JobCancelled",
    "JobQueue",
    "JobState",
    "Listener",
    "ModelShelf",
    "Offer",
    "Snapshot",
    "Worker",
]
