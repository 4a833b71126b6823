"""What the first answer of a fresh process costs: python -m benchmarks.coldstart."""
