"""The vision process with real decoders, files and sockets."""
