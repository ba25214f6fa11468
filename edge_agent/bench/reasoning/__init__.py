"""Speed of a decision, against the same model writing the same thing out."""
