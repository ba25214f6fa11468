"""Set-up and maintenance: the scripts that make, CI and the image call."""
