"""What a user hangs on runs and raises (hooks, handlers, formatters, filters, `__repr__`, `print`)
never breaks a run."""

from __future__ import annotations

import asyncio
import logging
import sys

import pytest

from flowstone import flow, get_run_logger, task


class BrokenHandler(logging.Handler):
    def emit(self, record):
        raise RuntimeError("the handler broke")


class BrokenFormatter(logging.Formatter):
    def format(self, record):
        raise RuntimeError("the formatter broke")


class BrokenFilter(logging.Filter):
    def filter(self, record):
        raise RuntimeError("the filter broke")


class Rude:
    def __repr__(self):
        raise RuntimeError("the repr broke")

    __str__ = __repr__


class RudeError(Exception):
    def __repr__(self):
        raise RuntimeError("the repr broke")

    __str__ = __getattr__ = __repr__

    def __setattr__(self, name, value):
        raise RuntimeError("the attribute broke")


def broken(*_anything):
    raise RuntimeError("the hook broke")


async def broken_later(*_anything):
    raise RuntimeError("the hook broke")


def on_a_handler(**parts):
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(parts.get("formatter"))
    if "filter" in parts:
        handler.addFilter(parts["filter"])
    return handler


BROKEN = {
    "handler": BrokenHandler,
    "formatter": lambda: on_a_handler(formatter=BrokenFormatter()),
    "filter": lambda: on_a_handler(filter=BrokenFilter()),
}


def in_a_task():
    @task
    def works():
        get_run_logger().warning("x")
        return 5

    return works()


def in_a_flow():
    @flow
    def works():
        get_run_logger().warning("x")
        return 5

    return works()


def in_a_submitted_task():
    @task
    def works():
        get_run_logger().warning("x")
        return 5

    @flow
    def runs():
        return works.submit().result()

    return runs()


def in_an_async_task():
    @task
    async def works():
        get_run_logger().warning("x")
        return 5

    @flow
    async def runs():
        return await works()

    return asyncio.run(runs())


def in_a_generator_task():
    @task
    def works():
        get_run_logger().warning("x")
        yield 5

    @flow
    def runs():
        return next(iter(works()))

    return runs()


def in_a_failure():
    @task
    def fails():
        raise RudeError

    @flow
    def runs():
        return 5 if fails(return_state=True).is_failed() else 0

    return runs()


def in_a_failure_that_is_tried_again():
    attempts = []

    @task(retries=1)
    def fails():
        attempts.append(1)
        if len(attempts) == 1:
            raise RudeError
        return 5

    @flow
    def runs():
        return fails()

    return runs()


PLACES = [
    in_a_task,
    in_a_flow,
    in_a_submitted_task,
    in_an_async_task,
    in_a_generator_task,
    in_a_failure,
    in_a_failure_that_is_tried_again,
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("part", BROKEN)
def test_what_shows_lines_may_raise(home, capsys, part, place):
    logger, handler = logging.getLogger("flowstone"), BROKEN[part]()
    logger.addHandler(handler)
    try:
        assert place() == 5
    finally:
        logger.removeHandler(handler)
    assert f"RuntimeError: the {part} broke" in capsys.readouterr().err  # told, not hidden


@pytest.mark.parametrize("place", PLACES)
def test_a_filter_of_the_run_loggers_may_raise(home, place):
    refuse = BrokenFilter()
    loggers = [logging.getLogger(f"flowstone.{kind}_runs") for kind in ("flow", "task")]
    for logger in loggers:
        logger.addFilter(refuse)
    try:
        assert place() == 5
    finally:
        for logger in loggers:
            logger.removeFilter(refuse)


def test_other_handlers_have_the_line_too(recorded):
    """One that raises takes the line from nobody: it is recorded, and shown by those before."""
    logger, handler = logging.getLogger("some.app"), BrokenHandler()
    logger.addHandler(handler)

    @flow
    def runs():
        logger.warning("kept")

    try:
        runs()
    finally:
        logger.removeHandler(handler)
    assert "kept" in recorded.lines


def test_handlers_outside_of_runs_raise_as_ever(home):
    logger, handler = logging.getLogger("some.app"), BrokenHandler()
    logger.addHandler(handler)
    in_a_flow()
    try:
        with pytest.raises(RuntimeError, match="the handler broke"):
            logger.warning("x")
    finally:
        logger.removeHandler(handler)


def test_a_terminal_that_is_closed_breaks_nothing(home, monkeypatch):
    class Closed:
        def write(self, _text):
            raise ValueError("I/O operation on closed file")

        flush = isatty = write

    monkeypatch.setattr(sys, "stderr", Closed())
    logger, handler = logging.getLogger("flowstone"), BrokenHandler()
    logger.addHandler(handler)
    try:
        assert in_a_flow() == 5
    finally:
        logger.removeHandler(handler)


@pytest.mark.parametrize("hook", [broken, broken_later, Rude()])
@pytest.mark.parametrize("kind", [task, flow])
@pytest.mark.parametrize("moment", ["on_running", "on_completion", "on_failure"])
def test_a_hook_may_raise(home, hook, kind, moment):
    if isinstance(hook, Rude):
        hook = type("RudeHook", (Rude,), {"__call__": broken})()

    @kind(**{moment: [hook]})
    def works(fails):
        if fails:
            raise ValueError("its own")
        return 5

    if moment == "on_failure":
        with pytest.raises(ValueError, match="its own"):
            works(fails=True)
    else:
        assert works(fails=False) == 5


@pytest.mark.parametrize("kind", [task, flow])
@pytest.mark.parametrize("moment", ["on_completion", "on_failure"])
def test_a_hook_of_async_work_may_raise(home, kind, moment):
    @kind(**{moment: [broken, broken_later]})
    async def works(fails):
        if fails:
            raise ValueError("its own")
        return 5

    if moment == "on_failure":
        with pytest.raises(ValueError, match="its own"):
            asyncio.run(works(fails=True))
    else:
        assert asyncio.run(works(fails=False)) == 5


def test_a_hook_of_submitted_work_may_raise(home):
    @task(on_running=[broken], on_completion=[broken, broken_later])
    def works():
        return 5

    @flow
    def runs():
        return works.submit().result()

    assert runs() == 5


def test_what_is_logged_or_printed_may_have_no_text(recorded, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)  # pytest's handler raises where it is on

    @flow(log_prints=True)
    def runs():
        get_run_logger().info("%s", Rude())
        get_run_logger().info(Rude())
        logging.getLogger("some.app").warning(Rude())
        print("printed", Rude())
        return 5

    assert runs() == 5
    assert "printed <Rude, whose text raised RuntimeError>" in recorded.lines
    assert any("<Rude> (its arguments do not fit" in line for line in recorded.lines)


def test_parameters_and_results_may_have_no_repr(home):
    @task
    def passes(value):
        return value

    @flow(validate_parameters=False)
    def runs(value):
        return 5 if passes.submit(passes(value)).result() is value else 0

    assert runs(Rude()) == 5


def test_a_print_that_was_put_in_place_and_raises_breaks_no_run_that_logs_prints(
    recorded, monkeypatch
):
    def fails(*_values):
        raise RuntimeError("the print broke")

    monkeypatch.setattr("builtins.print", fails)

    @flow(log_prints=True)
    def runs():
        print("x")
        return 5

    assert runs() == 5
    assert "x" in recorded.lines


@pytest.mark.parametrize("part", ["handler", "formatter"])
def test_printing_to_a_broken_handler_ends(home, part):
    """Its error is told by printing a traceback, which must not be redirected to it again."""
    logger, handler = logging.getLogger("flowstone"), BROKEN[part]()
    logger.addHandler(handler)

    @flow(log_prints=True)
    def runs():
        print("x")
        return 5

    try:
        assert runs() == 5
    finally:
        logger.removeHandler(handler)
