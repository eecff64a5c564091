from pathlib import Path

import pandas as pd

CATEGORIES = ["harbour", "hill", "old town", "station"]


def load(path: Path) -> pd.DataFrame:
    frame = pd.read_csv(path)
    return frame.assign(district=pd.Categorical(frame["district"], categories=CATEGORIES))
