"""The same eight steps with Kedro, in one process."""

from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import node, pipeline
from kedro.runner import SequentialRunner

STEPS = [node(lambda x: x, f"d{number}", f"d{number + 1}", name=f"s{number}") for number in range(8)]

if __name__ == "__main__":
    assert "d8" in SequentialRunner().run(pipeline(STEPS), DataCatalog({"d0": MemoryDataset("x")}))
