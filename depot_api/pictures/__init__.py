"""A picture alone, without what else its file says."""

from depot_api.pictures.metadata import media_type_of, without_metadata

__all__ = ["media_type_of", "without_metadata"]
