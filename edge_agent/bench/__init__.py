"""Speed, measured against floors and peers in one run."""
