"""ML CI/CD in eight gated stages, from code-test to monitor.

`dagger call full` runs them all, each in its own container. The module orchestrates and computes nothing: what to run
is what `assay plan` says, and every command runs in a container.
"""

from assay_ci.main import Assay as Assay
