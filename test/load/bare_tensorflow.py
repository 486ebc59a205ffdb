"""CPU microseconds of a bare call of TensorFlow's C API: one row into a SavedModel, by the library of the Python runtime.

Usage: RUNTIME_PYTHON bare_tensorflow.py MODEL_DIR COLUMNS COUNT. Makes the input and drops the output in each call, as
every caller must; in the caller's thread, as hodei-serve asks for.
"""
import ctypes
import os
import pathlib
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow  # noqa: E402
from tensorflow.core.protobuf import saved_model_pb2  # noqa: E402

FLOAT = 1  # TF_FLOAT
# ConfigProto: operations in the caller's thread (inter_op_parallelism_threads = -1), one thread within each.
THREADS = bytes([0x10, 1, 0x28]) + b"\xff" * 9 + b"\x01"
WARM_CALLS = 200
Pointer = ctypes.c_void_p


class Output(ctypes.Structure):
    _fields_ = [("operation", Pointer), ("index", ctypes.c_int)]


def library():
    found = ctypes.CDLL(str(pathlib.Path(tensorflow.__file__).parent / "libtensorflow_cc.so.2"))
    for name in ("TF_NewStatus", "TF_NewGraph", "TF_NewSessionOptions", "TF_LoadSessionFromSavedModel", "TF_GraphOperationByName",
                 "TF_AllocateTensor", "TF_TensorData"):
        getattr(found, name).restype = Pointer
    found.TF_Message.restype = ctypes.c_char_p
    return found


def endpoint(tf, graph, name):
    operation, index = name.rsplit(":", 1)
    found = tf.TF_GraphOperationByName(Pointer(graph), operation.encode())
    if not found:
        raise RuntimeError(f"no operation {operation}")
    return Output(found, int(index))


def main():
    folder, columns, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    saved = saved_model_pb2.SavedModel.FromString(pathlib.Path(folder, "saved_model.pb").read_bytes())
    signature = saved.meta_graphs[0].signature_def["serving_default"]
    tf = library()
    status, graph, options = Pointer(tf.TF_NewStatus()), tf.TF_NewGraph(), Pointer(tf.TF_NewSessionOptions())

    def check():
        if tf.TF_GetCode(status) != 0:
            raise RuntimeError(tf.TF_Message(status).decode())

    tf.TF_SetConfig(options, THREADS, ctypes.c_size_t(len(THREADS)), status)
    check()
    tags = (ctypes.c_char_p * 1)(b"serve")
    session = Pointer(tf.TF_LoadSessionFromSavedModel(options, None, folder.encode(), tags, 1, Pointer(graph), None, status))
    check()
    inputs = (Output * 1)(endpoint(tf, graph, next(iter(signature.inputs.values())).name))
    outputs = (Output * 1)(endpoint(tf, graph, next(iter(signature.outputs.values())).name))
    shape, row = (ctypes.c_int64 * 2)(1, columns), (ctypes.c_float * columns)(*(0.1 * i for i in range(columns)))
    answer = (Pointer * 1)()

    def call():
        tensor = tf.TF_AllocateTensor(FLOAT, shape, 2, ctypes.c_size_t(ctypes.sizeof(row)))
        ctypes.memmove(tf.TF_TensorData(Pointer(tensor)), row, ctypes.sizeof(row))
        values = (Pointer * 1)(tensor)
        tf.TF_SessionRun(session, None, inputs, values, 1, outputs, answer, 1, None, 0, None, status)
        tf.TF_DeleteTensor(Pointer(tensor))
        tf.TF_DeleteTensor(Pointer(answer[0]))

    for _ in range(WARM_CALLS):
        call()
        check()
    before = time.process_time()
    for _ in range(count):
        call()
    check()
    print((time.process_time() - before) / count * 1e6)


if __name__ == "__main__":
    main()
