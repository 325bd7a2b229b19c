"""The bridges: one package for each piece of hardware or service, found by name at run time."""
