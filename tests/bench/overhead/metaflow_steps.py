"""The same eight steps with Metaflow, a process each."""

from metaflow import FlowSpec, step


class Steps(FlowSpec):
    """Hands one value through."""

    @step
    def start(self) -> None:
        self.x = "x"
        self.next(self.s1)

    @step
    def s1(self) -> None:
        self.next(self.s2)

    @step
    def s2(self) -> None:
        self.next(self.s3)

    @step
    def s3(self) -> None:
        self.next(self.s4)

    @step
    def s4(self) -> None:
        self.next(self.s5)

    @step
    def s5(self) -> None:
        self.next(self.s6)

    @step
    def s6(self) -> None:
        self.next(self.end)

    @step
    def end(self) -> None:
        assert self.x == "x"


if __name__ == "__main__":
    Steps()
