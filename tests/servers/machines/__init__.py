"""Several machines of one platform, and a version of it that is still to come."""
