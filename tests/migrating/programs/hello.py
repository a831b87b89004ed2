from prefect import flow, get_run_logger, task


@task
def greet(name: str) -> str:
    get_run_logger().info("greeting %s", name)
    return f"Hello, {name}!"


@flow(name="hello", log_prints=False)
def hello(name: str = "world") -> None:
    print(greet(name))


if __name__ == "__main__":
    hello("Marvin")
