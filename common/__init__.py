"""The application: everything Vayu does, with no thought of where it is deployed."""

__version__ = "0.1.0"
