"""The one error of the recipe: its text is a sentence for the person who ran the command."""


class RecipeError(Exception):
    """Something the person at the keyboard can act on."""
