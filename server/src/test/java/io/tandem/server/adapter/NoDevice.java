package io.tandem.server.adapter;

import io.tandem.kernels.PreparedAdapter;
import io.tandem.kernels.adapter.Adapter;
import io.tandem.scheduler.AdapterPins;
import io.tandem.scheduler.adapter.AdapterVersion;
import io.tandem.scheduler.adapter.ContentHash;
import io.tandem.scheduler.adapter.SlotReport;
import java.util.TreeMap;

/** An engine that takes any adapter and keeps none. */
public class NoDevice implements AdapterPins {
    @Override
    public AdapterVersion prepare(String name, ContentHash hash, Adapter adapter) {
        return new AdapterVersion(name, hash, new PreparedAdapter(adapter, new TreeMap<>()));
    }

    @Override
    public void pin(AdapterVersion version) {}

    @Override
    public void unpin(AdapterVersion version) {}

    @Override
    public SlotReport slots() {
        return SlotReport.NONE;
    }
}
