"""Results of pure stages that leave the machine: a folder, an address of fsspec, or an OCI registry."""
