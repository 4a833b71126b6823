"""What a month in a cloud costs, from measured durations and list prices: python -m benchmarks.costs."""
