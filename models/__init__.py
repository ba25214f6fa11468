"""Everything with weights: manifest, detectors, reasoning backends."""
