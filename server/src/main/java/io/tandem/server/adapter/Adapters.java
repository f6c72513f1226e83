package io.tandem.server.adapter;

/** All that can be done with adapters. */
public record Adapters(
        AdapterLibrary library,
        AdapterTransfer transfer,
        AdapterMerges merges,
        AdapterCompression compression,
        AdapterProbe probe) {}
