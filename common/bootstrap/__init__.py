"""The composition root: settings become connections, clocks and handlers. One module a function."""
