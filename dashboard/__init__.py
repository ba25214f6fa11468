"""The web application that safety officers use, and its API."""
