"""Which messages does the protocol have?

They are made from the descriptors that protoc wrote, in a pool of their own: other clients of the
protocol bring messages of the same names, and one pool holds each name once.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from tenure.serving.grpc.generate import DESCRIPTORS

SERVICE = "inference.GRPCInferenceService"


def _messages() -> dict[str, Any]:
    files = descriptor_pb2.FileDescriptorSet.FromString(DESCRIPTORS.read_bytes()).file
    pool = descriptor_pool.DescriptorPool()
    for file in files:
        pool.Add(file)
    made = message_factory.GetMessageClassesForFiles([file.name for file in files], pool)
    return {name.removeprefix("inference."): each for name, each in made.items()}


_MADE = _messages()
ServerLiveResponse = _MADE["ServerLiveResponse"]
ServerReadyResponse = _MADE["ServerReadyResponse"]
ModelReadyRequest = _MADE["ModelReadyRequest"]
ModelReadyResponse = _MADE["ModelReadyResponse"]
ServerMetadataResponse = _MADE["ServerMetadataResponse"]
ModelMetadataRequest = _MADE["ModelMetadataRequest"]
ModelMetadataResponse = _MADE["ModelMetadataResponse"]
ModelInferRequest = _MADE["ModelInferRequest"]
ModelInferResponse = _MADE["ModelInferResponse"]
RepositoryIndexRequest = _MADE["RepositoryIndexRequest"]
RepositoryIndexResponse = _MADE["RepositoryIndexResponse"]
