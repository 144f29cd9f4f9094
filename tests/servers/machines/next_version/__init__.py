"""A later version of the platform: its settings, with an app whose migration changes a table that is in use."""
