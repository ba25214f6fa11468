"""Where a Mixtral's files are: in a folder of this box, or at a hub that it is fetched from."""

from __future__ import annotations

import json
from pathlib import Path

from hazard.errors import ConfigError, WeightsError

TEMPLATE_FILES = ("tokenizer_config.json", "chat_template.jinja")
_WANTED = ("config.json", "tokenizer.json", "model*.safetensors")
_INDEX = "model.safetensors.index.json"
_ALL = [*_WANTED, _INDEX, *TEMPLATE_FILES]


def located(model: str | None) -> tuple[Path, dict[str, str]]:
    """The folder of a model that is named by path, or by hub id; and where it came from.

    Raises:
        ConfigError: if none is named.
        WeightsError: if it is neither here nor to be had.
    """
    if not model:
        raise ConfigError(
            "reasoning.model: the backend mixtral needs a folder with the weights, or a hub's id "
            "such as mistralai/Mixtral-8x7B-Instruct-v0.1"
        )
    folder = Path(model)
    if folder.is_dir():
        return folder, {"source": folder.name}
    if folder.is_absolute() or model.count("/") != 1:
        raise WeightsError(
            f"reasoning.model: {model!r} is no folder; name one, or a hub's id (owner/name)"
        )
    return _from_hub(model)


def fetched(model: str) -> Path | None:
    """The folder of a hub's model that was fetched before and is whole; no network is asked."""
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - only for a hub's id
    from huggingface_hub.errors import LocalEntryNotFoundError  # noqa: PLC0415

    try:
        folder = Path(snapshot_download(model, allow_patterns=_ALL, local_files_only=True))
    except (OSError, ValueError, LocalEntryNotFoundError):
        return None
    return folder if _is_whole(folder) else None


def _from_hub(model: str) -> tuple[Path, dict[str, str]]:
    """What was fetched once is used without a network; else it is fetched, if the box is online."""
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - only for a hub's id
    from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415

    folder = fetched(model)
    if folder is None:
        try:
            folder = Path(snapshot_download(model, allow_patterns=_ALL))
        except (OSError, ValueError, HfHubHTTPError) as error:
            raise WeightsError(
                f"reasoning.model: {model} is not on this box and cannot be fetched "
                f"({type(error).__name__}: {str(error)[:200]}). Copy the folder here and name "
                "its path"
            ) from error
    return folder, {"source": model, "revision": folder.name}


def _is_whole(folder: Path) -> bool:
    """Whether nothing of a fetched model is missing: a fetch may have broken off."""
    if not all(any(folder.glob(pattern)) for pattern in _WANTED):
        return False
    try:
        index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return True  # a model of one file has no index
    return all((folder / name).is_file() for name in set(index["weight_map"].values()))
