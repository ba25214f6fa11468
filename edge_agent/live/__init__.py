"""Live checks of what a site file names: cameras, brokers, weights, database, ports, disk."""
