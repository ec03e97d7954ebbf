"""The Open Inference Protocol (KServe V2) as a door of the prediction server."""
