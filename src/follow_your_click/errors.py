"""What can go wrong for a user, as one small tree.

    FollowYourClickError
    ├── UserInputError (also ValueError)    something that was asked for cannot be done as asked
    │   ├── ImageError                      the photo cannot be read, or is too small or too large
    │   ├── RegionError                     a click, box, brush or mask that selects nothing usable
    │   ├── PromptError                     an empty or overlong prompt
    │   ├── SettingsError                   a number or a name out of range
    │   ├── ModelError                      a model that cannot be found or does not fit
    │   └── OutputError                     the result cannot be written where it was asked to go
    ├── BusyError                           a server whose line is full; it says when to come back
    ├── ServerError                         a server that does not answer, or failed
    └── MissingExtraError (also ImportError) an optional part that is not installed

Every message is one line: what was got, what was expected, what to do.
"""


class FollowYourClickError(Exception):
    """Base of every error that this package raises on purpose."""


class UserInputError(FollowYourClickError, ValueError):
    """The input cannot be used as it is; the command line ends with exit code 2."""


class ImageError(UserInputError):
    """The photo cannot be read, or has a size that cannot be worked on."""


class RegionError(UserInputError):
    """A click, box, brush or mask lies outside the photo or selects nothing."""


class PromptError(UserInputError):
    """A prompt is empty or too long."""


class SettingsError(UserInputError):
    """A setting has a value out of its range, or is not known."""


class ModelError(UserInputError):
    """A model cannot be found, is incomplete, or does not fit its configuration."""


class OutputError(UserInputError):
    """The result cannot be written: unknown format, missing folder, no space."""


class BusyError(FollowYourClickError):
    """A server has as much to do as it takes.

    Args:
        retry_after: seconds after which there may be room.
        owner: whether it is the asker's own share that is full, not the whole line.
    """

    def __init__(self, message: str, *, retry_after: int, owner: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.owner = owner


class ServerError(FollowYourClickError):
    """A server does not answer, does not know what was asked for, or failed at it."""


class MissingExtraError(FollowYourClickError, ImportError):
    """An optional part of the package is not installed; the message names the extra."""
