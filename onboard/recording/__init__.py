"""From the receiver, the sensors and the crew to facts: where the truck is, when, and what is kept of it."""

from onboard.recording.area_settings import AreaSettings, area_settings_from
from onboard.recording.recorder import Recorder
from onboard.recording.thinning import EVERY_FIX, ThinningRules

__all__ = ["EVERY_FIX", "AreaSettings", "Recorder", "ThinningRules", "area_settings_from"]
