"""What more of everything changes: python -m benchmarks.scale."""
