"""`python -m equalizer`."""

from equalizer.cli.app import main

main()
