"""Energy and latency of each load point of a run, with pandas.

    python examples/read_pandas.py OUT
"""
import glob
import sys

import pandas as pd

out = sys.argv[1]
cells = pd.concat(pd.read_feather(f) for f in glob.glob(f"{out}/cells/*/energy.arrow"))
requests = pd.concat(pd.read_feather(f) for f in glob.glob(f"{out}/cells/*/requests.arrow"))

# Every convention divides the same energy: look at one. Sum only what counts.
convention = cells["convention"].iloc[0]
energy = cells[cells["summed"] & (cells["convention"] == convention)].groupby(["batch", "load"])["energy_j"].sum()

done = requests[requests["error"].isna()]
latency = (done["done_ns"] - done["sent_ns"]) / 1e9
points = pd.DataFrame({
    "requests": done.groupby(["batch", "load"])["request"].count(),
    "j_per_request": energy / done.groupby(["batch", "load"])["request"].count(),
    "latency_s": latency.groupby([done["batch"], done["load"]]).median(),
})
for (batch, load), p in points.sort_index().iterrows():
    print(f"b{batch}-{load}: {p['requests']:.0f} requests, {p['j_per_request']:.3f} J/request, median {p['latency_s']:.3f} s")
