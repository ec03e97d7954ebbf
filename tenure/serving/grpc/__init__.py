"""The Open Inference Protocol over gRPC: an extra, in a process of its own."""
