"""What a request costs, beside a bare Flask application in the same server: python -m benchmarks.api."""
