package io.tandem.server.adapter;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.tandem.scheduler.AdapterPins;
import java.util.Objects;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;

/** Where adapters are and how they get there, as meters; docs/metrics.md explains each. */
final class AdapterMetrics {
    private final Timer plain;
    private final Timer compressed;
    private final Counter routedToAdapter;
    private final Counter routedToBase;

    AdapterMetrics(MeterRegistry registry, LibraryResources all, HostCache cache, AdapterPins device) {
        plain = timer(registry, "plain");
        compressed = timer(registry, "compressed");
        routedToAdapter = routed(registry, "adapter");
        routedToBase = routed(registry, "base");
        count(registry, "disk", all, LibraryResources::adapters);
        count(registry, "host", cache, HostCache::count);
        count(registry, "device", device, pins -> pins.slots().resident().size());
        bytes(registry, "disk", all, LibraryResources::bytesOnDisk);
        bytes(registry, "host", cache, HostCache::bytes);
        requests(registry, "host", "hit", cache, HostCache::hits);
        requests(registry, "host", "miss", cache, HostCache::misses);
        requests(registry, "device", "hit", device, pins -> pins.slots().hits());
        requests(registry, "device", "miss", device, pins -> pins.slots().swaps());
        FunctionCounter.builder(
                        "tandem.adapter.swaps", device, pins -> pins.slots().swaps())
                .description("adapters that were copied into a slot of the device")
                .register(registry);
    }

    private static Timer timer(MeterRegistry registry, String form) {
        return Timer.builder("tandem.adapter.load")
                .description("reading an adapter from disk into memory")
                .tag("form", form)
                .publishPercentileHistogram()
                .register(registry);
    }

    private static Counter routed(MeterRegistry registry, String choice) {
        return Counter.builder("tandem.adapter.routed")
                .description("requests for which the server chose an adapter or the base model")
                .tag("choice", choice)
                .register(registry);
    }

    /** The server chose who answers a request. */
    void routed(boolean toAdapter) {
        (toAdapter ? routedToAdapter : routedToBase).increment();
    }

    private static <T> void count(MeterRegistry registry, String tier, T source, ToDoubleFunction<T> value) {
        Gauge.builder("tandem.adapters", source, value)
                .description("adapters by the places where they are")
                .tag("tier", tier)
                .register(registry);
    }

    private static <T> void bytes(MeterRegistry registry, String tier, T source, ToDoubleFunction<T> value) {
        Gauge.builder("tandem.adapter.memory", source, value)
                .description("what adapters take, without those that only running requests or pins hold")
                .baseUnit("bytes")
                .tag("tier", tier)
                .register(registry);
    }

    private static <T> void requests(
            MeterRegistry registry, String tier, String result, T source, ToDoubleFunction<T> value) {
        FunctionCounter.builder("tandem.adapter.requests", source, value)
                .description("times that an adapter was wanted in a tier")
                .tag("tier", tier)
                .tag("result", result)
                .register(registry);
    }

    <T> T timed(boolean isCompressed, Supplier<T> load) {
        return Objects.requireNonNull((isCompressed ? compressed : plain).record(load));
    }
}
