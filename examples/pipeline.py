"""A week's orders: read from shops, parsed, converted into euros, and stored in a database.

One shop's server fails at the first request, one shop does not exist, one line is no order, and the
newest exchange rates come too late. What could not be done is told at the end; the rest is stored.

    python examples/pipeline.py
"""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import BaseModel, Field

from flowstone import Flow, State, allow_failure, flow, get_run_logger, task, unmapped
from flowstone.exceptions import ParameterTypeError
from flowstone.futures import as_completed
from flowstone.runtime import flow_run, task_run
from flowstone.states import Completed, Failed
from flowstone.task_runners import ThreadPoolTaskRunner
from flowstone.tasks import exponential_backoff

EXPORTS = {
    "berlin": ["tea,3.50,EUR", "coffee,12.00,EUR", "a cup of nothing"],
    "london": ["scones,7.00,GBP", "marmalade,4.50,GBP"],
    "zurich": ["chocolate,21.00,CHF", "cheese,40.00,CHF", "postcard,1.00,CHF"],
}
RATES = {"old": {"EUR": 1.0, "GBP": 1.2, "CHF": 1.05}, "new": {"EUR": 1.0, "GBP": 1.1, "CHF": 1.0}}
EVENTS: list[str] = []


class Order(BaseModel):
    """One line of an export."""

    shop: str
    article: str
    amount: float = Field(gt=0)
    currency: str


class Week(BaseModel):
    """What is asked for."""

    number: int
    shops: list[str]
    smallest: float = 0


def note(_declared: object, run: object, state: State) -> None:
    """Remember how a run ended."""
    EVENTS.append(f"{getattr(run, 'name', '')}: {state.name}")


def tell(declared: Flow[..., Any], _run: object, state: State) -> None:
    """Say at once that a flow has failed."""
    print(f"{declared.name}: {state.name}")


def is_worth_another_try(_task: object, _run: object, state: State) -> bool:
    """Whether the shop's server has trouble that may pass."""
    return isinstance(state.result(raise_on_failure=False), ConnectionError)


@task(timeout_seconds=0.2, task_run_name="{age} rates", on_failure=[note])
def fetch_rates(age: str) -> dict[str, float]:
    """Return what a unit of each currency is worth in euros."""
    for _ in range(300 if age == "new" else 1):
        time.sleep(0.01)
    return RATES[age]


@task(
    task_run_name="read {shop}",
    tags=["source"],
    retries=2,
    retry_delay_seconds=exponential_backoff(backoff_factor=0.1),
    retry_jitter_factor=0.5,
    retry_condition_fn=is_worth_another_try,
    on_running=[note],
    on_completion=[note],
    on_failure=[note],
)
def read_export(shop: str) -> list[str]:
    """Return the lines of a shop's export; raise where there is no such shop."""
    if shop == "london" and task_run.run_count == 1:
        raise ConnectionError("the server does not answer")
    if shop not in EXPORTS:
        raise LookupError(f"no shop in {shop}")
    return EXPORTS[shop]


@task(on_failure=[note], task_run_name=lambda parameters: f"parse {parameters['line']!r}")
def parse(line: str, shop: str) -> Order:
    """Return a line as an order; raise where it is none."""
    article, amount, currency = line.split(",")
    return Order(shop=shop, article=article, amount=float(amount), currency=currency)


@task
def to_euros(order: Order, rates: dict[str, float]) -> Order:
    """Return the order with its amount in euros."""
    amount = round(order.amount * rates[order.currency], 2)
    return order.model_copy(update={"amount": amount, "currency": "EUR"})


@task
def store(orders: list[Order | None], database: Path, smallest: float) -> int:
    """Store the orders that are large enough; return how many that were."""
    kept = [order for order in orders if order is not None and order.amount >= smallest]
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS orders (shop, article, amount)")
        rows = [(order.shop, order.article, order.amount) for order in kept]
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?)", rows)
    return len(rows)


@task
def add_up(database: Path) -> list[tuple[str, int, float]]:
    """Return for each shop how many orders are stored, and their sum."""
    query = "SELECT shop, count(*), round(sum(amount), 2) FROM orders GROUP BY shop ORDER BY shop"
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(query).fetchall()


@flow(flow_run_name="shop-{shop}", on_completion=[note], on_failure=[note], log_prints=True)
def import_shop(shop: str, rates: dict[str, float], database: Path, smallest: float) -> State:
    """Store a shop's orders, and end in a state that says how many."""
    lines = read_export(shop, return_state=True)
    if lines.is_failed():
        return Failed(message=f"{flow_run.name}: {lines.message}")
    parsed = parse.map(lines, shop)  # a shop's name is a string: each run gets it whole
    orders = to_euros.map(parsed, unmapped(rates))
    stored = store.submit(allow_failure(orders), database, smallest)
    print(f"{stored.result()} of {len(parsed)} orders")  # goes to the log of the run
    return Completed(name="Imported", message=f"{stored.result()} of {len(parsed)} orders")


@flow(
    name="weekly orders",
    flow_run_name="week-{week.number}",
    task_runner=ThreadPoolTaskRunner(max_workers=4),
    on_failure=[tell],
)
def weekly_orders(week: Week, database: Path) -> list[State]:
    """Store the orders of a week, shop by shop, and print what is stored."""
    rates: dict[str, float] = {}
    for future in as_completed([fetch_rates.submit(age) for age in ("new", "old")]):
        found = future.result(raise_on_failure=False)
        if isinstance(found, Exception):
            get_run_logger().warning("no rates: %s", found)
        else:
            rates = found
    imported: list[State] = [
        import_shop(shop, rates, database, week.smallest, return_state=True) for shop in week.shops
    ]
    for shop, state in zip(week.shops, imported, strict=True):
        print(f"{shop:8}{state.name:10}{state.message}")
    sums = add_up.submit(database, wait_for=[allow_failure(imported)])
    for name, count, amount in sums.result():
        print(f"{name:8}{count:2} orders{amount:8.2f} EUR")
    audit = add_up.with_options(name="audit").submit(database, wait_for=imported)
    audit.wait()
    print(f"audit   {audit.state.name}, for a shop is missing")
    return imported


def main() -> None:
    """Import a week into a new database, and print what came of it."""
    asked = json.loads('{"number": "27", "shops": ["berlin", "london", "paris", "zurich"]}')
    with TemporaryDirectory() as folder:
        database = Path(folder) / "orders.db"
        state = weekly_orders(asked | {"smallest": 2}, database, return_state=True)
        print(f"{state.type.value}: {state.message}")
        try:
            weekly_orders(asked | {"smallest": "many"}, database)
        except ParameterTypeError:
            print("A week cannot be asked for like that.")
    for event in sorted(EVENTS):
        print(event)


if __name__ == "__main__":
    main()
