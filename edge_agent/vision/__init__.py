"""The vision process group: decoders, slots, detection, tracks, evidence, previews."""
