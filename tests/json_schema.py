"""What JSON Schema says, for the words that our schemas use; any other word is an error."""

from __future__ import annotations

import re
from typing import Any

TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "boolean": bool,
    "number": (int, float),
    "null": type(None),
}
KNOWN = {
    *("$schema", "$ref", "$defs", "title", "description", "default", "type", "enum", "const", "anyOf"),
    *("properties", "additionalProperties", "required", "propertyNames", "items", "minItems", "minLength"),
    *("pattern", "minimum", "maximum"),
}


def fits(value: Any, schema: Any, root: Any = None) -> bool:
    """Whether the value is as the schema says; `root`: the whole, if this is a part of it."""
    root = schema if root is None else root
    if isinstance(schema, bool):
        return schema
    assert schema.keys() <= KNOWN, schema.keys() - KNOWN
    if "$ref" in schema:
        return fits(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    return all(check(value, schema, root) for check in (_is_of_type, _is_in_bounds, _parts_fit))


def _is_of_type(value: Any, schema: dict[str, Any], root: Any) -> bool:
    wanted = schema.get("type")
    if wanted and not isinstance(value, TYPES[wanted]):
        return False
    if wanted in ("integer", "number") and isinstance(value, bool):
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if "const" in schema and value != schema["const"]:
        return False
    return not ("anyOf" in schema and not any(fits(value, one, root) for one in schema["anyOf"]))


def _is_in_bounds(value: Any, schema: dict[str, Any], root: Any) -> bool:
    if isinstance(value, str):
        return len(value) >= schema.get("minLength", 0) and bool(re.search(schema.get("pattern", ""), value))
    if isinstance(value, int):
        return bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))
    return not isinstance(value, list) or len(value) >= schema.get("minItems", 0)


def _parts_fit(value: Any, schema: dict[str, Any], root: Any) -> bool:
    if isinstance(value, list):
        return all(fits(element, schema.get("items", True), root) for element in value)
    if not isinstance(value, dict):
        return True
    known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    return (
        set(schema.get("required", ())) <= value.keys()
        and all(fits(name, schema.get("propertyNames", True), root) for name in value)
        and all(fits(part, known.get(name, others), root) for name, part in value.items())
    )
