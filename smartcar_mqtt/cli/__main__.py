"""`python -m smartcar_mqtt.cli`: the command, for a process that knows its Python but not its PATH."""

from smartcar_mqtt.cli import main

main()
