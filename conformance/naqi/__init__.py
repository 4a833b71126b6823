"""Conformance kit of air quality indices: vectors, a runner, adapters. Standard library only."""
