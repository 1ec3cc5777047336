"""Holds what other readers see in the tables of out/ against each other."""
import glob
import json
import os

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.ipc

run = json.load(open("out/run.json"))
energy = ds.dataset(glob.glob("out/cells/*/energy.arrow"), format="ipc")
requests = ds.dataset(glob.glob("out/cells/*/requests.arrow"), format="ipc")
lazy = pl.scan_ipc("out/cells/*/requests.arrow", include_file_paths="file")
agreed = 0
for cell in run["cells"]:
    folder = os.path.join("out/cells", cell["cell"])
    for name in ("requests", "readings", "energy"):
        schema = pa.ipc.open_file(f"{folder}/{name}.arrow").schema
        assert schema.metadata[b"table"] == name.encode(), schema.metadata
        for field in schema:
            assert field.metadata and field.metadata[b"unit"], (name, field)
            assert not pa.types.is_dictionary(field.type), (name, field)
    table = pa.ipc.open_file(f"{folder}/requests.arrow").read_all()
    assert table.num_rows == cell["requests"], (table.num_rows, cell["requests"])
    assert pc.sum(pc.is_valid(table["error"])).as_py() == cell["errors"]
    assert table["server_prefill_ns"].null_count == table.num_rows
    assert pa.types.is_list(table.schema.field("token_ns").type)
    for row in table.slice(0, 3).to_pylist():
        assert sum(row["token_count"]) == row["output_tokens"], row
        assert row["token_ns"][0] == row["first_token_ns"] and row["token_ns"][-1] == row["last_token_ns"], row
    # Conservation, as another reader computes it: by domain, and of those that count.
    schema = pa.ipc.open_file(f"{folder}/energy.arrow").schema
    used = {k[len(b"energy_uj."):].decode(): int(v) for k, v in schema.metadata.items() if k.startswith(b"energy_uj.")}
    cell_energy = json.loads(schema.metadata[b"cell_energy"])["energy_uj"]
    sums = duckdb.sql(f"select convention, domain, sum(energy_j), count(*) from energy where cell = '{cell['cell']}' group by all").fetchall()
    assert len(sums) == 3 * len(used) == 12, sums
    for convention, domain, total, rows in sums:
        assert round(total * 1e6) == used[domain], (cell["cell"], convention, domain, total, used)
        assert rows == cell["requests"] + 2
    sums = duckdb.sql(f"select convention, sum(energy_j) from energy where cell = '{cell['cell']}' and summed group by all").fetchall()
    assert len(sums) == 3, sums
    for convention, total in sums:
        assert round(total * 1e6) == cell_energy == used["package-0"] + used["dram"], (cell["cell"], convention, total, cell_energy)
    in_polars = lazy.filter(pl.col("file").str.contains(f"/{cell['cell']}/")).select(pl.len(), pl.col("output_tokens").sum()).collect().row(0)
    in_duckdb = duckdb.sql(f"select count(*), sum(output_tokens) from requests where cell = '{cell['cell']}'").fetchall()[0]
    in_pandas = pd.read_feather(f"{folder}/requests.arrow")["output_tokens"]
    assert in_polars == in_duckdb == (len(in_pandas), in_pandas.sum()), (in_polars, in_duckdb)
    readings = pl.read_ipc(f"{folder}/readings.arrow")
    assert readings["power_uw"].null_count() == readings.height
    for (domain,), one in readings.group_by("domain"):
        assert one["energy_uj"].is_sorted() and one["summed"].unique().to_list() == [domain in ("package-0", "dram")], domain
    agreed += 1
footprint = pl.read_ipc("out/footprint.arrow")
by_stage = footprint.filter(pl.col("stage") != "total").group_by("cell", "functional_unit", "category").agg(pl.col("value").sum())
total = footprint.filter(pl.col("stage") == "total").join(by_stage, on=["cell", "functional_unit", "category"], suffix="_sum")
assert total.height > 0 and ((total["value"] - total["value_sum"]).abs() <= 1e-9 * total["value"]).all()
print(agreed, "cells agree")
