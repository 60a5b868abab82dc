"""Where the truck is, and which time to believe."""
