"""What code inside a run can ask about it: `runtime.flow_run.name`, `runtime.task_run.tags`, …

Every attribute is read anew, without reading any file. Outside of a run there is nothing to tell:
None, an empty list or mapping, or 0. For tests a variable such as
`FLOWSTONE__RUNTIME__FLOW_RUN__NAME` stands in for any attribute that is a single value.
"""

from __future__ import annotations

from flowstone.runtime import deployment, flow_run, task_run

__all__ = ["deployment", "flow_run", "task_run"]
