"""The box in the truck: all of it running."""
