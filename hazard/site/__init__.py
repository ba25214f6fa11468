"""The site file: its models, its loader with YAML lines, its JSON Schema."""
