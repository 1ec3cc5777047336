"""See scripts/test-peers: measures loads of known energy by cfu and by others.

    test-peers.py OUT CELLS             measure, print the table
    test-peers.py OUT --peer KIND A B   one peer: joules of GPU 0 from A to B (CLOCK_MONOTONIC ns)
"""
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import time

out = pathlib.Path(sys.argv[1]).resolve()
LENGTHS = [0.9, 1.3, 2.5, 6.0]  # s
PEERS = ["zeus", "codecarbon-1", "codecarbon-15", "poll-instant-100", "poll-usage-100", "poll-usage-1000"]
READY = 30  # s that the peers may take to import what they need


def until(at):
    """Waits for a time of CLOCK_MONOTONIC in ns."""
    while (left := at - time.monotonic_ns()) > 0:
        if left > 2_000_000:
            time.sleep(left / 1e9 - 0.001)


def start(at):
    """Waits for the begin of the window, which must not be past."""
    if time.monotonic_ns() > at:
        raise SystemExit(f"not ready in {READY} s: the machine is too busy")
    until(at)


def peer(kind, begin, end):
    """What a tool says that GPU 0 has used from begin to end, in joules. Each is set
    up before and is given its best case: no synchronisation with a GPU program, and
    CodeCarbon's hardware set up ahead of its start()."""
    name, *rest = kind.split("-")
    if name == "zeus":
        import logging

        logging.disable(logging.CRITICAL)
        from zeus.monitor import ZeusMonitor

        monitor = ZeusMonitor(gpu_indices=[0])
        start(begin)
        monitor.begin_window("w", sync_execution=False)
        until(end)
        return monitor.end_window("w", sync_execution=False).gpu_energy[0]
    if name == "codecarbon":
        from codecarbon import OfflineEmissionsTracker

        tracker = OfflineEmissionsTracker(country_iso_code="USA", measure_power_secs=int(rest[0]), save_to_file=False,
                                          log_level="critical", gpu_ids=[0], allow_multiple_runs=True)
        if hasattr(tracker, "_ensure_hardware_ready"):
            tracker._ensure_hardware_ready()
        start(begin)
        tracker.start()
        until(end)
        tracker.stop()
        return tracker._total_gpu_energy.kWh * 3.6e6
    import pynvml

    pynvml.nvmlInit()
    gpu = pynvml.nvmlDeviceGetHandleByIndex(0)

    def watts():
        if rest[0] == "usage":
            return pynvml.nvmlDeviceGetPowerUsage(gpu) / 1000
        return pynvml.nvmlDeviceGetFieldValues(gpu, [186])[0].value.uiVal / 1000

    reads, step = [], int(rest[1]) * 1_000_000
    start(begin)
    for at in [*range(begin, end, step), end]:
        until(at)
        reads.append((time.monotonic_ns(), watts()))
    return sum((b[0] - a[0]) * 1e-9 * (a[1] + b[1]) / 2 for a, b in zip(reads, reads[1:]))


def energy(trace, begin, end):
    """The true joules between two times of CLOCK_MONOTONIC, from the trace."""
    records = []
    for at, mw in struct.iter_unpack("<qq", trace.read_bytes()):
        if at == 0:
            break
        records.append((at, mw))
    total = 0.0
    for i, (at, mw) in enumerate(records):
        to = records[i + 1][0] if i + 1 < len(records) else end
        total += mw * 1e-3 * max(min(to, end) - max(at, begin), 0) * 1e-9
    return total


def cfu(name, trace, seed, seconds):
    """cfu record of the load. Its error is over its own window, which holds the load
    and the start and end of its process; the registers' own difference beside it."""
    folder = out / "runs" / name
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run(["bin/cfu", "record", "--meter", "nvml", "--nvml-library", out / "libnvidia-ml.so.1", "--gpus", "all", "--idle", "3s",
                    "--out", folder, "--", out / "load", trace, str(seed), str(seconds)],
                   env={**os.environ, "FAKENVML_TRACE": str(trace)}, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    clock = time.time_ns() - time.monotonic_ns()
    run = json.loads((folder / "run.json").read_text())
    cell = run["cells"][0]
    begin, end = (cell["window"][k] + cell["origin_unix_ns"] - clock for k in ("start_ns", "end_ns"))
    record = json.loads((folder / "record.json").read_text())
    return {k: record[f"{k}_uj"] / 1e6 for k in ("energy", "energy_lo", "energy_hi")}, energy(trace, begin, end), (end - begin) * 1e-9


def main(cells):
    (out / "runs").mkdir(exist_ok=True)
    rows = []
    for seconds in LENGTHS:
        for k in range(cells):
            seed = int(seconds * 1000) + k
            trace = out / "runs" / f"{seconds}-{k}.trace"
            trace.unlink(missing_ok=True)
            begin = time.monotonic_ns() + READY * 1_000_000_000
            subprocess.run([out / "load", trace, str(seed), str(seconds), str(begin)], check=True, stdout=subprocess.DEVNULL)
            end = begin + int(seconds * 1e9)
            env = {**os.environ, "FAKENVML_TRACE": str(trace), "LD_LIBRARY_PATH": str(out), "PATH": f"{out}:{os.environ['PATH']}"}
            running = {p: subprocess.Popen([sys.executable, __file__, out, "--peer", p, str(begin), str(end)], env=env,
                                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for p in PEERS}
            true = energy(trace, begin, end)
            row = {"seconds": seconds, "cell": k, "joules": true, "errors": {}}
            for p, process in running.items():
                said, wrong = process.communicate()
                if process.returncode:
                    raise SystemExit(f"test-peers: {p} failed:\n{wrong}")
                row["errors"][p] = float(said.split()[-1]) / true - 1
            trace.unlink()
            subprocess.run([out / "load", trace, "0", "0", "1"], check=True, stdout=subprocess.DEVNULL)  # idle from the first
            said, true, length = cfu(f"{seconds}-{k}", trace, seed, seconds)
            row["cfu"] = {"joules": true, "seconds": length, **said}
            row["errors"]["cfu"] = said["energy"] / true - 1
            rows.append(row)
            with open(out / "peers.jsonl", "a") as f:
                f.write(json.dumps(row) + "\n")
            print(f"{seconds} s, {k + 1} of {cells}: " + ", ".join(f"{p} {100 * x:+.2f} %" for p, x in row["errors"].items()), file=sys.stderr)
    names = ["cfu", *PEERS]
    print("| load | " + " | ".join(names) + " |")
    print("|" + "---|" * (len(names) + 1))
    for seconds in [*LENGTHS, None]:
        of = [r["errors"] for r in rows if seconds in (None, r["seconds"])]
        figures = []
        for n in names:
            mean, rms = sum(e[n] for e in of) / len(of), (sum(e[n] ** 2 for e in of) / len(of)) ** 0.5
            figures.append(f"{100 * mean:+.2f}, {100 * rms:.2f} %")
        print(f"| {'all' if seconds is None else f'{seconds} s'} | " + " | ".join(figures) + " |")


if sys.argv[2] == "--peer":
    print(peer(sys.argv[3], int(sys.argv[4]), int(sys.argv[5])))
else:
    main(int(sys.argv[2]))
