"""What a new instance of each function costs until its first answer: python -m benchmarks.coldstart."""
