import pytest

PENGUINS = "species,mass,island\nadelie,3700,1\ngentoo,5000,2\nadelie,3900,2\nchinstrap,,1\n"
ISLANDS = "island,name\n1,Biscoe\n2,Dream\n"
MASSES = "SELECT species, avg(mass) AS mass, count(*) AS n FROM penguins GROUP BY species ORDER BY species"


@pytest.fixture
def penguins(make_dataset):
    return make_dataset("penguins", PENGUINS)


@pytest.fixture
def islands(make_dataset):
    return make_dataset("islands", ISLANDS)


@pytest.fixture
def more_penguins(make_dataset):
    """Call it for the next version of the penguins."""

    def add(row="gentoo,5400,1\n"):
        return make_dataset("penguins", PENGUINS + row, new_version=True)

    return add
