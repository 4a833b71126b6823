"""What any other implementation or forecast can be held against: docs/conformance.md."""
