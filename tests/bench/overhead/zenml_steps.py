"""The same eight steps with ZenML, on its local stack."""

from zenml import pipeline, step


@step(enable_cache=False)
def hand_on(x: str) -> str:
    return x


@pipeline(enable_cache=False)
def steps() -> None:
    x = "x"
    for _ in range(8):
        x = hand_on(x)


if __name__ == "__main__":
    steps()
