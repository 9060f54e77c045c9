"""Trains a compiled causal language model with the stock onnxruntime wheel and numpy, driven by its manifest.

    python train.py model.dropbp tokens.bin --steps 100 --rate 0.5     (tokens.bin: uint16 tokens; other files: bytes)
"""

import argparse
import json
from pathlib import Path

import numpy as np
import onnxruntime as ort

DTYPES = {"F32": np.float32, "F64": np.float64, "F16": np.float16, "I64": np.int64, "I32": np.int32, "BOOL": np.bool_}


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    raw = path.read_bytes()
    start = 8 + int.from_bytes(raw[:8], "little")
    header = {name: entry for name, entry in json.loads(raw[8:start]).items() if name != "__metadata__"}
    bytes_of = {name: raw[start + e["data_offsets"][0] : start + e["data_offsets"][1]] for name, e in header.items()}
    return {name: np.frombuffer(bytes_of[name], DTYPES[e["dtype"]]).reshape(e["shape"]) for name, e in header.items()}


def open_session(path: Path, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    options.enable_mem_pattern = False  # a pattern traced on one step does not fit branches that change
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def optimizer_step(session, manifest: dict, trainable: list, weights: dict, state: dict, feeds: dict) -> None:
    """Replaces weights and state by the next ones; `feeds`: hyperparameters, and gradients (empty where dropped)."""
    spec, targets = manifest["optimizer"], {}
    for name in (p["name"] for p in trainable):
        feeds[spec["parameter"]["input"].replace("{}", name)] = weights[name]
        feeds |= {s["input"].replace("{}", name): state[s["name"], name] for s in spec["state"]}
        targets[spec["parameter"]["output"].replace("{}", name)] = (weights, name)
        targets |= {s["output"].replace("{}", name): (state, (s["name"], name)) for s in spec["state"]}
    for (store, key), value in zip(targets.values(), session.run(list(targets), feeds)):
        store[key] = value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("tokens", type=Path)
    for name, default in {"steps": 100, "batch": 2, "seq": 32, "threads": 1, "rate": 0.5, "seed": 0}.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    parser.add_argument("--masks", type=Path, help="JSON: for every step, a bool per site, true to keep; else drawn at --rate")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="hyperparameters of the optimizer")
    args = parser.parse_args()

    manifest = json.loads((args.directory / "manifest.json").read_text())
    files = (args.directory / manifest["models"][kind] for kind in ("training", "optimizer"))
    training, optimizer = (open_session(file, args.threads) for file in files)
    weights = read_safetensors(args.directory / manifest["checkpoint"])
    trainable = [p for p in manifest["parameters"] if p["trainable"]]
    shape = {(s["name"], p["name"]): [] if s["scalar"] else p["shape"] for p in trainable for s in manifest["optimizer"]["state"]}
    state = {key: np.zeros(dims, np.float32) for key, dims in shape.items()}
    hyper = {h["name"]: h["default"] for h in manifest["optimizer"]["hyperparameters"]} | dict(s.split("=") for s in args.set)
    hyper = {name: np.array(value, np.float32) for name, value in hyper.items()}
    tokens = np.fromfile(args.tokens, np.uint16 if args.tokens.suffix == ".bin" else np.uint8).astype(np.int64)
    masks = np.random.default_rng(args.seed).random((args.steps, len(manifest["sites"]))) >= args.rate
    masks = json.loads(args.masks.read_text()) if args.masks else masks
    data = [*(i["name"] for i in manifest["inputs"]), manifest["loss"]["labels"]["name"]]  # labels: shifted in the graph
    names, size = [manifest["loss"]["output"], *(p["gradient"] for p in trainable)], args.batch * args.seq
    for step in range(args.steps):
        at = step * size % (len(tokens) - size + 1)
        ids = tokens[at : at + size].reshape(args.batch, args.seq)
        known = {"attention_mask": np.ones_like(ids), "position_ids": np.broadcast_to(np.arange(args.seq), ids.shape)}
        feeds = {name: known.get(name, ids) for name in data}
        feeds |= {site["keep"]: np.array(keep) for site, keep in zip(manifest["sites"], masks[step])}
        feeds |= {p["input"]: weights[p["name"]] for p in trainable}
        loss, *gradients = training.run(names, feeds)
        optimizer_step(optimizer, manifest, trainable, weights, state, hyper | dict(zip(names[1:], gradients)))
        print(json.dumps({"step": step + 1, "loss": float(loss)}), flush=True)


main()
