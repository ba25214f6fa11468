"""The reasoning process: holds the language model, answers one question at a time."""
