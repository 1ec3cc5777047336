"""Energy and latency of each load point of a run, with DuckDB.

    python examples/read_duckdb.py OUT
"""
import glob
import sys

import duckdb
import pyarrow.dataset as ds

out = sys.argv[1]
cells = ds.dataset(sorted(glob.glob(f"{out}/cells/*/energy.arrow")), format="ipc")
requests = ds.dataset(sorted(glob.glob(f"{out}/cells/*/requests.arrow")), format="ipc")

# Every convention divides the same energy: look at one. Sum only what counts.
rows = duckdb.sql("""
    with energy as (
        select batch, load, sum(energy_j) as j from cells
        where summed and convention = (select min(convention) from cells)
        group by all
    ), done as (
        select batch, load, count(*) as requests, median((done_ns - sent_ns) / 1e9) as latency_s from requests
        where error is null
        group by all
    )
    select batch, load, requests, j / requests, latency_s from energy join done using (batch, load) order by all
""").fetchall()
for batch, load, n, joules, latency in rows:
    print(f"b{batch}-{load}: {n} requests, {joules:.3f} J/request, median {latency:.3f} s")
