package io.tandem.server.tenant;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tandem.server.api.JsonBody;
import io.tandem.server.api.TenantId;
import io.tandem.server.storage.UsageStore;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Clock;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.Map;
import java.util.Map.Entry;
import java.util.TreeMap;

/**
 * What tenants use, by day (UTC) and model. Counted in memory and added to what is stored from time to time, so a crash loses what
 * was counted since the last {@link #save}. Counting never waits for the disk.
 */
public final class Usage {
    private static final int MAX_MODELS = 4096;
    private static final String OTHER = "(other)";

    private final UsageStore store;
    private final Clock clock;
    /** Not stored yet. */
    private final Map<Day, Map<String, Counts>> unsaved = new HashMap<>();

    private final Object files = new Object();

    /** A day of a tenant. */
    private record Day(TenantId tenant, LocalDate date) {}

    /**
     * What was used.
     *
     * @param requests to the model
     * @param input tokens of prompts
     * @param cached how many of those were computed before
     * @param output tokens of answers
     * @param trained tokens of training examples, each time that they were learned
     */
    public record Counts(long requests, long input, long cached, long output, long trained) {
        public static final Counts NONE = new Counts(0, 0, 0, 0, 0);

        public Counts plus(Counts other) {
            return new Counts(
                    requests + other.requests,
                    input + other.input,
                    cached + other.cached,
                    output + other.output,
                    trained + other.trained);
        }
    }

    public Usage(UsageStore store, Clock clock) {
        this.store = store;
        this.clock = clock;
    }

    /** @param model the base model, an adapter, or several joined by '+' */
    public void add(TenantId tenant, String model, Counts counts) {
        Day day = new Day(tenant, today());
        synchronized (unsaved) {
            merge(unsaved.computeIfAbsent(day, key -> new TreeMap<>()), model, counts);
        }
    }

    /** Names are the tenant's to make, so that there is a limit to those of a day. */
    private static void merge(Map<String, Counts> day, String model, Counts counts) {
        String name = day.containsKey(model) || day.size() < MAX_MODELS ? model : OTHER;
        day.merge(name, counts, Counts::plus);
    }

    /**
     * A tenant's day by models, sorted. Reads what is stored.
     *
     * @throws UncheckedIOException if that cannot be had for now
     */
    public Map<String, Counts> of(TenantId tenant, LocalDate date) {
        Day day = new Day(tenant, date);
        synchronized (files) {
            Map<String, Counts> saved;
            try {
                saved = read(day);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            synchronized (unsaved) {
                unsaved.getOrDefault(day, Map.of()).forEach((model, counts) -> merge(saved, model, counts));
            }
            return saved;
        }
    }

    public LocalDate today() {
        return LocalDate.ofInstant(clock.instant(), ZoneOffset.UTC);
    }

    /** Writes what was counted; what the disk does not take is tried again the next time. */
    public void save() throws IOException {
        synchronized (files) {
            Map<Day, Map<String, Counts>> taken;
            synchronized (unsaved) {
                taken = new HashMap<>(unsaved);
            }
            for (Day day : taken.keySet()) {
                save(day);
            }
        }
    }

    private void save(Day day) throws IOException {
        Map<String, Counts> saved = read(day);
        Map<String, Counts> added;
        synchronized (unsaved) {
            added = Map.copyOf(unsaved.getOrDefault(day, Map.of()));
            unsaved.remove(day);
        }
        added.forEach((model, counts) -> merge(saved, model, counts));
        ObjectNode json = JsonBody.MAPPER.createObjectNode();
        saved.forEach((model, counts) -> json.set(model, JsonBody.MAPPER.valueToTree(counts)));
        try {
            store.save(day.tenant(), day.date(), json);
        } catch (IOException e) {
            synchronized (unsaved) {
                Map<String, Counts> again = unsaved.computeIfAbsent(day, key -> new TreeMap<>());
                added.forEach((model, counts) -> merge(again, model, counts));
            }
            throw e;
        }
    }

    private Map<String, Counts> read(Day day) throws IOException {
        Map<String, Counts> saved = new TreeMap<>();
        store.load(day.tenant(), day.date()).ifPresent(json -> {
            for (Entry<String, JsonNode> model : json.properties()) {
                saved.put(model.getKey(), counts(model.getValue()));
            }
        });
        return saved;
    }

    private static Counts counts(JsonNode json) {
        return new Counts(
                json.path("requests").asLong(),
                json.path("input").asLong(),
                json.path("cached").asLong(),
                json.path("output").asLong(),
                json.path("trained").asLong());
    }
}
