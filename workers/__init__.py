"""The arq door: turns promises of the outbox into calls of the house."""
