"""Writes operators.ts: the signatures of ONNX's and ONNX Runtime's operators, as the installed onnxruntime declares them.

    python src/signatures/make.py > src/signatures/operators.ts
"""

from collections import OrderedDict

import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import get_all_operator_schema

OLDEST, NEWEST = 7, 26
PLAIN = {
    "float": "float32", "double": "float64", "float16": "float16", "bfloat16": "bfloat16",
    "int8": "int8", "int16": "int16", "int32": "int32", "int64": "int64",
    "uint8": "uint8", "uint16": "uint16", "uint32": "uint32", "uint64": "uint64",
    "bool": "bool", "string": "string",
}
ORDER = [*PLAIN.values(), "other"]
KINDS = {"FLOAT": "f", "INT": "i", "STRING": "s", "TENSOR": "t", "GRAPH": "g", "FLOATS": "F", "INTS": "I", "STRINGS": "S"}


def dtype(text):
    inner = text[len("tensor("):-1] if text.startswith("tensor(") else None
    return PLAIN.get(inner, "other")


sets = OrderedDict()


def set_of(types):
    names = {dtype(t) for t in types}
    key = ",".join(t for t in ORDER if t in names)
    return sets.setdefault(key, len(sets))


def parameter(p, known):
    kind = p.typeStr if p.typeStr in known else f"#{set_of([p.typeStr])}"
    option = str(p.option).rsplit(".", 1)[-1].rstrip(">: 0123456789")
    if option == "Optional":
        return kind + "?"
    if option == "Variadic":
        return kind + ("*" if p.isHomogeneous else "~")
    return kind


def line(s):
    known = {c.type_param_str: c.allowed_type_strs for c in s.type_constraints}
    inputs = ",".join(parameter(p, known) for p in s.inputs)
    outputs = ",".join(parameter(p, known) for p in s.outputs)
    attributes = ",".join(
        name + ("!" if a.required else "") + ":" + KINDS.get(str(a.type).rsplit(".", 1)[-1].split(":")[0].rstrip(">"), "x")
        for name, a in sorted(s.attributes.items())
    )
    constraints = ",".join(f"{name}={set_of(types)}" for name, types in sorted(known.items()))
    name = f"{s.domain}::{s.name}" if s.domain else s.name
    counts = f"{s.min_input} {s.min_output}"
    return f"{name} {s.since_version}|{counts}|{inputs}|{outputs}|{attributes}|{constraints}"


def chosen():
    by_name = {}
    for s in get_all_operator_schema():
        if s.domain in ("", "com.microsoft") and not s.deprecated and s.since_version <= NEWEST:
            by_name.setdefault((s.domain, s.name), []).append(s)
    for key in sorted(by_name):
        versions = sorted(by_name[key], key=lambda s: s.since_version)
        oldest = max([s.since_version for s in versions if s.since_version <= OLDEST], default=0)
        yield from (s for s in versions if s.since_version >= oldest)


# What the standard has added within these opsets, and ONNX Runtime does not declare yet; the compiler writes it in its parts.
ADDED = {"Attention 24": ("Attention 25", "left_window_size:i,right_window_size:i")}


def with_added(text):
    yield text
    name, rest = text.split("|", 1)
    if name in ADDED:
        newer, attributes = ADDED[name]
        parts = rest.split("|")
        parts[3] += f",{attributes}"
        yield "|".join([newer, *parts])


lines = [text for s in chosen() for text in with_added(line(s))]
print(f"""/**
 * Signatures of the operators of opsets {OLDEST} to {NEWEST} and of com.microsoft, as ONNX Runtime {onnxruntime.__version__} declares them.
 * Made by make.py; do not edit. A line is `operator since|least inputs, least outputs|inputs|outputs|attributes|types`, where
 * `?` marks what is optional, `*` and `~` what repeats with one type or several, `!` what is required, `#` a set of types.
 */

/** Sets of element types. */
export const TYPE_SETS: readonly string[] = [""")
for key in sets:
    print(f"  '{key}',")
print("]\n\nexport const OPERATORS = `")
print("\n".join(lines))
print("`")
