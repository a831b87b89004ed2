"""The name of a run, where a template or a function of the user's makes it."""

from __future__ import annotations

from typing import Any

from flowstone.core.binding import parameter_names
from flowstone.core.context import RunContext
from flowstone.core.naming import check_name, check_source, fill_template
from flowstone.core.outcome import Err, Ok, Outcome
from flowstone.core.plain import clean_text
from flowstone.engine.ops import Ops


async def title(context: RunContext, parameters: dict[str, Any], option: str, ops: Ops) -> Outcome:
    """Return the run's name as `Ok`, or as `Err` what the template or function raised."""
    source = context.spec.run_name
    if callable(source):
        kwargs = {"parameters": parameters} if "parameters" in parameter_names(source) else {}
        made = await ops.call(source, (), kwargs)
        if isinstance(made, Err):
            return made
        name = made.value
    else:
        name = source
    try:
        if callable(source):
            check_name(name, source, option)
        else:
            check_source(option, source)  # it may have been assigned since the declaration
            name = fill_template(name, parameters)
    except Exception as error:  # noqa: BLE001  a template runs the user's __format__
        return Err(error)
    return Ok(clean_text(name))
