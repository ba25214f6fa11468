"""The exam: labelled incidents, how they are judged, what a backend scores on them."""
