"""Markup in messages, `[bold red]late[/]`, as the terminal shows it; loaded where it is wished."""

from __future__ import annotations


def rendered(text: str, *, colors: bool) -> str:
    """Return the text with its markup carried out, or left out where there are no colours.

    What is no markup stays as it is.
    """
    from rich.console import Console
    from rich.errors import MarkupError
    from rich.text import Text

    try:
        marked = Text.from_markup(text)
    except MarkupError:
        return text
    if not colors:
        return marked.plain
    console = Console(force_terminal=True, color_system="standard", highlight=False)
    with console.capture() as shown:
        console.print(marked, end="", soft_wrap=True)
    return shown.get()
