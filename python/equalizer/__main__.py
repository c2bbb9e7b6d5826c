"""`equalizer`, and `python -m equalizer`."""

import sys


def main() -> None:
    """Run the command line; who interrupts it while it is being loaded is told no more than later."""
    try:
        from equalizer.cli import app

        app.main()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
