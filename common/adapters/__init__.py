"""What the clouds do differently: queues, object stores; one local implementation of each."""
