"""The shape of the site file, read off its models: which fields may stand at a path."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from hazard.site.glossary import describe
from hazard.site.models import Site
from hazard.site.problems import KeyPath


def model_at(path: KeyPath, data: Any) -> type[BaseModel] | None:
    """The model that describes the mapping at `path` of `data`; None for anything else."""
    found = _resolve(Site, path, data)
    models = list(_models(found))
    value = _value(path, data)
    return _chosen(models, value)


def field_at(path: KeyPath, data: Any) -> FieldInfo | None:
    """The field that describes the value at `path`, if a model names it."""
    if not path or not isinstance(path[-1], str):
        return None
    model = model_at(path[:-1], data)
    return None if model is None else model.model_fields.get(path[-1])


def description_at(path: KeyPath, data: Any) -> str:
    """What the field at `path` is, in a few words; empty where no model describes it."""
    model = model_at(path[:-1], data) if path else None
    name = path[-1] if path else ""
    if model is None or not isinstance(name, str) or name not in model.model_fields:
        return ""
    return describe(model, name, model.model_fields[name])


def kinds_at(path: KeyPath, data: Any) -> tuple[str, ...]:
    """The values that `kind` may have in the mapping at `path`."""
    names: list[str] = []
    for model in _models(_resolve(Site, path, data)):
        kind = model.model_fields.get("kind")
        if kind is not None:
            names.extend(str(name) for name in get_args(kind.annotation))
    return tuple(names)


def _value(path: KeyPath, data: Any) -> Any:
    for key in path:
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _resolve(annotation: Any, path: KeyPath, data: Any) -> Any:
    """The annotation of the value at `path`, where `annotation` is that of `data`."""
    for key in path:
        model = _chosen(list(_models(annotation)), data)
        if model is not None and isinstance(key, str) and key in model.model_fields:
            annotation = model.model_fields[key].annotation
        else:
            annotation = _item(annotation)
        data = _value((key,), data)
    return annotation


def _chosen(models: list[type[BaseModel]], value: Any) -> type[BaseModel] | None:
    """The model of a union that the value's `kind` names, or the only one."""
    if len(models) == 1:
        return models[0]
    kind = value.get("kind") if isinstance(value, dict) else None
    for model in models:
        field = model.model_fields.get("kind")
        if field is not None and kind in get_args(field.annotation):
            return model
    return None


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a value of this annotation may be."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _models(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for part in get_args(annotation):
            yield from _models(part)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation


def _item(annotation: Any) -> Any:
    """The annotation of the items of a list or mapping."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _item(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        for part in get_args(annotation):
            item = _item(part)
            if item is not None:
                return item
        return None
    if origin is dict:
        return get_args(annotation)[1]
    if origin is tuple:
        return get_args(annotation)[0]
    return None


def fields(
    model: type[BaseModel] = Site, prefix: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Every field of the site file with its path; `*` stands for a name of the integrator's."""
    for name, info in model.model_fields.items():
        path = (*prefix, name)
        yield path, info
        yield from _below(info.annotation, path)


def models() -> Iterator[type[BaseModel]]:
    """Every model of the site file, once, the file itself first."""
    seen: list[type[BaseModel]] = [Site]
    for model in seen:
        yield model
        for info in model.model_fields.values():
            seen.extend(inner for inner in _inner(info.annotation) if inner not in seen)


def _inner(annotation: Any) -> Iterator[type[BaseModel]]:
    yield from _models(annotation)
    item = _item(annotation)
    if item is not None:
        yield from _inner(item)


def _below(annotation: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    for inner in _models(annotation):
        yield from fields(inner, path)
    item = _item(annotation)
    if item is not None:
        yield from _below(item, (*path, "*"))
