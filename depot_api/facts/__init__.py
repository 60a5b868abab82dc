"""Every way in for what trucks, phones and crews observed."""

from depot_api.facts import intake, messages, phones, photos
from depot_api.facts.fast_path import FactsFastPath
from depot_api.facts.phones import AHEAD, MPS_PER_KMH, position_id

__all__ = ["AHEAD", "MPS_PER_KMH", "FactsFastPath", "intake", "messages", "phones", "photos", "position_id"]
