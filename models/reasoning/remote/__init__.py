"""Reasoning on other machines that speak OpenAI's protocol: vLLM, llama.cpp, Ollama, Mistral's API.

Nothing leaves the box but what `redact` lets through: structured fields in words of a fixed list.
Where that cannot be guaranteed, nothing is sent.
"""
