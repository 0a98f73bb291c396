"""`python -m follow_your_click` is `fyc`: what launchers such as torchrun start."""

import sys

from follow_your_click.interfaces.cli import main

if __name__ == "__main__":
    sys.exit(main())
