"""Reads the Parquet files of many cells as one dataset with Spark and checks them.

usage: test-spark.py OUT...      each with the files of cfu-parquet beside its tables
"""

import json
import pathlib
import sys

from pyspark.sql import SparkSession, functions as F


def main():
    outs = [pathlib.Path(p) for p in sys.argv[1:]]
    spark = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false") \
        .config("spark.sql.shuffle.partitions", "2").config("spark.ui.showConsoleProgress", "false").getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")

    def dataset(table):
        """One table of all cells of all runs, with the run's folder and the cell."""
        path = F.split(F.input_file_name(), "/")
        return spark.read.parquet(*[f"{out}/cells/*/{table}.parquet" for out in outs]) \
            .withColumn("run", F.element_at(path, -4)).withColumn("cell", F.element_at(path, -2))

    want = {(out.name, c["cell"]): c["requests"] for out in outs for c in json.loads((out / "run.json").read_text())["cells"]}
    wrong = []
    got = {(r["run"], r["cell"]): r["count"] for r in dataset("requests").groupBy("run", "cell").count().collect()}
    if got != want:
        wrong.append(f"requests by run and cell: {got}, want {want}")
    sums = {}
    rows = dataset("energy").groupBy("run", "cell", "domain", "convention") \
        .agg(F.sum(F.round(F.col("energy_j") * 1e6).cast("long")).alias("uj"), F.count("*").alias("rows")).collect()
    for r in rows:
        sums.setdefault((r["run"], r["cell"], r["domain"]), set()).add(r["uj"])
        if r["rows"] != want.get((r["run"], r["cell"]), -2) + 2:  # idle and unattributed besides
            wrong.append(f"energy of {r}: want a row a request and two more")
    if {k[:2] for k in sums} != set(want):
        wrong.append(f"energy of {sorted(k[:2] for k in sums)}, want {sorted(want)}")
    for key, totals in sums.items():
        if len(totals) != 1:
            wrong.append(f"energy of {key}: the conventions sum to {totals}, want one total")
    print(f"spark {spark.version}: {len(want)} cells as one dataset, {sum(got.values())} requests, {len(rows)} sums of energy")
    spark.stop()
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
