"""Amazon Web Services: SQS, and the client that asks it."""
