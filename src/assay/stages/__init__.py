"""The stages: one module each, imported only where that stage runs."""

import os

# OpenMP's threads spin while they wait: beside other work on the same cores that made scikit-learn ten times slower. It
# is read when the library is loaded, so it stands before every import of a stage; what the user sets comes first.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
