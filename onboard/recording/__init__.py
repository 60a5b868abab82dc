"""From the receiver, the sensors and the crew to facts: where the truck is, when, and what is kept of it."""
