"""The one exception that people see."""


class JukeboxError(Exception):
    """A sentence for people: what is wrong, with what, what to do."""
