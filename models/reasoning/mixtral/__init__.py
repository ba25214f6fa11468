"""Mixtral in 4 bits, experts and all: transformers for the model, bitsandbytes for the weights."""
