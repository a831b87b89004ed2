"""A function that forgot its colon."""


def area(width, height)
    return width * height
