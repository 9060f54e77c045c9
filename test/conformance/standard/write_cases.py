"""Writes the operator cases of the ONNX standard's backend test-suite, and the list of its operators, to a folder.

    python write_cases.py FOLDER

The `onnx` package generates the cases of kind `node` and carries those of the kinds `simple`, `pytorch-operator` and
`pytorch-converted` as files. FOLDER gets

    <case>.onnx       the model
    <case>.data.onnx  a model without nodes, whose initializers are the case's tensors
    cases.json        for every case its kind, tolerances, operators, and which initializer is which input and output
    operators.json    every version of every operator of the standard: domain, name, since when, whether deprecated, and its
                      form: operands, results and attributes, but for their types
"""

import glob
import json
import os
import sys
import warnings

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.backend.test.case.node import collect_testcases
from onnx.backend.test.loader import load_model_tests

STORED_KINDS = ("simple", "pytorch-operator", "pytorch-converted")


class Tensors:
    """Initializers under names made from where a tensor belongs."""

    def __init__(self):
        self.protos = []

    def add(self, name, value):
        """The place of a value: an initializer's name, a list of places for a sequence, null for an absent optional."""
        if value is None:
            return None
        if isinstance(value, dict):
            raise TypeError("a map")
        if isinstance(value, list):
            return [self.add(f"{name}/{i}", item) for i, item in enumerate(value)]
        if isinstance(value, TensorProto):
            proto = TensorProto()
            proto.CopyFrom(value)
        else:
            proto = numpy_helper.from_array(np.asarray(value))
        proto.name = name
        self.protos.append(proto)
        return name

    def save(self, path):
        graph = onnx.helper.make_graph([], "tensors", [], [], initializer=self.protos)
        onnx.save(onnx.helper.make_model(graph), path)


def stored_values(pattern, count, values):
    """What the files of a stored data set hold, typed as the graph's inputs or outputs say."""
    found = []
    for i in range(count):
        with open(pattern % i, "rb") as file:
            data = file.read()
        kind = values[i].type.WhichOneof("value")
        if kind == "sequence_type":
            proto = onnx.SequenceProto.FromString(data)
            found.append([numpy_helper.to_array(t) for t in proto.tensor_values])
        else:
            found.append(TensorProto.FromString(data))
    return found


def stored_sets(directory, model):
    for data_set in sorted(glob.glob(os.path.join(directory, "test_data_set_*"))):
        sides = []
        for side, values in (("input", model.graph.input), ("output", model.graph.output)):
            count = len(glob.glob(os.path.join(data_set, f"{side}_*.pb")))
            sides.append(stored_values(os.path.join(data_set, f"{side}_%d.pb"), count, values))
        yield tuple(sides)


def stored_cases():
    for kind in STORED_KINDS:
        for case in load_model_tests(kind=kind):
            model = onnx.load(os.path.join(case.model_dir, "model.onnx"))
            yield case, model, list(stored_sets(case.model_dir, model))


def operators(graph):
    for node in graph.node:
        yield f"{node.domain}::{node.op_type}" if node.domain else node.op_type
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from operators(attribute.g)


def write(folder, case, model, sets):
    tensors = Tensors()
    entry = {
        "name": case.name,
        "kind": case.kind,
        "rtol": case.rtol,
        "atol": case.atol,
        "operators": list(dict.fromkeys(operators(model.graph))),
    }
    try:
        entry["sets"] = [
            {
                "inputs": [tensors.add(f"{k}/input/{i}", v) for i, v in enumerate(inputs)],
                "outputs": [tensors.add(f"{k}/output/{i}", v) for i, v in enumerate(outputs)],
            }
            for k, (inputs, outputs) in enumerate(sets)
        ]
    except TypeError as reason:
        entry["unwritten"] = f"its values are not tensors: {reason}"
    onnx.save(model, os.path.join(folder, f"{case.name}.onnx"))
    tensors.save(os.path.join(folder, f"{case.name}.data.onnx"))
    return entry


def form(schema):
    operands = [(v.name, v.option.name) for side in (schema.inputs, schema.outputs) for v in side]
    attributes = sorted((a.name, a.required, str(a.default_value)) for a in schema.attributes.values())
    return json.dumps([operands, attributes])


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    warnings.filterwarnings("ignore")
    generated = ((case, case.model, case.data_sets) for case in collect_testcases(None))
    cases = [write(folder, *case) for source in (generated, stored_cases()) for case in source]
    schemas = [
        {"domain": s.domain, "name": s.name, "since": s.since_version, "deprecated": s.deprecated, "form": form(s)}
        for s in onnx.defs.get_all_schemas_with_history()
    ]
    for name, content in (("cases", cases), ("operators", schemas)):
        with open(os.path.join(folder, f"{name}.json"), "w", encoding="utf-8") as file:
            json.dump({"onnx": onnx.__version__, name: content}, file)


if __name__ == "__main__":
    main()
