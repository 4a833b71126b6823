"""The terms of the field and the rules of the indices.

Standard library only; nothing here reads a file it does not ship, asks the clock, or talks to anyone.
"""
