"""Energy and latency of each load point of a run, with polars.

    python examples/read_polars.py OUT
"""
import sys

import polars as pl

out = sys.argv[1]
point = ["batch", "load"]
cells = pl.scan_ipc(f"{out}/cells/*/energy.arrow")
requests = pl.scan_ipc(f"{out}/cells/*/requests.arrow")

# Every convention divides the same energy: look at one. Sum only what counts.
convention = cells.select(pl.col("convention").first()).collect().item()
energy = (cells.filter(pl.col("summed"), pl.col("convention") == convention)
          .group_by(point).agg(pl.col("energy_j").sum()))
points = (requests.filter(pl.col("error").is_null()).group_by(point)
          .agg(pl.len().alias("requests"), ((pl.col("done_ns") - pl.col("sent_ns")) / 1e9).median().alias("latency_s"))
          .join(energy, on=point).sort(point).collect())
for p in points.iter_rows(named=True):
    print(f"b{p['batch']}-{p['load']}: {p['requests']} requests, {p['energy_j'] / p['requests']:.3f} J/request, "
          f"median {p['latency_s']:.3f} s")
