"""Live connections: one asyncio process that sends events to its clients as they are committed."""
