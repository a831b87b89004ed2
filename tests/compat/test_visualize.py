"""Section 17: drawing a flow without running its tasks."""

from __future__ import annotations

import asyncio
import sys
import threading
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest

from flowstone import flow, task
from flowstone.exceptions import ParameterBindError
from flowstone.utilities.visualization import VisualizationUnsupportedError
from flowstone.wiring.process import PROCESS

pytestmark = pytest.mark.filterwarnings("ignore:`flow.*` calls the flow's function")


def never(*_args):
    pytest.fail("a task ran while its flow was drawn")


@task
def first():
    never()


@task
def second(x, y=None):
    never()


@task(viz_return_value=[1, 2, 3])
def numbers():
    never()


@task
async def slow(x):
    never()


@flow
def inner(x):
    never()


def lines(drawn_flow, *args) -> list[str]:
    head, *rest = drawn_flow.generate_mermaid_graph(*args).splitlines()
    assert head == "flowchart TD"
    return [line.removeprefix("    ") for line in rest]


def test_calls_are_nodes_in_order_and_results_passed_on_are_edges():
    @flow
    def main():
        one = first()
        two = second(one)
        second(two, y=one)

    assert lines(main) == [
        'first_0["first-0"]',
        'second_0["second-0"]',
        'second_1["second-1"]',
        "first_0 --> second_0",
        "second_0 --> second_1",
        "first_0 --> second_1",
    ]


def test_keys_have_underscores_for_what_a_key_cannot_hold():
    named = task(lambda: None, name="load the-day [x]")
    assert lines(flow(named, name="f")) == ['load_the_day__x__0["load the-day [x]-0"]']


def test_names_that_differ_only_in_such_characters_stay_apart():
    one, two = (task(lambda: None, name=name) for name in ("a b", "a-b"))

    def body():
        one()
        two()

    assert lines(flow(body)) == ['a_b_0["a b-0"]', 'a_b_0_["a-b-0"]']


def test_a_subflow_is_a_node_and_its_function_is_not_called():
    @flow
    def main():
        second(inner(first()))

    assert lines(main)[3:] == ["first_0 --> inner_0", "inner_0 --> second_0"]


def test_the_code_around_the_tasks_runs_with_the_arguments_given():
    seen = []

    @flow
    def main(count: int, *, extra=0):
        seen.append((count, extra))
        for _ in range(count):
            first()

    assert len(lines(main, 3)) == 3
    assert main.generate_mermaid_graph(count=1, extra=2).count("first") == 2
    assert seen == [(3, 0), (1, 2)]


def test_parameters_are_not_validated_or_converted():
    seen = []

    @flow
    def main(count: int):
        seen.append(count)

    main.generate_mermaid_graph("not a number")
    assert seen == ["not a number"]


def test_that_other_code_runs_is_a_warning_at_the_line_that_asked():
    with pytest.warns(UserWarning, match=r"generate_mermaid_graph.*the code around them") as caught:
        flow(lambda: None, name="f").generate_mermaid_graph()
    assert caught[0].filename == __file__


def test_nothing_is_recorded_and_nothing_started(monkeypatch):
    monkeypatch.setattr(PROCESS, "engine", None)
    monkeypatch.setattr(PROCESS, "start", never)

    @flow
    def main():
        second(first())

    assert len(lines(main)) == 3


def test_a_value_to_draw_with_is_returned_and_followed():
    @flow
    def main():
        values = numbers()
        assert values == [1, 2, 3]
        second(sum(values))
        second(values)

    assert lines(main)[3:] == ["numbers_0 --> second_1"]


def test_one_value_of_two_calls_belongs_to_the_call_before():
    @flow
    def main():
        second(numbers())
        second(numbers())

    assert lines(main)[4:] == ["numbers_0 --> second_0", "numbers_1 --> second_1"]


@pytest.mark.parametrize("value", [0, False, "", [], {}])
def test_a_value_to_draw_with_may_be_false(value):
    seen = []

    @flow
    def main():
        seen.append(task(never, viz_return_value=value, name="empty")())

    main.generate_mermaid_graph()
    assert seen == [value]


@pytest.mark.parametrize("value", [7, True, "a", ()])
def test_values_that_are_one_object_everywhere_make_no_edges(value):
    @flow
    def main():
        task(never, viz_return_value=value, name="small")()
        second(value)

    assert len(lines(main)) == 2


def test_results_in_containers_and_in_wait_for_are_edges():
    @flow
    def main():
        one, two = first(), first()
        second([one, {"key": (two,)}])
        second(1, wait_for=[one])

    assert set(lines(main)[4:]) == {
        "first_0 --> second_0",
        "first_1 --> second_0",
        "first_0 --> second_1",
    }


def test_a_container_that_holds_itself_is_no_trap():
    @flow
    def main():
        values = [first()]
        values.append(values)
        second(values)

    assert lines(main)[2:] == ["first_0 --> second_0"]


def test_async_tasks_give_awaitables_and_async_flows_are_drawn_from_anywhere():
    @flow
    async def main():
        one = await slow(1)
        both = await asyncio.gather(slow(one), slow(one))
        second(both)

    expected = lines(main)
    assert expected[4:] == [
        "slow_0 --> slow_1",
        "slow_0 --> slow_2",
        "slow_1 --> second_0",
        "slow_2 --> second_0",
    ]

    async def in_a_loop():
        return main.generate_mermaid_graph(), await main.agenerate_mermaid_graph()

    sync, awaited = asyncio.run(in_a_loop())
    assert sync == awaited
    assert [line.strip() for line in sync.splitlines()[1:]] == expected


def test_a_sync_flow_is_drawn_by_the_async_method_too():
    @flow
    def main():
        second(first())

    assert asyncio.run(main.agenerate_mermaid_graph()) == main.generate_mermaid_graph()


@task(viz_return_value=["a value", "another"])
def each():
    yield never()


@task(viz_return_value=["a value", "another"])
async def aeach():
    yield never()


def test_generator_tasks_give_the_values_to_draw_with():
    @flow
    async def main():
        for value in each():
            second(value)
        async for value in aeach():
            second(value)

    assert [line.partition("[")[0] for line in lines(main)] == [
        "each_0",
        "second_0",
        "second_1",
        "aeach_0",
        "second_2",
        "second_3",
    ]


def test_generator_flows_are_drawn_to_their_end():
    @flow
    def main():
        yield first()
        yield second(1)

    assert len(lines(main)) == 2


class Etl:
    @task
    def load(self, x):
        never()

    @flow
    def main(self, x):
        self.load(self.load(x))


def test_methods_are_drawn():
    assert lines(Etl().main, 1)[2:] == ["load_0 --> load_1"]


@pytest.mark.parametrize("verb", ["submit", "map"])
def test_submit_and_map_are_refused_with_what_to_do(verb):
    @flow
    def main():
        getattr(second, verb)([1])

    with pytest.raises(VisualizationUnsupportedError, match=rf"`task\.{verb}\(\)`.*flow-run graph"):
        main.generate_mermaid_graph()


def test_an_error_from_looking_into_a_placeholder_says_how_to_draw():
    @flow
    def main():
        return first() + 1

    with pytest.raises(TypeError, match="unsupported operand") as raised:
        main.generate_mermaid_graph()
    assert any("viz_return_value" in note for note in raised.value.__notes__)


class TwoPartsError(Exception):
    def __init__(self, one, two):
        super().__init__(one, two)


def test_an_error_of_the_flow_is_raised_as_the_object_that_it_is():
    error = TwoPartsError(1, 2)

    @flow
    def main():
        raise error

    with pytest.raises(TwoPartsError) as raised:
        main.generate_mermaid_graph()
    assert raised.value is error


def test_arguments_that_do_not_fit_are_refused_as_by_a_call():
    with pytest.raises(ParameterBindError, match="too many positional arguments"):
        flow(lambda: None, name="f").generate_mermaid_graph(1)
    with pytest.raises(ParameterBindError, match="missing a required argument: 'x'"):
        flow(lambda: [second()], name="f").generate_mermaid_graph()


def test_a_task_runs_again_after_a_drawing_that_failed():
    twice = task(lambda x: 2 * x, name="twice")

    @flow
    def main():
        raise ValueError

    with pytest.raises(ValueError):
        main.generate_mermaid_graph()
    assert twice(4) == 8


def test_another_thread_runs_its_tasks_while_a_flow_is_drawn():
    twice = task(lambda x: 2 * x, name="twice")
    seen = []

    @flow
    def main():
        thread = threading.Thread(target=lambda: seen.append(twice(4)))
        thread.start()
        thread.join()
        first()

    assert lines(main) == ['first_0["first-0"]']
    assert seen == [8]


def test_visualize_writes_an_svg_without_graphviz_and_prints_its_path(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)

    @flow(name="my flow")
    def main(x):
        second(first())

    assert main.visualize(1) is None
    path = tmp_path / "my flow.svg"
    assert capsys.readouterr().out == f"{path}\n"
    root = ET.fromstring(path.read_text(encoding="utf-8"))
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["my flow", "first-0", "second-0"]


def test_avisualize_does_the_same_on_a_running_loop(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    @flow
    async def main():
        await slow(1)

    asyncio.run(main.avisualize())
    assert capsys.readouterr().out == f"{tmp_path / 'main.svg'}\n"
    assert "slow-0" in (tmp_path / "main.svg").read_text(encoding="utf-8")


def test_a_notebook_shows_the_picture_and_no_file_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shown = []
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    display = SimpleNamespace(display=shown.append)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    flow(lambda: [first()], name="main").visualize()
    assert "first-0" in shown[0]._repr_svg_()
    assert list(tmp_path.iterdir()) == []
    assert capsys.readouterr().out == ""
