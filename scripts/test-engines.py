"""Checks the tables of two runs of scripts/test-engines and compares the engines.

usage: test-engines.py OUT OUT      prints Markdown; exits 1 with what is wrong
"""

import json
import pathlib
import sys

import pyarrow as pa
import pyarrow.compute as pc

wrong = []


def check(where, fine, what):
    if not fine:
        wrong.append(f"{where}: {what}")


def table(path):
    with pa.ipc.open_file(pa.memory_map(str(path))) as reader:
        t = reader.read_all()
    return t, {k.decode(): v.decode() for k, v in t.schema.metadata.items()}


def check_requests(where, rows, want):
    check(where, len(rows) == want, f"{len(rows)} requests, want {want}")
    for r in rows:
        at = f"{where}: request {r['request']}"
        if r["error"]:
            check(at, False, r["error"])
            continue
        check(at, r["output_tokens"] == r["target_output_tokens"],
              f"{r['output_tokens']} output tokens, asked for {r['target_output_tokens']}")
        check(at, sum(r["token_count"]) == r["output_tokens"],
              f"events carry {sum(r['token_count'])} tokens of {r['output_tokens']}")
        check(at, r["cached_tokens"] == 0, f"{r['cached_tokens']} prompt tokens came from a cache, want 0")
        times = [r[c] for c in ("due_ns", "sent_ns", "first_token_ns", "last_token_ns", "done_ns")]
        check(at, None not in times and times == sorted(times), f"times {times} are not in order")
        check(at, r["token_ns"] == sorted(r["token_ns"]), "token times are not in order")


def check_energy(where, rows, meta, requests, kinds):
    sums = {}
    for r in rows:
        key = r["convention"], r["domain"]
        sums.setdefault(key, []).append(r)
        if r["request"] >= 0:
            check(where, r["lo_j"] <= r["energy_j"] and (r["hi_j"] is None or r["energy_j"] <= r["hi_j"]),
                  f"request {r['request']} by {key}: {r['energy_j']} J is not in [{r['lo_j']}, {r['hi_j']}]")
            check(where, r["energy_j"] > 0, f"request {r['request']} by {key}: {r['energy_j']} J")
        check(where, r["method"] == kinds[r["domain"]], f"method {r['method']}, the domain is a {kinds[r['domain']]}")
    check(where, sums, "no energy")
    for (convention, domain), shares in sums.items():
        named = {r["request"] for r in shares}
        check(where, named == {r["request"] for r in requests} | {-1, -2},
              f"{convention}, {domain}: shares of {sorted(named)}")
        total = sum(round(r["energy_j"] * 1e6) for r in shares)
        counter = int(meta[f"counter_uj.{domain}"])
        check(where, total == counter, f"{convention}, {domain}: shares sum to {total} uJ, the counter says {counter}")


def check_engine(where, rows, batch, requests):
    check(where, len(rows) >= 2, f"{len(rows)} samples of /metrics")
    if len(rows) < 2:
        return
    running = [r["running"] for r in rows]
    check(where, None not in running and max(running) <= batch, f"running {running}, the batch limit is {batch}")
    for column, of in (("generation_tokens_total", "output_tokens"), ("prompt_tokens_total", "prompt_tokens")):
        grew = rows[-1][column] - rows[0][column]
        sent = sum(r[of] for r in requests)
        check(where, grew == sent, f"{column} grew by {grew:.0f}, the requests had {sent}")


def quantile(values, q):
    values = sorted(values)
    at = q * (len(values) - 1)
    low = int(at)
    return values[low] + (at - low) * (values[min(low + 1, len(values) - 1)] - values[low])


def figures(requests, energy, engine, meta):
    """One line of the comparison, by the token convention."""
    start, end = int(meta["window_start_ns"]), int(meta["window_end_ns"])
    tokens = sum(r["output_tokens"] for r in requests)
    joules = sum(r["energy_j"] for r in energy if r["convention"] == "token" and r["request"] >= 0)
    during = [r["running"] for r in engine if start <= r["at_ns"] <= end and r["running"]]
    ttft = [(r["first_token_ns"] - r["due_ns"]) / 1e6 for r in requests]
    return [
        f"{tokens / (end - start) * 1e9:.1f}",
        f"{sum(during) / len(during):.1f}" if during else "",
        f"{quantile(ttft, 0.5):.0f}",
        f"{quantile(ttft, 0.99):.0f}",
        f"{joules / len(requests):.3f}",
        f"{joules / tokens * 1e3:.1f}",
    ]


def verdict(validity):
    """The verdict, with what makes a cell invalid."""
    fatal = sorted({r["code"] for r in validity.get("reasons", []) if r["invalid"]})
    return validity["verdict"] + (": " + ", ".join(fatal) if fatal else "")


def read_run(out):
    """Checks one run; returns its record and a line of figures for each cell."""
    run = json.loads((out / "run.json").read_text())
    name = run["engine"][0]["kind"]
    for e in run["engine"]:
        check(out, e.get("effective_batch") == e["batch"], f"asked for batch {e['batch']}, got {e.get('effective_batch')}")
    config = run["config"]
    loads = len(config["concurrency"] or []) + len(config["rate"] or [])
    check(out, len(run["cells"]) == len(config["batch"]) * loads * config["repeat"], f"{len(run['cells'])} cells")
    verdicts = {c["cell"]: c["validity"] for c in json.loads((out / "summary.json").read_text())["cells"]}
    kinds = {d["domain"]: d["kind"] for d in run["domains"]}
    lines, prompts = {}, {}
    for cell in run["cells"]:
        where = f"{out}/{cell['cell']}"
        check(where, cell["complete"] and cell["errors"] == 0, f"complete {cell['complete']}, {cell['errors']} errors")
        folder = out / "cells" / cell["cell"]
        requests = table(folder / "requests.arrow")[0].to_pylist()
        energy, meta = table(folder / "energy.arrow")
        engine = table(folder / "engine.arrow")[0].to_pylist()
        readings = table(folder / "readings.arrow")[0]
        check(where, pc.all(pc.less_equal(readings["before_ns"], readings["after_ns"])).as_py(), "a reading ends before it begins")
        check_requests(where, requests, run["config"]["num_requests"])
        if any(r["error"] for r in requests):
            continue
        check_energy(where, energy.to_pylist(), meta, requests, kinds)
        check_engine(where, engine, cell["batch"], requests)
        lines[cell["cell"]] = figures(requests, energy.to_pylist(), engine, meta) + [verdict(verdicts[cell["cell"]])]
        prompts[cell["cell"]] = {r["request"]: r["prompt_tokens"] for r in requests}
    return run, name, kinds, lines, prompts


def main():
    runs = [read_run(pathlib.Path(p)) for p in sys.argv[1:]]
    first = runs[0]
    for run in runs[1:]:
        check("both", run[0]["trace_hash"] == first[0]["trace_hash"], "the engines were sent different traces")
        check("both", run[0]["schedule_hash"] == first[0]["schedule_hash"], "the engines were sent different schedules")
        check("both", run[3].keys() == first[3].keys(), "the engines have different cells")
        check("both", run[4] == first[4], "the engines count the same prompts differently: it is not the same model")

    head = ["cell", "engine", "output tokens/s", "mean running", "TTFT p50 ms", "TTFT p99 ms", "J/request", "mJ/output token", "verdict"]
    print("| " + " | ".join(head) + " |")
    print("|---|---|" + "---:|" * (len(head) - 3) + "---|")
    for cell in first[3]:
        for _, name, _, lines, _ in runs:
            if cell in lines:
                print(f"| {cell} | {name} | " + " | ".join(lines[cell]) + " |")
    print()
    for run, name, kinds, _, _ in runs:
        e, h = run["engine"][0], run["host"]
        meters = ", ".join(f"{d['domain']} ({d['source']}, kind {d['kind']}): {d['note'] or d['device']}" for d in run["domains"])
        print(f"- {name} {e.get('version', '(version unknown)')}, {run['started']}, {h['cpu']}, {h['cores']} cores. Meter: {meters}")
        flagged = sorted({w.split(":")[0] for w in run.get("warnings", []) if "certificate" in w or "starved" in w})
        if flagged:
            print(f"  - doubts about the client in this run: {', '.join(flagged)} (run.json has them in full)")
    print("- energy by the token convention: the requests' shares of each cell, without the times when none was in flight")
    if wrong:
        sys.exit("\n".join(["", f"{len(wrong)} checks failed:"] + wrong))


if __name__ == "__main__":
    main()
