"""`python -m sentio_mobile` is `sentio-mobile`."""

from sentio_mobile.cli import main

main(prog_name="sentio-mobile")
