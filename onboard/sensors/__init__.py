"""Bins, weights and the vehicle, read from their lines."""
