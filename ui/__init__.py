"""The window. Imports the client and the session; never torch."""
