"""`python -m customstudio` is `customstudio`."""

from customstudio.cli.main import main

main()
