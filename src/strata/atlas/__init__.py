"""A picture atlas of a dictionary: what its features look like, row by row and on a map."""

from strata.atlas.feature_map import FeatureMap
from strata.atlas.pictures import atlas_figure, top_images
from strata.atlas.places import layout

__all__ = ["FeatureMap", "atlas_figure", "layout", "top_images"]
