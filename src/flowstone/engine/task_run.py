"""The whole life of a task run."""

from __future__ import annotations

from typing import Any

from flowstone.core.context import RunContext, current
from flowstone.core.declared import DeclaredTask
from flowstone.core.outcome import Err, Outcome
from flowstone.core.runs import TaskRun
from flowstone.engine.attempts import attempt, crash, settle
from flowstone.engine.ops import Env, Ops
from flowstone.engine.titles import title


async def task_run(
    spec: DeclaredTask,
    run: TaskRun,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    ops: Ops,
    env: Env,
) -> Outcome:
    """Begin the run, name it, attempt it until it ends; return what its caller gets."""
    outer = current.get()
    flow = outer.flow if outer is not None else None
    log_prints = spec.log_prints
    if log_prints is None:
        log_prints = env.log_prints if outer is None else outer.log_prints
    context = RunContext(run, spec, outer, flow, log_prints=log_prints)
    name = spec.name
    if flow is not None:
        ordinal = flow.names.get(name, 0)
        flow.names[name] = ordinal + 1
        name = f"{name}-{ordinal}"
    current.set(context)
    try:
        problem = None
        now = env.now()
        run.key, run.name = env.new_id(now), name
        if spec.run_name is not None:
            parameters = spec.binding.bind(args, kwargs)
            made = await title(context, parameters, "task_run_name", ops)
            if isinstance(made, Err):
                problem = made
            else:
                name = made.value
        fact = run.create(
            run.key,
            now,
            task=env.log.define(spec.definition),
            name=name,
            flow_run=flow.run.key if flow is not None else None,
            parent=outer.run.key if outer is not flow and outer is not None else None,
            tags=spec.run_tags,
            running=problem is None,
        )
        env.log.opened(run, fact)
        if problem is not None:
            env.report.failed(context, problem.error, "")
            return await settle(context, problem, None, ops, env)
        return await attempt(context, args, kwargs, ops, env)
    except BaseException as error:
        crash(run, context, error, env)
        raise
    finally:
        if current.get() is context:  # not where a dropped coroutine is closed in another context
            current.set(outer)
