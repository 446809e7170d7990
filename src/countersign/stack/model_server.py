"""Process: llama.cpp's HTTP server for one GGUF file. ``python -m countersign.stack.model_server --help``."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from pathlib import Path
from typing import Any


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """The command line: sizes in tokens and MiB."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--key-file", type=Path, required=True, help="file with the API key that clients must send")
    parser.add_argument("--model", type=Path, required=True, help="GGUF file")
    parser.add_argument("--alias", required=True, help="name of the model for clients")
    parser.add_argument("--context", type=int, default=4096, help="tokens that all slots share")
    parser.add_argument("--slots", type=int, default=4, help="answers at the same time")
    parser.add_argument("--cache-mib", type=int, default=256, help="memory for the prompts of past answers")
    parser.add_argument("--threads", type=int, default=min(os.cpu_count() or 1, 8))
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    """Serves until SIGTERM or SIGINT."""
    options = arguments(argv)
    try:
        llama: Any = importlib.import_module("xllamacpp")  # it has no types
    except ImportError as error:
        sys.exit(f"xllamacpp cannot be loaded on this Python or processor: {error}")
    params = llama.CommonParams()
    params.hostnames = [options.host]
    params.port = options.port
    params.api_keys = [options.key_file.read_text().strip()]
    params.model.path = str(options.model)
    params.model_alias = {options.alias}
    params.n_ctx = options.context
    params.n_parallel = options.slots
    params.kv_unified = True  # one long conversation may use the whole context while the other slots are idle
    params.cache_ram_mib = options.cache_mib
    params.cpuparams.n_threads = options.threads
    params.cache_idle_slots = False  # a slot keeps its prompt: the next question mostly begins with the same one
    params.ui = False
    params.endpoint_slots = False  # it would show other people's prompts
    params.endpoint_props = False
    params.verbosity = 1
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})  # its threads inherit the mask
    server = llama.Server(params)
    print(f"{options.alias} answers at {server.listening_address}", flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    os._exit(0)  # nothing is kept; the library would wait for open answers


if __name__ == "__main__":
    main()
