"""Write a scenario as the TOML text that the loader reads, without what is default. Pure."""

from pathlib import PurePath
from typing import Any

import msgspec
import tomlkit
from msgspec import Struct

from sim.scenario.tables import Farm, Fault, Scenario
from sim.scenario.workload import Trace


def scenario_text(scenario: Scenario, folder: PurePath) -> str:
    """Return the file that `file.decode` turns into the same scenario, in any folder.

    ``folder``: where the files lie that it names.
    """
    return tomlkit.dumps(_plain(scenario, folder))


def faults_text(faults: list[Fault]) -> str:
    """Return the ``[[fault]]`` tables alone."""
    return tomlkit.dumps({"fault": _plain(faults, PurePath())})


def _plain(value: Any, folder: PurePath) -> Any:
    if isinstance(value, Struct):
        return _table(value, folder)
    if isinstance(value, dict):
        return {key: _plain(given, folder) for key, given in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(given, folder) for given in value]
    return value


def _table(value: Struct, folder: PurePath) -> dict[str, Any]:
    config = value.__struct_config__
    table = {} if config.tag is None else {str(config.tag_field): config.tag}
    for field in msgspec.structs.fields(value):
        given = getattr(value, field.name)
        # A later farm's default is what the first one says: nothing of it may be left out.
        if given is not None and (isinstance(value, Farm) or given != _default(field)):
            table[field.encode_name] = _plain(given, folder)
    if isinstance(value, Trace | Fault) and value.file is not None:
        table["file"] = str(folder / value.file)
    return table


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default
