"""What the car's promises about speed, safety and cost are worth, measured: `python -m tests.benchmarks`."""
